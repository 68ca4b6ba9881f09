//! What an earlier version wrote is dealt with as it must be: its sessions go on, and what it left
//! undecided is decided or closed. Each test writes records as they were then.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use super::caller::Means;
use super::tidying::tidy;
use super::*;
use crate::clock::now_ms;
use crate::config::MailConfig;
use crate::ids::{RequestId, SessionId};
use crate::secrets::{hash_secret, random_secret};
use crate::store::links::{LinkPurpose, LinkRecord, find_link, put_link};
use crate::store::requests::{list_requests, put_request};
use crate::store::sessions::{SessionCarrier, SessionRecord, put_session};
use crate::store::users::put_user;

struct Opened {
    accounts: Accounts,
    /// Goes with this.
    _folder: TempDir,
}

fn open() -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.redb"), 1 << 20).unwrap();
    let store = Arc::new(store);
    let house = "http://house.example".to_owned();
    let config = MailConfig::default();
    let mailer = Mailer::open(Arc::clone(&store), &[7; 32], &config, house.clone()).unwrap();
    let (key_file, tasks) = (folder.path().join("secret.key"), TaskTracker::new());
    let accounts = Accounts::open(store, &key_file, Arc::new(mailer), None, house, tasks);
    Opened {
        accounts: accounts.unwrap(),
        _folder: folder,
    }
}

fn visitor() -> Visitor {
    Visitor::new(Ipv4Addr::LOCALHOST.into(), "a test")
}

fn user(name: &str, role: UserRole, status: UserStatus) -> UserRecord {
    UserRecord {
        role,
        status,
        ..UserRecord::example(name)
    }
}

fn tokens_of(user: &UserRecord, latest: &str, previous: Option<&str>) -> SessionRecord {
    SessionRecord {
        id: SessionId::generate(),
        user_id: user.id,
        carrier: SessionCarrier::Tokens {
            refresh_hash: hash_secret(latest),
            previous_hash: previous.map(hash_secret),
        },
        created_at: now_ms(),
        expires_at: now_ms() + 60_000,
        address: String::new(),
        user_agent: String::new(),
        last_used_at: 0,
    }
}

fn undecided(applicant: &UserRecord, wish: RequestWish) -> RequestRecord {
    RequestRecord {
        id: RequestId::generate(),
        user_id: applicant.id,
        wish,
        reason: String::new(),
        created_at: 0,
        decision: None,
    }
}

fn decide(approve: bool) -> Decide {
    let note = String::new();
    Decide { approve, note }
}

impl Opened {
    /// Ada, an administrator who is signed in, and Bob, with what he asked for.
    async fn ada_and(&self, bob: &UserRecord, wish: RequestWish) -> (Caller, RequestRecord) {
        let ada = user("ada", UserRole::Admin, UserStatus::Active);
        let session = tokens_of(&ada, &random_secret(), None);
        self.put(&ada, &session).await;
        let (bob, request) = (bob.clone(), undecided(bob, wish));
        let written = request.clone();
        let writing = self.accounts.store.write(move |tx| {
            put_user(tx, &bob)?;
            put_request(tx, &written)
        });
        writing.await.unwrap();
        let ada = Caller {
            user_id: ada.id,
            username: ada.username,
            role: ada.role,
            means: Means::Session(session.id),
        };
        (ada, request)
    }

    /// Of the only request whether it was approved, where it was decided.
    async fn approved(&self) -> Option<bool> {
        let requests = self.accounts.store.read(list_requests).await.unwrap();
        let decision = requests[0].decision.as_ref();
        decision.map(|decision| decision.approved)
    }

    async fn put(&self, user: &UserRecord, session: &SessionRecord) {
        let (user, session) = (user.clone(), session.clone());
        let writing = self.accounts.store.write(move |tx| {
            put_user(tx, &user)?;
            put_session(tx, &session)
        });
        writing.await.unwrap();
    }

    /// The next one; None: it was refused.
    async fn refresh(&self, id: SessionId, secret: &str) -> Option<String> {
        let token = format!("{id}.{secret}");
        let signed_in = self.accounts.refresh(&visitor(), &token).await.ok()?;
        let Credentials::Tokens { refresh_token, .. } = signed_in.credentials else {
            panic!("another carrier");
        };
        let (_, secret) = refresh_token.split_once('.').unwrap();
        Some(secret.to_owned())
    }
}

#[tokio::test]
async fn a_session_goes_on_and_the_last_old_token_is_known_however_often_it_was_refreshed() {
    let opened = open();
    let ada = user("ada", UserRole::Admin, UserStatus::Active);
    let (first, second) = (random_secret(), random_secret());
    for refreshed in 0..3 {
        for reused in [Some(&first), Some(&second), None] {
            let session = tokens_of(&ada, &second, Some(&first));
            opened.put(&ada, &session).await;
            let mut latest = second.clone();
            for _ in 0..refreshed {
                latest = opened.refresh(session.id, &latest).await.unwrap();
            }
            let presented = reused.cloned().unwrap_or_else(random_secret);
            let good = opened.refresh(session.id, &presented).await;
            let goes_on = opened.refresh(session.id, good.as_deref().unwrap_or(&latest));
            let was_reused = match refreshed {
                0 => reused == Some(&first),
                // Of two old ones the record still knows the last.
                _ => reused == Some(&second),
            };
            assert_eq!(
                goes_on.await.is_none(),
                was_reused,
                "{refreshed} {reused:?}"
            );
        }
    }
}

