//! What administrators do to get models: pull them, watch and cancel that.
//!
//! A pull is a job: it is written down before it is promised, goes on after a restart, and there is
//! one for a file, however often it is asked for. To everybody else such a job does not exist.

use std::sync::Arc;
use std::time::Duration;

use super::pull::{Meter, Preview, Progress, Puller};
use crate::accounts::{Caller, check_caller};
use crate::error::{Error, Result};
use crate::ids::JobId;
use crate::jobs::{JobProgress, JobReader, JobView, Jobs};
use crate::store::jobs::{JobRecord, JobTask, ModelPull, list_jobs, put_job};
use crate::store::{Store, WriteTx};

/// How often a running pull says how far it is.
const REPORT_INTERVAL: Duration = Duration::from_millis(500);
const MAX_WAITING: usize = 32;

pub struct Pulls {
    store: Arc<Store>,
    jobs: Arc<Jobs>,
    puller: Puller,
}

impl Pulls {
    pub fn new(store: Arc<Store>, jobs: Arc<Jobs>, puller: Puller) -> Self {
        Self {
            store,
            jobs,
            puller,
        }
    }

    /// What would be pulled, and whether it fits this machine.
    pub async fn preview(&self, caller: &Caller, source: &str) -> Result<Preview> {
        caller.require_admin()?;
        self.puller.preview(source).await
    }

    /// Queues a pull, or gives the one that is on its way.
    pub async fn start(
        &self,
        caller: &Caller,
        source: &str,
        sha256: Option<&str>,
    ) -> Result<JobView> {
        caller.require_admin()?;
        let plan = self.puller.plan(source, sha256).await?;
        self.puller.check(&plan).await?;
        let pull = ModelPull {
            source: plan.exact_source().to_owned(),
            shown_source: plan.source,
            file: plan.file,
            sha256: sha256.map(|hash| hash.trim().to_lowercase()),
            size_bytes: plan.size_bytes,
        };
        let record = JobRecord::new(JobTask::PullModel(pull));
        let caller = caller.clone();
        let queueing = self.store.write(move |tx| {
            // Finding out what to pull took its time.
            check_caller(tx, &caller)?;
            find_or_put(tx, &record)
        });
        let queued = queueing.await?;
        self.jobs.wake();
        let found = self.jobs.find(queued).await?;
        found.ok_or_else(|| Error::not_found("job"))
    }

    /// All jobs of the house that the caller may see, the latest first.
    pub async fn list_jobs(&self, caller: &Caller) -> Result<Vec<JobView>> {
        match caller.require_admin() {
            Ok(()) => self.jobs.list().await,
            Err(_) => Ok(Vec::new()),
        }
    }

    pub async fn get_job(&self, caller: &Caller, id: JobId) -> Result<JobView> {
        may_see(caller)?;
        let found = self.jobs.find(id).await?;
        found.ok_or_else(|| Error::not_found("job"))
    }

    pub async fn read_job(&self, caller: &Caller, id: JobId) -> Result<JobReader> {
        may_see(caller)?;
        let found = self.jobs.read(id).await?;
        found.ok_or_else(|| Error::not_found("job"))
    }

    /// What has come is kept, so that another pull goes on with it, unless it is to be discarded.
    pub async fn cancel_job(&self, caller: &Caller, id: JobId, discard: bool) -> Result<JobView> {
        may_see(caller)?;
        let asked = caller.clone();
        let cancelling = self.jobs.cancel(id, move |tx| check_caller(tx, &asked));
        let view = cancelling.await?;
        if let (true, JobTask::PullModel(pull)) = (discard, &view.record.task) {
            self.puller.discard(&pull.file).await?;
        }
        Ok(view)
    }

    /// The job.
    pub async fn perform(&self, id: JobId, pull: &ModelPull) -> Result<()> {
        // The house may have gone dark between the last byte and the job's ending.
        if self.puller.has(&pull.file).await? {
            return Ok(());
        }
        let sha256 = pull.sha256.as_deref();
        let plan = self.puller.plan_patiently(&pull.source, sha256).await?;
        if plan.file != pull.file {
            return Err(Error::conflict(
                "the source has another file now; pull it again",
            ));
        }
        let meter = Meter::default();
        let mut reports = tokio::time::interval(REPORT_INTERVAL);
        let pulled = self.puller.pull(&plan, &meter);
        tokio::pin!(pulled);
        loop {
            tokio::select! {
                outcome = &mut pulled => return outcome,
                _ = reports.tick() => self.jobs.report(id, progress_of(meter.progress())),
            }
        }
    }
}

fn may_see(caller: &Caller) -> Result<()> {
    caller.require_admin().map_err(|_| Error::not_found("job"))
}

fn progress_of(progress: Progress) -> JobProgress {
    JobProgress {
        stage: match progress.verifying {
            true => "verifying",
            false => "downloading",
        },
        done_bytes: progress.done_bytes,
        total_bytes: progress.total_bytes,
        bytes_per_s: progress.bytes_per_s,
        eta_ms: progress.eta_ms,
    }
}

/// The job that pulls the same file already, or the new one.
fn find_or_put(tx: &WriteTx, new: &JobRecord) -> Result<JobId> {
    let JobTask::PullModel(wanted) = &new.task else {
        return Err(Error::internal("this is no pull"));
    };
    let mut waiting = 0;
    for job in list_jobs(tx)? {
        let (None, JobTask::PullModel(pull)) = (&job.ending, &job.task) else {
            continue;
        };
        if pull.file == wanted.file {
            let differs = pull.source != wanted.source
                || wanted.sha256.is_some() && pull.sha256 != wanted.sha256;
            return match differs {
                false => Ok(job.id),
                true => Err(Error::conflict(format!(
                    "another pull of a file named {} is on its way",
                    pull.file
                ))),
            };
        }
        waiting += 1;
    }
    if waiting >= MAX_WAITING {
        return Err(Error::overloaded("too many pulls are waiting", 60));
    }
    put_job(tx, new)?;
    Ok(new.id)
}
