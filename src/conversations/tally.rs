//! What an engine has done for one request so far, as its events say. Pure.
//!
//! The prompt counts once, however often it is read: a request that is begun anew, behind its
//! thought or in a worker that was started again, is still the same. Kept by `reply_writer` and
//! `metering` for what does not come to its end by itself.

use super::charges::estimated_text_tokens;
use crate::engine::{EngineEvent, Usage};

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    estimated_prompt_tokens: u32,
    /// What the request was held to.
    max_tokens: Option<u32>,
    /// Of the first word about the prompt: what needed no computing.
    cached_tokens: Option<u32>,
    read_tokens: u32,
    total_tokens: u32,
    pieces: u32,
    thought_pieces: u32,
    bytes: usize,
    thought_bytes: usize,
    /// Of an answer that was begun anew: what was written before.
    before: Usage,
}

impl Tally {
    /// The estimate is what is counted where the engine does not say.
    pub(super) fn new(estimated_prompt_tokens: u32, max_tokens: Option<u32>) -> Self {
        Self {
            estimated_prompt_tokens,
            max_tokens,
            ..Self::default()
        }
    }

    pub(super) fn take(&mut self, event: &EngineEvent) {
        match event {
            EngineEvent::Prefill { done, total } => self.read(*done, *total),
            EngineEvent::Delta(text) => self.write(text.len()),
            EngineEvent::ToolCall(call) => self.write(call.arguments.len()),
            EngineEvent::Reasoning(text) => {
                self.write(text.len());
                self.thought_pieces = self.thought_pieces.saturating_add(1);
                self.thought_bytes += text.len();
            }
            EngineEvent::Queued { .. } | EngineEvent::Chances(_) | EngineEvent::Finished(_) => {}
        }
    }

    fn read(&mut self, done: u32, total: u32) {
        // What is read behind the first word holds that word too.
        if self.has_written() {
            return;
        }
        self.cached_tokens.get_or_insert(done);
        (self.read_tokens, self.total_tokens) = (done.min(total), total);
    }

    fn write(&mut self, bytes: usize) {
        self.pieces = self.pieces.saturating_add(1);
        self.bytes += bytes;
    }

    fn has_written(&self) -> bool {
        self.pieces > 0 || self.before.completion_tokens > 0
    }

    /// For what says nothing until it is done.
    pub(super) fn assume_read(&mut self) {
        self.cached_tokens = Some(0);
        self.read_tokens = self.estimated_prompt_tokens;
    }

    /// The answer is begun anew, behind what was thought. Gives how many tokens that was.
    pub(super) fn begin_answer(&mut self) -> u32 {
        if let Some(used) = self.usage() {
            self.before = Usage {
                completion_tokens: used.completion_tokens,
                reasoning_tokens: used.completion_tokens,
                ..Usage::default()
            };
        }
        (
            self.pieces,
            self.thought_pieces,
            self.bytes,
            self.thought_bytes,
        ) = (0, 0, 0, 0);
        self.before.completion_tokens
    }

    /// None: nothing was read or written, so that nothing was used.
    pub(super) fn usage(&self) -> Option<Usage> {
        if self.cached_tokens.is_none() && !self.has_written() {
            return None;
        }
        let tokens = |pieces: u32, bytes: usize| match self.cached_tokens {
            Some(_) => pieces,
            // Who does not say how far it has read sends pieces of any size.
            None => pieces.max(estimated_text_tokens(bytes)),
        };
        let before = self.before;
        let limit = self.max_tokens.unwrap_or(u32::MAX);
        let completion = tokens(self.pieces, self.bytes);
        let reasoning = tokens(self.thought_pieces, self.thought_bytes);
        Some(Usage {
            completion_tokens: before
                .completion_tokens
                .saturating_add(completion)
                .min(limit),
            reasoning_tokens: before.reasoning_tokens.saturating_add(reasoning).min(limit),
            ..self.prompt()
        })
    }

