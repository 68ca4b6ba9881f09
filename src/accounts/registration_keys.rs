//! Registration keys: who has one may make an account and is given what the key carries. A key is
//! shown once and kept as a hash; its uses are counted in the transaction that makes the account.

use serde_json::json;

use super::audit::audited_by;
use super::groups::checked_groups;
use super::key_text::{BadLine, Problem, bad_lines, keys_of_text, new_key, prefix_of, readings};
use super::rights::Issuer;
use super::scan::scan_back;
use super::validity::is_plain_line;
use super::{Accounts, AuditActor, Caller};
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, Reason, Result};
use crate::ids::{RegistrationKeyId, UserId};
use crate::secrets::hash_secret;
pub use crate::store::registration_keys::{KeyGrants, KeyUseRecord, RegistrationKeyRecord};
use crate::store::registration_keys::{
    count_registration_keys, find_registration_key, find_registration_key_by_hash, list_key_uses,
    list_newest_registration_keys, list_registration_keys, put_key_use, put_registration_key,
};
use crate::store::users::UserRecord;
use crate::store::{Reads, WriteTx};

const KEYS_LIMIT: u64 = 100_000;
const AT_ONCE: usize = 5_000;
const USES_LIMIT: u32 = 1_000_000;
const NOTE_LIMIT: usize = 200;

/// What all keys of one batch have in common.
#[derive(Debug, Clone)]
pub struct NewKeys {
    pub grants: KeyGrants,
    pub note: String,
    pub expires_at: Option<UnixMs>,
    /// Of each.
    pub uses_allowed: u32,
}

/// A key that was just made; it leaves the house once.
pub struct IssuedKey {
    pub record: RegistrationKeyRecord,
    pub key: String,
}

/// Whether a key makes accounts, or why not. Of several reasons the first of these holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    Revoked,
    Expired,
    UsedUp,
    Usable,
}

impl KeyState {
    pub fn of(key: &RegistrationKeyRecord, now: UnixMs) -> Self {
        match key {
            _ if key.revoked_at.is_some() => Self::Revoked,
            _ if key.expires_at.is_some_and(|until| until <= now) => Self::Expired,
            _ if key.uses >= key.uses_allowed => Self::UsedUp,
            _ => Self::Usable,
        }
    }
}

/// Which keys are wanted.
#[derive(Debug, Clone, Default)]
pub struct KeyFilter {
    pub state: Option<KeyState>,
    /// Stands in the note, or in what is shown of the key, whatever the case.
    pub text: String,
}

impl KeyFilter {
    fn takes(&self, key: &RegistrationKeyRecord, now: UnixMs) -> bool {
        let holds = |text: &str| text.to_lowercase().contains(&self.text);
        self.state
            .is_none_or(|state| KeyState::of(key, now) == state)
            && (self.text.is_empty() || holds(&key.note) || holds(&key.prefix))
    }
}

pub struct KeyPage {
    /// May be fewer than were asked for, also none, where there is a next page.
    pub keys: Vec<RegistrationKeyRecord>,
    /// Give it as `before` for the next page; None: this was the last.
    pub next_before: Option<RegistrationKeyId>,
}

impl Accounts {
    pub async fn generate_keys(
        &self,
        caller: &Caller,
        count: usize,
        new: NewKeys,
    ) -> Result<Vec<IssuedKey>> {
        caller.require_may_make(new.grants.role)?;
        self.generate(Issuer::of(caller), count, new).await
    }

    /// For the command line, whose right is the data folder itself.
    pub async fn generate_keys_as(
        &self,
        actor: AuditActor,
        count: usize,
        new: NewKeys,
    ) -> Result<Vec<IssuedKey>> {
        self.generate(Issuer::Folder(actor), count, new).await
    }

    async fn generate(&self, issuer: Issuer, count: usize, new: NewKeys) -> Result<Vec<IssuedKey>> {
        if !(1..=AT_ONCE).contains(&count) {
            let sentence = format!("1 to {AT_ONCE} keys are made at once");
            let wrong = Error::invalid_field("count", sentence);
            return Err(wrong.with_limits(Reason::OutOfRange, 1, AT_ONCE));
        }
        let keys: Vec<String> = (0..count).map(|_| new_key()).collect();
        self.issue(issuer, keys, new).await
    }

    /// Takes keys that others made, a key a line. All or none.
    pub async fn load_keys(
        &self,
        caller: &Caller,
        text: &str,
        new: NewKeys,
    ) -> Result<Vec<RegistrationKeyRecord>> {
        caller.require_may_make(new.grants.role)?;
        self.load(Issuer::of(caller), text, new).await
    }

    /// The same for the command line.
    pub async fn load_keys_as(
        &self,
        actor: AuditActor,
        text: &str,
        new: NewKeys,
    ) -> Result<Vec<RegistrationKeyRecord>> {
        self.load(Issuer::Folder(actor), text, new).await
    }

