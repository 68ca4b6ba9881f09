//! Tells a slow connection from one that is dead, or kept open by a trickle. Each stretch of time is
//! judged by itself, so a good start excuses nothing.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use tokio::time::{Instant, timeout_at};

use super::failure::Failure;

/// A connection that brings less in the time of a stall is as good as dead.
const MIN_PACE_BYTES: u64 = 4 << 10;

pub(super) struct Pace {
    window: Duration,
    ends: Instant,
    bytes: u64,
}

impl Pace {
    pub(super) fn new(window: Duration) -> Self {
        Self {
            window,
            ends: Instant::now() + window,
            bytes: 0,
        }
    }

    pub(super) async fn next_chunk(
        &mut self,
        response: &mut Response,
    ) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Ok(chunk) = timeout_at(self.ends, response.chunk()).await {
                let chunk = chunk.map_err(Failure::of_request)?;
                self.bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
                return Ok(chunk);
            }
            if self.bytes < MIN_PACE_BYTES {
                return Err(Failure::passing("the server has fallen silent"));
            }
            *self = Self::new(self.window);
        }
    }
}
