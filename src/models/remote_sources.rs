//! Remote sources: other servers whose models the house offers beside its own.
//!
//! Administrators add, change and remove them while the house runs; what is stored is what the
//! engine is handed, right after it was written. A key is sealed before it is stored, is never
//! given out again, and goes to no server it was not entered for.

#[cfg(test)]
#[path = "remote_sources_tests.rs"]
mod tests;

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::accounts::{Caller, check_caller};
use crate::clock::now_ms;
use crate::engine::remote::{
    AddressCheck, AddressStatus, ApiKey, Continuation, RemoteEngine, RemoteOptions, RemoteSource,
    base_address, origin_of,
};
use crate::error::{Error, Reason, Result};
use crate::ids::RemoteSourceId;
use crate::secrets::SealingKey;
use crate::store::Store;
use crate::store::remote_sources::{
    RemoteSourceRecord, find_remote_source, list_remote_sources, put_remote_source,
    remove_remote_source,
};

const MAX_SOURCES: usize = 64;
const KEY_PURPOSE: &str = "keys of remote sources";

pub struct RemoteSources {
    store: Arc<Store>,
    engine: Arc<RemoteEngine>,
    sealing: SealingKey,
    /// Held from the look into the store until the engine has what was found there.
    applying: Mutex<()>,
}

/// A source as it is kept, and how it is doing.
pub struct RemoteSourceView {
    pub record: RemoteSourceRecord,
    /// Whether there is a key that can be used.
    pub has_key: bool,
    pub status: Vec<AddressStatus>,
}

/// What is absent takes its default.
pub struct NewRemoteSource {
    pub name: String,
    pub addresses: Vec<String>,
    pub key: Option<String>,
    pub models: Vec<String>,
    /// None: the name and a slash.
    pub prefix: Option<String>,
    pub options: RemoteOptionsChange,
}

/// What is absent stays.
#[derive(Default)]
pub struct RemoteSourceChange {
    pub name: Option<String>,
    pub addresses: Option<Vec<String>>,
    /// An empty one removes it.
    pub key: Option<String>,
    pub models: Option<Vec<String>>,
    pub prefix: Option<String>,
    pub options: RemoteOptionsChange,
}

/// What is absent stays.
#[derive(Debug, Clone, Default)]
pub struct RemoteOptionsChange {
    pub continuation: Option<Option<Continuation>>,
    /// 0: not known.
    pub context_tokens: Option<u32>,
    pub parallel_requests: Option<u32>,
    pub connect_timeout_ms: Option<u64>,
    pub first_token_timeout_ms: Option<u64>,
    pub between_tokens_timeout_ms: Option<u64>,
}

impl RemoteOptionsChange {
    fn apply(&self, options: &mut RemoteOptions) {
        fn put<T: Clone>(field: &mut T, wanted: &Option<T>) {
            if let Some(wanted) = wanted {
                field.clone_from(wanted);
            }
        }
        put(&mut options.continuation, &self.continuation);
        let context = self
            .context_tokens
            .map(|tokens| (tokens > 0).then_some(tokens));
        put(&mut options.context_tokens, &context);
        put(&mut options.parallel_requests, &self.parallel_requests);
        put(&mut options.connect_timeout_ms, &self.connect_timeout_ms);
        put(
            &mut options.first_token_timeout_ms,
            &self.first_token_timeout_ms,
        );
        put(
            &mut options.between_tokens_timeout_ms,
            &self.between_tokens_timeout_ms,
        );
    }
}

impl RemoteSources {
    /// Hands the engine what is stored. `house_key` is what lies in the key file.
    pub async fn open(
        store: Arc<Store>,
        engine: Arc<RemoteEngine>,
        house_key: &[u8],
    ) -> Result<Self> {
        let sources = Self {
            store,
            engine,
            sealing: SealingKey::derive(house_key, KEY_PURPOSE),
            applying: Mutex::default(),
        };
        sources.apply().await?;
        Ok(sources)
    }

    pub async fn list(&self, caller: &Caller) -> Result<Vec<RemoteSourceView>> {
        caller.require_admin()?;
        let records = self.store.read(list_remote_sources).await?;
        Ok(records
            .into_iter()
            .map(|record| self.view(record))
            .collect())
    }

    pub async fn create(&self, caller: &Caller, new: NewRemoteSource) -> Result<RemoteSourceView> {
        caller.require_admin()?;
        let id = RemoteSourceId::generate();
        let mut record = RemoteSourceRecord {
            id,
            prefix: new.prefix.unwrap_or_else(|| format!("{}/", new.name)),
            name: new.name,
            addresses: base_addresses(&new.addresses)?,
            sealed_key: self.sealed(id, new.key.as_deref().unwrap_or_default())?,
            models: new.models,
            options: RemoteOptions::default(),
            created_at: now_ms(),
        };
        new.options.apply(&mut record.options);
        self.source_of(&record).validate()?;
        let (written, caller) = (record.clone(), caller.clone());
        self.store
            .write(move |tx| {
                check_caller(tx, &caller)?;
                if list_remote_sources(tx)?.len() >= MAX_SOURCES {
                    let sentence = format!("there can be no more than {MAX_SOURCES} sources");
                    return Err(Error::conflict(sentence)
                        .with_details(serde_json::json!({ "maximum": MAX_SOURCES }))
                        .with_reason(Reason::TooManySources));
                }
                put_remote_source(tx, &written)
            })
            .await?;
        self.apply().await?;
        Ok(self.view(record))
    }

