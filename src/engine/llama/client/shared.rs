//! What callers of the engine may look at without waiting for the keeper.
//!
//! The keeper writes it after every step, callers read it; the lock is held for moments, never over
//! an `await`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::protocol::AdapterLoad;
use crate::engine::{
    AdapterFile, AdapterUse, EngineError, Generate, ModelFile, ModelMemory, ModelState,
};

#[derive(Default)]
pub(super) struct Shared(Mutex<State>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
pub(super) struct State {
    pub(super) files: Vec<ModelFile>,
    pub(super) adapters: Vec<AdapterFile>,
    pub(super) loading: Vec<String>,
    pub(super) loaded: Vec<String>,
    /// Of the loaded models.
    pub(super) memory: HashMap<String, ModelMemory>,
    pub(super) running: u32,
    pub(super) queued: u32,
    /// Of those queued, how many each lane has.
    pub(super) queued_by_lane: HashMap<u64, u32>,
    /// The same of those alone that the keeper has not taken yet.
    pub(super) submitted_by_lane: HashMap<u64, u32>,
    /// By model.
    pub(super) worker_process_ids: HashMap<String, u32>,
    /// No worker could be started the last few times, and it is not yet time to try again.
    pub(super) unstartable: bool,
    failed: HashMap<String, LoadFailure>,
    last_id: u64,
}

/// Holds for exactly this file: another one of the same name is tried afresh.
struct LoadFailure {
    size_bytes: u64,
    modified_ms: i64,
    reason: String,
}

impl State {
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Where the adapters lie that a request names.
    pub(super) fn adapters_of(&self, request: &Generate) -> Result<Vec<AdapterLoad>, EngineError> {
        let load = |wanted: &AdapterUse| {
            let known = self.adapters.iter().find(|file| file.id == wanted.id);
            let file = known.ok_or_else(|| EngineError::UnknownAdapter(wanted.id.clone()))?;
            Ok(AdapterLoad {
                path: file.path.clone(),
                sha256: file.sha256.clone(),
                scale: wanted.scale,
            })
        };
        request.adapters.iter().map(load).collect()
    }

    /// The keeper has one more that was submitted.
    pub(super) fn taken(&mut self, lane: u64) {
        if let Some(submitted) = self.submitted_by_lane.get_mut(&lane) {
            *submitted = submitted.saturating_sub(1);
        }
        self.submitted_by_lane.retain(|_, submitted| *submitted > 0);
    }

    pub(super) fn set_files(&mut self, files: Vec<ModelFile>) {
        self.files = files;
        let files = &self.files;
        self.failed.retain(|id, failure| {
            files
                .iter()
                .any(|file| file.id == *id && failure.is_of(file))
        });
    }

    pub(super) fn find_file(&self, id: &str) -> Option<&ModelFile> {
        self.files.iter().find(|file| file.id == id)
    }

    pub(super) fn mark_unusable(&mut self, id: &str, reason: String) {
        let Some(file) = self.find_file(id) else {
            return;
        };
        let failure = LoadFailure {
            size_bytes: file.size_bytes,
            modified_ms: file.modified_ms,
            reason,
        };
        self.failed.insert(id.to_owned(), failure);
    }

    pub(super) fn state_of(&self, file: &ModelFile) -> ModelState {
        match self.failed.get(&file.id) {
            Some(failure) if failure.is_of(file) => ModelState::Unusable(failure.reason.clone()),
            _ if self.loaded.contains(&file.id) => ModelState::Loaded,
            _ if self.loading.contains(&file.id) => ModelState::Loading,
            _ => ModelState::Available,
        }
    }
}

impl LoadFailure {
    fn is_of(&self, file: &ModelFile) -> bool {
        self.size_bytes == file.size_bytes && self.modified_ms == file.modified_ms
    }
}
