//! What a program's request costs, which nobody stores: settled when its stream has ended, failed,
//! or was dropped by a client that left.
//!
//! A meter that is dropped settles by itself, on the tasks that shutdown waits for. What a killed
//! house did not settle is released at its next start. Made by `completions` alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::charges::{Charge, Settlement};
use crate::engine::{EngineError, EngineEvent, TokenStream, Usage};
use crate::error::ErrorKind;
use crate::store::Store;
use crate::store::usage::add_usage;

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

impl Desk {
    /// For the overview, which nobody waits for.
    fn add_up(&self, model: String, usage: Usage) {
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let added = store.write(move |tx| add_usage(tx, &model, usage)).await;
            if let Err(error) = added {
                tracing::warn!(%error, "what a completion used was not added up");
            }
        });
    }

    async fn settle(self, charge: Charge, used: Option<Usage>) {
        let settlement: Settlement = charge.settlement(used).await;
        let mut pause = FIRST_PAUSE;
        loop {
            let written = self.store.write(move |tx| settlement.write(tx)).await;
            let Err(error) = written else { return };
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

pub(super) struct Meter {
    desk: Desk,
    /// None: it is settled, or on its way there.
    charge: Option<Charge>,
    used: Usage,
    is_begun: bool,
    /// Whether one of the answers to the same request has failed, which ends them all.
    has_failed: Arc<AtomicBool>,
}

impl Meter {
    /// `has_failed` is shared by all answers to one request.
    pub(super) fn new(desk: &Desk, charge: Charge, has_failed: &Arc<AtomicBool>) -> Self {
        Self {
            desk: desk.clone(),
            charge: Some(charge),
            used: Usage::default(),
            is_begun: false,
            has_failed: Arc::clone(has_failed),
        }
    }

    fn count(&mut self, event: &EngineEvent) {
        match event {
            EngineEvent::Prefill { total, .. } => self.used.prompt_tokens = *total,
            EngineEvent::Delta(_) | EngineEvent::Reasoning(_) | EngineEvent::ToolCall(_) => {
                self.used.completion_tokens = self.used.completion_tokens.saturating_add(1);
            }
            EngineEvent::Queued { .. } | EngineEvent::Chances(_) | EngineEvent::Finished(_) => {}
        }
    }

    /// `used` None: nothing is charged. Returns when it is on disk; goes on where nobody waits.
    pub(super) async fn end(mut self, used: Option<Usage>) {
        if used.is_none() {
            self.has_failed.store(true, Ordering::Release);
        }
        if let Some(charge) = self.charge.take() {
            let settled = self
                .desk
                .tasks
                .spawn(self.desk.clone().settle(charge, used));
            // A task that panicked has said so.
            let _ = settled.await;
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let Some(charge) = self.charge.take() else {
            return;
        };
        // A client that left pays; nobody pays for what the house broke off.
        let is_broken_off =
            self.has_failed.load(Ordering::Acquire) || self.desk.stopping.is_cancelled();
        let used = (self.is_begun && !is_broken_off).then(|| charge.used_so_far(self.used));
        // Without a runtime the house is gone, and its next start releases this.
        if let Ok(runtime) = Handle::try_current() {
            let settling = self.desk.clone().settle(charge, used);
            self.desk.tasks.spawn_on(settling, &runtime);
        }
    }
}

/// The engine's stream, and what it costs.
pub struct CompletionStream {
    stream: TokenStream,
    meter: Option<Meter>,
    desk: Desk,
    model: String,
}

impl CompletionStream {
    pub(super) fn new(
        stream: TokenStream,
        mut meter: Option<Meter>,
        desk: Desk,
        model: String,
    ) -> Self {
        if let Some(meter) = &mut meter {
            meter.is_begun = true;
        }
        Self {
            stream,
            meter,
            desk,
            model,
        }
    }

    /// As [`TokenStream::next_event`]. The end is told when what it costs is on disk.
    pub async fn next_event(&mut self) -> Option<Result<EngineEvent, EngineError>> {
        let event = self.stream.next_event().await;
        let used = match &event {
            Some(Ok(EngineEvent::Finished(finished))) => {
                self.desk.add_up(self.model.clone(), finished.usage);
                Some(finished.usage)
            }
            Some(Ok(told)) => {
                if let Some(meter) = &mut self.meter {
                    meter.count(told);
                }
                return event;
            }
            Some(Err(_)) | None => None,
        };
        if let Some(meter) = self.meter.take() {
            meter.end(used).await;
        }
        event
    }
}
