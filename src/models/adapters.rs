//! The library of LoRA adapters: files in `<data>/adapters`, each named by the id of its record.
//!
//! A record without its file is listed as unusable; a file without a record is nothing, and is swept
//! away once it is old. What was never whole never had its name: it is received beside, checked,
//! probed, and then renamed. Requests are refused by [`Adapters::resolve`] alone, whoever asks.
//! Callers: `conversations`, `http`, and `cli` on a folder that no server runs on.

mod choosing;
mod files;
mod incoming;
mod taking_in;
#[cfg(test)]
#[path = "adapters_tests.rs"]
mod tests;
mod wording;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::choosing::AdapterChoice;
pub use self::taking_in::NewAdapter;
use crate::accounts::{Caller, check_caller};
use crate::engine::{AdapterFile, Engine, ModelRunner};
use crate::error::{Error, Result};
use crate::store::adapters::{
    AdapterAudience, AdapterRecord, find_adapter, list_adapters, put_adapter, remove_adapter,
};
use crate::store::{Store, WriteTx};

/// How long it takes a file that vanished to be missed.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Each may fill the disk with as much as an adapter may have.
const UPLOADS_AT_ONCE: usize = 4;

/// An adapter of the house, and why it cannot be used, if so.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    pub record: AdapterRecord,
    pub trouble: Option<&'static str>,
}

/// None leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct AdapterChange {
    pub name: Option<String>,
    pub description: Option<String>,
    pub default_scale: Option<f32>,
    pub audience: Option<AdapterAudience>,
}

pub struct Adapters {
    store: Arc<Store>,
    /// Who has the models that adapters are made for.
    engine: Arc<dyn Engine>,
    /// None in a build without llama.cpp.
    runner: Option<Arc<dyn ModelRunner>>,
    folder: PathBuf,
    limit_bytes: u64,
    tasks: TaskTracker,
    /// As the store has them, by id.
    shelf: Mutex<Vec<Adapter>>,
    uploads: Semaphore,
    /// Held from the decision what is to change until it has.
    changing: tokio::sync::Mutex<()>,
}

impl Adapters {
    /// Makes the folder where it is missing, throws away what was never whole, and watches the files
    /// until `stop` is cancelled.
    pub async fn open(
        folder: PathBuf,
        limit_bytes: u64,
        store: Arc<Store>,
        engine: Arc<dyn Engine>,
        runner: Option<Arc<dyn ModelRunner>>,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Result<Arc<Self>> {
        let records = store.read(list_adapters).await?;
        let shelf = tokio::task::spawn_blocking({
            let folder = folder.clone();
            move || files::tidy(&folder, records)
        });
        let adapters = Arc::new(Self {
            store,
            engine,
            runner,
            folder,
            limit_bytes,
            tasks,
            shelf: Mutex::new(shelf.await.map_err(Error::internal)??),
            uploads: Semaphore::new(UPLOADS_AT_ONCE),
            changing: tokio::sync::Mutex::default(),
        });
        adapters.offer(&adapters.shelf());
        let watching = watch_files(Arc::downgrade(&adapters));
        adapters
            .tasks
            .spawn(async move { stop.run_until_cancelled(watching).await });
        Ok(adapters)
    }

    /// No holder leaves something half done.
    fn shelf(&self) -> MutexGuard<'_, Vec<Adapter>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path_of(&self, id: &str) -> PathBuf {
        files::path_in(&self.folder, id)
    }

    /// Tells the runner what requests may name.
    fn offer(&self, shelf: &[Adapter]) {
        let Some(runner) = &self.runner else { return };
        let usable = shelf.iter().filter(|adapter| adapter.trouble.is_none());
        let file = |Adapter { record, .. }: &Adapter| AdapterFile {
            id: record.id.clone(),
            path: self.path_of(&record.id),
            size_bytes: record.size_bytes,
            modified_ms: record.modified_ms,
            sha256: record.sha256.clone(),
        };
        runner.set_adapters(usable.map(file).collect());
    }

    /// Looks at every file now. Blocking.
    fn look(&self) {
        let seen: Vec<Adapter> = self.shelf().clone();
        let seen = seen.into_iter().map(|adapter| Adapter {
            trouble: files::trouble_with(&self.folder, &adapter.record),
            ..adapter
        });
        let seen: Vec<Adapter> = seen.collect();
        let mut shelf = self.shelf();
        let mut news = false;
        for adapter in shelf.iter_mut() {
            let same = |other: &&Adapter| other.record.sha256 == adapter.record.sha256;
            let found = seen
                .iter()
                .find(|other| other.record.id == adapter.record.id);
            let Some(found) = found.filter(same) else {
                continue;
            };
            if found.trouble != adapter.trouble {
                adapter.trouble = found.trouble;
                news = true;
                log_trouble(adapter);
            }
        }
        if news {
            self.offer(&shelf);
        }
    }

