//! What the house knows about language models: ask for text, get a stream of it.
//!
//! The engine knows messages and tokens, never users, conversations or transactions. One outside
//! engine, one room: `llama/` alone knows llama.cpp, `remote/` asks other servers, `scripted/`
//! answers by script for tests and demonstrations. Callers: the rooms `conversations` and `models`,
//! `http/compat`, `cli`.
//! `generate` never waits for a token, and dropping its stream cancels the work.

mod combined;
mod event;
pub mod grammar;
#[cfg(feature = "llama")]
pub mod llama;
mod model_file;
pub mod parse;
pub mod prompt;
pub mod remote;
mod request;
pub mod scripted;
mod stream;
mod validity;

use std::path::PathBuf;

pub use combined::CombinedEngine;
pub use event::{
    Embeddings, EngineEvent, FinishReason, Finished, Timings, TokenChance, ToolCallDelta, Usage,
};
use futures_util::future::BoxFuture;
pub use model_file::{AdapterFile, ModelFile, ModelMemory, ModelRunner, ProbeFailure, ProbedModel};
pub use request::{
    AdapterUse, ChatMessage, Embed, Generate, OutputFormat, Priority, Reasoning, Role, Sampling,
    Tool, ToolCall, ToolChoice,
};
use serde::{Deserialize, Serialize};
pub use stream::{EventSender, TokenStream, token_stream};
pub use validity::{ADAPTER_SCALE, MAX_ADAPTERS};

/// Anything that can turn messages into text.
pub trait Engine: Send + Sync {
    /// The models this engine offers now, in the order people should see them.
    fn models(&self) -> Vec<ModelInfo>;
    /// Queues the request. Quick; never waits for a token. Dropping the stream cancels the work.
    fn generate(&self, request: Generate) -> Result<TokenStream, EngineError>;
    /// Vectors of texts, in their order. Dropping the future cancels the work.
    fn embed(&self, request: Embed) -> BoxFuture<'static, Result<Embeddings, EngineError>>;
    fn health(&self) -> Health;
    /// Drops what was computed for the requests of a lane, from memory and disk; what is wanted of
    /// it again is computed again. An error means that some may be left.
    fn forget(&self, lane: u64) -> BoxFuture<'static, Result<(), EngineError>>;
    /// Whether a model without a file runs with any adapter, checked or not, as only one does that
    /// pretends to be a model.
    fn takes_any_adapter(&self, _model: &str) -> bool {
        false
    }
}

/// A model as people choose it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Stable and readable: the file name without its ending, e.g. `qwen3-8b-q4_k_m`.
    pub id: String,
    /// The name to show, from the model file where it has one.
    pub name: String,
    pub state: ModelState,
    /// What one conversation may hold, in tokens: prompt and reply together.
    pub context_tokens: u32,
    pub size_bytes: u64,
    /// Number of weights, 0 when unknown.
    pub parameters: u64,
    /// e.g. `qwen3`; empty when unknown.
    pub architecture: String,
    /// e.g. `Q8_0`; empty when unknown.
    pub quantization: String,
    /// Where the file lies; None for models without one.
    pub file: Option<PathBuf>,
    /// What it takes, while it is loaded.
    pub memory: Option<ModelMemory>,
    /// It writes text.
    pub writes: bool,
    /// It makes vectors of texts.
    pub embeds: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// A probing worker is looking at the file.
    Probing,
    /// Can be chosen; is loaded on first use.
    Available,
    Loading,
    Loaded,
    /// Cannot be used; the reason in words for the administrator.
    Unusable(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    pub ready: bool,
    /// The models in memory.
    pub loaded: Vec<String>,
    pub running: u32,
    pub queued: u32,
}

/// Why an engine gave no text. Each says what the caller can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum EngineError {
    #[error("there is no model named \"{0}\"")]
    UnknownModel(String),
    #[error("there is no adapter named \"{0}\"")]
    UnknownAdapter(String),
    #[error("the model cannot be used: {0}")]
    ModelUnusable(String),
    #[error("the message is too long for this model: {tokens} tokens, and it holds {limit}")]
    ContextTooLong { tokens: u32, limit: u32 },
    #[error("too many requests are waiting; try again shortly")]
    QueueFull,
    #[error("{0}")]
    InvalidRequest(String),
    /// The field as an OpenAI client names it, e.g. `response_format`.
    #[error("{field}: {reason}")]
    InvalidField { field: String, reason: String },
    /// The worker died again and again on this very request.
    #[error("the model stopped unexpectedly")]
    Crashed,
    #[error("the engine failed: {0}")]
    Failed(String),
}
