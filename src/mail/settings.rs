//! Through which server mail is sent and from whom: what an administrator sets while the house runs.
//!
//! The password is sealed before it is stored, is never given out again, and goes to no server, and
//! in no less secure a way, than it was entered for. Without these settings nothing is queued.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::transport::{NOT_PRIVATE, Server, SignIn};
use super::{Address, Language, Mailer};
use crate::accounts::{Caller, audited};
use crate::clock::now_ms;
use crate::error::{Error, Reason, Result};
use crate::outbound::is_private;
use crate::secrets::SealingKey;
use crate::store::mails::{MailCounts, bring_mails_forward, count_mails};
use crate::store::settings::{find_setting, put_setting, remove_setting};
use crate::store::{Reads, WriteTx};

const SETTING: &str = "mail";
/// The owner of the sealed password; a mail's is its id.
const PASSWORD_OWNER: &[u8] = b"password";
const MAX_TEXT_BYTES: usize = 255;
const MAX_PASSWORD_BYTES: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// From the first byte, usually on port 465.
    Tls,
    /// Asked for on a plain connection, usually on port 587; without it nothing is sent.
    StartTls,
    /// Only to this machine and private networks.
    None,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailSettings {
    /// A name or a number.
    pub server: String,
    pub port: u16,
    pub security: Security,
    pub username: Option<String>,
    sealed_password: Option<Vec<u8>>,
    pub from_address: Address,
    pub from_name: String,
    pub reply_to: Option<Address>,
    /// Who decides on requests.
    pub approver_address: Option<Address>,
    /// What they are written to in, unless the address is a user's.
    #[serde(default)]
    pub approver_language: Language,
}

impl MailSettings {
    pub fn has_password(&self) -> bool {
        self.sealed_password.is_some()
    }
}

/// What an administrator enters.
#[derive(Debug, Clone)]
pub struct MailSettingsChange {
    pub server: String,
    pub port: u16,
    pub security: Security,
    pub username: Option<String>,
    /// None: the one that is kept, where it is for the same server. An empty one removes it.
    pub password: Option<Password>,
    pub from_address: String,
    pub from_name: Option<String>,
    pub reply_to: Option<String>,
    pub approver_address: Option<String>,
    /// None: English.
    pub approver_language: Option<Language>,
}

/// Written out nowhere.
#[derive(Clone)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}

/// How mail stands.
#[derive(Debug, Clone)]
pub struct MailOverview {
    pub settings: Option<MailSettings>,
    pub queue: MailCounts,
}

pub(super) fn find_settings(tx: &impl Reads) -> Result<Option<MailSettings>> {
    find_setting(tx, SETTING)
}

/// Whether there is a server to send mail to. Without one nothing is queued.
pub fn is_configured(tx: &impl Reads) -> Result<bool> {
    Ok(find_settings(tx)?.is_some())
}

/// Who decides on requests, where that was set, and what they are written to in.
pub fn find_approver(tx: &impl Reads) -> Result<Option<(Address, Language)>> {
    let approver = |settings: MailSettings| {
        let address = settings.approver_address?;
        Some((address, settings.approver_language))
    };
    Ok(find_settings(tx)?.and_then(approver))
}

/// None: there is no approver any more.
pub fn set_approver(tx: &WriteTx, address: Option<Address>) -> Result<()> {
    let Some(mut settings) = find_settings(tx)? else {
        return Ok(());
    };
    settings.approver_address = address;
    put_setting(tx, SETTING, &settings)
}

/// The server with its password; the error is for people.
pub(super) fn open_server(settings: &MailSettings, sealing: &SealingKey) -> Result<Server, String> {
    let sign_in = match (&settings.username, &settings.sealed_password) {
        (None, _) => None,
        (Some(username), None) => Some((username, String::new())),
        (Some(username), Some(sealed)) => {
            let password = sealing.open(sealed, PASSWORD_OWNER).ok_or(
                "the password of the mail server cannot be read, because the key of the house has changed; enter it again",
            )?;
            Some((username, password))
        }
    };
    Ok(Server {
        host: settings.server.clone(),
        port: settings.port,
        security: settings.security,
        sign_in: sign_in.map(|(username, password)| SignIn {
            username: username.clone(),
            password,
        }),
    })
}

