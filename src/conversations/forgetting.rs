//! What the engine has computed of a person's words goes when some of these words are deleted.
//!
//! The engine knows persons only as lanes, so everything of the person goes; what is wanted again is
//! computed again. A job that is queued in the transaction of the deletion, so it survives a restart;
//! of one person one waits at most, however much is deleted.

use super::Conversations;
use super::promises::lane_of;
use crate::error::Result;
use crate::ids::UserId;
use crate::store::WriteTx;
use crate::store::jobs::{JobRecord, JobTask, put_only_job};

pub(super) fn request_forgetting(tx: &WriteTx, owner_id: UserId) -> Result<()> {
    put_only_job(tx, &JobRecord::new(JobTask::ForgetComputed { owner_id }))
}

impl Conversations {
    /// The job. An error means: try again later.
    pub async fn forget_computed(&self, owner_id: UserId) -> Result<()> {
        Ok(self.engine.forget(lane_of(owner_id)).await?)
    }
}
