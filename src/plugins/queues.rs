//! Who waits for a plugin, and whose turn is next.
//!
//! Whoever asks has one call in the queue of its hook, and their others wait behind that one, so that
//! nobody who asks much keeps others out. The hooks take turns, and strangers, who can be as many as
//! there are networks, never have more than half of the places: so they keep out nobody who is signed
//! in. Pure waiting: what is waited for is the seat's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use super::hook::Hook;

/// Calls that wait or are answered: of one who asks, of all strangers, and of all.
const MOST_OF_ONE: usize = 8;
const MOST_OF_STRANGERS: usize = MOST_OF_ALL / 2;
const MOST_OF_ALL: usize = 256;

type Queue = Arc<tokio::sync::Mutex<()>>;

#[derive(Default)]
pub(super) struct Queues {
    of_hooks: [Queue; Hook::ALL.len()],
    /// By whether they are strangers, and who they are.
    of_askers: Mutex<HashMap<(bool, String), Queue>>,
}

/// A place among those who wait.
pub(super) struct Place {
    own: Queue,
    of_hook: Queue,
}

/// The front of a queue, until it is dropped.
pub(super) struct Front {
    _own: OwnedMutexGuard<()>,
    _of_hook: OwnedMutexGuard<()>,
}

impl Queues {
    /// None: too many wait.
    pub(super) fn find_place(&self, hook: Hook, who: &str) -> Option<Place> {
        let mut queues = self
            .of_askers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // One reference is the table's.
        let waiting = |queue: &Queue| Arc::strong_count(queue) - 1;
        queues.retain(|_, queue| waiting(queue) > 0);
        let strangers = queues.iter().filter(|((is_stranger, _), _)| *is_stranger);
        let strangers: usize = strangers.map(|(_, queue)| waiting(queue)).sum();
        let all: usize = queues.values().map(waiting).sum();
        let asker = (hook.is_of_strangers(), who.to_owned());
        let own = queues.get(&asker).map_or(0, waiting);
        let is_full = hook.is_of_strangers() && strangers >= MOST_OF_STRANGERS;
        if own >= MOST_OF_ONE || all >= MOST_OF_ALL || is_full {
            return None;
        }
        Some(Place {
            own: Arc::clone(queues.entry(asker).or_default()),
            of_hook: Arc::clone(&self.of_hooks[hook as usize]),
        })
    }
}

impl Place {
    pub(super) async fn front(self) -> Front {
        // In this order everywhere, so that nobody waits for who waits for them.
        let own = self.own.lock_owned().await;
        Front {
            _own: own,
            _of_hook: self.of_hook.lock_owned().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_never_take_the_places_of_who_is_signed_in() {
        let queues = Queues::default();
        let place = |hook, who: usize| queues.find_place(hook, &who.to_string());
        let stranger = |who| place(Hook::RegistrationBeforeAccept, who);
        let strangers: Vec<_> = (0..MOST_OF_ALL).map_while(stranger).collect();
        assert_eq!(strangers.len(), MOST_OF_STRANGERS);
        let person = |who| place(Hook::ReplyBeforeStart, who);
        let people: Vec<_> = (0..MOST_OF_ALL).map_while(person).collect();
        assert_eq!(people.len(), MOST_OF_ALL - MOST_OF_STRANGERS);
        drop(people);
        assert!(stranger(0).is_none());
        drop(strangers);
        assert!(stranger(0).is_some(), "places that are left are free");
    }

    #[test]
    fn one_who_asks_has_so_many_places_over_all_hooks() {
        let queues = Queues::default();
        let hooks = [Hook::ReplyBeforeStart, Hook::MessagePrice];
        let place = |hook| queues.find_place(hook, "ada");
        let held: Vec<_> = hooks.into_iter().cycle().map_while(place).collect();
        assert_eq!(held.len(), MOST_OF_ONE);
        assert!(queues.find_place(hooks[0], "bob").is_some());
    }
}
