//! Whose turn it is: a counter for each lane of what was computed for it, divided by its weight.
//!
//! The lane with the least goes first. One that comes back after a pause begins where the least of
//! those at work stands, so that nobody saves up time. Work that can wait is counted many times, so
//! it gets what others leave, and never nothing. Pure.

use std::collections::HashMap;

use crate::engine::Priority;

/// Whose work it is, and of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) struct Lane {
    pub(in super::super) user: u64,
    pub(in super::super) priority: Priority,
}

/// A token that was read counts once, one that was chosen twice: that is about what they cost.
pub(super) const READ_COST: u64 = 1;
pub(super) const CHOICE_COST: u64 = 2;
/// One part of batch work for so many of the same of interactive work.
pub(super) const BATCH_COST: u64 = 16;
const UNIT: u64 = 1 << 10;

/// By how much a cost moves its lane's counter.
pub(super) fn worth(lane: Lane, cost: u64, weight: u32) -> u64 {
    let times = match lane.priority {
        Priority::Interactive => 1,
        Priority::Batch => BATCH_COST,
    };
    cost * times * UNIT / u64::from(weight.max(1))
}

#[derive(Debug, Default)]
pub(super) struct Turns {
    /// What each lane was given, and how many requests it has.
    lanes: HashMap<Lane, (u64, u32)>,
    /// The least of those at work, as it was last.
    floor: u64,
}

impl Turns {
    /// One more request of this lane.
    pub(super) fn join(&mut self, lane: Lane) {
        let floor = self.floor;
        let (given, requests) = self.lanes.entry(lane).or_insert((floor, 0));
        if *requests == 0 {
            *given = floor.max(*given);
        }
        *requests += 1;
    }

    /// One less.
    pub(super) fn leave(&mut self, lane: Lane) {
        if let Some((_, requests)) = self.lanes.get_mut(&lane) {
            *requests = requests.saturating_sub(1);
        }
        self.raise_floor();
        let floor = self.floor;
        // Whoever is not ahead would begin at the floor anyway.
        self.lanes
            .retain(|_, (given, requests)| *requests > 0 || *given > floor);
    }

    pub(super) fn charge(&mut self, lane: Lane, cost: u64, weight: u32) {
        if let Some((given, _)) = self.lanes.get_mut(&lane) {
            *given += worth(lane, cost, weight);
        }
        self.raise_floor();
    }

    /// The less, the sooner.
    pub(super) fn given(&self, lane: Lane) -> u64 {
        self.lanes
            .get(&lane)
            .map_or(self.floor, |(given, _)| *given)
    }

    fn raise_floor(&mut self) {
        let at_work = self.lanes.values().filter(|(_, requests)| *requests > 0);
        if let Some(least) = at_work.map(|(given, _)| *given).min() {
            self.floor = self.floor.max(least);
        }
    }

    #[cfg(test)]
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }
}
