//! One plugin's place in a process of its own: started before it is needed where that can be, ended
//! when it misbehaves.
//!
//! A plugin never waits for another, since it shares nothing with it. Its own calls wait for each
//! other, in the order of `queues`. Nothing waits beyond the moment it was given. What the house is to
//! blame for is told apart from what the script is; of a process that was ended in the middle of a call
//! nobody can say, and whoever counts decides.

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::code::Code;
use super::hook::Hook;
use super::protocol::{
    Call, Command, Finished, HostAnswer, HostRequest, Report, ScriptError, ScriptFunction,
};
use super::queues::{Front, Queues};
use crate::worker::{
    Limits, WorkerError, WorkerGuard, WorkerKind, WorkerProcess, WorkerProgram, WorkerReceiver,
};

/// What is beyond is ended from outside.
pub(super) const HARD_DEADLINE: Duration = Duration::from_millis(500);
/// A process that has to be started, on a busy machine, and the script it compiles. What is not ready
/// by then is no fault of the script.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// More than it can take before it is renewed, and in the longest call after that: the clock is to
/// end it, which says so.
const CPU_TIME_S: u64 = 120;
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
    /// The house could not do its part, for the log. It is not to blame either.
    House(String),
    /// Its process was ended from outside in the middle of the call: by somebody, or by a system that
    /// has no memory for what the script wants.
    Killed,
    /// It is to blame.
    Failed(ScriptError),
}

impl From<ScriptError> for CallError {
    fn from(error: ScriptError) -> Self {
        Self::Failed(error)
    }
}

/// Whoever does what a script asks of the house.
pub(super) trait Host: Sync {
    fn perform(
        &self,
        request: HostRequest,
        until: Instant,
    ) -> impl Future<Output = HostAnswer> + Send;

    /// What the house could not do for the script, though it had the time.
    fn fault(&self) -> Option<String>;
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
    process: Arc<tokio::sync::Mutex<Option<Loaded>>>,
    queues: Queues,
}

/// The right to make the next call.
pub(super) struct Turn {
    place: OwnedMutexGuard<Option<Loaded>>,
    _front: Front,
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
    /// None: too many wait, or it is not their turn by then.
    pub(super) async fn turn(&self, hook: Hook, who: &str, latest: Instant) -> Option<Turn> {
        let own = self.queues.find_place(hook, who)?;
        let taking = async {
            let front = own.front().await;
            let place = Arc::clone(&self.process).lock_owned().await;
            Turn {
                place,
                _front: front,
            }
        };
        tokio::time::timeout_at(latest.into(), taking).await.ok()
    }

    /// Has the process ready for the next call. Where a call is being answered, that sees to it.
    /// `wanted` says what is to be loaded, if anything still is.
    pub(super) async fn warm(
        &self,
        workshop: &Workshop,
        wanted: impl FnOnce() -> Option<(Arc<Code>, String)>,
    ) -> Result<(), CallError> {
        let Ok(mut place) = self.process.try_lock() else {
            return Ok(());
        };
        let Some((code, settings)) = wanted() else {
            return Ok(());
        };
        let before = place.take();
        *place = Some(Loaded::ready(before, workshop, &code, &settings).await?);
        Ok(())
    }

    /// Whether a process is there; one that is in use is.
    pub(super) fn is_ready(&self) -> bool {
        self.process
            .try_lock()
            .map_or(true, |place| place.is_some())
    }

    /// Ends the process.
    pub(super) async fn clear(&self) {
        self.process.lock().await.take();
    }
}

impl Turn {
    /// Calls a function. The call begins before `latest` or not at all, and then has an end within
    /// its deadline and half a second.
    pub(super) async fn call(
        mut self,
        workshop: &Workshop,
        code: &Arc<Code>,
        settings: &str,
        call: Call,
        latest: Instant,
        host: &impl Host,
    ) -> Result<Called, CallError> {
        let deadline = Duration::from_millis(call.deadline_ms);
        let mut loaded = Loaded::ready(self.place.take(), workshop, code, settings).await?;
        let begun = Instant::now();
        if begun > latest {
            *self.place = Some(loaded);
            return Err(CallError::Busy);
        }
        let talk = loaded.talk(call, host, begun + deadline);
        let ended = tokio::time::timeout(deadline + HARD_DEADLINE, talk).await;
        let took = begun.elapsed();
        let outcome = match ended {
            Ok(Ok(finished)) => {
                loaded.worked += took;
                if loaded.worked <= RENEWED_AFTER {
                    *self.place = Some(loaded);
                }
                Ok(Called { finished, took })
            }
            Ok(Err(_)) => Err(match has_died_by_itself(loaded.worker, workshop).await {
                true => failed("its process died: it took too much memory, or nested too deeply"),
                false => CallError::Killed,
            }),
            Err(_) => {
                drop(loaded);
                let limit = deadline.as_millis();
                Err(failed(format!(
                    "it took longer than {limit} ms, and its process was ended"
                )))
            }
        };
        let has_failed = match &outcome {
            Ok(called) => called.finished.outcome.is_err(),
            Err(error) => matches!(error, CallError::Failed(_)),
        };
        match host.fault().filter(|_| has_failed) {
            Some(fault) => Err(CallError::House(fault)),
            None => outcome,
        }
    }
}

