//! What the server does for a script: keep values, and speak to hosts that were confirmed.
//!
//! A plugin sees its own values and no others. In a dry run nothing is kept and nothing is posted:
//! what the script writes it reads again, until the run ends. What it asks of other servers it is
//! answered, as when it is on: a dry run is to show what the rule would do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::outgoing::{Destination, Outgoing};
use super::protocol::{HostAnswer, HostRequest};
use super::seat::Host;
use crate::error::{Error, ErrorKind, Result};
use crate::store::plugins::{
    find_plugin, find_plugin_value, list_plugin_values, put_plugin_value, remove_plugin_value,
};
use crate::store::{Store, WriteTx};

const MAX_KEY_BYTES: usize = 200;
const MAX_KEYS: usize = 1_000;
const MAX_VALUES_BYTES: usize = 1 << 20;
/// A store that needs longer for one value is slow, whatever the script asked for before.
const AMPLE: Duration = Duration::from_millis(200);

/// What a dry run wrote; None for what it removed.
pub(super) type Rehearsal = BTreeMap<String, Option<String>>;

/// The house as one plugin's script has it.
pub(super) struct Housework {
    pub(super) plugin: String,
    pub(super) hosts: Vec<Destination>,
    pub(super) store: Arc<Store>,
    pub(super) outgoing: Arc<Outgoing>,
    /// In a dry run.
    pub(super) rehearsal: Option<Mutex<Rehearsal>>,
    /// What the house owes the script of this call.
    pub(super) fault: OnceLock<String>,
}

impl Host for Housework {
    async fn perform(&self, request: HostRequest, until: Instant) -> HostAnswer {
        match request {
            HostRequest::HttpGet { url } => {
                self.outgoing.fetch(&self.hosts, &url, None, until).await
            }
            HostRequest::HttpPost { .. } if self.rehearsal.is_some() => {
                HostAnswer::Refused("a dry run posts nothing".into())
            }
            HostRequest::HttpPost { url, body } => {
                let body = Some(body);
                self.outgoing.fetch(&self.hosts, &url, body, until).await
            }
            stored => {
                let left = until.saturating_duration_since(Instant::now());
                let refusal = match tokio::time::timeout(left, self.keep(stored)).await {
                    Ok(Ok(answer)) => return answer,
                    Ok(Err(error)) if error.kind == ErrorKind::InvalidRequest => error.message,
                    Ok(Err(error)) => {
                        tracing::error!(%error, "a plugin's value cannot be kept");
                        self.fault.get_or_init(|| error.message).clone()
                    }
                    Err(_) => {
                        let late = "the store did not answer in time".to_owned();
                        if left >= AMPLE {
                            self.fault.get_or_init(|| late.clone());
                        }
                        late
                    }
                };
                HostAnswer::Refused(refusal)
            }
        }
    }

    fn fault(&self) -> Option<String> {
        self.fault.get().cloned()
    }
}

fn check_key(key: &str) -> Result<()> {
    match (1..=MAX_KEY_BYTES).contains(&key.len()) {
        true => Ok(()),
        false => Err(Error::invalid("a key has 1 to 200 bytes")),
    }
}

/// What is there, and what is added to it.
fn check_room(values: &[(String, String)], key: &str, json: &str) -> Result<()> {
    let others = values.iter().filter(|(known, _)| known != key);
    let (count, bytes) = others.fold(
        (1, key.len() + json.len()),
        |(count, bytes), (key, json)| (count + 1, bytes + key.len() + json.len()),
    );
    if count > MAX_KEYS || bytes > MAX_VALUES_BYTES {
        return Err(Error::invalid(
            "a plugin may keep 1,000 values and 1 MiB in all",
        ));
    }
    Ok(())
}

impl Housework {
    async fn keep(&self, request: HostRequest) -> Result<HostAnswer> {
        match &self.rehearsal {
            Some(rehearsal) => self.rehearse(request, rehearsal).await,
            None => self.really_keep(request).await,
        }
    }

    async fn really_keep(&self, request: HostRequest) -> Result<HostAnswer> {
        let plugin = self.plugin.clone();
        Ok(match request {
            HostRequest::StoreGet { key } => {
                let read = self
                    .store
                    .read(move |tx| find_plugin_value(tx, &plugin, &key));
                HostAnswer::Value(read.await?)
            }
            HostRequest::StoreSet { key, json } => {
                check_key(&key)?;
                // A refusal is a value: an error would have others' writes of this moment redone.
                let write = move |tx: &WriteTx| {
                    // Nothing is kept of a plugin that was deleted meanwhile.
                    if find_plugin(tx, &plugin)?.is_none() {
                        return Ok(HostAnswer::Done(false));
                    }
                    if let Err(error) = check_room(&list_plugin_values(tx, &plugin)?, &key, &json) {
                        return Ok(HostAnswer::Refused(error.message));
                    }
                    put_plugin_value(tx, &plugin, &key, json.clone())?;
                    Ok(HostAnswer::Done(true))
                };
                self.store.write(write).await?
            }
            HostRequest::StoreRemove { key } => {
                let write = move |tx: &WriteTx| remove_plugin_value(tx, &plugin, &key);
                HostAnswer::Done(self.store.write(write).await?)
            }
            HostRequest::StoreList { prefix } => {
                let read = self.store.read(move |tx| list_plugin_values(tx, &plugin));
                HostAnswer::Keys(with_prefix(
                    read.await?.into_iter().map(|row| row.0),
                    &prefix,
                ))
            }
            HostRequest::HttpGet { .. } | HostRequest::HttpPost { .. } => {
                HostAnswer::Refused("this is not kept".into())
            }
        })
    }

    async fn rehearse(
        &self,
        request: HostRequest,
        rehearsal: &Mutex<Rehearsal>,
    ) -> Result<HostAnswer> {
        let plugin = self.plugin.clone();
        let kept = self.store.read(move |tx| list_plugin_values(tx, &plugin));
        let mut values: BTreeMap<String, String> = kept.await?.into_iter().collect();
        let mut written = rehearsal.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, json) in written.iter() {
            match json {
                Some(json) => values.insert(key.clone(), json.clone()),
                None => values.remove(key),
            };
        }
        Ok(match request {
            HostRequest::StoreGet { key } => HostAnswer::Value(values.remove(&key)),
            HostRequest::StoreSet { key, json } => {
                check_key(&key)?;
                let all: Vec<_> = values.into_iter().collect();
                check_room(&all, &key, &json)?;
                written.insert(key, Some(json));
                HostAnswer::Done(true)
            }
            HostRequest::StoreRemove { key } => {
                let was_there = values.contains_key(&key);
                written.insert(key, None);
                HostAnswer::Done(was_there)
            }
            HostRequest::StoreList { prefix } => {
                HostAnswer::Keys(with_prefix(values.into_keys(), &prefix))
            }
            HostRequest::HttpGet { .. } | HostRequest::HttpPost { .. } => {
                HostAnswer::Refused("this is not kept".into())
            }
        })
    }
}

fn with_prefix(keys: impl Iterator<Item = String>, prefix: &str) -> Vec<String> {
    keys.filter(|key| key.starts_with(prefix)).collect()
}
