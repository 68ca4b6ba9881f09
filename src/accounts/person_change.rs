//! What administrators change of others: name, e-mail, role, groups and standing, in one transaction
//! with all that follows from it. Another e-mail, and whatever makes an administrator, takes a session,
//! since an API key would be made into more by it.

use serde_json::json;

use super::audit::audited_by;
use super::groups::{checked_groups, get_group};
use super::links::{NewLink, PROVE_EMAIL};
use super::people::{get_person, is_administrator, keep_an_administrator};
use super::post::{Post, UnsentLink};
use super::recovery::{remove_mailed_links, tell_of_new_email};
use super::registration::{PROOF, send_proof};
use super::requests::{close_settled_requests, find_open_request};
use super::rights::{check_caller, is_less};
use super::sessions::remove_sessions;
use super::settings::registration_rules;
use super::taking_back::{follow_approver, take_back_from};
use super::validity::{valid_display_name, valid_email};
use super::{Accounts, Caller, UserRecord, UserRole, UserStatus};
use crate::error::{Error, Reason, Result};
use crate::ids::{GroupId, UserId};
use crate::mail::{self, MailKind};
use crate::store::WriteTx;
use crate::store::groups::EVERYONE;
use crate::store::requests::RequestWish;
use crate::store::users::{Awaited, put_user};

/// What is to be another; None stays, and an empty text removes.
#[derive(Debug, Clone, Default)]
pub struct PersonChange {
    pub display_name: Option<String>,
    pub email: Option<String>,
    pub role: Option<UserRole>,
    pub group_ids: Option<Vec<GroupId>>,
    /// Whether they may come in.
    pub disabled: Option<bool>,
}

/// A change about to be written. None leaves a field; an inner None removes it.
struct PersonWrite {
    id: UserId,
    display_name: Option<Option<String>>,
    email: Option<Option<String>>,
    role: Option<UserRole>,
    group_ids: Option<Vec<GroupId>>,
    disabled: Option<bool>,
    caller: Caller,
    post: Post,
    proof: NewLink,
}

/// A change that was written, with the links that could not be mailed.
struct Written {
    user: UserRecord,
    /// Proves a new e-mail, where that is needed.
    proof: Option<UnsentLink>,
    decisions: Vec<UnsentLink>,
}

impl Accounts {
    /// Whoever gets a lesser role or is shut out is signed out everywhere, and what they could still do
    /// as an administrator is taken back; another group counts with their next request. Another e-mail
    /// holds at once and counts as unproved; where the house wants proofs, a link is mailed to it.
    pub async fn change_person(
        &self,
        caller: &Caller,
        id: UserId,
        change: PersonChange,
    ) -> Result<UserRecord> {
        caller.require_admin()?;
        let display_name = change.display_name.as_deref().map(valid_display_name);
        let email = change.email.as_deref().map(valid_email);
        let write = PersonWrite {
            id,
            display_name: display_name.transpose()?,
            email: email.transpose()?,
            role: change.role,
            group_ids: change.group_ids,
            disabled: change.disabled,
            caller: caller.clone(),
            post: self.post.clone(),
            proof: NewLink::generate(&PROVE_EMAIL),
        };
        let written = self.write_rights(move |tx| write.write(tx)).await?;
        self.tell_of_links(written.decisions);
        if let Some(proof) = written.proof {
            proof.log(PROOF);
        }
        Ok(written.user)
    }

    /// Puts somebody into a group, or takes them out; who is as they should be stays so.
    pub async fn set_group_member(
        &self,
        caller: &Caller,
        group_id: GroupId,
        id: UserId,
        is_member: bool,
    ) -> Result<()> {
        caller.require_admin()?;
        let caller = caller.clone();
        self.write_rights(move |tx| {
            check_caller(tx, &caller)?;
            let group = get_group(tx, group_id)?;
            if group.id == EVERYONE {
                return Err(Error::conflict("everybody is in this group, and stays"));
            }
            let before = get_person(tx, id)?;
            let mut user = before.clone();
            user.group_ids.retain(|other| *other != group_id);
            user.group_ids.extend(is_member.then_some(group_id));
            user.group_ids.sort_unstable();
            put_user(tx, &user)?;
            write_down(tx, &caller, &before, &user)
        })
        .await
    }
}

impl PersonWrite {
    fn write(&self, tx: &WriteTx) -> Result<Written> {
        check_caller(tx, &self.caller)?;
        let before = get_person(tx, self.id)?;
        let mut user = before.clone();
        self.apply(tx, &mut user)?;
        // A link goes to whoever has the e-mail.
        if makes_administrator(&before, &user) || user.email != before.email {
            self.caller.require_session()?;
        }
        let loses_house = is_administrator(&before) && !is_administrator(&user);
        if loses_house {
            keep_an_administrator(tx, &before)?;
        }
        put_user(tx, &user)?;
        if is_less(user.role, before.role) || user.status != UserStatus::Active {
            remove_sessions(tx, user.id, |_| true)?;
        }
        write_down(tx, &self.caller, &before, &user)?;
        let proof = match user.email != before.email {
            true => self.follow_new_email(tx, &before, &user)?,
            false => None,
        };
        self.tell(tx, &before, &user)?;
        if (user.role, user.status) != (before.role, before.status) {
            close_settled_requests(tx, &self.caller.actor(), &user)?;
        }
        let decisions = match loses_house {
            true => take_back_from(tx, &self.post, &self.caller.actor(), &before)?,
            false => Vec::new(),
        };
        follow_approver(tx, self.caller.actor(), &before, &user)?;
        Ok(Written {
            user,
            proof,
            decisions,
        })
    }

