//! `user tokens`: what a user may spend, topping up, and whether all ledgers are whole. What is
//! changed here stands in the audit log as the command line's. Called by `user`.

use clap::Args;

use crate::accounts::allowance::{AllowanceChange, Allowances};
use crate::cli::say_line;
use crate::error::{Error, Result};

#[derive(Args)]
#[command(after_help = "Example: chatelaine user tokens ada --add 500 --note 'for the exam'")]
pub(super) struct Arguments {
    /// Not needed with --check
    #[arg(required_unless_present = "check")]
    name: Option<String>,
    /// Add so many; a number below zero takes back
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    add: Option<i64>,
    /// Stands in the ledger beside what is added
    #[arg(long, requires = "add")]
    note: Option<String>,
    /// Charge nothing; with =false, charge again
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    unlimited: Option<bool>,
    /// Check that every allowance is what its entries and reservations come to
    #[arg(long)]
    check: bool,
}

pub(super) async fn act(arguments: Arguments, allowances: &Allowances) -> Result<()> {
    if arguments.check {
        let checked = allowances.check().await?;
        say_line(&format!(
            "{} allowances are whole: {} entries, {} reservations",
            checked.accounts, checked.entries, checked.reservations
        ))?;
    }
    let Some(name) = arguments.name else {
        return match arguments.add.is_some() || arguments.unlimited.is_some() {
            true => Err(Error::invalid("whose allowance is it? Give a name")),
            false => Ok(()),
        };
    };
    let view = if arguments.add.is_some() || arguments.unlimited.is_some() {
        let change = AllowanceChange {
            amount: arguments.add,
            unlimited: arguments.unlimited,
            note: arguments.note,
            ..AllowanceChange::default()
        };
        allowances.change_of_login(&name, change).await?
    } else {
        allowances.of_login(&name).await?
    };
    let account = &view.account;
    let limit = match (view.rules.enabled, account.unlimited) {
        (false, _) => "; nothing is charged in this house",
        (true, true) => "; without a limit",
        (true, false) => "",
    };
    say_line(&format!(
        "{name} has {} tokens, and {} reserved{limit}",
        account.balance, account.reserved
    ))
}
