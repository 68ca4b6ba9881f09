//! `key`: registration keys from the command line. The right to it is the right to the data folder;
//! while a server runs on that folder the store is its, and this says so.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{DataArguments, Role, block_on, say_line};
use crate::accounts::{Accounts, AuditActor, KeyGrants, NewKeys, RegistrationKeyRecord};
use crate::appliance::{check_house_is_there, open_accounts, open_store, prepare_data_folder};
use crate::clock::{UnixMs, now_ms, parse_rfc3339, rfc3339};
use crate::config::Config;
use crate::error::{Error, Result};

#[derive(Args)]
#[command(after_help = "Example: chatelaine key generate --count 30 --group pupils --expires 30d")]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    data: DataArguments,
}

#[derive(Subcommand)]
enum Action {
    /// Make registration keys and print them, a key a line
    #[command(after_help = "Example: chatelaine key generate --count 30 --note 'class 7b'")]
    Generate {
        #[arg(long, default_value_t = 1)]
        count: usize,
        #[command(flatten)]
        terms: Terms,
    },
    /// Take registration keys from a file, a key a line; - is standard input
    #[command(after_help = "Example: chatelaine key load keys.txt --role user")]
    Load {
        file: PathBuf,
        #[command(flatten)]
        terms: Terms,
    },
    /// List the registration keys
    #[command(after_help = "Example: chatelaine key list --data /srv/chatelaine")]
    List,
    /// Withdraw a registration key, named by itself or by its id
    #[command(after_help = "Example: chatelaine key revoke 7K2QX-M4ZP1-0A9BC-D3EFG-H5JKM-N6PQR")]
    Revoke { key: String },
}

#[derive(Args)]
struct Terms {
    /// How many accounts each key makes
    #[arg(long, default_value_t = 1, value_name = "N")]
    uses: u32,
    /// When it ends: 30d, 12h, or a time such as 2027-01-31T18:00:00Z
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    #[arg(long, default_value = "user")]
    role: Role,
    /// A group to be in, by its name; may be given several times
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// The allowance each account starts with
    #[arg(long, value_name = "N")]
    tokens: Option<u64>,
    #[arg(long, default_value = "")]
    note: String,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let (config, folder) = arguments.data.load()?;
    block_on(act(arguments.action, config, &folder))
}

async fn act(action: Action, config: Config, folder: &Path) -> Result<()> {
    match action {
        Action::Generate { .. } | Action::Load { .. } => prepare_data_folder(folder)?,
        Action::List | Action::Revoke { .. } => check_house_is_there(folder)?,
    }
    let accounts = open_accounts(&config, open_store(&config, folder)?, folder)?;
    match action {
        Action::Generate { count, terms } => {
            let new = terms.into_domain(&accounts).await?;
            let made = accounts.generate_keys_as(AuditActor::CommandLine, count, new);
            for issued in made.await? {
                say_line(&issued.key)?;
            }
        }
        Action::Load { file, terms } => {
            let text = read_text(&file)?;
            let new = terms.into_domain(&accounts).await?;
            let loaded = accounts.load_keys_as(AuditActor::CommandLine, &text, new);
            say_line(&format!("Loaded {} keys", loaded.await?.len()))?;
        }
        Action::List => {
            for key in accounts.list_all_keys().await? {
                say_line(&line_of(&key))?;
            }
        }
        Action::Revoke { key } => {
            accounts.revoke_key_named(&key).await?;
            say_line("Withdrawn")?;
        }
    }
    Ok(())
}

fn read_text(file: &Path) -> Result<String> {
    let mut text = String::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().lock().read_to_string(&mut text),
        false => std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text)),
    };
    read.map_err(|error| Error::invalid(format!("{} cannot be read: {error}", file.display())))?;
    Ok(text)
}

fn line_of(key: &RegistrationKeyRecord) -> String {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "withdrawn".to_owned(),
        (None, Some(until)) if until <= now_ms() => "over".to_owned(),
        (None, Some(until)) => format!("until {}", rfc3339(until)),
        (None, None) => String::new(),
    };
    let line = format!(
        "{}  {:<8}  {}/{}  {:<7}  {}  {state}",
        key.id,
        key.prefix,
        key.uses,
        key.uses_allowed,
        key.grants.role.name(),
        key.note
    );
    line.trim_end().to_owned()
}

impl Terms {
    async fn into_domain(self, accounts: &Accounts) -> Result<NewKeys> {
        let expires_at = self
            .expires
            .as_deref()
            .map(|text| parse_when(text, now_ms()));
        Ok(NewKeys {
            grants: KeyGrants {
                role: self.role.into(),
                group_ids: accounts.group_ids_named(&self.groups).await?,
                tokens: self.tokens,
            },
            note: self.note,
            expires_at: expires_at.transpose()?,
            uses_allowed: self.uses,
        })
    }
}

/// So long from now, or a time.
fn parse_when(text: &str, now: UnixMs) -> Result<UnixMs> {
    let wrong = || {
        Error::invalid(format!(
            "{text} is not a time: give 30d, 12h or 2027-01-31T18:00:00Z"
        ))
    };
    let unit_ms: UnixMs = match text.chars().last() {
        Some('d') => 24 * 60 * 60 * 1000,
        Some('h') => 60 * 60 * 1000,
        _ => return parse_rfc3339(text).ok_or_else(wrong),
    };
    let count: UnixMs = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let span = count.checked_mul(unit_ms).filter(|span| *span > 0);
    span.and_then(|span| now.checked_add(span))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_span_or_a_date() {
        assert_eq!(parse_when("2d", 5).unwrap(), 5 + 2 * 86_400_000);
        assert_eq!(parse_when("12h", 0).unwrap(), 43_200_000);
        assert_eq!(parse_when("1970-01-01T00:00:01Z", 7).unwrap(), 1000);
        for wrong in ["", "d", "-1d", "0d", "99999999999999999d", "soon", "5m"] {
            assert!(parse_when(wrong, 0).is_err(), "{wrong}");
        }
    }
}
