//! What the scheduler does in single situations, with a made-up model that always has a next token.
//!
//! What it promises in all of them is in `history_tests.rs`.

use super::*;

const ROOM: Room = Room {
    slots: 4,
    batch_tokens: 64,
};

/// Nothing is ever there, and everything fits that is within a limit.
pub(super) struct Plain {
    limit: u32,
}

impl Memory for Plain {
    fn cached(&mut self, _id: u64) -> Option<u32> {
        Some(0)
    }

    fn make_room(&mut self, _id: u64, tokens: u32) -> bool {
        tokens <= self.limit
    }

    fn open(&mut self, _id: u64) -> u32 {
        0
    }
}

pub(super) fn endless() -> Plain {
    Plain { limit: u32::MAX }
}

fn lane(user: u64) -> Lane {
    Lane {
        user,
        priority: Priority::Interactive,
    }
}

pub(super) fn wish(id: u64, user: u64, tokens: u32) -> Wish {
    Wish {
        id,
        lane: lane(user),
        weight: 1,
        set: 0,
        tokens,
        expected_tokens: tokens + 10,
    }
}

fn batch(id: u64, user: u64, tokens: u32) -> Wish {
    Wish {
        lane: Lane {
            user,
            priority: Priority::Batch,
        },
        ..wish(id, user, tokens)
    }
}

pub(super) fn ids<'a>(chunks: impl IntoIterator<Item = &'a Chunk>) -> Vec<u64> {
    chunks.into_iter().map(|chunk| chunk.id).collect()
}

fn admit(scheduler: &mut Scheduler, memory: &mut impl Memory) -> Vec<u64> {
    let admitted = scheduler.admit(memory);
    admitted.iter().map(|admitted| admitted.id).collect()
}

/// Computes a step; every sequence whose last token was in it gets a next one.
fn step(scheduler: &mut Scheduler) -> Step {
    let step = scheduler.plan(|_| 256);
    scheduler.computed(&step, 10_000);
    let last: Vec<u64> = ids(step.chunks().filter(|chunk| chunk.last));
    for id in last {
        scheduler.sampled(id);
    }
    step
}

#[test]
fn decoding_goes_before_prompts() {
    let mut scheduler = Scheduler::new(ROOM);
    scheduler.submit(wish(1, 1, 5));
    scheduler.admit(&mut endless());
    assert!(step(&mut scheduler).prompts[0].last);
    scheduler.submit(wish(2, 2, 500));
    scheduler.admit(&mut endless());
    let plan = step(&mut scheduler);
    let decoded = Chunk {
        id: 1,
        from: 5,
        count: 1,
        last: true,
    };
    assert_eq!(plan.decode, [decoded]);
    let read = Chunk {
        id: 2,
        from: 0,
        count: 63,
        last: false,
    };
    assert_eq!(plan.prompts, [read]);
    assert_eq!(step(&mut scheduler).prompts[0].from, 63);
}

#[test]
fn a_lane_with_one_request_is_not_starved_by_a_lane_with_ten() {
    let mut scheduler = Scheduler::new(ROOM);
    for id in 0..10 {
        scheduler.submit(wish(id, 1, 100));
    }
    scheduler.submit(wish(100, 2, 20));
    assert_eq!(admit(&mut scheduler, &mut endless()), [0, 100, 1, 2]);
    step(&mut scheduler);
    let plan = step(&mut scheduler);
    assert_eq!(ids(&plan.prompts)[0], 100);
    assert!(
        plan.prompts[0].last,
        "its 20 tokens are less than the batch"
    );
}

#[test]
fn a_lane_of_twice_the_weight_gets_twice_as_much() {
    let mut scheduler = Scheduler::new(Room {
        slots: 1,
        batch_tokens: 64,
    });
    for id in 0..60 {
        scheduler.submit(wish(id, 1, 50));
        scheduler.submit(Wish {
            weight: 2,
            ..wish(100 + id, 2, 50)
        });
    }
    let mut admitted = Vec::new();
    for _ in 0..30 {
        admitted.extend(admit(&mut scheduler, &mut endless()));
        step(&mut scheduler);
        scheduler.finish(*admitted.last().unwrap());
    }
    let heavy = admitted.iter().filter(|&&id| id >= 100).count();
    assert!((19..=21).contains(&heavy), "{heavy} of 30");
}

