//! What the scheduler promises, with a made-up model that always has a next token.
//!
//! Single situations first, then the promises over random requests.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const ROOM: Room = Room {
    slots: 4,
    batch_tokens: 64,
    memory_tokens: 1000,
};

fn wish(id: u64, lane: u64, tokens: u32) -> Wish {
    Wish {
        id,
        lane,
        tokens,
        expected_tokens: tokens + 10,
    }
}

fn ids(plan: &[Chunk]) -> HashSet<u64> {
    plan.iter().map(|chunk| chunk.id).collect()
}

/// Computes a step; every sequence whose last token was in it gets a next one.
fn step(scheduler: &mut Scheduler) -> Vec<Chunk> {
    let plan = scheduler.plan();
    scheduler.decoded(&plan);
    for chunk in plan.iter().filter(|chunk| chunk.last) {
        scheduler.sampled(chunk.id);
    }
    plan
}

#[test]
fn decoding_goes_before_prompts() {
    let mut scheduler = Scheduler::new(ROOM);
    scheduler.submit(wish(1, 1, 5));
    scheduler.admit();
    assert!(step(&mut scheduler)[0].last);
    scheduler.submit(wish(2, 2, 500));
    scheduler.admit();
    let plan = step(&mut scheduler);
    assert_eq!(
        plan[0],
        Chunk {
            id: 1,
            slot: 0,
            from: 5,
            count: 1,
            last: true
        }
    );
    assert_eq!(
        plan[1],
        Chunk {
            id: 2,
            slot: 1,
            from: 0,
            count: 63,
            last: false
        }
    );
    assert_eq!(step(&mut scheduler)[1].from, 63);
}

#[test]
fn a_lane_with_one_request_is_not_starved_by_a_lane_with_ten() {
    let mut scheduler = Scheduler::new(ROOM);
    for id in 0..10 {
        scheduler.submit(wish(id, 1, 100));
    }
    scheduler.submit(wish(100, 2, 20));
    let admitted = scheduler.admit();
    assert_eq!(admitted[1].id, 100);
    let plan = scheduler.plan();
    let of_second = plan.iter().find(|chunk| chunk.id == 100).unwrap();
    assert!(of_second.last, "its 20 tokens are less than half the batch");
    assert_eq!(plan.iter().map(|chunk| chunk.count).sum::<u32>(), 64);
}

#[test]
fn what_does_not_fit_waits_until_something_ends() {
    let mut scheduler = Scheduler::new(ROOM);
    scheduler.submit(wish(1, 1, 600));
    scheduler.submit(wish(2, 2, 600));
    scheduler.submit(wish(3, 3, 10));
    assert_eq!(scheduler.admit(), [Admitted { id: 1, slot: 0 }]);
    assert_eq!(scheduler.waiting(), [2, 3]);
    assert_eq!(scheduler.finish(1), Some(0));
    assert_eq!(scheduler.admit().len(), 2);
    assert!(scheduler.waiting().is_empty());
}

#[test]
fn the_newest_is_paused_and_comes_back_first() {
    let mut scheduler = Scheduler::new(ROOM);
    for id in 1..=3 {
        scheduler.submit(wish(id, id, 20));
    }
    scheduler.admit();
    step(&mut scheduler);
    scheduler.submit(wish(4, 4, 20));
    assert_eq!(scheduler.pause_newest(), Some(Admitted { id: 3, slot: 2 }));
    assert_eq!(scheduler.waiting(), [3, 4]);
    assert_eq!(scheduler.admit()[0].id, 3);
    let plan = scheduler.plan();
    let again = plan.iter().find(|chunk| chunk.id == 3).unwrap();
    assert_eq!((again.from, again.count, again.last), (0, 21, true));
}

#[test]
fn the_only_one_is_not_paused() {
    let mut scheduler = Scheduler::new(ROOM);
    scheduler.submit(wish(1, 1, 20));
    scheduler.admit();
    assert_eq!(scheduler.pause_newest(), None);
}

proptest! {
    /// Requests (prompt, reply, lane) come at some steps; some steps find no room; all finish.
    #[test]
    fn every_request_finishes_and_every_step_keeps_its_promises(
        requests in prop::collection::vec((1_u32..300, 1_u32..60, 0_u64..4, 0_usize..40), 1..25),
        full_at in prop::collection::hash_set(0_usize..200, 0..10),
        slots in 1_u32..6,
        batch_tokens in 1_u32..80,
    ) {
        let mut scheduler = Scheduler::new(Room { slots, batch_tokens, memory_tokens: 700 });
        let most = batch_tokens.max(slots * 2);
        let mut left: HashMap<u64, u32> = HashMap::new();
        let mut decoding: HashSet<u64> = HashSet::new();
        for at in 0.. {
            for (id, &(tokens, reply, lane, _)) in requests.iter().enumerate().filter(|(_, request)| request.3 == at) {
                left.insert(id as u64, reply);
                scheduler.submit(Wish { id: id as u64, lane, tokens, expected_tokens: tokens + reply });
            }
            scheduler.admit();
            if full_at.contains(&at) {
                if let Some(paused) = scheduler.pause_newest() {
                    decoding.remove(&paused.id);
                }
                continue;
            }
            let plan = scheduler.plan();
            prop_assert!(plan.iter().map(|chunk| chunk.count).sum::<u32>() <= most);
            prop_assert_eq!(ids(&plan).len(), plan.len());
            prop_assert!(decoding.is_subset(&ids(&plan)), "a decoding sequence went without its token");
            prop_assert!(plan.iter().filter(|chunk| decoding.contains(&chunk.id)).all(|chunk| chunk.count == 1));
            prop_assert!(plan.iter().all(|chunk| chunk.count > 0));
            scheduler.decoded(&plan);
            for chunk in plan.iter().filter(|chunk| chunk.last) {
                let left = left.get_mut(&chunk.id).unwrap();
                *left -= 1;
                if *left == 0 {
                    decoding.remove(&chunk.id);
                    prop_assert_eq!(scheduler.finish(chunk.id), Some(chunk.slot));
                } else {
                    decoding.insert(chunk.id);
                    scheduler.sampled(chunk.id);
                }
            }
            if at > 40 && scheduler.is_idle() {
                break;
            }
            prop_assert!(at < 20_000, "it does not end");
        }
        prop_assert!(left.values().all(|&left| left == 0));
    }
}
