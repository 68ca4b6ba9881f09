//! The composition root: builds every part of the house, starts them in order and stops them in order.
//!
//! Parts are given what they need and never look for it. Only `cli` and `http` know this.
//! Stopping: replies save themselves first, then engines end, then the store closes.

mod data_folder;
mod deletion;
mod overview;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::Accounts;
use crate::clock::{UnixMs, now_ms};
use crate::config::{Config, EngineConfig};
use crate::conversations::{Conversations, Grounds};
use crate::engine::remote::RemoteEngine;
use crate::engine::scripted::ScriptedEngine;
use crate::engine::{CombinedEngine, Engine, ModelInfo, ModelRunner};
use crate::error::{Error, Result};
use crate::jobs::Jobs;
use crate::mail::Mailer;
use crate::models::{Adapters, Library, Puller, Pulls, RemoteSources};
use crate::plugins::{Plugins, PluginsOptions};
use crate::secrets::open_key_file;
use crate::store::Store;
use crate::store::jobs::{JobRecord, JobTask};
use crate::worker::WorkerProgram;

pub use self::data_folder::{check_house_is_there, prepare_data_folder};
pub use self::overview::{DayUsage, Overview};

const DATABASE_FILE: &str = "chatelaine.redb";
const KEY_FILE: &str = "secret.key";

pub struct Appliance {
    pub config: Config,
    pub accounts: Accounts,
    pub conversations: Conversations,
    pub engine: Arc<dyn Engine>,
    pub adapters: Arc<Adapters>,
    pub library: Arc<Library>,
    pub mail: Arc<Mailer>,
    pub remote_sources: RemoteSources,
    pub pulls: Pulls,
    pub plugins: Arc<Plugins>,
    pub store: Arc<Store>,
    data: PathBuf,
    started_at: UnixMs,
    folders: overview::MeasuredFolders,
    jobs: Arc<Jobs>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

/// The database of a data folder.
pub fn open_store(config: &Config, data: &Path) -> Result<Arc<Store>> {
    let path: PathBuf = data.join(DATABASE_FILE);
    Ok(Arc::new(Store::open(
        &path,
        config.store.cache_mib * 1024 * 1024,
    )?))
}

/// The accounts of a data folder, for the command line; the store must be open nowhere else.
pub fn open_accounts(config: &Config, store: Arc<Store>, data: &Path) -> Result<Accounts> {
    // Nothing is sent from there, so what would keep mail from being sent keeps nobody from it.
    let mut quiet = config.clone();
    quiet.mail.ca_file = None;
    let mail = open_mailer(&quiet, &store, data)?;
    accounts_over(&mail, None, config, &store, data, &TaskTracker::new())
}

fn accounts_over(
    mail: &Arc<Mailer>,
    plugins: Option<Arc<Plugins>>,
    config: &Config,
    store: &Arc<Store>,
    data: &Path,
    tasks: &TaskTracker,
) -> Result<Accounts> {
    let house_address = config.http.house_address();
    let (store, mail, key_file) = (Arc::clone(store), Arc::clone(mail), data.join(KEY_FILE));
    Accounts::open(
        store,
        &key_file,
        mail,
        plugins,
        house_address,
        tasks.clone(),
    )
}

fn open_mailer(config: &Config, store: &Arc<Store>, data: &Path) -> Result<Arc<Mailer>> {
    let house_key = open_key_file(&data.join(KEY_FILE))?;
    let (store, house) = (Arc::clone(store), config.http.house_address());
    let mailer = Mailer::open(store, &house_key, &config.mail, house)?;
    Ok(Arc::new(mailer))
}

impl Appliance {
    pub async fn start(config: Config, data: &Path) -> Result<Arc<Self>> {
        prepare_data_folder(data)?;
        let store = open_store(&config, data)?;
        let mail = open_mailer(&config, &store, data)?;
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let plugins = open_plugins(&config, data, &store, &tasks, &stopping).await?;
        let rules = Some(Arc::clone(&plugins));
        let accounts = accounts_over(&mail, rules, &config, &store, data, &tasks)?;
        let Answering {
            library,
            engine,
            adapters,
        } = open_answering(&config, data, &store, &tasks, &stopping).await?;
        let remote = RemoteEngine::new(config.engine.queue_limit, tasks.clone(), stopping.clone());
        let house_key = open_key_file(&data.join(KEY_FILE))?;
        let remote_sources =
            RemoteSources::open(Arc::clone(&store), Arc::clone(&remote), &house_key).await?;
        // What runs here goes before what runs elsewhere.
        let engine: Arc<dyn Engine> = Arc::new(CombinedEngine::new(vec![engine, remote]));
        let jobs = Arc::new(Jobs::new(Arc::clone(&store)));
        let pulls = Pulls::new(
            Arc::clone(&store),
            Arc::clone(&jobs),
            open_puller(&config, data),
        );
        let conversations = Conversations::new(Grounds {
            store: Arc::clone(&store),
            allowances: Arc::clone(accounts.allowances()),
            plugins: Arc::clone(&plugins),
            engine: Arc::clone(&engine),
            adapters: Arc::clone(&adapters),
            jobs: Arc::clone(&jobs),
            tasks: tasks.clone(),
            stopping: stopping.clone(),
        });
        conversations.interrupt_cut_off_replies().await?;
        let appliance = Arc::new(Self {
            config,
            accounts,
            conversations,
            engine,
            adapters,
            library,
            mail,
            remote_sources,
            pulls,
            plugins,
            store,
            data: data.to_owned(),
            started_at: now_ms(),
            folders: overview::MeasuredFolders::default(),
            jobs,
            tasks,
            stopping,
        });
        appliance.begin_tasks();
        Ok(appliance)
    }

