//! What administrators see of plugins; what they change stands in `admin/editing.rs`. Every function
//! here asks first whether it is one; what is written asks again in its transaction.

mod editing;

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Plugins;
use super::code::PluginFiles;
use super::hook::Hook;
use super::manifest::{DataKind, OnFailure, Setting};
use super::protocol::ScriptError;
use super::shelf::{Origin, Plugin, read_files};
use crate::error::{Error, Result};
use crate::store::WriteTx;
use crate::store::audit::AuditActor;
use crate::store::plugins::{PluginLogRecord, PluginRecord, SwitchedOffRecord};

/// Somebody of whom can be asked whether they are one. `accounts` knows who.
pub trait Administrator: Clone + Send + Sync + 'static {
    fn require_admin(&self) -> Result<()>;

    /// As they stand in the audit log. Refuses who is none any more: the first thing in every
    /// transaction that writes for one.
    fn still_actor(&self, tx: &WriteTx) -> Result<AuditActor>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginState {
    Off,
    On,
    /// Failed too often; it is not called until an administrator turns it on again.
    SwitchedOff,
    /// There is nothing to call: its files are gone, cannot be read, or do not compile, and nothing
    /// better was there since the house started.
    Broken,
}

#[derive(Debug, Clone)]
pub struct PluginSummary {
    pub name: String,
    pub version: String,
    pub description: String,
    pub hooks: Vec<Hook>,
    pub origin: Origin,
    pub enabled: bool,
    pub state: PluginState,
    pub switched_off: Option<SwitchedOffRecord>,
    /// Each with the value it has.
    pub settings: Vec<(Setting, Value)>,
    /// Each with whether it was confirmed.
    pub hosts: Vec<(String, bool)>,
    pub data: Vec<DataKind>,
    pub on_failure: Option<OnFailure>,
    /// In a row, of the hook that failed most.
    pub failures: u32,
    /// What is wrong with the files as they are now.
    pub error: Option<ScriptError>,
}

#[derive(Debug, Clone)]
pub struct PluginDetails {
    pub summary: PluginSummary,
    /// `main.rhai`, as it is in force; as it lies there where it never was.
    pub source: String,
    /// `plugin.toml`, likewise.
    pub manifest: String,
}

#[derive(Debug, Clone)]
pub struct NewPlugin {
    pub name: String,
    /// None: one that names the hooks the source defines.
    pub manifest: Option<String>,
    pub source: String,
}

/// None leaves a part as it is.
#[derive(Debug, Clone, Default)]
pub struct PluginChange {
    pub enabled: Option<bool>,
    /// By name; null is the default again.
    pub settings: Option<Map<String, Value>>,
    pub source: Option<String>,
    pub manifest: Option<String>,
    /// All that are confirmed from now on.
    pub confirmed_hosts: Option<Vec<String>>,
}

impl PluginSummary {
    fn of(plugin: &Plugin) -> Self {
        let manifest = plugin.code.as_ref().map(|code| &code.manifest);
        let given = plugin.given_settings();
        let values = manifest
            .map(|manifest| manifest.values(&given))
            .unwrap_or_default();
        let valued = |setting: &Setting| {
            let value = values.get(&setting.name).cloned().unwrap_or_default();
            (setting.clone(), value)
        };
        let confirmed =
            |host: &String| (host.clone(), plugin.record.confirmed_hosts.contains(host));
        Self {
            name: plugin.name.clone(),
            version: manifest.map(|it| it.version.clone()).unwrap_or_default(),
            description: manifest
                .map(|it| it.description.clone())
                .unwrap_or_default(),
            hooks: manifest.map(|it| it.hooks.clone()).unwrap_or_default(),
            origin: plugin.origin,
            enabled: plugin.record.enabled,
            state: match (&plugin.code, &plugin.record) {
                (None, _) => PluginState::Broken,
                (_, PluginRecord { enabled: false, .. }) => PluginState::Off,
                (_, record) if record.switched_off.is_some() => PluginState::SwitchedOff,
                _ => PluginState::On,
            },
            switched_off: plugin.record.switched_off.clone(),
            settings: manifest
                .map(|it| it.settings.iter().map(valued).collect())
                .unwrap_or_default(),
            hosts: manifest
                .map(|it| it.hosts.iter().map(confirmed).collect())
                .unwrap_or_default(),
            data: manifest.map(|it| it.data.clone()).unwrap_or_default(),
            on_failure: manifest.and_then(|it| it.on_failure),
            failures: plugin.failures.most(),
            error: plugin.trouble.clone(),
        }
    }
}

impl Plugins {
    /// All, by name.
    pub fn list(&self, caller: &impl Administrator) -> Result<Vec<PluginSummary>> {
        caller.require_admin()?;
        let plugins = self.shelf.list();
        Ok(plugins
            .iter()
            .map(|plugin| PluginSummary::of(plugin))
            .collect())
    }

    pub async fn get(&self, caller: &impl Administrator, name: &str) -> Result<PluginDetails> {
        caller.require_admin()?;
        self.details(&self.get_by_name(name)?).await
    }

    async fn details(&self, plugin: &Arc<Plugin>) -> Result<PluginDetails> {
        let PluginFiles { manifest, source } = self.files_of(plugin).await?;
        Ok(PluginDetails {
            summary: PluginSummary::of(plugin),
            source,
            manifest,
        })
    }

    /// As they are in force; as they lie there where nothing is; empty where they cannot be read.
    async fn files_of(&self, plugin: &Plugin) -> Result<PluginFiles> {
        if let Some(code) = &plugin.code {
            return Ok(code.files());
        }
        let (folder, name) = (self.folder.clone(), plugin.name.clone());
        let reading = tokio::task::spawn_blocking(move || read_files(&folder, &name));
        let read = reading.await.map_err(Error::internal)?;
        Ok(read.and_then(Result::ok).unwrap_or_default())
    }

    pub(super) fn get_by_name(&self, name: &str) -> Result<Arc<Plugin>> {
        self.shelf
            .find(name)
            .ok_or_else(|| Error::not_found("plugin"))
    }

    /// The latest first, those before the entry `before`, each with its number.
    pub async fn list_log(
        &self,
        caller: &impl Administrator,
        name: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, PluginLogRecord)>> {
        caller.require_admin()?;
        self.get_by_name(name)?;
        self.journal.list(name.to_owned(), before, limit).await
    }
}
