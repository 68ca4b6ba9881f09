//! Mails that wait to be sent, and those that failed for good and are kept to be looked at. When
//! one is sent it is removed. Beside them stands how many went to whom lately. What a mail says is
//! sealed before it comes here. A record that is damaged hides no other. Called by `mail/`.

use serde::{Deserialize, Serialize};

use super::codec::{Record, is_damaged};
use super::tables::{MAIL_BY_DUE, MAIL_BY_ID, MAIL_OF_RECIPIENT};
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::error::Result;
use crate::ids::{MailId, UserId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailRecord {
    pub id: MailId,
    pub to: String,
    /// Whom it is for, whose address that may not be. None: nobody who has an account, or it was
    /// queued before this was kept.
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// The name of its template.
    pub kind: String,
    /// What it says, sealed for this id.
    pub sealed: Vec<u8>,
    pub created_at: UnixMs,
    /// When it was first to be sent, or was to be sent anew.
    pub begun_at: UnixMs,
    /// How often it was tried since then.
    pub attempts: u32,
    /// Not before this time.
    pub due_at: UnixMs,
    pub last_error: Option<String>,
    /// Since when it is no longer tried.
    pub failed_at: Option<UnixMs>,
}

impl Record for MailRecord {}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailCounts {
    pub waiting: u64,
    pub failed: u64,
}

fn place_of(mail: &MailRecord) -> Option<(u64, MailId)> {
    let due_at = mail.due_at.max(0).cast_unsigned();
    mail.failed_at.is_none().then_some((due_at, mail.id))
}

pub fn find_mail(tx: &impl Reads, id: &MailId) -> Result<Option<MailRecord>> {
    tx.find(&MAIL_BY_ID, id)
}

/// Adds a mail or writes a changed one.
pub fn put_mail(tx: &WriteTx, mail: &MailRecord) -> Result<()> {
    remove_mail(tx, &mail.id)?;
    if let Some(place) = place_of(mail) {
        tx.put(&MAIL_BY_DUE, &place, &())?;
    }
    tx.put(&MAIL_BY_ID, &mail.id, mail)
}

/// False when there was none.
pub fn remove_mail(tx: &WriteTx, id: &MailId) -> Result<bool> {
    let place = find_mail(tx, id)?.and_then(|mail| place_of(&mail));
    if let Some(place) = place {
        tx.remove(&MAIL_BY_DUE, &place)?;
    }
    tx.remove(&MAIL_BY_ID, id)
}

/// None where the record of this mail cannot be read.
pub fn find_readable_mail(tx: &impl Reads, id: &MailId) -> Result<Option<MailRecord>> {
    match find_mail(tx, id) {
        Err(error) if is_damaged(&error) => Ok(None),
        found => found,
    }
}

/// All of them that can be read, oldest first.
pub fn list_mails(tx: &impl Reads) -> Result<Vec<MailRecord>> {
    let ids = tx.list_keys(&MAIL_BY_ID, usize::MAX)?;
    let found = ids.iter().map(|id| find_readable_mail(tx, id));
    found.filter_map(Result::transpose).collect()
}

/// Those of which nothing can be read but that they are there.
pub fn list_damaged_mails(tx: &impl Reads) -> Result<Vec<MailId>> {
    let mut damaged = Vec::new();
    for id in tx.list_keys(&MAIL_BY_ID, usize::MAX)? {
        match find_mail(tx, &id) {
            Err(error) if is_damaged(&error) => damaged.push(id),
            found => drop(found?),
        }
    }
    Ok(damaged)
}

/// Writes what can still be said in place of a record that cannot be read.
pub fn give_up_damaged_mail(tx: &WriteTx, id: MailId, at: UnixMs) -> Result<()> {
    for place in tx.list_keys(&MAIL_BY_DUE, usize::MAX)? {
        if place.1 == id {
            tx.remove(&MAIL_BY_DUE, &place)?;
        }
    }
    let rest = MailRecord {
        id,
        to: String::new(),
        user_id: None,
        kind: "unknown".to_owned(),
        sealed: Vec::new(),
        created_at: at,
        begun_at: at,
        attempts: 0,
        due_at: at,
        last_error: Some("its record in the store is damaged".to_owned()),
        failed_at: Some(at),
    };
    tx.put(&MAIL_BY_ID, &id, &rest)
}

/// When which is to be sent, the first first.
pub fn list_due_mails(tx: &impl Reads, limit: usize) -> Result<Vec<(UnixMs, MailId)>> {
    let places = tx.list_keys(&MAIL_BY_DUE, limit)?;
    Ok(places
        .into_iter()
        .map(|(due_at, id)| (due_at.cast_signed(), id))
        .collect())
}

/// Has everything that waits due at this time, unless it was before.
pub fn bring_mails_forward(tx: &WriteTx, due_at: UnixMs) -> Result<()> {
    for (_, id) in list_due_mails(tx, usize::MAX)? {
        let later = find_readable_mail(tx, &id)?.filter(|mail| mail.due_at > due_at);
        if let Some(mut mail) = later {
            mail.due_at = due_at;
            put_mail(tx, &mail)?;
        }
    }
    Ok(())
}

pub fn count_mails(tx: &impl Reads) -> Result<MailCounts> {
    let waiting = tx.count(&MAIL_BY_DUE)?;
    let failed = tx.count(&MAIL_BY_ID)?.saturating_sub(waiting);
    Ok(MailCounts { waiting, failed })
}

/// Remembers that a mail was meant for this recipient, or asked for by somebody; `recipient` is
/// whatever the caller counts by.
pub fn put_mail_to(tx: &WriteTx, recipient: u64, at: UnixMs, id: MailId) -> Result<()> {
    let key = (recipient, (at.max(0).cast_unsigned(), id));
    tx.put(&MAIL_OF_RECIPIENT, &key, &())
}

/// How many were meant for this recipient since then; counts no further than `limit`.
pub fn count_mails_to(
    tx: &impl Reads,
    recipient: u64,
    since: UnixMs,
    limit: usize,
) -> Result<usize> {
    let first = (
        recipient,
        (since.max(0).cast_unsigned(), MailId::from_bytes([0; 16])),
    );
    let found = tx.list(&MAIL_OF_RECIPIENT, &recipient, Some(&first), limit)?;
    Ok(found.len())
}

/// Forgets for whom mails were meant before this time.
pub fn forget_mails_to(tx: &WriteTx, before: UnixMs) -> Result<()> {
    let before = before.max(0).cast_unsigned();
    for key in tx.list_keys(&MAIL_OF_RECIPIENT, usize::MAX)? {
        let (_, (at, _)) = key;
        if at < before {
            tx.remove(&MAIL_OF_RECIPIENT, &key)?;
        }
    }
    Ok(())
}

/// For tests: what stands here is no longer a mail's record.
#[cfg(test)]
pub fn damage_mail(tx: &WriteTx, id: MailId) -> Result<()> {
    let bare = super::transaction::Table::<MailId, ()>::new(MAIL_BY_ID.name);
    tx.put(&bare, &id, &())
}
