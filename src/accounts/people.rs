//! What administrators do about others: find them, change their name, e-mail, role, groups and
//! standing, remove them. A house always keeps an administrator, whoever asks; that is decided in the
//! transaction.

use serde_json::json;

use super::allowance::{Holder, close_allowance};
use super::api_keys::remove_api_keys;
use super::audit::audited;
use super::groups::{checked_groups, get_group};
use super::links::{NewLink, PROVE_EMAIL};
use super::post::{Post, UnsentLink, forget_mails_to};
use super::recovery::tell_of_new_email;
use super::registration::{PROOF, send_proof};
use super::requests::{find_open_request, remove_requests_of};
use super::sessions::remove_sessions;
use super::settings::registration_rules;
use super::validity::{valid_display_name, valid_email};
use super::{Accounts, Caller, NewUser, UserRecord, UserRole, UserStatus, Visitor};
use crate::error::{Error, Reason, Result};
use crate::ids::{GroupId, UserId};
use crate::mail::{self, MailKind};
use crate::store::groups::EVERYONE;
use crate::store::links::{LinkPurpose, list_links_of, remove_links};
use crate::store::notices::{list_notices_of, remove_notice};
use crate::store::registration_keys::remove_key_use;
use crate::store::requests::RequestWish;
use crate::store::users::{Awaited, find_user, list_users, put_user, remove_user};
use crate::store::{Reads, WriteTx};

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

pub struct PeoplePage {
    pub users: Vec<UserRecord>,
    pub next_after: Option<UserId>,
    /// Of all pages together.
    pub total: usize,
}

impl Accounts {
    /// Oldest first; those whose name, shown name or e-mail contains `query`, and who are in the group.
    pub async fn list_people(
        &self,
        caller: &Caller,
        query: &str,
        group_id: Option<GroupId>,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<PeoplePage> {
        caller.require_admin()?;
        let query = query.trim().to_lowercase();
        self.store
            .read(move |tx| {
                let mut users = list_users(tx)?;
                users.retain(|user| matches_query(user, &query));
                if let Some(id) = group_id.filter(|id| *id != EVERYONE) {
                    users.retain(|user| user.group_ids.contains(&id));
                }
                let total = users.len();
                users.retain(|user| after.is_none_or(|after| user.id > after));
                let more = users.len() > limit;
                users.truncate(limit);
                let next_after = users.last().map(|user| user.id).filter(|_| more);
                Ok(PeoplePage {
                    users,
                    next_after,
                    total,
                })
            })
            .await
    }

    pub async fn person(&self, caller: &Caller, id: UserId) -> Result<UserRecord> {
        caller.require_admin()?;
        self.store.read(move |tx| get_person(tx, id)).await
    }

    /// Makes an account for somebody else.
    pub async fn create_person(
        &self,
        caller: &Caller,
        new: NewUser,
        role: UserRole,
        group_ids: Vec<GroupId>,
    ) -> Result<UserRecord> {
        caller.require_admin()?;
        let user = self.new_user(new, role).await?;
        let caller = caller.clone();
        self.store
            .write(move |tx| {
                let mut user = user.clone();
                user.group_ids = checked_groups(tx, &group_ids)?;
                put_user(tx, &user)?;
                let details = json!({ "role": user.role });
                audited(tx, &caller, "user.created", &user.username, details)?;
                Ok(user)
            })
            .await
    }

    /// Whoever gets a lesser role or is shut out is signed out everywhere; another group counts with
    /// their next request. Another e-mail holds at once and counts as unproved; where the house wants
    /// proofs, a link is mailed to it.
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
        let (user, unsent) = self.write_rights(move |tx| write.write(tx)).await?;
        self.post.send();
        if let Some(unsent) = unsent {
            unsent.log(PROOF);
        }
        Ok(user)
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

    /// Removes somebody; `also` removes what is theirs in other rooms, in the same transaction.
    pub async fn delete_person(
        &self,
        caller: &Caller,
        id: UserId,
        also: impl Fn(&WriteTx, UserId) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        caller.require_admin()?;
        self.delete(caller, id, also).await
    }

    /// Removes one's own account, with the password.
    pub async fn delete_own_account(
        &self,
        caller: &Caller,
        visitor: &Visitor,
        password: &str,
        also: impl Fn(&WriteTx, UserId) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        self.check_own_password(caller, visitor, "password", password)
            .await?;
        self.delete(caller, caller.user_id, also).await
    }

    async fn delete(
        &self,
        caller: &Caller,
        id: UserId,
        also: impl Fn(&WriteTx, UserId) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let caller = caller.clone();
        self.write_rights(move |tx| {
            let user = get_person(tx, id)?;
            keep_an_administrator(tx, &user)?;
            also(tx, id)?;
            remove_all_of(tx, &user)?;
            audited(tx, &caller, "user.deleted", &user.username, json!({}))
        })
        .await
    }
}

/// Removes a user with all that this room keeps of them; only the audit log still knows the name.
pub(super) fn remove_all_of(tx: &WriteTx, user: &UserRecord) -> Result<()> {
    let id = user.id;
    let mut addresses: Vec<String> = user.email.clone().into_iter().collect();
    for link in list_links_of(tx, id)? {
        if let LinkPurpose::ProveEmail { email } = link.purpose {
            addresses.push(email);
        }
    }
    forget_mails_to(tx, &addresses)?;
    for notice in list_notices_of(tx, id)? {
        remove_notice(tx, id, notice.id)?;
    }
    if let Some(key) = user.registration_key_id {
        remove_key_use(tx, key, id)?;
    }
    remove_sessions(tx, id, |_| true)?;
    remove_api_keys(tx, id)?;
    remove_links(tx, id, |_| true)?;
    remove_requests_of(tx, user)?;
    close_allowance(tx, Holder::User(id))?;
    remove_user(tx, user)
}

fn matches_query(user: &UserRecord, query: &str) -> bool {
    let holds = |text: &Option<String>| {
        text.as_ref()
            .is_some_and(|text| text.to_lowercase().contains(query))
    };
    user.username.contains(query) || holds(&user.display_name) || holds(&user.email)
}

fn get_person(tx: &impl Reads, id: UserId) -> Result<UserRecord> {
    find_user(tx, &id)?.ok_or_else(|| Error::not_found("user"))
}

/// Refuses what would leave the house without one.
fn keep_an_administrator(tx: &impl Reads, leaving: &UserRecord) -> Result<()> {
    let is_one =
        |user: &UserRecord| user.role == UserRole::Admin && user.status == UserStatus::Active;
    let stays = |user: &UserRecord| is_one(user) && user.id != leaving.id;
    match is_one(leaving) && !list_users(tx)?.iter().any(stays) {
        true => Err(Error::conflict(
            "this is the last administrator of the house; make somebody else one first",
        )
        .with_reason(Reason::LastAdministrator)),
        false => Ok(()),
    }
}

impl PersonWrite {
    /// Gives the link that proves a new e-mail, where one is needed and cannot be mailed.
    fn write(&self, tx: &WriteTx) -> Result<(UserRecord, Option<UnsentLink>)> {
        let before = get_person(tx, self.id)?;
        let mut user = before.clone();
        self.apply(tx, &mut user)?;
        let loses_house = user.role != UserRole::Admin || user.status != UserStatus::Active;
        if loses_house {
            keep_an_administrator(tx, &before)?;
        }
        put_user(tx, &user)?;
        let is_less = before.role == UserRole::Admin && user.role != UserRole::Admin
            || before.role == UserRole::Auditor && user.role == UserRole::User;
        if is_less || user.status != UserStatus::Active {
            remove_sessions(tx, user.id, |_| true)?;
        }
        write_down(tx, &self.caller, &before, &user)?;
        let unsent = match user.email != before.email {
            true => self.follow_new_email(tx, &before, &user)?,
            false => None,
        };
        self.tell(tx, &before, &user)?;
        Ok((user, unsent))
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
        remove_links(tx, user.id, |link| match link.purpose {
            LinkPurpose::ProveEmail { .. } | LinkPurpose::ResetPassword => true,
            LinkPurpose::Decide { .. } => false,
        })?;
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
            let role = match user.role {
                UserRole::Admin => mail::Role::Administrator,
                UserRole::User | UserRole::Auditor => mail::Role::User,
            };
            self.post.tell(tx, user, MailKind::RoleChanged { role })?;
        }
        if user.status == UserStatus::Disabled && before.status != UserStatus::Disabled {
            self.post.tell(tx, user, MailKind::AccountDisabled {})?;
        }
        Ok(())
    }
}

