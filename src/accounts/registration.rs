//! Making one's own account: which ways are open, what a key grants, what must still come.
//!
//! The settings and the key are asked twice: before the password is hashed, so that nobody waits for
//! a no, and in the transaction that makes the account, where they decide. So of many who come with
//! one key at once, no more get in than it has uses. The house's rules (plugins) are asked once,
//! between the two, and only of what may be an account.

use serde_json::json;

use super::allowance::open_allowance;
use super::audit::audited_by;
use super::groups::those_there;
use super::links::{NewLink, PROVE_EMAIL};
use super::policies::apply_grant;
use super::post::{Post, UnsentLink};
use super::recovery::ask_to_prove;
use super::registration_keys::{RegistrationKeyRecord, get_good_key, use_key};
use super::requests::{NewRequest, open_request, valid_reason};
use super::settings::{
    RegistrationApproval, RegistrationMode, RegistrationRules, registration_rules,
};
use super::throttle::Attempt;
use super::validity::ValidUser;
use super::{Accounts, AuditActor, Carrier, NewUser, SignedIn, Visitor};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::mail::Asker;
use crate::plugins::RegistrationGrant;
use crate::store::requests::RequestWish;
use crate::store::sessions::{SessionRecord, put_session};
use crate::store::users::{
    Awaited, UserRecord, UserRole, UserStatus, find_user_by_login, put_user,
};
use crate::store::{Reads, WriteTx};

/// What became of a registration.
pub enum Registered {
    SignedIn(SignedIn),
    /// The account is made, and something must come before it may be used.
    Pending(UserRecord, Awaited),
}

pub struct Registration {
    pub new: NewUser,
    pub key: Option<String>,
    /// For whoever approves, in the applicant's own words.
    pub reason: Option<String>,
}

/// What the rules ask of this registration, and what its key gives.
struct Terms {
    key: Option<RegistrationKeyRecord>,
    awaited: Option<Awaited>,
}

fn closed() -> Error {
    Error::forbidden("registration is closed in this house; ask the administrator")
        .with_reason(Reason::RegistrationClosed)
}

fn terms(tx: &impl Reads, typed_key: Option<&str>) -> Result<Terms> {
    let rules = registration_rules(tx)?;
    let key = match (rules.mode, typed_key) {
        (RegistrationMode::Closed, _) => return Err(closed()),
        (RegistrationMode::Key, None) => {
            let sentence = "this house is open to those who have a registration key";
            return Err(Error::forbidden(sentence)
                .with_details(json!({ "field": "registration_key" }))
                .with_reason(Reason::KeyNeeded));
        }
        (RegistrationMode::Open, None) => None,
        (RegistrationMode::Key | RegistrationMode::Open, Some(key)) => Some(get_good_key(tx, key)?),
    };
    let awaited = awaited(rules, key.is_some());
    Ok(Terms { key, awaited })
}

fn awaited(rules: RegistrationRules, has_key: bool) -> Option<Awaited> {
    let approval = match rules.approval {
        RegistrationApproval::Never => false,
        RegistrationApproval::WithoutKey => !has_key,
        RegistrationApproval::Always => true,
    };
    let email = rules.verify_email;
    (email || approval).then_some(Awaited { email, approval })
}

fn check_email_is_there(awaited: Option<Awaited>, email: Option<&str>) -> Result<()> {
    match awaited.is_some_and(|awaited| awaited.email) && email.is_none() {
        true => {
            let sentence = "an e-mail is needed here, to which a link is sent";
            Err(Error::invalid_field("email", sentence).with_reason(Reason::EmailNeeded))
        }
        false => Ok(()),
    }
}

impl Accounts {
    /// Makes one's own account, where that is open, and signs in unless something must come first.
    pub async fn register(
        &self,
        visitor: &Visitor,
        registration: Registration,
        carrier: Carrier,
    ) -> Result<Registered> {
        let Registration { new, key, reason } = registration;
        let key = key.filter(|key| !key.trim().is_empty());
        let reason = valid_reason(reason.as_deref().unwrap_or_default())?;
        let asked = key.clone();
        let reading = self.store.read(move |tx| terms(tx, asked.as_deref()));
        let terms_before = match key.is_some() {
            true => {
                let attempt = Attempt::Secret("registration key");
                self.throttle
                    .around(visitor, attempt, ErrorKind::Forbidden, reading)
                    .await?
            }
            false => reading.await?,
        };
        let new = ValidUser::of(new)?;
        new.check_is_not_reserved()?;
        check_email_is_there(terms_before.awaited, new.email.as_deref())?;
        self.passwords
            .check_new(&new.password, &new.about())
            .await?;
        let grant = self.ask_policies(visitor, &new, terms_before.key).await?;
        let user = self.make_user(new, UserRole::User).await?;
        let session = self.new_session(user.id, carrier, visitor);
        let prepared = Prepared {
            post: self.post.clone(),
            asker: Asker::Network(visitor.network()),
            link: NewLink::generate(&PROVE_EMAIL),
            request: NewRequest::generate(RequestWish::Account, reason),
            user,
            grant,
            session: session.record.clone(),
        };
        let written = self
            .store
            .write(move |tx| prepared.write(tx, terms(tx, key.as_deref())?));
        let (user, unsent) = written.await?;
        self.post.send();
        for (link, what) in unsent {
            link.log(what);
        }
        match user.status {
            UserStatus::Pending(awaited) => Ok(Registered::Pending(user, awaited)),
            _ => Ok(Registered::SignedIn(self.signed_in(user, session)?)),
        }
    }