    /// All, by id. For whoever has the data folder.
    pub fn list(&self) -> Vec<Adapter> {
        self.shelf().clone()
    }

    /// All, by id. For administrators.
    pub fn list_all(&self, caller: &Caller) -> Result<Vec<Adapter>> {
        caller.require_admin()?;
        Ok(self.list())
    }

    pub fn get(&self, caller: &Caller, id: &str) -> Result<Adapter> {
        caller.require_admin()?;
        self.get_by_id(id)
    }

    fn get_by_id(&self, id: &str) -> Result<Adapter> {
        let shelf = self.shelf();
        let found = shelf.iter().find(|adapter| adapter.record.id == id);
        found.cloned().ok_or_else(|| Error::not_found("adapter"))
    }

    /// Takes in what `file` gives, as an administrator asks. `declared_bytes` is how much that will
    /// be, where that is known.
    pub async fn upload(
        self: &Arc<Self>,
        caller: &Caller,
        new: NewAdapter,
        declared_bytes: Option<u64>,
        file: impl AsyncRead + Unpin,
    ) -> Result<Adapter> {
        caller.require_admin()?;
        self.take_in(Some(caller.clone()), new, declared_bytes, file)
            .await
    }

    pub async fn change(
        self: &Arc<Self>,
        caller: &Caller,
        id: &str,
        change: AdapterChange,
    ) -> Result<Adapter> {
        caller.require_admin()?;
        let name = change.name.as_deref().map(wording::valid_name);
        let description = change.description.as_deref();
        let description = description.map(wording::valid_description);
        let (name, description) = (name.transpose()?, description.transpose()?);
        wording::check_scale(change.default_scale)?;
        let (adapters, id, caller) = (Arc::clone(self), id.to_owned(), caller.clone());
        self.to_its_end(async move {
            let _turn = adapters.changing.lock().await;
            let wanted = id.clone();
            let write = move |tx: &WriteTx| {
                check_caller(tx, &caller)?;
                let mut record =
                    find_adapter(tx, &wanted)?.ok_or_else(|| Error::not_found("adapter"))?;
                if let Some(name) = &name {
                    record.name.clone_from(name);
                }
                if let Some(description) = &description {
                    record.description.clone_from(description);
                }
                record.default_scale = change.default_scale.unwrap_or(record.default_scale);
                record.audience = change.audience.unwrap_or(record.audience);
                put_adapter(tx, &record)?;
                Ok(record)
            };
            let record = adapters.store.write(write).await?;
            let mut shelf = adapters.shelf();
            let changed = shelf.iter_mut().find(|adapter| adapter.record.id == id);
            let changed = changed.ok_or_else(|| Error::not_found("adapter"))?;
            changed.record = record;
            Ok(changed.clone())
        })
        .await
    }

    /// Deletes the file with its record. A reply that is being written with it is finished.
    pub async fn delete(self: &Arc<Self>, caller: &Caller, id: &str) -> Result<()> {
        caller.require_admin()?;
        self.remove_for(Some(caller.clone()), id).await
    }

    /// The same for whoever has the data folder.
    pub async fn remove(self: &Arc<Self>, id: &str) -> Result<()> {
        self.remove_for(None, id).await
    }

    async fn remove_for(self: &Arc<Self>, caller: Option<Caller>, id: &str) -> Result<()> {
        let (adapters, id) = (Arc::clone(self), id.to_owned());
        self.to_its_end(async move {
            let _turn = adapters.changing.lock().await;
            let removed = id.clone();
            let there = adapters
                .store
                .write(move |tx| {
                    check_may_write(tx, caller.as_ref())?;
                    remove_adapter(tx, &removed)
                })
                .await?;
            if !there {
                return Err(Error::not_found("adapter"));
            }
            {
                let mut shelf = adapters.shelf();
                shelf.retain(|adapter| adapter.record.id != id);
                adapters.offer(&shelf);
            }
            let path = adapters.path_of(&id);
            files::remove(path).await;
            Ok(())
        })
        .await
    }

    /// In a task of its own: a caller that leaves in the middle must not leave a file without its
    /// record, or a record that nobody knows.
    async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.tasks.spawn(work).await.map_err(Error::internal)?
    }
}

/// None: whoever has the data folder.
fn check_may_write(tx: &WriteTx, caller: Option<&Caller>) -> Result<()> {
    caller.map_or(Ok(()), |caller| check_caller(tx, caller))
}

fn log_trouble(adapter: &Adapter) {
    let id = &adapter.record.id;
    match adapter.trouble {
        Some(reason) => tracing::warn!(adapter = id, reason, "an adapter cannot be used"),
        None => tracing::info!(adapter = id, "an adapter can be used again"),
    }
}

async fn watch_files(adapters: Weak<Adapters>) {
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let Some(adapters) = adapters.upgrade() else {
            return;
        };
        // However this look ended, the next one may do better.
        let _looked = tokio::task::spawn_blocking(move || adapters.look()).await;
    }
}
