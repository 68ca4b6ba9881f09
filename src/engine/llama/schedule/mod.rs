//! Which tokens go into the next step. Pure: numbers in, numbers out; no clock, no model, no IO.
//!
//! A request waits in its lane until it is admitted. Every step belongs to one set of adapters and
//! carries one token for each decoding sequence of it first, then pieces of prompts. Who goes first
//! follows from what each lane was given so far ([`turns`]). Whoever waits for what another is
//! just computing is passed over until that is done. The caller computes the step and reports back:
//! [`Scheduler::computed`] and [`Scheduler::sampled`], or [`Scheduler::pause_newest`] when the
//! memory for tokens was full.

pub(super) mod pace;
mod plan;
pub(super) mod runs;
pub(super) mod turns;

use std::collections::VecDeque;

pub(super) use self::turns::Lane;
use self::turns::{CHOICE_COST, READ_COST, Turns};
use crate::engine::Priority;

/// What there is to share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Sequences computed at once.
    pub slots: u32,
    /// Tokens one step may carry; at least one for each slot.
    pub batch_tokens: u32,
}

/// A sequence that wants to be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub id: u64,
    pub lane: Lane,
    /// A lane of twice the weight gets twice as much.
    pub weight: u32,
    /// Which adapters it wants; 0 for none.
    pub set: u64,
    /// Tokens known now: the prompt, and after a pause also what was generated.
    pub tokens: u32,
    /// Tokens it is expected to hold in the end.
    pub expected_tokens: u32,
}

/// What the scheduler asks of the memory for tokens.
pub(super) trait Memory {
    /// How many of a request's tokens need no computing, always less than it has. None: another is
    /// just computing more of them, and it should wait.
    fn cached(&mut self, id: u64) -> Option<u32>;
    /// True when so many more tokens fit, if need be after throwing away what nobody uses; but
    /// not what is cached for `id`.
    fn make_room(&mut self, id: u64, tokens: u32) -> bool;
    /// Begins with `id`. How many of its tokens need no computing.
    fn open(&mut self, id: u64) -> u32;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admitted {
    pub id: u64,
    /// Of its tokens, how many need no computing.
    pub cached: u32,
}

/// Tokens `from .. from + count` of one sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub id: u64,
    pub from: u32,
    pub count: u32,
    /// The last known token is among them: its logits choose the next one.
    pub last: bool,
}

/// What is computed next, all of it under one set of adapters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Step {
    pub set: u64,
    /// One token of each.
    pub decode: Vec<Chunk>,
    pub prompts: Vec<Chunk>,
}

impl Step {
    pub(super) fn is_empty(&self) -> bool {
        self.decode.is_empty() && self.prompts.is_empty()
    }

    pub(super) fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.decode.iter().chain(&self.prompts)
    }
}

#[derive(Debug)]
struct Sequence {
    wish: Wish,
    done: u32,
    decoding: bool,
}

#[derive(Debug)]
pub(super) struct Scheduler {
    room: Room,
    turns: Turns,
    /// Of each lane in the order they came; what was paused comes first.
    waiting: Vec<(Lane, VecDeque<Wish>)>,
    /// In the order of admission.
    running: Vec<Sequence>,
    set: u64,
    slice_used_us: u64,
}

impl Scheduler {
    pub(super) fn new(room: Room) -> Self {
        Self {
            room: Room {
                batch_tokens: room.batch_tokens.max(room.slots),
                ..room
            },
            turns: Turns::default(),
            waiting: Vec::new(),
            running: Vec::new(),
            set: 0,
            slice_used_us: 0,
        }
    }

    pub(super) fn submit(&mut self, wish: Wish) {
        self.turns.join(wish.lane);
        self.queue_of(wish.lane).push_back(wish);
    }

    fn queue_of(&mut self, lane: Lane) -> &mut VecDeque<Wish> {
        let at = self.waiting.iter().position(|(known, _)| *known == lane);
        let at = at.unwrap_or_else(|| {
            self.waiting.push((lane, VecDeque::new()));
            self.waiting.len() - 1
        });
        &mut self.waiting[at].1
    }

    /// Admits those whose turn it is, as long as there are slots, and memory for what they are
    /// expected to need. One that is alone is always admitted.
    pub(super) fn admit(&mut self, memory: &mut impl Memory) -> Vec<Admitted> {
        let mut admitted = Vec::new();
        while self.running.len() < self.room.slots as usize {
            let Some((wish, cached)) = self.next_wish(memory) else {
                break;
            };
            let missing = wish.expected_tokens.max(wish.tokens) - cached;
            let wanted = self.still_expected().saturating_add(missing);
            let fits = memory.make_room(wish.id, wanted);
            if !fits && !self.running.is_empty() {
                break;
            }
            self.queue_of(wish.lane).retain(|other| other.id != wish.id);
            self.waiting.retain(|(_, wishes)| !wishes.is_empty());
            let cached = memory.open(wish.id).min(wish.tokens - 1);
            admitted.push(Admitted {
                id: wish.id,
                cached,
            });
            self.running.push(Sequence {
                wish,
                done: cached,
                decoding: false,
            });
        }
        admitted
    }

