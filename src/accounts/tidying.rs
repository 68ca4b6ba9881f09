//! What nobody waits for any more: accounts whose e-mail was never proved, though they had the time
//! for it, also behind the answer to their request; and requests that were decided long ago. Looked for at the start and every hour; a name that was taken is free again, and
//! the audit log says so. Begun by `appliance`.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::audit::audited_by;
use super::people::remove_all_of;
use super::requests::close_all_settled_requests;
use super::{Accounts, AuditActor, Awaited, RequestRecord, UserRecord, UserStatus};
use crate::clock::{UnixMs, now_ms};
use crate::error::Result;
use crate::store::links::{LinkPurpose, list_links_of};
use crate::store::requests::{list_requests, remove_request};
use crate::store::users::list_users;
use crate::store::{Reads, WriteTx};

const PAUSE: std::time::Duration = std::time::Duration::from_secs(60 * 60);
const DAY_MS: UnixMs = 24 * 60 * 60 * 1000;
const UNPROVED_MS: UnixMs = 14 * DAY_MS;
/// For as long as requests are shown; what was granted is worth knowing for longer.
const REJECTED_MS: UnixMs = 90 * DAY_MS;
const APPROVED_MS: UnixMs = 365 * DAY_MS;

impl Accounts {
    pub async fn keep_tidy(&self, stopping: CancellationToken) {
        let tidying = async {
            loop {
                let tidied = self.store.write(|tx| tidy(tx, now_ms()));
                if let Err(error) = tidied.await {
                    tracing::warn!(%error, "accounts could not be tidied; tried again in an hour");
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        stopping.run_until_cancelled(tidying).await;
    }
}

pub(super) fn tidy(tx: &WriteTx, now: UnixMs) -> Result<()> {
    let requests = list_requests(tx)?;
    for user in list_users(tx)? {
        if was_never_proved(tx, &user, &requests, now)? {
            remove_all_of(tx, &user)?;
            let name = &user.username;
            audited_by(tx, AuditActor::House, "user.never_proved", name, json!({}))?;
        }
    }
    close_all_settled_requests(tx)?;
    // Those of whoever has just gone went with them.
    for request in requests {
        if is_past(&request, now) {
            remove_request(tx, request.id)?;
        }
    }
    Ok(())
}

/// Who waits for an answer, or still holds a link that is good, may still prove it.
fn was_never_proved(
    tx: &impl Reads,
    user: &UserRecord,
    requests: &[RequestRecord],
    now: UnixMs,
) -> Result<bool> {
    let awaits_proof = matches!(
        user.status,
        UserStatus::Pending(Awaited { email: true, .. })
    );
    let mut begun_at = user.created_at;
    for request in requests.iter().filter(|it| it.user_id == user.id) {
        match &request.decision {
            Some(decision) => begun_at = begun_at.max(decision.at),
            None => return Ok(false),
        }
    }
    if !awaits_proof || begun_at > now - UNPROVED_MS {
        return Ok(false);
    }
    let links = list_links_of(tx, user.id)?;
    Ok(!links.iter().any(|link| {
        matches!(link.purpose, LinkPurpose::ProveEmail { .. }) && link.expires_at > now
    }))
}

fn is_past(request: &RequestRecord, now: UnixMs) -> bool {
    request.decision.as_ref().is_some_and(|decision| {
        let kept_ms = match decision.approved {
            true => APPROVED_MS,
            false => REJECTED_MS,
        };
        decision.at <= now - kept_ms
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::accounts::requests::{RequestDecision, RequestWish};
    use crate::ids::RequestId;
    use crate::store::Store;
    use crate::store::audit::list_audit;
    use crate::store::links::{LinkRecord, put_link};
    use crate::store::requests::put_request;
    use crate::store::users::{find_user_by_login, put_user};

    const NOW: UnixMs = 1_800_000_000_000;

    fn user(name: &str, age_days: i64, status: UserStatus) -> UserRecord {
        UserRecord {
            created_at: NOW - age_days * DAY_MS,
            status,
            ..UserRecord::example(name)
        }
    }

    fn awaits(email: bool) -> UserStatus {
        UserStatus::Pending(Awaited {
            email,
            approval: true,
        })
    }

    fn decided(user: &UserRecord, approved: bool, age_days: i64) -> RequestRecord {
        RequestRecord {
            id: RequestId::generate(),
            user_id: user.id,
            wish: RequestWish::Account,
            reason: String::new(),
            created_at: 0,
            decision: Some(RequestDecision {
                at: NOW - age_days * DAY_MS,
                by: "ada".into(),
                approved,
                note: String::new(),
            }),
        }
    }

    fn undecided(user: &UserRecord) -> RequestRecord {
        RequestRecord {
            decision: None,
            ..decided(user, true, 0)
        }
    }

    #[tokio::test]
    async fn who_never_proved_an_e_mail_goes_and_frees_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let store = Arc::new(Store::open(&path, 1 << 20).unwrap());
        let users = [
            user("late", 15, awaits(true)),
            user("linked", 15, awaits(true)),
            user("fresh", 13, awaits(true)),
            user("unapproved", 400, awaits(false)),
            user("disabled", 400, UserStatus::Disabled),
            user("active", 400, UserStatus::Active),
        ];
        let requests = [
            decided(&users[5], false, 91),
            decided(&users[5], false, 89),
            decided(&users[5], true, 364),
            decided(&users[5], true, 366),
        ];
        let kept = [requests[1].id, requests[2].id];
        let link = LinkRecord {
            user_id: users[1].id,
            purpose: LinkPurpose::ProveEmail {
                email: "linked@example.org".into(),
            },
            expires_at: NOW + 1,
            created_at: NOW,
            known_to: Vec::new(),
        };
        let written = store.write(move |tx| {
            users.iter().try_for_each(|user| put_user(tx, user))?;
            put_link(tx, &[7; 32], &link)?;
            let mut requests = requests.iter();
            requests.try_for_each(|request| put_request(tx, request))?;
            tidy(tx, NOW)
        });
        written.await.unwrap();
        let (names, late, ids, log) = store
            .read(|tx| {
                let users = list_users(tx)?.into_iter();
                let requests = list_requests(tx)?.into_iter();
                Ok((
                    users.map(|user| user.username).collect::<Vec<_>>(),
                    find_user_by_login(tx, "late@example.org")?,
                    requests.map(|request| request.id).collect::<Vec<_>>(),
                    list_audit(tx, 0, 10)?,
                ))
            })
            .await
            .unwrap();
        assert_eq!(
            names,
            ["linked", "fresh", "unapproved", "disabled", "active"]
        );
        assert!(late.is_none(), "the e-mail is free");
        assert_eq!(ids, kept);
        assert_eq!(log.len(), 1);
        assert_eq!(
            (&*log[0].action, &*log[0].subject),
            ("user.never_proved", "late")
        );
    }
    #[tokio::test]
    async fn who_waits_for_an_answer_stays_and_has_as_long_again_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let store = Arc::new(Store::open(&path, 1 << 20).unwrap());
        let names = ["unanswered", "just approved", "approved long ago"];
        let users = names.map(|name| user(name, 400, awaits(true)));
        let requests = [
            undecided(&users[0]),
            decided(&users[1], true, 13),
            decided(&users[2], true, 15),
        ];
        let written = store.write(move |tx| {
            users.iter().try_for_each(|user| put_user(tx, user))?;
            let mut requests = requests.iter();
            requests.try_for_each(|request| put_request(tx, request))?;
            tidy(tx, NOW)
        });
        written.await.unwrap();
        let users = store.read(list_users).await.unwrap().into_iter();
        let left: Vec<String> = users.map(|user| user.username).collect();
        assert_eq!(left, names[..2]);
    }
}
