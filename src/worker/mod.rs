//! Child processes: the one mechanism by which everything that may abort runs outside the server.
//!
//! The binary starts itself again as `worker KIND`, with no environment, limits it sets on itself
//! first, and pipes: frames on stdin and stdout, words on stderr. What dies there dies alone. The
//! server's side is [`WorkerProcess`] (any room with a kind of worker), the child's side is
//! [`ChildSide`] (only `cli/worker.rs` enters it, before any runtime exists). This room knows
//! bytes and processes, never what a frame means. A worker ends when its stdin is closed, so none
//! outlives the server, however the server ends.

mod backoff;
mod child;
mod frames;
mod limits;
mod process;

use std::path::PathBuf;

pub use backoff::Backoff;
pub use child::ChildSide;
pub use frames::FrameError;
pub use limits::Limits;
pub use process::{WorkerError, WorkerGuard, WorkerProcess, WorkerReceiver, WorkerSender};

/// The kinds of worker, as they are named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum WorkerKind {
    /// Holds one loaded model and writes replies.
    Engine,
    /// Opens one model file, says what it is, and ends.
    Probe,
    /// Runs the scripts of one plugin.
    Plugins,
}

impl WorkerKind {
    fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Probe => "probe",
            Self::Plugins => "plugins",
        }
    }
}

/// The program that is started as a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerProgram {
    pub executable: PathBuf,
}

impl WorkerProgram {
    /// This very program, also when its file has been replaced or deleted since. Without `/proc`, as
    /// in an empty root, by the name it was called by.
    pub fn current() -> std::io::Result<Self> {
        let itself = PathBuf::from("/proc/self/exe");
        if itself.exists() {
            return Ok(Self { executable: itself });
        }
        let by_name = || {
            std::env::args_os()
                .next()
                .map(PathBuf::from)
                .filter(|path| path.is_file())
        };
        let executable = std::env::current_exe().or_else(|error| by_name().ok_or(error))?;
        Ok(Self { executable })
    }
}
