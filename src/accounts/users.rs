//! Users: making one, one's own profile and password, and what the command line may do. What a
//! person types is checked (`validity`) before the store sees it; what is unique is checked in the
//! store.

use super::audit::{audited, audited_by};
use super::links::{NewLink, PROVE_EMAIL};
use super::new_password::{SetBy, set_new_password};
use super::post::{Post, UnsentLink};
use super::recovery::{ask_to_prove, remove_mailed_links, tell_of_new_email};
use super::rights::check_caller;
use super::taking_back::follow_approver;
use super::throttle::Attempt;
use super::validity::{ValidUser, valid_display_name, valid_email, valid_language};
use super::{Accounts, AuditActor, Caller, Carrier, Purpose, SignedIn, Visitor};
use crate::clock::now_ms;
use crate::error::{Error, Reason, Result};
use crate::ids::UserId;
use crate::mail::{Asker, is_configured};
use crate::store::sessions::put_session;
use crate::store::users::{
    UserRecord, UserRole, UserStatus, email_taken, find_user, find_user_by_login, list_users,
    put_user,
};
use crate::store::{Reads, WriteTx};

/// What somebody says to get an account.
pub struct NewUser {
    pub username: String,
    pub password: String,
    pub email: Option<String>,
    pub display_name: Option<String>,
    /// What mails to them are written in, e.g. `de`.
    pub language: Option<String>,
}

/// What somebody changes about themselves. None leaves a field; an empty text removes it.
#[derive(Default, Clone)]
pub struct UserChange {
    pub display_name: Option<String>,
    pub email: Option<String>,
    /// What mails to them are written in, e.g. `de`.
    pub language: Option<String>,
    /// Needed for another e-mail.
    pub current_password: Option<String>,
}

pub struct ChangedProfile {
    pub user: UserRecord,
    /// A link was mailed to this address; following it makes it theirs.
    pub email_to_prove: Option<String>,
}

/// A changed profile about to be written. None leaves a field; an inner None removes it.
struct ProfileWrite {
    caller: Caller,
    display_name: Option<Option<String>>,
    email: Option<Option<String>>,
    language: Option<Option<String>>,
    post: Post,
    link: NewLink,
}

impl ProfileWrite {
    /// Gives the e-mail that is theirs once they prove it, with the link that does.
    fn write(&self, tx: &WriteTx) -> Result<(UserRecord, Option<(String, UnsentLink)>)> {
        check_caller(tx, &self.caller)?;
        let before = find_user(tx, &self.caller.user_id)?.ok_or_else(gone)?;
        let mut user = before.clone();
        if let Some(name) = &self.display_name {
            user.display_name.clone_from(name);
        }
        if let Some(language) = &self.language {
            user.language.clone_from(language);
        }
        let mut to_prove = None;
        match &self.email {
            Some(email) if *email == user.email => {}
            Some(Some(email)) if is_configured(tx)? => {
                check_email_is_free(tx, email)?;
                let unsent =
                    ask_to_prove(tx, &self.post, &self.link, &user, email)?.unless_too_many()?;
                to_prove = Some((email.clone(), unsent));
            }
            Some(email) => self.set_unproved(tx, &mut user, email)?,
            None => {}
        }
        put_user(tx, &user)?;
        follow_approver(tx, self.caller.actor(), &before, &user)?;
        Ok((user, to_prove))
    }

    /// Removes the e-mail, or sets one where there is no mail to prove it by.
    fn set_unproved(
        &self,
        tx: &WriteTx,
        user: &mut UserRecord,
        email: &Option<String>,
    ) -> Result<()> {
        let details = serde_json::json!({ "removed": email.is_none() });
        let (caller, action) = (&self.caller, "user.email_changed_unproved");
        audited(tx, caller, action, &user.username, details)?;
        remove_mailed_links(tx, user.id)?;
        let old = user.email.take();
        user.email.clone_from(email);
        user.email_verified = false;
        tell_of_new_email(tx, &self.post, user, old.as_deref())
    }
}

pub(super) fn gone() -> Error {
    Error::unauthenticated("this account is gone").with_reason(Reason::AccountGone)
}

