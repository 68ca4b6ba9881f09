//! How a step is made: fill a batch, compute it, choose a token for each row that ends a sequence.
//!
//! Those being written come first and in a batch of their own where prompts would be in their way:
//! on processors attention is computed in squares, and rows of many sequences in one square make
//! all of it work.

use std::time::Instant;

use super::super::schedule::{Chunk, Step};
use super::context::{DecodeFailure, Row};
use super::desk::Desk;
use crate::engine::EngineError;

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Computed,
    /// Something was done about it; the step is to be planned anew.
    TryAgain,
}

impl Desk<'_> {
    pub(super) fn step(&mut self) -> Result<(), String> {
        let batch_tokens = self.setting.batch_tokens;
        let pace = &self.pace;
        let step = self
            .scheduler
            .plan(|decoding| pace.prompt_tokens(decoding, batch_tokens));
        if step.is_empty() {
            return Ok(());
        }
        self.adapters.apply(step.set, &mut self.context);
        let Step {
            set,
            decode,
            prompts,
        } = step;
        let decode = Step {
            set,
            decode,
            prompts: Vec::new(),
        };
        let prompts = Step {
            set,
            decode: Vec::new(),
            prompts,
        };
        for part in [decode, prompts] {
            if part.is_empty() {
                continue;
            }
            if self.compute(&part) == Outcome::TryAgain {
                break;
            }
            self.tell()?;
        }
        Ok(())
    }

    fn compute(&mut self, step: &Step) -> Outcome {
        let (rows, outputs) = self.rows_of(step);
        let started = Instant::now();
        match self.context.decode(&rows) {
            Ok(()) => {
                let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.learn(step, elapsed_us);
                self.read_outputs(step, &outputs);
                Outcome::Computed
            }
            Err(DecodeFailure::Full) => {
                self.make_room(step);
                Outcome::TryAgain
            }
            Err(DecodeFailure::Failed(status)) => {
                let error = format!("llama.cpp could not compute a step: status {status}");
                for chunk in step.chunks() {
                    self.fail(chunk.id, EngineError::Failed(error.clone()));
                }
                Outcome::TryAgain
            }
        }
    }

    fn learn(&mut self, step: &Step, elapsed_us: u64) {
        if step.prompts.is_empty() {
            self.pace.decoded(elapsed_us);
        } else {
            let tokens = step.prompts.iter().map(|chunk| chunk.count).sum();
            self.pace.read(tokens, elapsed_us);
        }
        self.scheduler.computed(step, elapsed_us);
        for chunk in step.chunks() {
            let sequence = self.replies.get(&chunk.id).and_then(|reply| reply.sequence);
            if let Some(sequence) = sequence {
                self.cache.computed(sequence, chunk.count);
            }
        }
    }

    /// The rows of a step, and for each chunk that ends its sequence, where its last row is.
    fn rows_of(&self, step: &Step) -> (Vec<Row>, Vec<(u64, i32)>) {
        let mut rows = Vec::new();
        let mut outputs = Vec::new();
        for chunk in step.chunks() {
            let Some(reply) = self.replies.get(&chunk.id) else {
                continue;
            };
            let Some(sequence) = reply.sequence else {
                continue;
            };
            let end = chunk.from + chunk.count;
            let tokens = &reply.tokens[chunk.from as usize..end as usize];
            for (position, &token) in (chunk.from..).zip(tokens) {
                let output = chunk.last && position + 1 == end;
                if output {
                    let at = i32::try_from(rows.len()).unwrap_or(i32::MAX);
                    outputs.push((chunk.id, at));
                }
                rows.push(Row {
                    token,
                    position,
                    sequence,
                    output,
                });
            }
        }
        (rows, outputs)
    }

    fn read_outputs(&mut self, step: &Step, outputs: &[(u64, i32)]) {
        for chunk in &step.prompts {
            self.tell_progress(chunk);
        }
        for &(id, row) in outputs {
            let Some(reply) = self.replies.get_mut(&id) else {
                continue;
            };
            let known = reply.tokens.len();
            let logits = self.context.logits(row);
            let context_tokens = self.setting.context_tokens;
            let event =
                logits.and_then(|logits| reply.choose(self.vocabulary, logits, context_tokens));
            let Some(event) = event else {
                let error = reply.nothing_follows();
                self.fail(id, error);
                continue;
            };
            self.events.push((id, event));
            for &token in &reply.tokens[known..] {
                if let Some(sequence) = reply.sequence {
                    self.cache.push(sequence, token);
                }
            }
            if reply.is_ended() {
                let finished = reply.finish();
                if let Some(running_us) = reply.running_us() {
                    self.pace.replied(running_us);
                }
                self.events.push((id, finished));
                self.end(id);
            } else {
                self.scheduler.sampled(id);
            }
        }
    }

    fn tell_progress(&mut self, chunk: &Chunk) {
        if let Some(reply) = self.replies.get(&chunk.id) {
            let done = reply.prefill(chunk.from + chunk.count);
            self.events.push((chunk.id, done));
        }
    }

    /// The memory for tokens is full: what nobody uses goes, else the newest sequence waits, or the
    /// only one fails.
    fn make_room(&mut self, step: &Step) {
        let mut acts = Vec::new();
        self.cache.shrink_to(0, &mut acts);
        if !acts.is_empty() {
            return self.act(&acts);
        }
        match self.scheduler.pause_newest() {
            Some(id) => self.leave_sequence(id),
            None => {
                let error = EngineError::Failed("the memory for conversations is too small".into());
                for chunk in step.chunks() {
                    self.fail(chunk.id, error.clone());
                }
            }
        }
    }
}
