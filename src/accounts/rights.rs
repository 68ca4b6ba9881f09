//! Rights that end while somebody is here. What takes a credential or a right away is written through
//! `write_rights`; who holds something open for a caller waits for `left`; and what is written for a
//! caller is written behind `check_caller`, in the same transaction, since they were asked who they
//! are before they waited for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::access::{Access, AccessKind};
use super::caller::Means;
use super::users;
use super::{Accounts, AuditActor, Caller, UserRole, UserStatus};
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::store::api_keys::find_api_key;
use crate::store::sessions::find_session;
use crate::store::users::find_user;
use crate::store::{Reads, WriteTx};

/// Where it could not be seen how somebody stands.
const ASK_AGAIN_MS: UnixMs = 1_000;

/// How a credential that was good stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Gone,
    /// Good until then; None: for as long as nobody ends it.
    Good(Option<UnixMs>),
}

impl Accounts {
    /// The same as `Store::write`, for what may end somebody's rights. What is open hears of it even
    /// where whoever asked for it has left by then.
    pub(super) async fn write_rights<T, F>(&self, closure: F) -> Result<T>
    where
        F: Fn(&WriteTx) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (store, rights_changed) = (self.store.clone(), self.rights_changed.clone());
        let writing = self.tasks.spawn(async move {
            let outcome = store.write(closure).await;
            rights_changed.send_replace(());
            outcome
        });
        writing.await.map_err(Error::internal)?
    }

    /// Returns once the caller's session or key has ended, by its time or by anybody's doing, or once
    /// they have lost a role or may use keys no more. For what stays open longer than one answer.
    pub async fn left(&self, caller: &Caller) {
        let changes = self.rights_changed.subscribe();
        let ask = || {
            let (store, asked) = (Arc::clone(&self.store), caller.clone());
            async move { store.read(move |tx| standing(tx, &asked)).await }
        };
        gone(changes, ask).await;
    }
}

/// Asks again with every change, when the time comes, and soon where there was no answer.
async fn gone<F>(mut changes: watch::Receiver<()>, ask: impl Fn() -> F)
where
    F: Future<Output = Result<Standing>>,
{
    loop {
        // What changed before this subscribed is found here too.
        let until = match ask().await {
            Ok(Standing::Gone) => return,
            Ok(Standing::Good(until)) => until,
            Err(error) => {
                tracing::warn!(%error, "whether somebody left cannot be seen now");
                Some(now_ms() + ASK_AGAIN_MS)
            }
        };
        tokio::select! {
            changed = changes.changed() => if changed.is_err() {
                return;
            },
            () = sleep_until(until) => {}
        }
    }
}

async fn sleep_until(until: Option<UnixMs>) {
    match until {
        // The clock counts whole milliseconds, and what ends at one is over behind it.
        Some(until) => {
            let ms = u64::try_from(until - now_ms()).unwrap_or_default() + 1;
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        None => std::future::pending().await,
    }
}

/// Refuses a caller whose session or key has ended, or who has lost the role they had, since they were
/// asked who they are. The first thing in every transaction that writes for one, in whichever room.
pub fn check_caller(tx: &impl Reads, caller: &Caller) -> Result<()> {
    match standing(tx, caller)? {
        Standing::Good(_) => Ok(()),
        Standing::Gone => Err(Error::unauthenticated(
            "this session has ended, or its rights have; sign in again",
        )),
    }
}

/// Whoever has the data folder, or an administrator, who must still be one.
pub(super) enum Issuer {
    Administrator(Caller),
    Folder(AuditActor),
}

impl Issuer {
    pub(super) fn of(caller: &Caller) -> Self {
        Self::Administrator(caller.clone())
    }

    /// Refuses who is no administrator any more.
    pub(super) fn actor(&self, tx: &impl Reads) -> Result<AuditActor> {
        match self {
            Self::Administrator(caller) => check_caller(tx, caller).map(|()| caller.actor()),
            Self::Folder(actor) => Ok(actor.clone()),
        }
    }

    pub(super) fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Administrator(caller) => Some(caller.user_id),
            Self::Folder(_) => None,
        }
    }
}

/// Refuses who was removed or shut out since they were asked who they are. For the transaction that
/// writes something of theirs, whatever became of the credential that it was begun with.
pub fn check_is_here(tx: &impl Reads, user_id: UserId) -> Result<()> {
    match find_user(tx, &user_id)? {
        Some(user) if user.status == UserStatus::Active => Ok(()),
        _ => Err(users::gone()),
    }
}

/// Whether somebody who was `before` has lost a right by being `now`.
pub(super) fn is_less(now: UserRole, before: UserRole) -> bool {
    match before {
        UserRole::Admin => now != UserRole::Admin,
        UserRole::Auditor => now == UserRole::User,
        UserRole::User => false,
    }
}

fn standing(tx: &impl Reads, caller: &Caller) -> Result<Standing> {
    let until = match &caller.means {
        Means::Session(id) => find_session(tx, id)?.map(|session| Some(session.expires_at)),
        Means::ApiKey(id, _) => find_api_key(tx, *id)?.map(|key| key.expires_at),
    };
    let is_over = |until: &Option<UnixMs>| until.is_some_and(|until| until <= now_ms());
    let Some(until) = until.filter(|until| !is_over(until)) else {
        return Ok(Standing::Gone);
    };
    let user = find_user(tx, &caller.user_id)?;
    let may_go_on = user
        .is_some_and(|user| user.status == UserStatus::Active && !is_less(user.role, caller.role));
    if !may_go_on {
        return Ok(Standing::Gone);
    }
    let is_key = matches!(caller.means, Means::ApiKey(..));
    if is_key && !Access::of(tx, caller)?.allows(AccessKind::Feature, "api_keys") {
        return Ok(Standing::Gone);
    }
    Ok(Standing::Good(until))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn who_cannot_be_looked_up_is_asked_for_again_and_has_not_left() {
        let (_change, changes) = watch::channel(());
        let asked = AtomicUsize::new(0);
        let ask = async || match asked.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Err(Error::internal("the disk does not answer")),
            _ => Ok(Standing::Gone),
        };
        let left = tokio::time::timeout(Duration::from_secs(60), gone(changes, ask));
        left.await.expect("it is asked again");
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}
