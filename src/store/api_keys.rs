//! Personal API keys: the record, the look-up by the hash of the secret, and the list of a user's,
//! kept in step here. Called by `accounts/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::{API_KEY_BY_ID, API_KEY_ID_BY_HASH, API_KEY_OF_USER};
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::error::Result;
use crate::ids::{ApiKeyId, UserId};
use crate::secrets::SecretHash;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKeyRecord {
    pub id: ApiKeyId,
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: String,
    /// The beginning of the secret, to recognise it by.
    pub prefix: String,
    pub secret_hash: SecretHash,
    pub scopes: Vec<ApiKeyScope>,
    pub created_at: UnixMs,
    pub expires_at: Option<UnixMs>,
    /// To the hour.
    pub last_used_at: Option<UnixMs>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiKeyScope {
    Chat,
    Read,
    Admin,
}

impl Record for ApiKeyRecord {}
impl Record for ApiKeyId {}

pub fn find_api_key(tx: &impl Reads, id: ApiKeyId) -> Result<Option<ApiKeyRecord>> {
    tx.find(&API_KEY_BY_ID, &id)
}

pub fn find_api_key_by_hash(tx: &impl Reads, hash: &SecretHash) -> Result<Option<ApiKeyRecord>> {
    match tx.find(&API_KEY_ID_BY_HASH, hash)? {
        Some(id) => find_api_key(tx, id),
        None => Ok(None),
    }
}

/// Oldest first.
pub fn list_api_keys_of(tx: &impl Reads, user_id: UserId) -> Result<Vec<ApiKeyRecord>> {
    let rows = tx.list(&API_KEY_OF_USER, &user_id, None, usize::MAX)?;
    let mut keys = Vec::with_capacity(rows.len());
    for ((_, id), ()) in rows {
        keys.extend(find_api_key(tx, id)?);
    }
    Ok(keys)
}

pub fn put_api_key(tx: &WriteTx, key: &ApiKeyRecord) -> Result<()> {
    tx.put(&API_KEY_ID_BY_HASH, &key.secret_hash, &key.id)?;
    tx.put(&API_KEY_OF_USER, &(key.user_id, key.id), &())?;
    tx.put(&API_KEY_BY_ID, &key.id, key)
}

pub fn remove_api_key(tx: &WriteTx, key: &ApiKeyRecord) -> Result<()> {
    tx.remove(&API_KEY_ID_BY_HASH, &key.secret_hash)?;
    tx.remove(&API_KEY_OF_USER, &(key.user_id, key.id))?;
    tx.remove(&API_KEY_BY_ID, &key.id).map(drop)
}
