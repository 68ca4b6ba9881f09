//! Which tokens go into the next step. Pure: numbers in, numbers out; no clock, no model, no IO.
//!
//! A request waits in its lane until it is admitted to a slot. Every step carries one token for each
//! decoding sequence first; what is left of the batch goes to prompts, shared evenly between lanes.
//! The caller decodes the plan and reports back: [`Scheduler::decoded`] and [`Scheduler::sampled`],
//! or [`Scheduler::pause_newest`] when the memory for tokens was full.

use std::collections::VecDeque;

/// What there is to share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub slots: u32,
    /// Tokens one step may carry; at least two for each slot.
    pub batch_tokens: u32,
    /// Tokens all sequences together may hold.
    pub memory_tokens: u32,
}

/// A sequence that wants to be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub id: u64,
    pub lane: u64,
    /// Tokens known now: the prompt, and after a pause also what was generated.
    pub tokens: u32,
    /// Tokens it is expected to hold in the end.
    pub expected_tokens: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admitted {
    pub id: u64,
    pub slot: u32,
}

/// Tokens `from .. from + count` of one sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub id: u64,
    pub slot: u32,
    pub from: u32,
    pub count: u32,
    /// The last known token is among them: its logits choose the next one.
    pub last: bool,
}

#[derive(Debug)]
struct Sequence {
    wish: Wish,
    slot: u32,
    done: u32,
    decoding: bool,
}

#[derive(Debug)]
pub(super) struct Scheduler {
    room: Room,
    /// Paused ones go before all lanes.
    paused: VecDeque<Wish>,
    /// Lanes in the order of their turn; each with its requests in the order they came.
    lanes: VecDeque<(u64, VecDeque<Wish>)>,
    /// In the order of admission.
    running: Vec<Sequence>,
    free_slots: Vec<u32>,
}

impl Scheduler {
    pub(super) fn new(room: Room) -> Self {
        Self {
            room: Room {
                batch_tokens: room.batch_tokens.max(room.slots * 2),
                ..room
            },
            paused: VecDeque::new(),
            lanes: VecDeque::new(),
            running: Vec::new(),
            free_slots: (0..room.slots).rev().collect(),
        }
    }

    pub(super) fn submit(&mut self, wish: Wish) {
        match self.lanes.iter_mut().find(|(lane, _)| *lane == wish.lane) {
            Some((_, wishes)) => wishes.push_back(wish),
            None => self.lanes.push_back((wish.lane, VecDeque::from([wish]))),
        }
    }

    /// Gives free slots to those whose turn it is, as long as the memory suffices for what they are
    /// expected to need. One that is alone is always admitted.
    pub(super) fn admit(&mut self) -> Vec<Admitted> {
        let mut admitted = Vec::new();
        while let Some(&wish) = self.next_wish() {
            let fits = self.expected_tokens() + wish.expected_tokens <= self.room.memory_tokens;
            if !fits && !self.running.is_empty() {
                break;
            }
            let Some(slot) = self.free_slots.pop() else {
                break;
            };
            self.take_next_wish();
            admitted.push(Admitted { id: wish.id, slot });
            self.running.push(Sequence {
                wish,
                slot,
                done: 0,
                decoding: false,
            });
        }
        admitted
    }

    fn next_wish(&self) -> Option<&Wish> {
        self.paused
            .front()
            .or_else(|| self.lanes.front()?.1.front())
    }

    fn take_next_wish(&mut self) {
        if self.paused.pop_front().is_some() {
            return;
        }
        if let Some((lane, mut wishes)) = self.lanes.pop_front() {
            wishes.pop_front();
            if !wishes.is_empty() {
                self.lanes.push_back((lane, wishes));
            }
        }
    }

    fn expected_tokens(&self) -> u32 {
        self.running
            .iter()
            .map(|sequence| sequence.wish.expected_tokens.max(sequence.wish.tokens))
            .sum()
    }

