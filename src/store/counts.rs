//! How many things there are, for the overview. No counting takes longer for many.

use super::Reads;
use super::tables::{CONVERSATION_BY_ID, CONVERSATION_ID_BY_MESSAGE, SESSION_BY_ID, USER_BY_ID};
use crate::error::Result;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub users: u64,
    /// Those that ended by their time included.
    pub sessions: u64,
    pub conversations: u64,
    pub messages: u64,
}

pub fn counts(tx: &impl Reads) -> Result<Counts> {
    Ok(Counts {
        users: tx.count(&USER_BY_ID)?,
        sessions: tx.count(&SESSION_BY_ID)?,
        conversations: tx.count(&CONVERSATION_BY_ID)?,
        messages: tx.count(&CONVERSATION_ID_BY_MESSAGE)?,
    })
}
