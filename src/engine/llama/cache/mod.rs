//! What is computed already: sequences that are being written and finished ones that may serve again.
//!
//! A request begins with the longest beginning that another sequence under the same adapters has in
//! common with it. What a person typed serves that person's lane alone; only what came from the
//! house serves everybody. Finished sequences stay until their room is wanted: the one goes first
//! that was unused longest, for its cost. Pure: every call says what llama.cpp is to do ([`Act`]).

mod cells;
pub(super) mod files;
mod opening;
pub(super) mod saved_file;

use std::collections::HashMap;

use self::cells::Cells;
pub(super) use self::opening::Opened;

/// A token at this depth costs twice what the first one costs.
const DEPTH_OF_DOUBLE_COST: u32 = 8192;

/// How llama.cpp lays the memory for tokens out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// All sequences lie in one memory of so many tokens. To share a beginning costs nothing; whoever
    /// is computed looks past the tokens of all others.
    Unified { tokens: u32 },
    /// Each sequence has room of its own for so many. A beginning is copied, with all the room of its
    /// sequence; nobody sees the tokens of others.
    Streams { tokens_each: u32 },
}

/// Under what a sequence was computed, and whom it may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope {
    /// The set of adapters; 0 for none.
    pub set: u64,
    pub lane: u64,
    /// How many of its first tokens come from the house.
    pub house_tokens: u32,
}

/// What is to be done in llama.cpp's memory, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// The first `tokens` of `from` become the beginning of `to` as well, which is empty.
    Share {
        from: u32,
        to: u32,
        tokens: u32,
    },
    Free {
        sequence: u32,
    },
    /// Only the first `tokens` of it are of use from now on.
    Trim {
        sequence: u32,
        tokens: u32,
    },
}

/// A finished sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Idle<'a> {
    pub sequence: u32,
    pub scope: Scope,
    pub tokens: &'a [i32],
    /// It was put elsewhere, or that was tried.
    pub is_saved: bool,
}

#[derive(Debug)]
struct Entry {
    scope: Scope,
    /// All that is known; of an idle entry, all that is computed.
    tokens: Vec<i32>,
    computed: u32,
    /// None: idle.
    request: Option<u64>,
    /// Whether other requests may use it.
    is_offered: bool,
    /// Higher stays longer.
    worth: u64,
    is_saved: bool,
}

#[derive(Debug)]
pub(super) struct PrefixCache {
    entries: HashMap<u32, Entry>,
    free: Vec<u32>,
    cells: Cells,
    layout: Layout,
    /// The worth of what was last thrown away: what is used now is worth that much more.
    clock: u64,
}

impl PrefixCache {
    pub(super) fn new(sequences: u32, layout: Layout) -> Self {
        Self {
            entries: HashMap::new(),
            free: (0..sequences).rev().collect(),
            cells: Cells::default(),
            layout,
            clock: 0,
        }
    }

    /// It is not there after all.
    pub(super) fn discard(&mut self, sequence: u32, acts: &mut Vec<Act>) {
        self.free(sequence, acts);
    }

    /// So many more of its known tokens are computed.
    pub(super) fn computed(&mut self, sequence: u32, tokens: u32) {
        if let Some(entry) = self.entries.get_mut(&sequence) {
            entry.computed += tokens;
            self.cells.grow(sequence, tokens);
        }
    }

    /// A next token is known.
    pub(super) fn push(&mut self, sequence: u32, token: i32) {
        if let Some(entry) = self.entries.get_mut(&sequence) {
            entry.tokens.push(token);
        }
    }

    /// Its request is over; what it computed stays, as long as nobody needs the room.
    pub(super) fn close(&mut self, sequence: u32, acts: &mut Vec<Act>) {
        let Some(entry) = self.entries.get_mut(&sequence) else {
            return;
        };
        entry.request = None;
        entry.tokens.truncate(entry.computed as usize);
        if entry.tokens.is_empty() || !entry.is_offered {
            return self.free(sequence, acts);
        }
        self.use_now(sequence);
        self.drop_those_within(sequence, acts);
    }

    /// What is only a beginning of `sequence`, for the same people, serves no longer.
    fn drop_those_within(&mut self, sequence: u32, acts: &mut Vec<Act>) {
        let Some(longer) = self.entries.get(&sequence) else {
            return;
        };
        let within = |entry: &Entry| {
            let same = entry.scope == longer.scope && entry.request.is_none();
            same && longer.tokens.starts_with(&entry.tokens)
        };
        let those = self.entries.iter().filter(|(other, _)| **other != sequence);
        let lost: Vec<u32> = those
            .filter(|(_, entry)| within(entry))
            .map(|(&other, _)| other)
            .collect();
        for other in lost {
            self.free(other, acts);
        }
    }

