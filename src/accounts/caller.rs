//! For whom something is done. Only `Accounts` makes one, from a credential that was checked, so a
//! domain function that takes `&Caller` cannot be called without asking who it is.

use super::rights::check_caller;
use crate::error::{Error, Reason, Result};
use crate::ids::{ApiKeyId, SessionId, UserId};
use crate::store::WriteTx;
use crate::store::api_keys::ApiKeyScope;
use crate::store::audit::AuditActor;
use crate::store::users::UserRole;

#[derive(Debug, Clone)]
pub struct Caller {
    pub(super) user_id: UserId,
    pub(super) username: String,
    pub(super) role: UserRole,
    pub(super) means: Means,
}

/// By what somebody proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Means {
    Session(SessionId),
    ApiKey(ApiKeyId, Vec<ApiKeyScope>),
}

/// What an operation is about. A session may do all that its user may; an API key what its scopes
/// say, and never what is about the account itself or would make more of whoever holds the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Look at one's own things.
    Read,
    /// Have replies written, and change what is about conversations.
    Chat,
    /// Run the house.
    Administer,
    /// One's password, sessions and keys.
    OwnAccount,
    /// What lets somebody in, makes them more, or shows them what others said.
    Trust,
}

impl Caller {
    pub fn user_id(&self) -> UserId {
        self.user_id
    }

    pub fn username(&self) -> &str {
        &self.username
    }

    pub fn role(&self) -> UserRole {
        self.role
    }

    pub fn require(&self, purpose: Purpose) -> Result<()> {
        match &self.means {
            Means::ApiKey(_, scopes) if !is_covered(scopes, purpose) => Err(Error::forbidden(
                "this API key is not for that; its scopes say what it is for",
            )),
            _ => Ok(()),
        }
    }

    pub fn require_admin(&self) -> Result<()> {
        self.require(Purpose::Administer)?;
        match self.role {
            UserRole::Admin => Ok(()),
            UserRole::User | UserRole::Auditor => {
                Err(Error::forbidden("this is for administrators")
                    .with_reason(Reason::AdministratorsOnly))
            }
        }
    }

    /// For an administrator in person: what would make more of a key than it is takes a session.
    pub fn require_admin_session(&self) -> Result<()> {
        self.require_admin()?;
        self.require_session()
    }

    /// For whoever gives somebody a new account a role, also by a registration key.
    pub(super) fn require_may_make(&self, role: UserRole) -> Result<()> {
        match role {
            UserRole::Admin => self.require_admin_session(),
            UserRole::User | UserRole::Auditor => self.require_admin(),
        }
    }

    pub(super) fn require_session(&self) -> Result<()> {
        match self.means {
            Means::Session(_) => Ok(()),
            Means::ApiKey(..) => Err(Error::forbidden(
                "no API key is good for that; sign in to do it",
            )),
        }
    }

    /// For looking at how the house is run, not at what is said in it.
    pub fn require_auditor(&self) -> Result<()> {
        self.require(Purpose::Administer)?;
        match self.role {
            UserRole::Admin | UserRole::Auditor => Ok(()),
            UserRole::User => Err(Error::forbidden("this is for administrators and auditors")
                .with_reason(Reason::AuditorsOnly)),
        }
    }

    /// Who stands in the audit log for what this caller does.
    pub fn actor(&self) -> AuditActor {
        AuditActor::User {
            id: self.user_id,
            username: self.username.clone(),
        }
    }

    /// An administrator whose session has ended since they were asked who they are.
    #[cfg(test)]
    pub(crate) fn administrator_who_left() -> Self {
        Self {
            user_id: UserId::generate(),
            username: "ada".into(),
            role: UserRole::Admin,
            means: Means::Session(SessionId::generate()),
        }
    }

    /// None: an API key.
    pub(super) fn session_id(&self) -> Option<SessionId> {
        match self.means {
            Means::Session(id) => Some(id),
            Means::ApiKey(..) => None,
        }
    }
}

fn is_covered(scopes: &[ApiKeyScope], purpose: Purpose) -> bool {
    let has = |scope| scopes.contains(&scope);
    match purpose {
        Purpose::Read => has(ApiKeyScope::Read) || has(ApiKeyScope::Chat),
        Purpose::Chat => has(ApiKeyScope::Chat),
        Purpose::Administer => has(ApiKeyScope::Admin),
        Purpose::OwnAccount | Purpose::Trust => false,
    }
}

impl crate::plugins::Administrator for Caller {
    fn require_admin(&self) -> Result<()> {
        self.require_admin()
    }

    fn still_actor(&self, tx: &WriteTx) -> Result<AuditActor> {
        check_caller(tx, self).map(|()| self.actor())
    }
}
