//! The queue of mails: putting one in inside the transaction of its cause, and what an
//! administrator sees of those that wait or failed, which is never what stands in them.
//!
//! The queue is bounded, and so is who may fill it: see `flooding`.

use std::sync::Arc;

use super::failure::Failure;
use super::flooding::{Asker, Surplus, WINDOW_MS, count, refuse_surplus};
use super::kinds::Mail;
use super::sender::no_server;
use super::settings::is_configured;
use super::{Language, MailKind, Mailer};
use crate::accounts::{Caller, check_caller};
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, Reason, Result};
use crate::ids::{MailId, UserId};
use crate::store::WriteTx;
use crate::store::mails::{
    MailRecord, find_mail, forget_mails_to, give_up_damaged_mail, list_damaged_mails, list_mails,
    put_mail, remove_mail,
};

/// What failed for good is kept so long, and no more of it than so many.
const KEEP_FAILED_MS: i64 = 30 * 24 * 60 * 60 * 1000;
const MAX_FAILED: usize = 1_000;
/// In pauses of the first length; the last is repeated.
const PAUSES: [i64; 8] = [1, 5, 15, 60, 120, 240, 480, 720];
/// A mail is given up after three days, where the first pause is a minute.
const GIVEN_UP_AFTER: i64 = 3 * 24 * 60;

/// What became of a mail that was to be queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Queued {
    /// It is sent once the transaction is written.
    Queued,
    /// There is no mail server; nobody will hear of it by mail.
    NotConfigured,
    TooMany(Surplus),
}

/// A mail as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMail {
    pub id: MailId,
    pub kind: String,
    pub to: String,
    pub state: QueuedMailState,
    pub attempts: u32,
    pub created_at: UnixMs,
    pub last_error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuedMailState {
    Waiting { next_attempt_at: UnixMs },
    Failed { at: UnixMs },
}

/// The latest first.
#[derive(Debug)]
pub struct MailPage {
    pub items: Vec<QueuedMail>,
    /// Behind which the next page begins.
    pub next: Option<MailId>,
}

impl From<MailRecord> for QueuedMail {
    fn from(record: MailRecord) -> Self {
        Self {
            id: record.id,
            kind: record.kind,
            to: record.to,
            state: match record.failed_at {
                Some(at) => QueuedMailState::Failed { at },
                None => QueuedMailState::Waiting {
                    next_attempt_at: record.due_at,
                },
            },
            attempts: record.attempts,
            created_at: record.created_at,
            last_error: record.last_error,
        }
    }
}

/// When a mail that failed `attempts` times since `begun_at` is tried again; None: never.
pub(super) fn next_attempt(
    attempts: u32,
    begun_at: UnixMs,
    now: UnixMs,
    first_retry_ms: u64,
) -> Option<UnixMs> {
    let unit = i64::try_from(first_retry_ms).unwrap_or(i64::MAX).max(1);
    let index = (attempts.saturating_sub(1) as usize).min(PAUSES.len() - 1);
    let due_at = now.saturating_add(unit.saturating_mul(PAUSES[index]));
    let end = begun_at.saturating_add(unit.saturating_mul(GIVEN_UP_AFTER));
    (due_at <= end).then_some(due_at)
}

impl Mailer {
    /// Puts a mail into the queue, together with whatever else the transaction writes. Call
    /// [`Mailer::wake`] once it is written; otherwise the mail waits some seconds. Too many mails
    /// are no error, since the cause must not fail for them.
    pub fn queue(&self, tx: &WriteTx, mail: &Mail) -> Result<Queued> {
        self.queue_for(tx, mail, None, None)
    }

    /// The same for a mail that goes with the account it is for, and for what somebody asked for: it is
    /// counted for them where the mail may go to anybody.
    pub fn queue_for(
        &self,
        tx: &WriteTx,
        mail: &Mail,
        user_id: Option<UserId>,
        asker: Option<Asker>,
    ) -> Result<Queued> {
        if !is_configured(tx)? {
            return Ok(Queued::NotConfigured);
        }
        let (id, now) = (MailId::generate(), now_ms());
        if let Some(surplus) = refuse_surplus(tx, mail, asker, now)? {
            tracing::warn!(kind = mail.kind.name(), reason = ?surplus, "a mail was not queued");
            return Ok(Queued::TooMany(surplus));
        }
        let content = serde_json::to_string(mail).map_err(Error::internal)?;
        let record = MailRecord {
            id,
            to: mail.to.to_string(),
            user_id,
            kind: mail.kind.name().to_owned(),
            sealed: self.sealing.seal(&content, id.as_bytes()),
            created_at: now,
            begun_at: now,
            attempts: 0,
            due_at: now,
            last_error: None,
            failed_at: None,
        };
        put_mail(tx, &record)?;
        count(tx, mail, asker, now, id)?;
        Ok(Queued::Queued)
    }

