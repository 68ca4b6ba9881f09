//! What administrators change: write plugins, turn them on and off, set them, throw them away.
//!
//! An edit is compiled, then written to the disk, then recorded, and only then takes the place of what
//! is there, whole; where the record cannot be written, or whoever wants it is no administrator any
//! more, the files are put back. So what is acknowledged is on the disk, and in force with the next
//! question that begins. What is deleted is forgotten first, and then its files go. What others must
//! not see half done holds `changing`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Administrator, NewPlugin, PluginChange, PluginDetails};
use crate::error::{Error, Reason, Result};
use crate::plugins::Plugins;
use crate::plugins::code::{self, Code, PluginFiles};
use crate::plugins::files;
use crate::plugins::hook::Hook;
use crate::plugins::manifest::{Manifest, is_plugin_name};
use crate::plugins::protocol::ScriptError;
use crate::plugins::shelf::{Origin, Plugin, as_relied_on, is_from_before};
use crate::store::WriteTx;
use crate::store::audit::{AuditEvent, append_audit};
use crate::store::plugins::{PluginRecord, put_plugin, remove_plugin};

impl Plugins {
    /// Adds a plugin, turned off.
    pub async fn create(
        self: &Arc<Self>,
        caller: &impl Administrator,
        new: NewPlugin,
    ) -> Result<PluginDetails> {
        caller.require_admin()?;
        if !is_plugin_name(&new.name) {
            let sentence = "a name has 1 to 40 lower-case letters, digits and -";
            let wrong = Error::invalid_field("name", sentence);
            return Err(wrong.with_limits(Reason::PluginNameMalformed, 1, 40));
        }
        let plugins = Arc::clone(self);
        let deed = Deed::of(caller, "plugin.created", &new.name, json!({}));
        self.to_its_end(async move {
            let _turn = plugins.changing.lock().await;
            if plugins.shelf.find(&new.name).is_some() {
                return Err(Error::conflict("there is a plugin of this name")
                    .with_details(json!({ "field": "name" }))
                    .with_reason(Reason::NameTaken));
            }
            let manifest = match new.manifest {
                Some(manifest) => manifest,
                None => plugins.manifest_for(&new.name, &new.source).await?,
            };
            let files = PluginFiles {
                manifest,
                source: new.source,
            };
            let code = Code::read_new(&new.name, files)?
                .check(&plugins.workshop)
                .await?;
            let written = plugins.write_files(&new.name, code).await?;
            let plugin = plugins
                .put_record(&new.name, Some(written), PluginRecord::default(), deed)
                .await?;
            plugins.details(&plugin).await
        })
        .await
    }

    async fn manifest_for(&self, name: &str, source: &str) -> Result<String> {
        let functions = code::compile(&self.workshop, source).await?;
        let defined = |hook: &Hook| {
            functions
                .iter()
                .any(|function| function.name == hook.name())
        };
        let hooks: Vec<Hook> = Hook::ALL.into_iter().filter(defined).collect();
        if hooks.is_empty() {
            let names = Hook::ALL.map(Hook::name).join(", ");
            let sentence = format!("the source defines none of the hooks: {names}");
            let wrong = Error::invalid_field("source", sentence);
            return Err(wrong.with_reason(Reason::PluginWithoutHook));
        }
        Ok(Manifest::text_for(name, &hooks))
    }

    /// Everything is checked before anything is changed.
    pub async fn change(
        self: &Arc<Self>,
        caller: &impl Administrator,
        name: &str,
        change: PluginChange,
    ) -> Result<PluginDetails> {
        caller.require_admin()?;
        let (plugins, name) = (Arc::clone(self), name.to_owned());
        let deed = Deed::of(caller, "plugin.changed", &name, change.told());
        self.to_its_end(async move {
            let _turn = plugins.changing.lock().await;
            let mut plugin = plugins.get_by_name(&name)?;
            let as_it_lies = change.source.is_none() && change.manifest.is_none();
            if plugin.code.is_none() && as_it_lies && change.enabled == Some(true) {
                // Whatever was wrong with the files, they may be good by now.
                plugins.reread(&name).await?;
                plugin = plugins.get_by_name(&name)?;
            }
            let code = plugins.changed_code(&plugin, &change).await?;
            let manifest = match &code {
                Some(code) => Some(&code.manifest),
                None => plugin.code.as_ref().map(|code| &code.manifest),
            };
            let record = changed_record(&plugin, manifest, &change)?;
            let written = match code {
                Some(code) => Some(plugins.write_files(&name, code).await?),
                None => None,
            };
            let plugin = plugins.put_record(&name, written, record, deed).await?;
            if change.enabled == Some(true) {
                plugin.failures.forget_all();
            }
            if !plugin.record.enabled {
                plugin.seat.clear().await;
            }
            plugins.details(&plugin).await
        })
        .await
    }

