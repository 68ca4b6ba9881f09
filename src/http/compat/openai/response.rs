//! What a client gets back, whole or in chunks. Every chunk of one answer carries the same id and
//! time, and the last line of a stream is `[DONE]`.

use serde_json::{Value, json};

use super::{Identity, next_event};
use crate::conversations::Completion;
use crate::engine::{self, EngineEvent, FinishReason, ModelInfo, ModelState, TokenStream, Usage};
use crate::error::Result;
use crate::http::errors::{ErrorBody, REQUEST_ID};

pub(super) fn model_list(models: Vec<ModelInfo>) -> Value {
    let usable = models
        .into_iter()
        .filter(|model| !matches!(model.state, ModelState::Unusable(_)));
    let data: Vec<_> = usable
        .map(|model| json!({ "id": model.id, "object": "model", "created": 0, "owned_by": "chatelaine" }))
        .collect();
    json!({ "object": "list", "data": data })
}

fn usage_json(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": { "cached_tokens": usage.cached_tokens },
    })
}

fn reason_text(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
    }
}

pub(super) struct Finished {
    identity: Identity,
    text: String,
    ending: engine::Finished,
}

impl Finished {
    pub(super) async fn collect(completion: Completion) -> Result<Self> {
        let Completion { model, mut stream } = completion;
        let mut text = String::new();
        loop {
            match next_event(stream.next_event().await)? {
                EngineEvent::Delta(delta) => text.push_str(&delta),
                EngineEvent::Finished(ending) => {
                    return Ok(Self {
                        identity: Identity::new(model),
                        text,
                        ending,
                    });
                }
                _ => {}
            }
        }
    }

    pub(super) fn into_json(self) -> Value {
        json!({
            "id": self.identity.id,
            "object": "chat.completion",
            "created": self.identity.created_s,
            "model": self.identity.model,
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": self.text },
                "finish_reason": reason_text(self.ending.reason),
                "logprobs": null,
            }],
            "usage": usage_json(self.ending.usage),
        })
    }
}

/// A stream of `chat.completion.chunk`, ended by `[DONE]`.
pub(super) struct Chunks {
    identity: Identity,
    stream: TokenStream,
    next: Option<EngineEvent>,
    include_usage: bool,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Opening,
    Open,
    Over,
}

impl Chunks {
    /// `first` is what was read of the stream already.
    pub(super) fn new(
        completion: Completion,
        first: Option<EngineEvent>,
        include_usage: bool,
    ) -> Self {
        let Completion { model, stream } = completion;
        Self {
            identity: Identity::new(model),
            stream,
            next: first,
            include_usage,
            state: State::Opening,
        }
    }

    /// None at the end.
    pub(super) async fn next_frame(&mut self) -> Option<String> {
        match self.state {
            State::Over => return None,
            State::Opening => {
                self.state = State::Open;
                return Some(self.chunk(json!({ "role": "assistant", "content": "" }), None));
            }
            State::Open => {}
        }
        loop {
            let event = match self.next.take() {
                Some(event) => Ok(event),
                None => next_event(self.stream.next_event().await),
            };
            match event {
                Ok(EngineEvent::Delta(text)) => {
                    return Some(self.chunk(json!({ "content": text }), None));
                }
                Ok(EngineEvent::Finished(ending)) => {
                    self.state = State::Over;
                    return Some(self.ending(ending));
                }
                Ok(_) => {}
                Err(error) => {
                    self.state = State::Over;
                    let id = self.identity.request_id.clone();
                    let body = REQUEST_ID.sync_scope(id, || ErrorBody::from(error));
                    return Some(frame(&super::errors::openai_error(&body)));
                }
            }
        }
    }

    fn chunk(&self, delta: Value, finish_reason: Option<FinishReason>) -> String {
        let choice =
            json!({ "index": 0, "delta": delta, "finish_reason": finish_reason.map(reason_text) });
        frame(&self.envelope(json!([choice])))
    }

    fn envelope(&self, choices: Value) -> Value {
        json!({
            "id": self.identity.id,
            "object": "chat.completion.chunk",
            "created": self.identity.created_s,
            "model": self.identity.model,
            "choices": choices,
        })
    }

    fn ending(&self, ending: engine::Finished) -> String {
        let mut frames = self.chunk(json!({}), Some(ending.reason));
        if self.include_usage {
            let mut envelope = self.envelope(json!([]));
            envelope["usage"] = usage_json(ending.usage);
            frames.push_str(&frame(&envelope));
        }
        frames.push_str("data: [DONE]\n\n");
        frames
    }
}

fn frame(data: &Value) -> String {
    format!("data: {data}\n\n")
}