impl Accounts {
    /// `may` says in the same transaction whether there may be such a user.
    pub(super) async fn add_and_sign_in(
        &self,
        visitor: &Visitor,
        user: UserRecord,
        carrier: Carrier,
        may: impl Fn(&WriteTx) -> Result<()> + Send + 'static,
    ) -> Result<SignedIn> {
        let session = self.new_session(user.id, carrier, visitor);
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

    /// Another e-mail takes the password. Where mail is set up it becomes theirs once they prove it.
    pub async fn change_profile(
        &self,
        caller: &Caller,
        visitor: &Visitor,
        change: UserChange,
    ) -> Result<ChangedProfile> {
        caller.require(Purpose::OwnAccount)?;
        let display_name = change
            .display_name
            .map(|name| valid_display_name(&name))
            .transpose()?;
        let email = change.email.map(|email| valid_email(&email)).transpose()?;
        let language = change
            .language
            .map(|tag| valid_language(&tag))
            .transpose()?;
        let now = self.profile(caller).await?;
        let email = email.filter(|email| *email != now.email);
        if email.is_some() {
            let password = change.current_password.as_deref().unwrap_or_default();
            self.check_own_password(caller, visitor, "current_password", password)
                .await?;
        }
        let written = ProfileWrite {
            caller: caller.clone(),
            display_name,
            email,
            language,
            post: self.post.asked_by(Asker::Person(caller.user_id)),
            link: NewLink::generate(&PROVE_EMAIL),
        };
        let (user, to_prove) = self.store.write(move |tx| written.write(tx)).await?;
        self.post.send();
        let email_to_prove = to_prove.map(|(email, unsent)| {
            unsent.log("it proves a new e-mail");
            email
        });
        Ok(ChangedProfile {
            user,
            email_to_prove,
        })
    }

    /// Every other session of the caller ends; their API keys stay.
    pub async fn change_password(
        &self,
        caller: &Caller,
        visitor: &Visitor,
        current: &str,
        new: &str,
    ) -> Result<()> {
        let user = self
            .check_own_password(caller, visitor, "current_password", current)
            .await?;
        self.write_password(user, new, SetBy::Owner(caller.clone()))
            .await
    }

    /// For what a session alone is not enough for. `field` is where the password was given.
    pub(super) async fn check_own_password(
        &self,
        caller: &Caller,
        visitor: &Visitor,
        field: &str,
        password: &str,
    ) -> Result<UserRecord> {
        caller.require(Purpose::OwnAccount)?;
        let user = self.profile(caller).await?;
        let attempt = Attempt::CurrentPassword(caller.user_id);
        let attempt = self.throttle.begin(visitor, attempt).await?;
        let stored = Some(user.password_hash.clone());
        match self.passwords.verify(password, stored).await? {
            true => attempt.succeeded().await,
            false => {
                attempt.failed().await;
                let wrong = Error::invalid_field(field, "this password is wrong");
                return Err(wrong.with_reason(Reason::PasswordWrong));
            }
        }
        Ok(user)
    }

    async fn write_password(&self, user: UserRecord, new: &str, by: SetBy) -> Result<()> {
        let password_hash = self.hash_password_of(&user, new).await?;
        let post = self.post.clone();
        self.write_rights(move |tx| {
            let now = find_user(tx, &user.id)?.ok_or_else(gone)?;
            if now.password_hash != user.password_hash {
                let sentence = "the password was changed in the meantime; sign in with the new one";
                return Err(Error::conflict(sentence).with_reason(Reason::PasswordChanged));
            }
            set_new_password(tx, &post, now, &password_hash, &by)
        })
        .await?;
        self.post.send();
        Ok(())
    }

    /// For the command line, whose right is the data folder itself.
    pub async fn add_user(&self, new: NewUser, role: UserRole) -> Result<UserRecord> {
        let user = self.new_user(new, role).await?;
        let record = user.clone();
        self.store
            .write(move |tx| {
                put_user(tx, &record)?;
                let details = serde_json::json!({ "role": record.role });
                let (actor, name) = (AuditActor::CommandLine, &record.username);
                audited_by(tx, actor, "user.created", name, details)
            })
            .await?;
        Ok(user)
    }

    /// For the command line. Oldest first.
    pub async fn list_users(&self) -> Result<Vec<UserRecord>> {
        self.store.read(list_users).await
    }

    /// For the command line. Every session and every API key of the user ends.
    pub async fn set_password(&self, login: &str, new: &str) -> Result<()> {
        let login = login.to_lowercase();
        let user = self
            .store
            .read(move |tx| find_user_by_login(tx, &login))
            .await?;
        let user = user.ok_or_else(|| Error::not_found("user"))?;
        self.write_password(user, new, SetBy::CommandLine).await
    }

    pub(super) async fn new_user(&self, new: NewUser, role: UserRole) -> Result<UserRecord> {
        self.make_user(ValidUser::of(new)?, role).await
    }

    pub(super) async fn make_user(&self, new: ValidUser, role: UserRole) -> Result<UserRecord> {
        let password_hash = self.passwords.hash_new(&new.password, &new.about()).await?;
        Ok(UserRecord {
            id: UserId::generate(),
            username: new.username,
            display_name: new.display_name,
            email: new.email,
            role,
            password_hash,
            created_at: now_ms(),
            status: UserStatus::Active,
            email_verified: false,
            group_ids: Vec::new(),
            language: new.language,
            registration_key_id: None,
        })
    }
}

fn check_email_is_free(tx: &impl Reads, email: &str) -> Result<()> {
    match find_user_by_login(tx, email)? {
        Some(_) => Err(email_taken()),
        None => Ok(()),
    }
}