    /// The first that need not wait for another's computing, by lanes in the order of their turn.
    fn next_wish(&mut self, memory: &mut impl Memory) -> Option<(Wish, u32)> {
        self.sort_waiting();
        let in_order = self.waiting.iter().flat_map(|(_, wishes)| wishes);
        in_order
            .filter_map(|wish| Some((*wish, memory.cached(wish.id)?)))
            .map(|(wish, cached)| (wish, cached.min(wish.tokens - 1)))
            .next()
    }

    fn sort_waiting(&mut self) {
        let (turns, running) = (&self.turns, &self.running);
        // What a lane is about to be given counts as well, or it would get all slots at once.
        let promised = |lane: Lane| -> u64 {
            let of_lane = running.iter().filter(|sequence| sequence.wish.lane == lane);
            of_lane.map(Sequence::promised).sum()
        };
        self.waiting
            .sort_by_cached_key(|(lane, _)| turns.given(*lane) + promised(*lane));
    }

    /// What those running are expected to add to what they hold.
    fn still_expected(&self) -> u32 {
        self.running.iter().map(Sequence::expected).sum()
    }

    /// Takes one out that can wait, when somebody who cannot finds no slot. It waits again.
    pub(super) fn preempt(&mut self) -> Option<u64> {
        let wanted = self
            .waiting
            .iter()
            .any(|(lane, _)| lane.priority == Priority::Interactive);
        if !wanted || self.running.len() < self.room.slots as usize {
            return None;
        }
        let batch = |sequence: &Sequence| sequence.wish.lane.priority == Priority::Batch;
        let at = self.running.iter().rposition(batch)?;
        Some(self.pause(at))
    }

    /// Takes the newest sequence out, to be computed again later from what is left of it. None when
    /// only one runs: then its memory is all there is.
    pub(super) fn pause_newest(&mut self) -> Option<u64> {
        (self.running.len() >= 2).then(|| self.pause(self.running.len() - 1))
    }

    fn pause(&mut self, at: usize) -> u64 {
        let mut wish = self.running.remove(at).wish;
        // It comes back when there is room for more than it had.
        let more = wish.tokens + self.room.batch_tokens;
        wish.expected_tokens = wish.expected_tokens.max(more);
        self.queue_of(wish.lane).push_front(wish);
        wish.id
    }

    /// The step was computed, in so much time.
    pub(super) fn computed(&mut self, step: &Step, elapsed_us: u64) {
        self.slice_used_us = self.slice_used_us.saturating_add(elapsed_us);
        let costs = [(&step.decode, CHOICE_COST), (&step.prompts, READ_COST)];
        for (chunks, cost) in costs {
            for chunk in chunks {
                let Some(sequence) = self.find_running(chunk.id) else {
                    continue;
                };
                sequence.done += chunk.count;
                let Wish { lane, weight, .. } = sequence.wish;
                self.turns
                    .charge(lane, u64::from(chunk.count) * cost, weight);
            }
        }
    }

    /// A next token was chosen for `id`, and the reply goes on.
    pub(super) fn sampled(&mut self, id: u64) {
        if let Some(sequence) = self.find_running(id) {
            sequence.wish.tokens += 1;
            sequence.decoding = true;
        }
    }

    /// Forgets `id`, wherever it is. True when it was running.
    pub(super) fn finish(&mut self, id: u64) -> bool {
        let waiting = self.waiting.iter_mut().find_map(|(lane, wishes)| {
            let at = wishes.iter().position(|wish| wish.id == id)?;
            wishes.remove(at);
            Some(*lane)
        });
        self.waiting.retain(|(_, wishes)| !wishes.is_empty());
        let running = self
            .running
            .iter()
            .position(|sequence| sequence.wish.id == id);
        let ran = running.map(|at| self.running.remove(at).wish.lane);
        if let Some(lane) = waiting.or(ran) {
            self.turns.leave(lane);
        }
        ran.is_some()
    }

    /// Everyone who waits, in the order of admission as it looks now.
    pub(super) fn waiting(&mut self) -> Vec<u64> {
        self.sort_waiting();
        let longest = self.waiting.iter().map(|(_, wishes)| wishes.len()).max();
        let turn = |turn: usize| {
            let wishes = self
                .waiting
                .iter()
                .filter_map(move |(_, wishes)| wishes.get(turn));
            wishes.map(|wish| wish.id)
        };
        (0..longest.unwrap_or(0)).flat_map(turn).collect()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    fn find_running(&mut self, id: u64) -> Option<&mut Sequence> {
        self.running
            .iter_mut()
            .find(|sequence| sequence.wish.id == id)
    }
}

impl Sequence {
    fn missing(&self) -> u32 {
        self.wish.tokens - self.done
    }

    /// How many tokens it is expected to add to what it holds.
    fn expected(&self) -> u32 {
        self.wish.expected_tokens.max(self.wish.tokens) - self.done
    }

    fn promised(&self) -> u64 {
        let read = u64::from(self.missing());
        let chosen = u64::from(self.expected()) - read;
        let cost = read * READ_COST + chosen * CHOICE_COST;
        turns::worth(self.wish.lane, cost, self.wish.weight)
    }

    fn is_batch(&self) -> bool {
        self.wish.lane.priority == Priority::Batch
    }

    fn chunk(&self, count: u32) -> Chunk {
        Chunk {
            id: self.wish.id,
            from: self.done,
            count,
            last: self.done + count == self.wish.tokens,
        }
    }
}

#[cfg(test)]
mod history_tests;
#[cfg(test)]
mod schedule_tests;
