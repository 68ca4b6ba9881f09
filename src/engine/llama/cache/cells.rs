//! Who holds which cells of the token memory, where several sequences may share the same ones.
//!
//! Cells lie in runs; a sequence is a list of beginnings of runs. What a run costs is the longest
//! beginning anybody holds. Pure bookkeeping of what llama.cpp does with `seq_cp` and `seq_rm`.

use std::collections::HashMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    run: u64,
    tokens: u32,
}

#[derive(Debug, Default)]
pub(super) struct Cells {
    parts: HashMap<u32, Vec<Part>>,
    last_run: u64,
}

impl Cells {
    /// The sequence gets so many more cells at its end.
    pub(super) fn grow(&mut self, sequence: u32, tokens: u32) {
        if tokens == 0 {
            return;
        }
        let last = self.parts.get(&sequence).and_then(|parts| parts.last());
        // Nobody else may hold what would come next in the same run.
        let own_end = last.copied().filter(|last| {
            let longest = self.longest_of_others(last.run, sequence);
            longest <= last.tokens
        });
        let parts = self.parts.entry(sequence).or_default();
        match (own_end, parts.last_mut()) {
            (Some(_), Some(last)) => last.tokens += tokens,
            _ => {
                self.last_run += 1;
                let run = self.last_run;
                parts.push(Part { run, tokens });
            }
        }
    }

    /// `to`, which holds nothing, takes over the first `tokens` of `from`.
    pub(super) fn share(&mut self, from: u32, to: u32, tokens: u32) {
        let mut left = tokens;
        let mut shared = Vec::new();
        for part in self.parts.get(&from).into_iter().flatten() {
            let tokens = part.tokens.min(left);
            if tokens > 0 {
                shared.push(Part { tokens, ..*part });
                left -= tokens;
            }
        }
        self.parts.insert(to, shared);
    }

    pub(super) fn free(&mut self, sequence: u32) {
        self.parts.remove(&sequence);
    }

    pub(super) fn used(&self) -> u32 {
        let mut longest: HashMap<u64, u32> = HashMap::new();
        for part in self.parts.values().flatten() {
            let known = longest.entry(part.run).or_default();
            *known = part.tokens.max(*known);
        }
        longest.values().sum()
    }

    fn longest_of_others(&self, run: u64, sequence: u32) -> u32 {
        let others = self.parts.iter().filter(|(other, _)| **other != sequence);
        let parts = others.flat_map(|(_, parts)| parts);
        let of_run = parts.filter(|part| part.run == run);
        of_run.map(|part| part.tokens).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_shared_counts_once() {
        let mut cells = Cells::default();
        cells.grow(0, 300);
        cells.share(0, 1, 200);
        assert_eq!(cells.used(), 300);
        cells.grow(1, 50);
        cells.grow(0, 10);
        assert_eq!(cells.used(), 360);
        cells.free(0);
        assert_eq!(cells.used(), 250);
    }

    #[derive(Debug, Clone)]
    enum Act {
        Grow(u32, u32),
        Share(u32, u32, u32),
        Free(u32),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0_u32..6, 1_u32..9).prop_map(|(sequence, tokens)| Act::Grow(sequence, tokens)),
            (0_u32..6, 0_u32..6, 1_u32..20)
                .prop_map(|(from, to, tokens)| Act::Share(from, to, tokens)),
            (0_u32..6).prop_map(Act::Free),
        ]
    }

    proptest! {
        /// Against cells that are counted one by one.
        #[test]
        fn the_sums_are_those_of_single_cells(acts in prop::collection::vec(act(), 0..60)) {
            let mut cells = Cells::default();
            let mut single: HashMap<u32, Vec<u32>> = HashMap::new();
            let mut next = 0;
            for act in acts {
                match act {
                    Act::Grow(sequence, tokens) => {
                        cells.grow(sequence, tokens);
                        single.entry(sequence).or_default().extend(next..next + tokens);
                        next += tokens;
                    }
                    Act::Share(from, to, tokens) if from != to => {
                        let taken: Vec<u32> = single.get(&from).into_iter().flatten().take(tokens as usize).copied().collect();
                        cells.free(to);
                        cells.share(from, to, tokens);
                        single.insert(to, taken);
                    }
                    Act::Share(..) => {}
                    Act::Free(sequence) => {
                        cells.free(sequence);
                        single.remove(&sequence);
                    }
                }
                let all: HashSet<u32> = single.values().flatten().copied().collect();
                prop_assert_eq!(cells.used() as usize, all.len());
            }
        }
    }
}
