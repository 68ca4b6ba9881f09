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
    /// Why nobody can chat with it although it opens, in words for the administrator.
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

/// An engine that loads model files.
pub trait ModelRunner: Engine {
    /// Replaces what is offered. A running reply of a model that is gone is still finished.
    fn set_models(&self, files: Vec<ModelFile>);
    /// Opens a file in a process of its own.
    fn probe(&self, path: PathBuf) -> BoxFuture<'static, Result<ProbedModel, ProbeFailure>>;
}
