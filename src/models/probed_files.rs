//! What probing found, kept between starts so that nothing is probed twice. Derived data: a file
//! that is torn, or from another version of the program, is as if it were not there.
//!
//! What kept a file from being probed and may pass is kept in memory alone, and tried again.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::folder::FoundFile;
use crate::clock::UnixMs;
use crate::engine::{ProbeFailure, ProbedModel};
use crate::worker::Backoff;

const FILE_NAME: &str = ".probed.json";
const FIRST_RETRY: Duration = Duration::from_secs(5);
/// A file whose probing always ends badly costs no more than one worker so often.
const LAST_RETRY: Duration = Duration::from_secs(3600);

/// What a worker said of a file, or why it said nothing.
pub(super) type Outcome = Result<ProbedModel, ProbeFailure>;

/// A file that still has it is taken for unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Stamp {
    size_bytes: u64,
    modified_ms: UnixMs,
}

impl From<&FoundFile> for Stamp {
    fn from(file: &FoundFile) -> Self {
        Self {
            size_bytes: file.size_bytes,
            modified_ms: file.modified_ms,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Finding {
    stamp: Stamp,
    said: Result<ProbedModel, String>,
}

struct Setback {
    stamp: Stamp,
    reason: String,
    again_at: Instant,
    backoff: Backoff,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ProbedFiles {
    program: String,
    findings: HashMap<PathBuf, Finding>,
    #[serde(skip)]
    setbacks: HashMap<PathBuf, Setback>,
}

impl ProbedFiles {
    pub(super) fn load(folder: &Path) -> Self {
        let read = fs::read(folder.join(FILE_NAME)).ok();
        let known = read.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        known
            .filter(|known| known.program == env!("CARGO_PKG_VERSION"))
            .unwrap_or_else(|| Self {
                program: env!("CARGO_PKG_VERSION").into(),
                findings: HashMap::new(),
                setbacks: HashMap::new(),
            })
    }

    /// None when the file was never probed or has changed since; otherwise what it is, or why it
    /// cannot be used.
    pub(super) fn find(&self, file: &FoundFile) -> Option<Result<ProbedModel, String>> {
        match (self.finding(file), self.setback(file)) {
            (Some(finding), _) => Some(finding.said.clone()),
            (None, Some(setback)) => Some(Err(setback.reason.clone())),
            (None, None) => None,
        }
    }

    /// Whether probing the file now could tell something new.
    pub(super) fn wants_probe(&self, file: &FoundFile, now: Instant) -> bool {
        let waits = |setback: &Setback| now < setback.again_at;
        self.finding(file).is_none() && !self.setback(file).is_some_and(waits)
    }

    fn finding(&self, file: &FoundFile) -> Option<&Finding> {
        let finding = self.findings.get(&file.path)?;
        (finding.stamp == file.into()).then_some(finding)
    }

    fn setback(&self, file: &FoundFile) -> Option<&Setback> {
        let setback = self.setbacks.get(&file.path)?;
        (setback.stamp == file.into()).then_some(setback)
    }

    /// True when there is something new to save.
    pub(super) fn remember(&mut self, file: &FoundFile, outcome: Outcome, now: Instant) -> bool {
        let (path, stamp) = (file.path.clone(), Stamp::from(file));
        let before = self.setbacks.remove(&path);
        let said = match outcome {
            Err(failure) if !failure.lasting => {
                let mut backoff = before
                    .filter(|setback| setback.stamp == stamp)
                    .map_or_else(|| Backoff::new(FIRST_RETRY, LAST_RETRY), |it| it.backoff);
                let setback = Setback {
                    stamp,
                    reason: failure.reason,
                    again_at: now + backoff.next_delay(),
                    backoff,
                };
                self.setbacks.insert(path, setback);
                return false;
            }
            said => said.map_err(|failure| failure.reason),
        };
        self.findings.insert(path, Finding { stamp, said });
        true
    }

    pub(super) fn to_json(&self) -> io::Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(io::Error::other)
    }
}

pub(super) fn save(folder: &Path, json: &[u8]) -> io::Result<()> {
    fs::write(folder.join(FILE_NAME), json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size_bytes: u64) -> FoundFile {
        FoundFile {
            id: "model".into(),
            path: "model.gguf".into(),
            size_bytes,
            modified_ms: 1,
            added_ms: 1,
        }
    }

    #[test]
    fn what_lies_in_the_file_is_saved_and_asked_once() {
        let folder = tempfile::tempdir().unwrap();
        let now = Instant::now();
        for outcome in [
            Ok(ProbedModel::default()),
            Err(ProbeFailure::lasting("it is damaged")),
        ] {
            let said = outcome.clone().map_err(|failure| failure.reason);
            let mut known = ProbedFiles::load(folder.path());
            assert!(known.remember(&file(1), outcome, now));
            save(folder.path(), &known.to_json().unwrap()).unwrap();
            let known = ProbedFiles::load(folder.path());
            assert_eq!(known.find(&file(1)), Some(said));
            assert!(!known.wants_probe(&file(1), now + 2 * LAST_RETRY));
            assert!(known.find(&file(2)).is_none() && known.wants_probe(&file(2), now));
        }
    }

    #[test]
    fn what_may_pass_is_not_saved_and_is_tried_again_ever_more_seldom() {
        let folder = tempfile::tempdir().unwrap();
        let mut known = ProbedFiles::load(folder.path());
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..20 {
            let failed = Err(ProbeFailure::passing("the worker stopped"));
            assert!(!known.remember(&file(1), failed, now));
            assert_eq!(known.find(&file(1)), Some(Err("the worker stopped".into())));
            let wait = known.setbacks[&file(1).path].again_at - now;
            assert!(!known.wants_probe(&file(1), now) && known.wants_probe(&file(1), now + wait));
            assert!(
                known.wants_probe(&file(2), now),
                "a changed file waits for nothing"
            );
            waits.push(wait);
            now += wait;
        }
        assert!(waits[0] == FIRST_RETRY && waits.is_sorted() && waits[19] == LAST_RETRY);
        save(folder.path(), &known.to_json().unwrap()).unwrap();
        assert_eq!(ProbedFiles::load(folder.path()).find(&file(1)), None);
        assert!(known.remember(&file(1), Ok(ProbedModel::default()), now));
        assert!(known.find(&file(1)).unwrap().is_ok());
    }
}
