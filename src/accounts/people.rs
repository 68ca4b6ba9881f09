//! What administrators do about others: find them, change their role, groups and standing, remove
//! them. A house always keeps an administrator, whoever asks; that is decided in the transaction.

use serde_json::json;

use super::allowance::{Holder, close_allowance};
use super::api_keys::remove_api_keys;
use super::audit::audited;
use super::groups::check_groups;
use super::post::Post;
use super::requests::{find_open_request, remove_requests_of};
use super::sessions::remove_sessions;
use super::{Accounts, Caller, NewUser, UserRecord, UserRole, UserStatus, Visitor};
use crate::error::{Error, Result};
use crate::ids::{GroupId, UserId};
use crate::mail::{self, MailKind};
use crate::store::groups::EVERYONE;
use crate::store::links::remove_links;
use crate::store::requests::RequestWish;
use crate::store::users::{find_user, list_users, put_user, remove_user};
use crate::store::{Reads, WriteTx};

/// What is to be another; None stays.
#[derive(Debug, Clone, Default)]
pub struct PersonChange {
    pub role: Option<UserRole>,
    pub group_ids: Option<Vec<GroupId>>,
    /// Whether they may come in.
    pub disabled: Option<bool>,
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
        let mut user = self.new_user(new, role).await?;
        user.group_ids = group_ids;
        let caller = caller.clone();
        self.store
            .write(move |tx| {
                check_groups(tx, &user.group_ids)?;
                put_user(tx, &user)?;
                let details = json!({ "role": user.role });
                audited(tx, &caller, "user.created", &user.username, details)?;
                Ok(user.clone())
            })
            .await
    }

    /// Whoever loses a right or is shut out is signed out everywhere.
    pub async fn change_person(
        &self,
        caller: &Caller,
        id: UserId,
        change: PersonChange,
    ) -> Result<UserRecord> {
        caller.require_admin()?;
        let (caller, post) = (caller.clone(), self.post.clone());
        let user = self
            .write_rights(move |tx| write_change(tx, &post, &caller, id, &change))
            .await?;
        self.post.send();
        Ok(user)
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
            remove_sessions(tx, id, |_| true)?;
            remove_api_keys(tx, id)?;
            remove_links(tx, id, |_| true)?;
            remove_requests_of(tx, &user)?;
            close_allowance(tx, Holder::User(id))?;
            remove_user(tx, &user)?;
            audited(tx, &caller, "user.deleted", &user.username, json!({}))
        })
        .await
    }
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
        )),
        false => Ok(()),
    }
}

fn write_change(
    tx: &WriteTx,
    post: &Post,
    caller: &Caller,
    id: UserId,
    change: &PersonChange,
) -> Result<UserRecord> {
    let before = get_person(tx, id)?;
    let mut user = before.clone();
    if let Some(role) = change.role {
        user.role = role;
    }
    if let Some(group_ids) = &change.group_ids {
        check_groups(tx, group_ids)?;
        user.group_ids.clone_from(group_ids);
        user.group_ids.sort_unstable();
        user.group_ids.dedup();
    }
    match change.disabled {
        Some(true) => user.status = UserStatus::Disabled,
        Some(false) => enable(tx, &mut user)?,
        None => {}
    }
    let loses_house = user.role != UserRole::Admin || user.status != UserStatus::Active;
    if loses_house {
        keep_an_administrator(tx, &before)?;
    }
    put_user(tx, &user)?;
    let is_less = before.role == UserRole::Admin && user.role != UserRole::Admin
        || before.role == UserRole::Auditor && user.role == UserRole::User;
    if is_less || user.status != UserStatus::Active {
        remove_sessions(tx, id, |_| true)?;
    }
    write_down(tx, caller, &before, &user)?;
    if user.role != before.role {
        let role = match user.role {
            UserRole::Admin => mail::Role::Administrator,
            UserRole::User | UserRole::Auditor => mail::Role::User,
        };
        post.tell(tx, &user, MailKind::RoleChanged { role })?;
    }
    if user.status == UserStatus::Disabled && before.status != UserStatus::Disabled {
        post.tell(tx, &user, MailKind::AccountDisabled {})?;
    }
    Ok(user)
}

/// Lets somebody in, whatever was awaited of them; a request of theirs is decided by deciding it.
fn enable(tx: &WriteTx, user: &mut UserRecord) -> Result<()> {
    if find_open_request(tx, user, RequestWish::Account)?.is_some() {
        return Err(Error::conflict(
            "somebody waits for an answer to this person's request; decide that instead",
        ));
    }
    user.status = UserStatus::Active;
    Ok(())
}

fn write_down(tx: &WriteTx, caller: &Caller, before: &UserRecord, user: &UserRecord) -> Result<()> {
    let name = &user.username;
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
