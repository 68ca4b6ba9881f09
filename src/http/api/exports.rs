//! `/users/me/export`: everything the house keeps of somebody, as one JSON document. It is written
//! while it is sent, so that it takes no memory however much there is.

use std::sync::Arc;

use futures_util::stream::unfold;
use poem::{Body, IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::api_keys::ApiKey;
use super::conversations::Conversation;
use super::messages::Message;
use super::sessions::Session;
use super::users::User;
use super::{ApiResult, House, Tag};
use crate::accounts::Caller;
use crate::appliance::Appliance;
use crate::clock::{now_ms, rfc3339};
use crate::error::Result;
use crate::http::caller::Owner;

const CONVERSATIONS_AT_ONCE: usize = 20;

pub(in crate::http) struct ExportsApi;

#[derive(ApiResponse)]
enum ExportResponse {
    #[oai(status = 200)]
    Document(
        ExportDocument,
        #[oai(header = "Content-Disposition")] String,
    ),
}

/// What stands in the document, which is never there as a whole.
#[derive(Object)]
struct ProfileExport {
    exported_at: String,
    user: User,
    sessions: Vec<Session>,
    api_keys: Vec<ApiKey>,
    conversations: Vec<ExportedConversation>,
}

#[derive(Object)]
struct ExportedConversation {
    conversation: Conversation,
    /// The whole tree, oldest first.
    messages: Vec<Message>,
}

struct ExportDocument(Body);

impl Payload for ExportDocument {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        ProfileExport::schema_ref()
    }

    fn register(registry: &mut Registry) {
        ProfileExport::register(registry);
    }
}

impl IntoResponse for ExportDocument {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type(Self::CONTENT_TYPE)
            .body(self.0)
    }
}

/// How far the document is.
enum Position {
    Head,
    Conversations {
        archived: bool,
        cursor: Option<Vec<u8>>,
        is_first: bool,
    },
    End,
}

struct Export {
    house: Arc<Appliance>,
    caller: Caller,
}

impl Export {
    async fn head(&self) -> Result<String> {
        let accounts = &self.house.accounts;
        let user = User::from(accounts.profile(&self.caller).await?);
        let sessions = accounts.list_sessions(&self.caller).await?;
        let sessions = sessions.into_iter().map(Session::from);
        let keys = accounts.list_api_keys(&self.caller).await?;
        let keys = keys.into_iter().map(ApiKey::from);
        Ok(format!(
            r#"{{"exported_at":"{}","user":{},"sessions":{},"api_keys":{},"conversations":["#,
            rfc3339(now_ms()),
            user.to_json_string(),
            sessions.collect::<Vec<_>>().to_json_string(),
            keys.collect::<Vec<_>>().to_json_string(),
        ))
    }

    /// Some conversations, and where to go on.
    async fn some(
        &self,
        archived: bool,
        cursor: Option<Vec<u8>>,
        mut is_first: bool,
    ) -> Result<(String, Position)> {
        let conversations = &self.house.conversations;
        let page = conversations
            .list(&self.caller, archived, cursor, CONVERSATIONS_AT_ONCE)
            .await?;
        let mut text = String::new();
        for record in page.conversations {
            let messages = conversations.messages(&self.caller, record.id, true).await;
            // It may have been deleted since the list was read.
            let Ok(messages) = messages else { continue };
            if !std::mem::replace(&mut is_first, false) {
                text.push(',');
            }
            let exported = ExportedConversation {
                conversation: Conversation::new(record, &self.house),
                messages: messages.into_iter().map(Message::from).collect(),
            };
            text.push_str(&exported.to_json_string());
        }
        let next = match (page.next_cursor, archived) {
            (None, true) => {
                text.push_str("]}\n");
                Position::End
            }
            (None, false) => Position::Conversations {
                archived: true,
                cursor: None,
                is_first,
            },
            (cursor, archived) => Position::Conversations {
                archived,
                cursor,
                is_first,
            },
        };
        Ok((text, next))
    }

    async fn next(&self, position: Position) -> Option<(std::io::Result<String>, Position)> {
        let piece = match position {
            Position::End => return None,
            Position::Head => self.head().await.map(|text| {
                let next = Position::Conversations {
                    archived: false,
                    cursor: None,
                    is_first: true,
                };
                (text, next)
            }),
            Position::Conversations {
                archived,
                cursor,
                is_first,
            } => self.some(archived, cursor, is_first).await,
        };
        // A document that breaks off is seen to be one.
        Some(match piece {
            Ok((text, next)) => (Ok(text), next),
            Err(error) => (Err(std::io::Error::other(error)), Position::End),
        })
    }
}

#[OpenApi(prefix_path = "/users/me", tag = "Tag::Users")]
impl ExportsApi {
    /// Everything the house keeps of one, secrets excepted
    #[oai(path = "/export", method = "get", operation_id = "export_profile")]
    async fn export_profile(&self, house: House<'_>, caller: Owner) -> ApiResult<ExportResponse> {
        let export = Export {
            house: Arc::clone(&house),
            caller: caller.0.clone(),
        };
        let pieces = unfold((export, Position::Head), |(export, position)| async move {
            let (piece, next) = export.next(position).await?;
            Some((piece, (export, next)))
        });
        let body = ExportDocument(Body::from_bytes_stream(pieces));
        let name = "attachment; filename=\"chatelaine-export.json\"".to_owned();
        Ok(ExportResponse::Document(body, name))
    }
}
