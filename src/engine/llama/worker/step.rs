//! How a step is made: fill a batch, compute it, choose a token for each row that ends a sequence.
//!
//! Those being written come first and in batches of their own, where prompts would be in their way:
//! on processors flash attention is computed in squares, and rows of many sequences in one square
//! make all of it work. Where sequences lie apart, [`runs`] says which of them go together.

use std::time::Instant;

use super::super::cache::Layout;
use super::super::schedule::runs::{Place, runs};
use super::super::schedule::{Chunk, Step};
use super::context::{DecodeFailure, Row};
use super::desk::Desk;
use super::reply::count;
use crate::engine::EngineError;

/// What is computed in one batch.
struct Part {
    step: Step,
    /// Sequences that get a row nobody wants, so that those beside them go together.
    fillers: Vec<u32>,
}

/// What became of a batch.
enum Outcome {
    Computed {
        elapsed_us: u64,
    },
    /// Something was done about it; the step is to be planned anew.
    TryAgain,
}

impl Desk<'_> {
    pub(super) fn step(&mut self) -> Result<(), String> {
        let batch_tokens = self.setting.batch_tokens;
        let pace = &self.pace;
        let step = self
            .scheduler
            .plan(|demand| pace.prompt_tokens(demand, batch_tokens));
        if step.is_empty() {
            return Ok(());
        }
        self.adapters.apply(step.set, &mut self.context);
        let (sequences, mut decoded_us) = (count(step.decode.len()), 0);
        for part in self.parts_of(step) {
            match self.compute(&part) {
                Outcome::Computed { elapsed_us } if part.step.prompts.is_empty() => {
                    decoded_us += elapsed_us;
                }
                Outcome::Computed { .. } => {}
                Outcome::TryAgain => break,
            }
            self.tell()?;
        }
        if decoded_us > 0 {
            self.pace.decoded(sequences, decoded_us);
        }
        Ok(())
    }

    /// What of a step is computed in one batch each.
    fn parts_of(&self, step: Step) -> Vec<Part> {
        let Step {
            set,
            mut decode,
            prompts,
        } = step;
        let part = |decode, prompts, fillers| Part {
            step: Step {
                set,
                decode,
                prompts,
            },
            fillers,
        };
        let Layout::Streams { tokens_each } = self.setting.layout else {
            let parts = [(decode, Vec::new()), (Vec::new(), prompts)];
            let parts = parts
                .into_iter()
                .map(|(decode, prompts)| part(decode, prompts, Vec::new()));
            return parts.filter(|part| !part.step.is_empty()).collect();
        };
        decode.sort_by_key(|chunk| self.sequence_of(chunk));
        let place = |chunk: &Chunk| Place {
            sequence: self.sequence_of(chunk).unwrap_or(0),
            tokens: chunk.from,
        };
        let places: Vec<Place> = decode.iter().map(place).collect();
        let filler = |sequence| {
            let tokens = self.cache.computed_tokens(sequence);
            (tokens < tokens_each).then_some(tokens)
        };
        let runs = runs(&places, self.setting.row_tokens, filler);
        let decoding = runs
            .into_iter()
            .map(|run| part(decode[run.places].to_vec(), Vec::new(), run.fillers));
        let reading = prompts
            .iter()
            .map(|chunk| part(Vec::new(), vec![*chunk], Vec::new()));
        decoding.chain(reading).collect()
    }

    fn sequence_of(&self, chunk: &Chunk) -> Option<u32> {
        self.replies.get(&chunk.id)?.sequence
    }

    fn compute(&mut self, part: &Part) -> Outcome {
        let step = &part.step;
        let (rows, outputs) = self.rows_of(part);
        let started = Instant::now();
        let computed = self.context.decode(&rows);
        for &sequence in &part.fillers {
            let tokens = self.cache.computed_tokens(sequence);
            self.context.forget(sequence, tokens);
        }
        match computed {
            Ok(()) => {
                let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.learn(step, elapsed_us);
                self.read_outputs(step, &outputs);
                Outcome::Computed { elapsed_us }
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
        if !step.prompts.is_empty() {
            let tokens = step.prompts.iter().map(|chunk| chunk.count).sum();
            let depth = step.prompts.iter().map(|chunk| chunk.from).max();
            self.pace.read(tokens, depth.unwrap_or(0), elapsed_us);
        }
        self.scheduler.computed(step, elapsed_us);
        for chunk in step.chunks() {
            let sequence = self.replies.get(&chunk.id).and_then(|reply| reply.sequence);
            if let Some(sequence) = sequence {
                self.cache.computed(sequence, chunk.count);
            }
        }
    }

    /// The rows of a part, and for each chunk that ends its sequence, where its last row is.
    fn rows_of(&self, part: &Part) -> (Vec<Row>, Vec<(u64, i32)>) {
        let mut rows = Vec::new();
        for chunk in part.step.chunks() {
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
                let row = Row {
                    token,
                    position,
                    sequence,
                    output,
                };
                rows.push((chunk.id, row));
            }
        }
        for &sequence in &part.fillers {
            let row = Row {
                token: 0,
                position: self.cache.computed_tokens(sequence),
                sequence,
                output: false,
            };
            rows.push((0, row));
        }
        // Stable: each sequence's in the order of positions.
        rows.sort_by_key(|(_, row)| row.sequence);
        let outputs = (0..).zip(&rows).filter(|(_, (_, row))| row.output);
        let outputs = outputs.map(|(at, (id, _))| (*id, at)).collect();
        (rows.into_iter().map(|(_, row)| row).collect(), outputs)
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
