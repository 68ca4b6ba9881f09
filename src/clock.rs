//! The time, in the one form that is stored: milliseconds since 1970 in UTC. Any room may ask.

use jiff::Timestamp;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type UnixMs = i64;

pub fn now_ms() -> UnixMs {
    Timestamp::now().as_millisecond()
}

/// RFC 3339 in UTC with milliseconds, as times stand on the wire.
pub fn rfc3339(at_ms: UnixMs) -> String {
    match Timestamp::from_millisecond(at_ms) {
        Ok(timestamp) => format!("{timestamp:.3}"),
        Err(_) => Timestamp::UNIX_EPOCH.to_string(),
    }
}

/// The time of an RFC 3339 text; None when it is none.
pub fn parse_rfc3339(text: &str) -> Option<UnixMs> {
    let timestamp: Timestamp = text.trim().parse().ok()?;
    Some(timestamp.as_millisecond())
}
