//! What the scheduler promises, over ten thousand random histories of a made-up world.
//!
//! Requests come and go, share beginnings, want adapters, belong to people and to programs, and the
//! memory is too small for all of them.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::schedule_tests::{endless, ids, wish};
use super::*;

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

/// Far more than the work there is, what pauses repeat included.
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
