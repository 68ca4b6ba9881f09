//! What a step carries: a token for each who is written, then pieces of the prompts of others.
//!
//! Never more than a batch, all of one set of adapters; who was given least comes first. How much of
//! the prompts goes in is for [`super::pace`] to say. Called by whoever makes the steps.

use super::pace::Demand;
use super::{Chunk, Scheduler, Sequence, Step};

/// A set has its turn for so long when others want theirs: to change sets costs time too.
const SLICE_US: u64 = 150_000;
/// A second prompt is not begun with less than this.
const SMALL_PIECE: u32 = 16;
/// What one piece more costs, in tokens: each is a round of its own through all weights.
const PIECE_COST: u32 = 8;

impl Scheduler {
    /// The next step, never more than a batch; empty when nothing runs. `prompt_tokens` says how many
    /// tokens of prompts may go beside the rest.
    pub(in super::super) fn plan(&mut self, prompt_tokens: impl Fn(Demand) -> u32) -> Step {
        self.choose_set();
        let mut sequences: Vec<&Sequence> = self
            .running
            .iter()
            .filter(|sequence| sequence.wish.set == self.set)
            .collect();
        // Stable: of one lane in the order of admission.
        sequences.sort_by_key(|sequence| self.turns.given(sequence.wish.lane));
        let held_back = self.is_batch_held_back(&sequences);
        let decode: Vec<Chunk> = sequences
            .iter()
            .filter(|sequence| sequence.decoding && !(held_back && sequence.is_batch()))
            .map(|sequence| sequence.chunk(1))
            .collect();
        let rows = count(decode.len());
        let reading: Vec<_> = sequences.iter().filter(|one| !one.decoding).collect();
        let most = self.room.batch_tokens.saturating_sub(rows);
        let mut prompts: Vec<Chunk> = Vec::new();
        let (mut left, mut room) = (u32::MAX, most);
        for (at, sequence) in reading.iter().enumerate() {
            // Whoever gets a first token in this step waits for the second one until its end.
            let begun = prompts.iter().filter(|chunk| chunk.last).count();
            let demand = Demand {
                decoding: rows + count(begun),
                reading: count(reading.len() - at),
                depth: sequence.done,
            };
            left = left.min(prompt_tokens(demand));
            let count = sequence.piece(left).min(room);
            if count == 0 || (at > 0 && left < SMALL_PIECE) {
                break;
            }
            prompts.push(sequence.chunk(count));
            left = left.saturating_sub(count + PIECE_COST);
            room -= count;
        }
        Step {
            set: self.set,
            decode,
            prompts,
        }
    }

    /// Batch work stands back while interactive work runs and was given less.
    fn is_batch_held_back(&self, sequences: &[&Sequence]) -> bool {
        // They are sorted by what they were given.
        let first = sequences.iter().find(|sequence| sequence.is_batch());
        let least = sequences.iter().find(|sequence| !sequence.is_batch());
        match (first, least) {
            (Some(batch), Some(interactive)) => {
                self.turns.given(batch.wish.lane) > self.turns.given(interactive.wish.lane)
            }
            _ => false,
        }
    }

    fn choose_set(&mut self) {
        let has_work = |set: u64| self.running.iter().any(|sequence| sequence.wish.set == set);
        if has_work(self.set) && self.slice_used_us < SLICE_US {
            return;
        }
        let sets = || self.running.iter().map(|sequence| sequence.wish.set);
        let next = sets().filter(|&set| set > self.set).min().or(sets().min());
        if let Some(set) = next {
            self.set = set;
            self.slice_used_us = 0;
        }
    }
}

impl Sequence {
    /// How much of its prompt goes into `tokens`: a little more where that is the rest of it.
    fn piece(&self, tokens: u32) -> u32 {
        let missing = self.missing();
        if missing <= tokens.saturating_add(tokens / 8) {
            missing
        } else {
            tokens
        }
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
