//! How failures are counted, forgiven and turned into delays; pure, and bounded in memory.
//!
//! An attempt is charged as a failure before the secret is compared, and the charge given back when
//! it was none: of many attempts at once no more go through than one after the other. Used by
//! `throttle` alone.

use std::collections::HashMap;

use crate::clock::UnixMs;
use crate::secrets::SecretHash;
use crate::store::attempts::AttemptsRecord;

const SECOND_MS: UnixMs = 1000;
const MINUTE_MS: UnixMs = 60 * SECOND_MS;
const HOUR_MS: UnixMs = 60 * MINUTE_MS;
const DAY_MS: UnixMs = 24 * HOUR_MS;
/// How long somebody who came in stays known there.
const KNOWN_MS: UnixMs = 30 * DAY_MS;
const RECORDS_LIMIT: usize = 20_000;

/// What many failures of one kind lead to.
#[derive(Debug)]
pub(super) struct Rule {
    /// So many cost nothing.
    free: u32,
    /// Doubles with each failure.
    first_delay_ms: UnixMs,
    longest_delay_ms: UnixMs,
    forgiven_every_ms: UnixMs,
}

/// A guess at one account from one place.
pub(super) const ACCOUNT_FROM_PLACE: Rule = Rule {
    free: 5,
    first_delay_ms: 5 * SECOND_MS,
    longest_delay_ms: 15 * MINUTE_MS,
    forgiven_every_ms: HOUR_MS,
};
/// A guess at a long secret that is nobody's account; people of one place share this.
pub(super) const SECRET_FROM_PLACE: Rule = Rule {
    free: 10,
    first_delay_ms: 5 * SECOND_MS,
    longest_delay_ms: MINUTE_MS,
    forgiven_every_ms: MINUTE_MS,
};
/// Guesses from one place at anything.
pub(super) const PLACE: Rule = Rule {
    free: 30,
    first_delay_ms: 5 * SECOND_MS,
    longest_delay_ms: 5 * MINUTE_MS,
    forgiven_every_ms: MINUTE_MS,
};
/// Guesses at one login from anywhere: short, because whoever wants to can cause it.
pub(super) const LOGIN: Rule = Rule {
    free: 50,
    first_delay_ms: SECOND_MS,
    longest_delay_ms: 30 * SECOND_MS,
    forgiven_every_ms: MINUTE_MS,
};
/// Guesses at secrets of 256 random bits: this only saves work.
pub(super) const CREDENTIALS: Rule = Rule {
    free: 30,
    first_delay_ms: 5 * SECOND_MS,
    longest_delay_ms: MINUTE_MS,
    forgiven_every_ms: MINUTE_MS,
};

impl Rule {
    fn delay_ms(&self, failures: u32) -> UnixMs {
        match failures.checked_sub(self.free) {
            None => 0,
            Some(over) => {
                let doubled = self.first_delay_ms << over.min(20);
                doubled.min(self.longest_delay_ms)
            }
        }
    }

    /// More failures change nothing.
    fn most_failures(&self) -> u32 {
        let doublings = self.longest_delay_ms / self.first_delay_ms;
        self.free + 64 - doublings.leading_zeros()
    }

    fn forgive(&self, record: &mut AttemptsRecord, now: UnixMs) {
        let passed = (now - record.counted_at).max(0) / self.forgiven_every_ms;
        let forgiven = u32::try_from(passed).unwrap_or(u32::MAX);
        record.failures = record.failures.saturating_sub(forgiven);
        record.counted_at += passed * self.forgiven_every_ms;
        if record.failures == 0 || record.counted_at > now {
            record.counted_at = now;
        }
    }

    fn charge(&self, record: &mut AttemptsRecord, now: UnixMs) {
        self.forgive(record, now);
        record.failures = (record.failures + 1).min(self.most_failures());
        record.delayed_until = now + self.delay_ms(record.failures);
        self.note_end(record);
    }

    fn give_back(&self, record: &mut AttemptsRecord, charges: u32) {
        record.failures = record.failures.saturating_sub(charges);
        if record.failures < self.free {
            record.delayed_until = 0;
        }
        self.note_end(record);
    }

    fn note_end(&self, record: &mut AttemptsRecord) {
        let forgiven_at =
            record.counted_at + UnixMs::from(record.failures) * self.forgiven_every_ms;
        record.stale_at = forgiven_at.max(record.known_until);
    }

