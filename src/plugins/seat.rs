//! One plugin's place in a process of its own: started when it is first needed, ended when it
//! misbehaves.
//!
//! A plugin never waits for another, since it shares nothing with it; its own calls wait for each
//! other, and not for long. A call that is given up in the middle, by the clock or because nobody
//! wants the answer any more, takes the process with it: what it would still say belongs to nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::code::Code;
use super::protocol::{
    Call, Command, Finished, HostAnswer, HostRequest, Report, ScriptError, ScriptFunction,
};
use crate::worker::{
    Limits, WorkerError, WorkerKind, WorkerProcess, WorkerProgram, WorkerReceiver,
};

/// What is beyond is ended from outside.
const HARD_DEADLINE: Duration = Duration::from_millis(500);
/// A process that has to be started, on a busy machine, and the script it compiles.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const CPU_TIME_S: u64 = 60;
/// So that a process that served long does not end for it in the middle of a call.
const RENEWED_AFTER: Duration = Duration::from_secs(20);
const MEMORY_BYTES: u64 = 512 << 20;
const OPEN_FILES: u64 = 16;

pub(super) const LIMITS: Limits = Limits {
    address_space_bytes: None,
    memory_above_start_bytes: Some(MEMORY_BYTES),
    cpu_time_s: Some(CPU_TIME_S),
    file_size_bytes: Some(0),
    open_files: Some(OPEN_FILES),
};

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum CallError {
    /// Too many wait for this plugin. It is not to blame.
    Busy,
    /// It is to blame.
    Failed(ScriptError),
}

/// Whoever does what a script asks of the house.
pub(super) trait Host: Sync {
    fn perform(
        &self,
        request: HostRequest,
        until: Instant,
    ) -> impl Future<Output = HostAnswer> + Send;
}

#[derive(Clone)]
pub(super) struct Workshop {
    pub(super) program: WorkerProgram,
    pub(super) tasks: TaskTracker,
    /// Once cancelled no process is started: the house waits for each to end.
    pub(super) stop: CancellationToken,
}

#[derive(Default)]
pub(super) struct Seat {
    process: Mutex<Option<Loaded>>,
}

struct Loaded {
    worker: WorkerProcess,
    code: Arc<Code>,
    settings: String,
    worked: Duration,
}

/// What a call gave, and how long it took without the start of a process.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) finished: Finished,
    pub(super) took: Duration,
}

impl Seat {
    /// Calls a function. Answers within the deadline and half a second, besides the waiting for
    /// calls of the same plugin and the start of its process.
    pub(super) async fn call(
        &self,
        workshop: &Workshop,
        code: &Arc<Code>,
        settings: &str,
        call: Call,
        host: &impl Host,
    ) -> Result<Called, CallError> {
        let deadline = Duration::from_millis(call.deadline_ms);
        let turn = tokio::time::timeout(deadline * 2 + HARD_DEADLINE, self.process.lock());
        let mut place = turn.await.map_err(|_| CallError::Busy)?;
        // Taken out, so that a call that is given up in the middle drops and so ends the process.
        let mut loaded = match place.take() {
            Some(loaded) => loaded.renewed(workshop, code, settings).await,
            None => Loaded::start(workshop, code, settings).await,
        }?;
        let begun = Instant::now();
        let until = begun + deadline;
        let talk = loaded.talk(call, host, until);
        let ended = tokio::time::timeout(deadline + HARD_DEADLINE, talk).await;
        let took = begun.elapsed();
        match ended {
            Ok(Ok(finished)) => {
                loaded.worked += took;
                *place = Some(loaded);
                Ok(Called { finished, took })
            }
            Ok(Err(_)) => {
                loaded.bury(workshop);
                Err(failed(
                    "its process died: it took too much memory, or nested too deeply",
                ))
            }
            Err(_) => {
                drop(loaded);
                let limit = deadline.as_millis();
                Err(failed(format!(
                    "it took longer than {limit} ms, and its process was ended"
                )))
            }
        }
    }

    /// Has the process ready for the next call. What fails here fails there again, and is told there.
    pub(super) async fn warm(&self, workshop: &Workshop, code: &Arc<Code>, settings: &str) {
        let mut place = self.process.lock().await;
        if place.is_none() {
            *place = Loaded::start(workshop, code, settings).await.ok();
        }
    }

