//! The server's side of a worker: start it, talk to it, end it.
//!
//! A worker gets no environment, its own process group (a terminal's Ctrl-C is for the server,
//! which then ends its workers in order) and pipes. Its stderr goes into the log under the target
//! `worker`. Closing stdin ends it; what does not end in time is killed, and dropping kills too.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::frames::{self, FrameError};
use super::{Limits, WorkerKind, WorkerProgram};

/// What lists of processes show, however the program is found.
const SHOWN_AS: &str = "chatelaine";
/// Lines of stderr kept to explain a death.
const LAST_WORDS_LINES: usize = 12;
/// What is read of one line; the rest of it is passed over.
const MAX_LINE_BYTES: usize = 1000;
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
    /// Ends with the worker's stderr.
    last_words: JoinHandle<VecDeque<String>>,
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
        let last_words = tracker.spawn(log_stderr(BufReader::new(stderr), kind));
        Ok(Self {
            sender: WorkerSender { stdin },
            receiver: WorkerReceiver {
                stdout: BufReader::with_capacity(64 * 1024, stdout),
            },
            guard: WorkerGuard { child, last_words },
        })
    }

    /// One question, one answer, within `deadline`; then the worker is ended. How one died that
    /// gave none is logged.
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
        if answer.is_ok() {
            self.guard.end(self.sender).await;
        } else {
            drop(self.sender);
            let epitaph = self.guard.epitaph().await;
            tracing::warn!(target: "worker", epitaph, "a worker gave no answer");
        }
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

    /// Whether it is gone already. Waits for nothing.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// How a worker that stopped answering has ended; None: it has not, for a while.
    pub async fn ended(&mut self) -> Option<ExitStatus> {
        let ending = tokio::time::timeout(END_GRACE, self.child.wait()).await;
        ending.ok()?.ok()
    }

    /// For a worker that died by itself: how, and what it said last. For the log.
    pub async fn epitaph(mut self) -> String {
        let status = match self.ended().await {
            Some(status) => status.to_string(),
            None => {
                // Already gone is as good.
                let _gone = self.child.start_kill();
                "no longer answering".to_owned()
            }
        };
        // Something it started may hold its stderr open for longer.
        let words = tokio::time::timeout(END_GRACE, self.last_words).await;
        let words = Vec::from(words.unwrap_or(Ok(VecDeque::new())).unwrap_or_default());
        format!("{status}; its last words: {}", words.join(" | "))
    }
}

/// Returns the last lines.
async fn log_stderr(mut stderr: impl AsyncBufRead + Unpin, kind: WorkerKind) -> VecDeque<String> {
    let mut last_words = VecDeque::new();
    while let Ok(Some(line)) = next_line(&mut stderr).await {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.is_empty() {
            continue;
        }
        log_line(kind.name(), &line);
        if last_words.len() == LAST_WORDS_LINES {
            last_words.pop_front();
        }
        last_words.push_back(line);
    }
    last_words
}

/// The beginning of the next line; None at the end. No more is kept than [`MAX_LINE_BYTES`],
/// whatever a broken worker writes.
async fn next_line(pipe: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut begun = false;
    loop {
        let bytes = pipe.fill_buf().await?;
        if bytes.is_empty() {
            return Ok(begun.then_some(line));
        }
        begun = true;
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let text = &bytes[..end.unwrap_or(bytes.len())];
        line.extend(text.iter().take(MAX_LINE_BYTES - line.len()));
        let read = text.len() + usize::from(end.is_some());
        pipe.consume(read);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// The program itself says what failed; libraries say much, and it is for debugging. What they say
/// when they end the process comes with the epitaph.
fn log_line(kind: &str, line: &str) {
    match line.strip_prefix("error: ") {
        Some(text) => tracing::error!(target: "worker", kind, "{text}"),
        None => tracing::debug!(target: "worker", kind, "{line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_without_end_takes_no_more_memory_than_a_long_one() {
        let mut written = vec![b'x'; 5 << 20];
        written.extend(b"\n\nshort\nlast");
        let mut pipe = BufReader::new(written.as_slice());
        let first = next_line(&mut pipe).await.unwrap().unwrap();
        assert!(first.capacity() <= 2 * MAX_LINE_BYTES && first.len() == MAX_LINE_BYTES);
        for rest in ["", "short", "last"] {
            assert_eq!(
                next_line(&mut pipe).await.unwrap().unwrap(),
                rest.as_bytes()
            );
        }
        assert_eq!(next_line(&mut pipe).await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_last_words_are_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let executable = folder.path().join("program");
        // Written by another process: this one could hand the open file on to a child, and then it
        // could not be started.
        let script = "#!/bin/sh\n(sleep 0.3; echo farewell >&2) &\nexit 3\n";
        let written = std::process::Command::new("sh")
            .args(["-c", r#"printf %s "$1" > "$0" && chmod +x "$0""#])
            .args([executable.as_os_str(), script.as_ref()])
            .status();
        assert!(written.unwrap().success());
        let worker = WorkerProcess::start(
            &WorkerProgram { executable },
            WorkerKind::Engine,
            Limits::default(),
            &TaskTracker::new(),
        );
        let epitaph = worker.unwrap().guard.epitaph().await;
        assert!(
            epitaph.contains('3') && epitaph.ends_with("farewell"),
            "{epitaph}"
        );
    }
}