impl Mailer {
    /// The settings without the password, and how much waits.
    pub async fn overview(&self, caller: &Caller) -> Result<MailOverview> {
        caller.require_admin()?;
        let read = self.store.read(|tx| {
            Ok(MailOverview {
                settings: find_settings(tx)?,
                queue: count_mails(tx)?,
            })
        });
        read.await
    }

    /// In force at once, also for what waits, which is then tried at once.
    pub async fn change_settings(
        &self,
        caller: &Caller,
        change: MailSettingsChange,
    ) -> Result<MailSettings> {
        // Whoever chooses the server reads the links that are mailed.
        caller.require_admin_session()?;
        let new = checked(&change)?;
        self.refuse_strangers_in_the_clear(&new).await?;
        let sealed = match &change.password {
            Some(Password(password)) if !password.is_empty() && new.username.is_some() => {
                Some(self.sealing.seal(password, PASSWORD_OWNER))
            }
            _ => None,
        };
        let says_password = change.password.is_some();
        let caller = caller.clone();
        let written = self.store.write(move |tx| {
            let mut new = new.clone();
            new.sealed_password.clone_from(&sealed);
            if !says_password {
                new.sealed_password = kept_password(tx, &new)?;
            }
            put_setting(tx, SETTING, &new)?;
            bring_mails_forward(tx, now_ms())?;
            let details = serde_json::json!({
                "port": new.port, "security": new.security, "from_address": new.from_address,
            });
            audited(tx, &caller, "mail_server.changed", &new.server, details)?;
            Ok(new)
        });
        let written = written.await?;
        self.wake();
        Ok(written)
    }

    /// Mail is off. What waits goes on waiting, for as long as a mail waits at most.
    pub async fn delete_settings(&self, caller: &Caller) -> Result<()> {
        caller.require_admin_session()?;
        let caller = caller.clone();
        let removed = self.store.write(move |tx| {
            let settings = find_settings(tx)?.ok_or_else(|| Error::not_found("mail server"))?;
            let details = serde_json::json!({});
            audited(
                tx,
                &caller,
                "mail_server.removed",
                &settings.server,
                details,
            )?;
            remove_setting(tx, SETTING).map(drop)
        });
        removed.await
    }

    /// A name that cannot be looked up now is looked at again whenever something is sent.
    async fn refuse_strangers_in_the_clear(&self, new: &MailSettings) -> Result<()> {
        if new.security != Security::None {
            return Ok(());
        }
        let timeout = Duration::from_millis(self.config.timeout_ms);
        let looking = tokio::time::timeout(timeout, self.resolver.look_up(&new.server));
        match looking.await {
            Ok(Ok(addresses)) if !addresses.iter().any(|ip| is_private(*ip)) => {
                let refused = Error::invalid_field("security", NOT_PRIVATE);
                Err(refused.with_reason(Reason::MailNotPrivate))
            }
            _ => Ok(()),
        }
    }
}

/// Whoever may change the server must not learn the password that way.
fn kept_password(tx: &WriteTx, new: &MailSettings) -> Result<Option<Vec<u8>>> {
    let old = find_settings(tx)?.filter(|old| old.has_password() && new.username.is_some());
    let Some(old) = old else { return Ok(None) };
    let is_same = (&old.server, old.port, old.security) == (&new.server, new.port, new.security);
    match is_same {
        true => Ok(old.sealed_password),
        false => Err(Error::invalid_field(
            "password",
            "enter the password again, since it would be sent to another server or in another way",
        )
        .with_reason(Reason::PasswordNeededAgain)),
    }
}

