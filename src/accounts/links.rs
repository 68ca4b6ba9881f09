//! One-time links: a token with 256 random bits, kept as a hash, good once and for a time. A new
//! link for the same purpose ends those before it.

use super::post::Post;
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::ids::UserId;
use crate::secrets::{SecretHash, hash_secret, random_secret};
use crate::store::links::{LinkPurpose, LinkRecord, find_link, put_link, remove_links};
use crate::store::{Reads, WriteTx};

const HOUR_MS: UnixMs = 60 * 60 * 1000;

/// A link about to be written; made outside of the transaction, which may run twice.
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

    /// Writes it, in place of others of its kind about the same user.
    pub(super) fn put(&self, tx: &WriteTx, user_id: UserId, purpose: LinkPurpose) -> Result<()> {
        let is_same = |link: &LinkRecord| match (&link.purpose, &purpose) {
            (LinkPurpose::Decide { request_id: a }, LinkPurpose::Decide { request_id: b }) => {
                a == b
            }
            (old, new) => std::mem::discriminant(old) == std::mem::discriminant(new),
        };
        remove_links(tx, user_id, |link| {
            link.expires_at <= now_ms() || is_same(link)
        })?;
        let link = LinkRecord {
            user_id,
            purpose: purpose.clone(),
            expires_at: self.expires_at,
        };
        put_link(tx, &hash_secret(&self.token), &link)
    }
}

/// The link of a token that is still good.
pub(super) fn get_link(tx: &impl Reads, token: &str) -> Result<(SecretHash, LinkRecord)> {
    let hash = hash_secret(token);
    let link = find_link(tx, &hash)?.filter(|link| link.expires_at > now_ms());
    link.map(|link| (hash, link)).ok_or_else(no_link)
}

/// The same for all that is wrong with one: unknown, used, of another kind, too old.
pub(super) fn no_link() -> Error {
    let sentence = "this link is good no more: it was used, or its time is over";
    Error::new(ErrorKind::NotFound, sentence).with_reason(Reason::LinkUsedOrExpired)
}
