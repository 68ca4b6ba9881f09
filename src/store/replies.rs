//! Replies that are being written: one row from the moment a reply is promised until its last word.
//! What is still here at start-up was cut off. Called by `conversations/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::REPLY_BY_ID;
use super::{Reads, WriteTx};
use crate::error::Result;
use crate::ids::{ConversationId, MessageId, UserId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplyRecord {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    pub owner_id: UserId,
}

impl Record for ReplyRecord {}

pub fn put_reply(tx: &WriteTx, reply: &ReplyRecord) -> Result<()> {
    tx.put(&REPLY_BY_ID, &reply.id, reply)
}

pub fn find_reply(tx: &impl Reads, id: MessageId) -> Result<Option<ReplyRecord>> {
    tx.find(&REPLY_BY_ID, &id)
}

pub fn remove_reply(tx: &WriteTx, id: MessageId) -> Result<bool> {
    tx.remove(&REPLY_BY_ID, &id)
}

pub fn list_replies(tx: &impl Reads) -> Result<Vec<ReplyRecord>> {
    Ok(tx
        .list_all(&REPLY_BY_ID)?
        .into_iter()
        .map(|(_, reply)| reply)
        .collect())
}