/// What was entered, without a password.
fn checked(change: &MailSettingsChange) -> Result<MailSettings> {
    let address = |field: &str, text: &str| {
        let wrong = |sentence| Error::invalid_field(field, sentence);
        Address::parse(text).map_err(|sentence| wrong(sentence).with_reason(Reason::EmailMalformed))
    };
    let optional = |field: &str, text: &Option<String>| {
        let given = text.as_deref().filter(|text| !text.trim().is_empty());
        given.map(|text| address(field, text)).transpose()
    };
    let username = change.username.as_deref().unwrap_or_default();
    let from_name = change.from_name.as_deref().unwrap_or_default();
    for (field, text) in [("username", username), ("from_name", from_name)] {
        if text.len() > MAX_TEXT_BYTES || text.chars().any(char::is_control) {
            let wrong = Error::invalid_field(field, "this is too long, or more than a line");
            return Err(wrong.with_limits(Reason::NotOneLine, 0, MAX_TEXT_BYTES));
        }
    }
    let password = change.password.as_ref().map_or("", |password| &password.0);
    if password.len() > MAX_PASSWORD_BYTES || password.contains('\0') {
        let wrong = Error::invalid_field("password", "this password is too long");
        return Err(wrong.with_limits(Reason::PasswordTooLong, 0, MAX_PASSWORD_BYTES));
    }
    if change.port == 0 {
        let wrong = Error::invalid_field("port", "a port is a number from 1 to 65535");
        return Err(wrong.with_limits(Reason::OutOfRange, 1, u16::MAX));
    }
    let given = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
    Ok(MailSettings {
        server: checked_server(&change.server)?,
        port: change.port,
        security: change.security,
        username: given(username),
        sealed_password: None,
        from_address: address("from_address", &change.from_address)?,
        from_name: given(from_name).unwrap_or_else(|| "Chatelaine".to_owned()),
        reply_to: optional("reply_to", &change.reply_to)?,
        approver_address: optional("approver_address", &change.approver_address)?,
        approver_language: change.approver_language.unwrap_or_default(),
    })
}

fn checked_server(text: &str) -> Result<String> {
    let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let is_number = name.parse::<std::net::IpAddr>().is_ok();
    let label = |label: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(plain)
    };
    match is_number || (name.len() <= 253 && name.split('.').all(label)) {
        true => Ok(name),
        false => Err(Error::invalid_field(
            "server",
            "a server is a name such as mail.example.org, or a number, without a port",
        )
        .with_reason(Reason::MailServerMalformed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change() -> MailSettingsChange {
        MailSettingsChange {
            server: "Mail.Example.org.".into(),
            port: 465,
            security: Security::Tls,
            username: Some(" ada ".into()),
            password: Some(Password("geheim".into())),
            from_address: "house@example.org".into(),
            from_name: None,
            reply_to: Some(String::new()),
            approver_address: Some("ada@example.org".into()),
            approver_language: None,
        }
    }

    #[test]
    fn what_was_entered_is_checked_field_by_field() {
        let good = checked(&change()).unwrap();
        assert_eq!(good.server, "mail.example.org");
        assert_eq!(good.username.as_deref(), Some("ada"));
        assert_eq!(good.from_name, "Chatelaine");
        assert_eq!(good.reply_to, None);
        type Spoil = fn(&mut MailSettingsChange);
        let bad: [(&str, Spoil); 8] = [
            ("server", |it| it.server = "mail.example.org:25".into()),
            ("server", |it| it.server = "smtp://mail.example.org".into()),
            ("server", |it| it.server = String::new()),
            ("port", |it| it.port = 0),
            ("username", |it| it.username = Some("a\r\nb".into())),
            ("from_address", |it| it.from_address = "house".into()),
            ("from_name", |it| it.from_name = Some("x".repeat(300))),
            ("reply_to", |it| it.reply_to = Some("a@b\r\nX: y".into())),
        ];
        for (field, spoil) in bad {
            let mut spoilt = change();
            spoil(&mut spoilt);
            let error = checked(&spoilt).unwrap_err();
            assert_eq!(error.details.unwrap()["field"], field);
        }
        assert!(!format!("{:?}", change()).contains("geheim"));
    }
}
