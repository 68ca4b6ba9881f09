//! What a program's request uses and costs, which nobody stores: written down when its stream has
//! ended, failed, or was dropped by a client that left.
//!
//! Answers that are handed over together are settled together, when all have ended. A meter that is
//! dropped settles by itself, on the tasks that shutdown waits for. What a killed house did not
//! settle is released at its next start. Made by `completions` alone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::charges::{Charge, Settlement};
use super::tally::Tally;
use crate::engine::{EngineError, EngineEvent, TokenStream, Usage};
use crate::error::{ErrorKind, Result};
use crate::store::usage::{add_reply, add_usage};
use crate::store::{Store, WriteTx};

/// Between two tries while the disk does not take it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a meter needs to settle.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) store: Arc<Store>,
    pub(super) tasks: TaskTracker,
    pub(super) stopping: CancellationToken,
}

/// What came of one answer.
struct Ended {
    /// None: nothing is charged.
    charge: Option<Charge>,
    model: String,
    /// None: the engine did nothing for it.
    used: Option<Usage>,
    is_reply: bool,
}

impl Ended {
    fn write(&self, tx: &WriteTx, settlement: Option<Settlement>) -> Result<()> {
        if let Some(settlement) = settlement {
            settlement.write(tx)?;
        }
        match self.used {
            Some(usage) if self.is_reply => add_reply(tx, &self.model, usage),
            Some(usage) => add_usage(tx, &self.model, usage),
            None => Ok(()),
        }
    }
}

