//! What is done by a link that was mailed to somebody: proving an e-mail, another password, another
//! address. Asking for a link tells nobody whether there is such an account.

use serde_json::json;

use super::audit::audited_by;
use super::links::{NewLink, PROVE_EMAIL, RESET_PASSWORD, get_link, no_link};
use super::post::{Post, UnsentLink};
use super::sessions::remove_sessions;
use super::users::gone;
use super::{Accounts, AuditActor, Caller, Purpose, UserRecord, UserStatus, Visitor};
use crate::clock::now_ms;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::ids::UserId;
use crate::mail::{MailKind, is_configured, no_server};
use crate::store::links::{LinkPurpose, list_links_of, remove_links};
use crate::store::users::{Awaited, find_user, find_user_by_login, put_user};
use crate::store::{Reads, WriteTx};

/// A link an administrator asked for, to hand it on.
pub struct ResetLink {
    pub link: String,
    pub expires_at: crate::clock::UnixMs,
}

impl Accounts {
    /// Follows the link that proves an e-mail. Gives the user, who may still await approval.
    pub async fn prove_email(&self, visitor: &Visitor, token: &str) -> Result<UserRecord> {
        let (token, post) = (token.to_owned(), self.post.clone());
        let user = self.store.write(move |tx| {
            let (_, link) = get_link(tx, &token)?;
            let LinkPurpose::ProveEmail { email } = link.purpose else {
                return Err(no_link());
            };
            let mut user = find_user(tx, &link.user_id)?.ok_or_else(no_link)?;
            remove_links(tx, user.id, |other| {
                matches!(other.purpose, LinkPurpose::ProveEmail { .. })
            })?;
            let old = user.email.replace(email);
            user.email_verified = true;
            if let UserStatus::Pending(awaited) = user.status {
                user.status = match awaited.approval {
                    true => UserStatus::Pending(Awaited {
                        email: false,
                        ..awaited
                    }),
                    false => UserStatus::Active,
                };
            }
            put_user(tx, &user)?;
            audited_by(
                tx,
                AuditActor::LinkHolder,
                "user.email_proved",
                &user.username,
                json!({}),
            )?;
            if old.is_some() && old != user.email {
                tell_of_new_email(tx, &post, &user, old.as_deref())?;
            }
            Ok(user)
        });
        let proving = self
            .throttle
            .after_comparing(visitor, ErrorKind::NotFound, user);
        let user = proving.await?;
        self.post.send();
        Ok(user)
    }

    /// Mails a link to whoever that is, if it is anybody with an e-mail. Says nothing either way.
    pub async fn forgot_password(&self, login: &str) -> Result<()> {
        let login = login.trim().to_lowercase();
        let found = self
            .store
            .read(move |tx| find_user_by_login(tx, &login))
            .await?;
        let may = |user: &UserRecord| user.status == UserStatus::Active && user.email.is_some();
        let Some(user) = found.filter(may) else {
            return Ok(());
        };
        let (link, post) = (NewLink::generate(&RESET_PASSWORD), self.post.clone());
        let unsent = self.store.write(move |tx| {
            let address = link.address(&RESET_PASSWORD, &post);
            link.put(tx, user.id, LinkPurpose::ResetPassword)?;
            let kind = MailKind::ResetPassword {
                link: address.clone(),
                expires_at: link.expires_at,
            };
            let email = user.email.as_deref().unwrap_or_default();
            post.tell_link_at(tx, email, &user, &address, kind)
        });
        let unsent = unsent.await?;
        self.post.send();
        unsent.log("it sets a new password for somebody who forgot theirs");
        Ok(())
    }

    /// A link for somebody who cannot be mailed.
    pub async fn make_reset_link(&self, caller: &Caller, id: UserId) -> Result<ResetLink> {
        caller.require_admin()?;
        let (new, actor) = (NewLink::generate(&RESET_PASSWORD), caller.actor());
        let link = ResetLink {
            link: new.address(&RESET_PASSWORD, &self.post),
            expires_at: new.expires_at,
        };
        self.store
            .write(move |tx| {
                let user = find_user(tx, &id)?.ok_or_else(|| Error::not_found("user"))?;
                new.put(tx, user.id, LinkPurpose::ResetPassword)?;
                audited_by(
                    tx,
                    actor.clone(),
                    "user.reset_link_made",
                    &user.username,
                    json!({}),
                )
            })
            .await?;
        Ok(link)
    }

