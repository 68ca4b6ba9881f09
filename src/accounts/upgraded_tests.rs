//! What an earlier version wrote is dealt with as it must be: its sessions go on, and what it left
//! undecided is decided or closed. Each test writes records as they were then.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use super::*;
use crate::clock::now_ms;
use crate::config::MailConfig;
use crate::ids::{SessionId, UserId};
use crate::secrets::{hash_secret, random_secret};
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
        id: UserId::generate(),
        username: name.into(),
        display_name: None,
        email: Some(format!("{name}@example.org")),
        role,
        password_hash: String::new(),
        created_at: 0,
        status,
        email_verified: false,
        group_ids: Vec::new(),
        language: None,
        registration_key_id: None,
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

impl Opened {
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