impl Desk {
    /// `is_paid` false: what is charged is given back.
    async fn settle(self, mut ended: Vec<Ended>, is_paid: bool) {
        ended.retain(|answer| answer.charge.is_some() || answer.used.is_some());
        if ended.is_empty() {
            return;
        }
        let mut settlements = Vec::with_capacity(ended.len());
        for answer in &ended {
            settlements.push(match &answer.charge {
                Some(charge) => Some(charge.settlement(answer.used.filter(|_| is_paid)).await),
                None => None,
            });
        }
        let lines: Arc<Vec<_>> = Arc::new(ended.into_iter().zip(settlements).collect());
        let mut pause = FIRST_PAUSE;
        loop {
            let lines = Arc::clone(&lines);
            let write = move |tx: &WriteTx| {
                let mut lines = lines.iter();
                lines.try_for_each(|(ended, settlement)| ended.write(tx, *settlement))
            };
            let Err(error) = self.store.write(write).await else {
                return;
            };
            let passes = matches!(error.kind, ErrorKind::Overloaded { .. });
            if !passes || self.stopping.is_cancelled() {
                tracing::error!(%error, "a completion was not settled; it is released at the next start");
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// What is shared by all answers to one request.
pub(super) struct Bill {
    /// Nobody gets one of the answers before all have ended.
    is_whole: bool,
    state: Mutex<BillState>,
}

struct BillState {
    running: usize,
    ended: Vec<Ended>,
    /// One of them failed, which ends them all.
    has_failed: bool,
}

impl Bill {
    pub(super) fn new(answers: usize, is_whole: bool) -> Arc<Self> {
        Arc::new(Self {
            is_whole,
            state: Mutex::new(BillState {
                running: answers,
                ended: Vec::with_capacity(answers),
                has_failed: false,
            }),
        })
    }

    /// Gives what is to be settled now, and whether it is paid for.
    fn enter(&self, ended: Ended, has_failed: bool) -> (Vec<Ended>, bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running = state.running.saturating_sub(1);
        state.has_failed |= has_failed;
        state.ended.push(ended);
        let is_due = !self.is_whole || state.running == 0;
        let due = if is_due {
            std::mem::take(&mut state.ended)
        } else {
            Vec::new()
        };
        (due, !state.has_failed)
    }
}

/// How an answer ends.
#[derive(Clone, Copy)]
pub(super) enum Outcome {
    Finished(Usage),
    /// Nobody pays for what the engine did.
    Failed,
    /// Its client left, and pays for what the engine did.
    Left,
}

pub(super) struct Meter {
    desk: Desk,
    bill: Arc<Bill>,
    charge: Option<Charge>,
    model: String,
    tally: Tally,
    is_reply: bool,
    has_ended: bool,
}

impl Meter {
    pub(super) fn new(
        desk: &Desk,
        bill: &Arc<Bill>,
        charge: Option<Charge>,
        model: &str,
        tally: Tally,
    ) -> Self {
        Self {
            desk: desk.clone(),
            bill: Arc::clone(bill),
            charge,
            model: model.to_owned(),
            tally,
            is_reply: true,
            has_ended: false,
        }
    }

    /// The engine is asked for vectors, and says nothing until it has them.
    pub(super) fn begin_vectors(&mut self) {
        self.is_reply = false;
        self.tally.assume_read();
    }

    /// Enters the end on the bill; gives what is to be written for it, if anything is.
    fn close(&mut self, outcome: Outcome) -> Option<impl Future<Output = ()> + Send + use<>> {
        if std::mem::replace(&mut self.has_ended, true) {
            return None;
        }
        let used = match outcome {
            Outcome::Finished(usage) => Some(self.tally.finished(usage)),
            // Vectors that failed were maybe never begun.
            Outcome::Failed if !self.is_reply => None,
            Outcome::Failed | Outcome::Left => self.tally.usage(),
        };
        let ended = Ended {
            charge: self.charge.take(),
            model: std::mem::take(&mut self.model),
            used,
            is_reply: self.is_reply,
        };
        let (due, is_paid) = self.bill.enter(ended, matches!(outcome, Outcome::Failed));
        (!due.is_empty()).then(|| self.desk.clone().settle(due, is_paid))
    }

    /// Returns when it is on disk, where it is to be settled now; goes on where nobody waits. What
    /// costs nothing is waited for by nobody.
    pub(super) async fn end(mut self, outcome: Outcome) {
        let is_charged = self.charge.is_some();
        if let Some(settling) = self.close(outcome) {
            let settled = self.desk.tasks.spawn(settling);
            if is_charged {
                // A task that panicked has said so.
                let _ = settled.await;
            }
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        // Nobody pays for what the house broke off.
        let outcome = match self.desk.stopping.is_cancelled() {
            true => Outcome::Failed,
            false => Outcome::Left,
        };
        // Without a runtime the house is gone, and its next start releases this.
        if let Some(settling) = self.close(outcome)
            && let Ok(runtime) = Handle::try_current()
        {
            self.desk.tasks.spawn_on(settling, &runtime);
        }
    }
}

/// The engine's stream, and what it uses.
pub struct CompletionStream {
    stream: TokenStream,
    /// None: it has ended.
    meter: Option<Meter>,
}

impl CompletionStream {
    pub(super) fn new(stream: TokenStream, meter: Meter) -> Self {
        Self {
            stream,
            meter: Some(meter),
        }
    }

    /// As [`TokenStream::next_event`]. The end is told when what it costs is on disk; of answers that
    /// are handed over together, the last one's.
    pub async fn next_event(&mut self) -> Option<Result<EngineEvent, EngineError>> {
        let event = self.stream.next_event().await;
        let outcome = match &event {
            Some(Ok(EngineEvent::Finished(finished))) => Outcome::Finished(finished.usage),
            Some(Ok(told)) => {
                if let Some(meter) = &mut self.meter {
                    meter.tally.take(told);
                }
                return event;
            }
            Some(Err(_)) | None => Outcome::Failed,
        };
        if let Some(meter) = self.meter.take() {
            meter.end(outcome).await;
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::usage::list_usage;

    #[tokio::test]
    async fn vectors_that_nobody_waits_for_are_counted_by_their_estimate() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.redb"), 1 << 20).unwrap();
        let desk = Desk {
            store: Arc::new(store),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        };
        let meter = |bill| Meter::new(&desk, &bill, None, "m", Tally::new(100, None));
        drop(meter(Bill::new(1, true)));
        let mut asked = meter(Bill::new(1, true));
        asked.begin_vectors();
        drop(asked);
        let mut failed = meter(Bill::new(1, true));
        failed.begin_vectors();
        failed.end(Outcome::Failed).await;
        desk.tasks.close();
        desk.tasks.wait().await;
        let days = desk.store.read(|tx| list_usage(tx, 1)).await.unwrap();
        let used: Vec<_> = days.iter().map(|day| day.usage).collect();
        let [used] = used.as_slice() else {
            panic!("{used:?}");
        };
        assert_eq!((used.prompt_tokens, used.replies), (100, 0));
    }
}
