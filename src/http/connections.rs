//! Taking connections, with bounds that poem has not: how many, and how long a first request may
//! dawdle.
//!
//! When the operating system refuses (too many open files), the next attempt waits a moment instead
//! of spinning. A connection whose first request has not arrived whole in time is closed, so that
//! silent ones cannot hold all places. Used by `http::serve` alone.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

const CONNECTION_LIMIT: usize = 4096;
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);
/// Ends the head of a request; HTTP/2 begins with it too.
const HEAD_END: &[u8; 4] = b"\r\n\r\n";

pub(super) struct BoundedAcceptor {
    inner: TcpAcceptor,
    places: Arc<Semaphore>,
}

impl BoundedAcceptor {
    pub(super) fn new(inner: TcpAcceptor) -> Self {
        Self {
            inner,
            places: Arc::new(Semaphore::new(CONNECTION_LIMIT)),
        }
    }
}

impl Acceptor for BoundedAcceptor {
    type Io = Connection;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> Result<(Connection, LocalAddr, RemoteAddr, Scheme)> {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(Error::other)?;
        match self.inner.accept().await {
            Ok((stream, local, remote, scheme)) => {
                Ok((Connection::new(stream, place), local, remote, scheme))
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                Err(error)
            }
        }
    }
}

pub(super) struct Connection {
    stream: TcpStream,
    /// None once the head of the first request is there.
    first_request: Option<FirstRequest>,
    _place: OwnedSemaphorePermit,
}

struct FirstRequest {
    deadline: Pin<Box<Sleep>>,
    /// How many bytes of `HEAD_END` came last.
    matched: usize,
}

impl FirstRequest {
    /// Whether `bytes` complete the head.
    fn completes(&mut self, bytes: &[u8]) -> bool {
        bytes.iter().any(|byte| {
            self.matched = match (*byte == HEAD_END[self.matched], *byte == HEAD_END[0]) {
                (true, _) => self.matched + 1,
                (false, true) => 1,
                (false, false) => 0,
            };
            self.matched == HEAD_END.len()
        })
    }
}

impl Connection {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        // Events are small and must leave at once.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        let deadline = Box::pin(tokio::time::sleep(FIRST_REQUEST_TIMEOUT));
        Self {
            stream,
            first_request: Some(FirstRequest {
                deadline,
                matched: 0,
            }),
            _place: place,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = &mut *self;
        if let Some(first) = &mut this.first_request
            && first.deadline.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(Error::new(
                ErrorKind::TimedOut,
                "the request did not arrive in time",
            )));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        if this
            .first_request
            .as_mut()
            .is_some_and(|first| first.completes(&buffer.filled()[before..]))
        {
            this.first_request = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_head_is_found_wherever_it_is_cut() {
        let request = b"GET / HTTP/1.1\r\nhost: x\r\r\n\r\n";
        for cut in 0..request.len() {
            let deadline = Box::pin(tokio::time::sleep(FIRST_REQUEST_TIMEOUT));
            let mut first = FirstRequest {
                deadline,
                matched: 0,
            };
            assert!(!first.completes(&request[..cut]), "{cut}");
            assert!(first.completes(&request[cut..]), "{cut}");
        }
    }
}
