//! Durable background work: what was queued in a transaction is done, also after a restart.
//!
//! There are two lanes, each one job at a time, oldest first. Brief jobs are tried until they
//! succeed or were tried often enough, and then are gone; one whose time has not come waits. Jobs
//! that people watch take as long as they take, say how far they are, can be cancelled, and are
//! kept with their ending. What a job does is told by whoever starts the runner (`appliance`), so
//! that this room knows no other domain.

mod watched;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

pub use self::watched::{JobProgress, JobReader, JobView};
use self::watched::{Running, is_watched};
use crate::clock::now_ms;
use crate::error::Result;
use crate::ids::JobId;
use crate::store::Store;
use crate::store::jobs::{JobRecord, list_jobs, put_job, remove_job};

const ATTEMPTS: u32 = 3;
const RETRY_AFTER_MS: i64 = 15_000;
/// How long a lane sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_secs(15);

pub struct Jobs {
    store: Arc<Store>,
    brief_queued: Notify,
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
            watched_queued: Notify::new(),
            running: Mutex::default(),
            changes: watch::Sender::default(),
        }
    }

    /// Says that a transaction has queued a job.
    pub fn wake(&self) {
        self.brief_queued.notify_one();
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
                log_trouble(self.run_brief(&perform).await);
                be_woken(&self.brief_queued).await;
            }
        };
        let watched = async {
            loop {
                log_trouble(self.run_watched(&perform).await);
                be_woken(&self.watched_queued).await;
            }
        };
        let lanes = futures_util::future::join(brief, watched);
        stopping.run_until_cancelled(lanes).await;
    }

    async fn run_brief<P>(&self, perform: &impl Fn(JobRecord) -> P) -> Result<()>
    where
        P: Future<Output = Result<()>>,
    {
        loop {
            let jobs = self.store.read(list_jobs).await?;
            let mut brief = jobs.into_iter().filter(|job| !is_watched(&job.task));
            let Some(job) = brief.find(|job| job.due_at <= now_ms()) else {
                return Ok(());
            };
            let outcome = perform(job.clone()).await;
            self.conclude_brief(job, outcome).await?;
        }
    }

    async fn conclude_brief(&self, mut job: JobRecord, outcome: Result<()>) -> Result<()> {
        job.attempts += 1;
        match outcome {
            Err(error) if job.attempts < ATTEMPTS => {
                tracing::warn!(job = ?job.task, %error, "a job failed and will be tried again");
                job.due_at = now_ms() + RETRY_AFTER_MS;
                self.store.write(move |tx| put_job(tx, &job)).await
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
