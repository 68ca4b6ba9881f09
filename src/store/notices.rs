//! What the house has to tell somebody in the page, until they have seen it. Called by `accounts/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::NOTICE_OF_USER;
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::error::Result;
use crate::ids::{NoticeId, UserId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRecord {
    pub id: NoticeId,
    pub at: UnixMs,
    pub notice: Notice,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// An administrator looked at their conversations.
    ConversationsOpened {
        by: String,
        reason: String,
        /// Of the one they looked at; None: they looked at the list.
        #[serde(default)]
        title: Option<String>,
    },
    /// An administrator made a link that sets their password.
    ResetLinkMade { by: String },
    /// Their password was set by such a link.
    ResetLinkUsed { by: String },
}

impl Record for NoticeRecord {}

pub fn put_notice(tx: &WriteTx, user_id: UserId, notice: &NoticeRecord) -> Result<()> {
    tx.put(&NOTICE_OF_USER, &(user_id, notice.id), notice)
}

/// Oldest first.
pub fn list_notices_of(tx: &impl Reads, user_id: UserId) -> Result<Vec<NoticeRecord>> {
    let rows = tx.list(&NOTICE_OF_USER, &user_id, None, usize::MAX)?;
    Ok(rows.into_iter().map(|(_, notice)| notice).collect())
}

/// True when there was such a notice.
pub fn remove_notice(tx: &WriteTx, user_id: UserId, id: NoticeId) -> Result<bool> {
    tx.remove(&NOTICE_OF_USER, &(user_id, id))
}
