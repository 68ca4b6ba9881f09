//! What is computed already: sequences that are being written and finished ones that may serve again.
//!
//! A request begins with the longest beginning that another sequence under the same adapters has in
//! common with it. What a person typed serves that person's lane alone; only what came from the
//! house serves everybody. Finished sequences stay until their room is wanted: the one goes first
//! that was unused longest, for its cost. Pure: every call says what llama.cpp is to do ([`Act`]).

mod cells;
pub(super) mod files;
pub(super) mod saved_file;

use std::collections::HashMap;

use self::cells::Cells;

/// Beginnings shorter than this are not worth waiting for while another computes them.
const WORTH_WAITING_TOKENS: u32 = 32;
/// A token at this depth costs twice what the first one costs.
const DEPTH_OF_DOUBLE_COST: u32 = 8192;

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
    /// The first `tokens` of `from` become the beginning of `to`, which is empty.
    Share {
        from: u32,
        to: u32,
        tokens: u32,
    },
    Free {
        sequence: u32,
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

/// The longest beginning there is for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beginning {
    from: u32,
    pub tokens: u32,
    /// So many of them its owner still has to compute.
    pub missing: u32,
}

#[derive(Debug)]
pub(super) struct PrefixCache {
    entries: HashMap<u32, Entry>,
    free: Vec<u32>,
    cells: Cells,
    memory_tokens: u32,
    /// The worth of what was last thrown away: what is used now is worth that much more.
    clock: u64,
}

impl PrefixCache {
    pub(super) fn new(sequences: u32, memory_tokens: u32) -> Self {
        Self {
            entries: HashMap::new(),
            free: (0..sequences).rev().collect(),
            cells: Cells::default(),
            memory_tokens,
            clock: 0,
        }
    }

    /// The longest beginning for `tokens`, at most all but the last of them, which must be computed
    /// for what comes next.
    pub(super) fn find_beginning(&self, scope: Scope, tokens: &[i32]) -> Option<Beginning> {
        let usable = &tokens[..tokens.len().saturating_sub(1)];
        let offered = self.entries.iter().filter(|(_, entry)| entry.is_offered);
        let found = offered.map(|(&from, entry)| {
            let tokens = common_tokens(entry.scope, &entry.tokens, scope, usable);
            Beginning {
                from,
                tokens,
                missing: tokens.saturating_sub(entry.computed),
            }
        });
        // Of equals the one that is computed, and then always the same one.
        let best = found.max_by_key(|found| {
            let ready = u32::MAX - found.missing;
            (found.tokens, ready, u32::MAX - found.from)
        });
        best.filter(|found| found.tokens > 0)
    }

    /// The best beginning that needs no waiting; None when one is being computed that is worth it.
    pub(super) fn find_ready(&self, scope: Scope, tokens: &[i32]) -> Option<u32> {
        let Some(best) = self.find_beginning(scope, tokens) else {
            return Some(0);
        };
        let ready = best.tokens - best.missing;
        (best.missing < WORTH_WAITING_TOKENS).then_some(ready)
    }

    /// Begins a sequence for `request` with what is computed of its tokens. None: all sequences are
    /// taken by running requests.
    pub(super) fn open(
        &mut self,
        request: u64,
        scope: Scope,
        tokens: &[i32],
        reuses: bool,
        acts: &mut Vec<Act>,
    ) -> Option<Opened> {
        if self.free.is_empty() {
            self.evict_one(acts)?;
        }
        let beginning = self.find_beginning(scope, tokens).filter(|_| reuses);
        let sequence = self.free.pop()?;
        let mut cached = 0;
        if let Some(found) = beginning {
            cached = found.tokens - found.missing;
            self.cells.share(found.from, sequence, cached);
            self.use_now(found.from);
            if cached > 0 {
                acts.push(Act::Share {
                    from: found.from,
                    to: sequence,
                    tokens: cached,
                });
            }
        }
        self.entries.insert(
            sequence,
            Entry {
                scope,
                tokens: tokens.to_vec(),
                computed: cached,
                request: Some(request),
                is_offered: reuses,
                worth: 0,
                is_saved: false,
            },
        );
        self.use_now(sequence);
        Some(Opened { sequence, cached })
    }

    /// A sequence that was computed elsewhere is in the memory now.
    pub(super) fn restored(
        &mut self,
        scope: Scope,
        tokens: &[i32],
        acts: &mut Vec<Act>,
    ) -> Option<u32> {
        let length = count(tokens);
        if !self.make_room(length, acts) {
            return None;
        }
        if self.free.is_empty() {
            self.evict_one(acts)?;
        }
        let sequence = self.free.pop()?;
        self.cells.grow(sequence, length);
        self.entries.insert(
            sequence,
            Entry {
                scope,
                tokens: tokens.to_vec(),
                computed: length,
                request: None,
                is_offered: true,
                worth: 0,
                is_saved: true,
            },
        );
        self.use_now(sequence);
        Some(sequence)
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

    /// What serves these tokens best is thrown away last from now on.
    pub(super) fn keep(&mut self, scope: Scope, tokens: &[i32]) {
        if let Some(found) = self.find_beginning(scope, tokens) {
            self.use_now(found.from);
        }
    }

    /// True when so many more tokens fit, after throwing idle sequences away as far as needed.
    pub(super) fn make_room(&mut self, tokens: u32, acts: &mut Vec<Act>) -> bool {
        loop {
            if self.cells.used().saturating_add(tokens) <= self.memory_tokens {
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

    pub(super) fn used_tokens(&self) -> u32 {
        self.cells.used()
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

/// A sequence for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opened {
    pub sequence: u32,
    /// Of its tokens, how many need no computing.
    pub cached: u32,
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
