//! The queue's promises, held against a store in a folder of its own: nothing without a server,
//! bounds, secrets sealed on disk, and an end to every mail. That mails arrive is proven on the real
//! binary, in `tests/api/mail_queue.rs`.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::failure::{Failure, Step};
use super::flooding::{Asker, Surplus};
use super::kinds::{Language, Mail, MailKind};
use super::queue::{Queued, next_attempt};
use super::{Address, Mailer};
use crate::accounts::Caller;
use crate::clock::now_ms;
use crate::config::MailConfig;
use crate::error::ErrorKind;
use crate::ids::{MailId, RegistrationKeyId, UserId};
use crate::store::mails::{
    MailRecord, count_mails, damage_mail, find_mail, list_mails, put_mail, remove_mail,
};
use crate::store::settings::put_setting;
use crate::store::{Store, is_damaged};

const SECRET: &str = "s3cret-token-of-a-link";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn open(folder: &Path, house_key: &[u8]) -> Arc<Mailer> {
    let store = Store::open(&folder.join("store.redb"), 1 << 20).unwrap();
    let config = MailConfig::default();
    let house = "http://127.0.0.1:2428".to_owned();
    Arc::new(Mailer::open(Arc::new(store), house_key, &config, house).unwrap())
}

/// A mailer with a server, which nobody asks for anything here.
async fn configured(folder: &Path) -> Arc<Mailer> {
    let mailer = open(folder, b"house");
    let settings = json!({
        "server": "127.0.0.1", "port": 9, "security": "none", "from_name": "Chatelaine",
        "from_address": "house@example.org",
    });
    let written = mailer
        .store
        .write(move |tx| put_setting(tx, "mail", &settings));
    written.await.unwrap();
    mailer
}

fn reset_for(name: &str, expires_at: i64) -> Mail {
    Mail {
        to: Address::parse(&format!("{name}@example.org")).unwrap(),
        name: name.to_owned(),
        language: Language::En,
        kind: MailKind::ResetPassword {
            link: format!("http://127.0.0.1:2428/reset/{SECRET}"),
            expires_at,
        },
    }
}

async fn queue(mailer: &Arc<Mailer>, mail: Mail) -> Queued {
    let queueing = Arc::clone(mailer);
    let written = mailer.store.write(move |tx| queueing.queue(tx, &mail));
    written.await.unwrap()
}

async fn all(mailer: &Mailer) -> Vec<MailRecord> {
    mailer.store.read(list_mails).await.unwrap()
}

#[tokio::test]
async fn without_a_server_nothing_is_queued() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = open(folder.path(), b"house");
    let queued = queue(&mailer, reset_for("ada", now_ms() + DAY_MS)).await;
    assert_eq!(queued, Queued::NotConfigured);
    assert!(all(&mailer).await.is_empty());
}

#[tokio::test]
async fn a_mail_is_queued_with_its_cause_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = configured(folder.path()).await;
    let queueing = Arc::clone(&mailer);
    let mail = reset_for("ada", now_ms() + DAY_MS);
    let failed = mailer.store.write(move |tx| {
        let _queued = queueing.queue(tx, &mail)?;
        Err::<(), _>(crate::error::Error::conflict("the cause failed"))
    });
    assert!(failed.await.is_err());
    assert!(all(&mailer).await.is_empty());
}

#[tokio::test]
async fn the_secret_in_a_link_is_not_on_the_disk_and_comes_back_only_with_the_houses_key() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = configured(folder.path()).await;
    let mail = reset_for("ada", now_ms() + DAY_MS);
    assert_eq!(queue(&mailer, mail.clone()).await, Queued::Queued);
    let record = all(&mailer).await.remove(0);
    assert_eq!(mailer.open_mail(&record), Ok(mail));
    drop(mailer);
    let database = std::fs::read(folder.path().join("store.redb")).unwrap();
    let contains = |text: &str| {
        let mut windows = database.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    };
    assert!(contains("reset_password"), "the record is in the file");
    assert!(!contains(SECRET) && !contains("/reset/"));
    let other = open(folder.path(), b"another house");
    assert!(
        other
            .open_mail(&record)
            .unwrap_err()
            .contains("key of the house")
    );
    let outcome = other.attempt(record.id).await.unwrap().unwrap();
    assert!(outcome.unwrap_err().is_final, "it can never be sent");
}

async fn queue_for(mailer: &Arc<Mailer>, mail: Mail, asker: Asker) -> Queued {
    let queueing = Arc::clone(mailer);
    let written = mailer
        .store
        .write(move |tx| queueing.queue_for(tx, &mail, None, Some(asker)));
    written.await.unwrap()
}

fn to(address: &str, kind: MailKind) -> Mail {
    Mail {
        to: Address::parse(address).unwrap(),
        kind,
        ..reset_for("ada", 0)
    }
}