    /// Sends the link once more that proves an e-mail, to who knows the password. What is wrong is
    /// not said but for a wrong password, and too many mails.
    pub async fn send_proof_again(
        &self,
        visitor: &Visitor,
        login: &str,
        password: &str,
    ) -> Result<()> {
        let user = self.verified_user(visitor, login, password).await?;
        let post = self.post.asked_by(Asker::Network(visitor.network()));
        let link = NewLink::generate(&PROVE_EMAIL);
        let unsent = self.store.write(move |tx| {
            let user = find_user_by_login(tx, &user.username)?;
            let awaits = |user: &UserRecord| {
                matches!(
                    user.status,
                    UserStatus::Pending(Awaited { email: true, .. })
                )
            };
            let Some(user) = user.filter(awaits) else {
                return Ok(None);
            };
            let sent = send_proof(tx, &post, &link, &user)?;
            sent.unless_too_many().map(Some)
        });
        let unsent = unsent.await?;
        self.post.send();
        if let Some(unsent) = unsent {
            unsent.log(PROOF);
        }
        Ok(())
    }
}

pub(super) const PROOF: &str = "it proves the e-mail of somebody whose account has it";
const REQUEST: &str = "it decides whether somebody who registered is let in";

/// Everything a registration writes, made before its transaction.
struct Prepared {
    post: Post,
    asker: Asker,
    link: NewLink,
    request: NewRequest,
    user: UserRecord,
    /// By the house's rules.
    grant: RegistrationGrant,
    session: SessionRecord,
}

impl Prepared {
    fn write(
        &self,
        tx: &WriteTx,
        terms: Terms,
    ) -> Result<(UserRecord, Vec<(UnsentLink, &'static str)>)> {
        let mut user = self.user.clone();
        // The rules may be others than before the password was hashed.
        check_email_is_there(terms.awaited, user.email.as_deref())?;
        let mut post = self.post.asked_by(self.asker);
        let mut tokens = self.grant.tokens;
        if let Some(key) = terms.key {
            // A class may come from one network.
            post = self.post.asked_by(Asker::Key(key.id));
            user.role = key.grants.role;
            user.group_ids = those_there(tx, &key.grants.group_ids)?;
            user.registration_key_id = Some(key.id);
            tokens = tokens.or(key.grants.tokens);
            use_key(tx, key, &user)?;
        }
        apply_grant(tx, &mut user, &self.grant)?;
        if let Some(tokens) = tokens {
            open_allowance(tx, user.id, tokens, Some("registration".into()))?;
        }
        if let Some(awaited) = terms.awaited {
            user.status = UserStatus::Pending(awaited);
        }
        put_user(tx, &user)?;
        let details = json!({
            "key": user.registration_key_id.map(|id| id.to_string()),
            "role": user.role,
        });
        audited_by(
            tx,
            AuditActor::Stranger,
            "user.registered",
            &user.username,
            details,
        )?;
        let mut unsent = Vec::new();
        match terms.awaited {
            None => put_session(tx, &self.session)?,
            Some(awaited) => {
                if awaited.email {
                    // Without its link nobody could use the account, and its name would be taken.
                    let sent = send_proof(tx, &post, &self.link, &user)?;
                    unsent.push((sent.unless_too_many()?, PROOF));
                }
                if awaited.approval {
                    unsent.push((open_request(tx, &post, &self.request, &user)?, REQUEST));
                }
            }
        }
        Ok((user, unsent))
    }
}

/// Mails the link that proves the e-mail somebody has; nothing where it was taken from them.
pub(super) fn send_proof(
    tx: &WriteTx,
    post: &Post,
    link: &NewLink,
    user: &UserRecord,
) -> Result<UnsentLink> {
    match &user.email {
        Some(email) => ask_to_prove(tx, post, link, user, email),
        None => Ok(UnsentLink::none()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_e_mail_is_to_be_proved_has_one() {
        let awaited = |email| {
            Some(Awaited {
                email,
                approval: true,
            })
        };
        check_email_is_there(awaited(true), None).unwrap_err();
        check_email_is_there(awaited(true), Some("bob@example.org")).unwrap();
        check_email_is_there(awaited(false), None).unwrap();
        check_email_is_there(None, None).unwrap();
    }

    #[test]
    fn what_must_come_first_follows_from_the_rules() {
        let rules = |verify_email, approval| RegistrationRules {
            mode: RegistrationMode::Open,
            verify_email,
            approval,
        };
        let none = rules(false, RegistrationApproval::Never);
        assert_eq!(awaited(none, false), None);
        let email = Some(Awaited {
            email: true,
            approval: false,
        });
        assert_eq!(
            awaited(rules(true, RegistrationApproval::Never), true),
            email
        );
        let unless_key = rules(false, RegistrationApproval::WithoutKey);
        let approval = Some(Awaited {
            email: false,
            approval: true,
        });
        assert_eq!(awaited(unless_key, true), None);
        assert_eq!(awaited(unless_key, false), approval);
        let always = rules(true, RegistrationApproval::Always);
        let both = Some(Awaited {
            email: true,
            approval: true,
        });
        assert_eq!(awaited(always, true), both);
    }
}
