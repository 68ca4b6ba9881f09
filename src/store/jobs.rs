//! Jobs: work that must happen even if the house goes dark first. A job is put in the transaction
//! of its cause and removed when it is done. Called by the domain rooms and by `jobs/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::JOB_BY_ID;
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::error::Result;
use crate::ids::{ConversationId, JobId, MessageId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    pub id: JobId,
    pub task: JobTask,
    /// How often it failed.
    pub attempts: u32,
    /// Not before this time.
    pub due_at: UnixMs,
}

/// What is to be done; the name of a job is a verb phrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobTask {
    /// After the first exchange, whose reply this is.
    WriteConversationTitle {
        conversation_id: ConversationId,
        reply_id: MessageId,
    },
}

impl Record for JobRecord {}

pub fn put_job(tx: &WriteTx, job: &JobRecord) -> Result<()> {
    tx.put(&JOB_BY_ID, &job.id, job)
}

pub fn remove_job(tx: &WriteTx, id: JobId) -> Result<bool> {
    tx.remove(&JOB_BY_ID, &id)
}

/// All that wait, oldest first.
pub fn list_jobs(tx: &impl Reads) -> Result<Vec<JobRecord>> {
    Ok(tx
        .list_all(&JOB_BY_ID)?
        .into_iter()
        .map(|(_, job)| job)
        .collect())
}
