//! Registration keys: the record, the look-up by the hash of the key, and who used which, kept in
//! step here. Called by `accounts/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::{REGISTRATION_KEY_BY_ID, REGISTRATION_KEY_ID_BY_HASH, REGISTRATION_KEY_USE};
use super::users::UserRole;
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::error::Result;
use crate::ids::{GroupId, RegistrationKeyId, UserId};
use crate::secrets::SecretHash;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistrationKeyRecord {
    pub id: RegistrationKeyId,
    pub secret_hash: SecretHash,
    /// The beginning of the key, to recognise it by.
    pub prefix: String,
    pub grants: KeyGrants,
    pub note: String,
    pub expires_at: Option<UnixMs>,
    /// How many accounts it may make.
    pub uses_allowed: u32,
    pub uses: u32,
    pub created_at: UnixMs,
    pub revoked_at: Option<UnixMs>,
    /// None: the command line, or it was made before this was kept.
    #[serde(default)]
    pub made_by: Option<UserId>,
}

/// What whoever registers with a key is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyGrants {
    pub role: UserRole,
    pub group_ids: Vec<GroupId>,
    /// Of the allowance; None: what everybody starts with.
    pub tokens: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUseRecord {
    pub at: UnixMs,
    /// As it was then.
    pub username: String,
}

impl Record for RegistrationKeyRecord {}
impl Record for RegistrationKeyId {}
impl Record for KeyUseRecord {}

pub fn find_registration_key(
    tx: &impl Reads,
    id: RegistrationKeyId,
) -> Result<Option<RegistrationKeyRecord>> {
    tx.find(&REGISTRATION_KEY_BY_ID, &id)
}

pub fn find_registration_key_by_hash(
    tx: &impl Reads,
    hash: &SecretHash,
) -> Result<Option<RegistrationKeyRecord>> {
    match tx.find(&REGISTRATION_KEY_ID_BY_HASH, hash)? {
        Some(id) => find_registration_key(tx, id),
        None => Ok(None),
    }
}

pub fn put_registration_key(tx: &WriteTx, key: &RegistrationKeyRecord) -> Result<()> {
    tx.put(&REGISTRATION_KEY_ID_BY_HASH, &key.secret_hash, &key.id)?;
    tx.put(&REGISTRATION_KEY_BY_ID, &key.id, key)
}

/// All, oldest first.
pub fn list_registration_keys(tx: &impl Reads) -> Result<Vec<RegistrationKeyRecord>> {
    let rows = tx.list_all(&REGISTRATION_KEY_BY_ID)?;
    Ok(rows.into_iter().map(|(_, key)| key).collect())
}

/// Newest first, from in front of `before`.
pub fn list_newest_registration_keys(
    tx: &impl Reads,
    before: Option<RegistrationKeyId>,
    limit: usize,
) -> Result<Vec<RegistrationKeyRecord>> {
    let rows = tx.list_back(&REGISTRATION_KEY_BY_ID, before.as_ref(), limit)?;
    Ok(rows.into_iter().map(|(_, key)| key).collect())
}

pub fn count_registration_keys(tx: &impl Reads) -> Result<u64> {
    tx.count(&REGISTRATION_KEY_BY_ID)
}

pub fn put_key_use(
    tx: &WriteTx,
    id: RegistrationKeyId,
    user_id: UserId,
    record: &KeyUseRecord,
) -> Result<()> {
    tx.put(&REGISTRATION_KEY_USE, &(id, user_id), record)
}

/// Forgets who it was; that the key was used still counts.
pub fn remove_key_use(tx: &WriteTx, id: RegistrationKeyId, user_id: UserId) -> Result<bool> {
    tx.remove(&REGISTRATION_KEY_USE, &(id, user_id))
}

/// Who used a key and is still here, first to last.
pub fn list_key_uses(
    tx: &impl Reads,
    id: RegistrationKeyId,
) -> Result<Vec<(UserId, KeyUseRecord)>> {
    let rows = tx.list(&REGISTRATION_KEY_USE, &id, None, usize::MAX)?;
    Ok(rows
        .into_iter()
        .map(|((_, user_id), record)| (user_id, record))
        .collect())
}
