//! The streamed answer of another server as [`EngineEvent`]s.
//!
//! Each piece is handed on as it came. Servers differ in what they leave out, and that is borne;
//! what is no such answer at all is a fault, and so is an answer without an end. Pure; called by
//! `reply`.

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::super::{EngineEvent, FinishReason, TokenChance, ToolCallDelta, Usage};
use super::sse::{MAX_EVENT_BYTES, SseFault, SseReader};

/// What one reply may bring in all.
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;
const MAX_CALLS: u32 = 128;
const END: &str = "[DONE]";

#[derive(Debug, PartialEq)]
pub(super) enum AnswerFault {
    /// With what is wrong, for the administrator.
    NoAnswer(String),
    /// The server said so itself, in the middle of its answer.
    Said(Value),
}

fn no_answer<T>(detail: impl Into<String>) -> Result<T, AnswerFault> {
    Err(AnswerFault::NoAnswer(detail.into()))
}

#[derive(Default)]
pub(super) struct AnswerReader {
    sse: SseReader,
    bytes: usize,
    finish: Option<FinishReason>,
    usage: Option<Usage>,
    /// Pieces of text so far; about as many as tokens.
    pieces: u32,
    thought_pieces: u32,
    /// The calls that were begun.
    calls: Vec<u32>,
    /// Nothing more will come.
    pub(super) done: bool,
}

impl AnswerReader {
    /// Adds to `events` what `bytes` brought.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        events: &mut Vec<EngineEvent>,
    ) -> Result<(), AnswerFault> {
        self.bytes += bytes.len();
        if self.bytes > MAX_ANSWER_BYTES {
            return no_answer("the answer has no end");
        }
        let mut data = Vec::new();
        let read = self.sse.read(bytes, &mut data);
        // What came before a fault is still an answer.
        for data in data {
            self.take(&data, events)?;
        }
        read.or_else(|fault| match fault {
            SseFault::TooLong => {
                no_answer(format!("an event has more than {MAX_EVENT_BYTES} bytes"))
            }
            SseFault::NotUtf8 => no_answer("an event is not UTF-8"),
        })
    }

    fn take(&mut self, data: &str, events: &mut Vec<EngineEvent>) -> Result<(), AnswerFault> {
        if self.done || data.is_empty() {
            return Ok(());
        }
        if data == END {
            self.done = true;
            return Ok(());
        }
        let chunk: Chunk = match serde_json::from_str(data) {
            Ok(chunk) => chunk,
            Err(error) => return no_answer(format!("an event is no piece of an answer: {error}")),
        };
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(AnswerFault::Said(error));
        }
        if let Some(usage) = chunk.usage {
            self.usage = Some(usage.into());
        }
        for choice in chunk.choices.unwrap_or_default() {
            if choice.index.unwrap_or(0) == 0 {
                self.take_choice(choice, events)?;
            }
        }
        Ok(())
    }

    fn take_choice(
        &mut self,
        choice: Choice,
        events: &mut Vec<EngineEvent>,
    ) -> Result<(), AnswerFault> {
        let chances: Vec<TokenChance> = choice
            .logprobs
            .and_then(|logprobs| logprobs.content)
            .unwrap_or_default()
            .into_iter()
            .map(Logprob::into_chance)
            .collect();
        if !chances.is_empty() {
            events.push(EngineEvent::Chances(chances));
        }
        let delta = choice.delta.unwrap_or_default();
        let filled = |text: &String| !text.is_empty();
        if let Some(thought) = delta.reasoning_content.or(delta.reasoning).filter(filled) {
            self.pieces += 1;
            self.thought_pieces += 1;
            events.push(EngineEvent::Reasoning(thought));
        }
        // A refusal is what the model says instead of an answer.
        for text in [delta.content, delta.refusal].into_iter().flatten() {
            if filled(&text) {
                self.pieces += 1;
                events.push(EngineEvent::Delta(text));
            }
        }
        for (place, piece) in delta.tool_calls.unwrap_or_default().into_iter().enumerate() {
            let event = self.take_call(place, piece)?;
            events.push(EngineEvent::ToolCall(event));
        }
        if let Some(reason) = choice.finish_reason {
            self.finish = Some(match reason.as_str() {
                "length" | "max_tokens" => FinishReason::Length,
                "tool_calls" | "function_call" => FinishReason::ToolCalls,
                // Some say so although they called.
                _ if !self.calls.is_empty() => FinishReason::ToolCalls,
                _ => FinishReason::Stop,
            });
        }
        Ok(())
    }

    /// Some servers give no index, some no id, some each with every piece.
    fn take_call(&mut self, place: usize, piece: CallPiece) -> Result<ToolCallDelta, AnswerFault> {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let index = piece.index.unwrap_or(place);
        if index >= MAX_CALLS {
            return no_answer("too many tools are called");
        }
        let function = piece.function.unwrap_or_default();
        let arguments = match function.arguments.unwrap_or_default() {
            Value::String(text) => text,
            Value::Null => String::new(),
            object => object.to_string(),
        };
        self.pieces += 1;
        let (mut id, mut name) = (None, None);
        if !self.calls.contains(&index) {
            self.calls.push(index);
            let given = piece.id.filter(|id| !id.is_empty());
            id = Some(given.unwrap_or_else(|| format!("call_{}", Uuid::now_v7().simple())));
            name = function.name;
        }
        Ok(ToolCallDelta {
            index,
            id,
            name,
            arguments,
        })
    }

    /// Whether the model has ended; what may follow is the usage.
    pub(super) fn is_complete(&self) -> bool {
        self.done || self.finish.is_some()
    }

    /// None: the answer was cut off. Where the server did not count, its pieces are counted, and
    /// `prompt_tokens` is believed.
    pub(super) fn end(&self, prompt_tokens: u32) -> Option<(FinishReason, Usage)> {
        let reason = match self.finish {
            None if self.done => FinishReason::Stop,
            reason => reason?,
        };
        let counted = Usage {
            prompt_tokens,
            cached_tokens: 0,
            completion_tokens: self.pieces,
            reasoning_tokens: self.thought_pieces,
        };
        Some((reason, self.usage.unwrap_or(counted)))
    }
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<UsageJson>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    index: Option<u32>,
    delta: Option<Delta>,
    finish_reason: Option<String>,
    logprobs: Option<Logprobs>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Deserialize)]
