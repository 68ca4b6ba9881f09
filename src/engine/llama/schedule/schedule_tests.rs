//! What the scheduler promises, with a made-up model that always has a next token.
//!
//! Single situations first, then the promises over ten thousand random histories.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const ROOM: Room = Room {
    slots: 4,
    batch_tokens: 64,
};

/// Nothing is ever there, and everything fits that is within a limit.
struct Plain {
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

fn endless() -> Plain {
    Plain { limit: u32::MAX }
}

fn lane(user: u64) -> Lane {
    Lane {
        user,
        priority: Priority::Interactive,
    }
}

fn wish(id: u64, user: u64, tokens: u32) -> Wish {
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

fn ids<'a>(chunks: impl IntoIterator<Item = &'a Chunk>) -> Vec<u64> {
    chunks.into_iter().map(|chunk| chunk.id).collect()
}

fn admit(scheduler: &mut Scheduler, memory: &mut impl Memory) -> Vec<u64> {
    let admitted = scheduler.admit(memory);
    admitted.iter().map(|admitted| admitted.id).collect()
}

/// Computes a step; every sequence whose last token was in it gets a next one.
fn step(scheduler: &mut Scheduler) -> Step {
    let step = scheduler.plan(|_| 64);
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
    let plan = scheduler.plan(|_| 64);
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
    let plan = scheduler.plan(|_| 64);
    assert!(plan.prompts.iter().all(|chunk| chunk.from == 40));
}

/// Held tokens by request, a limit, and beginnings that requests of one group share.
struct Random {
    limit: u32,
    held: HashMap<u64, u32>,
    groups: HashMap<u64, u64>,
    shared_tokens: u32,
    running: HashSet<u64>,
}

impl Memory for Random {
    fn cached(&mut self, id: u64) -> Option<u32> {
        let group = self.groups[&id];
        let others = self.running.iter().filter(|&&other| other != id);
        let mut best = 0;
        for other in others.filter(|other| self.groups[other] == group) {
            if self.held[other] < self.shared_tokens {
                return None;
            }
            best = self.shared_tokens;
        }
        Some(best)
    }

    fn make_room(&mut self, _id: u64, tokens: u32) -> bool {
        self.held.values().sum::<u32>() + tokens <= self.limit
    }

    fn open(&mut self, id: u64) -> u32 {
        let cached = self.cached(id).unwrap();
        assert!(self.running.insert(id));
        self.held.insert(id, cached);
        cached
    }
}

#[derive(Debug, Clone)]
struct Request {
    wish: Wish,
    reply: u32,
    comes_at: usize,
    group: u64,
    leaves_at: Option<usize>,
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let one = (
        (1_u32..120, 1_u32..25, 0_usize..40),
        (0_u64..4, 1_u32..4, 0_u64..3, any::<bool>()),
        (0_u64..4, prop::option::weighted(0.2, 0_usize..120)),
    );
    prop::collection::vec(one, 1..14).prop_map(|all| {
        let each = all
            .into_iter()
            .enumerate()
            .map(|(id, (size, whose, other))| {
                let (tokens, reply, comes_at) = size;
                let (user, weight, set, is_batch) = whose;
                let priority = match is_batch {
                    true => Priority::Batch,
                    false => Priority::Interactive,
                };
                let wish = Wish {
                    id: id as u64,
                    lane: Lane { user, priority },
                    weight,
                    set,
                    tokens,
                    expected_tokens: tokens + reply,
                };
                Request {
                    wish,
                    reply,
                    comes_at,
                    group: other.0,
                    leaves_at: other.1,
                }
            });
        each.collect()
    })
}

/// A made-up world round the scheduler, which checks what is promised at every step.
struct World {
    scheduler: Scheduler,
    memory: Random,
    requests: Vec<Request>,
    left: HashMap<u64, u32>,
    decoding: HashSet<u64>,
    ended: HashSet<u64>,
    batch_tokens: u32,
    slots: u32,
}

impl World {
    fn new(requests: Vec<Request>, slots: u32, batch_tokens: u32, limit: u32) -> Self {
        Self {
            scheduler: Scheduler::new(Room {
                slots,
                batch_tokens,
            }),
            memory: Random {
                limit,
                held: HashMap::new(),
                groups: requests
                    .iter()
                    .map(|one| (one.wish.id, one.group))
                    .collect(),
                shared_tokens: 15,
                running: HashSet::new(),
            },
            requests,
            left: HashMap::new(),
            decoding: HashSet::new(),
            ended: HashSet::new(),
            batch_tokens: batch_tokens.max(slots),
            slots,
        }
    }

    fn set_of(&self, id: u64) -> u64 {
        self.requests[usize::try_from(id).unwrap()].wish.set
    }

    fn come_and_go(&mut self, at: usize) {
        let requests = self.requests.clone();
        for request in requests.iter().filter(|request| request.comes_at == at) {
            self.left.insert(request.wish.id, request.reply);
            self.scheduler.submit(request.wish);
        }
        for request in requests.iter().filter(|one| one.leaves_at == Some(at)) {
            if self.left.contains_key(&request.wish.id) {
                self.end(request.wish.id);
            }
        }
    }

    fn end(&mut self, id: u64) {
        if !self.ended.insert(id) {
            return;
        }
        let ran = self.scheduler.finish(id);
        assert_eq!(ran, self.memory.running.remove(&id));
        self.memory.held.remove(&id);
        self.decoding.remove(&id);
        assert!(!self.scheduler.finish(id), "it ends once");
    }

