//! Users: making one, one's own profile and password, and what the command line may do. What a
//! person types is checked here, before the store sees it; what is unique is checked in the store.

use super::sessions::{NewSession, remove_sessions};
use super::settings::{RegistrationMode, registration_rules};
use super::{Accounts, Caller, Carrier, SignedIn, Visitor};
use crate::clock::now_ms;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::store::WriteTx;
use crate::store::sessions::put_session;
use crate::store::users::{
    UserRecord, UserRole, UserStatus, find_user, find_user_by_login, list_users, put_user,
};

/// What somebody says to get an account.
pub struct NewUser {
    pub username: String,
    pub password: String,
    pub email: Option<String>,
    pub display_name: Option<String>,
}

/// What somebody changes about themselves. None leaves a field; an empty text removes it.
#[derive(Default, Clone)]
pub struct UserChange {
    pub display_name: Option<String>,
    pub email: Option<String>,
}

fn gone() -> Error {
    Error::unauthenticated("this account is gone")
}

impl Accounts {
    /// Makes one's own account, where that is open, and signs in.
    pub async fn register(
        &self,
        visitor: &Visitor,
        new: NewUser,
        carrier: Carrier,
    ) -> Result<SignedIn> {
        let closed =
            || Error::forbidden("registration is closed in this house; ask the administrator");
        if self.registration_rules().await?.mode == RegistrationMode::Closed {
            return Err(closed());
        }
        let user = self.new_user(new, UserRole::User).await?;
        let may = move |tx: &WriteTx| match registration_rules(tx)?.mode {
            RegistrationMode::Open => Ok(()),
            RegistrationMode::Closed | RegistrationMode::Key => Err(closed()),
        };
        self.add_and_sign_in(visitor, user, carrier, may).await
    }

    /// `may` says in the same transaction whether there may be such a user.
    pub(super) async fn add_and_sign_in(
        &self,
        visitor: &Visitor,
        user: UserRecord,
        carrier: Carrier,
        may: impl Fn(&WriteTx) -> Result<()> + Send + 'static,
    ) -> Result<SignedIn> {
        let session = NewSession::generate(user.id, carrier, visitor);
        let (record, session_record) = (user.clone(), session.record.clone());
        self.store
            .write(move |tx| {
                may(tx)?;
                put_user(tx, &record)?;
                put_session(tx, &session_record)
            })
            .await?;
        self.signed_in(user, session)
    }

    pub async fn profile(&self, caller: &Caller) -> Result<UserRecord> {
        let id = caller.user_id;
        self.store
            .read(move |tx| find_user(tx, &id)?.ok_or_else(gone))
            .await
    }

    pub async fn change_profile(&self, caller: &Caller, change: UserChange) -> Result<UserRecord> {
        let id = caller.user_id;
        let display_name = change
            .display_name
            .map(|name| valid_display_name(&name))
            .transpose()?;
        let email = change.email.map(|email| valid_email(&email)).transpose()?;
        self.store
            .write(move |tx| {
                let mut user = find_user(tx, &id)?.ok_or_else(gone)?;
                if let Some(name) = &display_name {
                    user.display_name.clone_from(name);
                }
                if let Some(email) = &email {
                    user.email.clone_from(email);
                }
                put_user(tx, &user)?;
                Ok(user)
            })
            .await
    }

    /// Every other session of the caller ends.
    pub async fn change_password(&self, caller: &Caller, current: &str, new: &str) -> Result<()> {
        let user = self.profile(caller).await?;
        if !self
            .passwords
            .verify(current, Some(user.password_hash.clone()))
            .await?
        {
            return Err(Error::invalid_field(
                "current_password",
                "the current password is wrong",
            ));
        }
        self.write_password(user, new, caller.session_id()).await
    }

    async fn write_password(
        &self,
        user: UserRecord,
        new: &str,
        kept: Option<crate::ids::SessionId>,
    ) -> Result<()> {
        let about = [
            user.username.as_str(),
            user.email.as_deref().unwrap_or_default(),
        ];
        let password_hash = self.passwords.hash_new(new, &about).await?;
        self.write_rights(move |tx| {
            let mut now = find_user(tx, &user.id)?.ok_or_else(gone)?;
            if now.password_hash != user.password_hash {
                return Err(Error::conflict(
                    "the password was changed in the meantime; sign in with the new one",
                ));
            }
            now.password_hash.clone_from(&password_hash);
            put_user(tx, &now)?;
            remove_sessions(tx, now.id, |session| Some(session.id) != kept)
        })
        .await
    }

    /// For the command line, whose right is the data folder itself.
    pub async fn add_user(&self, new: NewUser, role: UserRole) -> Result<UserRecord> {
        let user = self.new_user(new, role).await?;
        let record = user.clone();
        self.store.write(move |tx| put_user(tx, &record)).await?;
        Ok(user)
    }

    /// For the command line. Oldest first.
    pub async fn list_users(&self) -> Result<Vec<UserRecord>> {
        self.store.read(list_users).await
    }

    /// For the command line. Every session of the user ends.
    pub async fn set_password(&self, login: &str, new: &str) -> Result<()> {
        let login = login.to_lowercase();
        let user = self
            .store
            .read(move |tx| find_user_by_login(tx, &login))
            .await?;
        self.write_password(user.ok_or_else(|| Error::not_found("user"))?, new, None)
            .await
    }

    pub(super) async fn new_user(&self, new: NewUser, role: UserRole) -> Result<UserRecord> {
        let username = valid_username(&new.username)?;
        let email = new.email.as_deref().map(valid_email).transpose()?.flatten();
        let written = Some(new.username.trim()).filter(|&name| name != username);
        let display_name = new
            .display_name
            .as_deref()
            .or(written)
            .map(valid_display_name)
            .transpose()?
            .flatten();
        let about = [username.as_str(), email.as_deref().unwrap_or_default()];
        let password_hash = self.passwords.hash_new(&new.password, &about).await?;
        Ok(UserRecord {
            id: UserId::generate(),
            username,
            display_name,
            email,
            role,
            password_hash,
            created_at: now_ms(),
            status: UserStatus::Active,
            email_verified: false,
            group_ids: Vec::new(),
            language: None,
            registration_key_id: None,
        })
    }
}

fn valid_username(text: &str) -> Result<String> {
    let username = text.trim().to_lowercase();
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if !(3..=32).contains(&username.len()) || !username.chars().all(allowed) {
        return Err(Error::invalid_field(
            "username",
            "a username has 3 to 32 characters: letters a to z, digits, dot, underscore and hyphen",
        ));
    }
    Ok(username)
}

/// An empty text means none.
fn valid_email(text: &str) -> Result<Option<String>> {
    let email = text.trim().to_lowercase();
    if email.is_empty() {
        return Ok(None);
    }
    let plausible = email.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty() && domain.len() > 2 && !domain.contains('@') && domain.contains('.')
    });
    if !plausible || email.len() > 254 || email.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(Error::invalid_field(
            "email",
            "this is not an e-mail address",
        ));
    }
    Ok(Some(email))
}

/// An empty text means none.
fn valid_display_name(text: &str) -> Result<Option<String>> {
    let name = text.trim();
    if name.chars().count() > 64 || name.chars().any(char::is_control) {
        return Err(Error::invalid_field(
            "display_name",
            "a name to show has up to 64 characters",
        ));
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}
