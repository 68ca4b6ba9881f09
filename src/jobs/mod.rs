//! Durable background work: what was queued in a transaction is done, also after a restart.
//!
//! There are three lanes, each oldest first, and what failed behind what did not. Brief jobs are done one at a time, and titles, which
//! wait for a model, several at a time beside them; both are tried again when they fail, with
//! growing pauses, and then are gone. Jobs that people watch are done one at a time, take as long as
//! they take, say how far they are, can be cancelled, and are kept with their ending. What a job does
//! is told by whoever starts the runner (`appliance`), so that this room knows no other domain.

mod watched;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use self::watched::Running;
pub use self::watched::{JobProgress, JobReader, JobView};
use crate::clock::{UnixMs, now_ms};
use crate::error::Result;
use crate::ids::JobId;
use crate::store::Store;
use crate::store::jobs::{JobRecord, JobTask, find_job, list_jobs, put_job, remove_job};

/// After the first failure; it doubles with each.
const FIRST_PAUSE_MS: UnixMs = 15_000;
const LONGEST_PAUSE_MS: UnixMs = 60 * 60 * 1000;
/// With the pauses between them more than half an hour, for a house that is busy.
const TITLE_ATTEMPTS: u32 = 8;
const TITLES_AT_ONCE: usize = 4;
/// How long a lane sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_secs(15);

pub struct Jobs {
    store: Arc<Store>,
    brief_queued: Notify,
    titles_queued: Notify,
    watched_queued: Notify,
    running: Mutex<HashMap<JobId, Running>>,
    /// Something that people watch is further, or over.
    changes: watch::Sender<()>,
}

impl Jobs {
    pub fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            brief_queued: Notify::new(),
            titles_queued: Notify::new(),
            watched_queued: Notify::new(),
            running: Mutex::default(),
            changes: watch::Sender::default(),
        }
    }

    /// Says that a transaction has queued a job.
    pub fn wake(&self) {
        self.brief_queued.notify_one();
        self.titles_queued.notify_one();
        self.watched_queued.notify_one();
        self.changes.send_replace(());
    }

    /// Runs jobs until told to stop. A job that is cut off by stopping is begun again next time.
    pub async fn run<P>(&self, perform: impl Fn(JobRecord) -> P, stopping: CancellationToken)
    where
        P: Future<Output = Result<()>>,
    {
        let brief = async {
            loop {
                log_trouble(self.run_unwatched(Lane::Brief, &perform).await);
                be_woken(&self.brief_queued).await;
            }
        };
        let titles = async {
            loop {
                log_trouble(self.run_unwatched(Lane::Titles, &perform).await);
                be_woken(&self.titles_queued).await;
            }
        };
        let watched = async {
            loop {
                log_trouble(self.run_watched(&perform).await);
                be_woken(&self.watched_queued).await;
            }
        };
        let lanes = futures_util::future::join3(brief, titles, watched);
        stopping.run_until_cancelled(lanes).await;
    }

    /// Ends with an error alone; what is under way then is begun again.
    async fn run_unwatched<P>(&self, lane: Lane, perform: &impl Fn(JobRecord) -> P) -> Result<()>
    where
        P: Future<Output = Result<()>>,
    {
        let (at_once, queued) = match lane {
            Lane::Titles => (TITLES_AT_ONCE, &self.titles_queued),
            Lane::Brief | Lane::Watched => (1, &self.brief_queued),
        };
        let mut running = FuturesUnordered::new();
        let mut running_ids = HashSet::new();
        loop {
            let (mut jobs, now) = (self.store.read(list_jobs).await?, now_ms());
            // What fails again and again is to take no place of what was never tried.
            jobs.sort_by_key(|job| job.attempts);
            let waiting = jobs.into_iter().filter(|job| {
                Lane::of(&job.task) == lane && is_due(job, now) && !running_ids.contains(&job.id)
            });
            let next: Vec<_> = waiting.take(at_once - running.len()).collect();
            for job in next {
                running_ids.insert(job.id);
                running.push(async { (job.clone(), perform(job).await) });
            }
            tokio::select! {
                Some((job, outcome)) = running.next() => {
                    running_ids.remove(&job.id);
                    self.conclude(job, outcome).await?;
                }
                () = be_woken(queued) => {}
            }
        }
    }

    async fn conclude(&self, mut job: JobRecord, outcome: Result<()>) -> Result<()> {
        job.attempts = job.attempts.saturating_add(1);
        let is_last = attempts_limit(&job.task).is_some_and(|limit| job.attempts >= limit);
        match outcome {
            Err(error) if !is_last => {
                tracing::warn!(job = ?job.task, %error, "a job failed and will be tried again");
                job.due_at = now_ms() + pause_ms(job.attempts);
                let put_back = self.store.write(move |tx| match find_job(tx, job.id)? {
                    Some(_) => put_job(tx, &job),
                    // Another one was put in its place.
                    None => Ok(()),
                });
                put_back.await
            }
            outcome => {
                if let Err(error) = outcome {
                    tracing::warn!(job = ?job.task, %error, "a job failed for good");
                }
                self.store
                    .write(move |tx| remove_job(tx, job.id).map(drop))
                    .await
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Brief,
    Titles,
    Watched,
}

impl Lane {
    fn of(task: &JobTask) -> Self {
        match task {
            JobTask::ForgetComputed { .. } | JobTask::RemoveOldEntries { .. } => Self::Brief,
            JobTask::WriteConversationTitle { .. } => Self::Titles,
            JobTask::PullModel(_) => Self::Watched,
        }
    }
}

/// None: what was promised to be gone is tried until it is.
fn attempts_limit(task: &JobTask) -> Option<u32> {
    (Lane::of(task) == Lane::Titles).then_some(TITLE_ATTEMPTS)
}

/// Before the next attempt, after so many.
fn pause_ms(attempts: u32) -> UnixMs {
    let doubled = attempts.saturating_sub(1).min(16);
    (FIRST_PAUSE_MS << doubled).min(LONGEST_PAUSE_MS)
}

/// What is to wait far longer than any pause was queued while the clock was ahead.
fn is_due(job: &JobRecord, now: UnixMs) -> bool {
    job.due_at <= now || job.due_at > now + 2 * LONGEST_PAUSE_MS
}

fn log_trouble(outcome: Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "jobs cannot be run at the moment");
    }
}

async fn be_woken(queued: &Notify) {
    // Whoever is not woken looks by itself after a while.
    let _woken = tokio::time::timeout(IDLE, queued.notified()).await;
}

#[cfg(test)]
#[path = "jobs_tests.rs"]
mod tests;
