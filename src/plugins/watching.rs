//! Noticing that somebody changed a plugin's files behind the house's back.
//!
//! Looked at on a slow tick, so that no question waits for the disk. What cannot be used leaves the
//! old code answering. What is gone is gone; but a plugin that is on is then one without an answer.
//! Where the house could not look well, it looks again.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::files::{self, Stamp};
use super::seat::CallError;
use super::shelf::{self, Plugin, as_relied_on};
use super::{Plugins, code};
use crate::error::{Error, Result};
use crate::store::WriteTx;
use crate::store::plugins::{find_plugin, put_plugin};

const LOOK_INTERVAL: Duration = Duration::from_secs(1);

pub(super) async fn watch(plugins: Weak<Plugins>) {
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let Some(plugins) = plugins.upgrade() else {
            return;
        };
        plugins.look().await;
    }
}

impl Plugins {
    async fn look(self: &Arc<Self>) {
        let _turn = self.changing.lock().await;
        let folder = self.folder.clone();
        let seen = tokio::task::spawn_blocking(move || {
            let names = shelf::all_names(&folder).into_iter();
            let stamped = names.map(|name| (files::find_stamp(&folder, &name), name));
            stamped
                .map(|(stamp, name)| (name, stamp))
                .collect::<BTreeMap<String, Option<Stamp>>>()
        });
        // However this look ended, the next one may do better.
        let Ok(seen) = seen.await else { return };
        let known = self.shelf.list();
        for plugin in &known {
            let stamp = seen.get(&plugin.name);
            let known_gone = stamp.is_none() && plugin.stamp.is_none();
            if !known_gone && stamp != Some(&plugin.stamp) {
                self.look_at(&plugin.name).await;
            }
        }
        for name in seen.keys() {
            if !known.iter().any(|plugin| plugin.name == *name) {
                self.look_at(name).await;
            }
        }
    }

    /// Where that cannot be done now, the next look does it. The caller holds `changing`.
    pub(super) async fn look_at(self: &Arc<Self>, name: &str) {
        if let Err(error) = self.reread(name).await {
            tracing::debug!(plugin = name, %error, "a plugin's files are looked at again");
        }
    }

    /// Takes over the files of a plugin as they are now. The caller holds `changing`. The error is the
    /// house's: what is wrong with the files stands with the plugin.
    pub(super) async fn reread(self: &Arc<Self>, name: &str) -> Result<()> {
        let old = self.shelf.find(name);
        let kept = name.to_owned();
        let record = self.store.read(move |tx| find_plugin(tx, &kept)).await?;
        let record = record.unwrap_or_default();
        let (folder, opened, known) = (self.folder.clone(), name.to_owned(), record.clone());
        let opening = tokio::task::spawn_blocking(move || Plugin::open(&folder, &opened, known));
        let Some(mut plugin) = opening.await.map_err(Error::internal)? else {
            tracing::info!(plugin = name, "a plugin's files are gone");
            self.shelf.remove(name);
            return Ok(());
        };
        let is_gone = plugin.stamp.is_none() && plugin.code.is_none();
        if let Some(code) = plugin.code.take() {
            let functions = code::compile(&self.workshop, &code.source).await;
            let checked = functions.and_then(|functions| Ok(code.check_functions(&functions)?));
            match checked {
                Ok(()) => plugin.code = Some(code),
                Err(CallError::Failed(error)) => plugin.trouble = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(error) = &plugin.trouble {
            tracing::warn!(
                plugin = name,
                error = error.message,
                "a plugin's files cannot be used"
            );
        }
        if let Some(old) = old {
            plugin.seat = Arc::clone(&old.seat);
            // New code has not failed yet.
            if plugin.code.is_none() && !is_gone {
                plugin.code.clone_from(&old.code);
                plugin.failures = Arc::clone(&old.failures);
            }
        }
        plugin.record = match &plugin.code {
            Some(code) => as_relied_on(record.clone(), &code.manifest),
            // As far as the files say it.
            None if record.hooks.is_empty() => plugin.record,
            None => record.clone(),
        };
        if plugin.record != record {
            let (name, record) = (name.to_owned(), plugin.record.clone());
            let write = move |tx: &WriteTx| put_plugin(tx, &name, &record);
            self.store.write(write).await?;
        }
        self.shelf.put(plugin);
        self.warm(name);
        Ok(())
    }
}
