//! The plugins there are, as they are at this moment: files, what administrators decided, and how
//! they have been doing.
//!
//! A [`Plugin`] never changes; another takes its place. So whoever asks one asks a whole one, and an
//! edit is in force with the next question. A file that changed for the worse leaves the old code
//! answering, and says what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::code::{Code, PluginFiles};
use super::files::{self, Stamp};
use super::hook::Hook;
use super::manifest::{Manifest, OnFailure};
use super::outgoing::Destination;
use super::protocol::ScriptError;
use super::seat::Seat;
use super::shipped;
use crate::store::plugins::PluginRecord;

const GONE: &str = "its files are gone; put them back, turn it off, or delete it";

/// In a row, until a plugin is no longer asked.
pub(super) const MOST_FAILURES: u32 = 3;

/// Deaths in a row, without an answer between, that may be somebody else's doing.
const MOST_CHANCES: u32 = 2;

/// Whose files they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Shipped,
    Own,
    /// A shipped one, of which the data folder has a copy.
    Edited,
}

#[derive(Clone)]
pub(super) struct Plugin {
    pub(super) name: String,
    pub(super) origin: Origin,
    /// None where the files were never good since the house started.
    pub(super) code: Option<Arc<Code>>,
    /// What is wrong with the files as they are now.
    pub(super) trouble: Option<ScriptError>,
    /// Of the files in the data folder.
    pub(super) stamp: Option<Stamp>,
    pub(super) record: PluginRecord,
    pub(super) seat: Arc<Seat>,
    pub(super) failures: Arc<Failures>,
}

/// How often each hook failed in a row: one that answers does not hide one that never does.
#[derive(Default)]
pub(super) struct Failures {
    failed: [AtomicU32; Hook::ALL.len()],
    /// Its process was ended from outside in the middle of a call.
    killed: [AtomicU32; Hook::ALL.len()],
}

impl Failures {
    /// One more; how many that makes.
    pub(super) fn count(&self, hook: Hook) -> u32 {
        self.failed[hook as usize].fetch_add(1, Ordering::Relaxed) + 1
    }

    /// One more call in which its process was ended; whether that is chance no more.
    pub(super) fn is_killed_again(&self, hook: Hook) -> bool {
        self.killed[hook as usize].fetch_add(1, Ordering::Relaxed) >= MOST_CHANCES
    }

    pub(super) fn forget(&self, hook: Hook) {
        self.failed[hook as usize].store(0, Ordering::Relaxed);
        self.killed[hook as usize].store(0, Ordering::Relaxed);
    }

    pub(super) fn forget_all(&self) {
        Hook::ALL.into_iter().for_each(|hook| self.forget(hook));
    }

    /// Of the hook that failed most.
    pub(super) fn most(&self) -> u32 {
        let counts = self
            .failed
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        counts.max().unwrap_or_default()
    }
}

impl Plugin {
    /// Looks at the files; None where there are none, and nobody relies on them. Blocking.
    pub(super) fn open(folder: &Path, name: &str, mut record: PluginRecord) -> Option<Self> {
        let stamp = files::find_stamp(folder, name);
        let shipped = shipped::find(name);
        let (origin, found) = match (&stamp, shipped) {
            (Some(_), shipped) => {
                let origin = match shipped {
                    Some(_) => Origin::Edited,
                    None => Origin::Own,
                };
                (origin, files::read(folder, name))
            }
            (None, Some(files)) => (Origin::Shipped, Ok(files)),
            // A rule that vanished must not be a door that opened.
            (None, None) if record.enabled => (Origin::Own, Err(ScriptError::of_whole(GONE))),
            (None, None) => return None,
        };
        if let Ok(files) = &found
            && record.enabled
            && record.hooks.is_empty()
        {
            (record.hooks, record.on_failure) = Manifest::relied_on(&files.manifest);
        }
        let code = found.and_then(|files| Code::read(name, files));
        let (code, trouble) = match code {
            Ok(code) => (Some(Arc::new(code)), None),
            Err(error) => (None, Some(error)),
        };
        if let Some(code) = &code {
            record = as_relied_on(record, &code.manifest);
            if let Some(error) = code.manifest.outdated(&code.manifest_text) {
                let error = error.message;
                tracing::warn!(
                    plugin = name,
                    error,
                    "a plugin is as nobody may write one now"
                );
            }
        }
        Some(Self {
            name: name.to_owned(),
            origin,
            code,
            trouble,
            stamp,
            record,
            seat: Arc::default(),
            failures: Arc::default(),
        })
    }

    /// Those that were given.
    pub(super) fn given_settings(&self) -> Map<String, Value> {
        serde_json::from_str(&self.record.settings).unwrap_or_default()
    }

