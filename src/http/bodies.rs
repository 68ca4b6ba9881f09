//! Reading the bodies of requests, whole and before any handler sees them: bounded in size and in
//! time each, and in size all together.
//!
//! Memory grows with what has come, not with what was announced. Strangers sign in and ask to be
//! let in, which takes kilobytes, and all of them together fill half of the room at most, so that
//! they keep out nobody who is known. Asked by `guard`, behind the check of the credential.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use poem::http::header::CONTENT_LENGTH;
use poem::{Body, Request};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::config::HttpConfig;
use crate::error::{Error, ErrorKind, Result};

/// Of who is not known: a reason of a thousand characters in its longest writing, and then some.
const STRANGERS_LIMIT_BYTES: usize = 32 * 1024;
/// Of a body that is refused, as much is still read so that its sender can hear so.
const PASSED_OVER_LIMIT_BYTES: usize = 16 * 1024 * 1024;
const PASSING_OVER_TIMEOUT: Duration = Duration::from_secs(3);
/// Who has sent nothing for so long has stopped sending.
const PASSING_OVER_QUIET: Duration = Duration::from_millis(500);
const PIECE_BYTES: usize = 16 * 1024;
/// The least by which memory grows.
const STEP_BYTES: usize = 1024;
const RETRY_AFTER_S: u32 = 2;

pub(super) struct Bodies {
    limit_bytes: usize,
    timeout: Duration,
    /// Of all that are being read.
    room_bytes: usize,
    taken_bytes: AtomicUsize,
}

impl Bodies {
    pub(super) fn new(config: &HttpConfig) -> Self {
        let least = least_room_bytes(config.body_limit_bytes);
        if config.bodies_limit_bytes < least {
            tracing::warn!(
                bodies_limit_bytes = config.bodies_limit_bytes,
                body_limit_bytes = config.body_limit_bytes,
                taken = least,
                "bodies_limit_bytes has no room for two bodies of body_limit_bytes and is taken for more"
            );
        }
        Self {
            limit_bytes: config.body_limit_bytes,
            timeout: Duration::from_millis(config.body_timeout_ms),
            room_bytes: config.bodies_limit_bytes.max(least),
            taken_bytes: AtomicUsize::new(0),
        }
    }

    /// `is_known`: the credential of this request is good.
    pub(super) async fn read(&self, request: &mut Request, is_known: bool) -> Result<Body> {
        let (limit_bytes, room_bytes) = match is_known {
            true => (self.limit_bytes, self.room_bytes),
            false => (
                self.limit_bytes.min(STRANGERS_LIMIT_BYTES),
                self.room_bytes / 2,
            ),
        };
        let declared: Option<usize> = request
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        if declared.is_some_and(|bytes| bytes > limit_bytes.saturating_add(PASSED_OVER_LIMIT_BYTES))
        {
            return Err(too_large(limit_bytes));
        }
        let body = request.take_body();
        if body.is_empty() {
            return Ok(body);
        }
        let mut reader = std::pin::pin!(body.into_async_read());
        let mut share = Share::new(&self.taken_bytes, room_bytes);
        let reading = read_whole(&mut reader, limit_bytes, &mut share);
        let read = tokio::time::timeout(self.timeout, reading).await;
        let read = read.unwrap_or_else(|_| {
            Err(Error::invalid(
                "the body of this request did not arrive in time",
            ))
        });
        match read {
            Ok(bytes) if bytes.len() <= limit_bytes => Ok(Body::from_vec(bytes)),
            refused => {
                drop(share);
                let error = refused.map_or_else(|error| error, |_| too_large(limit_bytes));
                pass_over_rest(reader).await;
                Err(error)
            }
        }
    }
}

/// With less, a body that is allowed would be refused also where nothing else is being read; with
/// as much it is not, though it be a stranger's.
fn least_room_bytes(limit_bytes: usize) -> usize {
    limit_bytes.saturating_add(1).saturating_mul(2)
}

/// At most one byte more than `limit_bytes`, in as much memory.
async fn read_whole(
    reader: impl AsyncRead + Unpin,
    limit_bytes: usize,
    share: &mut Share<'_>,
) -> Result<Vec<u8>> {
    let most_bytes = limit_bytes.saturating_add(1);
    let mut limited = reader.take(most_bytes as u64);
    let mut bytes = Vec::new();
    loop {
        if bytes.len() == bytes.capacity() {
            let more = (bytes.len() / 4).max(STEP_BYTES);
            let more = more.min(most_bytes - bytes.len());
            share.grow(more)?;
            bytes.reserve_exact(more);
        }
        let read = limited.read_buf(&mut bytes).await;
        let read = read.map_err(|_| Error::invalid("the body of this request broke off"))?;
        if read == 0 || bytes.len() == most_bytes {
            return Ok(bytes);
        }
    }
}