    /// The next step, never more than a batch. Empty when nothing runs.
    pub(super) fn plan(&self) -> Vec<Chunk> {
        let (decoding, prompts): (Vec<_>, Vec<_>) =
            self.running.iter().partition(|sequence| sequence.decoding);
        let mut plan: Vec<Chunk> = decoding.iter().map(|sequence| sequence.chunk(1)).collect();
        let mut left = self.room.batch_tokens - u32::try_from(plan.len()).unwrap_or(u32::MAX);
        let mut lanes = by_lane(&prompts);
        // Who needs least first: what it leaves of its share goes to those who need more.
        lanes.sort_by_key(|sequences| {
            sequences
                .iter()
                .map(|sequence| sequence.missing())
                .sum::<u32>()
        });
        let mut lanes_left = u32::try_from(lanes.len()).unwrap_or(u32::MAX);
        for sequences in lanes {
            let mut share = left.div_ceil(lanes_left);
            lanes_left -= 1;
            for sequence in sequences {
                let count = sequence.missing().min(share);
                if count > 0 {
                    plan.push(sequence.chunk(count));
                    share -= count;
                    left -= count;
                }
            }
        }
        plan
    }

    /// The plan was computed.
    pub(super) fn decoded(&mut self, plan: &[Chunk]) {
        for chunk in plan {
            if let Some(sequence) = self.find_running(chunk.id) {
                sequence.done += chunk.count;
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

    /// Frees what `id` holds, wherever it is. The slot, if it ran.
    pub(super) fn finish(&mut self, id: u64) -> Option<u32> {
        self.paused.retain(|wish| wish.id != id);
        for (_, wishes) in &mut self.lanes {
            wishes.retain(|wish| wish.id != id);
        }
        self.lanes.retain(|(_, wishes)| !wishes.is_empty());
        let at = self
            .running
            .iter()
            .position(|sequence| sequence.wish.id == id)?;
        let slot = self.running.remove(at).slot;
        self.free_slots.push(slot);
        Some(slot)
    }

    /// Takes the newest sequence out of its slot, to be computed again from its beginning later.
    /// None when only one runs: then its memory is all there is.
    pub(super) fn pause_newest(&mut self) -> Option<Admitted> {
        if self.running.len() < 2 {
            return None;
        }
        let Sequence { mut wish, slot, .. } = self.running.pop()?;
        // It comes back when there is room for more than it had.
        wish.expected_tokens = wish
            .expected_tokens
            .max(wish.tokens + self.room.batch_tokens);
        self.paused.push_front(wish);
        self.free_slots.push(slot);
        Some(Admitted { id: wish.id, slot })
    }

    /// Everyone who waits, in the order of admission as it looks now.
    pub(super) fn waiting(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.paused.iter().map(|wish| wish.id).collect();
        let longest = self
            .lanes
            .iter()
            .map(|(_, wishes)| wishes.len())
            .max()
            .unwrap_or(0);
        for turn in 0..longest {
            ids.extend(
                self.lanes
                    .iter()
                    .filter_map(|(_, wishes)| wishes.get(turn))
                    .map(|wish| wish.id),
            );
        }
        ids
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.paused.is_empty() && self.lanes.is_empty()
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

    fn chunk(&self, count: u32) -> Chunk {
        Chunk {
            id: self.wish.id,
            slot: self.slot,
            from: self.done,
            count,
            last: self.done + count == self.wish.tokens,
        }
    }
}

fn by_lane<'a>(sequences: &[&'a Sequence]) -> Vec<Vec<&'a Sequence>> {
    let mut lanes: Vec<Vec<&Sequence>> = Vec::new();
    for sequence in sequences {
        match lanes
            .iter_mut()
            .find(|lane| lane[0].wish.lane == sequence.wish.lane)
        {
            Some(lane) => lane.push(sequence),
            None => lanes.push(vec![sequence]),
        }
    }
    lanes
}

#[cfg(test)]
#[path = "scheduler_tests.rs"]
mod tests;