    /// The error says why it cannot be read.
    pub(super) fn open_mail(&self, record: &MailRecord) -> Result<Mail, &'static str> {
        let content = self.sealing.open(&record.sealed, record.id.as_bytes());
        let content = content.ok_or(
            "what stands in it cannot be read: it is damaged, or the key of the house has changed",
        )?;
        let mail = serde_json::from_str(&content);
        mail.map_err(|_| "another version of the program wrote it, and this one does not know it")
    }

    /// Mails that wait or failed, behind `after`.
    pub async fn list_queue(
        &self,
        caller: &Caller,
        after: Option<MailId>,
        limit: usize,
    ) -> Result<MailPage> {
        caller.require_admin()?;
        let mut mails = self.store.read(list_mails).await?;
        mails.retain(|mail| after.is_none_or(|after| mail.id < after));
        let more = mails.len() > limit;
        let items: Vec<QueuedMail> = mails
            .into_iter()
            .rev()
            .take(limit)
            .map(QueuedMail::from)
            .collect();
        let next = items.last().filter(|_| more).map(|mail| mail.id);
        Ok(MailPage { items, next })
    }

    /// Has it tried now, also where it was given up.
    pub async fn retry(&self, caller: &Caller, id: &str) -> Result<QueuedMail> {
        caller.require_admin()?;
        let (id, caller) = (parse_id(id)?, caller.clone());
        let written = self.store.write(move |tx| {
            check_caller(tx, &caller)?;
            let mut mail = find_mail(tx, &id)?.ok_or_else(no_such_mail)?;
            let now = now_ms();
            (mail.begun_at, mail.due_at) = (now, now);
            (mail.attempts, mail.failed_at) = (0, None);
            put_mail(tx, &mail)?;
            Ok(mail)
        });
        let mail = written.await?;
        self.wake();
        Ok(mail.into())
    }

    /// One that is just being sent may arrive all the same.
    pub async fn delete_mail(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.require_admin()?;
        let (id, caller) = (parse_id(id)?, caller.clone());
        let removed = self.store.write(move |tx| {
            check_caller(tx, &caller)?;
            remove_mail(tx, &id)
        });
        match removed.await? {
            true => Ok(()),
            false => Err(no_such_mail()),
        }
    }

    /// Queues a mail that says nothing but that mail arrives.
    pub async fn queue_test(
        self: &Arc<Self>,
        caller: &Caller,
        to: &str,
        language: Language,
    ) -> Result<()> {
        caller.require_admin()?;
        let mail = test_mail(to, language)?;
        let (mailer, caller) = (Arc::clone(self), caller.clone());
        let queueing = self.store.write(move |tx| {
            check_caller(tx, &caller)?;
            mailer.queue(tx, &mail)
        });
        let queued = queueing.await?;
        self.wake();
        match queued {
            Queued::Queued => Ok(()),
            Queued::NotConfigured => Err(no_server()),
            Queued::TooMany(surplus) => Err(surplus.refusal()),
        }
    }

    /// Writes down what came of an attempt. A mail that was deleted meanwhile stays so.
    pub(super) async fn conclude(&self, id: MailId, outcome: Result<(), Failure>) -> Result<()> {
        let first_retry_ms = self.config.first_retry_ms;
        let written = self.store.write(move |tx| {
            let Some(mut mail) = find_mail(tx, &id)? else {
                return Ok(());
            };
            let failure = match &outcome {
                Ok(()) => return remove_mail(tx, &id).map(drop),
                Err(failure) => failure,
            };
            let now = now_ms();
            mail.attempts += 1;
            mail.last_error = Some(failure.to_string());
            let next = next_attempt(mail.attempts, mail.begun_at, now, first_retry_ms);
            match next.filter(|_| !failure.is_final) {
                Some(due_at) => mail.due_at = due_at,
                None => mail.failed_at = Some(now),
            }
            put_mail(tx, &mail)
        });
        written.await
    }

    /// For a mail of which nothing can be read.
    pub(super) async fn give_up_damaged(&self, id: MailId) -> Result<()> {
        let written = self
            .store
            .write(move |tx| give_up_damaged_mail(tx, id, now_ms()));
        written.await
    }

    /// Forgets what is no longer of use, and gives up what waited for a server too long.
    pub(super) async fn tidy(&self) -> Result<()> {
        let first_retry_ms = self.config.first_retry_ms;
        let written = self.store.write(move |tx| {
            let now = now_ms();
            forget_mails_to(tx, now - WINDOW_MS)?;
            for id in list_damaged_mails(tx)? {
                tracing::error!(mail = %id, "the record of a mail is damaged; it is given up");
                give_up_damaged_mail(tx, id, now)?;
            }
            let mails = list_mails(tx)?;
            let failed = mails.iter().filter(|mail| mail.failed_at.is_some()).count();
            let mut surplus = failed.saturating_sub(MAX_FAILED);
            for mut mail in mails {
                match mail.failed_at {
                    Some(at) if surplus > 0 || at < now - KEEP_FAILED_MS => {
                        surplus = surplus.saturating_sub(1);
                        remove_mail(tx, &mail.id)?;
                    }
                    None if next_attempt(0, mail.begun_at, now, first_retry_ms).is_none() => {
                        mail.failed_at = Some(now);
                        put_mail(tx, &mail)?;
                    }
                    _ => {}
                }
            }
            Ok(())
        });
        written.await
    }
}

pub(super) fn test_mail(to: &str, language: Language) -> Result<Mail> {
    let wrong = |sentence| Error::invalid_field("to", sentence);
    let to = super::Address::parse(to)
        .map_err(|sentence| wrong(sentence).with_reason(Reason::EmailMalformed))?;
    Ok(Mail {
        to,
        name: String::new(),
        language,
        kind: MailKind::Test {},
    })
}

fn parse_id(text: &str) -> Result<MailId> {
    MailId::parse(text).ok_or_else(no_such_mail)
}

fn no_such_mail() -> Error {
    Error::not_found("mail")
}
