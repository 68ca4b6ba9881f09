//! `audit`: whether the audit log is as it was written, in the data folder or in an export. Of the
//! log nothing is printed but how much of it is in order, and its head: the hash that, kept
//! elsewhere, shows later whether the end was cut off.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{DataArguments, block_on, say_line};
use crate::accounts::{Accounts, AuditHead, check_exported_audit};
use crate::appliance::{check_house_is_there, open_accounts, open_store};
use crate::error::{Error, Result};

#[derive(Args)]
#[command(after_help = "Example: chatelaine audit check audit.ndjson --head 5f2c…")]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    data: DataArguments,
}

#[derive(Subcommand)]
enum Action {
    /// Check that no entry was changed, added or taken out. That the end was cut off shows only with
    /// --head, or when an export is checked together with --data
    #[command(after_help = "Example: chatelaine audit check --data /srv/chatelaine --head 5f2c…")]
    Check {
        /// An export; without one, the log of the data folder, while no server runs on it. With
        /// --data too, whether the export and the log of that folder are one
        file: Option<PathBuf>,
        /// The hash of an entry that must be there, as it was kept elsewhere
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let Action::Check { file, head } = arguments.action;
    let data = &arguments.data;
    let head = head.as_deref();
    match file {
        None => block_on(async {
            match open(data)?.check_audit(head).await? {
                Some(last) => say_order(&last),
                None => say_line("There is no entry yet"),
            }
        }),
        Some(file) => {
            let last = check_exported_audit(read(&file)?.lines(), head)?;
            say_order(&last)?;
            match data.data.is_some() {
                true => block_on(compare(open(data)?, last)),
                false => Ok(()),
            }
        }
    }
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file)
        .map_err(|error| Error::invalid(format!("{} cannot be read: {error}", file.display())))
}

fn open(data: &DataArguments) -> Result<Accounts> {
    let (config, folder) = data.load()?;
    check_house_is_there(&folder)?;
    open_accounts(&config, open_store(&config, &folder)?, &folder)
}

async fn compare(accounts: Accounts, exported: AuditHead) -> Result<()> {
    accounts.check_audit(Some(&exported.hash)).await?;
    let since = accounts.count_audit_since(&exported).await?;
    say_line(&format!(
        "The log of the data folder is the same, with {since} more entries since"
    ))
}

fn say_order(last: &AuditHead) -> Result<()> {
    let (count, at, hash) = (last.sequence, &last.at, &last.hash);
    say_line(&format!(
        "{count} entries, each as it was written; the last is of {at}\nHead: {hash}"
    ))
}