    async fn load(
        &self,
        issuer: Issuer,
        text: &str,
        new: NewKeys,
    ) -> Result<Vec<RegistrationKeyRecord>> {
        let keys = keys_of_text(text).map_err(|bad| bad_lines(&bad))?;
        if keys.is_empty() {
            let sentence = "there is no key in this text";
            return Err(Error::invalid(sentence).with_reason(Reason::NoKeyInText));
        }
        if keys.len() > AT_ONCE {
            let sentence = format!("at most {AT_ONCE} keys are loaded at once");
            return Err(Error::invalid(sentence)
                .with_reason(Reason::TooManyKeysAtOnce)
                .with_details(json!({ "maximum": AT_ONCE })));
        }
        self.check_none_is_known(&keys).await?;
        let keys = keys.into_iter().map(|(_, key)| key).collect();
        let issued = self.issue(issuer, keys, new).await?;
        Ok(issued.into_iter().map(|issued| issued.record).collect())
    }

    async fn check_none_is_known(&self, keys: &[(usize, String)]) -> Result<()> {
        let hashes: Vec<_> = keys
            .iter()
            .map(|(line, key)| (*line, hash_secret(key)))
            .collect();
        let known = self.store.read(move |tx| {
            let mut known = Vec::new();
            for (line, hash) in hashes {
                if find_registration_key_by_hash(tx, &hash)?.is_some() {
                    let problem = Problem::Known;
                    known.push(BadLine { line, problem });
                }
            }
            Ok(known)
        });
        match known.await? {
            known if known.is_empty() => Ok(()),
            known => Err(bad_lines(&known)),
        }
    }

    async fn issue(
        &self,
        issuer: Issuer,
        keys: Vec<String>,
        new: NewKeys,
    ) -> Result<Vec<IssuedKey>> {
        let mut new = checked(new)?;
        let ids = new.grants.group_ids;
        new.grants.group_ids = self.store.read(move |tx| checked_groups(tx, &ids)).await?;
        let records: Vec<RegistrationKeyRecord> = keys
            .iter()
            .map(|key| record_of(key, &new, &issuer))
            .collect();
        let stored = records.clone();
        self.store
            .write(move |tx| {
                let actor = issuer.actor(tx)?;
                // One may have gone since.
                checked_groups(tx, &new.grants.group_ids)?;
                if count_registration_keys(tx)? + stored.len() as u64 > KEYS_LIMIT {
                    let sentence = format!("a house has at most {KEYS_LIMIT} registration keys");
                    return Err(Error::conflict(sentence)
                        .with_reason(Reason::TooManyKeys)
                        .with_details(json!({ "maximum": KEYS_LIMIT })));
                }
                for record in &stored {
                    if find_registration_key_by_hash(tx, &record.secret_hash)?.is_some() {
                        let sentence = "one of these keys is in the house already";
                        return Err(Error::conflict(sentence).with_reason(Reason::KeyKnown));
                    }
                    put_registration_key(tx, record)?;
                }
                let details = json!({
                    "count": stored.len(),
                    "role": new.grants.role,
                    "uses_allowed": new.uses_allowed,
                });
                audited_by(tx, actor, "registration_keys.made", &new.note, details)
            })
            .await?;
        let issued = records.into_iter().zip(keys);
        Ok(issued
            .map(|(record, key)| IssuedKey { record, key })
            .collect())
    }

    /// Newest first, from in front of `before`.
    pub async fn list_keys(
        &self,
        caller: &Caller,
        mut filter: KeyFilter,
        before: Option<RegistrationKeyId>,
        limit: usize,
    ) -> Result<KeyPage> {
        caller.require_admin()?;
        filter.text = filter.text.trim().to_lowercase();
        self.store
            .read(move |tx| {
                let now = now_ms();
                let page = scan_back(
                    before,
                    limit,
                    |before, limit| list_newest_registration_keys(tx, before, limit),
                    |key| key.id,
                    |key| filter.takes(key, now),
                )?;
                Ok(KeyPage {
                    keys: page.found,
                    next_before: page.next_before,
                })
            })
            .await
    }

    /// For the command line.
    pub async fn list_all_keys(&self) -> Result<Vec<RegistrationKeyRecord>> {
        self.store.read(list_registration_keys).await
    }

    /// First to last.
    pub async fn list_key_uses(
        &self,
        caller: &Caller,
        id: RegistrationKeyId,
    ) -> Result<Vec<(UserId, KeyUseRecord)>> {
        caller.require_admin()?;
        self.store
            .read(move |tx| {
                get_key(tx, id)?;
                list_key_uses(tx, id)
            })
            .await
    }

