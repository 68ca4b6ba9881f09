//! What the server and the engine worker say to each other.
//!
//! Both are the same binary, so nothing here has versions. Commands go to the worker, reports come
//! back; a reply is named by a number the server gives.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::engine::parse::{Dialect, ReplyStart};
use crate::engine::{
    Embed, Embeddings, EngineError, Finished, Generate, ModelMemory, Sampling, TokenChance,
};

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Command {
    /// The first command, once.
    Load(Load),
    Generate {
        id: u64,
        request: Box<Generate>,
        adapters: Vec<AdapterLoad>,
        resume: Resume,
    },
    Embed {
        id: u64,
        request: Embed,
    },
    Cancel {
        id: u64,
    },
    /// What was computed for this lane.
    Forget {
        lane: u64,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Load {
    pub path: PathBuf,
    /// The most one conversation may hold; the model may hold less.
    pub context_tokens: u32,
    pub parallel_replies: u32,
    /// 0 chooses by the number of cores.
    pub threads: u32,
    /// How many layers go to graphics cards; None for as many as fit.
    pub gpu_layers: Option<u32>,
    /// One memory for the tokens of all, or one each; None chooses by the machine.
    pub unified_kv: Option<bool>,
    /// The memory for tokens in bf16, or in f16; None chooses by the machine.
    pub bf16_kv: Option<bool>,
    /// How long those who are being written may wait between two tokens.
    pub step_target_ms: u32,
    /// Where computed sequences are kept on disk; None for nowhere.
    pub saved: Option<SavedSequences>,
    /// What the model file recommends.
    pub sampling: Sampling,
}

/// Computed sequences on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSequences {
    /// Of the engine's own; several workers may share it.
    pub folder: PathBuf,
    pub budget_bytes: u64,
}

/// An adapter that a request names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AdapterLoad {
    pub path: PathBuf,
    pub sha256: String,
    pub scale: f32,
}

/// Where a reply stood when an earlier worker died.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Resume {
    /// The tokens it had chosen, also those whose text was still held back.
    pub tokens: Vec<i32>,
    /// How much of their text the reader has.
    pub sent_bytes: usize,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    Loaded {
        context_tokens: u32,
        memory: ModelMemory,
    },
    LoadFailed(String),
    /// What happened since the last ones, by request.
    Events(Vec<(u64, ReplyEvent)>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ReplyEvent {
    /// Said before the prompt is made, so that a death meanwhile has a name.
    Begun,
    /// How the text is to be read. Said once, when the prompt is made.
    Opened {
        dialect: Dialect,
        start: ReplyStart,
    },
    Queued {
        position: u32,
        eta_ms: Option<u64>,
    },
    /// The first of these, with nothing done, is said before the reply's first step.
    Prefill {
        done: u32,
        total: u32,
    },
    /// Text may be empty: then it is held back.
    Delta {
        text: String,
        token: i32,
        chance: Option<TokenChance>,
    },
    Finished {
        /// What was held back to the end.
        text: String,
        finished: Finished,
    },
    /// The answer to [`Command::Embed`], and its end.
    Embedded(Embeddings),
    Failed(EngineError),
}
