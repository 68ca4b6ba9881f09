//! An engine that answers by script, with delays and failures: for tests, benches and demonstrations.
//!
//! The script is a JSON file named by `engine.script`. The first rule whose `when` (a regular
//! expression) is found in the last user message answers; with none, the reply repeats what was said,
//! and a request for a title gets the first words. A text is sent word by word, a list piece by
//! piece; each piece counts as one token. For example:
//!
//! ```json
//! {
//!   "models": ["scripted", "scripted-two"],
//!   "rules": [
//!     {"when": "^count", "reply": ["one ", "two ", "three"], "first_delay_ms": 20, "delay_ms": 50},
//!     {"when": "break off", "reply": "this never comes to its end", "fail_after": 2},
//!     {"when": "too long", "error": {"context_too_long": {"tokens": 9000, "limit": 4096}}},
//!     {"when": "^flood", "reply": "drop ", "repeat": 10000, "queued": [2, 1], "prefill": 100},
//!     {"when": "warm", "reasoning": "They want the weather.", "reply": "It is warm.",
//!      "tool_calls": [{"name": "get_weather", "arguments": {"city": "Oslo"}}]}
//!   ]
//! }
//! ```
//!
//! Any adapter is taken. Where a text says `{adapters}`, the reply says those of its request with
//! their scales, such as `pirate at 0.5, formal at 1`, or `none`.
//!
//! With `tool_calls` the tools are called first, and the reply is said once they have answered. A
//! reply that is continued goes on behind what is thought and written and does not fail again.
//! Chances, where they are asked for, are made up. `error` is one
//! of `crashed`, `queue_full`, `{"failed": "…"}`, `{"model_unusable": "…"}`, `{"context_too_long": …}`.

mod pieces;
mod script;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::task::TaskTracker;

use self::pieces::{Piece, pieces_of};
use self::script::{Reply, Rule, Script};
use super::prompt::TITLE_REQUEST;
use super::{
    Embed, Embeddings, Engine, EngineError, EngineEvent, EventSender, FinishReason, Finished,
    Generate, Health, ModelInfo, ModelState, Role, Timings, TokenStream, Usage, token_stream,
    validity,
};

/// Events that may wait for a reader before the script pauses.
const STREAM_CAPACITY: usize = 4096;
const TITLE_WORDS: usize = 6;

pub struct ScriptedEngine {
    script: Script,
    tasks: TaskTracker,
    running: Arc<AtomicU32>,
}

impl ScriptedEngine {
    /// The error is a plain sentence.
    pub fn from_file(path: &Path, tasks: TaskTracker) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("the script {} cannot be read: {error}", path.display()))?;
        Self::from_json(&text, tasks)
    }

    /// The error is a plain sentence.
    pub fn from_json(text: &str, tasks: TaskTracker) -> Result<Self, String> {
        let script = serde_json::from_str(text)
            .map_err(|error| format!("the script is not understood: {error}"))?;
        Ok(Self {
            script,
            tasks,
            running: Arc::default(),
        })
    }

    fn rule_for(&self, request: &Generate) -> Rule {
        let said = what_was_said(request);
        let matches = |rule: &&Rule| {
            rule.model
                .as_ref()
                .is_none_or(|model| *model == request.model)
                && rule.when.as_ref().is_none_or(|when| when.is_match(said))
        };
        let reply = || match (said == TITLE_REQUEST, request.messages.first()) {
            (true, Some(first)) => first
                .content
                .split_whitespace()
                .take(TITLE_WORDS)
                .collect::<Vec<_>>()
                .join(" "),
            _ => format!("You said: {said}"),
        };
        let found = self.script.rules.iter().find(matches).cloned();
        found.unwrap_or_else(|| Rule {
            reply: Reply::Text(reply()),
            ..Rule::default()
        })
    }
}

/// The same text always has the same vector.
fn made_up_vectors(texts: &[String]) -> Embeddings {
    let vector = |text: &String| {
        let mut sums = [1.0_f32; 8];
        for (at, byte) in text.bytes().enumerate() {
            sums[at % 8] += f32::from(byte);
        }
        let length = sums.iter().map(|sum| sum * sum).sum::<f32>().sqrt();
        sums.map(|sum| sum / length).to_vec()
    };
    let words: usize = texts
        .iter()
        .map(|text| text.split_whitespace().count())
        .sum();
    Embeddings {
        vectors: texts.iter().map(vector).collect(),
        prompt_tokens: u32::try_from(words).unwrap_or(u32::MAX),
    }
}

/// The last user message, or the prompt.
fn what_was_said(request: &Generate) -> &str {
    if let Some(prompt) = &request.raw_prompt {
        return prompt;
    }
    let last = request
        .messages
        .iter()
        .rfind(|message| message.role == Role::User);
    last.map(|message| message.content.as_str())
        .unwrap_or_default()
}

impl Engine for ScriptedEngine {
    fn models(&self) -> Vec<ModelInfo> {
        let info = |id: &String| ModelInfo {
            id: id.clone(),
            name: id.clone(),
            state: ModelState::Loaded,
            context_tokens: self.script.context_tokens,
            size_bytes: 0,
            parameters: 0,
            architecture: String::new(),
            quantization: String::new(),
            file: None,
            memory: None,
            writes: true,
            embeds: true,
        };
        self.script.models.iter().map(info).collect()
    }

