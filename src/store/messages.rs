//! Messages: a tree in each conversation, stored singly so that a checkpoint rewrites one record.
//! Called by `conversations/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::{CONVERSATION_ID_BY_MESSAGE, MESSAGE_BY_CONVERSATION, MESSAGE_ID_BY_CLIENT_ID};
use super::{Reads, WriteTx};
use crate::clock::{UnixMs, now_ms};
use crate::engine::{AdapterUse, FinishReason, Reasoning, Sampling, Timings, Usage};
use crate::error::Result;
use crate::ids::{ConversationId, MessageId, UserId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageRecord {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    /// The message this one answers; None begins the conversation.
    pub parent_id: Option<MessageId>,
    pub author: Author,
    pub content: String,
    /// Of a reply: what was thought before it.
    #[serde(default)]
    pub reasoning: String,
    pub status: MessageStatus,
    pub created_at: UnixMs,
    /// What the sender called it, to make a second sending harmless.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The rest is about replies alone.
    #[serde(default)]
    pub model: Option<String>,
    /// What was on top of the model.
    #[serde(default)]
    pub adapters: Vec<AdapterUse>,
    #[serde(default)]
    pub settings: ReplySettings,
    #[serde(default)]
    pub finish_reason: Option<FinishReason>,
    #[serde(default)]
    pub usage: Option<Usage>,
    #[serde(default)]
    pub timings: Option<Timings>,
    #[serde(default)]
    pub left_out_messages: u32,
    #[serde(default)]
    pub error: Option<ReplyError>,
    /// The id of the latest event its readers were sent, as of the latest checkpoint.
    #[serde(default)]
    pub last_event_id: u64,
    /// What was charged for it, each time it was written on together; None: nothing is charged.
    #[serde(default)]
    pub cost: Option<i64>,
    /// The allowance did not suffice, so it is written when nobody else waits.
    #[serde(default)]
    pub slow_lane: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    User,
    Assistant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageStatus {
    Complete,
    Running,
    /// By its reader.
    Stopped,
    /// By the house going dark.
    Interrupted,
    Failed,
}

/// How a reply is to be written, as its sender asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplySettings {
    pub sampling: Sampling,
    pub max_tokens: Option<u32>,
    pub system_prompt: Option<String>,
    /// None: as the model does by itself.
    pub reasoning: Option<Reasoning>,
}

/// Why a reply failed, as its reader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyError {
    pub code: String,
    pub message: String,
}

impl MessageRecord {
    /// An empty, complete message with a new id.
    pub fn new(
        conversation_id: ConversationId,
        parent_id: Option<MessageId>,
        author: Author,
    ) -> Self {
        Self {
            id: MessageId::generate(),
            conversation_id,
            parent_id,
            author,
            content: String::new(),
            reasoning: String::new(),
            status: MessageStatus::Complete,
            created_at: now_ms(),
            client_id: None,
            model: None,
            adapters: Vec::new(),
            settings: ReplySettings::default(),
            finish_reason: None,
            usage: None,
            timings: None,
            left_out_messages: 0,
            error: None,
            last_event_id: 0,
            cost: None,
            slow_lane: false,
        }
    }
}

impl Record for MessageRecord {}
impl Record for MessageId {}
impl Record for ConversationId {}

/// The conversation a message stands in.
pub fn find_conversation_id_of(tx: &impl Reads, id: MessageId) -> Result<Option<ConversationId>> {
    tx.find(&CONVERSATION_ID_BY_MESSAGE, &id)
}

pub fn find_message(
    tx: &impl Reads,
    conversation_id: ConversationId,
    id: MessageId,
) -> Result<Option<MessageRecord>> {
    tx.find(&MESSAGE_BY_CONVERSATION, &(conversation_id, id))
}

/// The whole tree, oldest first.
pub fn list_messages(
    tx: &impl Reads,
    conversation_id: ConversationId,
) -> Result<Vec<MessageRecord>> {
    let rows = tx.list(&MESSAGE_BY_CONVERSATION, &conversation_id, None, usize::MAX)?;
    Ok(rows.into_iter().map(|(_, message)| message).collect())
}

pub fn put_message(tx: &WriteTx, message: &MessageRecord) -> Result<()> {
    tx.put(
        &CONVERSATION_ID_BY_MESSAGE,
        &message.id,
        &message.conversation_id,
    )?;
    tx.put(
        &MESSAGE_BY_CONVERSATION,
        &(message.conversation_id, message.id),
        message,
    )
}

/// Removes the tree of a conversation, and what led to it.
pub fn remove_messages(
    tx: &WriteTx,
    owner_id: UserId,
    conversation_id: ConversationId,
) -> Result<()> {
    for message in list_messages(tx, conversation_id)? {
        if let Some(client_id) = message.client_id {
            tx.remove(&MESSAGE_ID_BY_CLIENT_ID, &(owner_id, client_id))?;
        }
        tx.remove(&CONVERSATION_ID_BY_MESSAGE, &message.id)?;
        tx.remove(&MESSAGE_BY_CONVERSATION, &(conversation_id, message.id))?;
    }
    Ok(())
}

pub fn find_message_id_by_client_id(
    tx: &impl Reads,
    owner_id: UserId,
    client_id: &str,
) -> Result<Option<MessageId>> {
    tx.find(&MESSAGE_ID_BY_CLIENT_ID, &(owner_id, client_id.to_owned()))
}

pub fn put_client_id(tx: &WriteTx, owner_id: UserId, client_id: &str, id: MessageId) -> Result<()> {
    tx.put(
        &MESSAGE_ID_BY_CLIENT_ID,
        &(owner_id, client_id.to_owned()),
        &id,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_from_before_thoughts_were_kept_is_still_read() {
        let conversation_id = ConversationId::from_bytes([7; 16]);
        let message = MessageRecord::new(conversation_id, None, Author::Assistant);
        let mut old = serde_json::to_value(&message).unwrap();
        assert!(old.as_object_mut().unwrap().remove("reasoning").is_some());
        let settings = old["settings"].as_object_mut().unwrap();
        assert!(settings.remove("reasoning").is_some());
        let read: MessageRecord = serde_json::from_value(old).unwrap();
        assert_eq!(read, message);
    }
}
