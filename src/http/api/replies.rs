//! `/replies`: watching, hurrying and stopping what is being written. A reply's id is its message's.

use poem_openapi::param::{Header, Path};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::conversations::Conversation;
use super::messages::{Message, MessageList, ReplyFailure};
use super::{ApiResult, House, Tag};
use crate::error::{Error, Result};
use crate::http::caller::{Chatter, Reader};
use crate::http::events::ReplyEvents;
use crate::ids::MessageId;

pub(in crate::http) struct RepliesApi;

/// `queued`: place in the queue, 0 is next.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::http) struct QueuedEvent {
    pub(in crate::http) position: u32,
    /// How long until the first word, as far as that can be said.
    pub(in crate::http) eta_ms: Option<u64>,
}

/// `prefill`: tokens of the prompt that were read, of all.
#[derive(Object)]
pub(in crate::http) struct PrefillEvent {
    pub(in crate::http) done: u32,
    pub(in crate::http) total: u32,
}

/// `reasoning`: appended to what is thought before the reply.
#[derive(Object)]
pub(in crate::http) struct ReasoningEvent {
    pub(in crate::http) text: String,
}

/// `delta`: appended to the reply.
#[derive(Object)]
pub(in crate::http) struct DeltaEvent {
    pub(in crate::http) text: String,
}

/// `snapshot`: replaces what the reader has.
#[derive(Object)]
pub(in crate::http) struct SnapshotEvent {
    pub(in crate::http) message: Message,
}

/// `done`: final, whatever the status.
#[derive(Object)]
pub(in crate::http) struct DoneEvent {
    pub(in crate::http) message: Message,
}

/// `failed`: final; the text so far is kept.
#[derive(Object)]
pub(in crate::http) struct FailedEvent {
    pub(in crate::http) message: Message,
    pub(in crate::http) error: ReplyFailure,
}

/// `title`: the conversation has one now.
#[derive(Object)]
pub(in crate::http) struct TitleEvent {
    pub(in crate::http) conversation: Conversation,
}

#[derive(ApiResponse)]
enum EventsResponse {
    /// The event stream.
    #[oai(status = 200)]
    Events(ReplyEvents),
}

fn parse_reply_id(text: &str) -> Result<MessageId> {
    MessageId::parse(text).ok_or_else(|| Error::not_found("reply"))
}

#[OpenApi(prefix_path = "/replies", tag = "Tag::Replies")]
impl RepliesApi {
    /// One's own replies that are being written
    #[oai(path = "/", method = "get", operation_id = "list_replies")]
    async fn list_replies(&self, house: House<'_>, caller: Reader) -> ApiResult<Json<MessageList>> {
        Ok(Json(house.conversations.running_replies(&caller).into()))
    }

    /// Watch a reply, from behind the last event seen
    #[oai(
        path = "/:id/events",
        method = "get",
        operation_id = "get_reply_events"
    )]
    async fn get_reply_events(
        &self,
        house: House<'_>,
        caller: Reader,
        id: Path<String>,
        /// The id of the last event seen.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<u64>>,
    ) -> ApiResult<EventsResponse> {
        let id = parse_reply_id(&id)?;
        let reader = house
            .conversations
            .read_reply(&caller, id, last_event_id.0)
            .await?;
        Ok(EventsResponse::Events(ReplyEvents::of(reader, &house)))
    }

    /// Stop writing; the text so far stays
    #[oai(path = "/:id/stop", method = "post", operation_id = "stop_reply")]
    async fn stop_reply(
        &self,
        house: House<'_>,
        caller: Chatter,
        id: Path<String>,
    ) -> ApiResult<Json<Message>> {
        Ok(Json(
            house
                .conversations
                .stop_reply(&caller, parse_reply_id(&id)?)
                .await?
                .into(),
        ))
    }

    /// End the thinking and have the answer now
    #[oai(path = "/:id/answer", method = "post", operation_id = "end_thinking")]
    async fn end_thinking(
        &self,
        house: House<'_>,
        caller: Chatter,
        id: Path<String>,
    ) -> ApiResult<Json<Message>> {
        let id = parse_reply_id(&id)?;
        Ok(Json(
            house.conversations.answer_now(&caller, id).await?.into(),
        ))
    }
}
