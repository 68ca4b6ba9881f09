//! Taking connections, with bounds that poem has not: how many, how many of them from one address,
//! and how long one may dawdle.
//!
//! When the operating system refuses (too many open files), the next attempt waits a moment instead
//! of spinning. A connection is closed when the head of a request has not arrived whole in time,
//! behind the connection's beginning or behind the last answer, and when nobody reads an answer; so
//! those who dawdle cannot hold all places. Used by `http::serve` alone.

use std::collections::HashMap;
use std::io::{Error, ErrorKind, Result};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ipnet::IpNet;
use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use super::visitor::is_trusted;
use crate::accounts::network_of;

const CONNECTION_LIMIT: usize = 4096;
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// For the next request, and for an answer to be read.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);
/// Ends the head of a request; HTTP/2 begins with it too.
const HEAD_END: &[u8; 4] = b"\r\n\r\n";

pub(super) struct BoundedAcceptor {
    inner: TcpAcceptor,
    places: Arc<Semaphore>,
    open: Arc<OpenConnections>,
    trusted: Vec<IpNet>,
}

impl BoundedAcceptor {
    /// `limit` is of one address and 0 for none; proxies that are `trusted` are not counted.
    pub(super) fn new(inner: TcpAcceptor, limit: u32, trusted: Vec<IpNet>) -> Self {
        Self {
            inner,
            places: Arc::new(Semaphore::new(CONNECTION_LIMIT)),
            open: Arc::new(OpenConnections {
                limit,
                by_network: Mutex::default(),
            }),
            trusted,
        }
    }

    /// None: this address has its share already.
    fn place(&self, remote: &RemoteAddr, place: OwnedSemaphorePermit) -> Option<Place> {
        let peer = remote.as_socket_addr().map(|peer| peer.ip());
        let counted = peer.filter(|&peer| self.open.limit > 0 && !is_trusted(peer, &self.trusted));
        let counted = match counted.map(|peer| Counted::begin(&self.open, network_of(peer))) {
            Some(None) => return None,
            counted => counted.flatten(),
        };
        Some(Place {
            _counted: counted,
            _place: place,
        })
    }
}

struct OpenConnections {
    limit: u32,
    by_network: Mutex<HashMap<IpAddr, u32>>,
}

impl OpenConnections {
    fn by_network(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.by_network
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts for as long as it is there.
struct Counted {
    open: Arc<OpenConnections>,
    network: IpAddr,
}

impl Counted {
    fn begin(open: &Arc<OpenConnections>, network: IpAddr) -> Option<Self> {
        let mut by_network = open.by_network();
        let count = by_network.entry(network).or_default();
        if *count >= open.limit {
            return None;
        }
        *count += 1;
        drop(by_network);
        Some(Self {
            open: Arc::clone(open),
            network,
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut by_network = self.open.by_network();
        if let Some(count) = by_network.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                by_network.remove(&self.network);
            }
        }
    }
}

/// What a connection takes up.
struct Place {
    _counted: Option<Counted>,
    _place: OwnedSemaphorePermit,
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
                let place = self.place(&remote, place).ok_or_else(|| {
                    Error::new(
                        ErrorKind::ConnectionRefused,
                        "too many connections are open from this address",
                    )
                })?;
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
    /// None from the time that the head of a request is there until it is answered.
    awaited: Option<AwaitedHead>,
    /// Many requests share such a connection, and it may rightly be silent while one is answered.
    is_http2: bool,
    _place: Place,
}

struct AwaitedHead {
    deadline: Pin<Box<Sleep>>,
    /// How many bytes of `HEAD_END` came last.
    matched: usize,
}

impl AwaitedHead {
    fn new(timeout: Duration) -> Self {
        Self {
            deadline: Box::pin(tokio::time::sleep(timeout)),
            matched: 0,
        }
    }

    /// Moves the deadline on; not at every token of a reply.
    fn put_off(&mut self) {
        let deadline = Instant::now() + IDLE_TIMEOUT;
        if self.deadline.deadline() + IDLE_TIMEOUT / 10 < deadline {
            self.deadline.as_mut().reset(deadline);
        }
    }

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
    fn new(stream: TcpStream, place: Place) -> Self {
        // Events are small and must leave at once.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        Self {
            stream,
            awaited: Some(AwaitedHead::new(FIRST_REQUEST_TIMEOUT)),
            is_http2: false,
            _place: place,
        }
    }

    fn check_deadline(&mut self, context: &mut Context<'_>) -> Result<()> {
        let awaited = self.awaited.as_mut();
        match awaited.is_some_and(|head| head.deadline.as_mut().poll(context).is_ready()) {
            true => Err(Error::new(
                ErrorKind::TimedOut,
                "nothing went on in this connection for too long",
            )),
            false => Ok(()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.check_deadline(context)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let came = &buffer.filled()[before..];
        let complete = self
            .awaited
            .as_mut()
            .is_some_and(|head| head.completes(came));
        if complete {
            self.is_http2 |= came.starts_with(b"PRI");
            self.awaited = None;
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
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Ready(Ok(written)) => {
                if let Some(head) = &mut self.awaited {
                    head.put_off();
                } else if !self.is_http2 {
                    self.awaited = Some(AwaitedHead::new(IDLE_TIMEOUT));
                }
                Poll::Ready(Ok(written))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.check_deadline(context)?;
                Poll::Pending
            }
        }
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
            let mut head = AwaitedHead::new(IDLE_TIMEOUT);
            assert!(!head.completes(&request[..cut]), "{cut}");
            assert!(head.completes(&request[cut..]), "{cut}");
        }
    }
}
