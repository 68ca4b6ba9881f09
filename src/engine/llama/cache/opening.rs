//! With which beginning a request starts: the longest that serves it, taken over or shared.
//!
//! Where sequences lie apart, one that goes on is taken over where it lies, and a beginning is copied
//! only when that is quicker than computing it. Called by the engine's desk through
//! [`PrefixCache`].

use std::cmp::Reverse;

use super::{Act, Entry, Layout, PrefixCache, Scope, common_tokens, count};

/// Beginnings shorter than this are not worth waiting for while another computes them.
const WORTH_WAITING_TOKENS: u32 = 32;
/// To copy the room of so many tokens takes about as long as to compute one.
const COPIED_FOR_ONE_COMPUTED: u32 = 48;
/// So much of a sequence's room is computed again within a few copies' time.
const SOON_COMPUTED_PART: u32 = 12;

/// The longest beginning there is for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Beginning {
    from: u32,
    pub(in super::super) tokens: u32,
    /// So many of them its owner still has to compute.
    missing: u32,
}

impl Beginning {
    pub(super) fn ready(self) -> u32 {
        self.tokens - self.missing
    }
}

/// A sequence for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Opened {
    pub(in super::super) sequence: u32,
    /// Of its tokens, how many need no computing.
    pub(in super::super) cached: u32,
}

impl PrefixCache {
    /// The longest beginning for `tokens`, at most all but the last of them, which must be computed
    /// for what comes next.
    pub(in super::super) fn find_beginning(
        &self,
        scope: Scope,
        tokens: &[i32],
    ) -> Option<Beginning> {
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
        let worthwhile = found.filter(|found| found.tokens > 0 && self.is_quicker(*found, scope));
        // Of equals the one that is computed, and then always the same one.
        worthwhile.max_by_key(|found| {
            let ready = u32::MAX - found.missing;
            (found.tokens, ready, u32::MAX - found.from)
        })
    }

    /// Quicker than to compute it.
    fn is_quicker(&self, found: Beginning, scope: Scope) -> bool {
        match self.layout {
            Layout::Unified { .. } => true,
            Layout::Streams { tokens_each } => {
                let worth_copying = tokens_each / COPIED_FOR_ONE_COMPUTED;
                found.tokens >= worth_copying || self.goes_on(found, scope, tokens_each)
            }
        }
    }

    /// Whether a request of `scope` goes on with an idle sequence of its own: more of it serves than is
    /// lost, and what is lost, such as an answer that is written anew, is soon computed again.
    fn goes_on(&self, found: Beginning, scope: Scope, tokens_each: u32) -> bool {
        let entry = self.entries.get(&found.from);
        entry.is_some_and(|entry| {
            let lost = entry.computed.saturating_sub(found.tokens);
            let own = entry.scope.lane == scope.lane && entry.request.is_none();
            own && lost <= found.tokens.min(tokens_each / SOON_COMPUTED_PART)
        })
    }

    /// The best beginning that needs no waiting; None when one is being computed that is worth it.
    pub(in super::super) fn find_ready(&self, scope: Scope, tokens: &[i32]) -> Option<u32> {
        let Some(best) = self.find_beginning(scope, tokens) else {
            return Some(0);
        };
        (best.missing < WORTH_WAITING_TOKENS).then_some(best.ready())
    }

    /// What serves these tokens best is thrown away last from now on.
    pub(in super::super) fn keep(&mut self, scope: Scope, tokens: &[i32]) {
        if let Some(found) = self.find_beginning(scope, tokens) {
            self.use_now(found.from);
        }
    }

    /// Begins a sequence for `request` with what is computed of its tokens. None: all sequences are
    /// taken by running requests.
    pub(in super::super) fn open(
        &mut self,
        request: u64,
        scope: Scope,
        tokens: &[i32],
        reuses: bool,
        acts: &mut Vec<Act>,
    ) -> Option<Opened> {
        let find = |cache: &Self| cache.find_beginning(scope, tokens).filter(|_| reuses);
        let found = find(self);
        let opened = match found.filter(|found| self.is_taken_over(*found, scope)) {
            Some(found) => self.take_over(found, acts),
            None => {
                if self.free.is_empty() {
                    self.evict_one(acts)?;
                }
                // What was found may just have gone.
                let found = find(self);
                let sequence = self.take_free(scope.set)?;
                let cached = found.map_or(0, |found| self.share(found, sequence, acts));
                Opened { sequence, cached }
            }
        };
        self.entries.insert(
            opened.sequence,
            Entry {
                scope,
                tokens: tokens.to_vec(),
                computed: opened.cached,
                request: Some(request),
                is_offered: reuses,
                worth: 0,
                is_saved: false,
            },
        );
        self.use_now(opened.sequence);
        Some(opened)
    }

    /// Only neighbours are computed in one round: next to one that is written under the same set, and
    /// the first of a set where there is the most room for more of it.
    fn take_free(&mut self, set: u64) -> Option<u32> {
        let nearest = |place: u32, counts: &dyn Fn(&Entry) -> bool| {
            let those = self.entries.iter().filter(|(_, entry)| counts(entry));
            let away = those.map(|(sequence, _)| sequence.abs_diff(place));
            away.min().unwrap_or(u32::MAX)
        };
        let places = self.free.iter().enumerate();
        let best = places.min_by_key(|&(_, &place)| {
            let same = |entry: &Entry| entry.scope.set == set && entry.request.is_some();
            let other = |entry: &Entry| entry.scope.set != set;
            (
                nearest(place, &same),
                Reverse(nearest(place, &other)),
                place,
            )
        });
        let at = best?.0;
        Some(self.free.swap_remove(at))
    }

    /// Also when it is what would have to go for a copy of itself.
    fn is_taken_over(&self, found: Beginning, scope: Scope) -> bool {
        let is_last = || {
            let next = self.next_to_go().map(|idle| idle.sequence);
            self.free.is_empty() && next == Some(found.from)
        };
        match self.layout {
            Layout::Unified { .. } => false,
            Layout::Streams { tokens_each } => self.goes_on(found, scope, tokens_each) || is_last(),
        }
    }

    fn take_over(&mut self, found: Beginning, acts: &mut Vec<Act>) -> Opened {
        let sequence = found.from;
        // Of what is idle all is computed.
        let cached = found.tokens;
        if self.computed_tokens(sequence) > cached {
            acts.push(Act::Trim {
                sequence,
                tokens: cached,
            });
        }
        self.cells.free(sequence);
        self.cells.grow(sequence, cached);
        Opened { sequence, cached }
    }

    /// How many tokens are shared.
    fn share(&mut self, found: Beginning, to: u32, acts: &mut Vec<Act>) -> u32 {
        let tokens = found.ready();
        self.use_now(found.from);
        match self.layout {
            Layout::Unified { .. } => self.cells.share(found.from, to, tokens),
            Layout::Streams { .. } => self.cells.grow(to, tokens),
        }
        if tokens > 0 {
            acts.push(Act::Share {
                from: found.from,
                to,
                tokens,
            });
        }
        tokens
    }

    /// A sequence that was computed elsewhere is in the memory now.
    pub(in super::super) fn restored(
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
        let sequence = self.take_free(scope.set)?;
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
}
