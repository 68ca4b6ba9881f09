//! What an engine must know of a model file before it may load it.
//!
//! The room `models` keeps the files and hands them over; an engine never looks for any itself.

use std::path::PathBuf;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Engine, Sampling};

/// What a probing worker found in a model file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbedModel {
    /// The name the file gives itself; empty when it gives none.
    pub name: String,
    pub architecture: String,
    pub quantization: String,
    /// Number of weights.
    pub parameters: u64,
    /// What the model was trained for.
    pub context_tokens: u32,
    /// What the file recommends, None where it says nothing.
    pub sampling: Sampling,
    /// It can write text.
    pub writes: bool,
    /// It can make vectors of texts.
    pub embeds: bool,
    /// Why it is of no use although it opens, in words for the administrator.
    pub unusable: Option<String>,
}

/// Why a file is not offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeFailure {
    /// A plain sentence for the administrator.
    pub reason: String,
    /// The fault is in the file and stays until the file changes; otherwise another try may succeed.
    pub lasting: bool,
}

impl ProbeFailure {
    pub fn lasting(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            lasting: true,
        }
    }

    pub fn passing(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            lasting: false,
        }
    }
}

/// A file that was probed and may be loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFile {
    /// The [`super::ModelInfo::id`] it is offered as.
    pub id: String,
    pub name: String,
    pub path: PathBuf,
    pub size_bytes: u64,
    /// Milliseconds since 1970; with the size it says whether the file is still the same.
    pub modified_ms: i64,
    pub probed: ProbedModel,
}

/// What a loaded model takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelMemory {
    pub weights_bytes: u64,
    /// For the tokens of conversations.
    pub tokens_bytes: u64,
    /// For computing, as far as it can be told.
    pub compute_bytes: u64,
}

impl ModelMemory {
    pub fn total_bytes(&self) -> u64 {
        self.weights_bytes + self.tokens_bytes + self.compute_bytes
    }
}

/// An adapter's file that was checked and probed, and may be loaded on top of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdapterFile {
    /// What an [`super::AdapterUse`] names.
    pub id: String,
    pub path: PathBuf,
    pub size_bytes: u64,
    /// Milliseconds since 1970; with the size it says whether the file is still the same.
    pub modified_ms: i64,
    /// SHA-256 of the file in hexadecimal: what was computed with it is found again by this.
    pub sha256: String,
}

impl ModelFile {
    /// What loading it will take, before that is known: its weights, and a quarter for the rest.
    pub fn expected_memory_bytes(&self) -> u64 {
        self.size_bytes + self.size_bytes / 4
    }
}

/// An engine that loads model files.
pub trait ModelRunner: Engine {
    /// Replaces what is offered. A running reply of a model that is gone is still finished.
    fn set_models(&self, files: Vec<ModelFile>);
    /// Brings a model into memory before anybody asks it.
    fn load_model(&self, id: &str);
    /// Takes a model out of memory, once it has answered what it was asked.
    fn unload_model(&self, id: &str);
    /// Replaces the adapters that requests may name. A running reply keeps its own.
    fn set_adapters(&self, files: Vec<AdapterFile>);
    /// Loads an adapter on top of a model, in a process of its own. The file's numbers must have
    /// been checked before.
    fn probe_adapter(
        &self,
        adapter: PathBuf,
        model: PathBuf,
    ) -> BoxFuture<'static, Result<(), ProbeFailure>>;
    /// Opens a file in a process of its own.
    fn probe(&self, path: PathBuf) -> BoxFuture<'static, Result<ProbedModel, ProbeFailure>>;
}
