//! For whom something is done. Only `Accounts` makes one, from a credential that was checked, so a
//! domain function that takes `&Caller` cannot be called without asking who it is.

use crate::error::{Error, Result};
use crate::ids::{SessionId, UserId};
use crate::store::users::UserRole;

#[derive(Debug, Clone)]
pub struct Caller {
    pub(super) user_id: UserId,
    pub(super) session_id: SessionId,
    pub(super) role: UserRole,
}

impl Caller {
    pub fn user_id(&self) -> UserId {
        self.user_id
    }

    pub fn require_admin(&self) -> Result<()> {
        match self.role {
            UserRole::Admin => Ok(()),
            UserRole::User => Err(Error::forbidden("this is for administrators")),
        }
    }
}