    /// A clock that was set back makes nobody wait longer than the rule says.
    fn wait_ms(&self, record: &AttemptsRecord, now: UnixMs) -> UnixMs {
        (record.delayed_until - now).clamp(0, self.longest_delay_ms)
    }
}

/// Under which hash a rule counts.
pub(super) type Counted = (SecretHash, &'static Rule);

#[derive(Default)]
pub(super) struct Counts {
    records: HashMap<SecretHash, AttemptsRecord>,
    /// Gone from here and not yet from the store.
    dropped: Vec<SecretHash>,
    swept_at: UnixMs,
}

impl Counts {
    pub(super) fn restore(&mut self, rows: Vec<(SecretHash, AttemptsRecord)>) {
        self.records.extend(rows);
    }

    pub(super) fn is_known(&self, hash: &SecretHash, now: UnixMs) -> bool {
        let record = self.records.get(hash);
        record.is_some_and(|record| record.known_until > now)
    }

    /// Charges all, or none: the error is how long to wait.
    pub(super) fn charge(&mut self, counted: &[Counted], now: UnixMs) -> Result<(), UnixMs> {
        let waits = counted.iter().filter_map(|(hash, rule)| {
            let record = self.records.get(hash)?;
            Some(rule.wait_ms(record, now))
        });
        let wait = waits.max().unwrap_or(0);
        if wait > 0 {
            return Err(wait);
        }
        if self.records.len() + counted.len() > RECORDS_LIMIT || now - self.swept_at > HOUR_MS {
            self.sweep(now);
        }
        for (hash, rule) in counted {
            let record = self.records.entry(*hash).or_insert(AttemptsRecord {
                failures: 0,
                counted_at: now,
                delayed_until: 0,
                known_until: 0,
                stale_at: now,
            });
            rule.charge(record, now);
        }
        Ok(())
    }

    pub(super) fn give_back(&mut self, counted: &[Counted]) {
        for (hash, rule) in counted {
            self.change(hash, |record| rule.give_back(record, 1));
        }
    }

    /// Whoever comes in has all their failures there forgiven, also where they count elsewhere.
    pub(super) fn forgive(&mut self, own: &Counted, others: &[Counted], known: bool, now: UnixMs) {
        let (hash, rule) = own;
        let charges = self.records.get(hash).map_or(1, |record| record.failures);
        self.change(hash, |record| {
            rule.give_back(record, record.failures);
            if known {
                record.known_until = now + KNOWN_MS;
                record.stale_at = record.known_until;
            }
        });
        for (hash, rule) in others {
            self.change(hash, |record| rule.give_back(record, charges));
        }
    }

    fn change(&mut self, hash: &SecretHash, change: impl FnOnce(&mut AttemptsRecord)) {
        if let Some(record) = self.records.get_mut(hash) {
            change(record);
            if record.failures == 0 && record.known_until == 0 {
                self.records.remove(hash);
            }
        }
    }

    /// What the store should hold of these now, and of what was dropped; None: nothing.
    pub(super) fn take_changes(
        &mut self,
        counted: &[Counted],
    ) -> Vec<(SecretHash, Option<AttemptsRecord>)> {
        let dropped = std::mem::take(&mut self.dropped);
        let hashes = counted.iter().map(|(hash, _)| *hash).chain(dropped);
        hashes
            .map(|hash| (hash, self.records.get(&hash).copied()))
            .collect()
    }

    fn sweep(&mut self, now: UnixMs) {
        self.swept_at = now;
        let mut border = now;
        let living = self.records.values().filter(|it| it.stale_at > now);
        let mut ends: Vec<UnixMs> = living.map(|record| record.stale_at).collect();
        if ends.len() > RECORDS_LIMIT * 3 / 4 {
            let middle = ends.len() / 2;
            border = *ends.select_nth_unstable(middle).1;
        }
        let dropped = self
            .records
            .extract_if(|_, record| record.stale_at <= border);
        self.dropped.extend(dropped.map(|(hash, _)| hash));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = 1_800_000_000_000;
    const KEY: SecretHash = [7; 32];

    fn waits(counts: &mut Counts, counted: &[Counted], now: UnixMs) -> UnixMs {
        counts.charge(counted, now).err().unwrap_or(0)
    }

    #[test]
    fn five_failures_are_free_and_then_delays_double_to_a_quarter_of_an_hour() {
        let (mut counts, key) = (Counts::default(), [(KEY, &ACCOUNT_FROM_PLACE)]);
        let mut now = NOW;
        for _ in 0..5 {
            assert_eq!(waits(&mut counts, &key, now), 0);
        }
        let mut delays = Vec::new();
        for _ in 0..11 {
            let wait = waits(&mut counts, &key, now);
            delays.push(wait / SECOND_MS);
            assert_eq!(
                waits(&mut counts, &key, now + wait - 1),
                1,
                "asking costs nothing"
            );
            now += wait;
            assert_eq!(waits(&mut counts, &key, now), 0);
        }
        assert_eq!(delays, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]);
    }

    #[test]
    fn failures_are_forgiven_one_by_one() {
        let (mut counts, key) = (Counts::default(), [(KEY, &ACCOUNT_FROM_PLACE)]);
        for _ in 0..5 {
            counts.charge(&key, NOW).unwrap();
        }
        assert_eq!(
            waits(&mut counts, &key, NOW + HOUR_MS),
            0,
            "four are left, and this"
        );
        assert!(waits(&mut counts, &key, NOW + HOUR_MS) > 0);
        let day = NOW + DAY_MS;
        for _ in 0..5 {
            assert_eq!(waits(&mut counts, &key, day), 0);
        }
    }

    #[test]
    fn of_many_attempts_at_once_no_more_go_through_than_one_after_the_other() {
        let (mut counts, key) = (Counts::default(), [(KEY, &ACCOUNT_FROM_PLACE)]);
        let through = (0..1000).filter(|_| counts.charge(&key, NOW).is_ok());
        assert_eq!(through.count(), 5);
    }

    #[test]
    fn what_was_no_failure_leaves_nothing() {
        let (mut counts, key) = (Counts::default(), [(KEY, &PLACE)]);
        for _ in 0..1000 {
            counts.charge(&key, NOW).unwrap();
            counts.give_back(&key);
        }
        assert!(counts.records.is_empty());
    }

    #[test]
    fn coming_in_forgives_ones_own_failures_and_nobody_elses() {
        let mut counts = Counts::default();
        let login = ([1; 32], &LOGIN);
        let (here, there) = (
            ([2; 32], &ACCOUNT_FROM_PLACE),
            ([3; 32], &ACCOUNT_FROM_PLACE),
        );
        for _ in 0..4 {
            counts.charge(&[here, login], NOW).unwrap();
            counts.charge(&[there, login], NOW).unwrap();
        }
        counts.forgive(&here, &[login], true, NOW);
        assert_eq!(counts.records[&login.0].failures, 4);
        assert_eq!(counts.records[&there.0].failures, 4);
        assert_eq!(counts.records[&here.0].failures, 0);
        assert!(counts.is_known(&here.0, NOW + DAY_MS));
        assert!(!counts.is_known(&here.0, NOW + KNOWN_MS));
        assert!(!counts.is_known(&there.0, NOW));
    }

    #[test]
    fn a_login_is_delayed_for_half_a_minute_at_most() {
        let (mut counts, key) = (Counts::default(), [(KEY, &LOGIN)]);
        let (mut now, mut longest) = (NOW, 0);
        for _ in 0..500 {
            let wait = waits(&mut counts, &key, now);
            longest = longest.max(wait);
            now += wait;
        }
        assert_eq!(longest, 30 * SECOND_MS);
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_out() {
        let (mut counts, key) = (Counts::default(), [(KEY, &ACCOUNT_FROM_PLACE)]);
        while counts.charge(&key, NOW).is_ok() {}
        let earlier = NOW - 365 * DAY_MS;
        let wait = waits(&mut counts, &key, earlier);
        assert!(wait <= ACCOUNT_FROM_PLACE.longest_delay_ms);
    }

    #[test]
    fn memory_is_bounded_and_what_goes_is_what_says_least() {
        let mut counts = Counts::default();
        let guessed = [([255; 32], &ACCOUNT_FROM_PLACE)];
        while counts.charge(&guessed, NOW).is_ok() {}
        let mut stored = std::collections::HashSet::new();
        for number in 0..3 * RECORDS_LIMIT {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_le_bytes());
            counts.charge(&[(hash, &PLACE)], NOW).unwrap();
            for (hash, record) in counts.take_changes(&[(hash, &PLACE)]) {
                match record {
                    Some(_) => drop(stored.insert(hash)),
                    None => drop(stored.remove(&hash)),
                }
            }
            assert!(counts.records.len() <= RECORDS_LIMIT);
        }
        assert!(stored.len() <= RECORDS_LIMIT, "the store follows");
        counts.charge(&guessed, NOW).unwrap_err();
    }
}
