//! Who may speak to a source's servers now, and who waits.
//!
//! What waits goes on by turns: interactive work before the rest, then whoever has the least under
//! way for their weight, then whoever came first. A ticket that is dropped gives its place up, also while it waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::super::{EngineError, Priority};

/// Fine enough to tell weights apart.
const SHARE: u64 = 1_000_000;

/// Whose work it is, as in [`super::super::Generate`].
#[derive(Clone, Copy)]
pub(super) struct Lane {
    pub(super) id: u64,
    pub(super) weight: u32,
}

pub(super) struct Queue {
    state: Mutex<State>,
    changed: watch::Sender<()>,
    /// Requests under way at once.
    capacity: u32,
    /// Requests that may wait.
    limit: u32,
}

#[derive(Default)]
struct State {
    running: HashMap<u64, Waiting>,
    waiting: Vec<Waiting>,
    next_number: u64,
}

#[derive(Clone, Copy)]
struct Waiting {
    number: u64,
    lane: Lane,
    priority: Priority,
}

impl State {
    /// Whose turn is earlier; the smallest is next.
    fn turn(&self, waiting: &Waiting) -> (bool, u64, u64) {
        let running = self.running.values();
        let of_lane = running
            .filter(|other| other.lane.id == waiting.lane.id)
            .count();
        let share = of_lane as u64 * SHARE / u64::from(waiting.lane.weight.max(1));
        (waiting.priority == Priority::Batch, share, waiting.number)
    }

    fn admit(&mut self, capacity: u32) {
        while self.running.len() < capacity as usize {
            let next = self.waiting.iter().min_by_key(|waiting| self.turn(waiting));
            let Some(&next) = next else { return };
            self.waiting.retain(|waiting| waiting.number != next.number);
            self.running.insert(next.number, next);
        }
    }
}

impl Queue {
    pub(super) fn new(capacity: u32, limit: u32) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: watch::Sender::new(()),
            capacity,
            limit,
        })
    }

    /// No holder leaves something half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(
        self: &Arc<Self>,
        lane: Lane,
        priority: Priority,
    ) -> Result<Ticket, EngineError> {
        let mut state = self.state();
        let full = state.running.len() >= self.capacity as usize;
        if full && state.waiting.len() >= self.limit as usize {
            return Err(EngineError::QueueFull);
        }
        let number = state.next_number;
        state.next_number += 1;
        state.waiting.push(Waiting {
            number,
            lane,
            priority,
        });
        state.admit(self.capacity);
        Ok(Ticket {
            queue: Arc::clone(self),
            number,
        })
    }

    /// Under way and waiting.
    pub(super) fn counts(&self) -> (u32, u32) {
        let state = self.state();
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        (count(state.running.len()), count(state.waiting.len()))
    }
}

/// One request's place.
pub(super) struct Ticket {
    queue: Arc<Queue>,
    number: u64,
}

impl Ticket {
    /// How many go before this one; None: it is its turn.
    pub(super) fn position(&self) -> Option<u32> {
        let state = self.queue.state();
        let own = state.waiting.iter().find(|it| it.number == self.number)?;
        let turn = state.turn(own);
        let earlier = state.waiting.iter().filter(|it| state.turn(it) < turn);
        u32::try_from(earlier.count()).ok()
    }

    /// Tells of every change of any place from now on.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.queue.changed.subscribe()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.running.remove(&self.number);
        state.waiting.retain(|it| it.number != self.number);
        state.admit(self.queue.capacity);
        drop(state);
        self.queue.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(id: u64) -> Lane {
        Lane { id, weight: 1 }
    }

    fn enter(queue: &Arc<Queue>, id: u64) -> Ticket {
        queue.enter(lane(id), Priority::Interactive).unwrap()
    }

    #[test]
    fn no_more_than_fit_are_under_way_and_no_more_than_the_limit_wait() {
        let queue = Queue::new(2, 1);
        let tickets: Vec<Ticket> = (0..3).map(|id| enter(&queue, id)).collect();
        assert_eq!(queue.counts(), (2, 1));
        assert_eq!(tickets[2].position(), Some(0));
        let refused = queue.enter(lane(9), Priority::Interactive).err();
        assert_eq!(refused, Some(EngineError::QueueFull));
        drop(tickets);
        assert_eq!(queue.counts(), (0, 0));
    }

    #[test]
    fn whoever_has_less_under_way_goes_before_whoever_floods() {
        let queue = Queue::new(2, 10);
        let first = enter(&queue, 1);
        let second = enter(&queue, 1);
        let flood = enter(&queue, 1);
        let quiet = enter(&queue, 2);
        assert_eq!((quiet.position(), flood.position()), (Some(0), Some(1)));
        drop(first);
        assert_eq!((quiet.position(), flood.position()), (None, Some(0)));
        drop(second);
        assert_eq!(flood.position(), None);
    }

    #[test]
    fn a_lane_of_twice_the_weight_may_have_twice_as_much_under_way() {
        let queue = Queue::new(3, 10);
        let heavy = Lane { id: 1, weight: 4 };
        let enter_heavy = || queue.enter(heavy, Priority::Interactive).unwrap();
        let _running = [enter_heavy(), enter_heavy(), enter(&queue, 2)];
        let light = enter(&queue, 2);
        let third = enter_heavy();
        assert_eq!((third.position(), light.position()), (Some(0), Some(1)));
    }

    #[test]
    fn somebody_who_waits_goes_before_work_that_can() {
        let queue = Queue::new(1, 10);
        let running = enter(&queue, 1);
        let batch = queue.enter(lane(2), Priority::Batch).unwrap();
        let person = enter(&queue, 1);
        drop(running);
        assert_eq!((person.position(), batch.position()), (None, Some(0)));
    }

    #[test]
    fn who_leaves_while_waiting_gives_the_place_up() {
        let queue = Queue::new(1, 10);
        let running = enter(&queue, 1);
        let leaving = enter(&queue, 2);
        let staying = enter(&queue, 3);
        assert_eq!(staying.position(), Some(1));
        drop(leaving);
        assert_eq!(staying.position(), Some(0));
        drop(running);
        assert_eq!((staying.position(), queue.counts()), (None, (1, 0)));
    }
}
