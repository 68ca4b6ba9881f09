//! The lanes, with work that does as the test says. Pulls themselves are tested with a hub, in
//! `tests/api/jobs.rs`.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::*;
use crate::error::Error;
use crate::ids::{ConversationId, MessageId, UserId};
use crate::store::WriteTx;
use crate::store::jobs::{JobOutcome, ModelPull, put_only_job};

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
        self.queue_record(&record).await;
        self.jobs.wake();
        record.id
    }

    async fn queue_record(&self, record: &JobRecord) {
        let record = record.clone();
        let written = self.jobs.store.write(move |tx| put_job(tx, &record)).await;
        written.unwrap();
    }

    /// Runs the lanes until `test` is over.
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

fn forget(owner_id: UserId) -> JobTask {
    JobTask::ForgetComputed { owner_id }
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
async fn titles_that_nobody_has_time_for_keep_nothing_else_waiting_and_each_other_not_at_once() {
    let bench = bench();
    let (begun, forgotten) = (Semaphore::new(0), Semaphore::new(0));
    let perform = async |job: JobRecord| {
        match job.task {
            JobTask::ForgetComputed { .. } => forgotten.add_permits(1),
            _ => {
                begun.add_permits(1);
                std::future::pending::<()>().await;
            }
        }
        Ok(())
    };
    bench
        .run(perform, async {
            for _ in 0..=TITLES_AT_ONCE {
                bench.queue(title()).await;
            }
            let some = u32::try_from(TITLES_AT_ONCE).unwrap();
            begun.acquire_many(some).await.unwrap().forget();
            for _ in 0..3 {
                bench.queue(forget(UserId::generate())).await;
                forgotten.acquire().await.unwrap().forget();
            }
            assert_eq!(begun.available_permits(), 0, "no more at once");
        })
        .await;
}

#[tokio::test]
async fn what_must_be_gone_is_tried_for_ever_and_a_title_some_times() {
    let bench = bench();
    let remains = async |id| {
        let found = bench.jobs.store.read(move |tx| find_job(tx, id)).await;
        found.unwrap()
    };
    let mut record = JobRecord::new(forget(UserId::generate()));
    bench.queue_record(&record).await;
    for attempts in 1..100 {
        let before = now_ms();
        let failed = Err(Error::invalid("not now"));
        bench.jobs.conclude(record.clone(), failed).await.unwrap();
        record = remains(record.id).await.expect("it is tried again");
        assert_eq!(record.attempts, attempts);
        assert!(record.due_at >= before + pause_ms(attempts));
        assert!(!is_due(&record, before) && is_due(&record, record.due_at));
    }
    bench.jobs.conclude(record.clone(), Ok(())).await.unwrap();
    assert_eq!(remains(record.id).await, None);

    let mut record = JobRecord::new(title());
    bench.queue_record(&record).await;
    for _ in 1..TITLE_ATTEMPTS {
        let failed = Err(Error::invalid("not now"));
        bench.jobs.conclude(record.clone(), failed).await.unwrap();
        record = remains(record.id).await.expect("it is tried again");
    }
    let failed = Err(Error::invalid("not now"));
    bench.jobs.conclude(record.clone(), failed).await.unwrap();
    assert_eq!(remains(record.id).await, None);
}

#[test]
fn pauses_grow_up_to_an_hour_and_a_clock_that_was_ahead_makes_none_longer() {
    let pauses: Vec<_> = (1..=10).map(pause_ms).collect();
    assert_eq!(pauses[..4], [15_000, 30_000, 60_000, 120_000]);
    assert!(pauses.is_sorted() && pauses[9] == LONGEST_PAUSE_MS);
    assert_eq!(pause_ms(u32::MAX), LONGEST_PAUSE_MS);
    let mut job = JobRecord::new(title());
    job.due_at = 3 * LONGEST_PAUSE_MS;
    assert!(is_due(&job, 0) && !is_due(&job, LONGEST_PAUSE_MS));
}

#[tokio::test]
async fn of_one_person_one_job_to_forget_waits_and_what_it_took_the_place_of_does_not_come_back() {
    let bench = bench();
    let (ada, bob) = (UserId::generate(), UserId::generate());
    let queued = [ada, bob, ada, ada].map(|owner| JobRecord::new(forget(owner)));
    for record in &queued {
        let record = record.clone();
        let put = move |tx: &WriteTx| put_only_job(tx, &record);
        bench.jobs.store.write(put).await.unwrap();
    }
    let [first, of_bob, .., last] = &queued;
    let failed = Err(Error::invalid("not now"));
    bench.jobs.conclude(first.clone(), failed).await.unwrap();
    let ids: Vec<_> = bench.jobs.store.read(list_jobs).await.unwrap();
    let ids: Vec<_> = ids.iter().map(|job| job.id).collect();
    assert_eq!(ids, [of_bob.id, last.id]);
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
            let refused = bench
                .jobs
                .cancel(waiting, |_| Err(Error::unauthenticated("they have left")));
            assert!(refused.await.is_err());
            let view = bench.jobs.find(waiting).await.unwrap().unwrap();
            assert!(view.record.ending.is_none(), "who has left cancels nothing");
            for id in [waiting, running] {
                let view = bench.jobs.cancel(id, |_| Ok(())).await.unwrap();
                assert_eq!(view.record.ending.unwrap().outcome, JobOutcome::Cancelled);
            }
            assert_eq!(bench.outcome(last).await, JobOutcome::Done);
            let again = bench.jobs.cancel(last, |_| Ok(())).await.unwrap();
            assert_eq!(again.record.ending.unwrap().outcome, JobOutcome::Done);
            let unknown = bench.jobs.cancel(JobId::generate(), |_| Ok(()));
            assert!(unknown.await.is_err());
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
