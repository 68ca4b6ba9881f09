//! Messages as they stand on the wire, and how they come from what is stored.
//!
//! A field that is absent has no value; nothing is sent as null.

use poem_openapi::{Enum, Object};

use super::parse_message_id;
use crate::appliance::Appliance;
use crate::clock::rfc3339;
use crate::conversations::{self, Author, MessageInTree};
use crate::engine::{self, Sampling};
use crate::error::{Error, Result};
use crate::http::api::adapters::{AdapterChoice, AdapterUse, choices, uses};
use crate::http::api::conversations::Conversation;
use crate::http::text::Text;

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::http) struct Message {
    id: String,
    conversation_id: String,
    parent_id: Option<String>,
    role: Role,
    content: String,
    /// What was thought before the reply.
    reasoning: Option<String>,
    status: Status,
    created_at: String,
    /// All that answer the same parent, itself included, oldest first.
    sibling_ids: Vec<String>,
    model: Option<String>,
    /// What was on top of the model; absent: nothing.
    adapters: Option<Vec<AdapterUse>>,
    finish_reason: Option<FinishReason>,
    usage: Option<Usage>,
    timings: Option<Timings>,
    /// The oldest messages the model did not see because they no longer fitted.
    left_out_messages: Option<u32>,
    /// Why it failed.
    error: Option<ReplyFailure>,
    /// Tokens of the allowance that were charged for it; absent: nothing is charged.
    cost: Option<i64>,
    /// True: the allowance did not suffice, so it is written for nothing, when nobody else waits.
    slow_lane: Option<bool>,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", rename = "MessageRole", remote = "Author")]
enum Role {
    User,
    Assistant,
}

#[derive(Enum)]
#[oai(
    rename_all = "snake_case",
    rename = "MessageStatus",
    remote = "conversations::MessageStatus"
)]
enum Status {
    Complete,
    Running,
    Stopped,
    Interrupted,
    Failed,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", remote = "engine::FinishReason")]
enum FinishReason {
    Stop,
    Length,
    ToolCalls,
}

/// How much a model that can think is to think first.
// Not said where it is used: a name of an enum beside a description becomes an `allOf`, which
// generators of clients refuse.
#[derive(Enum)]
#[oai(rename_all = "snake_case", remote = "engine::Reasoning")]
pub(super) enum Reasoning {
    Off,
    Low,
    Medium,
    High,
}

#[derive(Object)]
#[oai(remote = "engine::Usage")]
struct Usage {
    prompt_tokens: u32,
    cached_tokens: u32,
    completion_tokens: u32,
    reasoning_tokens: u32,
}

#[derive(Object)]
#[oai(remote = "engine::Timings")]
struct Timings {
    queued_ms: u64,
    prefill_ms: u64,
    decode_ms: u64,
}

#[derive(Object)]
#[oai(remote = "conversations::ReplyError")]
pub(in crate::http) struct ReplyFailure {
    /// As in an error.
    code: String,
    message: String,
}

/// What was said, and the reply to it.
#[derive(Object)]
pub(in crate::http) struct Exchange {
    conversation: Conversation,
    /// What the user said.
    message: Message,
    /// What the model says; its id is the reply's.
    reply: Message,
}

#[derive(Object)]
pub(in crate::http) struct MessageList {
    items: Vec<Message>,
}

/// How a reply is written. What is absent is as the model recommends.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct ReplySettings {
    pub(super) temperature: Option<f32>,
    pub(super) top_k: Option<u32>,
    pub(super) top_p: Option<f32>,
    pub(super) min_p: Option<f32>,
    pub(super) repeat_penalty: Option<f32>,
    pub(super) seed: Option<u32>,
    pub(super) max_tokens: Option<u32>,
    pub(super) system_prompt: Option<Text>,
    pub(super) reasoning: Option<Reasoning>,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct SendMessage {
    pub(super) content: Text,
    /// The reply this answers; absent: the end of the shown branch.
    pub(super) parent_id: Option<Text>,
    pub(super) model: Option<Text>,
    /// Absent: the conversation's; empty: none.
    pub(super) adapters: Option<Vec<AdapterChoice>>,
    pub(super) settings: Option<ReplySettings>,
    /// True: the answer is the event stream.
    #[oai(default)]
    pub(super) stream: bool,
    /// Up to 64 characters: sending the same again answers with the first exchange.
    pub(super) client_id: Option<Text>,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct EditMessage {
    pub(super) content: Text,
    pub(super) model: Option<Text>,
    /// Absent: the conversation's; empty: none.
    pub(super) adapters: Option<Vec<AdapterChoice>>,
    pub(super) settings: Option<ReplySettings>,
    #[oai(default)]
    pub(super) stream: bool,
    pub(super) client_id: Option<Text>,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct RegenerateReply {
    pub(super) model: Option<Text>,
    /// Absent: as the first time, where the same model answers; otherwise the conversation's.
    pub(super) adapters: Option<Vec<AdapterChoice>>,
    /// Absent: as the first time.
    pub(super) settings: Option<ReplySettings>,
    #[oai(default)]
    pub(super) stream: bool,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct ContinueReply {
    /// Absent: as before; empty: none.
    pub(super) adapters: Option<Vec<AdapterChoice>>,
    /// Absent: as before.
    pub(super) settings: Option<ReplySettings>,
    #[oai(default)]
    pub(super) stream: bool,
}

impl From<MessageInTree> for Message {
    fn from(
        MessageInTree {
            message,
            sibling_ids,
        }: MessageInTree,
    ) -> Self {
        Self {
            id: message.id.to_string(),
            conversation_id: message.conversation_id.to_string(),
            parent_id: message.parent_id.map(|id| id.to_string()),
            role: message.author.into(),
            content: message.content,
            reasoning: Some(message.reasoning).filter(|reasoning| !reasoning.is_empty()),
            status: message.status.into(),
            created_at: rfc3339(message.created_at),
            sibling_ids: sibling_ids.iter().map(ToString::to_string).collect(),
            model: message.model,
            adapters: uses(message.adapters),
            finish_reason: message.finish_reason.map(Into::into),
            usage: message.usage.map(Into::into),
            timings: message.timings.map(Into::into),
            left_out_messages: Some(message.left_out_messages).filter(|count| *count > 0),
            error: message.error.map(ReplyFailure::from),
            cost: message.cost,
            slow_lane: message.slow_lane.then_some(true),
        }
    }
}

impl From<Vec<MessageInTree>> for MessageList {
    fn from(messages: Vec<MessageInTree>) -> Self {
        Self {
            items: messages.into_iter().map(Message::from).collect(),
        }
    }
}

impl From<ReplySettings> for conversations::ReplySettings {
    fn from(settings: ReplySettings) -> Self {
        let ReplySettings {
            temperature,
            top_k,
            top_p,
            min_p,
            repeat_penalty,
            seed,
            max_tokens,
            system_prompt,
            reasoning,
        } = settings;
        let sampling = Sampling {
            temperature,
            top_k,
            top_p,
            min_p,
            repeat_penalty,
            seed,
            ..Sampling::default()
        };
        Self {
            sampling,
            max_tokens,
            system_prompt: system_prompt.map(Into::into),
            reasoning: reasoning.map(Into::into),
        }
    }
}

impl Exchange {
    pub(in crate::http) fn new(exchange: conversations::Exchange, house: &Appliance) -> Self {
        let conversations::Exchange {
            conversation,
            message,
            reply,
        } = exchange;
        Self {
            conversation: Conversation::new(conversation, house),
            message: message.into(),
            reply: reply.into(),
        }
    }
}

impl TryFrom<SendMessage> for conversations::SendMessage {
    type Error = Error;

    fn try_from(send: SendMessage) -> Result<Self> {
        Ok(Self {
            content: send.content.into(),
            parent_id: send
                .parent_id
                .as_deref()
                .map(parse_message_id)
                .transpose()?,
            model: send.model.map(Into::into),
            adapters: choices(send.adapters),
            settings: send.settings.map(Into::into).unwrap_or_default(),
            client_id: send.client_id.map(Into::into),
        })
    }
}

impl From<EditMessage> for conversations::EditMessage {
    fn from(edit: EditMessage) -> Self {
        Self {
            content: edit.content.into(),
            model: edit.model.map(Into::into),
            adapters: choices(edit.adapters),
            settings: edit.settings.map(Into::into).unwrap_or_default(),
            client_id: edit.client_id.map(Into::into),
        }
    }
}
