//! How many mails there may be: in all, of a kind to one address within an hour, and of one asker to
//! addresses that are not theirs.
//!
//! Nobody is to flood somebody through the house, or fill its disk; a part of the queue is kept free
//! of what strangers cause. Counted are mails that were queued, also when they are sent. Asked by
//! `queue`, inside its transaction.

use std::net::IpAddr;

use super::kinds::{Mail, MailKind};
use crate::clock::UnixMs;
use crate::error::{Error, Reason, Result};
use crate::ids::{MailId, RegistrationKeyId, UserId};
use crate::secrets::hash_secret;
use crate::store::WriteTx;
use crate::store::mails::{count_mails, count_mails_to, put_mail_to};

const RETRY_AFTER_S: u32 = 600;
const MAX_WAITING: u64 = 10_000;
/// Beyond this only what somebody causes whom the house knows.
const MAX_WAITING_OF_STRANGERS: u64 = 8_000;
pub(super) const WINDOW_MS: i64 = 60 * 60 * 1000;

/// Why a mail is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surplus {
    /// The recipient got too many of this kind within an hour.
    ToRecipient,
    /// Whoever asked had too many sent to addresses that are not theirs, within an hour.
    ByAsker,
    /// Far too many wait already.
    QueueFull,
}

impl Surplus {
    /// For whoever asks for a mail and nothing else, or for what is nothing without its mail.
    pub fn refusal(self) -> Error {
        let (sentence, reason) = match self {
            Self::ToRecipient => (
                "this address got too many such mails within an hour",
                Reason::TooManyMails,
            ),
            Self::ByAsker => (
                "too many mails were asked for from here within an hour",
                Reason::TooManyMailsAsked,
            ),
            Self::QueueFull => {
                let full = Error::overloaded("too many mails wait to be sent", RETRY_AFTER_S);
                return full.with_reason(Reason::MailQueueFull);
            }
        };
        Error::rate_limited(sentence, RETRY_AFTER_S).with_reason(reason)
    }
}

/// Who has a mail sent that may go to somebody else's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// Somebody from this network, whom the house does not know.
    Network(IpAddr),
    Person(UserId),
    /// Whoever has this registration key.
    Key(RegistrationKeyId),
}

impl Asker {
    /// A class that registers at once comes from one network.
    fn hourly_limit(self) -> usize {
        match self {
            Self::Network(_) => 50,
            Self::Person(_) => 10,
            // Whoever gave a class one key wanted it here.
            Self::Key(_) => 200,
        }
    }

    fn key(self) -> u64 {
        key_of(&match self {
            Self::Network(network) => format!("from\0{network}"),
            Self::Person(id) => format!("by\0{id}"),
            Self::Key(id) => format!("with\0{id}"),
        })
    }
}

impl MailKind {
    /// How many of it one address gets within an hour.
    fn hourly_limit(&self) -> usize {
        match self {
            Self::ResetPassword { .. } => 3,
            Self::VerifyEmail { .. } | Self::EmailChangeRequested { .. } => 5,
            _ => 20,
        }
    }

    /// Whether anybody can have it sent to an address that nobody has proved, or that is not theirs.
    fn goes_to_anybody(&self) -> bool {
        matches!(
            self,
            Self::VerifyEmail { .. }
                | Self::EmailChangeRequested { .. }
                | Self::ResetPassword { .. }
        )
    }

    /// Whether somebody whom the house does not know can have it sent.
    fn is_strangers(&self) -> bool {
        self.goes_to_anybody() || matches!(self, Self::ApprovalRequested { .. })
    }
}

/// Whatever stands behind a + leads to the same person, and so do large letters.
fn recipient_key(mail: &Mail) -> u64 {
    let address = mail.to.to_string().to_lowercase();
    let (local, domain) = address.rsplit_once('@').unwrap_or((&address, ""));
    let mailbox = local
        .split('+')
        .next()
        .filter(|mailbox| !mailbox.is_empty());
    key_of(&format!(
        "{}\0{}@{domain}",
        mail.kind.name(),
        mailbox.unwrap_or(local)
    ))
}

fn key_of(text: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash_secret(text);
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Why a mail is left out, where it is one too many.
pub(super) fn refuse_surplus(
    tx: &WriteTx,
    mail: &Mail,
    asker: Option<Asker>,
    now: UnixMs,
) -> Result<Option<Surplus>> {
    let waiting = count_mails(tx)?.waiting;
    if waiting >= MAX_WAITING || (waiting >= MAX_WAITING_OF_STRANGERS && mail.kind.is_strangers()) {
        return Ok(Some(Surplus::QueueFull));
    }
    let since = now - WINDOW_MS;
    let limit = mail.kind.hourly_limit();
    if count_mails_to(tx, recipient_key(mail), since, limit)? >= limit {
        return Ok(Some(Surplus::ToRecipient));
    }
    if let Some(asker) = asker.filter(|_| mail.kind.goes_to_anybody()) {
        let limit = asker.hourly_limit();
        if count_mails_to(tx, asker.key(), since, limit)? >= limit {
            return Ok(Some(Surplus::ByAsker));
        }
    }
    Ok(None)
}

/// Behind a mail that was queued.
pub(super) fn count(
    tx: &WriteTx,
    mail: &Mail,
    asker: Option<Asker>,
    now: UnixMs,
    id: MailId,
) -> Result<()> {
    put_mail_to(tx, recipient_key(mail), now, id)?;
    match asker.filter(|_| mail.kind.goes_to_anybody()) {
        Some(asker) => put_mail_to(tx, asker.key(), now, id),
        None => Ok(()),
    }
}
