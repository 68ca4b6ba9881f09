//! What goes on in each connection, as far as its deadline goes by it: whether a request of it is
//! being answered, and how long it may do without; and whether an answer broke off.
//!
//! A connection that has asked nothing yet has one deadline, which nothing but a whole request
//! moves. From then on what is written of an answer moves it, and while a request is with the guard
//! there is none. What a client sends moves it never, nor what is written because of it: see
//! `written`. `connections` follows, `guard` says when a request begins and ends; they find each
//! other by the local address that a request carries.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use poem::web::LocalAddr;
use poem::{Body, Request, Response};
use tokio::time::Instant;

const SCHEME: &str = "connection";

#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// From the beginning of a connection to its first whole request.
    pub(super) first_request: Duration,
    /// For the next request, and for an answer to be read.
    pub(super) idle: Duration,
}

/// Of all connections that are open.
pub(super) struct Activities {
    timeouts: Timeouts,
    next_number: AtomicU64,
    by_number: Mutex<HashMap<u64, Arc<Activity>>>,
}

pub(super) struct Activity {
    timeouts: Timeouts,
    progress: Mutex<Progress>,
}

struct Progress {
    was_asked: bool,
    unanswered: u32,
    deadline: Instant,
    broke_off: bool,
}

impl Activities {
    pub(super) fn new(timeouts: Timeouts) -> Arc<Self> {
        Arc::new(Self {
            timeouts,
            next_number: AtomicU64::new(1),
            by_number: Mutex::default(),
        })
    }

    fn by_number(&self) -> MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.by_number
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection begins.
    pub(super) fn follow(self: &Arc<Self>) -> Followed {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity {
            timeouts: self.timeouts,
            progress: Mutex::new(Progress {
                was_asked: false,
                unanswered: 0,
                deadline: Instant::now() + self.timeouts.first_request,
                broke_off: false,
            }),
        });
        self.by_number().insert(number, Arc::clone(&activity));
        Followed {
            all: Arc::clone(self),
            number,
            activity,
        }
    }

    /// A whole request came; it is being answered until this is dropped. None: its connection is
    /// gone already.
    pub(super) fn begin_answer(&self, request: &Request) -> Option<Answering> {
        let LocalAddr(poem::Addr::Custom(SCHEME, number)) = request.local_addr() else {
            return None;
        };
        let activity = Arc::clone(self.by_number().get(&number.parse().ok()?)?);
        Some(Answering::of(activity))
    }
}

/// One connection, for as long as it is open.
pub(super) struct Followed {
    all: Arc<Activities>,
    number: u64,
    activity: Arc<Activity>,
}

impl Followed {
    /// By which the requests of this connection find it.
    pub(super) fn address(&self) -> LocalAddr {
        LocalAddr(poem::Addr::custom(SCHEME, self.number.to_string()))
    }
}

impl std::ops::Deref for Followed {
    type Target = Activity;

    fn deref(&self) -> &Activity {
        &self.activity
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.all.by_number().remove(&self.number);
    }
}

impl Activity {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Whether a whole request ever came.
    pub(super) fn was_asked(&self) -> bool {
        self.progress().was_asked
    }

    /// Something of an answer has left.
    pub(super) fn wrote(&self) {
        let mut progress = self.progress();
        if progress.was_asked {
            progress.deadline = Instant::now() + self.timeouts.idle;
        }
    }

    /// Whether the body of an answer failed in the middle.
    pub(super) fn broke_off(&self) -> bool {
        self.progress().broke_off
    }

    /// When the connection ends unless something happens; ask again then.
    pub(super) fn due_at(&self, now: Instant) -> Instant {
        let progress = self.progress();
        match progress.unanswered {
            0 => progress.deadline,
            _ => now + self.timeouts.idle,
        }
    }
}

/// A request that is being answered.
pub(super) struct Answering(Arc<Activity>);

impl Answering {
    fn of(activity: Arc<Activity>) -> Self {
        let mut progress = activity.progress();
        progress.was_asked = true;
        progress.unanswered += 1;
        drop(progress);
        Self(activity)
    }

    /// The same answer; should its body fail, the connection hears of it.
    pub(super) fn watch_body(&self, mut response: Response) -> Response {
        let mut body: BoxBody<Bytes, io::Error> = response.take_body().into();
        // Where the length was said, what lacks its end is seen to.
        if body.size_hint().exact().is_none() {
            let activity = Arc::clone(&self.0);
            let failed = move |error| {
                activity.progress().broke_off = true;
                error
            };
            body = body.map_err(failed).boxed();
        }
        response.set_body(Body::from(body));
        response
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut progress = self.0.progress();
        progress.unanswered -= 1;
        progress.deadline = Instant::now() + self.0.timeouts.idle;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts {
        first_request: Duration::from_secs(20),
        idle: Duration::from_secs(120),
    };

    #[tokio::test]
    async fn only_a_whole_request_moves_the_first_deadline() {
        let all = Activities::new(TIMEOUTS);
        let connection = all.follow();
        let first = connection.due_at(Instant::now());
        connection.wrote();
        assert_eq!(connection.due_at(Instant::now()), first);
        let request = Request::builder().finish();
        assert!(
            all.begin_answer(&request).is_none(),
            "it is of no connection"
        );
        assert!(!connection.was_asked());

        let answering = Answering::of(Arc::clone(&connection.activity));
        let much_later = first + Duration::from_secs(600);
        assert!(connection.due_at(much_later) > much_later);
        drop(answering);
        let behind_answer = connection.due_at(much_later);
        assert!(behind_answer > first && behind_answer < much_later);
        connection.wrote();
        assert!(connection.due_at(much_later) >= behind_answer);
        assert!(connection.was_asked());
    }

    #[tokio::test]
    async fn what_is_closed_is_forgotten() {
        let all = Activities::new(TIMEOUTS);
        let (one, two) = (all.follow(), all.follow());
        assert_ne!(one.number, two.number);
        drop((one, two));
        assert!(all.by_number().is_empty());
    }
}