    fn pause(&mut self, id: u64) {
        self.decoding.remove(&id);
        self.memory.held.remove(&id);
        assert!(self.memory.running.remove(&id));
    }

    fn admit(&mut self) {
        if let Some(id) = self.scheduler.preempt() {
            self.pause(id);
        }
        let alone = self.memory.running.is_empty();
        for admitted in self.scheduler.admit(&mut self.memory) {
            assert!(self.memory.running.contains(&admitted.id));
            assert!(!self.ended.contains(&admitted.id));
            self.memory.held.insert(admitted.id, admitted.cached);
        }
        assert!(self.memory.running.len() <= self.slots as usize);
        assert!(
            !alone || self.scheduler.is_idle() || !self.memory.running.is_empty(),
            "someone waits and nobody runs"
        );
    }

    fn step(&mut self) {
        let prompt_tokens = self.batch_tokens / 2 + 1;
        let step = self.scheduler.plan(|_| prompt_tokens);
        let tokens: u32 = step.chunks().map(|chunk| chunk.count).sum();
        assert!(tokens <= self.batch_tokens);
        let in_step: HashSet<u64> = ids(step.chunks()).into_iter().collect();
        assert_eq!(in_step.len(), step.chunks().count(), "each only once");
        assert!(self.memory.running.is_empty() || !step.is_empty());
        for chunk in step.chunks() {
            assert_eq!(self.set_of(chunk.id), step.set);
            assert_eq!(self.memory.held[&chunk.id], chunk.from);
            assert!(chunk.count > 0);
        }
        for id in &self.decoding {
            let wish = &self.requests[usize::try_from(*id).unwrap()].wish;
            let interactive = wish.lane.priority == Priority::Interactive;
            let due = interactive && wish.set == step.set;
            assert!(!due || ids(&step.decode).contains(id), "{id} got no token");
        }
        self.scheduler.computed(&step, 60_000);
        for chunk in step.chunks() {
            *self.memory.held.get_mut(&chunk.id).unwrap() += chunk.count;
            if chunk.last {
                let left = self.left.get_mut(&chunk.id).unwrap();
                *left -= 1;
                if *left == 0 {
                    self.end(chunk.id);
                } else {
                    self.decoding.insert(chunk.id);
                    self.scheduler.sampled(chunk.id);
                }
            }
        }
    }
}

/// All the work there is, in tokens, counts each request's twice for what pauses repeat.
const MOST_STEPS: usize = 20_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    /// Requests come and go, share beginnings, want adapters; some steps find no room.
    #[test]
    fn every_request_ends_once_and_every_step_keeps_its_promises(
        requests in requests(),
        full_at in prop::collection::hash_set(0_usize..200, 0..6),
        slots in 1_u32..6,
        batch_tokens in 1_u32..80,
        limit in 60_u32..900,
    ) {
        let mut world = World::new(requests, slots, batch_tokens, limit);
        let last_comes = world.requests.iter().map(|request| request.comes_at).max().unwrap();
        for at in 0.. {
            world.come_and_go(at);
            world.admit();
            if full_at.contains(&at) && let Some(id) = world.scheduler.pause_newest() {
                world.pause(id);
                continue;
            }
            world.step();
            if at >= last_comes && world.scheduler.is_idle() {
                break;
            }
            prop_assert!(at < MOST_STEPS, "it does not end");
        }
        prop_assert_eq!(world.ended.len(), world.requests.len());
        prop_assert!(world.scheduler.turns.lanes() <= 8);
    }

    /// Two who always have work waiting get as much as each other, but for what `slots` requests of
    /// one and the one that waits may come to: so nobody who waits is passed by more than that.
    #[test]
    fn nobody_starves(
        sizes in prop::collection::vec((1_u32..120, 1_u32..25), 60),
        slots in 1_u32..5,
        greedy in 2_usize..6,
    ) {
        let mut scheduler = Scheduler::new(Room { slots, batch_tokens: 64 });
        let mut left = HashMap::new();
        for (index, &(tokens, reply)) in sizes.iter().enumerate() {
            // The greedy one has several requests for each of the other's.
            let user = u64::from(index % greedy == 0);
            left.insert(index as u64, reply);
            scheduler.submit(Wish { expected_tokens: tokens + reply, ..wish(index as u64, user, tokens) });
        }
        let modest = |id: &u64| usize::try_from(*id).unwrap() % greedy == 0;
        let cost = |&(tokens, reply): &(u32, u32)| tokens + 2 * reply;
        let bound = u64::from((slots + 1) * sizes.iter().map(cost).max().unwrap() + 64);
        let mut given = [0_u64; 2];
        loop {
            scheduler.admit(&mut endless());
            let waiting = scheduler.waiting();
            if !waiting.iter().any(modest) || waiting.iter().all(modest) {
                break;
            }
            let step = scheduler.plan(|_| 64);
            scheduler.computed(&step, 10_000);
            for (chunks, cost) in [(&step.decode, 2), (&step.prompts, 1)] {
                for chunk in chunks {
                    given[usize::from(modest(&chunk.id))] += u64::from(chunk.count) * cost;
                }
            }
            for chunk in step.chunks().filter(|chunk| chunk.last) {
                let left = left.get_mut(&chunk.id).unwrap();
                *left -= 1;
                match *left {
                    0 => { scheduler.finish(chunk.id); }
                    _ => scheduler.sampled(chunk.id),
                }
            }
            prop_assert!(given[0].abs_diff(given[1]) <= bound, "{given:?} and {bound}");
        }
    }
}
