//! What people ask of administrators: to be let in, or to become one. Called by `accounts/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::REQUEST_BY_ID;
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::error::Result;
use crate::ids::{RequestId, UserId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    pub id: RequestId,
    pub user_id: UserId,
    pub wish: RequestWish,
    /// Their own words; may be empty.
    pub reason: String,
    pub created_at: UnixMs,
    pub decision: Option<RequestDecision>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestWish {
    /// To be let in.
    Account,
    /// To become an administrator.
    AdminRole,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestDecision {
    pub at: UnixMs,
    /// The name of who decided.
    pub by: String,
    pub approved: bool,
    /// For the applicant; may be empty.
    pub note: String,
}

impl Record for RequestRecord {}

pub fn find_request(tx: &impl Reads, id: RequestId) -> Result<Option<RequestRecord>> {
    tx.find(&REQUEST_BY_ID, &id)
}

pub fn put_request(tx: &WriteTx, request: &RequestRecord) -> Result<()> {
    tx.put(&REQUEST_BY_ID, &request.id, request)
}

pub fn remove_request(tx: &WriteTx, id: RequestId) -> Result<bool> {
    tx.remove(&REQUEST_BY_ID, &id)
}

/// Oldest first.
pub fn list_requests(tx: &impl Reads) -> Result<Vec<RequestRecord>> {
    Ok(tx
        .list_all(&REQUEST_BY_ID)?
        .into_iter()
        .map(|(_, request)| request)
        .collect())
}
