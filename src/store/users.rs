//! Users: the record and its two look-ups, by username and by e-mail, kept in step here.
//! Called by `accounts/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::{USER_BY_ID, USER_ID_BY_EMAIL, USER_ID_BY_USERNAME};
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::error::{Error, Reason, Result};
use crate::ids::{GroupId, RegistrationKeyId, UserId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserRecord {
    pub id: UserId,
    /// Lower case; unique.
    pub username: String,
    pub display_name: Option<String>,
    /// Lower case; unique where there is one.
    pub email: Option<String>,
    pub role: UserRole,
    /// A PHC string.
    pub password_hash: String,
    pub created_at: UnixMs,
    #[serde(default)]
    pub status: UserStatus,
    /// The e-mail was proved to be theirs.
    #[serde(default)]
    pub email_verified: bool,
    /// Besides the group that everybody is in.
    #[serde(default)]
    pub group_ids: Vec<GroupId>,
    /// What mails to them are written in, e.g. `de`; None: English.
    #[serde(default)]
    pub language: Option<String>,
    #[serde(default)]
    pub registration_key_id: Option<RegistrationKeyId>,
}

#[cfg(test)]
impl UserRecord {
    /// An active user with an e-mail nobody proved, for tests that change what matters to them.
    pub(crate) fn example(username: &str) -> Self {
        Self {
            id: UserId::generate(),
            username: username.into(),
            display_name: None,
            email: Some(format!("{username}@example.org")),
            role: UserRole::User,
            password_hash: String::new(),
            created_at: 0,
            status: UserStatus::Active,
            email_verified: false,
            group_ids: Vec::new(),
            language: None,
            registration_key_id: None,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserStatus {
    #[default]
    Active,
    /// Cannot sign in before what is awaited has come.
    Pending(Awaited),
    /// By an administrator.
    Disabled,
}

/// What is awaited before somebody may come in; at least one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// That they prove their e-mail.
    pub email: bool,
    /// That an administrator approves.
    pub approval: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserRole {
    Admin,
    User,
    /// A user who may look at the overview and the audit log.
    Auditor,
}

impl UserRole {
    /// As it is written, on the command line and for scripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Auditor => "auditor",
        }
    }
}

impl UserRecord {
    /// What people call them.
    pub fn shown_name(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.username)
    }
}

impl Record for UserRecord {}
impl Record for UserId {}

pub fn find_user(tx: &impl Reads, id: &UserId) -> Result<Option<UserRecord>> {
    tx.find(&USER_BY_ID, id)
}

/// `login` is a username or an e-mail, in lower case.
pub fn find_user_by_login(tx: &impl Reads, login: &str) -> Result<Option<UserRecord>> {
    let login = login.to_owned();
    let by_name = tx.find(&USER_ID_BY_USERNAME, &login)?;
    let id = match by_name {
        Some(id) => Some(id),
        None => tx.find(&USER_ID_BY_EMAIL, &login)?,
    };
    match id {
        Some(id) => find_user(tx, &id),
        None => Ok(None),
    }
}

pub fn email_taken() -> Error {
    Error::conflict("this e-mail is taken")
        .with_details(serde_json::json!({"field": "email"}))
        .with_reason(Reason::EmailTaken)
}

/// All users, oldest first.
pub fn list_users(tx: &impl Reads) -> Result<Vec<UserRecord>> {
    Ok(tx
        .list_all(&USER_BY_ID)?
        .into_iter()
        .map(|(_, user)| user)
        .collect())
}

/// Adds a user or writes a changed one. A username or e-mail that somebody else has is a conflict.
pub fn put_user(tx: &WriteTx, user: &UserRecord) -> Result<()> {
    let taken = |holder: Option<UserId>| holder.is_some_and(|id| id != user.id);
    if taken(tx.find(&USER_ID_BY_USERNAME, &user.username)?) {
        return Err(Error::conflict("this username is taken")
            .with_details(serde_json::json!({"field": "username"}))
            .with_reason(Reason::NameTaken));
    }
    if let Some(email) = &user.email
        && taken(tx.find(&USER_ID_BY_EMAIL, email)?)
    {
        return Err(email_taken());
    }
    if let Some(old) = find_user(tx, &user.id)? {
        tx.remove(&USER_ID_BY_USERNAME, &old.username)?;
        if let Some(email) = &old.email {
            tx.remove(&USER_ID_BY_EMAIL, email)?;
        }
    }
    tx.put(&USER_ID_BY_USERNAME, &user.username, &user.id)?;
    if let Some(email) = &user.email {
        tx.put(&USER_ID_BY_EMAIL, email, &user.id)?;
    }
    tx.put(&USER_BY_ID, &user.id, user)
}

/// Removes a user and what led to them; what is theirs is for the caller.
pub fn remove_user(tx: &WriteTx, user: &UserRecord) -> Result<()> {
    tx.remove(&USER_ID_BY_USERNAME, &user.username)?;
    if let Some(email) = &user.email {
        tx.remove(&USER_ID_BY_EMAIL, email)?;
    }
    tx.remove(&USER_BY_ID, &user.id).map(drop)
}
