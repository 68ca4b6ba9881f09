//! The library itself: looks at the folder when asked what there is, has new files probed, and
//! tells the runner what may be loaded. The lock is held for moments; probing happens in tasks.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::folder::{self, FoundFile};
use super::probed_files::{Outcome, ProbedFiles};
use super::{DEMO_MODEL, demo, header};
use crate::engine::{
    Engine, EngineError, Generate, Health, ModelFile, ModelInfo, ModelRunner, ModelState,
    ProbeFailure, ProbedModel, TokenStream,
};
use crate::error::{Error, Result};

/// The folder is not looked at more often.
const SCAN_INTERVAL: Duration = Duration::from_millis(500);
const NO_RUNNER: &str = "this build of chatelaine has no llama.cpp";

pub struct Library {
    me: Weak<Library>,
    folder: PathBuf,
    /// None in a build without llama.cpp: files are listed, and cannot be used.
    runner: Option<Arc<dyn ModelRunner>>,
    tasks: TaskTracker,
    shelf: Mutex<Shelf>,
    probing: watch::Sender<usize>,
}

struct Shelf {
    files: Vec<FoundFile>,
    known: ProbedFiles,
    /// Being looked at by a worker.
    probing: HashSet<PathBuf>,
    scanned_at: Option<Instant>,
}

impl Library {
    /// Makes the folder where it is missing, unpacks the demo model and has new files probed, all
    /// in the background. Needs a runtime.
    pub fn open(
        folder: PathBuf,
        runner: Option<Arc<dyn ModelRunner>>,
        tasks: TaskTracker,
    ) -> Result<Arc<Self>> {
        fs::create_dir_all(&folder).map_err(Error::internal)?;
        let shelf = Shelf {
            files: Vec::new(),
            known: ProbedFiles::load(&folder),
            probing: HashSet::new(),
            scanned_at: None,
        };
        let library = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            folder,
            runner,
            tasks,
            shelf: Mutex::new(shelf),
            probing: watch::Sender::new(1),
        });
        let opening = Arc::clone(&library);
        library.tasks.spawn_blocking(move || {
            if let Err(error) = demo::unpack(&opening.folder) {
                tracing::warn!(%error, "the demo model was not unpacked");
            }
            opening.rescan();
            opening.probing.send_modify(|count| *count -= 1);
        });
        Ok(library)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when every file has been looked at.
    pub async fn settled(&self) {
        let mut probing = self.probing.subscribe();
        // The sender lives as long as the library, so this ends only by the count.
        let _ = probing.wait_for(|count| *count == 0).await;
    }

    /// Looks at the folder now.
    fn rescan(&self) {
        let files = match folder::scan(&self.folder) {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!(%error, "the models folder cannot be looked at");
                return;
            }
        };
        let mut shelf = self.shelf();
        shelf.scanned_at = Some(Instant::now());
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
            if shelf.known.wants_probe(file, now) && shelf.probing.insert(file.path.clone()) {
                Arc::clone(&library).probe_later(file.clone());
            }
        }
    }

    fn rescan_when_due(&self) {
        let due = self
            .shelf()
            .scanned_at
            .is_some_and(|at| at.elapsed() >= SCAN_INTERVAL);
        if due {
            self.rescan();
        }
    }

    fn probe_later(self: Arc<Self>, file: FoundFile) {
        self.probing.send_modify(|count| *count += 1);
        self.tasks.clone().spawn(async move {
            let outcome = self.probe(&file.path).await;
            self.conclude(&file, outcome);
            self.probing.send_modify(|count| *count -= 1);
        });
    }

    async fn probe(&self, file: &Path) -> Outcome {
        let Some(runner) = &self.runner else {
            return Err(ProbeFailure::passing(NO_RUNNER));
        };
        header::check(file)?;
        runner.probe(file.to_owned()).await
    }

    fn conclude(&self, file: &FoundFile, outcome: Outcome) {
        let (id, reason) = (&file.id, outcome.as_ref().err());
        match reason.map(|failure| (&failure.reason, failure.lasting)) {
            Some((reason, true)) => tracing::warn!(id, reason, "a model file cannot be used"),
            Some((reason, false)) => tracing::info!(id, reason, "a model file was not probed"),
            None => {}
        }
        let mut shelf = self.shelf();
        shelf.probing.remove(&file.path);
        if shelf.known.remember(file, outcome, Instant::now()) {
            shelf.known.save(&self.folder);
            self.offer(&shelf);
        }
        self.probe_unknown(&mut shelf);
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
        self.rescan_when_due();
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
        }
    }

    /// Links a file into the library, to be used where it lies. What cannot be opened is refused.
    pub async fn add(&self, file: &Path) -> Result<String> {
        header::check(file).map_err(|failure| refused(file, &failure.reason))?;
        let file = fs::canonicalize(file).map_err(Error::internal)?;
        let outcome = self
            .probe(&file)
            .await
            .map_err(|failure| failure.reason)
            .and_then(|probed| probed.unusable.map_or(Ok(()), Err));
        outcome.map_err(|reason| refused(&file, &reason))?;
        let link = folder::link(&self.folder, &file)?;
        self.rescan();
        let added = self
            .shelf()
            .files
            .iter()
            .find(|found| found.path == link)
            .map(|found| found.id.clone());
        added.ok_or_else(|| Error::internal("the link that was just made is not there"))
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

fn refused(file: &Path, reason: &str) -> Error {
    Error::invalid(format!("{} cannot be used: {reason}", file.display()))
}

fn name_of(file: &FoundFile, probed: &ProbedModel) -> String {
    if probed.name.trim().is_empty() {
        file.id.clone()
    } else {
        probed.name.clone()
    }
}

impl Engine for Library {
    fn models(&self) -> Vec<ModelInfo> {
        self.list()
    }

    fn generate(&self, request: Generate) -> std::result::Result<TokenStream, EngineError> {
        match &self.runner {
            Some(runner) => runner.generate(request),
            None => Err(EngineError::ModelUnusable(NO_RUNNER.into())),
        }
    }

    fn health(&self) -> Health {
        let idle = Health {
            ready: true,
            loaded: None,
            running: 0,
            queued: 0,
        };
        self.runner.as_ref().map_or(idle, |runner| runner.health())
    }
}

#[cfg(test)]
#[path = "library_tests.rs"]
mod tests;
