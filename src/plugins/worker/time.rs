//! Time for scripts: a moment is an integer of milliseconds, and its parts are read in a time zone.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use rhai::{Dynamic, INT};

use super::values;
use crate::plugins::moment::moment_of;

pub(super) fn time_parse(text: &str) -> Result<INT, String> {
    let parsed: Result<Timestamp, _> = text.trim().parse();
    let zoned = || text.trim().parse::<Zoned>().map(|zoned| zoned.timestamp());
    let moment = parsed.or_else(|_| zoned());
    let moment = moment
        .map_err(|_| "this is no time; it looks like 2026-11-23T09:00:00+01:00".to_owned())?;
    Ok(moment.as_millisecond())
}

pub(super) fn time_in(unix_ms: INT, time_zone: &str) -> Result<Dynamic, String> {
    let zone = TimeZone::get(time_zone);
    let zone = zone.map_err(|_| format!("there is no time zone {time_zone:?}"))?;
    let timestamp = timestamp(unix_ms)?;
    values::parse(&moment_of(&timestamp.to_zoned(zone)).to_string())
}

pub(super) fn time_write(unix_ms: INT) -> Result<String, String> {
    Ok(timestamp(unix_ms)?.to_string())
}

fn timestamp(unix_ms: INT) -> Result<Timestamp, String> {
    Timestamp::from_millisecond(unix_ms).map_err(|_| "this is no time: it is out of range".into())
}
