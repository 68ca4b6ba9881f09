//! The assistant's message as clients get it, whole or in chunks.
//! Thoughts stand in `reasoning_content`, where clients of other servers look for them.

use serde_json::{Value, json};

use super::super::Identity;
use super::super::answers::{Answer, usage_of};
use super::super::chunks::{ChunkShape, Piece};
use super::super::figures::{chat_logprobs, reason_text, timings_json, usage_json};
use crate::engine::{FinishReason, TokenChance, ToolCallDelta};

pub(super) fn whole_completion(identity: &Identity, answers: Vec<Answer>) -> Value {
    let usage = usage_of(&answers, true);
    let timings = match answers.as_slice() {
        [
            Answer {
                finished: Some(finished),
                ..
            },
        ] => Some(timings_json(finished)),
        _ => None,
    };
    let choices: Vec<Value> = (0..).zip(answers).map(choice).collect();
    let mut completion = identity.envelope("chat.completion", &choices);
    completion["usage"] = usage_json(usage);
    if let Some(timings) = timings {
        completion["timings"] = timings;
    }
    completion
}

fn choice((index, answer): (u32, Answer)) -> Value {
    let has_content = !answer.text.is_empty() || answer.calls.is_empty();
    let content = has_content.then_some(answer.text);
    let mut message = json!({ "role": "assistant", "content": content, "refusal": null });
    if !answer.reasoning.is_empty() {
        message["reasoning_content"] = answer.reasoning.into();
    }
    if !answer.calls.is_empty() {
        message["tool_calls"] = answer.calls.iter().map(whole_call).collect();
    }
    let reason = answer.finished.map_or(FinishReason::Stop, |end| end.reason);
    json!({
        "index": index,
        "message": message,
        "finish_reason": reason_text(reason),
        "logprobs": chat_logprobs(&answer.chances),
    })
}

fn whole_call(call: &ToolCallDelta) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": { "name": call.name, "arguments": call.arguments },
    })
}

/// Only its first piece says whose call it is.
fn call_delta(call: ToolCallDelta) -> Value {
    let mut function = json!({ "arguments": call.arguments });
    if let Some(name) = call.name {
        function["name"] = name.into();
    }
    let mut delta = json!({ "index": call.index, "function": function });
    if let Some(id) = call.id {
        delta["id"] = id.into();
        delta["type"] = "function".into();
    }
    delta
}

pub(super) struct ChatChunks;

impl ChunkShape for ChatChunks {
    const OBJECT: &'static str = "chat.completion.chunk";

    fn opening(&self, index: u32) -> Option<Value> {
        Some(json!({ "index": index, "delta": { "role": "assistant", "content": "" } }))
    }

    fn piece(&mut self, index: u32, piece: Piece, chances: &[TokenChance]) -> Option<Value> {
        let delta = match piece {
            Piece::Text(text) => json!({ "content": text }),
            Piece::Reasoning(text) => json!({ "reasoning_content": text }),
            Piece::ToolCall(call) => json!({ "tool_calls": [call_delta(call)] }),
            Piece::Nothing => json!({}),
        };
        let mut choice = json!({ "index": index, "delta": delta });
        if !chances.is_empty() {
            choice["logprobs"] = chat_logprobs(chances);
        }
        Some(choice)
    }
}
