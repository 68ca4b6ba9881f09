//! One-time links: a token with 256 random bits, kept as a hash, good once and for a time.
//!
//! What is mailed because somebody asked for it never ends what was mailed before, or anybody could
//! keep anybody from following a link; and never what an administrator made. A link is written only
//! where it is on its way to somebody, or stands in the log where the house has no mail.

use super::UserRecord;
use super::post::{Delivery, Post, UnsentLink};
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::ids::UserId;
use crate::mail::{MailKind, Surplus};
use crate::secrets::{hash_secret, random_secret};
use crate::store::links::{
    LinkPurpose, LinkRecord, find_link, list_links_of, put_link, remove_links,
};
use crate::store::{Reads, WriteTx};

const HOUR_MS: UnixMs = 60 * 60 * 1000;
/// Between two mails with a link for the same.
const PAUSE_MS: UnixMs = 5 * 60 * 1000;
/// Mails with a link for the same in an hour, and such links that live at once.
const MAILED_LIMIT: usize = 3;

/// A link an administrator asked for, to hand it on by other means than mail.
pub struct OneTimeLink {
    pub link: String,
    pub expires_at: UnixMs,
}

/// A link about to be written.
#[derive(Clone)]
pub(super) struct NewLink {
    token: String,
    pub(super) expires_at: UnixMs,
}

/// How long, and under which address of the page.
pub(super) struct LinkKind {
    pub(super) lifetime_ms: UnixMs,
    path: &'static str,
}

pub(super) const PROVE_EMAIL: LinkKind = LinkKind {
    lifetime_ms: 48 * HOUR_MS,
    path: "/verify-email?token=",
};
pub(super) const RESET_PASSWORD: LinkKind = LinkKind {
    lifetime_ms: HOUR_MS,
    path: "/reset-password?token=",
};
pub(super) const DECIDE: LinkKind = LinkKind {
    lifetime_ms: 7 * 24 * HOUR_MS,
    path: "/approve/",
};

impl NewLink {
    pub(super) fn generate(kind: &LinkKind) -> Self {
        Self {
            token: random_secret(),
            expires_at: now_ms() + kind.lifetime_ms,
        }
    }

    /// Whole, as it is mailed.
    pub(super) fn address(&self, kind: &LinkKind, post: &Post) -> String {
        post.link(&format!("{}{}", kind.path, self.token))
    }

    pub(super) fn to_hand_on(&self, kind: &LinkKind, post: &Post) -> OneTimeLink {
        OneTimeLink {
            link: self.address(kind, post),
            expires_at: self.expires_at,
        }
    }

    /// Writes one that administrators have, in place of others that administrators have for the same.
    pub(super) fn put_known(
        &self,
        tx: &WriteTx,
        user_id: UserId,
        purpose: LinkPurpose,
        known_to: Vec<UserId>,
    ) -> Result<()> {
        // What somebody was mailed because they asked for it is theirs.
        let is_own = |link: &LinkRecord| {
            link.purpose == LinkPurpose::ResetPassword && link.known_to.is_empty()
        };
        remove_links(tx, user_id, |link| {
            link.expires_at <= now_ms() || link.purpose == purpose && !is_own(link)
        })?;
        self.put(tx, user_id, purpose, known_to)
    }

    /// Writes one beside those there are.
    pub(super) fn put(
        &self,
        tx: &WriteTx,
        user_id: UserId,
        purpose: LinkPurpose,
        known_to: Vec<UserId>,
    ) -> Result<()> {
        let link = LinkRecord {
            user_id,
            purpose,
            expires_at: self.expires_at,
            created_at: now_ms(),
            known_to,
        };
        put_link(tx, &hash_secret(&self.token), &link)
    }
}

/// A link to be mailed to whom it is about, because somebody asked for it.
pub(super) struct MailedLink<'a> {
    pub(super) link: &'a NewLink,
    pub(super) purpose: LinkPurpose,
    /// May be one that is not the user's yet.
    pub(super) email: &'a str,
    pub(super) kind: MailKind,
}

/// What became of a link that was to be mailed.
pub(super) enum Mailed {
    /// On its way; or for the log, where the house has no mail.
    Made(UnsentLink),
    /// One was mailed moments ago, or several lately; they are good.
    ThereIsOne,
    /// Too many mails go there, so none was made.
    TooMany(Surplus),
}

impl MailedLink<'_> {
    /// `address` is the link as it stands in the mail.
    pub(super) fn send(
        self,
        tx: &WriteTx,
        post: &Post,
        user: &UserRecord,
        address: &str,
    ) -> Result<Mailed> {
        let now = now_ms();
        remove_links(tx, user.id, |link| link.expires_at <= now)?;
        let mut before = list_links_of(tx, user.id)?;
        before.retain(|link| link.purpose == self.purpose && link.known_to.is_empty());
        let since = |ms| before.iter().filter(move |link| link.created_at > now - ms);
        if since(PAUSE_MS).next().is_some() || since(HOUR_MS).count() >= MAILED_LIMIT {
            return Ok(Mailed::ThereIsOne);
        }
        let delivery = post.tell_at(tx, self.email, user, self.kind)?;
        if let Delivery::TooMany(surplus) = delivery {
            return Ok(Mailed::TooMany(surplus));
        }
        before.sort_by_key(|link| std::cmp::Reverse(link.created_at));
        if let Some(oldest) = before.get(MAILED_LIMIT - 1) {
            remove_links(tx, user.id, |link| {
                let is_same = link.purpose == self.purpose && link.known_to.is_empty();
                is_same && link.created_at <= oldest.created_at
            })?;
        }
        self.link.put(tx, user.id, self.purpose, Vec::new())?;
        Ok(Mailed::Made(UnsentLink::after(delivery, address)))
    }
}

/// The link of a token that is still good.
pub(super) fn get_link(tx: &impl Reads, token: &str) -> Result<LinkRecord> {
    find_link(tx, &hash_secret(token))?
        .filter(|link| link.expires_at > now_ms())
        .ok_or_else(no_link)
}

/// The same for all that is wrong with one: unknown, used, of another kind, too old.
pub(super) fn no_link() -> Error {
    let sentence = "this link is good no more: it was used, or its time is over";
    Error::new(ErrorKind::NotFound, sentence).with_reason(Reason::LinkUsedOrExpired)
}
