//! Personal API keys: for programs that act for somebody, with no more rights than their scopes say.
//! A key has 256 random bits, is shown once and kept as a hash. Making and ending keys takes a
//! session, and so does everything that would give a key more than it has: making administrators and
//! links that let somebody in, deciding who becomes one, opening others' conversations.

use super::access::{Access, AccessKind};
use super::audit::audited;
use super::caller::Means;
use super::sessions::caller_of;
use super::validity::is_plain_line;
use super::{Accounts, Caller, Purpose, UserRole, Visitor};
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, Reason, Result};
use crate::ids::{ApiKeyId, UserId};
use crate::secrets::{hash_secret, random_secret};
use crate::store::api_keys::{
    ApiKeyRecord, ApiKeyScope, find_api_key, find_api_key_by_hash, list_api_keys_of, put_api_key,
    remove_api_key,
};
use crate::store::{Reads, WriteTx};

/// What every key begins with, so that it is known for one wherever it turns up.
const PREFIX: &str = "chk_";
const SHOWN_CHARACTERS: usize = PREFIX.len() + 6;
const KEYS_LIMIT: usize = 50;
const NAME_LIMIT: usize = 64;
const USED_EVERY_MS: UnixMs = 60 * 60 * 1000;

pub struct NewApiKey {
    pub name: String,
    pub scopes: Vec<ApiKeyScope>,
    pub expires_at: Option<UnixMs>,
}

/// A key that was just made; its secret leaves the house once.
pub struct IssuedApiKey {
    pub record: ApiKeyRecord,
    pub secret: String,
}

impl Accounts {
    pub async fn list_api_keys(&self, caller: &Caller) -> Result<Vec<ApiKeyRecord>> {
        caller.require(Purpose::OwnAccount)?;
        let user_id = caller.user_id;
        self.store
            .read(move |tx| list_api_keys_of(tx, user_id))
            .await
    }

    pub async fn create_api_key(&self, caller: &Caller, new: NewApiKey) -> Result<IssuedApiKey> {
        caller.require(Purpose::OwnAccount)?;
        if new.scopes.contains(&ApiKeyScope::Admin) && caller.role() == UserRole::User {
            return Err(
                Error::forbidden("only who helps to run the house has keys for that")
                    .with_details(serde_json::json!({ "field": "scopes" })),
            );
        }
        let secret = format!("{PREFIX}{}", random_secret());
        let record = new_record(caller, new, &secret)?;
        let (stored, caller) = (record.clone(), caller.clone());
        self.store
            .write(move |tx| {
                let details =
                    serde_json::json!({ "prefix": stored.prefix, "scopes": stored.scopes });
                audited(tx, &caller, "api_key.created", &stored.name, details)?;
                check_feature(tx, &caller)?;
                if list_api_keys_of(tx, stored.user_id)?.len() >= KEYS_LIMIT {
                    let sentence = format!(
                        "nobody has more than {KEYS_LIMIT} API keys; end one that is not needed"
                    );
                    return Err(Error::conflict(sentence)
                        .with_reason(Reason::TooManyApiKeys)
                        .with_details(serde_json::json!({ "maximum": KEYS_LIMIT })));
                }
                put_api_key(tx, &stored)
            })
            .await?;
        Ok(IssuedApiKey { record, secret })
    }

    pub async fn delete_api_key(&self, caller: &Caller, id: ApiKeyId) -> Result<()> {
        caller.require(Purpose::OwnAccount)?;
        let caller = caller.clone();
        self.write_rights(move |tx| {
            let key = find_api_key(tx, id)?
                .filter(|key| key.user_id == caller.user_id)
                .ok_or_else(|| Error::not_found("API key"))?;
            remove_api_key(tx, &key)?;
            let details = serde_json::json!({ "prefix": key.prefix });
            audited(tx, &caller, "api_key.ended", &key.name, details)
        })
        .await
    }

    /// Whether a credential claims to be an API key.
    pub fn is_api_key(credential: &str) -> bool {
        credential.starts_with(PREFIX)
    }

    pub async fn caller_by_api_key(&self, visitor: &Visitor, secret: &str) -> Result<Caller> {
        let hash = hash_secret(secret);
        let found = self
            .store
            .read(move |tx| {
                let Some(key) = find_api_key_by_hash(tx, &hash)? else {
                    return Ok(None);
                };
                if key.expires_at.is_some_and(|until| until <= now_ms()) {
                    return Err(no_key());
                }
                let means = Means::ApiKey(key.id, key.scopes.clone());
                let caller = caller_of(tx, key.user_id, means)?;
                check_feature(tx, &caller)?;
                Ok(Some((caller, key)))
            })
            .await?;
        let Some((caller, key)) = found else {
            return Err(self.throttle.refuse_credential(visitor, no_key()).await);
        };
        let used_long_ago = |at| at < now_ms() - USED_EVERY_MS;
        if key.last_used_at.is_none_or(used_long_ago)
            && let Err(error) = self.note_use(key.id).await
        {
            // A disk that takes no writes must not keep anybody from reading.
            tracing::warn!(%error, "the use of an API key was not written down");
        }
        Ok(caller)
    }

    async fn note_use(&self, id: ApiKeyId) -> Result<()> {
        self.store
            .write(move |tx| {
                // It may have been ended since it was read.
                let Some(mut key) = find_api_key(tx, id)? else {
                    return Ok(());
                };
                key.last_used_at = Some(now_ms());
                put_api_key(tx, &key)
            })
            .await
    }
}

fn check_feature(tx: &impl Reads, caller: &Caller) -> Result<()> {
    match Access::of(tx, caller)?.allows(AccessKind::Feature, "api_keys") {
        true => Ok(()),
        false => Err(Error::forbidden("your groups may not use API keys")
            .with_reason(Reason::ApiKeysNotAllowed)),
    }
}

fn no_key() -> Error {
    Error::unauthenticated("this API key is not good, or not good any more")
}

fn new_record(caller: &Caller, new: NewApiKey, secret: &str) -> Result<ApiKeyRecord> {
    let name = new.name.trim();
    if name.is_empty() || !is_plain_line(name, NAME_LIMIT) {
        let sentence = format!("the name of a key has 1 to {NAME_LIMIT} characters");
        let wrong = Error::invalid_field("name", sentence);
        return Err(wrong.with_limits(Reason::NotOneLine, 1, NAME_LIMIT));
    }
    if new.scopes.is_empty() {
        let missing = Error::invalid_field("scopes", "a key needs at least one scope");
        return Err(missing.with_reason(Reason::ScopeNeeded));
    }
    if new.expires_at.is_some_and(|until| until <= now_ms()) {
        let over = Error::invalid_field("expires_at", "this time is over already");
        return Err(over.with_reason(Reason::TimeIsOver));
    }
    let mut scopes = Vec::new();
    for scope in new.scopes {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(ApiKeyRecord {
        id: ApiKeyId::generate(),
        user_id: caller.user_id,
        name: name.to_owned(),
        prefix: secret.chars().take(SHOWN_CHARACTERS).collect(),
        secret_hash: hash_secret(secret),
        scopes,
        created_at: now_ms(),
        expires_at: new.expires_at,
        last_used_at: None,
    })
}

/// Ends every key of a user. Gives how many there were.
pub(super) fn remove_api_keys(tx: &WriteTx, user_id: UserId) -> Result<usize> {
    let keys = list_api_keys_of(tx, user_id)?;
    for key in &keys {
        remove_api_key(tx, key)?;
    }
    Ok(keys.len())
}
