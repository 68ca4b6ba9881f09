//! Registering, signing in and out, refreshing: who gets a session, and when it is over.
//! Sessions in cookies are in `cookies.rs`.

use std::time::Duration;

use serde_json::json;

use crate::support::{ENDLESS, House, PASSWORD, Person};

async fn sign_in(person: &Person, login: &str) -> Person {
    let body = json!({"login": login, "password": PASSWORD});
    let answer = person.post("/api/v1/auth/login", body).await;
    let signed_in = person.signed_in(&answer);
    answer.ok(200);
    signed_in
}

#[tokio::test]
async fn one_signs_in_with_the_username_or_the_e_mail() {
    let house = House::start().await;
    let ada = house.set_up().await;
    ada.patch(
        "/api/v1/users/me",
        json!({"email": "Ada@Example.org", "current_password": PASSWORD}),
    )
    .await
    .ok(200);
    for login in ["ada", "ADA", "ada@example.org", "ADA@example.ORG"] {
        let again = sign_in(&house.stranger(), login).await;
        let me = again.get("/api/v1/auth/me").await.ok(200);
        assert_eq!(me["user"]["username"], "ada");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_told_apart_by_nothing() {
    let house = House::start().await;
    house.set_up().await;
    let try_as = |login: &str, password: &str| json!({"login": login, "password": password});
    let wrong = house
        .stranger()
        .post("/api/v1/auth/login", try_as("ada", "brass keys on a chair"))
        .await;
    let unknown = house
        .stranger()
        .post("/api/v1/auth/login", try_as("eve", PASSWORD))
        .await;
    let (wrong, unknown) = (
        wrong.refused(401, "unauthenticated"),
        unknown.refused(401, "unauthenticated"),
    );
    assert_eq!(wrong["message"], unknown["message"]);
    assert_eq!(wrong["details"], unknown["details"]);
}

#[tokio::test]
async fn without_or_with_bad_credentials_every_door_is_shut() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let token = ada.access_token.clone().expect("a token");
    let (head, signature) = token.rsplit_once('.').expect("a token has a signature");
    let payload = head.split_once('.').expect("a token has a payload").1;
    let forged = [
        "nonsense".to_owned(),
        format!("{head}.{}", signature.chars().rev().collect::<String>()),
        format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}."),
        String::new(),
    ];
    let doors = [
        "/api/v1/auth/me",
        "/api/v1/users/me",
        "/api/v1/models",
        "/api/v1/conversations",
        "/api/v1/replies",
        "/api/v1/admin/settings",
        "/v1/models",
    ];
    for door in doors {
        house
            .stranger()
            .get(door)
            .await
            .refused(401, "unauthenticated");
        for token in &forged {
            house
                .stranger()
                .with_token(token)
                .get(door)
                .await
                .refused(401, "unauthenticated");
        }
    }
    for door in [
        "/api/v1/chat",
        "/v1/chat/completions",
        "/api/v1/conversations",
    ] {
        house
            .stranger()
            .post(door, json!({"content": "x"}))
            .await
            .refused(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_token_of_another_house_opens_nothing() {
    let (one, other) = (House::start().await, House::start().await);
    let ada = one.set_up().await;
    other.set_up().await;
    let token = ada.access_token.expect("a token");
    other
        .stranger()
        .with_token(&token)
        .get("/api/v1/auth/me")
        .await
        .refused(401, "unauthenticated");
}

#[tokio::test]
async fn signing_out_ends_the_session_at_once() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let elsewhere = sign_in(&house.stranger(), "ada").await;
    ada.post("/api/v1/auth/logout", json!(null)).await.ok(204);
    ada.get("/api/v1/auth/me")
        .await
        .refused(401, "unauthenticated");
    let refresh = json!({"refresh_token": ada.refresh_token});
    house
        .stranger()
        .post("/api/v1/auth/refresh", refresh)
        .await
        .refused(401, "unauthenticated");
    elsewhere.get("/api/v1/auth/me").await.ok(200);
}

#[tokio::test]
async fn a_refresh_token_works_once() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let refresh = |person: &Person| json!({"refresh_token": person.refresh_token});

    let answer = house
        .stranger()
        .post("/api/v1/auth/refresh", refresh(&ada))
        .await;
    let refreshed = house.stranger().signed_in(&answer);
    let body = answer.ok(200);
    assert_eq!(body["user"]["username"], "ada");
    assert_ne!(refreshed.refresh_token, ada.refresh_token);
    refreshed.get("/api/v1/auth/me").await.ok(200);

    // A guess at it ends nothing: the id of the session stands in every access token.
    let token = refreshed.refresh_token.clone().expect("a token");
    let (session, _) = token.split_once('.').expect("a session and a secret");
    let guess = json!({"refresh_token": format!("{session}.{}", "A".repeat(43))});
    house
        .stranger()
        .post("/api/v1/auth/refresh", guess)
        .await
        .refused(401, "unauthenticated");
    refreshed.get("/api/v1/auth/me").await.ok(200);
    let mut open = refreshed.chat_stream(ENDLESS).await;
    open.next().await.expect("an event");

    // The old one again: two hold it, so nobody does.
    house
        .stranger()
        .post("/api/v1/auth/refresh", refresh(&ada))
        .await
        .refused(401, "unauthenticated");
    refreshed
        .get("/api/v1/auth/me")
        .await
        .refused(401, "unauthenticated");
    house
        .stranger()
        .post("/api/v1/auth/refresh", refresh(&refreshed))
        .await
        .refused(401, "unauthenticated");
    let end = async { while open.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), end)
        .await
        .expect("what was open in it ends");
    let again = sign_in(&house.stranger(), "ada").await;
    let log = again.get("/api/v1/admin/audit?limit=1").await.ok(200);
    assert_eq!(log["items"][0]["action"], "session.ended");
    assert_eq!(log["items"][0]["subject"], "ada");
}

