//! `model pull` from a hub on this machine into a folder of its own. Blocking: the hub answers on
//! its own threads meanwhile.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::house::{binary, run_to_end};
use super::hub::{Hub, HubFile, model_bytes};

/// Seventeen pieces, the last one short.
pub(crate) const PULLED_BYTES: usize = 1_050_000;

/// A hub with one model, and a data folder without any.
pub(crate) struct Pulling {
    pub(crate) hub: Hub,
    pub(crate) folder: tempfile::TempDir,
    /// What the hub has.
    pub(crate) bytes: Vec<u8>,
}

impl Pulling {
    pub(crate) fn new() -> Self {
        let bytes = model_bytes(PULLED_BYTES, 1);
        Self {
            hub: Hub::with(vec![HubFile::new("m-Q8_0.gguf", bytes.clone())]),
            folder: tempfile::tempdir().expect("a folder"),
            bytes,
        }
    }

    pub(crate) fn models(&self) -> PathBuf {
        self.folder.path().join("models")
    }

    pub(crate) fn command(&self, source: &str) -> Command {
        let mut command = binary();
        command
            .args(["model", "pull", source, "--data"])
            .arg(self.folder.path())
            .envs(self.hub.environment());
        command
    }

    pub(crate) fn pull(&self, source: &str) -> Output {
        run_to_end(&mut self.command(source))
    }

    #[track_caller]
    pub(crate) fn pulled(&self, source: &str) -> String {
        let output = self.pull(source);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The sentence it failed with.
    #[track_caller]
    pub(crate) fn refused(&self, source: &str) -> String {
        sentence(&self.pull(source))
    }

    #[track_caller]
    pub(crate) fn is_whole(&self) {
        let file = std::fs::read(self.models().join("m-Q8_0.gguf")).expect("the model is there");
        assert!(file == self.bytes, "the model is not what the hub has");
        assert_eq!(self.names(), ["m-Q8_0.gguf"], "nothing else is left");
    }

    pub(crate) fn names(&self) -> Vec<String> {
        names(&self.models())
    }
}

/// What lies in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into()
        })
        .collect();
    names.sort();
    names
}

/// The sentence a command failed with.
#[track_caller]
pub(crate) fn sentence(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let last = text.lines().last().unwrap_or_default();
    assert!(last.starts_with("chatelaine: "), "{text}");
    last.to_owned()
}
