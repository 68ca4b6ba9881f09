//! Remote sources: servers whose models the house offers. A name belongs to one source.
//! Called by `models/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::REMOTE_SOURCE_BY_ID;
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::engine::remote::RemoteOptions;
use crate::error::{Error, Result};
use crate::ids::RemoteSourceId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoteSourceRecord {
    pub id: RemoteSourceId,
    pub name: String,
    pub addresses: Vec<String>,
    /// Sealed for this id.
    pub sealed_key: Option<Vec<u8>>,
    pub models: Vec<String>,
    pub prefix: String,
    #[serde(default)]
    pub options: RemoteOptions,
    pub created_at: UnixMs,
}

impl Record for RemoteSourceRecord {}

pub fn find_remote_source(
    tx: &impl Reads,
    id: &RemoteSourceId,
) -> Result<Option<RemoteSourceRecord>> {
    tx.find(&REMOTE_SOURCE_BY_ID, id)
}

/// All of them, oldest first.
pub fn list_remote_sources(tx: &impl Reads) -> Result<Vec<RemoteSourceRecord>> {
    let all = tx.list_all(&REMOTE_SOURCE_BY_ID)?;
    Ok(all.into_iter().map(|(_, source)| source).collect())
}

/// Adds a source or writes a changed one. A name that another source has is a conflict.
pub fn put_remote_source(tx: &WriteTx, source: &RemoteSourceRecord) -> Result<()> {
    let others = list_remote_sources(tx)?;
    let taken = |other: &RemoteSourceRecord| other.id != source.id && other.name == source.name;
    if others.iter().any(taken) {
        return Err(Error::conflict("another source has this name")
            .with_details(serde_json::json!({"field": "name"})));
    }
    tx.put(&REMOTE_SOURCE_BY_ID, &source.id, source)
}

/// False when there was none.
pub fn remove_remote_source(tx: &WriteTx, id: &RemoteSourceId) -> Result<bool> {
    tx.remove(&REMOTE_SOURCE_BY_ID, id)
}
