//! What an engine answers with, piece by piece.
//!
//! Text comes in whole characters and in order; nothing follows `Finished`. Callers: everybody who
//! reads a [`super::TokenStream`].

use serde::{Deserialize, Serialize};

/// What comes back, in this order: `Queued`*, `Prefill`*, then `Reasoning`, `Delta`, `ToolCall` and
/// `Chances` as they come, and `Finished`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EngineEvent {
    /// Place in the queue, 0 is next; and how long it may take until the first token, as far as
    /// that can be said.
    Queued {
        position: u32,
        eta_ms: Option<u64>,
    },
    /// The prompt is being read: tokens done of all.
    Prefill {
        done: u32,
        total: u32,
    },
    /// Whole characters of what the model thinks before it answers.
    Reasoning(String),
    /// Whole characters of the reply, never half of one.
    Delta(String),
    ToolCall(ToolCallDelta),
    /// Only where they were asked for: one for each token of the text that follows, or of what is
    /// held back.
    Chances(Vec<TokenChance>),
    Finished(Finished),
}

/// A piece of a call the model asks for. The first piece of each call has its id and name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCallDelta {
    /// Which of the reply's calls, from 0.
    pub index: u32,
    pub id: Option<String>,
    pub name: Option<String>,
    /// What is added to its arguments, JSON as text.
    pub arguments: String,
}

/// How likely a token was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenChance {
    /// Maybe half a character.
    pub bytes: Vec<u8>,
    /// The natural logarithm of its probability.
    pub logprob: f32,
    /// The likeliest ones in its place, the likeliest first.
    pub likeliest: Vec<(Vec<u8>, f32)>,
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
    /// The model waits for what the tools it called answer.
    ToolCalls,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub prompt_tokens: u32,
    /// Of the prompt, how many needed no computing.
    pub cached_tokens: u32,
    pub completion_tokens: u32,
    /// Of the completion, how many were thinking.
    #[serde(default)]
    pub reasoning_tokens: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    pub queued_ms: u64,
    pub prefill_ms: u64,
    pub decode_ms: u64,
}

/// One vector of length 1 for each text, in the order of the texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Embeddings {
    pub vectors: Vec<Vec<f32>>,
    pub prompt_tokens: u32,
}
