//! The throttle over a real store: who waits for whose failures, and what a restart keeps.
//! Delays themselves are tested with the counts.

use super::*;

fn store(folder: &tempfile::TempDir) -> Arc<Store> {
    Arc::new(Store::open(&folder.path().join("store.redb"), 1024 * 1024).unwrap())
}

fn from(address: &str) -> Visitor {
    Visitor::new(address.parse().unwrap(), "")
}

fn login(name: &str) -> Attempt<'_> {
    Attempt::Login(Login::Nobodys(name))
}

async fn fails(throttle: &Throttle, visitor: &Visitor, attempt: Attempt<'_>) -> Result<()> {
    throttle.begin(visitor, attempt).await?.failed().await;
    Ok(())
}

#[tokio::test]
async fn failures_count_for_who_tries_what_and_a_restart_forgets_none() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (from("192.0.2.1"), from("192.0.2.2"));
    let ada = login("ada");
    {
        let throttle = Throttle::new(store(&folder), b"house");
        for _ in 0..5 {
            fails(&throttle, &here, ada).await.unwrap();
        }
        let error = fails(&throttle, &here, ada).await.unwrap_err();
        assert_eq!(error.code(), "rate_limited");
        fails(&throttle, &here, login("bob")).await.unwrap();
        fails(&throttle, &there, ada).await.unwrap();
        fails(&throttle, &here, Attempt::Secret("registration key"))
            .await
            .unwrap();
    }
    let again = Throttle::new(store(&folder), b"house");
    fails(&again, &here, ada).await.unwrap_err();
    fails(&again, &there, ada).await.unwrap();
}

#[tokio::test]
async fn one_place_may_not_go_from_login_to_login() {
    let folder = tempfile::tempdir().unwrap();
    let throttle = Throttle::new(store(&folder), b"house");
    let mut through = 0;
    for number in 0..100 {
        let name = format!("user{number}");
        let attempt = login(&name);
        // All of one network of 64 bits.
        let visitor = from(&format!("2001:db8::{number:x}"));
        through += usize::from(fails(&throttle, &visitor, attempt).await.is_ok());
    }
    assert_eq!(through, 30);
    let elsewhere = from("2001:db8:1::1");
    let attempt = login("user99");
    throttle
        .begin(&elsewhere, attempt)
        .await
        .unwrap()
        .succeeded()
        .await;
}

#[tokio::test]
async fn whoever_came_in_from_there_is_not_kept_out_by_guesses_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let throttle = Throttle::new(store(&folder), b"house");
    let (home, ada) = (from("192.0.2.1"), login("ada"));
    throttle.begin(&home, ada).await.unwrap().succeeded().await;
    let mut refused = false;
    for number in 0..60 {
        let stranger = from(&format!("198.51.100.{number}"));
        refused |= fails(&throttle, &stranger, ada).await.is_err();
    }
    assert!(refused, "guesses from everywhere are slowed down together");
    throttle
        .begin(&from("203.0.113.1"), ada)
        .await
        .err()
        .unwrap();
    throttle.begin(&home, ada).await.unwrap().succeeded().await;
}

#[tokio::test]
async fn what_was_not_compared_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let throttle = Throttle::new(store(&folder), b"house");
    let here = from("192.0.2.1");
    for _ in 0..100 {
        drop(
            throttle
                .begin(&here, Attempt::Secret("registration key"))
                .await
                .unwrap(),
        );
    }
}

#[tokio::test]
async fn wrong_credentials_slow_down_credentials_and_no_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let throttle = Throttle::new(store(&folder), b"house");
    let here = from("192.0.2.1");
    let mut codes = Vec::new();
    for _ in 0..100 {
        let wrong = Error::unauthenticated("no");
        codes.push(throttle.refuse_credential(&here, wrong).await.code());
    }
    assert_eq!(
        codes
            .iter()
            .filter(|&&code| code == "unauthenticated")
            .count(),
        30
    );
    assert_eq!(codes.last(), Some(&"rate_limited"));
    throttle
        .begin(&here, login("ada"))
        .await
        .unwrap()
        .succeeded()
        .await;
}

#[tokio::test]
async fn the_store_says_nothing_of_who_tried() {
    let folder = tempfile::tempdir().unwrap();
    let throttle = Throttle::new(store(&folder), b"house");
    fails(&throttle, &from("192.0.2.1"), login("adalovelace"))
        .await
        .unwrap();
    let rows = throttle.store.read(list_attempts).await.unwrap();
    assert_eq!(rows.len(), 3);
    drop(throttle);
    let bytes = std::fs::read(folder.path().join("store.redb")).unwrap();
    for told in ["adalovelace", "192.0.2.1"] {
        assert!(
            !bytes
                .windows(told.len())
                .any(|part| part == told.as_bytes()),
            "{told}"
        );
    }
    let other = Throttle::new(store(&folder), b"another house");
    assert!(
        !rows.iter().any(
            |(hash, _)| *hash == other.hash("login", &Login::Nobodys("adalovelace").text(), ())
        )
    );
}

#[tokio::test]
async fn who_is_known_somewhere_waits_for_nobody_elses_failures_there() {
    let folder = tempfile::tempdir().unwrap();
    let throttle = Throttle::new(store(&folder), b"house");
    let (here, ada) = (from("192.0.2.1"), login("ada"));
    throttle.begin(&here, ada).await.unwrap().succeeded().await;
    for number in 0..60 {
        let name = format!("user{number}");
        drop(fails(&throttle, &here, login(&name)).await);
    }
    fails(&throttle, &here, login("bob")).await.unwrap_err();
    let current = Attempt::CurrentPassword(UserId::generate());
    throttle
        .begin(&here, current)
        .await
        .unwrap()
        .succeeded()
        .await;
    for _ in 0..5 {
        fails(&throttle, &here, ada).await.unwrap();
    }
    fails(&throttle, &here, ada).await.unwrap_err();
}
