//! Rights that end while somebody is here. Whatever takes a credential or a right away is written
//! through `write_rights`; whoever holds something open for a caller waits for `left`.

use super::caller::Means;
use super::sessions::caller_of;
use super::users::gone;
use super::{Accounts, Caller, UserStatus};
use crate::clock::now_ms;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::UserId;
use crate::store::api_keys::find_api_key;
use crate::store::sessions::find_session;
use crate::store::users::find_user;
use crate::store::{Reads, WriteTx};

impl Accounts {
    /// The same as `Store::write`, for what may end somebody's rights.
    pub(super) async fn write_rights<T, F>(&self, closure: F) -> Result<T>
    where
        F: Fn(&WriteTx) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let outcome = self.store.write(closure).await;
        self.rights_changed.send_replace(());
        outcome
    }

    /// Returns once the caller's session or key has ended, or their role is another. For what stays
    /// open longer than one answer.
    pub async fn left(&self, caller: &Caller) {
        let mut changes = self.rights_changed.subscribe();
        loop {
            // What changed before this subscribed is found here too.
            match self.is_still(caller.clone()).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "whether somebody left cannot be seen now"),
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    async fn is_still(&self, caller: Caller) -> Result<bool> {
        self.store
            .read(move |tx| {
                if !holds(tx, &caller.means)? {
                    return Ok(false);
                }
                match caller_of(tx, caller.user_id, caller.means) {
                    Ok(now) => Ok(now.role == caller.role),
                    Err(Error {
                        kind: ErrorKind::Unauthenticated,
                        ..
                    }) => Ok(false),
                    Err(error) => Err(error),
                }
            })
            .await
    }
}

/// Refuses who was removed or shut out since they were asked who they are. For the transaction that
/// writes something of theirs.
pub fn check_is_here(tx: &impl Reads, user_id: UserId) -> Result<()> {
    match find_user(tx, &user_id)? {
        Some(user) if user.status == UserStatus::Active => Ok(()),
        _ => Err(gone()),
    }
}

fn holds(tx: &impl Reads, means: &Means) -> Result<bool> {
    let until = match means {
        Means::Session(id) => find_session(tx, id)?.map(|session| Some(session.expires_at)),
        Means::ApiKey(id, _) => find_api_key(tx, *id)?.map(|key| key.expires_at),
    };
    Ok(until.is_some_and(|until| until.is_none_or(|until| until > now_ms())))
}