struct CallPiece {
    index: Option<u32>,
    id: Option<String>,
    function: Option<FunctionPiece>,
}

#[derive(Default, Deserialize)]
struct FunctionPiece {
    name: Option<String>,
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct Logprobs {
    content: Option<Vec<Logprob>>,
}

#[derive(Deserialize)]
struct Logprob {
    token: String,
    bytes: Option<Vec<u8>>,
    logprob: f32,
    top_logprobs: Option<Vec<Logprob>>,
}

impl Logprob {
    fn into_chance(self) -> TokenChance {
        let likeliest = self.top_logprobs.unwrap_or_default();
        TokenChance {
            bytes: self.bytes.unwrap_or_else(|| self.token.into_bytes()),
            logprob: self.logprob,
            likeliest: likeliest
                .into_iter()
                .map(|other| {
                    (
                        other.bytes.unwrap_or_else(|| other.token.into_bytes()),
                        other.logprob,
                    )
                })
                .collect(),
        }
    }
}

#[derive(Deserialize)]
struct UsageJson {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl From<UsageJson> for Usage {
    fn from(usage: UsageJson) -> Self {
        let count = |count: Option<u64>| u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX);
        let cached = usage.prompt_tokens_details.and_then(|it| it.cached_tokens);
        let thought = usage
            .completion_tokens_details
            .and_then(|it| it.reasoning_tokens);
        Self {
            prompt_tokens: count(usage.prompt_tokens),
            cached_tokens: count(cached),
            completion_tokens: count(usage.completion_tokens),
            reasoning_tokens: count(thought),
        }
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
