//! Rules that an administrator writes in Rhai: the only place that knows the interpreter.
//!
//! What always holds: no script is compiled or run in the server's process; one plugin never waits
//! for another; every call has a deadline, and whoever is asked gets an answer by then, if need be
//! the one that holds when there is none. A plugin that fails three times in a row is no longer
//! called, and [`Plugins::switched_off`] says so. Called by `accounts` and `conversations` with the
//! questions of their hooks, by `http` for administrators, and by `cli` for the worker's side.

mod admin;
mod answers;
mod asking;
mod code;
mod files;
mod hook;
mod housework;
mod journal;
mod manifest;
mod moment;
mod outgoing;
mod protocol;
mod questions;
pub mod reference;
mod rehearsing;
mod samples;
mod seat;
mod shelf;
mod shipped;
mod watching;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::admin::{
    Administrator, NewPlugin, PluginChange, PluginDetails, PluginState, PluginSummary,
};
pub use self::hook::Hook;
use self::journal::Journal;
pub use self::manifest::{DataKind, OnFailure, Setting, SettingKind};
use self::outgoing::Outgoing;
pub use self::protocol::ScriptError;
pub use self::questions::{
    Applicant, CANNOT_BE_ASKED, ConversationFacts, GrantedRole, KeyFacts, ModelFacts, PersonFacts,
    PriceQuestion, RegistrationGrant, RegistrationQuestion, RegistrationVerdict, ReplyChange,
    ReplyQuestion, ReplyVerdict, RequestFacts, UsageFacts,
};
pub use self::rehearsing::{DryRun, DryRunOutcome};
use self::seat::Workshop;
pub use self::shelf::Origin;
use self::shelf::{Plugin, Shelf};
pub use self::worker::run_plugins_worker;
use crate::clock::UnixMs;
use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::plugins::list_plugins;
pub use crate::store::plugins::{PluginLogRecord, SwitchedOffRecord};
use crate::worker::WorkerProgram;

/// Notices that a slow listener may be behind with.
const NOTICES: usize = 64;
/// Outside of these a number is a slip of the pen.
const LEAST_DEADLINE: Duration = Duration::from_millis(20);
const MOST_DEADLINE: Duration = Duration::from_secs(60);
/// Each is a process.
const WORKBENCHES: usize = 4;

/// That a plugin is no longer called, because it failed too often in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchedOff {
    pub plugin: String,
    /// For the administrator.
    pub reason: String,
    pub at: UnixMs,
}

#[derive(Debug, Clone)]
pub struct PluginsOptions {
    /// Where the administrator's plugins lie.
    pub folder: PathBuf,
    /// For one call.
    pub deadline: Duration,
    pub program: WorkerProgram,
}

pub struct Plugins {
    folder: PathBuf,
    deadline: Duration,
    store: Arc<Store>,
    shelf: Shelf,
    journal: Journal,
    outgoing: Arc<Outgoing>,
    workshop: Workshop,
    switched_off: broadcast::Sender<SwitchedOff>,
    /// For what administrators try out.
    workbenches: Semaphore,
    /// Held from the decision what is to change until it has.
    changing: tokio::sync::Mutex<()>,
}

impl Plugins {
    /// Whether a plugin is turned on for a hook, so that it is worth asking.
    pub fn has_answering(&self, hook: Hook) -> bool {
        !self.shelf.answering(hook).is_empty()
    }

    /// Reads what there is and watches the folder until `stop` is cancelled.
    pub async fn open(
        options: PluginsOptions,
        store: Arc<Store>,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Result<Arc<Self>> {
        let records: BTreeMap<_, _> = store.read(list_plugins).await?.into_iter().collect();
        let folder = options.folder.clone();
        let found = tokio::task::spawn_blocking(move || {
            let mut names: BTreeSet<String> = shelf::all_names(&folder);
            names.extend(records.keys().cloned());
            let open = |name: String| {
                let record = records.get(&name).cloned().unwrap_or_default();
                Plugin::open(&folder, &name, record)
            };
            names.into_iter().filter_map(open).collect::<Vec<Plugin>>()
        });
        let shelf = Shelf::default();
        for plugin in found.await.map_err(Error::internal)? {
            shelf.put(plugin);
        }
        let plugins = Arc::new(Self {
            folder: options.folder,
            deadline: options.deadline.clamp(LEAST_DEADLINE, MOST_DEADLINE),
            journal: Journal::open(Arc::clone(&store), &tasks, stop.clone()),
            store,
            shelf,
            outgoing: Arc::new(Outgoing::default()),
            workshop: Workshop {
                program: options.program,
                tasks: tasks.clone(),
                stop: stop.clone(),
            },
            switched_off: broadcast::Sender::new(NOTICES),
            workbenches: Semaphore::new(WORKBENCHES),
            changing: tokio::sync::Mutex::default(),
        });
        for plugin in plugins.shelf.list() {
            plugins.warm(&plugin);
        }
        let watching = watching::watch(Arc::downgrade(&plugins));
        let ending = Arc::clone(&plugins);
        tasks.spawn(async move {
            stop.run_until_cancelled(watching).await;
            for plugin in ending.shelf.list() {
                plugin.seat.clear().await;
            }
        });
        Ok(plugins)
    }

    /// Every plugin that is switched off from now on, so that somebody can be told.
    pub fn switched_off(&self) -> broadcast::Receiver<SwitchedOff> {
        self.switched_off.subscribe()
    }

    /// Has the process of a plugin that is on ready, while nobody waits.
    fn warm(&self, plugin: &Arc<Plugin>) {
        let is_on = plugin.record.enabled && plugin.record.switched_off.is_none();
        let Some(code) = plugin.code.clone().filter(|_| is_on) else {
            return;
        };
        let (workshop, plugin) = (self.workshop.clone(), Arc::clone(plugin));
        self.workshop.tasks.spawn(async move {
            let settings = plugin.settings_json(&code);
            plugin.seat.warm(&workshop, &code, &settings).await;
        });
    }
}
