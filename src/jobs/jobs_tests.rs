//! Both lanes, with work that does as the test says. Pulls themselves are tested with a hub, in
//! `tests/api/jobs.rs`.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::*;
use crate::error::Error;
use crate::ids::{ConversationId, MessageId};
use crate::store::jobs::{JobOutcome, JobTask, ModelPull};

struct Bench {
    jobs: Arc<Jobs>,
    stopping: CancellationToken,
    _folder: tempfile::TempDir,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store"), 1 << 20).unwrap();
    Bench {
        jobs: Arc::new(Jobs::new(Arc::new(store))),
        stopping: CancellationToken::new(),
        _folder: folder,
    }
}

impl Bench {
    async fn queue(&self, task: JobTask) -> JobId {
        let record = JobRecord::new(task);
        let id = record.id;
        let written = self.jobs.store.write(move |tx| put_job(tx, &record)).await;
        written.unwrap();
        self.jobs.wake();
        id
    }

    /// Runs both lanes until `test` is over.
    async fn run<P>(&self, perform: impl Fn(JobRecord) -> P, test: impl Future<Output = ()>)
    where
        P: Future<Output = Result<()>>,
    {
        let tested = async {
            test.await;
            self.stopping.cancel();
        };
        tokio::join!(self.jobs.run(perform, self.stopping.clone()), tested);
    }

    async fn outcome(&self, id: JobId) -> JobOutcome {
        let mut reader = self.jobs.read(id).await.unwrap().unwrap();
        let mut last = None;
        while let Some(view) = reader.next().await.unwrap() {
            last = Some(view);
        }
        last.unwrap().record.ending.unwrap().outcome
    }
}

fn pull(file: &str) -> JobTask {
    JobTask::PullModel(ModelPull {
        source: format!("a/b:{file}"),
        shown_source: format!("a/b:{file}"),
        file: file.into(),
        sha256: None,
        size_bytes: None,
    })
}

fn title() -> JobTask {
    JobTask::WriteConversationTitle {
        conversation_id: ConversationId::generate(),
        reply_id: MessageId::generate(),
    }
}

#[tokio::test]
async fn a_long_job_keeps_no_brief_one_waiting_and_its_ending_is_kept() {
    let bench = bench();
    let (let_go, brief_done) = (Semaphore::new(0), Semaphore::new(0));
    let perform = async |job: JobRecord| {
        match job.task {
            JobTask::PullModel(_) => let_go.acquire().await.unwrap().forget(),
            _ => brief_done.add_permits(1),
        }
        Ok(())
    };
    bench
        .run(perform, async {
            let long = bench.queue(pull("one.gguf")).await;
            let brief = bench.queue(title()).await;
            brief_done.acquire().await.unwrap().forget();
            assert!(bench.jobs.find(long).await.unwrap().unwrap().is_running);
            let_go.add_permits(1);
            assert_eq!(bench.outcome(long).await, JobOutcome::Done);
            assert!(bench.jobs.find(brief).await.unwrap().is_none());
        })
        .await;
}

#[tokio::test]
async fn what_was_cut_off_by_stopping_goes_on_at_the_next_start() {
    let mut bench = bench();
    let begun = Semaphore::new(0);
    let endless = async |_: JobRecord| {
        begun.add_permits(1);
        std::future::pending::<Result<()>>().await
    };
    let id = bench.queue(pull("one.gguf")).await;
    bench
        .run(endless, async { begun.acquire().await.unwrap().forget() })
        .await;
    let store = Arc::clone(&bench.jobs.store);
    bench.jobs = Arc::new(Jobs::new(store));
    bench.stopping = CancellationToken::new();
    let view = bench.jobs.find(id).await.unwrap().unwrap();
    assert!(!view.is_running && view.record.ending.is_none());
    bench
        .run(async |_: JobRecord| Ok(()), async {
            assert_eq!(bench.outcome(id).await, JobOutcome::Done);
        })
        .await;
}

#[tokio::test]
async fn a_job_is_cancelled_whether_it_runs_or_waits_and_the_next_one_follows() {
    let bench = bench();
    let performed = AtomicUsize::new(0);
    let perform = async |job: JobRecord| {
        performed.fetch_add(1, Ordering::Relaxed);
        match job.task {
            JobTask::PullModel(pull) if pull.file == "endless" => std::future::pending().await,
            _ => Ok(()),
        }
    };
    bench
        .run(perform, async {
            let running = bench.queue(pull("endless")).await;
            let waiting = bench.queue(pull("never")).await;
            let last = bench.queue(pull("last")).await;
            let mut reader = bench.jobs.read(running).await.unwrap().unwrap();
            while !reader.next().await.unwrap().unwrap().is_running {}
            for id in [waiting, running] {
                let view = bench.jobs.cancel(id).await.unwrap();
                assert_eq!(view.record.ending.unwrap().outcome, JobOutcome::Cancelled);
            }
            assert_eq!(bench.outcome(last).await, JobOutcome::Done);
            let again = bench.jobs.cancel(last).await.unwrap();
            assert_eq!(again.record.ending.unwrap().outcome, JobOutcome::Done);
            assert!(bench.jobs.cancel(JobId::generate()).await.is_err());
        })
        .await;
    assert_eq!(performed.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_failure_says_why_and_a_reader_sees_how_far_it_came() {
    let bench = bench();
    let jobs = Arc::clone(&bench.jobs);
    let perform = async |job: JobRecord| {
        jobs.report(
            job.id,
            JobProgress {
                stage: "downloading",
                done_bytes: 5,
                total_bytes: Some(10),
                bytes_per_s: 1,
                eta_ms: Some(5_000),
            },
        );
        tokio::task::yield_now().await;
        Err(Error::invalid("the hub is closed"))
    };
    bench
        .run(perform, async {
            let id = bench.queue(pull("one.gguf")).await;
            let outcome = bench.outcome(id).await;
            let JobOutcome::Failed { code, message } = outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(
                (code.as_str(), message.as_str()),
                ("invalid_request", "the hub is closed")
            );
        })
        .await;
}
