//! Taking connections, with bounds that poem has not: how many, how many of them from one address,
//! and how long one may dawdle, whatever it speaks.
//!
//! When the operating system refuses (too many open files), the next attempt waits a moment instead
//! of spinning. A connection is closed when no whole request came in time, from its beginning or
//! from behind the last answer, and when nobody reads an answer: see `activity`. What hyper answers
//! by itself to bytes that are no request passes here alone, and gets its headers here. Used by
//! `http::serve` alone.

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

use super::activity::{Activities, Followed};
use super::headers::protecting_lines;
use super::visitor::is_trusted;
use super::written::Written;
use crate::accounts::network_of;
use crate::config::Config;

const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);
/// What the house opens besides connections: the store, models, processes, other servers.
const OTHER_FILES: u64 = 256;
/// Of what begins with these, nothing was asked for, hyper says that it is no request.
const OWN_ANSWER: &[u8] = b"HTTP/1.";
const HEAD_END: &[u8] = b"\r\n\r\n";

pub(super) struct BoundedAcceptor {
    inner: TcpAcceptor,
    places: Arc<Semaphore>,
    open: Arc<OpenConnections>,
    trusted: Vec<IpNet>,
    activities: Arc<Activities>,
    /// For what hyper answers by itself.
    headers: Arc<[u8]>,
}

/// How many connections there may be at once: what was configured, or fewer where the system lets
/// the house open fewer files.
pub(super) fn places(configured: u32, open_files: Option<u64>) -> usize {
    let configured = match configured {
        0 => u64::MAX,
        some => u64::from(some),
    };
    let files = open_files.unwrap_or(u64::MAX);
    let room = files.saturating_sub(OTHER_FILES).max(files / 4).max(1);
    let places = usize::try_from(configured.min(room)).unwrap_or(usize::MAX);
    places.min(Semaphore::MAX_PERMITS)
}

impl BoundedAcceptor {
    pub(super) fn new(inner: TcpAcceptor, config: &Config, activities: Arc<Activities>) -> Self {
        let open_files = crate::machine::raise_open_files_limit();
        let places = places(config.limits.connections, open_files);
        tracing::info!(
            places,
            open_files,
            "so many connections may be open at once"
        );
        Self {
            inner,
            places: Arc::new(Semaphore::new(places)),
            open: Arc::new(OpenConnections {
                limit: config.limits.connections_per_address,
                by_network: Mutex::default(),
            }),
            trusted: config.http.trusted_proxies.clone(),
            activities,
            headers: protecting_lines(config.http.has_tls()).into(),
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
    /// Of one address; 0 for none.
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
            Ok((stream, _, remote, scheme)) => {
                let place = self.place(&remote, place).ok_or_else(|| {
                    Error::new(
                        ErrorKind::ConnectionRefused,
                        "too many connections are open from this address",
                    )
                })?;
                let followed = self.activities.follow();
                let local = followed.address();
                let connection =
                    Connection::new(stream, followed, Arc::clone(&self.headers), place);
                Ok((connection, local, remote, scheme))
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
    followed: Followed,
    /// Goes off no later than the connection is due.
    alarm: Pin<Box<Sleep>>,
    /// Since when nobody takes what is to be written.
    stalled_since: Option<Instant>,
    written: Written,
    headers: Arc<[u8]>,
    own_answer: Option<OwnAnswer>,
    _place: Place,
}

/// What hyper answered by itself.
struct OwnAnswer {
    /// With its headers.
    answer: Vec<u8>,
    /// Of that.
    written: usize,
    /// As much of what hyper has is in it. By the time it is asked again it may have more.
    taken: usize,
}

impl Connection {
    fn new(stream: TcpStream, followed: Followed, headers: Arc<[u8]>, place: Place) -> Self {
        // Events are small and must leave at once.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        let due_at = followed.due_at(Instant::now());
        Self {
            stream,
            followed,
            alarm: Box::pin(tokio::time::sleep_until(due_at)),
            stalled_since: None,
            written: Written::default(),
            headers,
            own_answer: None,
            _place: place,
        }
    }

    /// Everything that moves a deadline moves it on, so the alarm is set anew only when it went off.
    fn check_deadline(&mut self, context: &mut Context<'_>) -> Result<()> {
        while self.alarm.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            let stalled_until = self
                .stalled_since
                .map(|at| at + self.followed.timeouts().idle);
            let due_at = self.followed.due_at(now);
            let due_at = stalled_until.map_or(due_at, |until| until.min(due_at));
            if due_at <= now {
                return Err(Error::new(
                    ErrorKind::TimedOut,
                    "nothing went on in this connection for too long",
                ));
            }
            self.alarm.as_mut().reset(due_at);
        }
        Ok(())
    }

    /// Nothing but hyper can have made an answer where no request reached the guard.
    fn is_own_answer(&self, bytes: &[u8]) -> bool {
        self.own_answer.is_some() || (bytes.starts_with(OWN_ANSWER) && !self.followed.was_asked())
    }

    /// Of an answer that failed in the middle the end must not be written. By HTTP/2 hyper takes its
    /// stream back. By HTTP/1 it gives the connection up, but poem drives it on, and it then ends the
    /// answer as if it were whole.
    fn must_not_go_on(&self) -> bool {
        !matches!(self.written, Written::Http2(_)) && self.followed.broke_off()
    }

    fn poll_write_bytes(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        if self.must_not_go_on() {
            // By HTTP/1.0 an answer ends where the connection does: it is to end as a failure.
            let _broken_anyway = self.stream.set_zero_linger();
            return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
        }
        if !self.is_own_answer(bytes) {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        let headers = &self.headers;
        let begin = || OwnAnswer {
            answer: with_headers(bytes, headers),
            written: 0,
            taken: bytes.len(),
        };
        let own = self.own_answer.get_or_insert_with(begin);
        while own.written < own.answer.len() {
            let stream = Pin::new(&mut self.stream);
            match ready!(stream.poll_write(context, &own.answer[own.written..]))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                more => own.written += more,
            }
        }
        let taken = own.taken.min(bytes.len());
        self.own_answer = None;
        Poll::Ready(Ok(taken))
    }
}

/// An answer with further lines in its head.
fn with_headers(answer: &[u8], lines: &[u8]) -> Vec<u8> {
    let end = answer.windows(HEAD_END.len()).position(|it| it == HEAD_END);
    let (head, rest) = match end {
        Some(end) => answer.split_at(end + 2),
        None => (answer, &[][..]),
    };
    match rest.is_empty() {
        true => head.to_vec(),
        false => [head, lines, rest].concat(),
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.check_deadline(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        match self.poll_write_bytes(context, bytes) {
            Poll::Ready(outcome) => {
                self.stalled_since = None;
                let count = *outcome.as_ref().unwrap_or(&0);
                if self.written.is_of_answer(&bytes[..count]) {
                    self.followed.wrote();
                }
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                self.stalled_since.get_or_insert_with(Instant::now);
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
#[path = "connections_tests.rs"]
mod tests;