    /// Sets a password by the link that was mailed, which is good once. Every session ends.
    pub async fn reset_password(
        &self,
        visitor: &Visitor,
        token: &str,
        password: &str,
    ) -> Result<()> {
        let asked = token.to_owned();
        let reading = self.store.read(move |tx| user_of_reset(tx, &asked));
        let reading = self
            .throttle
            .after_comparing(visitor, ErrorKind::NotFound, reading);
        let user = reading.await?;
        let about = [
            user.username.as_str(),
            user.email.as_deref().unwrap_or_default(),
        ];
        let password_hash = self.passwords.hash_new(password, &about).await?;
        let (token, post) = (token.to_owned(), self.post.clone());
        self.write_rights(move |tx| {
            // It may have been used while this hashed.
            let mut user = user_of_reset(tx, &token)?;
            remove_links(tx, user.id, |link| {
                link.purpose == LinkPurpose::ResetPassword
            })?;
            user.password_hash.clone_from(&password_hash);
            put_user(tx, &user)?;
            remove_sessions(tx, user.id, |_| true)?;
            audited_by(
                tx,
                AuditActor::LinkHolder,
                "user.password_reset",
                &user.username,
                json!({}),
            )?;
            post.tell(tx, &user, MailKind::PasswordChanged {}).map(drop)
        })
        .await?;
        self.post.send();
        Ok(())
    }

    /// The e-mail that is the caller's once they prove it.
    pub async fn find_email_to_prove(&self, caller: &Caller) -> Result<Option<String>> {
        let user_id = caller.user_id;
        self.store.read(move |tx| email_to_prove(tx, user_id)).await
    }

    /// Mails the link once more that makes that e-mail the caller's. The one before is good no more.
    pub async fn send_new_email_again(&self, caller: &Caller) -> Result<()> {
        caller.require(Purpose::OwnAccount)?;
        let (user_id, post) = (caller.user_id, self.post.clone());
        let link = NewLink::generate(&PROVE_EMAIL);
        let unsent = self.store.write(move |tx| {
            let user = find_user(tx, &user_id)?.ok_or_else(gone)?;
            let email = email_to_prove(tx, user_id)?.ok_or_else(no_email_to_prove)?;
            if !is_configured(tx)? {
                return Err(no_server());
            }
            ask_for_new_email(tx, &post, &link, &user, &email)?.unless_too_many()
        });
        let unsent = unsent.await?;
        self.post.send();
        unsent.log("it proves a new e-mail");
        Ok(())
    }

    /// Whether links can be mailed at all.
    pub async fn sends_mail(&self) -> Result<bool> {
        self.store.read(is_configured).await
    }

    /// Takes the e-mail back that somebody wanted and has not proved.
    pub async fn forget_new_email(&self, caller: &Caller) -> Result<()> {
        caller.require(Purpose::OwnAccount)?;
        let user_id = caller.user_id;
        self.store
            .write(move |tx| {
                remove_links(tx, user_id, |link| {
                    matches!(link.purpose, LinkPurpose::ProveEmail { .. })
                })
            })
            .await
    }
}

/// Tells a user whose e-mail was another until now, at both addresses.
pub(super) fn tell_of_new_email(
    tx: &WriteTx,
    post: &Post,
    user: &UserRecord,
    old: Option<&str>,
) -> Result<()> {
    for address in old.into_iter().chain(user.email.as_deref()) {
        let kind = MailKind::EmailChanged {
            old_address: old.map(str::to_owned),
            new_address: user.email.clone(),
        };
        post.tell_at(tx, address, user, kind)?;
    }
    Ok(())
}

fn email_to_prove(tx: &impl Reads, user_id: UserId) -> Result<Option<String>> {
    let links = list_links_of(tx, user_id)?.into_iter();
    let mut living = links.filter(|link| link.expires_at > now_ms());
    Ok(living.find_map(|link| match link.purpose {
        LinkPurpose::ProveEmail { email } => Some(email),
        LinkPurpose::ResetPassword | LinkPurpose::Decide { .. } => None,
    }))
}

fn no_email_to_prove() -> Error {
    Error::conflict("no e-mail of yours waits to be proved").with_reason(Reason::NoEmailToProve)
}

fn user_of_reset(tx: &impl Reads, token: &str) -> Result<UserRecord> {
    let (_, link) = get_link(tx, token)?;
    match link.purpose {
        LinkPurpose::ResetPassword => find_user(tx, &link.user_id)?.ok_or_else(no_link),
        _ => Err(no_link()),
    }
}

/// Mails a link to a new address, which becomes theirs when it is followed.
pub(super) fn ask_for_new_email(
    tx: &WriteTx,
    post: &Post,
    link: &NewLink,
    user: &UserRecord,
    email: &str,
) -> Result<UnsentLink> {
    let address = link.address(&PROVE_EMAIL, post);
    let purpose = LinkPurpose::ProveEmail {
        email: email.to_owned(),
    };
    link.put(tx, user.id, purpose)?;
    let kind = MailKind::EmailChangeRequested {
        new_address: email.to_owned(),
        link: address.clone(),
        expires_at: link.expires_at,
    };
    post.tell_link_at(tx, email, user, &address, kind)
}