#[tokio::test]
async fn one_address_gets_only_so_many_of_a_kind_in_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = configured(folder.path()).await;
    let expires_at = now_ms() + DAY_MS;
    let reset = reset_for("x", expires_at).kind;
    let verify = MailKind::VerifyEmail {
        link: String::new(),
        expires_at,
    };
    for (kind, limit) in [(reset.clone(), 3), (verify, 5), (MailKind::Test {}, 20)] {
        for _ in 0..limit {
            let queued = queue(&mailer, to("ada@example.org", kind.clone())).await;
            assert_eq!(queued, Queued::Queued, "{}", kind.name());
        }
        for same in [
            "ada@example.org",
            "ADA@Example.org",
            "ada+any+thing@example.org",
        ] {
            let queued = queue(&mailer, to(same, kind.clone())).await;
            assert_eq!(
                queued,
                Queued::TooMany(Surplus::ToRecipient),
                "{}",
                kind.name()
            );
        }
        for other in ["bob@example.org", "ada@example.com", "adam@example.org"] {
            let queued = queue(&mailer, to(other, kind.clone())).await;
            assert_eq!(queued, Queued::Queued, "{other}");
        }
    }
    // Those that were sent count as well.
    for record in all(&mailer).await {
        mailer.conclude(record.id, Ok(())).await.unwrap();
    }
    mailer.tidy().await.unwrap();
    let queued = queue(&mailer, to("ada@example.org", reset)).await;
    assert_eq!(queued, Queued::TooMany(Surplus::ToRecipient));
}

#[tokio::test]
async fn nobody_has_more_than_so_many_sent_to_addresses_that_are_not_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = configured(folder.path()).await;
    let one = Asker::Network("192.0.2.7".parse().unwrap());
    let other = Asker::Network("192.0.2.8".parse().unwrap());
    let person = Asker::Person(UserId::generate());
    let reset = |number: usize| reset_for(&format!("person-{number}"), now_ms() + DAY_MS);
    let key = Asker::Key(RegistrationKeyId::generate());
    for (asker, limit) in [(one, 50), (person, 10), (key, 200)] {
        for number in 0..limit {
            let queued = queue_for(&mailer, reset(limit * 100 + number), asker).await;
            assert_eq!(queued, Queued::Queued, "{number}");
        }
        let queued = queue_for(&mailer, reset(9_000 + limit), asker).await;
        assert_eq!(queued, Queued::TooMany(Surplus::ByAsker));
        let told = to("ada@example.org", MailKind::AccountDisabled {});
        assert_eq!(queue_for(&mailer, told, asker).await, Queued::Queued);
    }
    assert_eq!(queue_for(&mailer, reset(1), other).await, Queued::Queued);
}

#[tokio::test]
async fn a_damaged_record_is_given_up_and_stops_no_other_mail() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = configured(folder.path()).await;
    let expires_at = now_ms() + DAY_MS;
    assert_eq!(
        queue(&mailer, reset_for("ada", expires_at)).await,
        Queued::Queued
    );
    assert_eq!(
        queue(&mailer, reset_for("bob", expires_at)).await,
        Queued::Queued
    );
    let bad = all(&mailer).await[0].id;
    mailer
        .store
        .write(move |tx| damage_mail(tx, bad))
        .await
        .unwrap();
    assert!(is_damaged(&mailer.attempt(bad).await.unwrap_err()));
    assert_eq!(all(&mailer).await.len(), 1, "the other is still listed");
    mailer.tidy().await.unwrap();
    let found = all(&mailer).await;
    let given_up = found.iter().find(|mail| mail.id == bad).unwrap();
    assert!(given_up.failed_at.is_some());
    assert!(given_up.last_error.as_ref().unwrap().contains("damaged"));
    assert_eq!(mailer.store.read(count_mails).await.unwrap().waiting, 1);
}

#[tokio::test]
async fn a_mail_of_a_kind_that_is_not_known_is_told_from_one_under_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = configured(folder.path()).await;
    let mut record = record(now_ms(), None);
    record.sealed = mailer
        .sealing
        .seal("{\"kind\":\"New\"}", record.id.as_bytes());
    let reason = mailer.open_mail(&record).unwrap_err();
    assert!(reason.contains("another version"), "{reason}");
    record.sealed = vec![1, 2, 3];
    let reason = mailer.open_mail(&record).unwrap_err();
    assert!(reason.contains("key of the house"), "{reason}");
}

fn record(created_at: i64, failed_at: Option<i64>) -> MailRecord {
    MailRecord {
        id: MailId::generate(),
        to: "ada@example.org".into(),
        user_id: None,
        kind: "test".into(),
        sealed: Vec::new(),
        created_at,
        begun_at: created_at,
        attempts: 1,
        due_at: created_at,
        last_error: None,
        failed_at,
    }
}

#[tokio::test]
async fn an_administrator_who_left_queues_tries_and_deletes_no_mail() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = configured(folder.path()).await;
    let failed = record(0, Some(1));
    let (id, kept) = (failed.id.to_string(), failed.clone());
    let written = mailer.store.write(move |tx| put_mail(tx, &failed));
    written.await.unwrap();
    let left = Caller::administrator_who_left();
    let to = "ada@example.org";
    let refusals = [
        mailer.retry(&left, &id).await.err(),
        mailer.delete_mail(&left, &id).await.err(),
        mailer.queue_test(&left, to, Language::En).await.err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.unwrap().kind, ErrorKind::Unauthenticated);
    }
    let [there] = all(&mailer).await.try_into().unwrap();
    assert_eq!((there.id, there.failed_at), (kept.id, kept.failed_at));
}

