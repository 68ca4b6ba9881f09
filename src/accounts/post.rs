//! What people are told outside of the page: mails, queued in the transaction of their cause.
//!
//! Where mail is not set up a link that proves an e-mail or decides a request is given back, for the
//! log; one that sets a password never is. Links begin with the configured address of the house, never with what a request says.

use std::sync::Arc;

use super::UserRecord;
use super::people::is_administrator;
use crate::error::Result;
use crate::ids::UserId;
use crate::mail::{
    Address, Asker, Language, Mail, MailKind, Mailer, Queued, Surplus, find_approver,
};
use crate::store::WriteTx;
use crate::store::mails::{list_mails, remove_mail};
use crate::store::users::{find_user_by_login, list_users};

#[derive(Clone)]
pub(super) struct Post {
    mailer: Arc<Mailer>,
    /// Without a slash at its end.
    house_address: String,
    /// For whom it is counted what goes to addresses that nobody has proved.
    asker: Option<Asker>,
}

/// What becomes of a mail; the better the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Delivery {
    /// Mail is not set up, or there is no address.
    Impossible,
    TooMany(Surplus),
    OnItsWay,
}

/// A link that may not have been sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "somebody waits for this link: it goes to the log"]
pub(super) struct UnsentLink {
    delivery: Delivery,
    link: String,
}

impl UnsentLink {
    pub(super) fn after(delivery: Delivery, link: &str) -> Self {
        Self {
            delivery,
            link: link.to_owned(),
        }
    }

    /// There is no other link to be sent.
    pub(super) fn none() -> Self {
        Self::after(Delivery::OnItsWay, "")
    }

    /// For who asks for a mail and nothing else, or for what is nothing without its mail: where there
    /// are too many they hear it, and the transaction writes nothing.
    pub(super) fn unless_too_many(self) -> Result<Self> {
        match self.delivery {
            Delivery::TooMany(surplus) => Err(surplus.refusal()),
            Delivery::Impossible | Delivery::OnItsWay => Ok(self),
        }
    }

    /// Into the log, where whoever runs the house finds it. Behind the transaction. One that was not
    /// sent because there are too many is not for the log either.
    pub(super) fn log(self, what: &str) {
        if self.delivery == Delivery::Impossible {
            tracing::warn!(link = self.link, "this link could not be mailed: {what}");
        }
    }
}

/// Somebody who is asked to decide.
pub(super) struct Approver {
    to: Address,
    name: String,
    language: Language,
    /// None: the address is of nobody who has an account.
    pub(super) user_id: Option<UserId>,
}

impl Approver {
    fn of(to: Address, user: &UserRecord) -> Self {
        Self {
            to,
            name: user.shown_name().to_owned(),
            language: language_of(user),
            user_id: Some(user.id),
        }
    }
}

impl Post {
    pub(super) fn new(mailer: Arc<Mailer>, house_address: String) -> Self {
        Self {
            mailer,
            house_address,
            asker: None,
        }
    }

    /// For what this somebody asks for.
    pub(super) fn asked_by(&self, asker: Asker) -> Self {
        Self {
            asker: Some(asker),
            ..self.clone()
        }
    }

