//! One's own profile and password.
//! That nobody reaches another's profile follows from there being no such address.

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{House, PASSWORD, text};

const NEW_PASSWORD: &str = "a whole ring of iron keys";

#[tokio::test]
async fn one_reads_and_changes_ones_profile() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let before = ada.get("/api/v1/users/me").await.ok(200);
    assert_eq!(before["username"], "ada");
    assert!(
        before.get("email").is_none(),
        "what has no value is absent: {before}"
    );
    assert!(text(&before, "/created_at").ends_with('Z'));

    let change = json!({"display_name": "Ada Lovelace", "email": "ada@example.org", "current_password": PASSWORD});
    let after = ada.patch("/api/v1/users/me", change).await.ok(200);
    assert_eq!(after["user"]["display_name"], "Ada Lovelace");
    let after = ada
        .patch("/api/v1/users/me", json!({"display_name": "Ada"}))
        .await
        .ok(200);
    let after = &after["user"];
    assert_eq!(after["email"], "ada@example.org", "what is absent stays");
    assert_eq!(ada.get("/api/v1/users/me").await.ok(200), *after);
    for name in ["username", "role", "id"] {
        ada.patch("/api/v1/users/me", json!({name: "admin"}))
            .await
            .refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn an_e_mail_must_look_like_one_and_be_ones_own() {
    let house = House::start().await;
    let ada = house.set_up().await;
    ada.patch(
        "/api/v1/users/me",
        json!({"email": "ada@example.org", "current_password": PASSWORD}),
    )
    .await
    .ok(200);
    let bob = house.add_user(&ada, "bob").await;
    for email in ["nonsense", "@example.org", "a b@example.org", "a@b"] {
        let error = bob
            .patch(
                "/api/v1/users/me",
                json!({"email": email, "current_password": PASSWORD}),
            )
            .await
            .refused(400, "invalid_request");
        assert_eq!(error["details"]["field"], "email");
    }
    bob.patch(
        "/api/v1/users/me",
        json!({"email": "ADA@example.org", "current_password": PASSWORD}),
    )
    .await
    .refused(409, "conflict");
}

#[tokio::test]
async fn another_e_mail_takes_the_password() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for body in [
        json!({"email": "ada@example.org"}),
        json!({"email": "ada@example.org", "current_password": "wrong"}),
    ] {
        let error = ada.patch("/api/v1/users/me", body).await;
        let error = error.refused(400, "invalid_request");
        assert_eq!(error["details"]["field"], "current_password");
    }
    assert_eq!(ada.get("/api/v1/users/me").await.ok(200).get("email"), None);
}

#[tokio::test]
async fn an_e_mail_that_was_given_up_signs_nobody_in() {
    let house = House::start().await;
    let ada = house.set_up().await;
    ada.patch(
        "/api/v1/users/me",
        json!({"email": "old@example.org", "current_password": PASSWORD}),
    )
    .await
    .ok(200);
    ada.patch(
        "/api/v1/users/me",
        json!({"email": "new@example.org", "current_password": PASSWORD}),
    )
    .await
    .ok(200);
    let login = |email: &str| json!({"login": email, "password": PASSWORD});
    house
        .stranger()
        .post("/api/v1/auth/login", login("old@example.org"))
        .await
        .refused(401, "unauthenticated");
    house
        .stranger()
        .post("/api/v1/auth/login", login("new@example.org"))
        .await
        .ok(200);
}

#[tokio::test]
async fn changing_the_password_ends_every_other_session() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let login = |password: &str, cookie: bool| json!({"login": "ada", "password": password, "cookie": cookie});
    let answer = house
        .stranger()
        .post("/api/v1/auth/login", login(PASSWORD, true))
        .await;
    let in_browser = house.stranger().signed_in(&answer);
    let answer = house
        .stranger()
        .post("/api/v1/auth/login", login(PASSWORD, false))
        .await;
    let elsewhere = house.stranger().signed_in(&answer);

    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    ada.post("/api/v1/users/me/password", change).await.ok(204);
    ada.get("/api/v1/auth/me").await.ok(200);
    elsewhere
        .get("/api/v1/auth/me")
        .await
        .refused(401, "unauthenticated");
    in_browser
        .get("/api/v1/auth/me")
        .await
        .refused(401, "unauthenticated");
    let refresh = json!({"refresh_token": elsewhere.refresh_token});
    house
        .stranger()
        .post("/api/v1/auth/refresh", refresh)
        .await
        .refused(401, "unauthenticated");

    house
        .stranger()
        .post("/api/v1/auth/login", login(PASSWORD, false))
        .await
        .refused(401, "unauthenticated");
    house
        .stranger()
        .post("/api/v1/auth/login", login(NEW_PASSWORD, false))
        .await
        .ok(200);
}