    /// None where the files stay as they are.
    async fn changed_code(&self, plugin: &Plugin, change: &PluginChange) -> Result<Option<Code>> {
        let turns_on = change.enabled == Some(true) && !plugin.record.enabled;
        if change.source.is_none() && change.manifest.is_none() {
            if let Some(code) = plugin.code.as_ref().filter(|_| turns_on) {
                let functions = code::compile(&self.workshop, &code.source).await?;
                code.check_functions(&functions)?;
            }
            return Ok(None);
        }
        let PluginFiles { manifest, source } = self.files_of(plugin).await?;
        let files = PluginFiles {
            manifest: change.manifest.clone().unwrap_or(manifest),
            source: change.source.clone().unwrap_or(source),
        };
        let read = match change.manifest {
            Some(_) => Code::read_new,
            None => Code::read,
        };
        let code = read(&plugin.name, files)?;
        Ok(Some(code.check(&self.workshop).await?))
    }

    /// Deletes a plugin with all it kept; of a shipped one, the copy that was edited.
    pub async fn delete(self: &Arc<Self>, caller: &impl Administrator, name: &str) -> Result<()> {
        caller.require_admin()?;
        let (plugins, name) = (Arc::clone(self), name.to_owned());
        let deed = Deed::of(caller, "plugin.deleted", &name, json!({}));
        self.to_its_end(async move {
            let _turn = plugins.changing.lock().await;
            let plugin = plugins.get_by_name(&name)?;
            if plugin.origin == Origin::Shipped {
                let sentence =
                    "this plugin comes with the house and cannot be deleted; turn it off";
                return Err(Error::conflict(sentence).with_reason(Reason::PluginShipped));
            }
            let is_own = plugin.origin == Origin::Own;
            // What is still on its way to the log must not come after.
            plugins.journal.flush().await;
            let key = name.clone();
            let write = move |tx: &WriteTx| {
                deed.append(tx)?;
                if is_own {
                    remove_plugin(tx, &key)?;
                }
                Ok(())
            };
            plugins.store.write(write).await?;
            let (folder, removed) = (plugins.folder.clone(), name.clone());
            let removing = tokio::task::spawn_blocking(move || files::remove(&folder, &removed));
            let removed = removing.await.map_err(Error::internal)?;
            match removed.is_ok() && is_own {
                true => plugins.shelf.remove(&name),
                false => plugins.look_at(&name).await,
            }
            if is_own {
                plugin.seat.clear().await;
            }
            removed.map_err(Error::internal)
        })
        .await
    }

    /// Writes files that were checked. They are taken over with their record.
    async fn write_files(&self, name: &str, code: Code) -> Result<Written> {
        let (folder, written, files) = (self.folder.clone(), name.to_owned(), code.files());
        let writing = tokio::task::spawn_blocking(move || {
            let before =
                files::find_stamp(&folder, &written).map(|_| files::read(&folder, &written));
            files::write(&folder, &written, &files)?;
            let opened = Plugin::open(&folder, &written, PluginRecord::default());
            Ok::<_, std::io::Error>((before, opened))
        });
        let (before, opened) = writing
            .await
            .map_err(Error::internal)?
            .map_err(Error::internal)?;
        let mut plugin = opened.ok_or_else(|| Error::internal("the plugin's files vanished"))?;
        if let Some(old) = self.shelf.find(name) {
            plugin.seat = Arc::clone(&old.seat);
        }
        plugin.code = Some(Arc::new(code));
        Ok(Written { plugin, before })
    }

    /// What lay there is there again, as far as it could be read.
    async fn unwrite(&self, written: Written) {
        let (folder, name) = (self.folder.clone(), written.plugin.name.clone());
        let undoing = tokio::task::spawn_blocking(move || match written.before {
            None => files::remove(&folder, &name),
            Some(Ok(before)) => files::write(&folder, &name, &before),
            Some(Err(_)) => Ok(()),
        });
        if let Ok(Err(error)) = undoing.await {
            tracing::error!(%error, "a plugin's files could not be put back");
        }
    }

