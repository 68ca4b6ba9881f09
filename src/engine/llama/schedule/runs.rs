//! Which of those being written are computed together, where each lies apart.
//!
//! llama.cpp computes at once only what lies side by side, and looks at as many tokens of each as
//! the longest of them has. So one that is far longer goes alone, and a gap is filled with a row
//! nobody wants where that costs less than another round through all weights. Pure.

use std::ops::Range;

/// llama.cpp counts a sequence's tokens in squares of this side.
const GRAIN_TOKENS: u32 = 256;
/// One more round costs about as much as so many more rows.
const ROUND_COST: f64 = 1.6;
/// A row whose output nobody wants skips the largest matrix.
const FILLER_COST: f64 = 0.7;

/// One being written: where it lies, and how many tokens it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Place {
    pub(in super::super) sequence: u32,
    pub(in super::super) tokens: u32,
}

/// What is computed in one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Run {
    /// Of the places that were given.
    pub(in super::super) places: Range<usize>,
    /// Sequences between them.
    pub(in super::super) fillers: Vec<u32>,
}

/// The cheapest rounds for `places`, which come in the order of their sequences. To look at
/// `row_tokens` tokens costs as much as a row's weights. `filler` says how many tokens a sequence
/// between them holds; None when it has no room for one more.
pub(in super::super) fn runs(
    places: &[Place],
    row_tokens: u32,
    filler: impl Fn(u32) -> Option<u32>,
) -> Vec<Run> {
    // Of the first so many places: the least cost, and where its last round begins.
    let mut best = vec![(0.0, 0)];
    for end in 1..=places.len() {
        let mut cheapest = (f64::INFINITY, end - 1);
        let mut round = Round::default();
        for begin in (0..end).rev() {
            let gap = match places.get(begin + 1) {
                Some(next) if begin + 1 < end => places[begin].sequence + 1..next.sequence,
                _ => 0..0,
            };
            if !round.fill(gap, &filler) {
                break;
            }
            round.add(places[begin]);
            let cost = best[begin].0 + round.cost(row_tokens);
            if cost < cheapest.0 {
                cheapest = (cost, begin);
            }
        }
        best.push(cheapest);
    }
    let mut runs = Vec::new();
    let mut end = places.len();
    while end > 0 {
        let begin = best[end].1;
        let pairs = places[begin..end].windows(2);
        let gaps = pairs.flat_map(|pair| pair[0].sequence + 1..pair[1].sequence);
        runs.push(Run {
            places: begin..end,
            fillers: gaps.collect(),
        });
        end = begin;
    }
    runs.reverse();
    runs
}

#[derive(Default)]
struct Round {
    rows: u32,
    fillers: u32,
    longest: u32,
}

impl Round {
    fn fill(&mut self, gap: Range<u32>, filler: &impl Fn(u32) -> Option<u32>) -> bool {
        for sequence in gap {
            let Some(tokens) = filler(sequence) else {
                return false;
            };
            self.fillers += 1;
            self.longest = self.longest.max(tokens);
        }
        true
    }

    fn add(&mut self, place: Place) {
        self.rows += 1;
        self.longest = self.longest.max(place.tokens);
    }

    fn cost(&self, row_tokens: u32) -> f64 {
        let squares = (self.longest + 1).div_ceil(GRAIN_TOKENS);
        let looking = f64::from(squares * GRAIN_TOKENS) / f64::from(row_tokens.max(1));
        let weights = ROUND_COST + f64::from(self.rows) + f64::from(self.fillers) * FILLER_COST;
        weights + f64::from(self.rows + self.fillers) * looking
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(of: &[(u32, u32)]) -> Vec<Place> {
        let place = |&(sequence, tokens)| Place { sequence, tokens };
        of.iter().map(place).collect()
    }

    fn shape(
        of: &[(u32, u32)],
        filler: impl Fn(u32) -> Option<u32>,
    ) -> Vec<(Range<usize>, Vec<u32>)> {
        let runs = runs(&places(of), 2000, filler);
        runs.into_iter()
            .map(|run| (run.places, run.fillers))
            .collect()
    }

    #[test]
    fn neighbours_of_a_length_go_together() {
        let found = shape(&[(2, 100), (3, 180), (4, 90)], |_| None);
        assert_eq!(found, [(0..3, vec![])]);
    }

    #[test]
    fn a_small_gap_is_filled_and_a_large_one_is_not() {
        assert_eq!(shape(&[(0, 9), (2, 9)], |_| Some(0)), [(0..2, vec![1])]);
        assert_eq!(
            shape(&[(0, 9), (2, 9)], |_| None),
            [(0..1, vec![]), (1..2, vec![])]
        );
        let far = shape(&[(0, 9), (9, 9)], |_| Some(0));
        assert_eq!(far, [(0..1, vec![]), (1..2, vec![])]);
        // Whoever lies there makes all look far.
        let long = shape(&[(0, 9), (2, 9)], |_| Some(8000));
        assert_eq!(long, [(0..1, vec![]), (1..2, vec![])]);
    }

    #[test]
    fn a_far_longer_one_goes_alone() {
        let of = [(0, 100), (1, 8000), (2, 100), (3, 100)];
        assert_eq!(
            shape(&of, |_| None),
            [(0..1, vec![]), (1..2, vec![]), (2..4, vec![])]
        );
    }

    proptest! {
        #[test]
        fn everyone_is_computed_once_and_fillers_are_nobody_else(
            taken in prop::collection::vec((any::<bool>(), 0_u32..9000), 1..40),
            full in 0_u32..40,
        ) {
            let all = (0_u32..).zip(&taken).filter(|(_, (taken, _))| *taken);
            let of: Vec<Place> = all.map(|(sequence, &(_, tokens))| Place { sequence, tokens }).collect();
            let filler = |sequence: u32| (sequence != full).then_some(0);
            let runs = runs(&of, 2000, filler);
            let order: Vec<usize> = runs.iter().flat_map(|run| run.places.clone()).collect();
            prop_assert_eq!(order, (0..of.len()).collect::<Vec<_>>());
            for run in &runs {
                prop_assert!(!run.places.is_empty());
                for &sequence in &run.fillers {
                    prop_assert!(sequence != full);
                    prop_assert!(of.iter().all(|place| place.sequence != sequence));
                }
                let first = of[run.places.start].sequence;
                let last = of[run.places.end - 1].sequence;
                // Side by side without a gap.
                prop_assert_eq!((last - first + 1) as usize, run.places.len() + run.fillers.len());
            }
        }
    }
}
