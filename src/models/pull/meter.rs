//! How far a pull is. Counted by whoever downloads, read now and then by whoever shows it; nobody
//! waits for anybody.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The speed is that of the last so long.
const WINDOW: Duration = Duration::from_secs(8);
const MAX_SAMPLES: usize = 64;

/// Counts bytes. Shared between the connections of one pull.
#[derive(Default)]
pub struct Meter {
    done_bytes: AtomicU64,
    /// 0 while it is unknown.
    total_bytes: AtomicU64,
    /// Came over the network since the start, whether kept or not.
    received_bytes: AtomicU64,
    verifying: AtomicBool,
    samples: Mutex<VecDeque<(Instant, u64)>>,
}

/// How far a pull is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Everything has come and is compared with its checksum.
    pub verifying: bool,
    pub done_bytes: u64,
    /// None where the server does not say.
    pub total_bytes: Option<u64>,
    pub bytes_per_s: u64,
    pub eta_ms: Option<u64>,
}

impl Meter {
    pub(super) fn expect(&self, total_bytes: u64) {
        self.total_bytes.store(total_bytes, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: u64) {
        self.received_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.done_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What is done, counted anew: other files of this pull and what was there of this one.
    pub(super) fn start_at(&self, done_bytes: u64) {
        self.done_bytes.store(done_bytes, Ordering::Relaxed);
    }

    pub(super) fn verify(&self, verifying: bool) {
        self.verifying.store(verifying, Ordering::Relaxed);
    }

    /// Also takes a sample for the speed.
    pub fn progress(&self) -> Progress {
        self.progress_at(Instant::now())
    }

    fn progress_at(&self, now: Instant) -> Progress {
        let received = self.received_bytes.load(Ordering::Relaxed);
        let bytes_per_s = self.rate(now, received);
        let done_bytes = self.done_bytes.load(Ordering::Relaxed);
        let total = self.total_bytes.load(Ordering::Relaxed);
        let total_bytes = (total > 0).then_some(total);
        let left = total_bytes.map(|total| total.saturating_sub(done_bytes));
        let eta_ms = left
            .filter(|_| bytes_per_s > 0)
            .map(|left| left.saturating_mul(1000) / bytes_per_s);
        Progress {
            verifying: self.verifying.load(Ordering::Relaxed),
            done_bytes,
            total_bytes,
            bytes_per_s,
            eta_ms,
        }
    }

    fn rate(&self, now: Instant, received: u64) -> u64 {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push_back((now, received));
        while samples.len() > 2
            && (samples.len() > MAX_SAMPLES || now.duration_since(samples[0].0) > WINDOW)
        {
            samples.pop_front();
        }
        let (begun, before) = samples[0];
        let elapsed_ms = now.duration_since(begun).as_millis();
        let gained = u128::from(received.saturating_sub(before)) * 1000;
        let rate = gained.checked_div(elapsed_ms).unwrap_or(0);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_that_of_the_last_seconds_and_says_when_it_ends() {
        let (meter, begun) = (Meter::default(), Instant::now());
        meter.expect(100_000);
        meter.start_at(40_000);
        let first = meter.progress_at(begun);
        assert_eq!((first.bytes_per_s, first.eta_ms), (0, None));
        for second in 1..=10 {
            meter.received(1_000);
            let progress = meter.progress_at(begun + Duration::from_secs(second));
            assert_eq!(progress.bytes_per_s, 1_000);
            assert_eq!(progress.done_bytes, 40_000 + 1_000 * second);
        }
        let last = meter.progress_at(begun + Duration::from_secs(10));
        assert_eq!(last.eta_ms, Some(50_000));
        let later = meter.progress_at(begun + Duration::from_secs(100));
        assert!(later.bytes_per_s < 200, "what was long ago does not count");
    }
}