    /// What goes on for as long as the house stands.
    fn begin_tasks(self: &Arc<Self>) {
        self.tasks.spawn(Arc::clone(self).run_jobs());
        let house = Arc::clone(self);
        self.tasks.spawn(async move {
            let telling = house.accounts.tell_of_plugins_switched_off(&house.plugins);
            house.stopping.run_until_cancelled(telling).await;
        });
        let house = Arc::clone(self);
        self.tasks.spawn(async move {
            house.accounts.keep_tidy(house.stopping()).await;
        });
        let mail = Arc::clone(&self.mail);
        self.tasks.spawn(mail.run(self.stopping()));
        let allowances = Arc::clone(self.accounts.allowances());
        self.tasks.spawn(allowances.keep_refilled(self.stopping()));
    }

    async fn run_jobs(self: Arc<Self>) {
        let perform = |job: JobRecord| {
            let appliance = Arc::clone(&self);
            async move {
                match job.task {
                    JobTask::WriteConversationTitle {
                        conversation_id,
                        reply_id,
                    } => {
                        appliance
                            .conversations
                            .write_title(conversation_id, reply_id)
                            .await
                    }
                    JobTask::ForgetComputed { owner_id } => {
                        appliance.conversations.forget_computed(owner_id).await
                    }
                    JobTask::RemoveOldEntries { holder } => {
                        let allowances = appliance.accounts.allowances();
                        allowances.remove_old_entries(holder).await
                    }
                    JobTask::PullModel(pull) => {
                        // Large, and no title needs it.
                        Box::pin(appliance.pulls.perform(job.id, &pull)).await
                    }
                }
            }
        };
        self.jobs.run(perform, self.stopping.clone()).await;
    }

    /// The models people can choose from, as they are now.
    pub fn models(&self) -> Vec<ModelInfo> {
        self.engine.models()
    }