/// What one body has of the room, until it is dropped.
struct Share<'a> {
    taken_bytes: &'a AtomicUsize,
    room_bytes: usize,
    bytes: usize,
}

impl<'a> Share<'a> {
    fn new(taken_bytes: &'a AtomicUsize, room_bytes: usize) -> Self {
        Self {
            taken_bytes,
            room_bytes,
            bytes: 0,
        }
    }

    fn grow(&mut self, more: usize) -> Result<()> {
        let taken = self.taken_bytes.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        match taken.saturating_add(more) > self.room_bytes {
            true => Err(Error::overloaded(
                "too many requests are being read; try again in a moment",
                RETRY_AFTER_S,
            )),
            false => Ok(()),
        }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.taken_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

fn too_large(limit_bytes: usize) -> Error {
    Error::new(
        ErrorKind::PayloadTooLarge,
        "the body of this request is too large",
    )
    .with_details(serde_json::json!({ "limit_bytes": limit_bytes }))
}

/// A client that is still sending when the connection closes never reads why. So what little is
/// left is taken and thrown away; of much, or slowly, no more than is polite. Who has stopped sending
/// is not waited for.
pub(super) async fn pass_over_rest(rest: impl AsyncRead) {
    let mut rest = std::pin::pin!(rest.take(PASSED_OVER_LIMIT_BYTES as u64));
    let passing = async {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = tokio::time::timeout(PASSING_OVER_QUIET, rest.read(&mut piece));
            let Ok(Ok(1..)) = read.await else { return };
        }
    };
    // The answer is the same however this ends.
    let _ = tokio::time::timeout(PASSING_OVER_TIMEOUT, passing).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn memory_grows_with_what_came_and_is_given_back() {
        let taken = AtomicUsize::new(0);
        for length in [0, 1, 1023, 1024, 1025, 100_000] {
            let body = vec![7; length];
            let mut share = Share::new(&taken, usize::MAX);
            let bytes = read_whole(&body[..], 1 << 20, &mut share).await.unwrap();
            assert_eq!(bytes, body);
            assert!(bytes.capacity() <= length + length / 4 + 2 * STEP_BYTES);
            assert_eq!(taken.load(Ordering::Relaxed), bytes.capacity());
            drop(share);
            assert_eq!(taken.load(Ordering::Relaxed), 0);
        }
        let mut share = Share::new(&taken, usize::MAX);
        let bytes = read_whole(&[7; 3000][..], 2000, &mut share).await.unwrap();
        assert_eq!(bytes.len(), 2001, "one more tells that it is too large");
    }

    #[tokio::test]
    async fn however_small_the_room_is_said_to_be_each_body_that_is_allowed_has_room_in_it() {
        for limit_bytes in [0, 1, 1000, 1024, 1500, 33_000, 100_000] {
            let config = HttpConfig {
                body_limit_bytes: limit_bytes,
                bodies_limit_bytes: 0,
                ..HttpConfig::default()
            };
            let bodies = Bodies::new(&config);
            for is_known in [true, false] {
                let largest = match is_known {
                    true => limit_bytes,
                    false => limit_bytes.min(STRANGERS_LIMIT_BYTES),
                };
                let mut request = Request::builder().body(vec![7; largest]);
                let body = bodies.read(&mut request, is_known).await.unwrap();
                assert_eq!(body.into_vec().await.unwrap().len(), largest);
                let mut request = Request::builder().body(vec![7; largest + 1]);
                let error = bodies.read(&mut request, is_known).await.unwrap_err();
                assert_eq!(error.kind, ErrorKind::PayloadTooLarge);
            }
            assert_eq!(bodies.taken_bytes.load(Ordering::Relaxed), 0);
        }
    }

    #[tokio::test]
    async fn of_a_body_that_finds_no_room_the_rest_is_passed_over() {
        let config = HttpConfig {
            body_limit_bytes: 50_000,
            bodies_limit_bytes: 0,
            ..HttpConfig::default()
        };
        let bodies = Bodies::new(&config);
        let mut others = Share::new(&bodies.taken_bytes, usize::MAX);
        others.grow(90_000).unwrap();
        let (mut sending, arriving) = tokio::io::duplex(64);
        let mut request = Request::builder().body(Body::from_async_read(arriving));
        let sent = async move {
            let all_was_taken = sending.write_all(&[7; 40_000]).await;
            all_was_taken.unwrap();
        };
        let (refused, ()) = tokio::join!(bodies.read(&mut request, true), sent);
        assert_eq!(refused.unwrap_err().code(), "overloaded");
    }

    #[tokio::test]
    async fn where_there_is_no_room_one_waits() {
        let taken = AtomicUsize::new(0);
        let mut share = Share::new(&taken, 10_000);
        let error = read_whole(&[7; 20_000][..], 1 << 20, &mut share).await;
        assert_eq!(error.unwrap_err().code(), "overloaded");
        drop(share);
        assert_eq!(taken.load(Ordering::Relaxed), 0);
    }
}