    fn prompt(&self) -> Usage {
        let prompt_tokens = match self.cached_tokens {
            Some(_) if self.has_written() => self.total_tokens,
            Some(_) => self.read_tokens,
            None => self.estimated_prompt_tokens,
        };
        Usage {
            prompt_tokens,
            cached_tokens: self.cached_tokens.unwrap_or(0).min(prompt_tokens),
            ..Usage::default()
        }
    }

    /// What was used in all, where the engine has counted the run that came to its end.
    pub(super) fn finished(&self, counted: Usage) -> Usage {
        let before = self.before;
        if before.completion_tokens == 0 {
            return counted;
        }
        let prompt = match self.cached_tokens {
            Some(_) => self.prompt(),
            None => counted,
        };
        Usage {
            completion_tokens: before
                .completion_tokens
                .saturating_add(counted.completion_tokens),
            reasoning_tokens: before
                .reasoning_tokens
                .saturating_add(counted.reasoning_tokens),
            ..prompt
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(events: &[EngineEvent]) -> Tally {
        let mut tally = Tally::new(50, Some(20));
        events.iter().for_each(|event| tally.take(event));
        tally
    }

    fn read(done: u32) -> EngineEvent {
        EngineEvent::Prefill { done, total: 100 }
    }

    fn wrote(text: &str) -> EngineEvent {
        EngineEvent::Delta(text.into())
    }

    fn thought(text: &str) -> EngineEvent {
        EngineEvent::Reasoning(text.into())
    }

    fn usage(prompt: u32, cached: u32, completion: u32, reasoning: u32) -> Usage {
        Usage {
            prompt_tokens: prompt,
            cached_tokens: cached,
            completion_tokens: completion,
            reasoning_tokens: reasoning,
        }
    }

    #[test]
    fn what_waits_has_used_nothing() {
        let waits = EngineEvent::Queued {
            position: 3,
            eta_ms: None,
        };
        assert_eq!(tally(&[waits]).usage(), None);
    }

    #[test]
    fn the_first_word_of_the_prompt_says_what_was_cached_and_the_latest_how_far_it_is() {
        let reading = tally(&[read(30), read(60)]);
        assert_eq!(reading.usage(), Some(usage(60, 30, 0, 0)));
        let reading_on = tally(&[read(30), read(100), wrote("a"), wrote("b")]);
        assert_eq!(reading_on.usage(), Some(usage(100, 30, 2, 0)));
        let read_again = tally(&[read(30), read(100), wrote("a"), read(10), wrote("b")]);
        assert_eq!(read_again.usage(), Some(usage(100, 30, 2, 0)));
    }

    #[test]
    fn who_says_nothing_of_the_prompt_is_counted_by_what_it_sent() {
        let remote = tally(&[thought("six by"), wrote("a piece of thirty bytes in all")]);
        assert_eq!(remote.usage(), Some(usage(50, 0, 12, 2)));
        let long = tally(&[wrote(&"x".repeat(100))]);
        let most = Some(usage(50, 0, 20, 0));
        assert_eq!(long.usage(), most, "no more than it may");
    }

    #[test]
    fn an_answer_that_is_begun_anew_counts_its_thought_and_the_prompt_once() {
        let mut hurried = tally(&[read(20), read(100), thought("a"), thought("b")]);
        assert_eq!(hurried.begin_answer(), 2);
        hurried.take(&read(100));
        hurried.take(&wrote("c"));
        assert_eq!(hurried.usage(), Some(usage(100, 20, 3, 2)));
        let all = hurried.finished(usage(102, 102, 5, 0));
        assert_eq!(all, usage(100, 20, 7, 2));
        let plain = tally(&[read(20), wrote("c")]);
        assert_eq!(plain.usage(), Some(usage(100, 20, 1, 0)));
        assert_eq!(plain.finished(usage(100, 20, 5, 0)), usage(100, 20, 5, 0));
    }

    #[test]
    fn an_answer_that_is_begun_anew_before_anything_was_thought_goes_on_reading() {
        let mut hurried = tally(&[read(20), read(40)]);
        assert_eq!(hurried.begin_answer(), 0);
        hurried.take(&read(40));
        hurried.take(&read(100));
        hurried.take(&wrote("c"));
        assert_eq!(hurried.usage(), Some(usage(100, 20, 1, 0)));
    }
}
