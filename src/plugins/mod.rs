//! Rules that an administrator writes in Rhai: the only place that knows the interpreter.
//!
//! What always holds: no script is compiled or run in the server's process; a plugin that hangs or
//! dies costs no other its process; and whoever asks hears within [`Plugins::longest_wait`], if need
//! be that the house could not ask. A plugin of which a hook fails three times in a row is no longer
//! called, and [`Plugins::switched_off`] says so. Called by `accounts` and `conversations` with the
//! questions of their hooks, by `http` for administrators, and by `cli` for the worker's side.

mod admin;
mod answers;
mod asking;
mod calling;
mod code;
mod failing;
mod files;
mod hook;
mod housework;
mod journal;
mod manifest;
mod moment;
mod outgoing;
mod protocol;
mod questions;
mod queues;
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
    PriceQuestion, PriceVerdict, RegistrationGrant, RegistrationQuestion, RegistrationVerdict,
    ReplyChange, ReplyQuestion, ReplyVerdict, RequestFacts, UsageFacts, rules_busy,
};
pub use self::rehearsing::{DryRun, DryRunOutcome};
use self::seat::{CallError, Workshop};
pub use self::shelf::Origin;
use self::shelf::{Plugin, Shelf};
pub use self::worker::run_plugins_worker;
use crate::clock::UnixMs;
use crate::error::{Error, Result};
pub use crate::store::plugins::{PluginLogRecord, SwitchedOffRecord};
use crate::store::plugins::{list_plugins, put_plugin};
use crate::store::{Store, WriteTx};
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
        let (folder, kept) = (options.folder.clone(), records.clone());
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
            let (name, record) = (plugin.name.clone(), plugin.record.clone());
            if kept.get(&name).is_some_and(|before| *before != record) {
                let write = move |tx: &WriteTx| put_plugin(tx, &name, &record);
                store.write(write).await?;
            }
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
            plugins.warm(&plugin.name);
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
    fn warm(self: &Arc<Self>, name: &str) {
        let known = self.shelf.find(name);
        if known.is_none_or(|plugin| plugin.called().is_none()) {
            return;
        }
        let (plugins, name) = (Arc::clone(self), name.to_owned());
        self.workshop
            .tasks
            .spawn(async move { plugins.warm_now(&name).await });
    }

    /// What turns out to be no good is taken out of use; what the house could not do it tries again
    /// with the next call.
    async fn warm_now(&self, name: &str) {
        let Some(plugin) = self.shelf.find(name) else {
            return;
        };
        let mut loading = None;
        let wanted = || {
            let same = |now: &Arc<Plugin>| Arc::ptr_eq(&now.seat, &plugin.seat);
            let now = self.shelf.find(name).filter(same)?;
            let code = now.called()?;
            loading = Some(Arc::clone(code));
            Some((Arc::clone(code), now.settings_json(code)))
        };
        let warmed = plugin.seat.warm(&self.workshop, wanted).await;
        let (Err(CallError::Failed(error)), Some(code)) = (warmed, loading) else {
            return;
        };
        tracing::warn!(
            plugin = name,
            error = error.message,
            "a plugin's script is no good"
        );
        self.shelf.break_code(name, &code, error);
    }
}