#[tokio::test]
async fn a_thief_who_goes_on_refreshing_loses_the_session_to_whoever_comes_with_an_old_token() {
    let house = House::start().await;
    let victim = house.set_up().await;
    let refresh = async |person: &Person| {
        let body = json!({"refresh_token": person.refresh_token});
        house.stranger().post("/api/v1/auth/refresh", body).await
    };
    let mut thief = victim.clone();
    for _ in 0..3 {
        let answer = refresh(&thief).await;
        thief = house.stranger().signed_in(&answer);
        answer.ok(200);
    }
    refresh(&victim).await.refused(401, "unauthenticated");
    for path in ["/api/v1/auth/me", "/api/v1/models"] {
        thief.get(path).await.refused(401, "unauthenticated");
    }
    refresh(&thief).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_token_of_another_session_ends_none() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let other = sign_in(&house.stranger(), "ada").await;
    let of = |person: &Person| person.refresh_token.clone().expect("a token");
    let (of_ada, of_other) = (of(&ada), of(&other));
    let (session, _) = of_ada.split_once('.').expect("a session and a secret");
    let (_, secret) = of_other.split_once('.').expect("a session and a secret");
    let mixed = json!({"refresh_token": format!("{session}.{secret}")});
    let answer = house.stranger().post("/api/v1/auth/refresh", mixed).await;
    answer.refused(401, "unauthenticated");
    ada.get("/api/v1/auth/me").await.ok(200);
    other.get("/api/v1/auth/me").await.ok(200);
}

#[tokio::test]
async fn of_two_refreshes_at_once_at_most_one_succeeds() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut attempts = Vec::new();
    for _ in 0..4 {
        let (stranger, body) = (
            house.stranger(),
            json!({"refresh_token": ada.refresh_token}),
        );
        attempts.push(tokio::spawn(async move {
            stranger.post("/api/v1/auth/refresh", body).await.status
        }));
    }
    let mut succeeded = 0;
    for attempt in attempts {
        match attempt.await.expect("an attempt ends") {
            200 => succeeded += 1,
            status => assert_eq!(status, 401),
        }
    }
    assert_eq!(succeeded, 1);
}

#[tokio::test]
async fn a_foreign_or_broken_refresh_token_is_refused() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let access = ada.access_token.clone().expect("a token");
    for token in ["", "x", ".", "a.b", &access, &"y".repeat(10_000)] {
        let body = json!({"refresh_token": token});
        house
            .stranger()
            .post("/api/v1/auth/refresh", body)
            .await
            .refused(401, "unauthenticated");
    }
    ada.get("/api/v1/auth/me").await.ok(200);
}

