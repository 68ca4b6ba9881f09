//! The command line, one file a subcommand. The only room that prints.
//!
//! Exit status 0; 1 for a failure, with one plain sentence on stderr; 2 for wrong usage.

#![expect(
    clippy::print_stderr,
    reason = "this room is the one that talks to the terminal"
)]

mod adapter;
mod ask;
mod audit;
mod completions;
mod key;
mod model;
mod openapi;
mod plugin_reference;
mod serve;
mod user;
mod worker;

use std::io::{ErrorKind as IoErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::UserRole;
use crate::appliance::{open_library, prepare_data_folder};
use crate::config::{Config, default_data_folder};
use crate::error::{Error, ErrorKind, Result};
use crate::models::Library;

/// A private ChatGPT for a household, a team or a school, in one file
#[derive(Parser)]
#[command(
    name = "chatelaine",
    version,
    after_help = "Example: chatelaine serve --data ~/chatelaine"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the appliance: the web page and the API
    Serve(serve::Arguments),
    /// One answer in the terminal, with no server and no account
    Ask(ask::Arguments),
    /// Add and list users, set a password; while no server runs on the data folder
    User(user::Arguments),
    /// Make, load, list and withdraw registration keys; while no server runs on the data folder
    Key(key::Arguments),
    /// Add, list and remove model files
    Model(model::Arguments),
    /// Add, list and remove adapters; while no server runs on the data folder
    Adapter(adapter::Arguments),
    /// Check the audit log
    Audit(audit::Arguments),
    /// Print the OpenAPI document
    #[command(after_help = "Example: chatelaine openapi > openapi.json")]
    Openapi(openapi::Arguments),
    /// Print completions for a shell
    Completions(completions::Arguments),
    #[command(hide = true)]
    PluginReference(plugin_reference::Arguments),
    #[command(hide = true)]
    Worker(worker::WorkerArguments),
}

/// A role as it is named here.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Role {
    Admin,
    User,
    Auditor,
}

impl From<Role> for UserRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::User => Self::User,
            Role::Auditor => Self::Auditor,
        }
    }
}

/// Where the data lies and how it is configured.
#[derive(Args)]
struct DataArguments {
    /// The data folder [default: $XDG_DATA_HOME/chatelaine]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// A configuration file [default: chatelaine.toml in the data folder]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl DataArguments {
    fn folder(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(default_data_folder)
    }

    fn load(&self) -> Result<(Config, PathBuf)> {
        let folder = self.folder();
        Ok((Config::load(self.config.as_deref(), &folder)?, folder))
    }
}

pub fn run() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        // Before any runtime exists: a worker is one thread of work and nothing else.
        Command::Worker(arguments) => return worker::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Ask(arguments) => ask::run(arguments),
        Command::User(arguments) => user::run(arguments),
        Command::Key(arguments) => key::run(arguments),
        Command::Model(arguments) => model::run(arguments),
        Command::Adapter(arguments) => adapter::run(arguments),
        Command::Audit(arguments) => audit::run(arguments),
        Command::Openapi(arguments) => openapi::run(arguments),
        Command::PluginReference(arguments) => plugin_reference::run(arguments),
        Command::Completions(arguments) => completions::run::<CommandLine>(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chatelaine: {}", sentence(&error));
            ExitCode::FAILURE
        }
    }
}

/// One line; what is internal is said too, since whoever sits here is the administrator.
fn sentence(error: &Error) -> String {
    let text = match error.kind {
        ErrorKind::Internal => error.to_string(),
        _ => error.message.clone(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes to stdout, whose reader may have had enough.
fn say(text: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != IoErrorKind::BrokenPipe => Err(Error::internal(error)),
        _ => Ok(()),
    }
}

fn say_line(line: &str) -> Result<()> {
    say(format!("{line}\n").as_bytes())
}

/// A guide of the repository with the part of it that is made from the code.
fn made_anew(path: &Path, make: fn(&str) -> Option<String>) -> Result<()> {
    let guide = std::fs::read_to_string(path)
        .map_err(|error| Error::invalid(format!("{} cannot be read: {error}", path.display())))?;
    let made = make(&guide).ok_or_else(|| {
        let sentence = format!("{} has no place for what is made", path.display());
        Error::invalid(sentence)
    })?;
    say(made.as_bytes())
}

/// Works with the models of a data folder, no server needed.
fn with_library(
    data: &DataArguments,
    work: impl AsyncFnOnce(&Library) -> Result<()>,
) -> Result<()> {
    let (config, folder) = data.load()?;
    prepare_data_folder(&folder)?;
    block_on(async {
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let library = open_library(&config.engine, &folder, &tasks, &stopping)?;
        library.settled().await;
        let outcome = work(&library).await;
        stopping.cancel();
        tasks.close();
        tasks.wait().await;
        outcome
    })
}

/// For commands that need to wait for things.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::internal)?
        .block_on(work)
}
