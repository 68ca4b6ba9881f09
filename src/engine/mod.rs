//! What the house knows about language models: ask for text, get a stream of it.
//!
//! The engine knows messages and tokens, never users, conversations or transactions. One outside
//! engine, one room: `llama/` alone knows llama.cpp, `scripted/` answers by script for tests and
//! demonstrations. Callers: the rooms `conversations` and `models`, `http/compat`, `cli`.
//! `generate` never waits for a token, and dropping its stream cancels the work.

mod combined;
#[cfg(feature = "llama")]
pub mod llama;
mod model_file;
pub mod prompt;
pub mod scripted;
mod stream;
mod validity;

use std::path::PathBuf;

pub use combined::CombinedEngine;
pub use model_file::{ModelFile, ModelRunner, ProbeFailure, ProbedModel};
use serde::{Deserialize, Serialize};
pub use stream::{EventSender, TokenStream, token_stream};

/// Anything that can turn messages into text.
pub trait Engine: Send + Sync {
    /// The models this engine offers now, in the order people should see them.
    fn models(&self) -> Vec<ModelInfo>;
    /// Queues the request. Quick; never waits for a token. Dropping the stream cancels the work.
    fn generate(&self, request: Generate) -> Result<TokenStream, EngineError>;
    fn health(&self) -> Health;
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    System,
    User,
    Assistant,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    pub role: Role,
    pub content: String,
}

/// One piece of work for an engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generate {
    /// A [`ModelInfo::id`].
    pub model: String,
    pub messages: Vec<ChatMessage>,
    /// Text the assistant has already written: the engine goes on from its end and sends only what is new.
    pub written: String,
    pub sampling: Sampling,
    /// The reply ends before any of these; none of them is ever sent.
    pub stop: Vec<String>,
    /// None: until the model ends by itself or the context is full.
    pub max_tokens: Option<u32>,
    /// When history does not fit: `true` leaves out the oldest turns (the system message and the
    /// latest user message stay) and says so in [`Finished::left_out_messages`]; `false` refuses.
    pub trim_history: bool,
    /// Requests of one lane share their turn with other lanes fairly. Opaque to the engine.
    pub lane: u64,
}

impl Generate {
    /// Answers these messages as the model likes best, for as long as it likes.
    pub fn new(model: impl Into<String>, messages: Vec<ChatMessage>) -> Self {
        Self {
            model: model.into(),
            messages,
            written: String::new(),
            sampling: Sampling::default(),
            stop: Vec::new(),
            max_tokens: None,
            trim_history: false,
            lane: 0,
        }
    }
}

/// How the next token is chosen. None means: what the model file recommends, otherwise the engine's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 to 2; 0 takes the likeliest token always.
    pub temperature: Option<f32>,
    /// 0 (off) to 1,000.
    pub top_k: Option<u32>,
    /// Above 0, up to 1.
    pub top_p: Option<f32>,
    /// 0 to 1.
    pub min_p: Option<f32>,
    /// 0.5 to 2; 1 is off.
    pub repeat_penalty: Option<f32>,
    pub seed: Option<u32>,
}

/// What comes back, in this order: `Queued`*, `Prefill`*, `Delta`*, `Finished`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EngineEvent {
    /// Place in the queue, 0 is next.
    Queued {
        position: u32,
    },
    /// The prompt is being read: tokens done of all.
    Prefill {
        done: u32,
        total: u32,
    },
    /// Whole characters of the reply, never half of one.
    Delta(String),
    Finished(Finished),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    pub reason: FinishReason,
    pub usage: Usage,
    pub timings: Timings,
    /// How many of the oldest messages the model did not see because they no longer fit.
    pub left_out_messages: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended its turn, or a stop string came.
    Stop,
    /// `max_tokens` or the context is used up.
    Length,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub prompt_tokens: u32,
    /// Of the prompt, how many needed no computing.
    pub cached_tokens: u32,
    pub completion_tokens: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    pub queued_ms: u64,
    pub prefill_ms: u64,
    pub decode_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    pub ready: bool,
    /// The model in memory, if any.
    pub loaded: Option<String>,
    pub running: u32,
    pub queued: u32,
}

/// Why an engine gave no text. Each says what the caller can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum EngineError {
    #[error("there is no model named \"{0}\"")]
    UnknownModel(String),
    #[error("the model cannot be used: {0}")]
    ModelUnusable(String),
    #[error("the message is too long for this model: {tokens} tokens, and it holds {limit}")]
    ContextTooLong { tokens: u32, limit: u32 },
    #[error("too many requests are waiting; try again shortly")]
    QueueFull,
    #[error("{0}")]
    InvalidRequest(String),
    /// The worker died again and again on this very request.
    #[error("the model stopped unexpectedly")]
    Crashed,
    #[error("the engine failed: {0}")]
    Failed(String),
}