    fn apply(&self, tx: &WriteTx, user: &mut UserRecord) -> Result<()> {
        if let Some(name) = &self.display_name {
            user.display_name.clone_from(name);
        }
        if let Some(email) = self.email.as_ref().filter(|email| **email != user.email) {
            // A session alone is not enough for one's own.
            if user.id == self.caller.user_id() {
                let sentence = "change your own e-mail in your profile, with your password";
                return Err(Error::invalid_field("email", sentence));
            }
            user.email.clone_from(email);
            user.email_verified = false;
        }
        if let Some(role) = self.role {
            user.role = role;
        }
        if let Some(group_ids) = &self.group_ids {
            user.group_ids = checked_groups(tx, group_ids)?;
        }
        match self.disabled {
            Some(true) => user.status = UserStatus::Disabled,
            Some(false) => enable(tx, user)?,
            None => {}
        }
        Ok(())
    }

    /// Links that went to the old address are good no more, and both addresses are told.
    fn follow_new_email(
        &self,
        tx: &WriteTx,
        before: &UserRecord,
        user: &UserRecord,
    ) -> Result<Option<UnsentLink>> {
        remove_mailed_links(tx, user.id)?;
        tell_of_new_email(tx, &self.post, user, before.email.as_deref())?;
        let is_awaited = matches!(
            user.status,
            UserStatus::Pending(Awaited { email: true, .. })
        );
        let is_wanted = is_awaited || registration_rules(tx)?.verify_email;
        match user.email.is_some() && is_wanted {
            true => send_proof(tx, &self.post, &self.proof, user).map(Some),
            false => Ok(None),
        }
    }

    fn tell(&self, tx: &WriteTx, before: &UserRecord, user: &UserRecord) -> Result<()> {
        if user.role != before.role {
            let (role, was) = (role_in_mails(user.role), role_in_mails(before.role));
            let kind = MailKind::RoleChanged { role, was };
            self.post.tell(tx, user, kind)?;
        }
        if user.status == UserStatus::Disabled && before.status != UserStatus::Disabled {
            self.post.tell(tx, user, MailKind::AccountDisabled {})?;
        }
        Ok(())
    }
}

/// Also of one who still awaits something: nobody is asked again when that comes.
pub(super) fn makes_administrator(before: &UserRecord, after: &UserRecord) -> bool {
    is_administrator(after) && !is_administrator(before)
        || after.role == UserRole::Admin && before.role != UserRole::Admin
}

fn role_in_mails(role: UserRole) -> mail::Role {
    match role {
        UserRole::Admin => mail::Role::Administrator,
        UserRole::Auditor => mail::Role::Auditor,
        UserRole::User => mail::Role::User,
    }
}

/// Lets somebody in, whatever was awaited of them; a request of theirs is decided by deciding it.
fn enable(tx: &WriteTx, user: &mut UserRecord) -> Result<()> {
    let awaits_approval = matches!(
        user.status,
        UserStatus::Pending(Awaited { approval: true, .. })
    );
    if awaits_approval && find_open_request(tx, user, RequestWish::Account)?.is_some() {
        let sentence = "somebody waits for an answer to this person's request; decide that instead";
        return Err(Error::conflict(sentence).with_reason(Reason::RequestUndecided));
    }
    user.status = UserStatus::Active;
    Ok(())
}

/// Behind the change, which may be the caller's own.
fn write_down(tx: &WriteTx, caller: &Caller, before: &UserRecord, user: &UserRecord) -> Result<()> {
    let name = &user.username;
    if user.display_name != before.display_name {
        audited_by(tx, caller.actor(), "user.name_changed", name, json!({}))?;
    }
    if user.email != before.email {
        let details = json!({ "removed": user.email.is_none() });
        audited_by(tx, caller.actor(), "user.email_changed", name, details)?;
    }
    if user.role != before.role {
        let details = json!({ "from": before.role, "to": user.role });
        audited_by(tx, caller.actor(), "user.role_changed", name, details)?;
    }
    if user.group_ids != before.group_ids {
        let ids: Vec<String> = user.group_ids.iter().map(ToString::to_string).collect();
        let details = json!({ "group_ids": ids });
        audited_by(tx, caller.actor(), "user.groups_changed", name, details)?;
    }
    match (
        before.status == UserStatus::Disabled,
        user.status == UserStatus::Disabled,
    ) {
        (false, true) => audited_by(tx, caller.actor(), "user.disabled", name, json!({})),
        (true, false) => audited_by(tx, caller.actor(), "user.enabled", name, json!({})),
        _ if before.status != user.status => {
            audited_by(tx, caller.actor(), "user.let_in", name, json!({}))
        }
        _ => Ok(()),
    }
}