fn failed(message: impl Into<String>) -> CallError {
    CallError::Failed(ScriptError::of_whole(message))
}

/// Whether the script is to blame for a process that is gone. A script ends its process by a fault of
/// memory; the house, the system and other people by other means.
async fn has_died_by_itself(worker: WorkerProcess, workshop: &Workshop) -> bool {
    const FROM_OUTSIDE: [Signal; 5] = [
        Signal::KILL,
        Signal::TERM,
        Signal::INT,
        Signal::HUP,
        Signal::QUIT,
    ];
    let WorkerProcess {
        sender, mut guard, ..
    } = worker;
    drop(sender);
    let signal = guard.ended().await.and_then(|status| status.signal());
    log_death(guard, workshop);
    let outside = |signal: i32| FROM_OUTSIDE.iter().any(|other| other.as_raw() == signal);
    signal.is_some_and(|signal| !outside(signal))
}

/// While nobody waits for that.
fn log_death(guard: WorkerGuard, workshop: &Workshop) {
    workshop.tasks.spawn(async move {
        let epitaph = guard.epitaph().await;
        tracing::warn!(target: "worker", epitaph, "a plugin's process died");
    });
}

fn open(workshop: &Workshop) -> Result<WorkerProcess, CallError> {
    if workshop.stop.is_cancelled() {
        return Err(CallError::Busy);
    }
    let worker = WorkerProcess::start(
        &workshop.program,
        WorkerKind::Plugins,
        LIMITS,
        &workshop.tasks,
    );
    worker.map_err(|error| {
        tracing::error!(%error, "a plugin's process cannot be started");
        CallError::House("its process could not be started".into())
    })
}

/// Compiles a source; what it defines.
async fn load(
    mut worker: WorkerProcess,
    workshop: &Workshop,
    source: &str,
    settings: &str,
) -> Result<(WorkerProcess, Vec<ScriptFunction>), CallError> {
    let command = Command::Load {
        source: source.to_owned(),
        settings: settings.to_owned(),
    };
    let WorkerProcess {
        sender, receiver, ..
    } = &mut worker;
    let answer = tokio::time::timeout(START_TIMEOUT, async {
        sender.send(&command).await?;
        next_report(receiver).await
    });
    match answer.await {
        Ok(Ok(Report::Loaded(Ok(functions)))) => Ok((worker, functions)),
        Ok(Ok(Report::Loaded(Err(error)))) => Err(CallError::Failed(error)),
        Ok(_) => Err(match has_died_by_itself(worker, workshop).await {
            true => failed(
                "the interpreter could not compile this: it nests too deeply, or is too large",
            ),
            false => CallError::House("its process was ended from outside".into()),
        }),
        // Whatever a script holds, it compiles in a small part of that: the machine is slow.
        Err(_) => Err(CallError::House(
            "its process was not ready within 10 s".into(),
        )),
    }
}

impl Loaded {
    /// The process there was, if it still is one, with what is to be loaded now.
    async fn ready(
        before: Option<Self>,
        workshop: &Workshop,
        code: &Arc<Code>,
        settings: &str,
    ) -> Result<Self, CallError> {
        if let Some(mut loaded) = before {
            if !loaded.worker.guard.has_ended() {
                return loaded.renewed(workshop, code, settings).await;
            }
            // Between two calls: no script is to blame.
            log_death(loaded.worker.guard, workshop);
        }
        Self::filled(open(workshop)?, workshop, code, settings).await
    }

    async fn filled(
        worker: WorkerProcess,
        workshop: &Workshop,
        code: &Arc<Code>,
        settings: &str,
    ) -> Result<Self, CallError> {
        let (worker, functions) = load(worker, workshop, &code.source, settings).await?;
        code.check_functions(&functions)?;
        Ok(Self {
            worker,
            code: Arc::clone(code),
            settings: settings.to_owned(),
            worked: Duration::ZERO,
        })
    }

    /// The same process, with what is to be loaded now.
    async fn renewed(
        self,
        workshop: &Workshop,
        code: &Arc<Code>,
        settings: &str,
    ) -> Result<Self, CallError> {
        if Arc::ptr_eq(&self.code, code) && self.settings == settings {
            return Ok(self);
        }
        let worked = self.worked;
        let loaded = Self::filled(self.worker, workshop, code, settings).await?;
        Ok(Self { worked, ..loaded })
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
}

async fn next_report(receiver: &mut WorkerReceiver) -> Result<Report, WorkerError> {
    receiver.next_frame().await?.ok_or(WorkerError::Stopped)
}

/// Compiles a source in a process of its own, and says which functions it defines.
pub(super) async fn compile(
    workshop: &Workshop,
    source: &str,
) -> Result<Vec<ScriptFunction>, CallError> {
    let (worker, functions) = load(open(workshop)?, workshop, source, "{}").await?;
    worker.guard.end(worker.sender).await;
    Ok(functions)
}