    /// True when so many more tokens fit, after throwing idle sequences away as far as needed.
    pub(super) fn make_room(&mut self, tokens: u32, acts: &mut Vec<Act>) -> bool {
        let Layout::Unified { tokens: all } = self.layout else {
            return !self.free.is_empty() || self.next_to_go().is_some();
        };
        loop {
            if self.cells.used().saturating_add(tokens) <= all {
                return true;
            }
            if self.evict_one(acts).is_none() {
                return false;
            }
        }
    }

    /// Throws away idle sequences until at most so many tokens are held.
    pub(super) fn shrink_to(&mut self, tokens: u32, acts: &mut Vec<Act>) {
        while self.cells.used() > tokens && self.evict_one(acts).is_some() {}
    }

    /// The one that would go next, so that it can be put elsewhere first.
    pub(super) fn next_to_go(&self) -> Option<Idle<'_>> {
        let idle = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.request.is_none());
        let least = idle.min_by_key(|(sequence, entry)| (entry.worth, **sequence));
        least.map(|(&sequence, entry)| entry.as_idle(sequence))
    }

    /// Those that were never put elsewhere, the dearest first.
    pub(super) fn find_unsaved(&self, least_tokens: u32) -> Option<Idle<'_>> {
        let idle = self.entries.iter().filter(|(_, entry)| {
            entry.request.is_none() && !entry.is_saved && entry.computed >= least_tokens
        });
        let dearest = idle.max_by_key(|(sequence, entry)| (entry.computed, **sequence));
        dearest.map(|(&sequence, entry)| entry.as_idle(sequence))
    }

    pub(super) fn saved(&mut self, sequence: u32) {
        if let Some(entry) = self.entries.get_mut(&sequence) {
            entry.is_saved = true;
        }
    }

    /// What nobody uses will soon have to go.
    pub(super) fn is_nearly_full(&self) -> bool {
        match self.layout {
            Layout::Unified { tokens } => self.cells.used() > tokens / 4 * 3,
            Layout::Streams { .. } => self.free.is_empty(),
        }
    }

    /// How many tokens of it are computed: none where nobody has it.
    pub(super) fn computed_tokens(&self, sequence: u32) -> u32 {
        let entry = self.entries.get(&sequence);
        entry.map_or(0, |entry| entry.computed)
    }

    #[cfg(test)]
    fn used_tokens(&self) -> u32 {
        self.cells.used()
    }

    /// What nobody is computing goes now, the rest when its request ends.
    pub(super) fn forget(&mut self, lane: u64, acts: &mut Vec<Act>) {
        let mut idle = Vec::new();
        for (&sequence, entry) in &mut self.entries {
            if entry.scope.lane == lane {
                entry.is_offered = false;
                idle.extend(entry.request.is_none().then_some(sequence));
            }
        }
        for sequence in idle {
            self.free(sequence, acts);
        }
    }

    /// The sequence that goes next, now. None when all are being written.
    pub(super) fn evict_one(&mut self, acts: &mut Vec<Act>) -> Option<u32> {
        let sequence = self.next_to_go()?.sequence;
        self.clock = self
            .entries
            .get(&sequence)
            .map_or(self.clock, |entry| entry.worth);
        self.free(sequence, acts);
        Some(sequence)
    }

    fn free(&mut self, sequence: u32, acts: &mut Vec<Act>) {
        if self.entries.remove(&sequence).is_some() {
            self.cells.free(sequence);
            self.free.push(sequence);
            acts.push(Act::Free { sequence });
        }
    }

    fn use_now(&mut self, sequence: u32) {
        // The clock moves by what goes; use moves it too, so that of equals the oldest goes first.
        self.clock += 1;
        let clock = self.clock;
        let Some(entry) = self.entries.get_mut(&sequence) else {
            return;
        };
        // What a cell costs to compute again grows with how deep it lies.
        entry.worth = clock + u64::from(entry.computed) * 64 / u64::from(DEPTH_OF_DOUBLE_COST);
    }
}

impl Entry {
    fn as_idle(&self, sequence: u32) -> Idle<'_> {
        Idle {
            sequence,
            scope: self.scope,
            tokens: &self.tokens,
            is_saved: self.is_saved,
        }
    }
}

/// How many of the first `tokens` what was computed under `own` scope serves, as far as it may.
fn common_tokens(own: Scope, computed: &[i32], scope: Scope, tokens: &[i32]) -> u32 {
    if own.set != scope.set {
        return 0;
    }
    let pairs = computed.iter().zip(tokens);
    let common = pairs.take_while(|(computed, wanted)| computed == wanted);
    let common = u32::try_from(common.count()).unwrap_or(u32::MAX);
    if own.lane == scope.lane {
        common
    } else {
        common.min(own.house_tokens).min(scope.house_tokens)
    }
}

fn count(tokens: &[i32]) -> u32 {
    u32::try_from(tokens.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod cache_tests;
