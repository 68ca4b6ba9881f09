//! Attempts to guess a secret, counted by the hash of who tries what, so that a restart forgets
//! none. Called by `accounts/throttle`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::ATTEMPTS_BY_HASH;
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::error::Result;
use crate::secrets::SecretHash;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptsRecord {
    pub failures: u32,
    /// Since when the failures are forgiven one by one.
    pub counted_at: UnixMs,
    /// Nothing is compared before.
    pub delayed_until: UnixMs,
    /// Until then somebody who came in from there is known there.
    pub known_until: UnixMs,
    /// From then on the record says nothing any more.
    pub stale_at: UnixMs,
}

impl Record for AttemptsRecord {}

pub fn list_attempts(tx: &impl Reads) -> Result<Vec<(SecretHash, AttemptsRecord)>> {
    tx.list_all(&ATTEMPTS_BY_HASH)
}

pub fn put_attempts(tx: &WriteTx, hash: &SecretHash, attempts: &AttemptsRecord) -> Result<()> {
    tx.put(&ATTEMPTS_BY_HASH, hash, attempts)
}

pub fn remove_attempts(tx: &WriteTx, hash: &SecretHash) -> Result<()> {
    tx.remove(&ATTEMPTS_BY_HASH, hash).map(drop)
}