    /// Every setting with its value, as JSON.
    pub(super) fn settings_json(&self, code: &Code) -> String {
        Value::Object(code.manifest.values(&self.given_settings())).to_string()
    }

    /// Where it may go: what it asks for, as far as that was confirmed.
    pub(super) fn hosts(&self, code: &Code) -> Vec<Destination> {
        let confirmed = |host: &&String| self.record.confirmed_hosts.contains(host);
        let destination = |host: &String| Destination {
            host: host.clone(),
            is_from_before: is_from_before(&self.record, host),
        };
        let hosts = code.manifest.hosts.iter();
        hosts.filter(confirmed).map(destination).collect()
    }

    /// Whether somebody relies on its answer here. Where its files cannot be read, what stands in the
    /// record holds; where that says nothing, a silence that is a refusal is one.
    pub(super) fn answers(&self, hook: Hook) -> bool {
        let has = match &self.code {
            Some(code) => code.manifest.hooks.contains(&hook),
            None if self.record.hooks.is_empty() => hook.on_failure() == OnFailure::Refuse,
            None => self.record.hooks.iter().any(|name| name == hook.name()),
        };
        self.record.enabled && has
    }

    pub(super) fn on_failure(&self, hook: Hook) -> OnFailure {
        let own = match &self.code {
            Some(code) => code.manifest.on_failure,
            None => self.record.on_failure.as_deref().and_then(OnFailure::parse),
        };
        own.unwrap_or_else(|| hook.on_failure())
    }

    /// What is to be called; None: nobody calls it.
    pub(super) fn called(&self) -> Option<&Arc<Code>> {
        let is_on = self.record.enabled && self.record.switched_off.is_none();
        self.code.as_ref().filter(|_| is_on)
    }
}

/// Whether a host was confirmed when any name could lead into the house, and still is.
pub(super) fn is_from_before(record: &PluginRecord, host: &String) -> bool {
    let known = record.hosts_from_before.as_ref();
    record.confirmed_hosts.contains(host) && known.is_none_or(|known| known.contains(host))
}

/// The record of a plugin with these files: what it is relied on for, to be known without them, and
/// no host confirmed that it no longer asks for.
pub(super) fn as_relied_on(mut record: PluginRecord, manifest: &Manifest) -> PluginRecord {
    record
        .confirmed_hosts
        .retain(|host| manifest.hosts.contains(host));
    if record.enabled {
        let names = manifest.hooks.iter().map(|hook| hook.name().to_owned());
        record.hooks = names.collect();
        record.on_failure = manifest.on_failure.map(|it| it.name().to_owned());
    }
    record
}

/// All of them, by name.
#[derive(Default)]
pub(super) struct Shelf(Mutex<BTreeMap<String, Arc<Plugin>>>);

impl Shelf {
    pub(super) fn list(&self) -> Vec<Arc<Plugin>> {
        self.locked().values().cloned().collect()
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<Plugin>> {
        self.locked().get(name).cloned()
    }

    /// Those who are asked here, in the order of their names.
    pub(super) fn answering(&self, hook: Hook) -> Vec<Arc<Plugin>> {
        let shelf = self.locked();
        let answering = shelf.values().filter(|plugin| plugin.answers(hook));
        answering.cloned().collect()
    }

    pub(super) fn put(&self, plugin: Plugin) -> Arc<Plugin> {
        let plugin = Arc::new(plugin);
        self.locked()
            .insert(plugin.name.clone(), Arc::clone(&plugin));
        plugin
    }

    /// Takes out of use what turned out to be no good, unless something else is there by now.
    pub(super) fn break_code(&self, name: &str, code: &Arc<Code>, trouble: ScriptError) {
        let mut shelf = self.locked();
        let Some(plugin) = shelf.get_mut(name) else {
            return;
        };
        if plugin
            .code
            .as_ref()
            .is_some_and(|now| Arc::ptr_eq(now, code))
        {
            let mut broken = Plugin::clone(plugin);
            broken.code = None;
            broken.trouble = Some(trouble);
            *plugin = Arc::new(broken);
        }
    }

    pub(super) fn remove(&self, name: &str) {
        self.locked().remove(name);
    }

    /// No holder leaves something half done.
    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Plugin>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All names there are on the disk and in the binary. Blocking.
pub(super) fn all_names(folder: &Path) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = shipped::names().into_iter().collect();
    match files::list_names(folder) {
        Ok(own) => names.extend(own),
        Err(error) => tracing::warn!(%error, "the folder of plugins cannot be read"),
    }
    names
}

/// The files as they are now; None where there are none. Blocking.
pub(super) fn read_files(folder: &Path, name: &str) -> Option<Result<PluginFiles, ScriptError>> {
    match files::find_stamp(folder, name) {
        Some(_) => Some(files::read(folder, name)),
        None => shipped::find(name).map(Ok),
    }
}
