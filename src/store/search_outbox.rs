//! What the search index has yet to hear, in order. Rows are appended in the transaction of their
//! cause; the index takes them from the front once it has them on disk. Called by `conversations/`.

use serde::{Deserialize, Serialize};

use super::WriteTx;
use super::codec::Record;
use super::tables::SEARCH_CHANGE_BY_SEQUENCE;
use crate::error::Result;
use crate::ids::{ConversationId, MessageId};

/// What changed; the index reads the present state by id, so a row never holds text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SearchChange {
    ConversationChanged(ConversationId),
    ConversationDeleted(ConversationId),
    MessageChanged(ConversationId, MessageId),
}

impl Record for SearchChange {}

pub fn append_search_change(tx: &WriteTx, change: &SearchChange) -> Result<()> {
    let sequence = tx.next_number(&SEARCH_CHANGE_BY_SEQUENCE)?;
    tx.put(&SEARCH_CHANGE_BY_SEQUENCE, &sequence, change)
}
