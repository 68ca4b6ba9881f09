//! What is done by a link that was mailed to somebody: proving an e-mail, another password, another
//! address. Asking for a link tells nobody whether there is such an account.

use serde_json::json;

use super::audit::{audited, audited_by};
use super::break_glass::put_notice_to;
use super::links::{
    Mailed, MailedLink, NewLink, OneTimeLink, PROVE_EMAIL, RESET_PASSWORD, get_link, no_link,
};
use super::new_password::{SetBy, set_new_password};
use super::post::{Delivery, Post, UnsentLink};
use super::rights::check_caller;
use super::taking_back::follow_approver;
use super::users::gone;
use super::{Accounts, AuditActor, Caller, Notice, Purpose, UserRecord, UserStatus, Visitor};
use crate::clock::now_ms;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::ids::UserId;
use crate::mail::{Asker, MailKind, is_configured, no_server};
use crate::store::links::{LinkPurpose, list_links_of, remove_links};
use crate::store::users::{Awaited, find_user, find_user_by_login, put_user};
use crate::store::{Reads, Store, WriteTx};

impl Accounts {
    /// Follows the link that proves an e-mail. Gives the user, who may still await approval.
    pub async fn prove_email(&self, visitor: &Visitor, token: &str) -> Result<UserRecord> {
        let (token, post) = (token.to_owned(), self.post.clone());
        let user = self.store.write(move |tx| {
            let link = get_link(tx, &token)?;
            let LinkPurpose::ProveEmail { email } = link.purpose else {
                return Err(no_link());
            };
            let before = find_user(tx, &link.user_id)?.ok_or_else(no_link)?;
            let mut user = before.clone();
            remove_mailed_links(tx, user.id)?;
            user.email = Some(email);
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
            follow_approver(tx, AuditActor::LinkHolder, &before, &user)?;
            if before.email.is_some() && before.email != user.email {
                tell_of_new_email(tx, &post, &user, before.email.as_deref())?;
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

    /// Mails a link to whoever that is, if it is anybody with an e-mail. Answers before it knows.
    pub async fn forgot_password(&self, visitor: &Visitor, login: &str) -> Result<()> {
        self.throttle.take_turn(visitor, "new password").await?;
        let login = login.trim().to_lowercase();
        let post = self.post.asked_by(Asker::Network(visitor.network()));
        let store = self.store.clone();
        self.tasks.spawn(async move {
            match mail_reset_link(&store, &post, login).await {
                Ok(()) => post.send(),
                Err(error) => tracing::warn!(%error, "a link for a new password was not mailed"),
            }
        });
        Ok(())
    }

    /// A link for somebody who cannot be mailed. Whoever follows it may sign in as them, so they are
    /// told of it.
    pub async fn make_reset_link(&self, caller: &Caller, id: UserId) -> Result<OneTimeLink> {
        caller.require_admin_session()?;
        if id == caller.user_id {
            return Err(Error::conflict(
                "your own password is changed under your account, with the old one",
            ));
        }
        let (new, caller) = (NewLink::generate(&RESET_PASSWORD), caller.clone());
        let (link, post) = (
            new.to_hand_on(&RESET_PASSWORD, &self.post),
            self.post.clone(),
        );
        self.store
            .write(move |tx| {
                check_caller(tx, &caller)?;
                let user = find_user(tx, &id)?.ok_or_else(|| Error::not_found("user"))?;
                let name = &user.username;
                audited(tx, &caller, "user.reset_link_made", name, json!({}))?;
                new.put_known(tx, id, LinkPurpose::ResetPassword, vec![caller.user_id])?;
                let by = caller.username.clone();
                put_notice_to(tx, id, Notice::ResetLinkMade { by: by.clone() })?;
                post.tell(tx, &user, MailKind::ResetLinkMade { by, at: now_ms() })
            })
            .await?;
        self.post.send();
        Ok(link)
    }

    /// Sets a password by a link, which is good once. Every session and every API key ends.
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
        let (user, _) = reading.await?;
        let password_hash = self.hash_password_of(&user, password).await?;
        let (token, post) = (token.to_owned(), self.post.clone());
        self.write_rights(move |tx| {
            // It may have been used while this hashed.
            let (user, made_by) = user_of_reset(tx, &token)?;
            set_new_password(tx, &post, user, &password_hash, &SetBy::Link { made_by })
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

    /// Mails a link once more that makes that e-mail the caller's, unless one is on its way. Those
    /// before it stay good. Where they want no other, the link proves the one they have.
    pub async fn send_new_email_again(&self, caller: &Caller) -> Result<()> {
        caller.require(Purpose::OwnAccount)?;
        let post = self.post.asked_by(Asker::Person(caller.user_id));
        let caller = caller.clone();
        let link = NewLink::generate(&PROVE_EMAIL);
        let unsent = self.store.write(move |tx| {
            check_caller(tx, &caller)?;
            let user = find_user(tx, &caller.user_id)?.ok_or_else(gone)?;
            let own = user.email.clone().filter(|_| !user.email_verified);
            let wanted = email_to_prove(tx, user.id)?.or(own);
            let email = wanted.ok_or_else(no_email_to_prove)?;
            if !is_configured(tx)? {
                return Err(no_server());
            }
            ask_to_prove(tx, &post, &link, &user, &email)?.unless_too_many()
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
        let caller = caller.clone();
        self.store
            .write(move |tx| {
                check_caller(tx, &caller)?;
                remove_links(tx, caller.user_id, |link| {
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

/// Where the house has no mail, whoever runs it is told that somebody waits.
async fn mail_reset_link(store: &Store, post: &Post, login: String) -> Result<()> {
    let found = store.read(move |tx| find_user_by_login(tx, &login)).await?;
    let Some(UserRecord { id, .. }) = found else {
        return Ok(());
    };
    let (link, post) = (NewLink::generate(&RESET_PASSWORD), post.clone());
    let written = store.write(move |tx| {
        let user = find_user(tx, &id)?.filter(|user| user.status == UserStatus::Active);
        let Some((user, email)) = user.and_then(|user| Some((user.clone(), user.email?))) else {
            return Ok(None);
        };
        if !is_configured(tx)? {
            return Ok(Some(user.username));
        }
        let address = link.address(&RESET_PASSWORD, &post);
        let mailed = MailedLink {
            link: &link,
            purpose: LinkPurpose::ResetPassword,
            email: &email,
            kind: MailKind::ResetPassword {
                link: address.clone(),
                expires_at: link.expires_at,
            },
        };
        mailed.send(tx, &post, &user, &address).map(|_| None)
    });
    if let Some(username) = written.await? {
        tracing::warn!(
            username,
            "somebody asked for a new password, and there is no mail: an administrator can make a \
             link for them, or `chatelaine user set-password` sets one"
        );
    }
    Ok(())
}

/// With the name of the administrator who made the link, where one did.
fn user_of_reset(tx: &impl Reads, token: &str) -> Result<(UserRecord, Option<String>)> {
    let link = get_link(tx, token)?;
    if link.purpose != LinkPurpose::ResetPassword {
        return Err(no_link());
    }
    let user = find_user(tx, &link.user_id)?.ok_or_else(no_link)?;
    let made_by = match link.known_to.first() {
        Some(id) => find_user(tx, id)?.map(|maker| maker.username),
        None => None,
    };
    Ok((user, made_by))
}

/// Mails a link to an address that is not proved, which is theirs, and proved, when it is followed.
/// Whoever has the address that is theirs now is told of another.
pub(super) fn ask_to_prove(
    tx: &WriteTx,
    post: &Post,
    link: &NewLink,
    user: &UserRecord,
    email: &str,
) -> Result<UnsentLink> {
    let purpose = LinkPurpose::ProveEmail {
        email: email.to_owned(),
    };
    remove_links(tx, user.id, |other| {
        matches!(other.purpose, LinkPurpose::ProveEmail { .. }) && other.purpose != purpose
    })?;
    let address = link.address(&PROVE_EMAIL, post);
    let is_another = user.email.as_deref() != Some(email);
    let kind = match is_another {
        true => MailKind::EmailChangeRequested {
            new_address: email.to_owned(),
            link: address.clone(),
            expires_at: link.expires_at,
        },
        false => MailKind::VerifyEmail {
            link: address.clone(),
            expires_at: link.expires_at,
        },
    };
    let mailed = MailedLink {
        link,
        purpose,
        email,
        kind,
    };
    match mailed.send(tx, post, user, &address)? {
        Mailed::Made(unsent) => {
            if is_another {
                let new_address = email.to_owned();
                post.tell(tx, user, MailKind::EmailChangeAnnounced { new_address })?;
            }
            Ok(unsent)
        }
        Mailed::ThereIsOne => Ok(UnsentLink::none()),
        Mailed::TooMany(surplus) => Ok(UnsentLink::after(Delivery::TooMany(surplus), &address)),
    }
}

/// What was mailed to an address that is theirs no more must do nothing.
pub(super) fn remove_mailed_links(tx: &WriteTx, user_id: UserId) -> Result<()> {
    remove_links(tx, user_id, |link| match link.purpose {
        LinkPurpose::ProveEmail { .. } => true,
        LinkPurpose::ResetPassword => link.known_to.is_empty(),
        LinkPurpose::Decide { .. } => false,
    })
}
