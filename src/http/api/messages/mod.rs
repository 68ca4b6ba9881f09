//! Messages: what was said, saying something, and saying it differently.
//!
//! Every call that begins a reply answers in one of two ways, as asked: with the finished exchange,
//! or with the reply's event stream. Either way the message is on disk before the first byte.

mod shapes;

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi, ResponseContent};

use super::adapters::choices;
use super::conversations::parse_conversation_id;
use super::{ApiResult, House, Tag};
use crate::appliance::Appliance;
use crate::conversations::StartedReply;
use crate::error::{Error, Result};
use crate::http::caller::{Chatter, Reader};
use crate::http::events::{ReplyEvents, finished_exchange};
use crate::ids::MessageId;

use self::shapes::{ContinueReply, EditMessage, RegenerateReply, SendMessage};
pub(in crate::http) use self::shapes::{Exchange, Message, MessageList, ReplyFailure};

pub(in crate::http) struct MessagesApi;

#[derive(ResponseContent)]
enum ReplyContent {
    Exchange(Json<Box<Exchange>>),
    Events(ReplyEvents),
}

#[derive(ApiResponse)]
enum ReplyResponse {
    /// The finished exchange; the event stream with `stream: true`.
    #[oai(status = 200)]
    Reply(ReplyContent),
}

pub(super) fn parse_message_id(text: &str) -> Result<MessageId> {
    MessageId::parse(text).ok_or_else(|| Error::not_found("message"))
}

async fn answer(
    house: &Appliance,
    started: StartedReply,
    stream: bool,
) -> ApiResult<ReplyResponse> {
    let content = match stream {
        true => ReplyContent::Events(ReplyEvents::of_started(started, house)),
        false => ReplyContent::Exchange(Json(Box::new(finished_exchange(started, house).await?))),
    };
    Ok(ReplyResponse::Reply(content))
}

#[OpenApi(tag = "Tag::Messages")]
impl MessagesApi {
    /// The shown branch of a conversation, oldest first
    #[oai(
        path = "/conversations/:id/messages",
        method = "get",
        operation_id = "list_messages"
    )]
    async fn list_messages(
        &self,
        house: House<'_>,
        caller: Reader,
        id: Path<String>,
        /// The whole tree instead of the shown branch.
        Query(all): Query<Option<bool>>,
    ) -> ApiResult<Json<MessageList>> {
        let id = parse_conversation_id(&id)?;
        let messages = house
            .conversations
            .messages(&caller, id, all.unwrap_or(false))
            .await?;
        Ok(Json(messages.into()))
    }

    /// Say something in a conversation
    #[oai(
        path = "/conversations/:id/messages",
        method = "post",
        operation_id = "send_message"
    )]
    async fn send_message(
        &self,
        house: House<'_>,
        caller: Chatter,
        id: Path<String>,
        body: Json<SendMessage>,
    ) -> ApiResult<ReplyResponse> {
        let stream = body.stream;
        let id = parse_conversation_id(&id)?;
        let started = house
            .conversations
            .send(&caller, id, body.0.try_into()?)
            .await?;
        answer(&house, started, stream).await
    }

    /// Say something in a new conversation
    #[oai(path = "/chat", method = "post", operation_id = "start_chat")]
    async fn start_chat(
        &self,
        house: House<'_>,
        caller: Chatter,
        body: Json<SendMessage>,
    ) -> ApiResult<ReplyResponse> {
        let stream = body.stream;
        let started = house
            .conversations
            .send_in_new(&caller, body.0.try_into()?)
            .await?;
        answer(&house, started, stream).await
    }

    /// Get another reply to the same message
    #[oai(
        path = "/messages/:id/regenerate",
        method = "post",
        operation_id = "regenerate_reply"
    )]
    async fn regenerate_reply(
        &self,
        house: House<'_>,
        caller: Chatter,
        id: Path<String>,
        body: Json<RegenerateReply>,
    ) -> ApiResult<ReplyResponse> {
        let Json(RegenerateReply {
            model,
            adapters,
            settings,
            stream,
        }) = body;
        let (id, settings) = (parse_message_id(&id)?, settings.map(Into::into));
        let started = house
            .conversations
            .regenerate(
                &caller,
                id,
                model.map(Into::into),
                choices(adapters),
                settings,
            )
            .await?;
        answer(&house, started, stream).await
    }

    /// Go on with a reply that was cut short
    #[oai(
        path = "/messages/:id/continue",
        method = "post",
        operation_id = "continue_reply"
    )]
    async fn continue_reply(
        &self,
        house: House<'_>,
        caller: Chatter,
        id: Path<String>,
        body: Json<ContinueReply>,
    ) -> ApiResult<ReplyResponse> {
        let Json(ContinueReply {
            adapters,
            settings,
            stream,
        }) = body;
        let (id, settings) = (parse_message_id(&id)?, settings.map(Into::into));
        let started = house
            .conversations
            .continue_reply(&caller, id, choices(adapters), settings)
            .await?;
        answer(&house, started, stream).await
    }

    /// Say a message differently, on a branch of its own
    #[oai(
        path = "/messages/:id/edit",
        method = "post",
        operation_id = "edit_message"
    )]
    async fn edit_message(
        &self,
        house: House<'_>,
        caller: Chatter,
        id: Path<String>,
        body: Json<EditMessage>,
    ) -> ApiResult<ReplyResponse> {
        let stream = body.stream;
        let id = parse_message_id(&id)?;
        let started = house.conversations.edit(&caller, id, body.0.into()).await?;
        answer(&house, started, stream).await
    }
}