    /// Writes the record, and then takes over what is new. Whatever an earlier plugin of this name
    /// left is not the new one's.
    async fn put_record(
        self: &Arc<Self>,
        name: &str,
        written: Option<Written>,
        record: PluginRecord,
        deed: Deed<impl Administrator>,
    ) -> Result<Arc<Plugin>> {
        let known = self.shelf.find(name);
        let (key, is_new) = (name.to_owned(), known.is_none());
        let code = written.as_ref().and_then(|it| it.plugin.code.clone());
        let code = code.or_else(|| known.as_ref().and_then(|known| known.code.clone()));
        let record = match &code {
            Some(code) => as_relied_on(record, &code.manifest),
            None => record,
        };
        let kept = record.clone();
        let write = move |tx: &WriteTx| {
            deed.append(tx)?;
            if is_new {
                remove_plugin(tx, &key)?;
            }
            put_plugin(tx, &key, &kept)
        };
        if let Err(error) = self.store.write(write).await {
            if let Some(written) = written {
                self.unwrite(written).await;
            }
            return Err(error);
        }
        let mut plugin = match (written, known) {
            (Some(written), _) => written.plugin,
            (None, Some(known)) => Plugin::clone(&known),
            (None, None) => return Err(Error::not_found("plugin")),
        };
        plugin.record = record;
        self.shelf.put(plugin);
        self.warm_now(name).await;
        self.get_by_name(name)
    }

    /// In a task of its own: a caller that leaves in the middle must not leave files without their
    /// record.
    async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.workshop
            .tasks
            .spawn(work)
            .await
            .map_err(Error::internal)?
    }
}

/// Files that are written, and not yet in force.
struct Written {
    plugin: Plugin,
    /// What lay there; None: nothing.
    before: Option<Result<PluginFiles, ScriptError>>,
}

fn changed_record(
    plugin: &Plugin,
    manifest: Option<&Manifest>,
    change: &PluginChange,
) -> Result<PluginRecord> {
    let mut record = plugin.record.clone();
    let unusable = || {
        Error::conflict("the plugin's files cannot be used; mend them first")
            .with_reason(Reason::PluginUnusable)
    };
    if let Some(enabled) = change.enabled {
        if enabled {
            manifest.ok_or_else(unusable)?;
            record.switched_off = None;
        }
        record.enabled = enabled;
    }
    if let Some(settings) = &change.settings {
        let manifest = manifest.ok_or_else(unusable)?;
        let mut given = plugin.given_settings();
        for (name, value) in settings {
            if value.is_null() {
                given.remove(name);
                continue;
            }
            let value = manifest.check_value(name, value);
            let value = value.map_err(|error| Error::invalid_field("settings", error))?;
            given.insert(name.clone(), value);
        }
        record.settings = Value::Object(given).to_string();
    }
    // Nothing that is too much by now stands in the way of turning it off.
    let is_weighed =
        change.settings.is_some() || change.manifest.is_some() || change.enabled == Some(true);
    if let Some(manifest) = manifest.filter(|_| is_weighed) {
        let given = serde_json::from_str(&record.settings).unwrap_or_default();
        let fitting = manifest.fitting_values(&given);
        fitting.map_err(|error| Error::invalid_field("settings", error))?;
    }
    if let Some(hosts) = &change.confirmed_hosts {
        let manifest = manifest.ok_or_else(unusable)?;
        if let Some(other) = hosts.iter().find(|host| !manifest.hosts.contains(host)) {
            return Err(Error::invalid_field(
                "confirmed_hosts",
                format!("the plugin does not ask for {other:?}"),
            ));
        }
        let is_from_before = |host: &&String| is_from_before(&record, host);
        record.hosts_from_before = Some(hosts.iter().filter(is_from_before).cloned().collect());
        record.confirmed_hosts.clone_from(hosts);
    }
    Ok(record)
}

/// What somebody does to a plugin.
struct Deed<A> {
    administrator: A,
    action: &'static str,
    plugin: String,
    details: Value,
}

impl<A: Administrator> Deed<A> {
    fn of(administrator: &A, action: &'static str, plugin: &str, details: Value) -> Self {
        Self {
            administrator: administrator.clone(),
            action,
            plugin: plugin.to_owned(),
            details,
        }
    }

    /// The first thing in the transaction that does it: refuses who may do nothing any more.
    fn append(&self, tx: &WriteTx) -> Result<()> {
        let event = AuditEvent {
            actor: self.administrator.still_actor(tx)?,
            action: self.action,
            subject: self.plugin.clone(),
            details: self.details.clone(),
        };
        append_audit(tx, &event)
    }
}

impl PluginChange {
    /// For the audit log: which parts, and no script; the plugin itself has that.
    fn told(&self) -> Value {
        let settings = self.settings.as_ref();
        json!({
            "enabled": self.enabled,
            "settings": settings.map(|settings| settings.keys().collect::<Vec<_>>()),
            "source": self.source.is_some(),
            "manifest": self.manifest.is_some(),
            "confirmed_hosts": self.confirmed_hosts,
        })
    }
}
