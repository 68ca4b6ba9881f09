//! The addresses of one source: how each is doing, and which one takes a request.
//!
//! A request goes where requests with the same beginning went before, so that the server need not
//! read that beginning again, unless that address has clearly more to do than another; then to
//! whichever has least. No clock and no network here: the time is handed in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::super::EngineError;
use super::failure::{Failure, Mark};
use super::listing::ListedModel;

/// Answers that were no good before an address counts as failing; nobody answering counts at once.
const FAILURES_ALLOWED: u32 = 2;
/// So many more requests under way than elsewhere are worth more than a warm beginning.
const LEAD_ALLOWED: u32 = 4;
const MAX_WARM: usize = 4096;
const SHORTEST_REST: Duration = Duration::from_millis(250);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// Nobody has asked yet.
    Unknown,
    Healthy,
    Failing(Trouble),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// For everybody who looks at the model.
    pub(super) reason: String,
    /// For administrators.
    pub(super) detail: String,
}

impl Trouble {
    pub(super) fn of(failure: &Failure) -> Self {
        let reason = match &failure.error {
            EngineError::ModelUnusable(reason) => reason.clone(),
            other => other.to_string(),
        };
        let detail = failure.detail.clone();
        Self { reason, detail }
    }

    /// For administrators.
    pub(super) fn in_full(&self) -> String {
        format!("{} ({})", self.reason, self.detail)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) base: String,
    pub(super) condition: Condition,
    pub(super) running: u32,
    /// Of the last look at its models.
    pub(super) latency_ms: Option<u64>,
    /// What it listed when it was last asked; None when it lists nothing.
    pub(super) models: Option<Arc<[ListedModel]>>,
    rest_until: Option<Instant>,
    failures: u32,
}

impl Address {
    fn rests(&self, now: Instant) -> Option<Instant> {
        self.rest_until.filter(|until| *until > now)
    }

    fn is_failing(&self) -> bool {
        matches!(self.condition, Condition::Failing(_))
    }
}

pub(super) struct Addresses {
    state: Mutex<State>,
    /// One for each address: it has just begun to fail and should be looked at.
    pub(super) doubts: Vec<Notify>,
    /// Only what an address lists is asked of it.
    by_list: bool,
}

struct State {
    addresses: Vec<Address>,
    warm: HashMap<u64, Warm>,
    uses: u64,
}

struct Warm {
    index: usize,
    used: u64,
}

pub(super) enum Pick {
    Use(Place),
    /// The first that might take it is busy until then.
    Rest(Instant),
    Nobody,
}

/// One request at one address; dropping it says that it is over.
pub(super) struct Place {
    addresses: Arc<Addresses>,
    pub(super) index: usize,
    pub(super) base: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.addresses.state();
        let running = &mut state.addresses[self.index].running;
        *running = running.saturating_sub(1);
    }
}

impl Addresses {
    pub(super) fn new(bases: &[String], by_list: bool) -> Arc<Self> {
        let address = |base: &String| Address {
            base: base.clone(),
            condition: Condition::Unknown,
            running: 0,
            latency_ms: None,
            models: None,
            rest_until: None,
            failures: 0,
        };
        Arc::new(Self {
            state: Mutex::new(State {
                addresses: bases.iter().map(address).collect(),
                warm: HashMap::new(),
                uses: 0,
            }),
            doubts: bases.iter().map(|_| Notify::new()).collect(),
            by_list,
        })
    }

    /// No holder leaves something half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As they are now.
    pub(super) fn list(&self) -> Vec<Address> {
        self.state().addresses.clone()
    }

    /// Whether this model is asked for at that address.
    pub(super) fn serves(&self, address: &Address, model: &str) -> bool {
        let lists = |models: &Arc<[ListedModel]>| models.iter().any(|listed| listed.id == model);
        !self.by_list || address.models.as_ref().is_some_and(lists)
    }

    /// What that address says of a model.
    pub(super) fn find_listed(&self, index: usize, model: &str) -> Option<ListedModel> {
        let state = self.state();
        let models = state.addresses[index].models.as_ref()?;
        models.iter().find(|listed| listed.id == model).cloned()
    }

