//! A new password, by whichever of the three ways: the one function that writes it ends everything
//! that another might hold by the old one, writes it down and tells the owner. Called by `users` and
//! `recovery`, behind whatever proves that it may be set.

use serde_json::json;

use super::api_keys::remove_api_keys;
use super::audit::audited_by;
use super::break_glass::put_notice_to;
use super::post::Post;
use super::rights::check_caller;
use super::sessions::remove_sessions;
use super::{Accounts, AuditActor, Caller, Notice, UserRecord, UserStatus};
use crate::error::Result;
use crate::mail::MailKind;
use crate::store::WriteTx;
use crate::store::links::{LinkPurpose, remove_links};
use crate::store::users::{Awaited, put_user};

/// Who sets it, and by what.
#[derive(Clone)]
pub(super) enum SetBy {
    /// Its owner, who said the old one: their session and their API keys stay.
    Owner(Caller),
    /// A link; with the name of the administrator who made it, where one did.
    Link {
        made_by: Option<String>,
    },
    CommandLine,
}

impl SetBy {
    fn action(&self) -> (AuditActor, &'static str) {
        match self {
            Self::Owner(caller) => (caller.actor(), "user.password_changed"),
            Self::Link { .. } => (AuditActor::LinkHolder, "user.password_reset"),
            Self::CommandLine => (AuditActor::CommandLine, "user.password_set"),
        }
    }
}

impl Accounts {
    pub(super) async fn hash_password_of(&self, user: &UserRecord, new: &str) -> Result<String> {
        let email = user.email.as_deref().unwrap_or_default();
        self.passwords.hash_new(new, &[&user.username, email]).await
    }
}

pub(super) fn set_new_password(
    tx: &WriteTx,
    post: &Post,
    mut user: UserRecord,
    password_hash: &str,
    by: &SetBy,
) -> Result<()> {
    let kept = match by {
        SetBy::Owner(caller) => {
            check_caller(tx, caller)?;
            caller.session_id()
        }
        SetBy::Link { .. } | SetBy::CommandLine => None,
    };
    user.password_hash = password_hash.to_owned();
    put_user(tx, &user)?;
    let awaits_email = matches!(
        user.status,
        UserStatus::Pending(Awaited { email: true, .. })
    );
    remove_links(tx, user.id, |link| match link.purpose {
        LinkPurpose::ResetPassword => true,
        LinkPurpose::ProveEmail { .. } => !awaits_email,
        LinkPurpose::Decide { .. } => false,
    })?;
    remove_sessions(tx, user.id, |session| Some(session.id) != kept)?;
    let ended_keys = match by {
        SetBy::Owner(_) => 0,
        SetBy::Link { .. } | SetBy::CommandLine => remove_api_keys(tx, user.id)?,
    };
    let made_by = match by {
        SetBy::Link { made_by } => made_by.clone(),
        SetBy::Owner(_) | SetBy::CommandLine => None,
    };
    let (actor, action) = by.action();
    let details = json!({ "ended_api_keys": ended_keys, "link_made_by": made_by });
    audited_by(tx, actor, action, &user.username, details)?;
    if let Some(by) = &made_by {
        put_notice_to(tx, user.id, Notice::ResetLinkUsed { by: by.clone() })?;
    }
    let kind = MailKind::PasswordChanged {
        everywhere: !matches!(by, SetBy::Owner(_)),
        keys_ended: ended_keys > 0,
        link_made_by: made_by,
    };
    post.tell(tx, &user, kind)
}
