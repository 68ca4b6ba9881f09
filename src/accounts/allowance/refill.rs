//! When accounts are refilled: at the beginning of each day, week or month in UTC, once.
//!
//! Pure. What was missed while the house was off, or before a schedule was changed, is not made up
//! for. A clock that goes back finds the period refilled already; an account that was refilled by a
//! clock far ahead is set back, so that it does not wait until then.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::{AllowanceRecord, Refill, RefillEvery};
use crate::clock::UnixMs;

fn date_of(at: UnixMs) -> Option<Date> {
    let at = Timestamp::from_millisecond(at).ok()?;
    Some(at.to_zoned(TimeZone::UTC).date())
}

fn midnight(date: Date) -> Option<UnixMs> {
    let zoned = date.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

/// The beginning of the period that `at` lies in; None: there are no periods.
fn period_start(every: RefillEvery, at: UnixMs) -> Option<UnixMs> {
    let date = date_of(at)?;
    let first = match every {
        RefillEvery::Never => return None,
        RefillEvery::Day => date,
        RefillEvery::Week => {
            let days = date.weekday().since(Weekday::Monday);
            date.checked_sub(jiff::Span::new().days(days)).ok()?
        }
        RefillEvery::Month => date.first_of_month(),
    };
    midnight(first)
}

/// The beginning of the next period.
pub(super) fn next_period(every: RefillEvery, at: UnixMs) -> Option<UnixMs> {
    let first = date_of(period_start(every, at)?)?;
    let span = jiff::Span::new();
    let span = match every {
        RefillEvery::Never => return None,
        RefillEvery::Day => span.days(1),
        RefillEvery::Week => span.days(7),
        RefillEvery::Month => span.months(1),
    };
    midnight(first.checked_add(span).ok()?)
}

/// How often an account is refilled, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    pub(super) refill: Refill,
    pub(super) since: UnixMs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// A period has begun since the account was last refilled, or opened.
    Refill,
    /// It was last refilled more than a period from now.
    SetBack,
}

pub(super) fn due(schedule: &Schedule, account: &AllowanceRecord, now: UnixMs) -> Option<Due> {
    let every = schedule.refill.every;
    let (begun, next) = (period_start(every, now)?, next_period(every, now)?);
    let is_far_ahead = |at: UnixMs| at.saturating_sub(now) > next - begun;
    if account.unlimited {
        return None;
    }
    if is_far_ahead(account.refilled_at) {
        return Some(Due::SetBack);
    }
    let is_changed = schedule.since >= begun && !is_far_ahead(schedule.since);
    (begun > account.refilled_at && !is_changed).then_some(Due::Refill)
}

/// What a refill adds.
pub(super) fn amount_due(refill: &Refill, account: &AllowanceRecord) -> i64 {
    match refill.up_to {
        false => refill.amount,
        true => (refill.amount - account.balance - account.reserved).max(0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::rfc3339;

    fn ms(text: &str) -> UnixMs {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn periods_begin_where_calendars_say() {
        for (every, at, start, next) in [
            (
                RefillEvery::Day,
                "2026-11-21T23:59:59Z",
                "2026-11-21T00:00:00Z",
                "2026-11-22T00:00:00Z",
            ),
            (
                RefillEvery::Week,
                "2026-11-22T12:00:00Z",
                "2026-11-16T00:00:00Z",
                "2026-11-23T00:00:00Z",
            ),
            (
                RefillEvery::Week,
                "2026-11-23T00:00:00Z",
                "2026-11-23T00:00:00Z",
                "2026-11-30T00:00:00Z",
            ),
            (
                RefillEvery::Week,
                "2027-01-01T00:00:00Z",
                "2026-12-28T00:00:00Z",
                "2027-01-04T00:00:00Z",
            ),
            (
                RefillEvery::Month,
                "2028-02-29T01:00:00Z",
                "2028-02-01T00:00:00Z",
                "2028-03-01T00:00:00Z",
            ),
            (
                RefillEvery::Month,
                "2026-12-31T23:00:00Z",
                "2026-12-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
        ] {
            assert_eq!(period_start(every, ms(at)), Some(ms(start)), "{at}");
            assert_eq!(next_period(every, ms(at)), Some(ms(next)), "{at}");
        }
        assert_eq!(period_start(RefillEvery::Never, 0), None);
    }

    fn due_at(every: RefillEvery, refilled_at: &str, since: &str, now: &str) -> Option<Due> {
        let refill = Refill {
            every,
            ..Refill::default()
        };
        let schedule = Schedule {
            refill,
            since: ms(since),
        };
        let account = AllowanceRecord::opened(1, ms(refilled_at));
        due(&schedule, &account, ms(now))
    }

    #[test]
    fn a_schedule_counts_from_when_it_was_changed() {
        let due = |now| {
            let (opened, changed) = ("2026-11-01T12:00:00Z", "2026-11-18T12:00:00Z");
            due_at(RefillEvery::Week, opened, changed, now)
        };
        assert_eq!(due("2026-11-18T12:00:01Z"), None);
        assert_eq!(due("2026-11-22T23:59:59Z"), None);
        assert_eq!(due("2026-11-23T00:00:00Z"), Some(Due::Refill));
    }

    #[test]
    fn a_clock_that_was_far_ahead_blocks_no_refill() {
        let due = |refilled_at| {
            let (changed, now) = ("2026-01-01T00:00:00Z", "2026-11-22T12:00:00Z");
            due_at(RefillEvery::Day, refilled_at, changed, now)
        };
        assert_eq!(due("2031-01-01T00:00:00Z"), Some(Due::SetBack));
        assert_eq!(due("2026-11-23T12:00:00.001Z"), Some(Due::SetBack));
        assert_eq!(due("2026-11-23T11:00:00Z"), None, "less than a day");
        assert_eq!(due("2026-11-21T11:00:00Z"), Some(Due::Refill));
        let (past, ahead, now) = (
            "2026-11-20T00:00:00Z",
            "2031-01-01T00:00:00Z",
            "2026-11-22T12:00:00Z",
        );
        let due = due_at(RefillEvery::Day, past, ahead, now);
        assert_eq!(due, Some(Due::Refill), "changed by a clock far ahead");
    }

    proptest! {
        #[test]
        fn a_moment_lies_in_its_period(at in 0..4_102_444_800_000_i64, every in 0..3) {
            let every = [RefillEvery::Day, RefillEvery::Week, RefillEvery::Month][every as usize];
            let (start, next) = (period_start(every, at).unwrap(), next_period(every, at).unwrap());
            prop_assert!(start <= at && at < next, "{} {}", rfc3339(start), rfc3339(next));
            prop_assert_eq!(period_start(every, next - 1), Some(start));
            prop_assert_eq!(period_start(every, next), Some(next));
        }
    }
}