#[tokio::test]
async fn who_was_shut_out_undecided_is_let_in_again() {
    let opened = open();
    let bob = user("bob", UserRole::User, UserStatus::Disabled);
    let (ada, request) = opened.ada_and(&bob, RequestWish::Account).await;
    let approving = opened
        .accounts
        .decide_request(&ada, request.id, decide(true));
    assert!(approving.await.is_err(), "who was shut out stays out");
    let let_in = PersonChange {
        disabled: Some(false),
        ..PersonChange::default()
    };
    let changing = opened.accounts.change_person(&ada, bob.id, let_in);
    assert_eq!(changing.await.unwrap().status, UserStatus::Active);
    assert_eq!(opened.approved().await, Some(true), "it waits no longer");
}

#[tokio::test]
async fn what_cannot_be_approved_any_more_can_be_rejected_and_nothing_follows() {
    use RequestWish::{Account, AdminRole};
    use UserRole::{Admin, User};
    use UserStatus::{Active, Disabled};
    for (wish, role, status) in [
        (Account, User, Disabled),
        (Account, User, Active),
        (AdminRole, User, Disabled),
        (AdminRole, Admin, Active),
    ] {
        let opened = open();
        let bob = user("bob", role, status);
        let (ada, request) = opened.ada_and(&bob, wish).await;
        let rejecting = opened
            .accounts
            .decide_request(&ada, request.id, decide(false));
        assert_eq!(rejecting.await.unwrap().applicant, bob);
        assert_eq!(opened.approved().await, Some(false));
        let again = opened
            .accounts
            .decide_request(&ada, request.id, decide(false));
        assert!(again.await.is_err(), "it was decided");
    }
}

#[tokio::test]
async fn what_waited_for_ever_is_closed_as_it_stands_and_what_waits_stays() {
    use RequestWish::{Account, AdminRole};
    let pending = |email, approval| UserStatus::Pending(Awaited { email, approval });
    for (wish, role, status, approved) in [
        (Account, UserRole::User, UserStatus::Disabled, Some(false)),
        (Account, UserRole::User, UserStatus::Active, Some(true)),
        (Account, UserRole::User, pending(true, true), None),
        (AdminRole, UserRole::Admin, UserStatus::Active, Some(true)),
        (
            AdminRole,
            UserRole::Admin,
            UserStatus::Disabled,
            Some(false),
        ),
        (AdminRole, UserRole::Auditor, UserStatus::Active, None),
    ] {
        let opened = open();
        let mut bob = user("bob", role, status);
        bob.created_at = now_ms();
        opened.ada_and(&bob, wish).await;
        let tidying = opened.accounts.store.write(|tx| tidy(tx, now_ms()));
        tidying.await.unwrap();
        assert_eq!(opened.approved().await, approved, "{wish:?} {role:?}");
    }
}

#[tokio::test]
async fn a_link_of_before_it_was_kept_who_has_it_goes_with_any_administrator() {
    let opened = open();
    let bob = user("bob", UserRole::Admin, UserStatus::Active);
    let (ada, request) = opened.ada_and(&bob, RequestWish::Account).await;
    let decides = LinkPurpose::Decide {
        request_id: request.id,
    };
    let proves = LinkPurpose::ProveEmail {
        email: "bob@example.org".into(),
    };
    let links = [
        (decides.clone(), 0, Vec::new(), false),
        (LinkPurpose::ResetPassword, 0, Vec::new(), false),
        (proves, 0, Vec::new(), true),
        (LinkPurpose::ResetPassword, 1, Vec::new(), true),
        (decides.clone(), 1, Vec::new(), true),
        (decides.clone(), 1, vec![ada.user_id], true),
        (decides, 1, vec![bob.id], false),
    ];
    let written = links.clone();
    let writing = opened.accounts.store.write(move |tx| {
        let numbered = (0_u8..).zip(written.clone());
        for (number, (purpose, created_at, known_to, _)) in numbered {
            let link = LinkRecord {
                user_id: ada.user_id,
                purpose,
                expires_at: now_ms() + 60_000,
                created_at,
                known_to,
            };
            put_link(tx, &[number; 32], &link)?;
        }
        Ok(())
    });
    writing.await.unwrap();
    let change = PersonChange {
        role: Some(UserRole::User),
        ..PersonChange::default()
    };
    let changing = opened.accounts.change_person(&ada, bob.id, change);
    changing.await.unwrap();
    for (number, (purpose, created_at, _, stays)) in (0_u8..).zip(links) {
        let reading = opened
            .accounts
            .store
            .read(move |tx| find_link(tx, &[number; 32]));
        let found = reading.await.unwrap().is_some();
        assert_eq!(found, stays, "{purpose:?} {created_at} {number}");
    }
}