#[tokio::test]
async fn registration_is_closed_until_an_administrator_opens_it() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let stranger = house.stranger();
    let body = json!({"username": "bob", "password": PASSWORD, "display_name": "Bob B."});
    assert_eq!(
        stranger.get("/api/v1/auth/registration").await.ok(200),
        json!({"mode": "closed", "verify_email": false, "sends_mail": false, "approval": "never"})
    );
    stranger
        .post("/api/v1/auth/register", body.clone())
        .await
        .refused(403, "forbidden");

    ada.patch(
        "/api/v1/admin/settings",
        json!({"registration": {"mode": "open"}}),
    )
    .await
    .ok(200);
    assert_eq!(
        stranger.get("/api/v1/auth/registration").await.ok(200),
        json!({"mode": "open", "verify_email": false, "sends_mail": false, "approval": "never"})
    );
    let answer = stranger.post("/api/v1/auth/register", body).await;
    let bob = stranger.signed_in(&answer);
    let made = answer.ok(201);
    assert_eq!(made["user"]["role"], "user");
    assert_eq!(made["user"]["display_name"], "Bob B.");
    bob.get("/api/v1/auth/me").await.ok(200);

    ada.patch(
        "/api/v1/admin/settings",
        json!({"registration": {"mode": "closed"}}),
    )
    .await
    .ok(200);
    let body = json!({"username": "eve", "password": PASSWORD});
    stranger
        .post("/api/v1/auth/register", body)
        .await
        .refused(403, "forbidden");
    bob.get("/api/v1/auth/me").await.ok(200);
}

#[tokio::test]
async fn two_people_cannot_have_one_name() {
    let house = House::start().await;
    let ada = house.set_up().await;
    house.add_user(&ada, "bob").await;
    for name in ["bob", "Bob", "ada"] {
        let body = json!({"username": name, "password": PASSWORD});
        house
            .stranger()
            .post("/api/v1/auth/register", body)
            .await
            .refused(409, "conflict");
    }
    let mut attempts = Vec::new();
    for _ in 0..8 {
        let stranger = house.stranger();
        attempts.push(tokio::spawn(async move {
            let body =
                json!({"username": "carol", "password": PASSWORD, "email": "carol@example.org"});
            stranger.post("/api/v1/auth/register", body).await.status
        }));
    }
    let mut made = 0;
    for attempt in attempts {
        match attempt.await.expect("an attempt ends") {
            201 => made += 1,
            status => assert_eq!(status, 409),
        }
    }
    assert_eq!(made, 1);
    let body = json!({"username": "carla", "password": PASSWORD, "email": "Carol@example.org"});
    house
        .stranger()
        .post("/api/v1/auth/register", body)
        .await
        .refused(409, "conflict");
}

#[tokio::test]
async fn names_and_passwords_have_rules() {
    let house = House::start().await;
    let ada = house.set_up().await;
    ada.patch(
        "/api/v1/admin/settings",
        json!({"registration": {"mode": "open"}}),
    )
    .await
    .ok(200);
    let register = async |username: &str, password: &str| {
        let body = json!({"username": username, "password": password});
        house.stranger().post("/api/v1/auth/register", body).await
    };
    for name in [
        "",
        "al",
        &"a".repeat(33),
        "with space",
        "ümlaut",
        "semi;colon",
        "../../etc",
        "a\u{0}b",
    ] {
        let error = register(name, PASSWORD)
            .await
            .refused(400, "invalid_request");
        assert_eq!(error["details"]["field"], "username", "{name:?}");
    }
    for password in [
        "",
        "short",
        "password",
        "12345678",
        "carolcarol",
        &"é".repeat(257),
    ] {
        let error = register("carol", password)
            .await
            .refused(400, "invalid_request");
        assert_eq!(error["details"]["field"], "password", "{password:?}");
    }
    register("a.b_c-9", &"correct horse battery staple ".repeat(8))
        .await
        .ok(201);
}
