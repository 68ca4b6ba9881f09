//! The library itself: looks at the folder every second, has new files probed, and tells the runner
//! what may be loaded.
//!
//! Whoever asks is told what is known and waits for no disk: the folder may lie on one that hangs.
//! So it is read and written on threads that may block, and the shelf is locked for moments.

mod asking;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::folder::{self, FoundFile};
use super::model_check::check_model;
use super::probed_files::{self, Outcome, ProbedFiles};
use super::{DEMO_MODEL, demo};
use crate::engine::{ModelFile, ModelInfo, ModelRunner, ModelState, ProbeFailure, ProbedModel};
use crate::error::{Error, Result};

/// How long it takes a file that was copied into the folder to be seen.
const SCAN_INTERVAL: Duration = Duration::from_secs(1);
const NO_RUNNER: &str = "this build of chatelaine has no llama.cpp";

pub struct Library {
    me: Weak<Library>,
    folder: PathBuf,
    /// None in a build without llama.cpp: files are listed, and cannot be used.
    runner: Option<Arc<dyn ModelRunner>>,
    tasks: TaskTracker,
    shelf: Mutex<Shelf>,
    probing: watch::Sender<usize>,
    /// Held from the first look into the folder until the shelf is as it was seen.
    scanning: Mutex<()>,
    /// Held from the look at the shelf until it is written down.
    saving: Mutex<()>,
}

struct Shelf {
    files: Vec<FoundFile>,
    known: ProbedFiles,
    /// Being looked at by a worker.
    probing: HashSet<PathBuf>,
    /// Changed between the last two looks; probed when it no longer does.
    being_written: HashSet<PathBuf>,
    /// Said once, and not every second.
    unreadable: bool,
}

