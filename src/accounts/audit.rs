//! What is written down of who did what: the one way for the rooms to append, and what
//! administrators and auditors may read of it. An entry is written in the transaction of the deed.

use serde_json::Value;

use super::rights::check_caller;
use super::scan::scan_back;
use super::{Accounts, Caller};
use crate::clock::UnixMs;
use crate::error::{Error, Result};
use crate::store::WriteTx;
pub use crate::store::audit::{AuditActor, AuditHead, AuditRecord};
use crate::store::audit::{
    AuditChain, AuditEvent, append_audit, find_audit_entry, find_audit_head, list_audit,
    list_latest_audit,
};

/// Entries that are read in one transaction.
const PIECE: usize = 1000;

pub struct AuditPage {
    /// Latest first; may be fewer than were asked for, also none, where there is a next page.
    pub entries: Vec<AuditRecord>,
    /// Give it as `before` for the next page; None: this was the last.
    pub next_before: Option<u64>,
}

/// Which entries are wanted: those that all of this is true of.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// The whole name of who did it, whatever the case.
    pub actor: Option<String>,
    /// How the action begins, e.g. `user.`.
    pub action: Option<String>,
    pub since: Option<UnixMs>,
    /// Before this.
    pub until: Option<UnixMs>,
    /// Words that all stand in it somewhere, whatever the case.
    pub text: String,
}

impl AuditFilter {
    fn takes(&self, entry: &AuditRecord) -> bool {
        let is_actor = |name: &String| entry.actor.name().to_lowercase() == name.to_lowercase();
        let is_action = |begin: &String| entry.action.starts_with(begin.as_str());
        self.is_since(entry)
            && self.until.is_none_or(|until| entry.at < until)
            && self.actor.as_ref().is_none_or(is_actor)
            && self.action.as_ref().is_none_or(is_action)
            && self.has_words(entry)
    }

    fn is_since(&self, entry: &AuditRecord) -> bool {
        self.since.is_none_or(|since| entry.at >= since)
    }

    fn has_words(&self, entry: &AuditRecord) -> bool {
        let mut words = self.text.split_whitespace().peekable();
        if words.peek().is_none() {
            return true;
        }
        let parts = [
            entry.actor.name(),
            &entry.action,
            &entry.subject,
            &entry.details,
        ];
        let text = parts.join(" ").to_lowercase();
        words.all(|word| text.contains(&word.to_lowercase()))
    }
}

/// Refuses a caller who may not go on. So what is done for one is written down first, before anything
/// that could end their rights. `details` is a JSON object without secrets and without anything said
/// in conversations.
pub fn audited(
    tx: &WriteTx,
    caller: &Caller,
    action: &'static str,
    subject: &str,
    details: Value,
) -> Result<()> {
    check_caller(tx, caller)?;
    audited_by(tx, caller.actor(), action, subject, details)
}

/// The same for what is done by nobody who has signed in.
pub(super) fn audited_by(
    tx: &WriteTx,
    actor: AuditActor,
    action: &'static str,
    subject: &str,
    details: Value,
) -> Result<()> {
    let event = AuditEvent {
        actor,
        action,
        subject: subject.to_owned(),
        details,
    };
    append_audit(tx, &event)
}

impl Accounts {
    /// Up to `limit` entries before the sequence `before`; None: from the latest.
    pub async fn list_audit(
        &self,
        caller: &Caller,
        filter: AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AuditPage> {
        caller.require_auditor()?;
        self.store
            .read(move |tx| {
                let mut is_late = false;
                let page = scan_back(
                    before,
                    limit,
                    |before, limit| list_latest_audit(tx, before, limit),
                    |entry| entry.sequence,
                    |entry| {
                        is_late |= filter.is_since(entry);
                        filter.takes(entry)
                    },
                )?;
                Ok(AuditPage {
                    entries: page.found,
                    // A clock may have gone wrong for a while, but not for a whole scan: what lies
                    // behind it is older still.
                    next_before: page.next_before.filter(|_| is_late),
                })
            })
            .await
    }

    /// A piece of the export: lines of JSON behind the sequence `after`, and the sequence to go on
    /// from; None at the end.
    pub async fn export_audit(&self, caller: &Caller, after: u64) -> Result<Option<(String, u64)>> {
        caller.require_auditor()?;
        self.audit_lines(after).await
    }

    async fn audit_lines(&self, after: u64) -> Result<Option<(String, u64)>> {
        self.store
            .read(move |tx| {
                let entries = list_audit(tx, after, PIECE)?;
                let Some(last) = entries.last().map(|entry| entry.sequence) else {
                    return Ok(None);
                };
                let mut lines = String::new();
                for entry in entries {
                    lines.push_str(&entry.export()?);
                    lines.push('\n');
                }
                Ok(Some((lines, last)))
            })
            .await
    }

    /// The latest entry; None: there is none yet. Kept elsewhere, it shows later that nothing was cut
    /// off.
    pub async fn find_audit_head(&self, caller: &Caller) -> Result<Option<AuditHead>> {
        caller.require_auditor()?;
        self.store.read(find_audit_head).await
    }

    /// For the command line: the latest entry, all before it being in order, or what is wrong.
    /// `head` is the hash of an entry that must be there.
    pub async fn check_audit(&self, head: Option<&str>) -> Result<Option<AuditHead>> {
        let mut chain = AuditChain::meeting(head.map(str::to_lowercase));
        let mut after = 0;
        while let Some((lines, last)) = self.audit_lines(after).await? {
            check_lines(&mut chain, lines.lines())?;
            after = last;
        }
        chain.finish().map_err(not_whole)
    }

    /// For the command line: whether the last entry of an export is in this log, and how many entries
    /// have come since.
    pub async fn count_audit_since(&self, exported: &AuditHead) -> Result<u64> {
        let sequence = exported.sequence;
        let read = self
            .store
            .read(move |tx| Ok((find_audit_entry(tx, sequence)?, find_audit_head(tx)?)));
        let (entry, head) = read.await?;
        let is_there = entry.is_some_and(|entry| entry.hash == exported.hash);
        match head.filter(|_| is_there) {
            Some(head) => Ok(head.sequence - sequence),
            None => Err(not_whole(format!(
                "entry {sequence} of the export is not in the data folder; the end of the log was cut off there, or it is another log"
            ))),
        }
    }
}

/// The same of an export, which has an entry at least.
pub fn check_exported_audit<'a>(
    lines: impl Iterator<Item = &'a str>,
    head: Option<&str>,
) -> Result<AuditHead> {
    let mut chain = AuditChain::meeting(head.map(str::to_lowercase));
    check_lines(&mut chain, lines)?;
    let last = chain.finish().map_err(not_whole)?;
    last.ok_or_else(|| Error::invalid("there is no entry in this; it is no export of an audit log"))
}

fn check_lines<'a>(chain: &mut AuditChain, lines: impl Iterator<Item = &'a str>) -> Result<()> {
    for line in lines {
        chain.check(line).map_err(not_whole)?;
    }
    Ok(())
}

fn not_whole(what: String) -> Error {
    Error::conflict(format!("the audit log is not whole: {what}"))
}
