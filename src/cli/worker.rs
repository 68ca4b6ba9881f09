//! `chatelaine worker KIND`: what the binary starts of itself. Not for people.
//!
//! Runs before any runtime exists: the worker limits itself first, and a model's own threads are
//! the only ones it needs besides.

use std::process::ExitCode;

use clap::Args;

use crate::worker::{Limits, WorkerKind};

#[derive(Debug, Clone, Args)]
pub(super) struct WorkerArguments {
    #[arg(value_enum)]
    kind: WorkerKind,
    #[command(flatten)]
    limits: Limits,
    /// Lets libraries write their messages to stderr.
    #[arg(long)]
    verbose: bool,
}

/// Works until stdin is closed.
#[cfg(feature = "llama")]
pub(super) fn run(arguments: WorkerArguments) -> ExitCode {
    use crate::engine::llama;
    let limits = arguments.limits;
    let ended = match arguments.kind {
        WorkerKind::Engine => llama::run_engine_worker(limits, arguments.verbose),
        WorkerKind::Probe => llama::run_probe_worker(limits, arguments.verbose),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(feature = "llama"))]
pub(super) fn run(arguments: WorkerArguments) -> ExitCode {
    let (kind, _limits, _verbose) = (arguments.kind, arguments.limits, arguments.verbose);
    eprintln!("error: this build has no llama.cpp, so it has no worker {kind:?}");
    ExitCode::FAILURE
}
