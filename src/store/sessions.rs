//! Sessions: one for each sign-in, whatever carries it. Ending one is removing its record.
//! Called by `accounts/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::{SESSION_BY_ID, SESSION_OF_USER};
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::error::Result;
use crate::ids::{SessionId, UserId};
use crate::secrets::SecretHash;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionRecord {
    pub id: SessionId,
    pub user_id: UserId,
    pub carrier: SessionCarrier,
    pub created_at: UnixMs,
    pub expires_at: UnixMs,
    /// Where it was begun from; empty in records of before this was kept.
    #[serde(default)]
    pub address: String,
    /// What it was begun with, as that called itself.
    #[serde(default)]
    pub user_agent: String,
    /// To the hour.
    #[serde(default)]
    pub last_used_at: UnixMs,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SessionCarrier {
    /// The page's cookie holds the secret of this hash.
    Cookie { secret_hash: SecretHash },
    /// The refresh token of this hash is the only one that is still good.
    Tokens {
        refresh_hash: SecretHash,
        /// Of the last that was used of those that do not tell by themselves whose they are, as all
        /// did of earlier versions.
        #[serde(default)]
        previous_hash: Option<SecretHash>,
    },
}

impl Record for SessionRecord {}

pub fn find_session(tx: &impl Reads, id: &SessionId) -> Result<Option<SessionRecord>> {
    tx.find(&SESSION_BY_ID, id)
}

pub fn put_session(tx: &WriteTx, session: &SessionRecord) -> Result<()> {
    tx.put(&SESSION_OF_USER, &(session.user_id, session.id), &())?;
    tx.put(&SESSION_BY_ID, &session.id, session)
}

/// True when there was such a session.
pub fn remove_session(tx: &WriteTx, user_id: UserId, id: SessionId) -> Result<bool> {
    tx.remove(&SESSION_OF_USER, &(user_id, id))?;
    tx.remove(&SESSION_BY_ID, &id)
}

pub fn list_sessions_of(tx: &impl Reads, user_id: UserId) -> Result<Vec<SessionId>> {
    let rows = tx.list(&SESSION_OF_USER, &user_id, None, usize::MAX)?;
    Ok(rows.into_iter().map(|((_, id), ())| id).collect())
}
