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
pub(super) fn run(arguments: WorkerArguments) -> ExitCode {
    let ended = match arguments.kind {
        WorkerKind::Plugins => crate::plugins::run_plugins_worker(arguments.limits),
        WorkerKind::Engine | WorkerKind::Probe => run_model_worker(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(feature = "llama")]
fn run_model_worker(arguments: &WorkerArguments) -> Result<(), String> {
    use crate::engine::llama;
    match arguments.kind {
        WorkerKind::Probe => llama::run_probe_worker(arguments.limits, arguments.verbose),
        _ => llama::run_engine_worker(arguments.limits, arguments.verbose),
    }
}

#[cfg(not(feature = "llama"))]
fn run_model_worker(arguments: &WorkerArguments) -> Result<(), String> {
    let (kind, _verbose) = (arguments.kind, arguments.verbose);
    Err(format!(
        "this build has no llama.cpp, so it has no worker {kind:?}"
    ))
}
