//! The bodies of uploads, which are too large to be read before their handler is asked.
//!
//! Everything else is read whole by `guard`. Here a body comes as it is read; whoever reads it bounds
//! how much, and this how long nothing may come. What a handler leaves is passed over by `guard`, so
//! that a client that is still sending hears why it was refused.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use poem::http::Method;
use poem::http::header::{CONTENT_LENGTH, EXPECT};
use poem::{Body, Request};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep};

/// The operations that take such a body.
const STREAMED: &[(Method, &str)] = &[(Method::POST, "/api/v1/admin/adapters")];

pub(super) fn is_streamed(request: &Request) -> bool {
    let path = request.uri().path();
    let matches =
        |(method, streamed): &&(Method, &str)| request.method() == *method && path == *streamed;
    STREAMED.iter().find(matches).is_some()
}

/// How much the client says it sends.
pub(super) fn declared_bytes(request: &Request) -> Option<u64> {
    let value = request.headers().get(CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

type Source = Pin<Box<dyn AsyncRead + Send>>;

/// Both the handler's body and what is left of it are this.
#[derive(Clone)]
pub(super) struct StreamedBody(Arc<Mutex<Stream>>);

struct Stream {
    source: Source,
    /// Between two pieces.
    timeout: Duration,
    deadline: Pin<Box<Sleep>>,
    /// The client is sending: it waited for no word of ours, or was given it.
    begun: bool,
    ended: bool,
}

impl StreamedBody {
    pub(super) fn of(request: &mut Request, timeout: Duration) -> Self {
        let waits = request.headers().contains_key(EXPECT);
        Self::new(request.take_body(), waits, timeout)
    }

    fn new(body: Body, waits: bool, timeout: Duration) -> Self {
        Self(Arc::new(Mutex::new(Stream {
            begun: !waits,
            ended: body.is_empty(),
            source: Box::pin(body.into_async_read()),
            timeout,
            deadline: Box::pin(tokio::time::sleep(timeout)),
        })))
    }

    pub(super) fn as_body(&self) -> Body {
        Body::from_async_read(self.clone())
    }

    /// Whether something comes that nobody has read.
    pub(super) fn is_coming(&self) -> bool {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stream.begun && !stream.ended
    }
}

impl AsyncRead for StreamedBody {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stream.poll_read(context, buffer)
    }
}

impl Stream {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.begun = true;
        let before = buffer.filled().len();
        let Poll::Ready(outcome) = self.source.as_mut().poll_read(context, buffer) else {
            ready!(self.deadline.as_mut().poll(context));
            self.ended = true;
            return Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "nothing came")));
        };
        self.deadline.as_mut().reset(Instant::now() + self.timeout);
        self.ended |= outcome.is_err() || buffer.filled().len() == before;
        Poll::Ready(outcome)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_body_that_stops_coming_ends_and_one_that_is_slow_does_not() {
        let timeout = Duration::from_millis(40);
        let (mut sending, arriving) = tokio::io::duplex(64);
        let body = Body::from_async_read(arriving);
        let mut body = StreamedBody::new(body, false, timeout);
        let mut piece = [0; 4];
        for _ in 0..5 {
            tokio::time::sleep(timeout / 2).await;
            sending.write_all(b"slow").await.unwrap();
            body.read_exact(&mut piece).await.unwrap();
        }
        assert!(body.is_coming());
        let error = body.read(&mut piece).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(!body.is_coming());
    }

    #[tokio::test]
    async fn what_the_handler_leaves_can_be_passed_over() {
        let body = StreamedBody::new(Body::from("read and left"), false, Duration::from_secs(30));
        let mut taken = body.as_body().into_async_read();
        taken.read_exact(&mut [0; 4]).await.unwrap();
        drop(taken);
        assert!(body.is_coming());
        let mut rest = body.clone();
        tokio::io::copy(&mut rest, &mut tokio::io::sink())
            .await
            .unwrap();
        assert!(!body.is_coming());
    }

    #[tokio::test]
    async fn a_client_that_waits_for_a_word_is_not_given_it_to_be_passed_over() {
        let body = StreamedBody::new(Body::from("not sent yet"), true, Duration::from_secs(30));
        assert!(!body.is_coming());
        let mut taken = body.as_body().into_async_read();
        taken.read_exact(&mut [0; 1]).await.unwrap();
    }
}
