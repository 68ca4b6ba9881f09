//! The audit log: who did what to whom, appended in the transaction of the deed and never changed.
//!
//! Each entry carries a hash over itself and the hash before, so that an entry that was changed,
//! added, or removed from between others breaks the chain; that the end was cut off shows by a hash
//! that was kept elsewhere. The hash is over the entry's JSON as it is exported, so that anybody can
//! check an export. Called by the domain rooms through `accounts/audit`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::codec::Record;
use super::tables::AUDIT_ENTRY_BY_SEQUENCE;
use super::{Reads, WriteTx};
use crate::clock::{UnixMs, now_ms, rfc3339};
use crate::error::{Error, Result};
use crate::ids::UserId;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditActor {
    User {
        id: UserId,
        username: String,
    },
    /// Whoever may use the data folder.
    CommandLine,
    /// Somebody with a link that was mailed to them.
    LinkHolder,
    /// Somebody nobody knows yet.
    Stranger,
    House,
}

/// What is to be written down.
#[derive(Debug, Clone)]
pub struct AuditEvent {
    pub actor: AuditActor,
    /// Thing and verb, e.g. `user.disabled`.
    pub action: &'static str,
    /// The name of what it was done to.
    pub subject: String,
    /// A JSON object; never a secret, never what was said in a conversation.
    pub details: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    pub sequence: u64,
    pub at: UnixMs,
    pub actor: AuditActor,
    pub action: String,
    pub subject: String,
    /// JSON.
    pub details: String,
    /// Hexadecimal; of the first entry 64 zeros.
    pub previous_hash: String,
    pub hash: String,
}

impl Record for AuditRecord {}

/// An entry as it is exported, a line of JSON; the hash is over all but itself, in this order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditLine {
    sequence: u64,
    at: String,
    actor: String,
    actor_id: Option<String>,
    action: String,
    subject: String,
    details: Value,
    previous_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
}

impl AuditLine {
    fn digest(&self) -> Result<String> {
        let text = serde_json::to_string(self).map_err(Error::internal)?;
        Ok(hex::encode(Sha256::digest(text.as_bytes())))
    }
}

impl AuditActor {
    pub fn name(&self) -> &str {
        match self {
            Self::User { username, .. } => username,
            Self::CommandLine => "(command line)",
            Self::LinkHolder => "(mailed link)",
            Self::Stranger => "(nobody)",
            Self::House => "(house)",
        }
    }

    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User { id, .. } => Some(*id),
            _ => None,
        }
    }
}

impl AuditRecord {
    fn line(&self) -> Result<AuditLine> {
        Ok(AuditLine {
            sequence: self.sequence,
            at: rfc3339(self.at),
            actor: self.actor.name().to_owned(),
            actor_id: self.actor.user_id().map(|id| id.to_string()),
            action: self.action.clone(),
            subject: self.subject.clone(),
            details: serde_json::from_str(&self.details).map_err(Error::internal)?,
            previous_hash: self.previous_hash.clone(),
            hash: None,
        })
    }

    fn head(&self) -> AuditHead {
        AuditHead {
            sequence: self.sequence,
            at: rfc3339(self.at),
            hash: self.hash.clone(),
        }
    }

    /// A line of the export.
    pub fn export(&self) -> Result<String> {
        let mut line = self.line()?;
        line.hash = Some(self.hash.clone());
        serde_json::to_string(&line).map_err(Error::internal)
    }
}

pub fn append_audit(tx: &WriteTx, event: &AuditEvent) -> Result<()> {
    let sequence = tx.next_number(&AUDIT_ENTRY_BY_SEQUENCE)?;
    let previous = match sequence {
        1 => None,
        _ => tx.find(&AUDIT_ENTRY_BY_SEQUENCE, &(sequence - 1))?,
    };
    let mut record = AuditRecord {
        sequence,
        at: now_ms(),
        actor: event.actor.clone(),
        action: event.action.to_owned(),
        subject: event.subject.clone(),
        details: event.details.to_string(),
        previous_hash: previous.map_or_else(|| "0".repeat(64), |previous| previous.hash),
        hash: String::new(),
    };
    record.hash = record.line()?.digest()?;
    tx.put(&AUDIT_ENTRY_BY_SEQUENCE, &sequence, &record)
}

/// Up to `limit` entries behind the sequence `after`, oldest first.
pub fn list_audit(tx: &impl Reads, after: u64, limit: usize) -> Result<Vec<AuditRecord>> {
    let rows = tx.list(&AUDIT_ENTRY_BY_SEQUENCE, &(), Some(&after), limit)?;
    Ok(rows.into_iter().map(|(_, record)| record).collect())
}

/// Up to `limit` entries before the sequence `before`, latest first; None: from the latest.
pub fn list_latest_audit(
    tx: &impl Reads,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<AuditRecord>> {
    let rows = tx.list_back(&AUDIT_ENTRY_BY_SEQUENCE, before.as_ref(), limit)?;
    Ok(rows.into_iter().map(|(_, record)| record).collect())
}

/// The end of a log: whoever keeps this elsewhere finds out later whether the end was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// Also how many entries there are.
    pub sequence: u64,
    /// As it stands in the entry.
    pub at: String,
    pub hash: String,
}

/// None while there is no entry.
pub fn find_audit_head(tx: &impl Reads) -> Result<Option<AuditHead>> {
    let latest = list_latest_audit(tx, None, 1)?;
    Ok(latest.first().map(AuditRecord::head))
}

pub fn find_audit_entry(tx: &impl Reads, sequence: u64) -> Result<Option<AuditRecord>> {
    tx.find(&AUDIT_ENTRY_BY_SEQUENCE, &sequence)
}

/// Follows the chain through the lines of an export, one line at a time.
#[derive(Default)]
pub struct AuditChain {
    last: Option<AuditHead>,
    /// A hash that must be among them.
    wanted: Option<String>,
}

impl AuditChain {
    /// `wanted` is the hash of an entry that must be met.
    pub fn meeting(wanted: Option<String>) -> Self {
        Self { last: None, wanted }
    }

    /// The error is a sentence that says which entry is wrong.
    pub fn check(&mut self, line: &str) -> Result<(), String> {
        let expected = self.last.as_ref().map_or(1, |last| last.sequence + 1);
        let mut line: AuditLine = serde_json::from_str(line)
            .map_err(|error| format!("entry {expected} cannot be read: {error}"))?;
        if line.sequence != expected {
            return Err(format!(
                "entry {expected} is missing; {} stands in its place",
                line.sequence
            ));
        }
        let zeros = "0".repeat(64);
        let before = self.last.as_ref().map_or(&zeros, |last| &last.hash);
        if line.previous_hash != *before {
            return Err(format!("entry {expected} does not follow the one before"));
        }
        let hash = line.hash.take();
        let digest = line.digest().map_err(|error| error.to_string())?;
        if hash.as_ref() != Some(&digest) {
            return Err(format!("entry {expected} was changed"));
        }
        if self.wanted.as_ref() == Some(&digest) {
            self.wanted = None;
        }
        self.last = Some(AuditHead {
            sequence: expected,
            at: line.at,
            hash: digest,
        });
        Ok(())
    }

    /// The last entry of those that are as they were written; None: there was none. The error is a
    /// sentence.
    pub fn finish(self) -> Result<Option<AuditHead>, String> {
        match self.wanted {
            Some(hash) => Err(format!(
                "the entry with the hash {hash} is not there; the end was cut off, or this is another log"
            )),
            None => Ok(self.last),
        }
    }
}
