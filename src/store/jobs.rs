//! Jobs: work that must happen even if the house goes dark first. A job is put in the transaction
//! of its cause. When it is done it is removed, or kept with its ending where people watch it.
//! Called by the domain rooms and by `jobs/`.

use serde::{Deserialize, Serialize};

use super::allowances::Holder;
use super::codec::Record;
use super::tables::JOB_BY_ID;
use super::{Reads, WriteTx};
use crate::clock::{UnixMs, now_ms};
use crate::error::Result;
use crate::ids::{ConversationId, JobId, MessageId, UserId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    pub id: JobId,
    pub task: JobTask,
    /// How often it failed.
    pub attempts: u32,
    /// Not before this time.
    pub due_at: UnixMs,
    #[serde(default)]
    pub created_at: UnixMs,
    /// Of jobs that people watch; the others are removed at their end.
    #[serde(default)]
    pub ending: Option<JobEnding>,
}

/// What is to be done; the name of a job is a verb phrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobTask {
    /// After the first exchange, whose reply this is.
    WriteConversationTitle {
        conversation_id: ConversationId,
        reply_id: MessageId,
    },
    PullModel(ModelPull),
    /// What the engine keeps of what somebody wrote, after some of it was deleted.
    ForgetComputed {
        owner_id: UserId,
    },
    /// Of an allowance that is gone.
    RemoveOldEntries {
        holder: Holder,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPull {
    /// A repository and a file of it, or an address.
    pub source: String,
    /// The same for people, without what may be a signature.
    pub shown_source: String,
    /// The name that the model file will have.
    pub file: String,
    /// What somebody expects of it.
    pub sha256: Option<String>,
    pub size_bytes: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEnding {
    pub at: UnixMs,
    pub outcome: JobOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobOutcome {
    Done,
    /// Code and message of the error, for people.
    Failed {
        code: String,
        message: String,
    },
    Cancelled,
}

impl JobRecord {
    /// To be done as soon as there is time.
    pub fn new(task: JobTask) -> Self {
        let now = now_ms();
        Self {
            id: JobId::generate(),
            task,
            attempts: 0,
            due_at: now,
            created_at: now,
            ending: None,
        }
    }
}

impl Record for JobRecord {}

pub fn put_job(tx: &WriteTx, job: &JobRecord) -> Result<()> {
    tx.put(&JOB_BY_ID, &job.id, job)
}

/// Puts a job in the place of all with the same task. One of these may be running: it goes on, and is
/// not put back when it fails.
pub fn put_only_job(tx: &WriteTx, job: &JobRecord) -> Result<()> {
    for other in list_jobs(tx)? {
        if other.task == job.task && other.ending.is_none() {
            remove_job(tx, other.id)?;
        }
    }
    put_job(tx, job)
}

pub fn find_job(tx: &impl Reads, id: JobId) -> Result<Option<JobRecord>> {
    tx.find(&JOB_BY_ID, &id)
}

pub fn remove_job(tx: &WriteTx, id: JobId) -> Result<bool> {
    tx.remove(&JOB_BY_ID, &id)
}

/// Oldest first, also those that ended and are kept to be looked at.
pub fn list_jobs(tx: &impl Reads) -> Result<Vec<JobRecord>> {
    Ok(tx
        .list_all(&JOB_BY_ID)?
        .into_iter()
        .map(|(_, job)| job)
        .collect())
}
