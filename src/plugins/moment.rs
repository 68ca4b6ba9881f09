//! A moment as scripts see it: its parts in a time zone.

use jiff::Zoned;
use serde_json::{Value, json};

pub(super) fn moment_of(at: &Zoned) -> Value {
    let offset = at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    json!({
        "unix_ms": at.timestamp().as_millisecond(),
        "year": at.year(),
        "month": at.month(),
        "day": at.day(),
        "hour": at.hour(),
        "minute": at.minute(),
        "weekday": at.weekday().to_monday_one_offset(),
        "time_zone": at.time_zone().iana_name().unwrap_or("Etc/Unknown"),
        "iso": offset,
    })
}
