//! One reply in the making: its tokens so far, its sampler, its text on the way out.
//!
//! Knows nothing of slots and steps. The same tokens always give the same text, which is how a reply
//! goes on in another worker.

use std::time::Instant;

use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;

use super::super::protocol::{ReplyEvent, Resume};
use super::super::stop::ReplyText;
use super::prepare::to_tokens;
use super::vocabulary::Vocabulary;
use crate::engine::{FinishReason, Finished, Generate, Timings, Usage};

pub(super) struct Reply {
    /// The prompt, then what was chosen.
    pub(super) tokens: Vec<LlamaToken>,
    pub(super) sampler: LlamaSampler,
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
        tokens: Vec<LlamaToken>,
        sampler: LlamaSampler,
        request: &Generate,
        left_out: u32,
    ) -> Self {
        Self {
            prompt_tokens: count(tokens.len()),
            tokens,
            sampler,
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
        for token in to_tokens(&resume.tokens) {
            self.sampler.accept(token);
            text.push_str(&self.take(vocabulary, token, context_tokens));
        }
        self.unsent = text.get(resume.sent_bytes..).unwrap_or_default().to_owned();
        if self.tokens.len() >= context_tokens as usize {
            self.end = Some(FinishReason::Length);
        }
    }

    /// The sampler chose `token`: what to tell the reader.
    pub(super) fn push(
        &mut self,
        vocabulary: &Vocabulary<'_>,
        token: LlamaToken,
        context_tokens: u32,
    ) -> ReplyEvent {
        self.prefilled.get_or_insert_with(Instant::now);
        let text = self.take(vocabulary, token, context_tokens);
        ReplyEvent::Delta {
            text: std::mem::take(&mut self.unsent) + &text,
            token: token.0,
        }
    }

    fn take(
        &mut self,
        vocabulary: &Vocabulary<'_>,
        token: LlamaToken,
        context_tokens: u32,
    ) -> String {
        if vocabulary.ends_reply(token) {
            self.end = Some(FinishReason::Stop);
            return String::new();
        }
        self.tokens.push(token);
        self.completion_tokens += 1;
        let text = self.text.push(&vocabulary.bytes_of(token));
        if self.text.is_stopped() {
            self.end = Some(FinishReason::Stop);
        } else if self.completion_tokens >= self.max_tokens
            || self.tokens.len() >= context_tokens as usize
        {
            self.end = Some(FinishReason::Length);
        }
        text
    }

    pub(super) fn is_ended(&self) -> bool {
        self.end.is_some()
    }

    pub(super) fn admit(&mut self) {
        self.admitted.get_or_insert_with(Instant::now);
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
                cached_tokens: 0,
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
