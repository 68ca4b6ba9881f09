//! Adapters: what is known of each file in the adapters folder, under the id the file is named by.
//! Called by `models/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::ADAPTER_BY_ID;
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::error::Result;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdapterRecord {
    /// Readable, stable and safe in a path.
    pub id: String,
    pub name: String,
    /// The id of the model it was made for.
    pub base: String,
    #[serde(default)]
    pub description: String,
    pub size_bytes: u64,
    /// Milliseconds since 1970; with the size it says whether the file is still the same.
    pub modified_ms: UnixMs,
    /// Of the file, in hexadecimal.
    pub sha256: String,
    pub rank: u32,
    pub alpha: f32,
    /// How strongly it is used where nobody says.
    pub default_scale: f32,
    pub audience: AdapterAudience,
    pub created_at: UnixMs,
}

/// Who may use an adapter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdapterAudience {
    #[default]
    Everybody,
    Administrators,
}

impl Record for AdapterRecord {}

pub fn find_adapter(tx: &impl Reads, id: &str) -> Result<Option<AdapterRecord>> {
    tx.find(&ADAPTER_BY_ID, &id.to_owned())
}

/// All of the house, by id.
pub fn list_adapters(tx: &impl Reads) -> Result<Vec<AdapterRecord>> {
    let rows = tx.list_all(&ADAPTER_BY_ID)?;
    Ok(rows.into_iter().map(|(_, adapter)| adapter).collect())
}

pub fn put_adapter(tx: &WriteTx, adapter: &AdapterRecord) -> Result<()> {
    tx.put(&ADAPTER_BY_ID, &adapter.id, adapter)
}

/// True when there was something to remove.
pub fn remove_adapter(tx: &WriteTx, id: &str) -> Result<bool> {
    tx.remove(&ADAPTER_BY_ID, &id.to_owned())
}
