//! `/conversations`: one's own conversations, as a list and one by one. A cursor is opaque: the
//! place of the last row, so a page never repeats or skips what did not move.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::adapters::{AdapterChoice, AdapterUse, choices, uses};
use super::{ApiResult, House, Tag, Text, page_limit};
use crate::appliance::Appliance;
use crate::clock::rfc3339;
use crate::conversations::{ConversationChange, ConversationRecord, NewConversation};
use crate::error::{Error, Result};
use crate::http::caller::{Chatter, Reader};
use crate::ids::{ConversationId, MessageId};

pub(in crate::http) struct ConversationsApi;

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::http) struct Conversation {
    id: String,
    title: String,
    created_at: String,
    /// When something was last said.
    updated_at: String,
    pinned: bool,
    archived: bool,
    /// The model chosen for it; absent: the house's default.
    model: Option<String>,
    /// What a message is answered with that names none; absent: none.
    adapters: Option<Vec<AdapterUse>>,
    /// The end of the branch that is shown.
    head_id: Option<String>,
    /// The reply being written in it.
    running_reply_id: Option<String>,
}

impl From<ConversationRecord> for Conversation {
    fn from(conversation: ConversationRecord) -> Self {
        Self {
            id: conversation.id.to_string(),
            title: conversation.title,
            created_at: rfc3339(conversation.created_at),
            updated_at: rfc3339(conversation.updated_at),
            pinned: conversation.pinned,
            archived: conversation.archived,
            model: conversation.model,
            adapters: uses(conversation.adapters),
            head_id: conversation.head_id.map(|id| id.to_string()),
            running_reply_id: None,
        }
    }
}

impl Conversation {
    pub(super) fn new(conversation: ConversationRecord, house: &Appliance) -> Self {
        let running = house.conversations.running_reply_in(conversation.id);
        Self {
            running_reply_id: running.map(|id| id.to_string()),
            ..conversation.into()
        }
    }
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct ConversationPage {
    items: Vec<Conversation>,
    next_cursor: Option<String>,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct CreateConversation {
    /// Absent: the first words, then the model's.
    title: Option<Text>,
    model: Option<Text>,
    adapters: Option<Vec<AdapterChoice>>,
}

/// A field that is absent stays.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct UpdateConversation {
    title: Option<Text>,
    archived: Option<bool>,
    pinned: Option<bool>,
    /// Empty: the house's default.
    model: Option<Text>,
    /// Empty: none.
    adapters: Option<Vec<AdapterChoice>>,
    /// Any message: the branch through it to its newest end is shown.
    head_id: Option<Text>,
}

#[derive(ApiResponse)]
enum CreatedConversation {
    #[oai(status = 201)]
    Created(Json<Conversation>),
}

#[derive(ApiResponse)]
enum DeletedConversation {
    /// It is gone, with everything in it.
    #[oai(status = 204)]
    Deleted,
}

pub(super) fn parse_conversation_id(text: &str) -> Result<ConversationId> {
    ConversationId::parse(text).ok_or_else(|| Error::not_found("conversation"))
}

#[OpenApi(prefix_path = "/conversations", tag = "Tag::Conversations")]
impl ConversationsApi {
    /// One's own conversations, pinned first, then the latest
    #[oai(path = "/", method = "get", operation_id = "list_conversations")]
    async fn list_conversations(
        &self,
        house: House<'_>,
        caller: Reader,
        /// Only archived ones, instead of only the others.
        Query(archived): Query<Option<bool>>,
        /// `next_cursor` of the page before.
        Query(cursor): Query<Option<String>>,
        /// 1 to 100, by default 50.
        Query(limit): Query<Option<usize>>,
    ) -> ApiResult<Json<ConversationPage>> {
        let invalid = |_| Error::invalid_field("cursor", "this cursor is not of this list");
        let cursor = cursor
            .map(|text| URL_SAFE_NO_PAD.decode(text).map_err(invalid))
            .transpose()?;
        let archived = archived.unwrap_or(false);
        let page = house
            .conversations
            .list(&caller, archived, cursor, page_limit(limit)?)
            .await?;
        let items = page
            .conversations
            .into_iter()
            .map(|record| Conversation::new(record, &house))
            .collect();
        let next_cursor = page.next_cursor.map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        Ok(Json(ConversationPage { items, next_cursor }))
    }

    /// Make an empty conversation
    #[oai(path = "/", method = "post", operation_id = "create_conversation")]
    async fn create_conversation(
        &self,
        house: House<'_>,
        caller: Chatter,
        body: Json<CreateConversation>,
    ) -> ApiResult<CreatedConversation> {
        let Json(CreateConversation {
            title,
            model,
            adapters,
        }) = body;
        let conversation = house
            .conversations
            .create(
                &caller,
                NewConversation {
                    title: title.map(Into::into),
                    model: model.map(Into::into),
                    adapters: choices(adapters).unwrap_or_default(),
                },
            )
            .await?;
        Ok(CreatedConversation::Created(Json(conversation.into())))
    }

    /// One conversation
    #[oai(path = "/:id", method = "get", operation_id = "get_conversation")]
    async fn get_conversation(
        &self,
        house: House<'_>,
        caller: Reader,
        id: Path<String>,
    ) -> ApiResult<Json<Conversation>> {
        let conversation = house
            .conversations
            .get(&caller, parse_conversation_id(&id)?)
            .await?;
        Ok(Json(Conversation::new(conversation, &house)))
    }

    /// Rename, archive, pin, choose a model and adapters, or show another branch
    #[oai(path = "/:id", method = "patch", operation_id = "update_conversation")]
    async fn update_conversation(
        &self,
        house: House<'_>,
        caller: Chatter,
        id: Path<String>,
        body: Json<UpdateConversation>,
    ) -> ApiResult<Json<Conversation>> {
        let Json(UpdateConversation {
            title,
            archived,
            pinned,
            model,
            adapters,
            head_id,
        }) = body;
        let head_id = head_id
            .map(|id| MessageId::parse(&id).ok_or_else(|| Error::not_found("message")))
            .transpose()?;
        let change = ConversationChange {
            title: title.map(Into::into),
            archived,
            pinned,
            model: model.map(Into::into),
            adapters: choices(adapters),
            head_id,
        };
        let conversation = house
            .conversations
            .change(&caller, parse_conversation_id(&id)?, change)
            .await?;
        Ok(Json(Conversation::new(conversation, &house)))
    }

    /// Delete a conversation with everything in it
    #[oai(path = "/:id", method = "delete", operation_id = "delete_conversation")]
    async fn delete_conversation(
        &self,
        house: House<'_>,
        caller: Chatter,
        id: Path<String>,
    ) -> ApiResult<DeletedConversation> {
        house
            .conversations
            .delete(&caller, parse_conversation_id(&id)?)
            .await?;
        Ok(DeletedConversation::Deleted)
    }
}