#[tokio::test]
async fn the_queue_is_bounded_and_strangers_do_not_fill_it() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = configured(folder.path()).await;
    let filled = mailer.store.write(|tx| {
        for _ in 0..10_000 {
            put_mail(tx, &record(now_ms(), None))?;
        }
        Ok(())
    });
    filled.await.unwrap();
    let told = || to("ada@example.org", MailKind::AccountDisabled {});
    let asked = || reset_for("ada", now_ms() + DAY_MS);
    assert_eq!(
        queue(&mailer, told()).await,
        Queued::TooMany(Surplus::QueueFull)
    );
    let ids: Vec<MailId> = all(&mailer).await.iter().map(|mail| mail.id).collect();
    mailer.conclude(ids[0], Ok(())).await.unwrap();
    assert_eq!(
        queue(&mailer, asked()).await,
        Queued::TooMany(Surplus::QueueFull)
    );
    assert_eq!(queue(&mailer, told()).await, Queued::Queued);
    let emptied = mailer.store.write(move |tx| {
        for id in &ids[1..2_100] {
            remove_mail(tx, id)?;
        }
        Ok(())
    });
    emptied.await.unwrap();
    assert_eq!(queue(&mailer, asked()).await, Queued::Queued);
}

#[tokio::test]
async fn what_failed_is_forgotten_after_a_month_and_what_waited_too_long_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = configured(folder.path()).await;
    let now = now_ms();
    let filled = mailer.store.write(move |tx| {
        put_mail(tx, &record(now - 40 * DAY_MS, Some(now - 31 * DAY_MS)))?;
        put_mail(tx, &record(now - 40 * DAY_MS, Some(now - 29 * DAY_MS)))?;
        put_mail(tx, &record(now - 4 * DAY_MS, None))?;
        put_mail(tx, &record(now - 2 * DAY_MS, None))
    });
    filled.await.unwrap();
    mailer.tidy().await.unwrap();
    let counts = mailer.store.read(count_mails).await.unwrap();
    assert_eq!((counts.waiting, counts.failed), (1, 2));
    let filled = mailer.store.write(move |tx| {
        for _ in 0..1_005 {
            put_mail(tx, &record(now, Some(now)))?;
        }
        Ok(())
    });
    filled.await.unwrap();
    mailer.tidy().await.unwrap();
    let counts = mailer.store.read(count_mails).await.unwrap();
    assert_eq!((counts.waiting, counts.failed), (1, 1_000));
}

#[tokio::test]
async fn an_attempt_that_failed_is_written_down_and_a_final_one_is_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = configured(folder.path()).await;
    let _queued = queue(&mailer, reset_for("ada", now_ms() + DAY_MS)).await;
    let id = all(&mailer).await[0].id;
    let find = || mailer.store.read(move |tx| find_mail(tx, &id));
    let mut failure = Failure::new(Step::Recipient, "451 come again");
    mailer.conclude(id, Err(failure.clone())).await.unwrap();
    let mail = find().await.unwrap().unwrap();
    assert_eq!((mail.attempts, mail.failed_at), (1, None));
    assert!(mail.due_at >= now_ms() + 50_000, "in a minute");
    failure.is_final = true;
    mailer.conclude(id, Err(failure)).await.unwrap();
    let mail = find().await.unwrap().unwrap();
    assert!(mail.failed_at.is_some() && mail.last_error.unwrap().contains("451 come again"));
    assert_eq!(mailer.store.read(count_mails).await.unwrap().waiting, 0);
}

#[tokio::test]
async fn a_link_that_expired_while_it_waited_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = configured(folder.path()).await;
    let _queued = queue(&mailer, reset_for("ada", now_ms() - 1)).await;
    let id = all(&mailer).await[0].id;
    let failure = mailer.attempt(id).await.unwrap().unwrap().unwrap_err();
    assert!(
        failure.is_final && failure.reason.contains("expired"),
        "{failure}"
    );
    assert_eq!(failure.step, Step::Preparation);
}

proptest! {
    #[test]
    fn pauses_grow_and_end_within_three_days(first_retry_ms in 1_u64..600_000) {
        let unit = i64::try_from(first_retry_ms).unwrap();
        let (mut now, mut attempts, mut last_pause) = (0, 0, 0);
        loop {
            attempts += 1;
            let Some(next) = next_attempt(attempts, 0, now, first_retry_ms) else {
                break;
            };
            prop_assert!(next - now >= last_pause.max(unit));
            last_pause = next - now;
            now = next;
            prop_assert!(now <= unit * 3 * 24 * 60);
        }
        prop_assert!((8..20).contains(&attempts), "{} attempts", attempts);
    }
}