    /// Ends the process.
    pub(super) async fn clear(&self) {
        self.process.lock().await.take();
    }
}

fn failed(message: impl Into<String>) -> CallError {
    CallError::Failed(ScriptError::of_whole(message))
}

impl Loaded {
    async fn start(
        workshop: &Workshop,
        code: &Arc<Code>,
        settings: &str,
    ) -> Result<Self, CallError> {
        if workshop.stop.is_cancelled() {
            return Err(CallError::Busy);
        }
        let worker = WorkerProcess::start(
            &workshop.program,
            WorkerKind::Plugins,
            LIMITS,
            &workshop.tasks,
        );
        let worker = worker.map_err(|error| {
            tracing::error!(%error, "a plugin's process cannot be started");
            CallError::Busy
        })?;
        let loaded = Self {
            worker,
            code: Arc::clone(code),
            settings: settings.to_owned(),
            worked: Duration::ZERO,
        };
        loaded.load(workshop).await
    }

    async fn load(mut self, workshop: &Workshop) -> Result<Self, CallError> {
        let command = Command::Load {
            source: self.code.source.clone(),
            settings: self.settings.clone(),
        };
        let WorkerProcess {
            sender, receiver, ..
        } = &mut self.worker;
        let answer = tokio::time::timeout(START_TIMEOUT, async {
            sender.send(&command).await?;
            next_report(receiver).await
        });
        match answer.await {
            Ok(Ok(Report::Loaded(Ok(_)))) => Ok(self),
            Ok(Ok(Report::Loaded(Err(error)))) => Err(CallError::Failed(error)),
            Ok(_) => {
                self.bury(workshop);
                Err(failed("its process died while the script was compiled"))
            }
            Err(_) => Err(failed("it took too long to compile")),
        }
    }

    /// The same process where it can go on, with what is to be loaded now.
    async fn renewed(
        mut self,
        workshop: &Workshop,
        code: &Arc<Code>,
        settings: &str,
    ) -> Result<Self, CallError> {
        if self.worked > RENEWED_AFTER {
            return Self::start(workshop, code, settings).await;
        }
        if Arc::ptr_eq(&self.code, code) && self.settings == settings {
            return Ok(self);
        }
        self.code = Arc::clone(code);
        settings.clone_into(&mut self.settings);
        self.load(workshop).await
    }

    async fn talk(
        &mut self,
        call: Call,
        host: &impl Host,
        until: Instant,
    ) -> Result<Finished, WorkerError> {
        let WorkerProcess {
            sender, receiver, ..
        } = &mut self.worker;
        sender.send(&Command::Call(call)).await?;
        loop {
            match next_report(receiver).await? {
                Report::Finished(finished) => return Ok(finished),
                Report::Ask { id, request } => {
                    let answer = host.perform(request, until).await;
                    sender.send(&Command::Answer { id, answer }).await?;
                }
                Report::Loaded(_) => return Err(WorkerError::Stopped),
            }
        }
    }

    /// Logs how the process died, while nobody waits for that.
    fn bury(self, workshop: &Workshop) {
        let WorkerProcess { sender, guard, .. } = self.worker;
        drop(sender);
        workshop.tasks.spawn(async move {
            let epitaph = guard.epitaph().await;
            tracing::warn!(target: "worker", epitaph, "a plugin's process died");
        });
    }
}

async fn next_report(receiver: &mut WorkerReceiver) -> Result<Report, WorkerError> {
    receiver.next_frame().await?.ok_or(WorkerError::Stopped)
}

/// Compiles a source in a process of its own, and says which functions it defines.
pub(super) async fn compile(
    workshop: &Workshop,
    source: &str,
) -> Result<Vec<ScriptFunction>, ScriptError> {
    let worker = WorkerProcess::start(
        &workshop.program,
        WorkerKind::Plugins,
        LIMITS,
        &workshop.tasks,
    );
    let command = Command::Load {
        source: source.to_owned(),
        settings: "{}".into(),
    };
    let answer = match worker {
        Ok(worker) => worker.ask(&command, START_TIMEOUT).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(Report::Loaded(outcome)) => outcome,
        _ => Err(ScriptError::of_whole(
            "the interpreter could not compile this: it nests too deeply, or is too large",
        )),
    }
}
