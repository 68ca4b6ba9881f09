//! The set-up link: the way to the first administrator, and only to the first.
//!
//! The token lives in memory, 30 minutes from the start; a restart makes a new one. Whether there
//! already is an administrator is asked in the transaction that makes one, so of many who try at
//! once exactly one succeeds.

use std::sync::{Mutex, PoisonError};

use super::audit::audited_by;
use super::{Accounts, AuditActor, Carrier, NewUser, SignedIn, Visitor};
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, Reason, Result};
use crate::secrets::{SecretHash, hash_secret, matches_hash, random_secret};
use crate::store::users::{UserRole, list_users};
use crate::store::{Reads, WriteTx};

const LIFETIME_MS: UnixMs = 30 * 60 * 1000;

#[derive(Default)]
pub(super) struct SetupLink {
    open: Mutex<Option<(SecretHash, UnixMs)>>,
}

impl SetupLink {
    fn renew(&self) -> String {
        let token = random_secret();
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((hash_secret(&token), now_ms() + LIFETIME_MS));
        token
    }

    fn accepts(&self, token: &str) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref()
            .is_some_and(|(hash, until)| *until > now_ms() && matches_hash(token, hash))
    }

    fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn has_administrator(tx: &impl Reads) -> Result<bool> {
    Ok(list_users(tx)?
        .iter()
        .any(|user| user.role == UserRole::Admin))
}

impl Accounts {
    /// A new token while there is no administrator; the old one is good no more.
    pub async fn open_setup(&self) -> Result<Option<String>> {
        Ok(self.needs_setup().await?.then(|| self.setup_link.renew()))
    }

    pub async fn needs_setup(&self) -> Result<bool> {
        Ok(!self.store.read(has_administrator).await?)
    }

    /// Makes the first administrator and signs them in.
    pub async fn set_up(
        &self,
        visitor: &Visitor,
        token: &str,
        new: NewUser,
        carrier: Carrier,
    ) -> Result<SignedIn> {
        if !self.setup_link.accepts(token) {
            let sentence =
                "this set-up link is not good any more; restart chatelaine to get a new one";
            let wrong = Error::forbidden(sentence).with_reason(Reason::SetupLinkExpired);
            return Err(self.throttle.refuse_credential(visitor, wrong).await);
        }
        let user = self.new_user(new, UserRole::Admin).await?;
        let username = user.username.clone();
        let only_one = move |tx: &WriteTx| {
            if has_administrator(tx)? {
                let sentence = "there already is an administrator; sign in instead";
                return Err(Error::conflict(sentence).with_reason(Reason::SetUpAlready));
            }
            let details = serde_json::json!({ "role": "admin" });
            audited_by(tx, AuditActor::Stranger, "house.set_up", &username, details)
        };
        let signed_in = self
            .add_and_sign_in(visitor, user, carrier, only_one)
            .await?;
        self.setup_link.close();
        Ok(signed_in)
    }
}