/// Checking a password takes long enough for it to change meanwhile.
#[tokio::test]
async fn nobody_stays_signed_in_with_a_password_that_is_no_more() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut signing_in = JoinSet::new();
    for _ in 0..24 {
        let stranger = house.stranger();
        let login = json!({"login": "ada", "password": PASSWORD});
        signing_in.spawn(async move {
            let answer = stranger.post("/api/v1/auth/login", login).await;
            (answer.status == 200).then(|| stranger.signed_in(&answer))
        });
    }
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    ada.post("/api/v1/users/me/password", change).await.ok(204);
    while let Some(signed_in) = signing_in.join_next().await {
        if let Some(person) = signed_in.expect("no panic") {
            person
                .get("/api/v1/auth/me")
                .await
                .refused(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn a_password_is_changed_only_with_the_current_one_and_to_a_good_one() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let change =
        |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    let path = "/api/v1/users/me/password";
    let error = ada
        .post(path, change("wrong", NEW_PASSWORD))
        .await
        .refused(400, "invalid_request");
    assert_eq!(error["details"]["field"], "current_password");
    ada.post(path, change(PASSWORD, "12345678"))
        .await
        .refused(400, "invalid_request");
    ada.get("/api/v1/auth/me").await.ok(200);
    house
        .stranger()
        .post(path, change(PASSWORD, NEW_PASSWORD))
        .await
        .refused(401, "unauthenticated");
}

#[tokio::test]
async fn an_address_that_no_mail_could_go_to_is_none() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for email in [
        "a,b@example.org",
        "a;b@example.org",
        "<c>@example.org",
        "a@[127.0.0.1].x",
    ] {
        let body = json!({"email": email, "current_password": PASSWORD});
        let error = ada.patch("/api/v1/users/me", body).await;
        let error = error.refused(400, "invalid_request");
        assert_eq!(error["details"]["field"], "email", "{email}");
    }
}

#[tokio::test]
async fn a_name_has_nothing_in_it_that_cannot_be_seen() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for name in [
        "Ada\u{202e}gro",
        "Ada\u{2028}Lovelace",
        "Ada\u{200b}",
        "Ada\u{7}",
    ] {
        let body = json!({"display_name": name});
        let error = ada.patch("/api/v1/users/me", body).await;
        let error = error.refused(400, "invalid_request");
        assert_eq!(error["details"]["field"], "display_name");
        let key = json!({"count": 1, "terms": {"note": name}});
        let path = "/api/v1/admin/keys/generate";
        ada.post(path, key).await.refused(400, "invalid_request");
        for group in [json!({"name": name}), json!({"name": "x", "note": name})] {
            let path = "/api/v1/admin/groups";
            ada.post(path, group).await.refused(400, "invalid_request");
        }
    }
    // Of some languages and signs these are a part.
    for name in [
        "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
        "👩\u{200d}🚀 Ada",
    ] {
        let body = json!({"display_name": name});
        ada.patch("/api/v1/users/me", body).await.ok(200);
    }
}

#[tokio::test]
async fn a_password_is_the_same_on_every_keyboard() {
    let house = House::start().await;
    house.set_up().await;
    let (composed, decomposed) = ("Schl\u{fc}ssel am Bund", "Schlu\u{308}ssel am Bund");
    let ada = house.stranger().signed_in(
        &house
            .stranger()
            .post(
                "/api/v1/auth/login",
                json!({"login": "ada", "password": PASSWORD}),
            )
            .await,
    );
    let change = json!({"current_password": PASSWORD, "new_password": decomposed});
    ada.post("/api/v1/users/me/password", change).await.ok(204);
    for password in [composed, decomposed] {
        let body = json!({"login": "ada", "password": password});
        let answer = house.stranger().post("/api/v1/auth/login", body).await;
        answer.ok(200);
    }
}