    /// It makes no more accounts; those it made stay.
    pub async fn revoke_key(&self, caller: &Caller, id: RegistrationKeyId) -> Result<()> {
        caller.require_admin()?;
        let issuer = Issuer::of(caller);
        self.store
            .write(move |tx| revoke(tx, issuer.actor(tx)?, get_key(tx, id)?))
            .await
    }

    /// For the command line: by the key itself or by its id.
    pub async fn revoke_key_named(&self, key: &str) -> Result<()> {
        let (key, id) = (key.to_owned(), RegistrationKeyId::parse(key));
        self.store
            .write(move |tx| {
                let found = match id {
                    Some(id) => find_registration_key(tx, id)?,
                    None => find_typed_key(tx, &key)?,
                };
                let found = found.ok_or_else(|| Error::not_found("registration key"))?;
                revoke(tx, AuditActor::CommandLine, found)
            })
            .await
    }
}

pub(super) fn revoke(tx: &WriteTx, actor: AuditActor, key: RegistrationKeyRecord) -> Result<()> {
    if key.revoked_at.is_some() {
        return Ok(());
    }
    let revoked_at = Some(now_ms());
    let key = RegistrationKeyRecord { revoked_at, ..key };
    put_registration_key(tx, &key)?;
    let details = json!({ "note": key.note, "uses": key.uses });
    audited_by(tx, actor, "registration_key.revoked", &key.prefix, details)
}

fn get_key(tx: &impl Reads, id: RegistrationKeyId) -> Result<RegistrationKeyRecord> {
    find_registration_key(tx, id)?.ok_or_else(|| Error::not_found("registration key"))
}

/// However it was typed.
fn find_typed_key(tx: &impl Reads, typed: &str) -> Result<Option<RegistrationKeyRecord>> {
    for reading in readings(typed) {
        if let Some(key) = find_registration_key_by_hash(tx, &hash_secret(&reading))? {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// The key somebody registers with, as long as it makes accounts. Only who holds the key hears why
/// it does not.
pub(super) fn get_good_key(tx: &impl Reads, typed: &str) -> Result<RegistrationKeyRecord> {
    let refused = |reason: Reason, sentence: &str| {
        Error::forbidden(sentence)
            .with_details(json!({ "field": "registration_key" }))
            .with_reason(reason)
    };
    let unknown = "there is no such registration key; check how it is written";
    let key = find_typed_key(tx, typed)?.ok_or_else(|| refused(Reason::KeyUnknown, unknown))?;
    let (reason, sentence) = match KeyState::of(&key, now_ms()) {
        KeyState::Usable => return Ok(key),
        KeyState::Revoked => (Reason::KeyWithdrawn, "this registration key was withdrawn"),
        KeyState::Expired => (
            Reason::KeyExpired,
            "the time of this registration key is over",
        ),
        KeyState::UsedUp => (Reason::KeyUsedUp, "this registration key was used up"),
    };
    Err(refused(reason, sentence))
}

/// Counts a use, in the transaction that makes the account.
pub(super) fn use_key(
    tx: &WriteTx,
    mut key: RegistrationKeyRecord,
    user: &UserRecord,
) -> Result<()> {
    key.uses += 1;
    put_registration_key(tx, &key)?;
    let used = KeyUseRecord {
        at: now_ms(),
        username: user.username.clone(),
    };
    put_key_use(tx, key.id, user.id, &used)
}

fn record_of(key: &str, new: &NewKeys, issuer: &Issuer) -> RegistrationKeyRecord {
    RegistrationKeyRecord {
        id: RegistrationKeyId::generate(),
        secret_hash: hash_secret(key),
        prefix: prefix_of(key),
        grants: new.grants.clone(),
        note: new.note.clone(),
        expires_at: new.expires_at,
        uses_allowed: new.uses_allowed,
        uses: 0,
        created_at: now_ms(),
        revoked_at: None,
        made_by: issuer.user_id(),
    }
}

fn checked(mut new: NewKeys) -> Result<NewKeys> {
    new.note = new.note.trim().to_owned();
    if !is_plain_line(&new.note, NOTE_LIMIT) {
        let sentence = format!("a note is one line of up to {NOTE_LIMIT} characters");
        let wrong = Error::invalid_field("note", sentence);
        return Err(wrong.with_limits(Reason::NotOneLine, 0, NOTE_LIMIT));
    }
    if !(1..=USES_LIMIT).contains(&new.uses_allowed) {
        let sentence = format!("a key makes 1 to {USES_LIMIT} accounts");
        let wrong = Error::invalid_field("uses_allowed", sentence);
        return Err(wrong.with_limits(Reason::OutOfRange, 1, USES_LIMIT));
    }
    if new.expires_at.is_some_and(|until| until <= now_ms()) {
        let over = Error::invalid_field("expires_at", "this time is over already");
        return Err(over.with_reason(Reason::TimeIsOver));
    }
    Ok(new)
}
