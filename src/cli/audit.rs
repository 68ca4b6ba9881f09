//! `audit`: whether the audit log is as it was written, in the data folder or in an export. Of the
//! log nothing is printed but how much of it is in order.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{DataArguments, block_on, say_line};
use crate::accounts::check_exported_audit;
use crate::appliance::{open_accounts, open_store};
use crate::error::{Error, Result};

#[derive(Args)]
#[command(after_help = "Example: chatelaine audit check audit.ndjson")]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    data: DataArguments,
}

#[derive(Subcommand)]
enum Action {
    /// Check that no entry was changed, added or taken away
    #[command(after_help = "Example: chatelaine audit check --data /srv/chatelaine")]
    Check {
        /// An export; without one, the log of the data folder, while no server runs on it
        file: Option<PathBuf>,
    },
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let Action::Check { file } = arguments.action;
    let count = match file {
        Some(file) => {
            let text = std::fs::read_to_string(&file).map_err(|error| {
                Error::invalid(format!("{} cannot be read: {error}", file.display()))
            })?;
            check_exported_audit(text.lines())?
        }
        None => {
            let (config, folder) = arguments.data.load()?;
            let store = open_store(&config, &folder)?;
            let accounts = open_accounts(&config, store, &folder)?;
            block_on(accounts.check_audit())?
        }
    };
    say_line(&format!("{count} entries, each as it was written"))
}
