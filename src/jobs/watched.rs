//! Jobs that people watch: their lane, how far they are, cancelling them.
//!
//! The record in the store says how a job ended; how far it is, is known only while it runs. A job
//! has one ending, whoever comes first: the work itself, or whoever cancels it.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Jobs, Lane};
use crate::clock::now_ms;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::JobId;
use crate::store::WriteTx;
use crate::store::jobs::{
    JobEnding, JobOutcome, JobRecord, JobTask, find_job, list_jobs, put_job, remove_job,
};

/// Of jobs that ended, so many are kept to be looked at.
const MAX_ENDED: usize = 50;

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobProgress {
    /// One word for what it does at the moment.
    pub stage: &'static str,
    pub done_bytes: u64,
    /// None where nobody knows.
    pub total_bytes: Option<u64>,
    pub bytes_per_s: u64,
    pub eta_ms: Option<u64>,
}

/// A job as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    pub record: JobRecord,
    pub is_running: bool,
    /// Only of one that runs, and has said something.
    pub progress: Option<JobProgress>,
}

pub(super) struct Running {
    progress: Option<JobProgress>,
    cancelled: CancellationToken,
}

fn is_watched(task: &JobTask) -> bool {
    Lane::of(task) == Lane::Watched
}

/// Gives a job again whenever it has changed.
pub struct JobReader {
    jobs: Arc<Jobs>,
    changes: watch::Receiver<()>,
    last: JobView,
    is_first: bool,
    /// Something has changed since `last`, or may have.
    is_stale: bool,
}

impl JobReader {
    /// How it stands, at once for the first time, then when that has changed; None after its ending.
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Option<JobView>> {
        if std::mem::take(&mut self.is_first) {
            return Ok(Some(self.last.clone()));
        }
        while self.last.record.ending.is_none() {
            if !self.is_stale && self.changes.changed().await.is_err() {
                return Ok(None);
            }
            self.is_stale = true;
            let Some(now) = self.jobs.find(self.last.record.id).await? else {
                return Ok(None);
            };
            self.is_stale = false;
            if now != self.last {
                self.last = now.clone();
                return Ok(Some(now));
            }
        }
        Ok(None)
    }
}

impl Jobs {
    fn running(&self) -> MutexGuard<'_, HashMap<JobId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_running(&self, id: JobId) -> bool {
        self.running().contains_key(&id)
    }

    fn view_of(&self, record: JobRecord) -> JobView {
        let running = self.running();
        let entry = running.get(&record.id).filter(|_| record.ending.is_none());
        JobView {
            is_running: entry.is_some(),
            progress: entry.and_then(|entry| entry.progress.clone()),
            record,
        }
    }

    pub async fn find(&self, id: JobId) -> Result<Option<JobView>> {
        let found = self.store.read(move |tx| find_job(tx, id)).await?;
        let watched = found.filter(|record| is_watched(&record.task));
        Ok(watched.map(|record| self.view_of(record)))
    }

    /// The latest first.
    pub async fn list(&self) -> Result<Vec<JobView>> {
        let records = self.store.read(list_jobs).await?.into_iter().rev();
        let watched = records.filter(|record| is_watched(&record.task));
        Ok(watched.map(|record| self.view_of(record)).collect())
    }

    /// None where there is no such job.
    pub async fn read(self: &Arc<Self>, id: JobId) -> Result<Option<JobReader>> {
        let changes = self.changes.subscribe();
        let found = self.find(id).await?;
        Ok(found.map(|last| JobReader {
            jobs: Arc::clone(self),
            changes,
            last,
            is_first: true,
            is_stale: false,
        }))
    }

    /// Says how far a job is, from inside it.
    pub fn report(&self, id: JobId, progress: JobProgress) {
        if let Some(entry) = self.running().get_mut(&id) {
            entry.progress = Some(progress);
        }
        self.changes.send_replace(());
    }

    /// Returns when nothing of the job is going on any more. One that has ended stays as it is.
    /// `may` says in the transaction that cancels whether whoever asks still may.
    pub async fn cancel(
        self: &Arc<Self>,
        id: JobId,
        may: impl Fn(&WriteTx) -> Result<()> + Send + 'static,
    ) -> Result<JobView> {
        let no_such_job = || Error::not_found("job");
        let mut reader = self.read(id).await?.ok_or_else(no_such_job)?;
        self.store
            .write(move |tx| {
                may(tx)?;
                end(tx, id, JobOutcome::Cancelled)
            })
            .await?;
        let running = self.running().get(&id).map(|it| it.cancelled.clone());
        if let Some(cancelled) = running {
            cancelled.cancel();
        }
        self.changes.send_replace(());
        while self.is_running(id) && reader.changes.changed().await.is_ok() {}
        self.find(id).await?.ok_or_else(no_such_job)
    }

    pub(super) async fn run_watched<P>(&self, perform: &impl Fn(JobRecord) -> P) -> Result<()>
    where
        P: Future<Output = Result<()>>,
    {
        loop {
            let jobs = self.store.read(list_jobs).await?;
            let mut waiting = jobs
                .into_iter()
                .filter(|job| is_watched(&job.task) && job.ending.is_none());
            let Some(job) = waiting.next() else {
                return Ok(());
            };
            let id = job.id;
            let outcome = self.run_one(job, perform).await;
            self.running().remove(&id);
            self.changes.send_replace(());
            outcome?;
        }
    }

    async fn run_one<P>(&self, job: JobRecord, perform: &impl Fn(JobRecord) -> P) -> Result<()>
    where
        P: Future<Output = Result<()>>,
    {
        let id = job.id;
        let cancelled = CancellationToken::new();
        let entry = Running {
            progress: None,
            cancelled: cancelled.clone(),
        };
        self.running().insert(id, entry);
        // Whoever cancelled it before it stood there has written so.
        let now = self.store.read(move |tx| find_job(tx, id)).await?;
        if now.is_none_or(|record| record.ending.is_some()) {
            return Ok(());
        }
        self.changes.send_replace(());
        let outcome = match cancelled.run_until_cancelled(perform(job)).await {
            None => JobOutcome::Cancelled,
            Some(Ok(())) => JobOutcome::Done,
            Some(Err(error)) => failed(id, &error),
        };
        self.store
            .write(move |tx| {
                end(tx, id, outcome.clone())?;
                forget_old(tx)
            })
            .await
    }
}

fn failed(id: JobId, error: &Error) -> JobOutcome {
    if error.kind == ErrorKind::Internal {
        tracing::error!(job = %id, %error, "a job failed");
    } else {
        tracing::warn!(job = %id, %error, "a job failed");
    }
    JobOutcome::Failed {
        code: error.code().to_owned(),
        message: error.message.clone(),
    }
}

/// The first ending counts.
fn end(tx: &WriteTx, id: JobId, outcome: JobOutcome) -> Result<()> {
    match find_job(tx, id)? {
        Some(mut record) if record.ending.is_none() => {
            let at = now_ms();
            record.ending = Some(JobEnding { at, outcome });
            put_job(tx, &record)
        }
        _ => Ok(()),
    }
}

fn forget_old(tx: &WriteTx) -> Result<()> {
    let mut ended = list_jobs(tx)?;
    ended.retain(|job| job.ending.is_some());
    let surplus = ended.len().saturating_sub(MAX_ENDED);
    for job in &ended[..surplus] {
        remove_job(tx, job.id)?;
    }
    Ok(())
}
