//! A running worker: commands in, reports out through the channel of all workers.
//!
//! Only the keeper's hands have one. Dropping it kills the worker; what the worker said until then
//! can still be taken from the channel.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::super::protocol::{Command, Load, Report};
use crate::engine::ModelFile;
use crate::worker::{
    Limits, WorkerError, WorkerGuard, WorkerKind, WorkerProcess, WorkerProgram, WorkerReceiver,
    WorkerSender,
};

/// The worker reads at all times; one that does not is as good as dead.
const SEND_DEADLINE: Duration = Duration::from_secs(20);
/// A worker that keeps nothing on disk writes no file.
fn limits(load: &Load) -> Limits {
    let largest = load.saved.as_ref().map_or(0, |saved| saved.budget_bytes);
    Limits {
        address_space_bytes: None,
        memory_above_start_bytes: None,
        cpu_time_s: None,
        file_size_bytes: Some(largest),
        open_files: Some(256),
    }
}

/// What is heard of a worker.
pub(super) enum News {
    Report(Report),
    /// It has ended; this is the last.
    Gone,
}

pub(super) struct Outlet {
    /// The model it was started for.
    pub(super) model: String,
    /// Size and time of its file.
    stamp: (u64, i64),
    pub(super) loaded: bool,
    sender: WorkerSender,
    guard: WorkerGuard,
}

impl Outlet {
    /// Starts a worker and tells it what to load.
    pub(super) async fn start(
        program: &WorkerProgram,
        file: &ModelFile,
        load: Load,
        (number, reports): (u64, mpsc::Sender<(u64, News)>),
        tracker: &TaskTracker,
    ) -> Result<Self, WorkerError> {
        let worker = WorkerProcess::start(program, WorkerKind::Engine, limits(&load), tracker)?;
        tracker.spawn(pump(worker.receiver, number, reports));
        let mut outlet = Self {
            model: file.id.clone(),
            stamp: (file.size_bytes, file.modified_ms),
            loaded: false,
            sender: worker.sender,
            guard: worker.guard,
        };
        outlet.send(&Command::Load(load)).await?;
        Ok(outlet)
    }

    pub(super) async fn send(&mut self, command: &Command) -> Result<(), WorkerError> {
        match tokio::time::timeout(SEND_DEADLINE, self.sender.send(command)).await {
            Ok(sent) => sent,
            Err(_) => Err(WorkerError::Late(SEND_DEADLINE.as_secs())),
        }
    }

    /// Whether it has the model as it is offered now; `file` is None when it no longer is.
    pub(super) fn is_for(&self, model: &str, file: Option<&ModelFile>) -> bool {
        let stamp = file.map(|file| (file.size_bytes, file.modified_ms));
        self.model == model && stamp == Some(self.stamp)
    }

    pub(super) fn process_id(&self) -> Option<u32> {
        self.guard.process_id()
    }

    /// Ends it in order.
    pub(super) async fn end(self) {
        self.guard.end(self.sender).await;
    }

    /// For one that died: what there is to say about it.
    pub(super) async fn epitaph(self) -> String {
        drop(self.sender);
        self.guard.epitaph().await
    }
}

/// A frame must not be dropped halfway, so it is read by a task that does nothing else.
async fn pump(mut receiver: WorkerReceiver, number: u64, reports: mpsc::Sender<(u64, News)>) {
    loop {
        let news = match receiver.next_frame().await {
            Ok(Some(report)) => News::Report(report),
            Ok(None) => News::Gone,
            Err(error) => {
                tracing::warn!(%error, "the engine worker cannot be understood");
                News::Gone
            }
        };
        let is_last = matches!(news, News::Gone);
        if reports.send((number, news)).await.is_err() || is_last {
            return;
        }
    }
}