    pub async fn change(
        &self,
        caller: &Caller,
        id: &str,
        change: RemoteSourceChange,
    ) -> Result<RemoteSourceView> {
        caller.require_admin()?;
        let id = parse_id(id)?;
        let addresses = change
            .addresses
            .as_deref()
            .map(base_addresses)
            .transpose()?;
        let sealed_key = match &change.key {
            Some(key) => Some(self.sealed(id, key)?),
            None => None,
        };
        let caller = caller.clone();
        let written = self.store.write(move |tx| {
            check_caller(tx, &caller)?;
            let mut record = find_remote_source(tx, &id)?.ok_or_else(no_such_source)?;
            if let Some(addresses) = &addresses {
                if sealed_key.is_none() {
                    key_stays_where_it_was(&record, addresses)?;
                }
                record.addresses.clone_from(addresses);
            }
            if let Some(sealed_key) = &sealed_key {
                record.sealed_key.clone_from(sealed_key);
            }
            record.name = change.name.clone().unwrap_or(record.name);
            record.models = change.models.clone().unwrap_or(record.models);
            record.prefix = change.prefix.clone().unwrap_or(record.prefix);
            change.options.apply(&mut record.options);
            described(&record, None).validate()?;
            put_remote_source(tx, &record)?;
            Ok(record)
        });
        let record = written.await?;
        self.apply().await?;
        Ok(self.view(record))
    }

    pub async fn delete(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.require_admin()?;
        let (id, caller) = (parse_id(id)?, caller.clone());
        let removed = self.store.write(move |tx| {
            check_caller(tx, &caller)?;
            remove_remote_source(tx, &id)
        });
        if !removed.await? {
            return Err(no_such_source());
        }
        self.apply().await
    }

    /// Asks each of its addresses now, and says what happened.
    pub async fn check(&self, caller: &Caller, id: &str) -> Result<Vec<AddressCheck>> {
        caller.require_admin()?;
        let id = parse_id(id)?;
        let record = self
            .store
            .read(move |tx| find_remote_source(tx, &id))
            .await?;
        let record = record.ok_or_else(no_such_source)?;
        self.engine.check(self.source_of(&record)).await
    }

    /// Whoever comes last hands over what is stored then.
    async fn apply(&self) -> Result<()> {
        let _turn = self.applying.lock().await;
        let records = self.store.read(list_remote_sources).await?;
        let sources: Vec<RemoteSource> = records
            .iter()
            .map(|record| self.source_of(record))
            .collect();
        for (record, source) in records.iter().zip(&sources) {
            if record.sealed_key.is_some() && source.key.is_none() {
                let source = &source.name;
                tracing::warn!(
                    source,
                    "the key of a remote source cannot be read; enter it again"
                );
            }
        }
        let engine = Arc::clone(&self.engine);
        // The first of them reads the system's certificates.
        tokio::task::spawn_blocking(move || engine.set_sources(sources))
            .await
            .map_err(Error::internal)?
    }

    fn view(&self, record: RemoteSourceRecord) -> RemoteSourceView {
        RemoteSourceView {
            has_key: self.open_key(&record).is_some(),
            status: self.engine.status(&record.id.to_string()),
            record,
        }
    }

    fn source_of(&self, record: &RemoteSourceRecord) -> RemoteSource {
        described(record, self.open_key(record))
    }

    /// None for an empty key.
    fn sealed(&self, id: RemoteSourceId, key: &str) -> Result<Option<Vec<u8>>> {
        if key.trim().is_empty() {
            return Ok(None);
        }
        let key = ApiKey::new(key).map_err(|reason| Error::invalid_field("api_key", reason))?;
        Ok(Some(self.sealing.seal(key.expose(), id.as_bytes())))
    }

    /// None also where the house's own key has changed since; the source then needs its key again.
    fn open_key(&self, record: &RemoteSourceRecord) -> Option<ApiKey> {
        let sealed = record.sealed_key.as_ref()?;
        let key = self.sealing.open(sealed, record.id.as_bytes())?;
        ApiKey::new(&key).ok()
    }
}

fn described(record: &RemoteSourceRecord, key: Option<ApiKey>) -> RemoteSource {
    RemoteSource {
        id: record.id.to_string(),
        name: record.name.clone(),
        addresses: record.addresses.clone(),
        key,
        models: record.models.clone(),
        prefix: record.prefix.clone(),
        options: record.options.clone(),
    }
}

fn base_addresses(given: &[String]) -> Result<Vec<String>> {
    let base = |address: &String| {
        base_address(address)
            .map_err(|reason| Error::invalid_field("addresses", format!("{address}: {reason}")))
    };
    given.iter().map(base).collect()
}

/// Whoever may change an address must not learn the key that way.
fn key_stays_where_it_was(record: &RemoteSourceRecord, addresses: &[String]) -> Result<()> {
    let known: Vec<String> = record.addresses.iter().map(|it| origin_of(it)).collect();
    let is_new = |address: &String| !known.contains(&origin_of(address));
    if record.sealed_key.is_some() && addresses.iter().any(is_new) {
        return Err(Error::invalid_field(
            "api_key",
            "enter the key again, since it would be sent to a new address",
        )
        .with_reason(Reason::SourceKeyNeededAgain));
    }
    Ok(())
}

fn parse_id(text: &str) -> Result<RemoteSourceId> {
    RemoteSourceId::parse(text).ok_or_else(no_such_source)
}

fn no_such_source() -> Error {
    Error::not_found("remote source")
}
