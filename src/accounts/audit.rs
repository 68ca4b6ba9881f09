//! What is written down of who did what: the one way for the rooms to append, and what
//! administrators and auditors may read of it. An entry is written in the transaction of the deed.

use serde_json::Value;

use super::{Accounts, Caller};
use crate::error::{Error, Result};
use crate::store::WriteTx;
pub use crate::store::audit::{AuditActor, AuditRecord};
use crate::store::audit::{AuditChain, AuditEvent, append_audit, count_audit, list_audit};

/// Entries that are read in one transaction.
const PIECE: usize = 1000;

pub struct AuditPage {
    /// Latest first.
    pub entries: Vec<AuditRecord>,
    /// Give it as `before` for the next page; None: this was the last.
    pub next_before: Option<u64>,
}

/// `details` is a JSON object without secrets and without anything said in conversations.
pub fn audited(
    tx: &WriteTx,
    caller: &Caller,
    action: &'static str,
    subject: &str,
    details: Value,
) -> Result<()> {
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
        before: Option<u64>,
        limit: usize,
    ) -> Result<AuditPage> {
        caller.require_auditor()?;
        self.store
            .read(move |tx| {
                let count = count_audit(tx)?;
                let before = before.unwrap_or(u64::MAX).min(count + 1);
                let after = before.saturating_sub(1 + limit as u64);
                let wanted = usize::try_from(before.saturating_sub(1) - after).unwrap_or(limit);
                let mut entries = list_audit(tx, after, wanted)?;
                entries.reverse();
                let next_before = (after > 0).then_some(after + 1);
                Ok(AuditPage {
                    entries,
                    next_before,
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

    /// For the command line: how many entries there are, all in order, or what is wrong.
    pub async fn check_audit(&self) -> Result<u64> {
        let mut chain = AuditChain::default();
        let mut after = 0;
        while let Some((lines, last)) = self.audit_lines(after).await? {
            check_lines(&mut chain, lines.lines())?;
            after = last;
        }
        Ok(chain.checked())
    }
}

/// The same of an export.
pub fn check_exported_audit<'a>(lines: impl Iterator<Item = &'a str>) -> Result<u64> {
    let mut chain = AuditChain::default();
    check_lines(&mut chain, lines)?;
    Ok(chain.checked())
}

fn check_lines<'a>(chain: &mut AuditChain, lines: impl Iterator<Item = &'a str>) -> Result<()> {
    for line in lines {
        chain
            .check(line)
            .map_err(|what| Error::conflict(format!("the audit log is not whole: {what}")))?;
    }
    Ok(())
}
