//! What administrators do about others: find them, make them, remove them; and change them, which is
//! in `person_change`. A house always keeps an administrator, whoever asks, and whoever asks must be
//! one still: both are decided in the transaction. An administrator is made by a session alone, never
//! by an API key.

use serde_json::json;

use super::allowance::{Holder, close_allowance};
use super::api_keys::remove_api_keys;
use super::audit::audited;
use super::groups::checked_groups;
use super::post::{UnsentLink, forget_mails_for};
use super::requests::remove_requests_of;
use super::rights::check_caller;
use super::sessions::remove_sessions;
use super::taking_back::take_back_from;
use super::{Accounts, Caller, NewUser, UserRecord, UserRole, UserStatus, Visitor};
use crate::error::{Error, Reason, Result};
use crate::ids::{GroupId, UserId};
use crate::store::groups::EVERYONE;
use crate::store::links::remove_links;
use crate::store::notices::{list_notices_of, remove_notice};
use crate::store::registration_keys::remove_key_use;
use crate::store::users::{find_user, list_users, put_user, remove_user};
use crate::store::{Reads, WriteTx};

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
        caller.require_may_make(role)?;
        let user = self.new_user(new, role).await?;
        let caller = caller.clone();
        self.store
            .write(move |tx| {
                let mut user = user.clone();
                let details = json!({ "role": user.role });
                audited(tx, &caller, "user.created", &user.username, details)?;
                user.group_ids = checked_groups(tx, &group_ids)?;
                put_user(tx, &user)?;
                Ok(user)
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
        if id == caller.user_id {
            return Err(Error::conflict(
                "your own account is removed under your account, with your password",
            ));
        }
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
        let (caller, post) = (caller.clone(), self.post.clone());
        let deleting = self.write_rights(move |tx| {
            check_caller(tx, &caller)?;
            let user = get_person(tx, id)?;
            audited(tx, &caller, "user.deleted", &user.username, json!({}))?;
            keep_an_administrator(tx, &user)?;
            also(tx, id)?;
            remove_all_of(tx, &user)?;
            take_back_from(tx, &post, &caller.actor(), &user)
        });
        let unsent = deleting.await?;
        self.tell_of_links(unsent);
        Ok(())
    }

    /// Behind a transaction that took links from somebody.
    pub(super) fn tell_of_links(&self, unsent: Vec<UnsentLink>) {
        self.post.send();
        for link in unsent {
            link.log("it decides a request, in place of a link that was taken back");
        }
    }
}

pub(super) fn is_administrator(user: &UserRecord) -> bool {
    user.role == UserRole::Admin && user.status == UserStatus::Active
}

/// Removes a user with all that this room keeps of them; only the audit log still knows the name.
pub(super) fn remove_all_of(tx: &WriteTx, user: &UserRecord) -> Result<()> {
    let id = user.id;
    forget_mails_for(tx, user)?;
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

pub(super) fn get_person(tx: &impl Reads, id: UserId) -> Result<UserRecord> {
    find_user(tx, &id)?.ok_or_else(|| Error::not_found("user"))
}

/// Refuses what would leave the house without one.
pub(super) fn keep_an_administrator(tx: &impl Reads, leaving: &UserRecord) -> Result<()> {
    let stays = |user: &UserRecord| is_administrator(user) && user.id != leaving.id;
    match is_administrator(leaving) && !list_users(tx)?.iter().any(stays) {
        true => Err(Error::conflict(
            "this is the last administrator of the house; make somebody else one first",
        )
        .with_reason(Reason::LastAdministrator)),
        false => Ok(()),
    }
}
