//! When accounts are refilled: at the beginning of each day, week or month in UTC, once.
//!
//! Pure. What was missed while the house was off is not made up for, and a clock that goes back
//! finds the period refilled already.

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

/// Whether a period has begun since the account was last refilled, or opened.
pub(super) fn is_due(refill: &Refill, account: &AllowanceRecord, now: UnixMs) -> bool {
    let begun = period_start(refill.every, now);
    !account.unlimited && begun.is_some_and(|begun| begun > account.refilled_at)
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
