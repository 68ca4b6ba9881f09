//! Conversations: the record, and its place in its owner's list, kept in step here.
//! Called by `conversations/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::keys::{LatestFirst, TableKey};
use super::tables::{CONVERSATION_BY_ID, CONVERSATION_BY_PLACE, ConversationPlace};
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::engine::AdapterUse;
use crate::error::{Error, Result};
use crate::ids::{ConversationId, MessageId, UserId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConversationRecord {
    pub id: ConversationId,
    pub owner_id: UserId,
    pub title: String,
    pub titled_by: TitleSource,
    pub created_at: UnixMs,
    /// The last message; renaming and the like do not move it.
    pub updated_at: UnixMs,
    pub pinned: bool,
    pub archived: bool,
    /// None: whatever is the house's default when a message is sent.
    pub model: Option<String>,
    /// What a message is answered with that names no adapters.
    #[serde(default)]
    pub adapters: Vec<AdapterUse>,
    /// The end of the branch that is shown.
    pub head_id: Option<MessageId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TitleSource {
    /// The first words of the first message, until there is better.
    FirstWords,
    Model,
    /// Never overwritten.
    Person,
}

impl Record for ConversationRecord {}

fn place_of(conversation: &ConversationRecord) -> ConversationPlace {
    (
        (conversation.owner_id, conversation.archived),
        (
            !conversation.pinned,
            (LatestFirst(conversation.updated_at), conversation.id),
        ),
    )
}

pub fn find_conversation(
    tx: &impl Reads,
    id: &ConversationId,
) -> Result<Option<ConversationRecord>> {
    tx.find(&CONVERSATION_BY_ID, id)
}

/// Adds a conversation or writes a changed one, and moves it to its place.
pub fn put_conversation(tx: &WriteTx, conversation: &ConversationRecord) -> Result<()> {
    if let Some(old) = find_conversation(tx, &conversation.id)? {
        tx.remove(&CONVERSATION_BY_PLACE, &place_of(&old))?;
    }
    tx.put(&CONVERSATION_BY_PLACE, &place_of(conversation), &())?;
    tx.put(&CONVERSATION_BY_ID, &conversation.id, conversation)
}

pub fn remove_conversation(tx: &WriteTx, conversation: &ConversationRecord) -> Result<()> {
    tx.remove(&CONVERSATION_BY_PLACE, &place_of(conversation))?;
    tx.remove(&CONVERSATION_BY_ID, &conversation.id)?;
    Ok(())
}

/// One page of an owner's list: pinned first, then the latest. `cursor` is what the page before
/// gave as its second part; None there means the end.
pub fn list_conversations(
    tx: &impl Reads,
    owner_id: UserId,
    archived: bool,
    cursor: Option<&[u8]>,
    limit: usize,
) -> Result<(Vec<ConversationRecord>, Option<Vec<u8>>)> {
    let after =
        match cursor {
            None => None,
            Some(mut bytes) => {
                let place = ConversationPlace::read_from(&mut bytes)
                    .filter(|place| place.0 == (owner_id, archived));
                Some(place.ok_or_else(|| {
                    Error::invalid_field("cursor", "this cursor is not of this list")
                })?)
            }
        };
    let mut places = tx.list(
        &CONVERSATION_BY_PLACE,
        &(owner_id, archived),
        after.as_ref(),
        limit + 1,
    )?;
    let more = places.len() > limit;
    places.truncate(limit);
    let cursor = places
        .last()
        .filter(|_| more)
        .map(|(place, ())| place.to_bytes());
    let mut conversations = Vec::with_capacity(places.len());
    for ((_, (_, (_, id))), ()) in places {
        conversations.extend(find_conversation(tx, &id)?);
    }
    Ok((conversations, cursor))
}

/// All of an owner's conversations, archived or not, the oldest first.
pub fn list_conversation_ids(tx: &impl Reads, owner_id: UserId) -> Result<Vec<ConversationId>> {
    let mut ids = Vec::new();
    for archived in [false, true] {
        let places = tx.list(
            &CONVERSATION_BY_PLACE,
            &(owner_id, archived),
            None,
            usize::MAX,
        )?;
        ids.extend(places.into_iter().map(|((_, (_, (_, id))), ())| id));
    }
    ids.sort_unstable();
    Ok(ids)
}