#[test]
fn batch_work_waits_for_people_and_gets_what_they_leave() {
    let mut scheduler = Scheduler::new(ROOM);
    for id in 0..4 {
        scheduler.submit(batch(id, 1, 10));
    }
    assert_eq!(admit(&mut scheduler, &mut endless()).len(), 4);
    assert_eq!(scheduler.preempt(), None, "nobody is waiting for a slot");
    step(&mut scheduler);
    assert_eq!(step(&mut scheduler).decode.len(), 4);
    scheduler.submit(wish(10, 2, 10));
    assert_eq!(scheduler.preempt(), Some(3), "the newest makes way");
    assert_eq!(admit(&mut scheduler, &mut endless()), [10]);
    step(&mut scheduler);
    // Now both decode; the batch lane is far ahead of the newcomer.
    let mut batch_steps = 0;
    for _ in 0..64 {
        let step = step(&mut scheduler);
        assert!(ids(&step.decode).contains(&10));
        batch_steps += u32::from(step.decode.len() > 1);
    }
    assert!((1..32).contains(&batch_steps), "{batch_steps} of 64 steps");
}

#[test]
fn sets_of_adapters_take_turns_and_never_meet() {
    let mut scheduler = Scheduler::new(ROOM);
    for id in 0..4 {
        let set = id % 2 * 7;
        scheduler.submit(Wish {
            set,
            ..wish(id, id, 5)
        });
    }
    scheduler.admit(&mut endless());
    let mut turns = Vec::new();
    for _ in 0..100 {
        let step = step(&mut scheduler);
        assert!(step.chunks().all(|chunk| chunk.id % 2 * 7 == step.set));
        turns.push(step.set);
    }
    let changes = turns.windows(2).filter(|pair| pair[0] != pair[1]).count();
    // Steps of 10 ms in slices of 150.
    assert_eq!(changes, 6);
}

#[test]
fn what_does_not_fit_waits_until_something_ends() {
    let mut scheduler = Scheduler::new(ROOM);
    scheduler.submit(wish(1, 1, 600));
    scheduler.submit(wish(2, 2, 600));
    scheduler.submit(wish(3, 3, 10));
    let mut memory = Plain { limit: 1000 };
    assert_eq!(admit(&mut scheduler, &mut memory), [1]);
    assert_eq!(scheduler.waiting(), [2, 3]);
    assert!(scheduler.finish(1));
    assert_eq!(admit(&mut scheduler, &mut memory), [2, 3]);
    assert!(scheduler.waiting().is_empty());
}

#[test]
fn the_newest_is_paused_and_comes_back_with_what_it_had() {
    let mut scheduler = Scheduler::new(ROOM);
    for id in 1..=3 {
        scheduler.submit(wish(id, id, 20));
    }
    scheduler.admit(&mut endless());
    step(&mut scheduler);
    scheduler.submit(wish(4, 3, 20));
    assert_eq!(scheduler.pause_newest(), Some(3));
    assert_eq!(scheduler.waiting(), [3, 4]);
    assert_eq!(admit(&mut scheduler, &mut endless())[0], 3);
    let plan = scheduler.plan(|_| 256);
    let again = plan.prompts.iter().find(|chunk| chunk.id == 3).unwrap();
    assert_eq!((again.from, again.count, again.last), (0, 21, true));
}

#[test]
fn the_only_one_is_not_paused() {
    let mut scheduler = Scheduler::new(ROOM);
    scheduler.submit(wish(1, 1, 20));
    scheduler.admit(&mut endless());
    assert_eq!(scheduler.pause_newest(), None);
}

#[test]
fn those_with_one_beginning_wait_until_it_is_computed_once() {
    /// All begin with the same 40 tokens, which request 0 computes.
    struct Shared {
        computed: u32,
    }
    impl Memory for Shared {
        fn cached(&mut self, id: u64) -> Option<u32> {
            match (id, self.computed) {
                (0, _) => Some(0),
                (_, computed) if computed < 40 => None,
                _ => Some(40),
            }
        }
        fn make_room(&mut self, _id: u64, _tokens: u32) -> bool {
            true
        }
        fn open(&mut self, id: u64) -> u32 {
            self.cached(id).unwrap()
        }
    }
    let mut scheduler = Scheduler::new(ROOM);
    let mut memory = Shared { computed: 0 };
    for id in 0..4 {
        scheduler.submit(wish(id, id, 50));
    }
    assert_eq!(admit(&mut scheduler, &mut memory), [0]);
    memory.computed = step(&mut scheduler).prompts[0].count;
    let admitted = scheduler.admit(&mut memory);
    assert_eq!(admitted.len(), 3);
    assert!(admitted.iter().all(|admitted| admitted.cached == 40));
    let plan = scheduler.plan(|_| 256);
    assert!(plan.prompts.iter().all(|chunk| chunk.from == 40));
}
