//! `/admin/…`, as far as others' conversations go: where the house allows it, an administrator may
//! open them, for a reason that the owner is told. Posts, since looking leaves a mark.

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::conversations::{Conversation, parse_conversation_id};
use super::messages::MessageList;
use super::{ApiResult, House, Tag, Text};
use crate::error::Error;
use crate::http::caller::Trustee;
use crate::ids::UserId;

pub(in crate::http) struct BreakGlassApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct OpenConversations {
    /// The owner is told.
    reason: Text,
}

#[derive(Object)]
struct OpenedConversations {
    items: Vec<Conversation>,
}

#[OpenApi(prefix_path = "/admin", tag = "Tag::Users")]
impl BreakGlassApi {
    /// Open the list of somebody's conversations; they are told, and it takes a session
    #[oai(
        path = "/users/:id/conversations",
        method = "post",
        operation_id = "open_conversations"
    )]
    async fn open_conversations(
        &self,
        house: House<'_>,
        caller: Trustee,
        id: Path<String>,
        body: Json<OpenConversations>,
    ) -> ApiResult<Json<OpenedConversations>> {
        caller.require_admin()?;
        let id = UserId::parse(&id).ok_or_else(|| Error::not_found("user"))?;
        let opening = house.accounts.opening(&caller, &body.reason)?;
        let list = house.conversations.open_list(opening, id).await?;
        let items = list
            .into_iter()
            .map(|record| Conversation::new(record, &house));
        let items = items.collect();
        Ok(Json(OpenedConversations { items }))
    }

    /// Open somebody's conversation; they are told, and it takes a session
    #[oai(
        path = "/conversations/:id/messages",
        method = "post",
        operation_id = "open_messages"
    )]
    async fn open_messages(
        &self,
        house: House<'_>,
        caller: Trustee,
        id: Path<String>,
        body: Json<OpenConversations>,
    ) -> ApiResult<Json<MessageList>> {
        caller.require_admin()?;
        let id = parse_conversation_id(&id)?;
        let opening = house.accounts.opening(&caller, &body.reason)?;
        let messages = house.conversations.open_messages(opening, id).await?;
        Ok(Json(messages.into()))
    }
}
