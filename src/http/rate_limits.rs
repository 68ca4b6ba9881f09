//! How often one may ask: an account, and an address of which no account is known.
//!
//! Each has a bucket that holds a fifth of a minute's requests and fills evenly (GCRA: one instant a
//! key says all). Memory is bounded: when there are too many keys, those that asked least go, so
//! that nobody who is limited gets free by making others ask. Asked by `guard` alone.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::LimitsConfig;
use crate::error::{Error, Reason, Result};
use crate::ids::UserId;

const KEYS_LIMIT: usize = 65_536;
const MINUTE: Duration = Duration::from_secs(60);
/// The part of a minute's requests that may come at once.
const BURST_PART: u32 = 5;

pub(super) struct RateLimits {
    accounts: Option<RateLimit<UserId>>,
    networks: Option<RateLimit<IpAddr>>,
}

impl RateLimits {
    pub(super) fn new(config: &LimitsConfig) -> Self {
        Self {
            accounts: RateLimit::new(config.requests_per_minute),
            networks: RateLimit::new(config.anonymous_requests_per_minute),
        }
    }

    pub(super) fn take_for_account(&self, user_id: UserId) -> Result<()> {
        take(self.accounts.as_ref(), user_id)
    }

    /// `network` is what somebody cannot easily change of their address.
    pub(super) fn take_for_network(&self, network: IpAddr) -> Result<()> {
        take(self.networks.as_ref(), network)
    }
}

fn take<K: Copy + Eq + Hash>(limit: Option<&RateLimit<K>>, key: K) -> Result<()> {
    let taken = limit.map_or(Ok(()), |limit| limit.take(key, Instant::now()));
    taken.map_err(|wait| {
        let wait_s = wait.as_secs_f64().ceil().clamp(1.0, 60.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is 1 to 60"
        )]
        Error::rate_limited(
            "too many requests came from you; wait a moment",
            wait_s as u32,
        )
        .with_reason(Reason::TooManyRequests)
    })
}

struct RateLimit<K> {
    interval: Duration,
    /// How far a key may be ahead of its time.
    tolerance: Duration,
    /// When the bucket of a key is full again.
    full_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Copy + Eq + Hash> RateLimit<K> {
    /// None: 0, no limit.
    fn new(per_minute: u32) -> Option<Self> {
        let interval = MINUTE.checked_div(per_minute)?;
        let burst = (per_minute / BURST_PART).max(1);
        Some(Self {
            interval,
            tolerance: interval * (burst - 1),
            full_at: Mutex::default(),
        })
    }

    /// The error is how long to wait; waiting costs nothing.
    fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full = full_at.get(&key).map_or(now, |&full| full.max(now));
        if full > now + self.tolerance {
            return Err(full - now - self.tolerance);
        }
        if full_at.len() >= KEYS_LIMIT && !full_at.contains_key(&key) {
            make_room(&mut full_at, now);
        }
        full_at.insert(key, full + self.interval);
        Ok(())
    }
}

/// Seldom: each time a good part of all goes.
fn make_room<K: Copy + Eq + Hash>(full_at: &mut HashMap<K, Instant>, now: Instant) {
    full_at.retain(|_, full| *full > now);
    if full_at.len() <= KEYS_LIMIT / 2 {
        return;
    }
    let mut instants: Vec<Instant> = full_at.values().copied().collect();
    let (_, median, _) = instants.select_nth_unstable(full_at.len() / 2);
    let median = *median;
    full_at.retain(|_, full| *full > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_fifth_of_a_minute_may_come_at_once_and_then_evenly() {
        let limit = RateLimit::new(60).unwrap();
        let start = Instant::now();
        for _ in 0..12 {
            limit.take("ada", start).unwrap();
        }
        assert_eq!(limit.take("ada", start), Err(SECOND));
        assert_eq!(limit.take("ada", start + SECOND / 2), Err(SECOND / 2));
        limit.take("ada", start + SECOND).unwrap();
        limit.take("ada", start + SECOND).unwrap_err();
        limit.take("bob", start).unwrap();
        for _ in 0..12 {
            limit.take("ada", start + MINUTE).unwrap();
        }
        limit.take("ada", start + MINUTE).unwrap_err();
    }

    #[test]
    fn in_the_long_run_no_more_come_than_the_limit() {
        let limit = RateLimit::new(300).unwrap();
        let start = Instant::now();
        let tries = (0..600_u32).map(|tenth| start + SECOND / 10 * tenth);
        let taken = tries
            .flat_map(|now| [now; 9])
            .filter(|&now| limit.take((), now).is_ok());
        let taken = taken.count();
        assert!((300..=361).contains(&taken), "{taken}");
    }

    #[test]
    fn none_is_no_limit_and_one_is_one() {
        assert!(RateLimit::<()>::new(0).is_none());
        let (limit, start) = (RateLimit::new(1).unwrap(), Instant::now());
        limit.take((), start).unwrap();
        assert_eq!(limit.take((), start), Err(MINUTE));
    }

    #[test]
    fn many_keys_take_bounded_memory_and_free_nobody_who_is_limited() {
        let limit = RateLimit::new(60).unwrap();
        let start = Instant::now();
        while limit.take(usize::MAX, start).is_ok() {}
        for key in 0..3 * KEYS_LIMIT {
            limit.take(key, start).unwrap();
        }
        assert!(limit.full_at.lock().unwrap().len() <= KEYS_LIMIT);
        limit.take(usize::MAX, start).unwrap_err();
    }
}
