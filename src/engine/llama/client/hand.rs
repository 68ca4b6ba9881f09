//! One running worker as the keeper holds it, with the requests it has.
//!
//! Only the keeper has hands. What a death of the worker means for its requests is decided here;
//! when one is started or ended is not.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::outlet::Outlet;
use super::ticket::Ticket;

pub(super) struct Hand {
    pub(super) outlet: Outlet,
    /// Those the worker has.
    pub(super) active: BTreeMap<u64, Ticket>,
    /// What it takes of the memory for models, as far as is known.
    pub(super) memory_bytes: u64,
    /// It gets no more requests, and ends when it has none left.
    pub(super) is_leaving: bool,
    idle_since: Instant,
    heard: Instant,
}

impl Hand {
    pub(super) fn new(outlet: Outlet, memory_bytes: u64) -> Self {
        Self {
            outlet,
            active: BTreeMap::new(),
            memory_bytes,
            is_leaving: false,
            idle_since: Instant::now(),
            heard: Instant::now(),
        }
    }

    pub(super) fn take(&mut self, ticket: Ticket) {
        if self.active.is_empty() {
            self.heard = Instant::now();
        }
        self.active.insert(ticket.id, ticket);
    }

    /// None: the worker no longer had it.
    pub(super) fn give_back(&mut self, id: u64) -> Option<Ticket> {
        let ticket = self.active.remove(&id)?;
        self.idle_since = Instant::now();
        Some(ticket)
    }

    /// The worker said something.
    pub(super) fn hear(&mut self) {
        self.heard = Instant::now();
    }

    /// Since when it has had nothing to do.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.active.is_empty().then_some(self.idle_since)
    }

    /// When it must have said something, if it is to count as alive. Loading may take long.
    pub(super) fn silent_until(&self, limit: Duration) -> Option<Instant> {
        let watched = self.outlet.loaded && !self.active.is_empty();
        watched.then(|| self.heard + limit)
    }

    /// The requests of a worker that died, those first that came first; those that must have been
    /// its death were told so.
    pub(super) fn survivors(&mut self) -> Vec<Ticket> {
        let was_loaded = self.outlet.loaded;
        let blamed = self.blamed();
        let active = std::mem::take(&mut self.active).into_values();
        let survivors = active.filter_map(|mut ticket| {
            let counts = was_loaded && blamed.contains(&ticket.id);
            ticket.survives_death(counts).then_some(ticket)
        });
        survivors.collect()
    }

    /// Against whom a death is counted: those the worker was doing something new for, else those
    /// it was writing, else all it had, so that no death can come again for ever.
    fn blamed(&self) -> Vec<u64> {
        let those = |may_be: fn(&Ticket) -> bool| -> Vec<u64> {
            let tickets = self.active.values();
            let found = tickets.filter(|ticket| may_be(ticket));
            found.map(|ticket| ticket.id).collect()
        };
        [Ticket::is_suspect, Ticket::is_running, |_: &Ticket| true]
            .map(those)
            .into_iter()
            .find(|ids| !ids.is_empty())
            .unwrap_or_default()
    }
}