    /// Done once `stop` was called; long answers end then.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// For what must be waited for when the house stops.
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Returns when everything has been saved.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn open_plugins(
    config: &Config,
    data: &Path,
    store: &Arc<Store>,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> Result<Arc<Plugins>> {
    let options = PluginsOptions {
        folder: data.join("plugins"),
        deadline: std::time::Duration::from_millis(config.plugins.deadline_ms),
        program: WorkerProgram::current().map_err(Error::internal)?,
    };
    let (store, tasks, stopping) = (Arc::clone(store), tasks.clone(), stopping.clone());
    Plugins::open(options, store, tasks, stopping).await
}

fn models_folder(data: &Path) -> PathBuf {
    data.join("models")
}

/// Pulls models into a data folder.
pub fn open_puller(config: &Config, data: &Path) -> Puller {
    let context_tokens = config.engine.context_tokens;
    Puller::new(&config.models, context_tokens, models_folder(data))
}

/// The library of a data folder, with the engine that runs its models.
pub fn open_library(
    config: &EngineConfig,
    data: &Path,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> Result<Arc<Library>> {
    let runner = model_runner(config, data, tasks, stopping)?;
    library_over(runner, data, tasks, stopping)
}

fn library_over(
    runner: Option<Arc<dyn ModelRunner>>,
    data: &Path,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> Result<Arc<Library>> {
    let folder = models_folder(data);
    Library::open(folder, runner, tasks.clone(), stopping.clone())
}

/// Everything here that can answer.
pub struct Answering {
    pub library: Arc<Library>,
    /// The library, and whatever else has models.
    pub engine: Arc<dyn Engine>,
    /// What goes on top of them.
    pub adapters: Arc<Adapters>,
}

/// Everything of a data folder that can answer; the store must be open nowhere else.
pub async fn open_answering(
    config: &Config,
    data: &Path,
    store: &Arc<Store>,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> Result<Answering> {
    let runner = model_runner(&config.engine, data, tasks, stopping)?;
    let library = library_over(runner.clone(), data, tasks, stopping)?;
    let engine = build_engine(config, Arc::clone(&library), tasks)?;
    let adapters = Adapters::open(
        data.join("adapters"),
        config.models.max_adapter_mib.saturating_mul(1024 * 1024),
        Arc::clone(store),
        Arc::clone(&engine),
        runner,
        tasks.clone(),
        stopping.clone(),
    );
    let adapters = adapters.await?;
    Ok(Answering {
        library,
        engine,
        adapters,
    })
}

#[cfg(feature = "llama")]
fn model_runner(
    config: &EngineConfig,
    data: &Path,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> Result<Option<Arc<dyn ModelRunner>>> {
    use crate::engine::llama::{EngineOptions, LlamaEngine, SavedSequences};

    let options = EngineOptions {
        program: WorkerProgram::current().map_err(Error::internal)?,
        context_tokens: config.context_tokens,
        parallel_replies: config.parallel_replies,
        threads: config.threads,
        unified_kv: config.unified_kv,
        bf16_kv: config.bf16_kv,
        step_target_ms: config.step_target_ms,
        saved: Some(SavedSequences {
            folder: data.join("kv"),
            budget_bytes: config.saved_mib * 1024 * 1024,
        }),
        queue_limit: config.queue_limit,
        lane_queue_limit: config.queue_limit_per_user,
        gpu_layers: config.gpu_layers,
        memory_bytes: config.memory_mib.map_or_else(
            || crate::machine::memory_bytes() / 5 * 4,
            |mib| mib.saturating_mul(1024 * 1024),
        ),
        unload_after: (config.unload_after_s > 0)
            .then(|| std::time::Duration::from_secs(config.unload_after_s)),
        silence_limit: std::time::Duration::from_secs(config.silence_limit_s),
    };
    Ok(Some(Arc::new(LlamaEngine::new(
        options,
        tasks.clone(),
        stopping.clone(),
    ))))
}

#[cfg(not(feature = "llama"))]
fn model_runner(
    _config: &EngineConfig,
    _data: &Path,
    _tasks: &TaskTracker,
    _stopping: &CancellationToken,
) -> Result<Option<Arc<dyn ModelRunner>>> {
    Ok(None)
}

/// The script answers before the models, where there is one.
fn build_engine(
    config: &Config,
    library: Arc<Library>,
    tasks: &TaskTracker,
) -> Result<Arc<dyn Engine>> {
    let mut engines: Vec<Arc<dyn Engine>> = Vec::new();
    if let Some(script) = &config.engine.script {
        engines.push(Arc::new(
            ScriptedEngine::from_file(script, tasks.clone()).map_err(Error::invalid)?,
        ));
    }
    engines.push(library);
    Ok(Arc::new(CombinedEngine::new(engines)))
}
