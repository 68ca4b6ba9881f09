//! Durable background work: what was queued in a transaction is done, also after a restart.
//!
//! Jobs run one at a time, oldest first, each until it succeeds or was tried often enough; a job
//! whose time has not come waits. What a job does is told by whoever starts the runner
//! (`appliance`), so that this room knows no other domain.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::error::Result;
use crate::store::Store;
use crate::store::jobs::{JobRecord, JobTask, list_jobs, put_job, remove_job};

const ATTEMPTS: u32 = 3;
const RETRY_AFTER_MS: i64 = 15_000;
/// How long the runner sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_secs(15);

pub struct Jobs {
    store: Arc<Store>,
    queued: Notify,
}

impl Jobs {
    pub fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            queued: Notify::new(),
        }
    }

    /// Says that a transaction has queued a job.
    pub fn wake(&self) {
        self.queued.notify_one();
    }

    /// Runs jobs until told to stop. A job that is cut off by stopping is begun again next time.
    pub async fn run<P>(&self, perform: impl Fn(JobTask) -> P, stopping: CancellationToken)
    where
        P: Future<Output = Result<()>>,
    {
        while let Some(waited) = stopping.run_until_cancelled(self.run_due(&perform)).await {
            if let Err(error) = waited {
                tracing::warn!(%error, "jobs cannot be run at the moment");
            }
            let woken = tokio::time::timeout(IDLE, self.queued.notified());
            if stopping.run_until_cancelled(woken).await.is_none() {
                return;
            }
        }
    }

    async fn run_due<P>(&self, perform: &impl Fn(JobTask) -> P) -> Result<()>
    where
        P: Future<Output = Result<()>>,
    {
        loop {
            let jobs = self.store.read(list_jobs).await?;
            let Some(job) = jobs.into_iter().find(|job| job.due_at <= now_ms()) else {
                return Ok(());
            };
            let outcome = perform(job.task.clone()).await;
            self.conclude(job, outcome).await?;
        }
    }

    async fn conclude(&self, mut job: JobRecord, outcome: Result<()>) -> Result<()> {
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
