//! One reply in the making: its tokens so far, its sampler, its text on the way out.
//!
//! Knows nothing of slots and steps. The same tokens always give the same text, which is how a reply
//! goes on in another worker.

use std::time::Instant;

use super::super::cache::Scope;
use super::super::protocol::{ReplyEvent, Resume};
use super::super::stop::ReplyText;
use super::chances::chance_of;
use super::chooser::Chooser;
use super::vocabulary::Vocabulary;
use crate::engine::{EngineError, FinishReason, Finished, Generate, Timings, Usage};

pub(super) struct Reply {
    /// The prompt, then what was chosen.
    pub(super) tokens: Vec<i32>,
    pub(super) scope: Scope,
    pub(super) reuses: bool,
    /// What was computed of it earlier is on its way from the disk.
    pub(super) is_fetching: bool,
    /// Where it is computed, while it runs.
    pub(super) sequence: Option<u32>,
    /// Special tokens that are part of the text.
    pub(super) preserved: Vec<i32>,
    chooser: Chooser,
    chances: Option<u32>,
    ignores_end: bool,
    cached_tokens: Option<u32>,
    prompt_tokens: u32,
    completion_tokens: u32,
    max_tokens: u32,
    left_out_messages: u32,
    text: ReplyText,
    /// Text of an earlier worker's tokens that the reader does not have yet.
    unsent: String,
    admitted: Option<Instant>,
    prefilled: Option<Instant>,
    end: Option<FinishReason>,
}

impl Reply {
    pub(super) fn new(
        tokens: Vec<i32>,
        scope: Scope,
        chooser: Chooser,
        request: &Generate,
        left_out: u32,
        reuses: bool,
    ) -> Self {
        Self {
            prompt_tokens: count(tokens.len()),
            tokens,
            scope,
            reuses,
            is_fetching: false,
            sequence: None,
            preserved: Vec::new(),
            chooser,
            chances: request.chances,
            ignores_end: request.ignore_end,
            cached_tokens: None,
            completion_tokens: 0,
            max_tokens: request.max_tokens.unwrap_or(u32::MAX),
            left_out_messages: left_out,
            text: ReplyText::new(&request.stop),
            unsent: String::new(),
            admitted: None,
            prefilled: None,
            end: None,
        }
    }

    /// Takes over the tokens an earlier worker had chosen.
    pub(super) fn resume(
        &mut self,
        vocabulary: &Vocabulary<'_>,
        resume: &Resume,
        context_tokens: u32,
    ) {
        let mut text = String::new();
        for &token in &resume.tokens {
            self.chooser.accept(token);
            text.push_str(&self.take(vocabulary, token, context_tokens));
        }
        self.unsent = text.get(resume.sent_bytes..).unwrap_or_default().to_owned();
        if self.tokens.len() >= context_tokens as usize {
            self.end = Some(FinishReason::Length);
        }
    }

    /// Chooses the next token: what to tell the reader. None when nothing can follow.
    pub(super) fn choose(
        &mut self,
        vocabulary: &Vocabulary<'_>,
        logits: &[f32],
        context_tokens: u32,
    ) -> Option<ReplyEvent> {
        self.prefilled.get_or_insert_with(Instant::now);
        let token = self.chooser.choose(logits)?;
        let chance = self
            .chances
            .map(|likeliest| chance_of(vocabulary, logits, token, likeliest));
        let text = self.take(vocabulary, token, context_tokens);
        Some(ReplyEvent::Delta {
            text: std::mem::take(&mut self.unsent) + &text,
            token,
            chance: chance.filter(|_| !vocabulary.ends_reply(token)),
        })
    }

    fn take(&mut self, vocabulary: &Vocabulary<'_>, token: i32, context_tokens: u32) -> String {
        if !self.ignores_end && vocabulary.ends_reply(token) {
            self.end = Some(FinishReason::Stop);
            return String::new();
        }
        self.tokens.push(token);
        self.completion_tokens += 1;
        let bytes = match self.preserved.contains(&token) {
            true => vocabulary.special_bytes_of(token),
            false => vocabulary.bytes_of(token),
        };
        let text = self.text.push(&bytes);
        if self.text.is_stopped() {
            self.end = Some(FinishReason::Stop);
        } else if self.completion_tokens >= self.max_tokens
            || self.tokens.len() >= context_tokens as usize
        {
            self.end = Some(FinishReason::Length);
        }
        text
    }

    /// Why no token was chosen.
    pub(super) fn nothing_follows(&self) -> EngineError {
        if self.chooser.is_constrained() {
            let sentence = "this model's vocabulary cannot write the form that was asked for";
            EngineError::InvalidRequest(sentence.into())
        } else {
            EngineError::Failed("the model gave no token that may follow".into())
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.end.is_some()
    }

    /// It is computed in this sequence from now on; so many of its tokens are there already.
    pub(super) fn admit(&mut self, sequence: u32, cached: u32) {
        self.sequence = Some(sequence);
        self.admitted.get_or_insert_with(Instant::now);
        self.cached_tokens.get_or_insert(cached);
    }

    /// How long ago it was admitted first.
    pub(super) fn running_us(&self) -> Option<u64> {
        let running = self.admitted?.elapsed();
        Some(u64::try_from(running.as_micros()).unwrap_or(u64::MAX))
    }

    /// How far the prompt is read when `done` of its tokens are computed.
    pub(super) fn prefill(&self, done: u32) -> ReplyEvent {
        ReplyEvent::Prefill {
            done: done.min(self.prompt_tokens),
            total: self.prompt_tokens,
        }
    }

    /// The most tokens the sequence can come to hold.
    pub(super) fn most_tokens(&self, context_tokens: u32) -> u32 {
        self.prompt_tokens
            .saturating_add(self.max_tokens)
            .min(context_tokens)
    }

    pub(super) fn finish(&mut self) -> ReplyEvent {
        let ms = |from: Option<Instant>, to: Option<Instant>| match (from, to) {
            (Some(from), Some(to)) => u64::try_from((to - from).as_millis()).unwrap_or(u64::MAX),
            _ => 0,
        };
        let finished = Finished {
            reason: self.end.unwrap_or(FinishReason::Stop),
            usage: Usage {
                prompt_tokens: self.prompt_tokens,
                cached_tokens: self.cached_tokens.unwrap_or(0).min(self.prompt_tokens),
                completion_tokens: self.completion_tokens,
                reasoning_tokens: 0,
            },
            timings: Timings {
                // Counted where the request came in.
                queued_ms: 0,
                prefill_ms: ms(self.admitted, self.prefilled),
                decode_ms: ms(self.prefilled, Some(Instant::now())),
            },
            left_out_messages: self.left_out_messages,
        };
        let text = std::mem::take(&mut self.unsent) + &self.text.finish();
        ReplyEvent::Finished { text, finished }
    }
}

pub(super) fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}
