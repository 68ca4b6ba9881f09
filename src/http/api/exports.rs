//! `/users/me/export`: what the house keeps of somebody, as one JSON document; what the audit log says
//! of them stays there. It is written while it is sent: of what there may be much, the ids of the
//! conversations and one conversation are in memory at a time. Where something cannot be read the
//! document breaks off in the middle, so that nobody takes it for all there is.

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
use super::notices::Notice;
use super::requests::AdminRequest;
use super::sessions::Session;
use super::tokens::{Allowance, TokenEntry};
use super::users::User;
use super::{ApiResult, House, Tag};
use crate::accounts::Caller;
use crate::appliance::Appliance;
use crate::clock::{now_ms, rfc3339};
use crate::error::{Error, ErrorKind, Result};
use crate::http::caller::Owner;
use crate::ids::ConversationId;

const ENTRIES_AT_ONCE: usize = 40;

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
#[oai(skip_serializing_if_is_none)]
struct ProfileExport {
    exported_at: String,
    user: User,
    /// A link was mailed to this address; following it makes it one's own.
    email_to_prove: Option<String>,
    /// The names of those one is in.
    groups: Vec<String>,
    sessions: Vec<Session>,
    api_keys: Vec<ApiKey>,
    /// What one asked administrators for.
    requests: Vec<AdminRequest>,
    notices: Vec<Notice>,
    allowance: Allowance,
    /// What one got and spent, the latest first.
    token_entries: Vec<TokenEntry>,
    /// The oldest first.
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
    TokenEntries {
        before: Option<u64>,
    },
    Conversations {
        rest: std::vec::IntoIter<ConversationId>,
        is_first: bool,
    },
    End,
}

struct Export {
    house: Arc<Appliance>,
    caller: Caller,
}

/// A member of the document, with a comma behind it.
fn member(name: &str, value: &impl ToJSON) -> String {
    format!("\"{name}\":{},", value.to_json_string())
}

fn all<Record, Shown: From<Record>>(records: Vec<Record>) -> Vec<Shown> {
    records.into_iter().map(Shown::from).collect()
}

impl Export {
    async fn head(&self) -> Result<String> {
        let (accounts, caller) = (&self.house.accounts, &self.caller);
        let user = User::from(accounts.profile(caller).await?);
        let mut text = String::from("{");
        text += &member("exported_at", &rfc3339(now_ms()));
        text += &member("user", &user);
        if let Some(email) = accounts.find_email_to_prove(caller).await? {
            text += &member("email_to_prove", &email);
        }
        text += &member("groups", &accounts.list_own_groups(caller).await?);
        let sessions: Vec<Session> = all(accounts.list_sessions(caller).await?);
        text += &member("sessions", &sessions);
        let keys: Vec<ApiKey> = all(accounts.list_api_keys(caller).await?);
        text += &member("api_keys", &keys);
        let requests: Vec<AdminRequest> = all(accounts.list_own_requests(caller).await?);
        text += &member("requests", &requests);
        let notices: Vec<Notice> = all(accounts.list_notices(caller).await?);
        text += &member("notices", &notices);
        let allowance = Allowance::from(accounts.allowances().own(caller).await?);
        text += &member("allowance", &allowance);
        text += "\"token_entries\":[";
        Ok(text)
    }

    async fn token_entries(&self, before: Option<u64>) -> Result<(String, Position)> {
        let allowances = self.house.accounts.allowances();
        let page = allowances.own_entries(&self.caller, before, ENTRIES_AT_ONCE);
        let page = page.await?;
        let entries = page.entries.into_iter().map(TokenEntry::from);
        let entries: Vec<String> = entries.map(|entry| entry.to_json_string()).collect();
        let mut text = entries.join(",");
        if before.is_some() && !text.is_empty() {
            text.insert(0, ',');
        }
        if page.next_before.is_some() {
            let before = page.next_before;
            return Ok((text, Position::TokenEntries { before }));
        }
        text += "],\"conversations\":[";
        let ids = self.house.conversations.list_ids(&self.caller).await?;
        let next = Position::Conversations {
            rest: ids.into_iter(),
            is_first: true,
        };
        Ok((text, next))
    }

    /// None: it was deleted since the ids were read.
    async fn conversation(&self, id: ConversationId) -> Result<Option<String>> {
        let conversations = &self.house.conversations;
        let reading = async {
            let record = conversations.get(&self.caller, id).await?;
            let messages = conversations.messages(&self.caller, id, true).await?;
            Ok::<_, Error>(ExportedConversation {
                conversation: Conversation::new(record, &self.house),
                messages: all(messages),
            })
        };
        match reading.await {
            Ok(exported) => Ok(Some(exported.to_json_string())),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn piece(&self, position: Position) -> Result<Option<(String, Position)>> {
        let (mut rest, mut is_first) = match position {
            Position::End => return Ok(None),
            Position::Head => {
                let next = Position::TokenEntries { before: None };
                return Ok(Some((self.head().await?, next)));
            }
            Position::TokenEntries { before } => return self.token_entries(before).await.map(Some),
            Position::Conversations { rest, is_first } => (rest, is_first),
        };
        let Some(id) = rest.next() else {
            return Ok(Some(("]}\n".to_owned(), Position::End)));
        };
        let mut text = self.conversation(id).await?.unwrap_or_default();
        if !text.is_empty() && !std::mem::replace(&mut is_first, false) {
            text.insert(0, ',');
        }
        Ok(Some((text, Position::Conversations { rest, is_first })))
    }

    async fn next(&self, position: Position) -> Option<(std::io::Result<String>, Position)> {
        match self.piece(position).await {
            Ok(piece) => piece.map(|(text, next)| (Ok(text), next)),
            Err(error) => {
                tracing::warn!(%error, "an export broke off");
                Some((Err(std::io::Error::other(error)), Position::End))
            }
        }
    }
}

#[OpenApi(prefix_path = "/users/me", tag = "Tag::Users")]
impl ExportsApi {
    /// What the house keeps of one, but for secrets and the audit log
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
