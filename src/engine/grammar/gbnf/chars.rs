//! Sets of characters, as a grammar's terminals name them.
//!
//! A set is kept as sorted ranges that neither touch nor overlap. NUL and surrogates are in no set:
//! no token spells them.

/// What can stand in a text.
const PERMITTED: [(u32, u32); 2] = [(1, 0xD7FF), (0xE000, 0x10_FFFF)];

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(in crate::engine::grammar) struct CharSet {
    ranges: Vec<(u32, u32)>,
}

impl CharSet {
    /// Ranges that end before they begin hold nothing.
    pub(in crate::engine::grammar) fn new(ranges: &[(u32, u32)], negated: bool) -> Self {
        let named = normal(ranges.to_vec());
        let ranges = if negated { complement(&named) } else { named };
        let mut kept = Vec::new();
        for &(low, high) in &ranges {
            for (first, last) in PERMITTED {
                if low.max(first) <= high.min(last) {
                    kept.push((low.max(first), high.min(last)));
                }
            }
        }
        Self { ranges: kept }
    }

    pub(in crate::engine::grammar) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(in crate::engine::grammar) fn contains(&self, char: char) -> bool {
        let code = u32::from(char);
        let after = self.ranges.partition_point(|&(low, _)| low <= code);
        after > 0 && code <= self.ranges[after - 1].1
    }

    pub(in crate::engine::grammar) fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }
}

fn normal(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    ranges.retain(|(low, high)| low <= high);
    ranges.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
    for (low, high) in ranges {
        match merged.last_mut() {
            Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
            _ => merged.push((low, high)),
        }
    }
    merged
}

fn complement(ranges: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut outside = Vec::new();
    let mut next = 0;
    for &(low, high) in ranges {
        if low > next {
            outside.push((next, low - 1));
        }
        next = high.saturating_add(1);
    }
    if next <= 0x10_FFFF {
        outside.push((next, 0x10_FFFF));
    }
    outside
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_holds_what_its_ranges_name(
            ranges in prop::collection::vec((0_u32..200, 0_u32..200), 0..6),
            negated: bool,
            code in 1_u32..220,
        ) {
            let set = CharSet::new(&ranges, negated);
            let named = ranges.iter().any(|&(low, high)| low <= code && code <= high);
            prop_assert_eq!(set.contains(char::from_u32(code).unwrap()), named != negated);
            prop_assert!(set.ranges().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        }
    }

    #[test]
    fn nothing_that_no_token_spells_is_in_a_set() {
        assert!(CharSet::new(&[(0, 0), (0xD800, 0xDFFF), (0x11_0000, u32::MAX)], false).is_empty());
        assert!(CharSet::new(&[(1, 0x10_FFFF)], true).is_empty());
    }
}
