//! What probing found, kept between starts so that nothing is probed twice. Derived data: a file
//! that is torn, or from another version of the program, is as if it were not there.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::FoundFile;
use crate::clock::UnixMs;
use crate::engine::ProbedModel;

const FILE_NAME: &str = ".probed.json";

/// What a worker said of a file, or why it cannot be used.
pub(super) type Outcome = Result<ProbedModel, String>;

#[derive(Serialize, Deserialize)]
struct Remembered {
    size_bytes: u64,
    modified_ms: UnixMs,
    outcome: Outcome,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ProbedFiles {
    program: String,
    by_path: HashMap<PathBuf, Remembered>,
}

impl ProbedFiles {
    pub(super) fn load(folder: &Path) -> Self {
        let read = fs::read(folder.join(FILE_NAME)).ok();
        let known = read.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        known
            .filter(|known| known.program == env!("CARGO_PKG_VERSION"))
            .unwrap_or_else(|| Self {
                program: env!("CARGO_PKG_VERSION").into(),
                by_path: HashMap::new(),
            })
    }

    /// None when the file was never probed or has changed since.
    pub(super) fn find(&self, file: &FoundFile) -> Option<Outcome> {
        let known = self.by_path.get(&file.path)?;
        let same = known.size_bytes == file.size_bytes && known.modified_ms == file.modified_ms;
        same.then(|| known.outcome.clone())
    }

    pub(super) fn remember(&mut self, file: &FoundFile, outcome: Outcome) {
        let (size_bytes, modified_ms) = (file.size_bytes, file.modified_ms);
        self.by_path.insert(
            file.path.clone(),
            Remembered {
                size_bytes,
                modified_ms,
                outcome,
            },
        );
    }

    pub(super) fn save(&self, folder: &Path) {
        let saved = serde_json::to_vec(self)
            .map_err(std::io::Error::other)
            .and_then(|bytes| fs::write(folder.join(FILE_NAME), bytes));
        if let Err(error) = saved {
            tracing::warn!(%error, "what is known of the model files was not saved; they will be probed again");
        }
    }
}
