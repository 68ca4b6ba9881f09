//! The server's side of a worker: start it, talk to it, end it.
//!
//! A worker gets no environment, its own process group (a terminal's Ctrl-C is for the server,
//! which then ends its workers in order) and pipes. Its stderr goes into the log under the target
//! `worker`. Closing stdin ends it; what does not end in time is killed, and dropping kills too.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio_util::task::TaskTracker;

use super::frames::{self, FrameError};
use super::{Limits, WorkerKind, WorkerProgram};

/// What lists of processes show, however the program is found.
const SHOWN_AS: &str = "chatelaine";
/// Lines of stderr kept to explain a death.
const LAST_WORDS_LINES: usize = 12;
const END_GRACE: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("a worker could not be started: {0}")]
    Start(std::io::Error),
    /// It ended, by itself or by a signal, without an answer.
    #[error("the worker stopped")]
    Stopped,
    #[error("the worker did not answer within {0} s")]
    Late(u64),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

pub struct WorkerProcess {
    pub sender: WorkerSender,
    pub receiver: WorkerReceiver,
    pub guard: WorkerGuard,
}

pub struct WorkerSender {
    stdin: ChildStdin,
}

pub struct WorkerReceiver {
    stdout: BufReader<ChildStdout>,
}

/// Holds the process; dropping it kills the worker.
pub struct WorkerGuard {
    child: Child,
    last_words: Arc<Mutex<VecDeque<String>>>,
}

impl WorkerProcess {
    /// Starts a worker. Its stderr is read by a task on `tracker`.
    pub fn start(
        program: &WorkerProgram,
        kind: WorkerKind,
        limits: Limits,
        tracker: &TaskTracker,
    ) -> Result<Self, WorkerError> {
        let verbose = tracing::enabled!(target: "worker", tracing::Level::DEBUG);
        let mut command = Command::new(&program.executable);
        command
            .arg0(SHOWN_AS)
            .arg("worker")
            .arg(kind.name())
            .args(limits.to_arguments())
            .args(verbose.then_some("--verbose"))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(WorkerError::Start)?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(WorkerError::Stopped);
        };
        let last_words = Arc::default();
        tracker.spawn(log_stderr(stderr, kind, Arc::clone(&last_words)));
        Ok(Self {
            sender: WorkerSender { stdin },
            receiver: WorkerReceiver {
                stdout: BufReader::with_capacity(64 * 1024, stdout),
            },
            guard: WorkerGuard { child, last_words },
        })
    }

    /// One question, one answer, within `deadline`; then the worker is ended.
    pub async fn ask<Answer: DeserializeOwned>(
        mut self,
        question: &impl Serialize,
        deadline: Duration,
    ) -> Result<Answer, WorkerError> {
        let answer = tokio::time::timeout(deadline, async {
            self.sender.send(question).await?;
            self.receiver
                .next_frame()
                .await?
                .ok_or(WorkerError::Stopped)
        });
        let answer = answer
            .await
            .unwrap_or(Err(WorkerError::Late(deadline.as_secs())));
        self.guard.end(self.sender).await;
        answer
    }
}

impl WorkerSender {
    /// Sends a frame; waits while the worker does not read.
    pub async fn send(&mut self, frame: &impl Serialize) -> Result<(), WorkerError> {
        frames::send_frame(&mut self.stdin, frame)
            .await
            .map_err(|error| match error {
                FrameError::Io(_) => WorkerError::Stopped,
                other => WorkerError::Frame(other),
            })
    }
}

impl WorkerReceiver {
    /// None when the worker has ended. Not to be dropped halfway: a frame's beginning would be lost.
    pub async fn next_frame<T: DeserializeOwned>(&mut self) -> Result<Option<T>, WorkerError> {
        frames::receive_frame(&mut self.stdout)
            .await
            .map_err(|error| match error {
                FrameError::Io(_) => WorkerError::Stopped,
                other => WorkerError::Frame(other),
            })
    }
}

impl WorkerGuard {
    /// The process id, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends the worker cleanly: closes its stdin, waits a little, then kills it.
    pub async fn end(mut self, sender: WorkerSender) {
        drop(sender);
        if tokio::time::timeout(END_GRACE, self.child.wait())
            .await
            .is_err()
        {
            // Already gone is as good.
            let _gone = self.child.kill().await;
        }
    }

    /// For a worker that died by itself: how, and what it said last. For the log.
    pub async fn epitaph(mut self) -> String {
        let status = match tokio::time::timeout(END_GRACE, self.child.wait()).await {
            Ok(Ok(status)) => status.to_string(),
            _ => "no longer answering".to_owned(),
        };
        let words = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        format!("{status}; its last words: {}", words.join(" | "))
    }
}

async fn log_stderr(
    stderr: ChildStderr,
    kind: WorkerKind,
    last_words: Arc<Mutex<VecDeque<String>>>,
) {
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let mut line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.is_empty() {
            continue;
        }
        if let Some((end, _)) = line.char_indices().nth(1000) {
            line.truncate(end);
        }
        log_line(kind.name(), &line);
        let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() == LAST_WORDS_LINES {
            words.pop_front();
        }
        words.push_back(line);
    }
}

/// A worker begins a line with its level; libraries do not, and theirs are for debugging.
fn log_line(kind: &str, line: &str) {
    if let Some(text) = line.strip_prefix("error: ") {
        tracing::error!(target: "worker", kind, "{text}");
    } else if let Some(text) = line.strip_prefix("warn: ") {
        tracing::warn!(target: "worker", kind, "{text}");
    } else if let Some(text) = line.strip_prefix("info: ") {
        tracing::info!(target: "worker", kind, "{text}");
    } else {
        tracing::debug!(target: "worker", kind, "{line}");
    }
}
