//! `user`: accounts from the command line. The right to it is the right to the data folder; while
//! a server runs on that folder the store is its, and this says so.

mod tokens;

use std::io::{BufRead, IsTerminal};
use std::path::Path;

use clap::{Args, Subcommand};

use super::{DataArguments, Role, block_on, say_line};
use crate::accounts::{Accounts, Awaited, NewUser, UserRecord, UserStatus};
use crate::appliance::{check_house_is_there, open_accounts, open_store, prepare_data_folder};
use crate::config::Config;
use crate::error::{Error, Result};

#[derive(Args)]
#[command(after_help = "Example: chatelaine user add ada --role admin")]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    data: DataArguments,
}

#[derive(Subcommand)]
enum Action {
    /// Add a user; the password is asked for, twice
    #[command(
        after_help = "Example: echo 'brass keys on a chain' | chatelaine user add ada --password-stdin"
    )]
    Add {
        name: String,
        #[arg(long, default_value = "user")]
        role: Role,
        #[arg(long)]
        email: Option<String>,
        /// What mails to them are written in, such as de
        #[arg(long, value_name = "TAG")]
        language: Option<String>,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the users
    #[command(after_help = "Example: chatelaine user list --data /srv/chatelaine")]
    List,
    /// Set a user's password; every session of theirs ends
    #[command(after_help = "Example: chatelaine user set-password ada")]
    SetPassword {
        name: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Show what a user may spend, add to it, or check all of it
    Tokens(tokens::Arguments),
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let (config, folder) = arguments.data.load()?;
    block_on(act(arguments.action, config, &folder))
}

async fn act(action: Action, config: Config, folder: &Path) -> Result<()> {
    match action {
        Action::Add { .. } => prepare_data_folder(folder)?,
        _ => check_house_is_there(folder)?,
    }
    // Whoever types takes their time, and the store is nobody else's meanwhile.
    let password = match &action {
        Action::Add { password_stdin, .. } | Action::SetPassword { password_stdin, .. } => {
            read_password(*password_stdin)?
        }
        Action::List | Action::Tokens(_) => String::new(),
    };
    let accounts: Accounts = open_accounts(&config, open_store(&config, folder)?, folder)?;
    match action {
        Action::Add {
            name,
            role,
            email,
            language,
            ..
        } => {
            let new = NewUser {
                username: name,
                password,
                email,
                display_name: None,
                language,
            };
            let user = accounts.add_user(new, role.into()).await?;
            say_line(&format!("Added {}", user.username))?;
        }
        Action::List => {
            for user in accounts.list_users().await? {
                say_line(&line_of(&user))?;
            }
        }
        Action::Tokens(arguments) => tokens::act(arguments, accounts.allowances()).await?,
        Action::SetPassword { name, .. } => {
            accounts.set_password(&name, &password).await?;
            say_line(&format!(
                "The password of {name} was set; every session of theirs has ended"
            ))?;
        }
    }
    Ok(())
}

fn line_of(user: &UserRecord) -> String {
    let standing = match user.status {
        UserStatus::Active => "",
        UserStatus::Disabled => "disabled",
        UserStatus::Pending(Awaited { email: true, .. }) => "awaits proof of the e-mail",
        UserStatus::Pending(_) => "awaits approval",
    };
    let (role, email) = (user.role.name(), user.email.as_deref().unwrap_or_default());
    let line = format!("{:<32}  {role:<7}  {email:<32}  {standing}", user.username);
    line.trim_end().to_owned()
}

/// Typed unseen, twice, or the first line of what is piped.
fn read_password(from_pipe: bool) -> Result<String> {
    let stdin = std::io::stdin();
    let line = if !from_pipe && stdin.is_terminal() {
        let ask = |prompt| rpassword::prompt_password(prompt).map_err(Error::internal);
        let typed = ask("Password: ")?;
        if typed != ask("The same again: ")? {
            return Err(Error::invalid("the two passwords differ"));
        }
        typed
    } else {
        let mut line = String::new();
        stdin.lock().read_line(&mut line).map_err(Error::internal)?;
        line
    };
    let password = line.trim_end_matches(['\n', '\r']);
    match password.is_empty() {
        true => Err(Error::invalid("no password was given")),
        false => Ok(password.to_owned()),
    }
}