    /// A whole link to a page of the house; `path` begins with a slash.
    pub(super) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.house_address)
    }

    /// Behind a transaction that may have queued something.
    pub(super) fn send(&self) {
        self.mailer.wake();
    }

    /// Tells a user, as far as they have an e-mail.
    pub(super) fn tell(&self, tx: &WriteTx, user: &UserRecord, kind: MailKind) -> Result<()> {
        match &user.email {
            Some(email) => self.tell_at(tx, email, user, kind).map(drop),
            None => Ok(()),
        }
    }

    pub(super) fn tell_administrators(&self, tx: &WriteTx, kind: &MailKind) -> Result<()> {
        for admin in administrators(tx)? {
            self.tell(tx, &admin, kind.clone())?;
        }
        Ok(())
    }

    /// Tells a user at an address that is not theirs yet, or not any more.
    pub(super) fn tell_at(
        &self,
        tx: &WriteTx,
        email: &str,
        user: &UserRecord,
        kind: MailKind,
    ) -> Result<Delivery> {
        let Ok(to) = Address::parse(email) else {
            return Ok(Delivery::Impossible);
        };
        let mail = Mail {
            to,
            name: user.shown_name().to_owned(),
            language: language_of(user),
            kind,
        };
        self.queue(tx, &mail, Some(user.id))
    }

    /// Mails somebody a link of their own that decides.
    pub(super) fn ask(
        &self,
        tx: &WriteTx,
        approver: &Approver,
        kind: MailKind,
    ) -> Result<Delivery> {
        let mail = Mail {
            to: approver.to.clone(),
            name: approver.name.clone(),
            language: approver.language,
            kind,
        };
        self.queue(tx, &mail, approver.user_id)
    }

    fn queue(&self, tx: &WriteTx, mail: &Mail, user_id: Option<UserId>) -> Result<Delivery> {
        let queued = self.mailer.queue_for(tx, mail, user_id, self.asker)?;
        Ok(match queued {
            Queued::Queued => Delivery::OnItsWay,
            Queued::TooMany(surplus) => Delivery::TooMany(surplus),
            Queued::NotConfigured => Delivery::Impossible,
        })
    }
}

/// Who is asked to decide what somebody asks for: the approver, or every administrator where there is
/// none, or where the address is of somebody who may not decide this. Nobody makes it theirs by writing
/// it: an account that has not proved it is passed over, unless it has the right already.
pub(super) fn list_approvers(tx: &WriteTx, applicant: &UserRecord) -> Result<Vec<Approver>> {
    if let Some((to, language)) = find_approver(tx)? {
        let user = find_user_by_login(tx, &to.to_string().to_lowercase())?;
        let is_theirs = |user: &UserRecord| {
            user.email_verified || is_administrator(user) || user.id == applicant.id
        };
        let user = user.filter(is_theirs);
        let may_decide = |user: &UserRecord| is_administrator(user) && user.id != applicant.id;
        if user.as_ref().is_none_or(may_decide) {
            return Ok(vec![match user {
                Some(user) => Approver::of(to, &user),
                None => Approver {
                    to,
                    name: String::new(),
                    language,
                    user_id: None,
                },
            }]);
        }
    }
    let admins = administrators(tx)?;
    let with_address = admins.iter().filter_map(|admin| {
        let to = Address::parse(admin.email.as_deref()?).ok()?;
        Some(Approver::of(to, admin))
    });
    Ok(with_address.collect())
}

/// Whether that is whose address the approver's is.
pub(super) fn is_approver(tx: &WriteTx, user: &UserRecord) -> Result<bool> {
    let address = find_approver(tx)?.map(|(to, _)| to.to_string().to_lowercase());
    Ok(address.is_some() && address == user.email)
}

/// Forgets what waits to be sent to a user, or could not be. By an address only what was queued before
/// it was kept for whom it is, and only by one they have proved: any other may be somebody else's.
pub(super) fn forget_mails_for(tx: &WriteTx, user: &UserRecord) -> Result<()> {
    let proved = user.email.as_deref().filter(|_| user.email_verified);
    for mail in list_mails(tx)? {
        let is_theirs = match mail.user_id {
            Some(id) => id == user.id,
            None => proved.is_some_and(|email| mail.to.eq_ignore_ascii_case(email)),
        };
        if is_theirs {
            remove_mail(tx, &mail.id)?;
        }
    }
    Ok(())
}

fn administrators(tx: &WriteTx) -> Result<Vec<UserRecord>> {
    let mut users = list_users(tx)?;
    users.retain(is_administrator);
    Ok(users)
}

fn language_of(user: &UserRecord) -> Language {
    user.language
        .as_deref()
        .map(Language::nearest)
        .unwrap_or_default()
}
