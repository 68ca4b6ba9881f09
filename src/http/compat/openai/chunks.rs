//! A completion in chunks: what all kinds of them have in common.
//!
//! Every chunk of one answer carries the same id and time, the answers come interleaved as they are
//! written, and the last line of a stream is `[DONE]`.

use futures_util::Stream;
use serde_json::{Value, json};

use super::Identity;
use super::answers::Answers;
use super::errors::openai_error;
use super::figures::{added_usage, reason_text, timings_json, usage_json};
use crate::engine::{EngineEvent, Finished, TokenChance, ToolCallDelta, Usage};
use crate::error::Error;
use crate::http::errors::{ErrorBody, REQUEST_ID};
use crate::http::events::{KEEP_ALIVE, STILL_HERE};

/// What an answer goes on with.
pub(super) enum Piece {
    Text(String),
    Reasoning(String),
    ToolCall(ToolCallDelta),
    /// The end, with what is still to be told of tokens.
    Nothing,
}

/// How one kind of completion writes its choices.
pub(super) trait ChunkShape: Send {
    const OBJECT: &'static str;

    /// What each answer begins with; None: with its first piece.
    fn opening(&self, index: u32) -> Option<Value>;

    /// A choice without its finish reason. `chances` are of the piece's tokens.
    fn piece(&mut self, index: u32, piece: Piece, chances: &[TokenChance]) -> Option<Value>;
}

pub(super) struct Chunks<S> {
    shape: S,
    identity: Identity,
    answers: Answers,
    include_usage: bool,
    usage: Option<Usage>,
    /// Of each answer: chances whose text has not come yet.
    chances: Vec<Vec<TokenChance>>,
    opened: bool,
    over: bool,
}

impl<S: ChunkShape> Chunks<S> {
    pub(super) fn new(shape: S, identity: Identity, answers: Answers, include_usage: bool) -> Self {
        Self {
            shape,
            identity,
            chances: (0..answers.count).map(|_| Vec::new()).collect(),
            answers,
            include_usage,
            usage: None,
            opened: false,
            over: false,
        }
    }

    /// Frames of server-sent events, and a sign of life where there are none for long.
    pub(super) fn into_frames(self) -> impl Stream<Item = String> + Send
    where
        S: 'static,
    {
        futures_util::stream::unfold(self, |mut chunks| async move {
            let frame = match tokio::time::timeout(KEEP_ALIVE, chunks.next_frame()).await {
                Ok(frame) => frame?,
                Err(_) => STILL_HERE.to_owned(),
            };
            Some((frame, chunks))
        })
    }

    /// None at the end.
    async fn next_frame(&mut self) -> Option<String> {
        if self.over {
            return None;
        }
        if !self.opened {
            self.opened = true;
            let openings = (0..self.answers.count).filter_map(|index| self.shape.opening(index));
            let openings: Vec<Value> = openings.collect();
            let frames: String = openings
                .into_iter()
                .map(|choice| self.chunk(choice))
                .collect();
            if !frames.is_empty() {
                return Some(frames);
            }
        }
        loop {
            let Some((index, event)) = self.answers.next().await else {
                self.over = true;
                return Some(self.ending());
            };
            match event {
                Ok(event) => {
                    if let Some(frame) = self.take(index, event) {
                        return Some(frame);
                    }
                }
                Err(error) => {
                    self.over = true;
                    return Some(self.failure(error));
                }
            }
        }
    }

    fn take(&mut self, index: u32, event: EngineEvent) -> Option<String> {
        let piece = match event {
            EngineEvent::Delta(text) => Piece::Text(text),
            EngineEvent::Reasoning(text) => Piece::Reasoning(text),
            EngineEvent::ToolCall(delta) => Piece::ToolCall(delta),
            EngineEvent::Chances(chances) => {
                self.chances[index as usize].extend(chances);
                return None;
            }
            EngineEvent::Finished(finished) => return Some(self.finish(index, &finished)),
            EngineEvent::Queued { .. } | EngineEvent::Prefill { .. } => return None,
        };
        let mut chances = std::mem::take(&mut self.chances[index as usize]);
        if !matches!(piece, Piece::Text(_)) {
            // Clients are told of the answer's tokens alone.
            chances.clear();
        }
        let choice = self.shape.piece(index, piece, &chances)?;
        Some(self.chunk(choice))
    }

    fn finish(&mut self, index: u32, finished: &Finished) -> String {
        self.usage = Some(added_usage(
            self.usage,
            finished.usage,
            self.answers.same_prompt,
        ));
        let chances = std::mem::take(&mut self.chances[index as usize]);
        let choice = self.shape.piece(index, Piece::Nothing, &chances);
        let mut choice = choice.unwrap_or_else(|| json!({ "index": index }));
        choice["finish_reason"] = reason_text(finished.reason).into();
        let mut envelope = self.envelope(&[choice]);
        envelope["timings"] = timings_json(finished);
        frame(&envelope)
    }

    fn ending(&self) -> String {
        let mut frames = String::new();
        if self.include_usage {
            let mut envelope = self.envelope(&[]);
            envelope["usage"] = usage_json(self.usage.unwrap_or_default());
            frames.push_str(&frame(&envelope));
        }
        frames.push_str("data: [DONE]\n\n");
        frames
    }

    fn failure(&self, error: Error) -> String {
        let id = self.identity.request_id.clone();
        let body = REQUEST_ID.sync_scope(id, || ErrorBody::from(error));
        frame(&openai_error(&body))
    }

    fn chunk(&self, mut choice: Value) -> String {
        choice["finish_reason"] = Value::Null;
        frame(&self.envelope(&[choice]))
    }

    /// Where usage is asked for, every chunk has it, and all but the last as null.
    fn envelope(&self, choices: &[Value]) -> Value {
        let mut envelope = self.identity.envelope(S::OBJECT, choices);
        if self.include_usage {
            envelope["usage"] = Value::Null;
        }
        envelope
    }
}

fn frame(data: &Value) -> String {
    format!("data: {data}\n\n")
}