    /// `beginning` stands for how the request begins. Who was `tried` is not asked again; a rest
    /// longer than `patience` is not waited for.
    pub(super) fn pick(
        self: &Arc<Self>,
        model: &str,
        beginning: u64,
        tried: &[usize],
        now: Instant,
        patience: Duration,
    ) -> Pick {
        let mut state = self.state();
        let able: Vec<usize> = (0..state.addresses.len())
            .filter(|index| !tried.contains(index))
            .filter(|index| self.serves(&state.addresses[*index], model))
            .collect();
        let address = |index: &usize| &state.addresses[*index];
        let rest = able.iter().filter_map(|index| address(index).rests(now));
        let rest = rest.min().filter(|until| *until <= now + patience);
        let awake = able
            .iter()
            .filter(|index| address(index).rests(now).is_none());
        let (failing, open): (Vec<usize>, Vec<usize>) =
            awake.partition(|index| address(index).is_failing());
        let index = match (state.choose(&open, beginning), rest) {
            (Some(index), _) => index,
            (None, Some(until)) => return Pick::Rest(until),
            // It may be back before anybody has looked.
            (None, None) => match failing.first() {
                Some(index) => *index,
                None => return Pick::Nobody,
            },
        };
        let chosen = &mut state.addresses[index];
        chosen.running += 1;
        Pick::Use(Place {
            base: chosen.base.clone(),
            addresses: Arc::clone(self),
            index,
        })
    }

    /// A request went well there.
    pub(super) fn praise(&self, index: usize) {
        let mut state = self.state();
        let address = &mut state.addresses[index];
        address.failures = 0;
        address.rest_until = None;
        address.condition = Condition::Healthy;
    }

    /// A request went wrong there.
    pub(super) fn mark(&self, index: usize, mark: Mark, trouble: Trouble, now: Instant) {
        let mut state = self.state();
        let address = &mut state.addresses[index];
        if let Mark::Busy(rest) = mark {
            address.rest_until = Some(now + rest.max(SHORTEST_REST));
            return;
        }
        address.failures = address.failures.saturating_add(1);
        let fails = mark == Mark::Away || address.failures > FAILURES_ALLOWED;
        if fails {
            let news = !address.is_failing();
            address.condition = Condition::Failing(trouble);
            if news {
                self.doubts[index].notify_one();
            }
        }
    }

    /// It was looked at and is well.
    pub(super) fn found_well(
        &self,
        index: usize,
        models: Option<Vec<ListedModel>>,
        latency: Duration,
    ) {
        let mut state = self.state();
        let address = &mut state.addresses[index];
        address.condition = Condition::Healthy;
        address.failures = 0;
        address.latency_ms = u64::try_from(latency.as_millis()).ok();
        address.models = models.map(Arc::from);
    }

    /// It was looked at and is not well. A server that only takes its time while it has work is.
    pub(super) fn found_failing(&self, index: usize, trouble: Trouble, only_slow: bool) {
        let mut state = self.state();
        let address = &mut state.addresses[index];
        if only_slow && address.running > 0 {
            return;
        }
        address.condition = Condition::Failing(trouble);
        address.latency_ms = None;
    }
}

impl State {
    fn choose(&mut self, open: &[usize], beginning: u64) -> Option<usize> {
        let running = |index: usize| self.addresses[index].running;
        let least = open.iter().copied().min_by_key(|index| running(*index))?;
        let warm = self.warm.get(&beginning).map(|warm| warm.index);
        let index = warm
            .filter(|index| open.contains(index))
            .filter(|index| running(*index) < running(least) + LEAD_ALLOWED)
            .unwrap_or(least);
        self.uses += 1;
        if self.warm.len() >= MAX_WARM && !self.warm.contains_key(&beginning) {
            let oldest = self.warm.iter().min_by_key(|(_, warm)| warm.used);
            if let Some(oldest) = oldest.map(|(beginning, _)| *beginning) {
                self.warm.remove(&oldest);
            }
        }
        let used = self.uses;
        self.warm.insert(beginning, Warm { index, used });
        Some(index)
    }
}

#[cfg(test)]
#[path = "addresses_tests.rs"]
mod tests;