/// Lets somebody in, whatever was awaited of them; a request of theirs is decided by deciding it.
fn enable(tx: &WriteTx, user: &mut UserRecord) -> Result<()> {
    if find_open_request(tx, user, RequestWish::Account)?.is_some() {
        let sentence = "somebody waits for an answer to this person's request; decide that instead";
        return Err(Error::conflict(sentence).with_reason(Reason::RequestUndecided));
    }
    user.status = UserStatus::Active;
    Ok(())
}

fn write_down(tx: &WriteTx, caller: &Caller, before: &UserRecord, user: &UserRecord) -> Result<()> {
    let name = &user.username;
    if user.display_name != before.display_name {
        audited(tx, caller, "user.name_changed", name, json!({}))?;
    }
    if user.email != before.email {
        let details = json!({ "removed": user.email.is_none() });
        audited(tx, caller, "user.email_changed", name, details)?;
    }
    if user.role != before.role {
        let details = json!({ "from": before.role, "to": user.role });
        audited(tx, caller, "user.role_changed", name, details)?;
    }
    if user.group_ids != before.group_ids {
        let ids: Vec<String> = user.group_ids.iter().map(ToString::to_string).collect();
        let details = json!({ "group_ids": ids });
        audited(tx, caller, "user.groups_changed", name, details)?;
    }
    match (
        before.status == UserStatus::Disabled,
        user.status == UserStatus::Disabled,
    ) {
        (false, true) => audited(tx, caller, "user.disabled", name, json!({})),
        (true, false) => audited(tx, caller, "user.enabled", name, json!({})),
        _ if before.status != user.status => audited(tx, caller, "user.let_in", name, json!({})),
        _ => Ok(()),
    }
}