impl Library {
    /// Makes the folder where it is missing; unpacks the demo model and has new files probed in the
    /// background, until `stop` is cancelled. Needs a runtime.
    pub fn open(
        folder: PathBuf,
        runner: Option<Arc<dyn ModelRunner>>,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Result<Arc<Self>> {
        fs::create_dir_all(&folder).map_err(Error::internal)?;
        let shelf = Shelf {
            files: Vec::new(),
            known: ProbedFiles::load(&folder),
            probing: HashSet::new(),
            being_written: HashSet::new(),
            unreadable: false,
        };
        let library = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            folder,
            runner,
            tasks,
            shelf: Mutex::new(shelf),
            probing: watch::Sender::new(1),
            scanning: Mutex::default(),
            saving: Mutex::default(),
        });
        let opening = Arc::clone(&library);
        let opened = library.tasks.spawn_blocking(move || {
            if let Err(error) = demo::unpack(&opening.folder) {
                tracing::warn!(%error, "the demo model was not unpacked");
            }
            opening.rescan();
            opening.probing.send_modify(|count| *count -= 1);
        });
        let watching = watch_folder(library.me.clone(), opened);
        library
            .tasks
            .spawn(async move { stop.run_until_cancelled(watching).await });
        Ok(library)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        lock(&self.shelf)
    }

    /// Returns when every file has been looked at.
    pub async fn settled(&self) {
        let mut probing = self.probing.subscribe();
        // The sender lives as long as the library, so this ends only by the count.
        let _ = probing.wait_for(|count| *count == 0).await;
    }

    /// Looks at the folder now. Blocking.
    fn rescan(&self) {
        let _turn = lock(&self.scanning);
        self.scan();
    }

    /// For the holder of `scanning`.
    fn scan(&self) {
        let files = match folder::scan(&self.folder) {
            Ok(files) => files,
            Err(error) => {
                if !std::mem::replace(&mut self.shelf().unreadable, true) {
                    tracing::warn!(%error, "the models folder cannot be looked at");
                }
                return;
            }
        };
        let mut shelf = self.shelf();
        shelf.unreadable = false;
        shelf.being_written = changed_paths(&shelf.files, &files);
        if shelf.files != files {
            shelf.files = files;
            self.offer(&shelf);
        }
        self.probe_unknown(&mut shelf);
    }

    /// A file that changes while a worker looks at it is looked at again afterwards.
    fn probe_unknown(&self, shelf: &mut Shelf) {
        let (Some(library), true) = (self.me.upgrade(), self.runner.is_some()) else {
            return;
        };
        let now = Instant::now();
        for file in &shelf.files {
            let wanted =
                shelf.known.wants_probe(file, now) && !shelf.being_written.contains(&file.path);
            if wanted && shelf.probing.insert(file.path.clone()) {
                Arc::clone(&library).probe_later(file.clone());
            }
        }
    }

    fn probe_later(self: Arc<Self>, file: FoundFile) {
        self.probing.send_modify(|count| *count += 1);
        self.tasks.clone().spawn(async move {
            let outcome = self.probe(&file.path).await;
            log_failure(&file, &outcome);
            if self.conclude(&file, outcome) {
                let library = Arc::clone(&self);
                // What was not written down is probed again after the next start.
                let _written = tokio::task::spawn_blocking(move || library.save()).await;
            }
            self.probing.send_modify(|count| *count -= 1);
        });
    }

    async fn probe(&self, file: &Path) -> Outcome {
        let Some(runner) = &self.runner else {
            return Err(ProbeFailure::passing(NO_RUNNER));
        };
        let path = file.to_owned();
        let header = tokio::task::spawn_blocking(move || check_model(&path))
            .await
            .unwrap_or_else(|error| Err(ProbeFailure::passing(error.to_string())))?;
        tracing::debug!(
            name = header.name,
            architecture = header.architecture,
            parts = header.parts,
            tensors = header.tensors,
            "a model file is in order; a worker opens it now"
        );
        runner.probe(file.to_owned()).await
    }

    /// True when there is something new to save.
    fn conclude(&self, file: &FoundFile, outcome: Outcome) -> bool {
        let mut shelf = self.shelf();
        shelf.probing.remove(&file.path);
        let news = shelf.known.remember(file, outcome, Instant::now());
        if news {
            self.offer(&shelf);
        }
        self.probe_unknown(&mut shelf);
        news
    }

    /// Writes down what is known now. Blocking.
    fn save(&self) {
        let _turn = lock(&self.saving);
        let known = self.shelf().known.to_json();
        if let Err(error) = known.and_then(|json| probed_files::save(&self.folder, &json)) {
            tracing::warn!(%error, "what is known of the model files was not saved; they will be probed again");
        }
    }

    /// Tells the runner what it may load.
    fn offer(&self, shelf: &Shelf) {
        let Some(runner) = &self.runner else { return };
        let usable = shelf.files.iter().filter_map(|file| {
            let probed = shelf
                .known
                .find(file)?
                .ok()
                .filter(|probed| probed.unusable.is_none())?;
            Some(ModelFile {
                id: file.id.clone(),
                name: name_of(file, &probed),
                path: file.path.clone(),
                size_bytes: file.size_bytes,
                modified_ms: file.modified_ms,
                probed,
            })
        });
        runner.set_models(usable.collect());
    }

    /// Every file with its state, the latest first and the demo model last.
    pub fn list(&self) -> Vec<ModelInfo> {
        let offered = self
            .runner
            .as_ref()
            .map(|runner| runner.models())
            .unwrap_or_default();
        let shelf = self.shelf();
        let describe = |file: &FoundFile| {
            offered
                .iter()
                .find(|model| model.id == file.id)
                .cloned()
                .unwrap_or_else(|| self.describe(&shelf, file))
        };
        let mut models: Vec<ModelInfo> = shelf.files.iter().map(describe).collect();
        models.sort_by_key(|model| model.id == DEMO_MODEL);
        models
    }

    fn describe(&self, shelf: &Shelf, file: &FoundFile) -> ModelInfo {
        let (probed, state) = match shelf.known.find(file) {
            _ if self.runner.is_none() => (
                ProbedModel::default(),
                ModelState::Unusable(NO_RUNNER.into()),
            ),
            None => (ProbedModel::default(), ModelState::Probing),
            Some(Err(reason)) => (ProbedModel::default(), ModelState::Unusable(reason)),
            Some(Ok(probed)) => {
                let state = probed
                    .unusable
                    .clone()
                    .map_or(ModelState::Available, ModelState::Unusable);
                (probed, state)
            }
        };
        ModelInfo {
            id: file.id.clone(),
            name: name_of(file, &probed),
            state,
            context_tokens: probed.context_tokens,
            size_bytes: file.size_bytes,
            parameters: probed.parameters,
            architecture: probed.architecture,
            quantization: probed.quantization,
            file: Some(file.path.clone()),
            memory: None,
            writes: probed.writes,
            embeds: probed.embeds,
        }
    }

    /// Links a file into the library, to be used where it lies. What cannot be opened is refused.
    pub async fn add(&self, file: &Path) -> Result<String> {
        let refused =
            |reason| Error::invalid(format!("{} cannot be used: {reason}", file.display()));
        let real = fs::canonicalize(file)
            .map_err(|error| refused(format!("it cannot be read: {error}")))?;
        let found =
            folder::look_at(real.clone()).ok_or_else(|| refused("it is not a file".into()))?;
        let probed = self.probe(&real).await;
        let probed = probed.map_err(|failure| refused(failure.reason))?;
        if let Some(reason) = probed.unusable {
            return Err(refused(reason));
        }
        let _turn = lock(&self.scanning);
        let link = found.linked_as(folder::link(&self.folder, &real)?);
        self.shelf()
            .known
            .remember(&link, Ok(probed), Instant::now());
        self.save();
        self.scan();
        Ok(link.id)
    }

    /// Takes a model out of the library: a linked file stays where it lies, one in the folder is
    /// deleted. Blocking.
    pub fn remove(&self, id: &str) -> Result<()> {
        self.rescan();
        let found = self
            .shelf()
            .files
            .iter()
            .find(|file| file.id == id)
            .cloned();
        let file = found.ok_or_else(|| Error::not_found("model"))?;
        folder::remove(&file.path).map_err(Error::internal)?;
        self.rescan();
        Ok(())
    }
}

async fn watch_folder(library: Weak<Library>, mut looking: JoinHandle<()>) {
    loop {
        // However this look ended, the next one may do better.
        let _looked = looking.await;
        tokio::time::sleep(SCAN_INTERVAL).await;
        let Some(library) = library.upgrade() else {
            return;
        };
        looking = tokio::task::spawn_blocking(move || library.rescan());
    }
}

fn changed_paths(before: &[FoundFile], now: &[FoundFile]) -> HashSet<PathBuf> {
    let is_changed = |file: &&FoundFile| {
        let known = before.iter().find(|known| known.path == file.path);
        known.is_some_and(|known| known != *file)
    };
    let changed = now.iter().filter(is_changed);
    changed.map(|file| file.path.clone()).collect()
}

/// No holder of these locks leaves something half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn log_failure(file: &FoundFile, outcome: &Outcome) {
    let Err(failure) = outcome else { return };
    let (model, reason) = (&file.id, &failure.reason);
    if failure.lasting {
        tracing::warn!(model, reason, "a model file cannot be used");
    } else {
        tracing::info!(model, reason, "a model file could not be probed");
    }
}

fn name_of(file: &FoundFile, probed: &ProbedModel) -> String {
    if probed.name.trim().is_empty() {
        file.id.clone()
    } else {
        probed.name.clone()
    }
}

#[cfg(test)]
#[path = "library_tests.rs"]
mod tests;