    fn generate(&self, request: Generate) -> Result<TokenStream, EngineError> {
        if !self.script.models.contains(&request.model) {
            return Err(EngineError::UnknownModel(request.model));
        }
        validity::check(&request)?;
        let rule = self.rule_for(&request);
        if let (Some(error), None) = (&rule.error, rule.fail_after) {
            return Err(error.clone().into());
        }
        let (sender, stream) = token_stream(STREAM_CAPACITY);
        let running = Arc::clone(&self.running);
        running.fetch_add(1, Ordering::Relaxed);
        self.tasks.spawn(async move {
            // A reader that left ends the reply, and that is all there is to it.
            let _ = perform(rule, &request, &sender).await;
            running.fetch_sub(1, Ordering::Relaxed);
        });
        Ok(stream)
    }

    fn embed(&self, request: Embed) -> BoxFuture<'static, Result<Embeddings, EngineError>> {
        let known = self.script.models.contains(&request.model);
        let made = match known {
            true => validity::check_embed(&request).map(|()| made_up_vectors(&request.texts)),
            false => Err(EngineError::UnknownModel(request.model)),
        };
        let delay = Duration::from_millis(self.script.embed_delay_ms);
        async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            made
        }
        .boxed()
    }

    fn takes_any_adapter(&self, model: &str) -> bool {
        self.script.models.iter().any(|known| known == model)
    }

    fn forget(&self, _lane: u64) -> BoxFuture<'static, Result<(), EngineError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn health(&self) -> Health {
        let loaded = self.script.models.iter().take(1).cloned().collect();
        Health {
            ready: true,
            loaded,
            running: self.running.load(Ordering::Relaxed),
            queued: 0,
        }
    }
}

struct ReaderLeft;

async fn send(sender: &EventSender, event: EngineEvent) -> Result<(), ReaderLeft> {
    sender.send(Ok(event)).await.map_err(|_| ReaderLeft)
}

/// The queue and the reading of the prompt.
async fn lead_up(rule: &Rule, sender: &EventSender) -> Result<(), ReaderLeft> {
    for position in &rule.queued {
        send(
            sender,
            EngineEvent::Queued {
                position: *position,
                eta_ms: None,
            },
        )
        .await?;
        wait(rule.delay_ms.max(10), sender).await?;
    }
    let total = rule.prefill;
    let cached = rule.cached.min(total);
    for step in (0..=4).filter(|_| total > 0) {
        let done = cached + (total - cached) * step / 4;
        send(sender, EngineEvent::Prefill { done, total }).await?;
    }
    wait(rule.first_delay_ms, sender).await
}

async fn perform(rule: Rule, request: &Generate, sender: &EventSender) -> Result<(), ReaderLeft> {
    let started = Instant::now();
    lead_up(&rule, sender).await?;
    let prefilled = Instant::now();
    let (pieces, mut reason) = pieces_of(&rule, request);
    let limit = request
        .max_tokens
        .map_or(usize::MAX, |limit| limit as usize);
    if pieces.len() > limit {
        reason = FinishReason::Length;
    }
    let is_continued = !(request.written.is_empty() && request.thought.is_empty());
    let mut usage = prompt_usage(request);
    usage.cached_tokens = rule.cached.min(usage.prompt_tokens);
    for piece in pieces.into_iter().take(limit) {
        let sent = usize::try_from(usage.completion_tokens).unwrap_or(usize::MAX);
        if rule.fail_after == Some(sent) && !is_continued {
            let error = rule
                .error
                .map_or_else(|| EngineError::Failed("as scripted".into()), Into::into);
            return sender.send(Err(error)).await.map_err(|_| ReaderLeft);
        }
        usage.completion_tokens += 1;
        usage.reasoning_tokens += u32::from(matches!(piece, Piece::Thought(_)));
        if let Some(chances) = piece.chances(request.chances) {
            send(sender, EngineEvent::Chances(chances)).await?;
        }
        send(sender, piece.into_event()).await?;
        wait(rule.delay_ms, sender).await?;
    }
    let timings = Timings {
        queued_ms: 0,
        prefill_ms: milliseconds(prefilled.duration_since(started)),
        decode_ms: milliseconds(prefilled.elapsed()),
    };
    let finished = Finished {
        reason,
        usage,
        timings,
        left_out_messages: 0,
    };
    send(sender, EngineEvent::Finished(finished)).await
}

fn prompt_usage(request: &Generate) -> Usage {
    let raw = request.raw_prompt.as_deref().unwrap_or_default();
    let contents = request.messages.iter().map(|message| &*message.content);
    let words: usize = contents
        .chain([raw])
        .map(|text| text.split_whitespace().count())
        .sum();
    Usage {
        prompt_tokens: u32::try_from(words.max(1)).unwrap_or(u32::MAX),
        ..Usage::default()
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Cut short when the reader leaves.
async fn wait(delay_ms: u64, sender: &EventSender) -> Result<(), ReaderLeft> {
    if delay_ms == 0 {
        return Ok(());
    }
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(delay_ms)) => Ok(()),
        () = sender.closed() => Err(ReaderLeft),
    }
}

#[cfg(test)]
mod scripted_tests;
