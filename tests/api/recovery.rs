//! Proving an e-mail and setting a forgotten password by links that are good once, for a time, and
//! for one purpose. Mostly without mail, so that those that prove an e-mail stand in the log; more with
//! mail in `recovery_by_mail`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, House, PASSWORD, Person, Smtp, text};

async fn rules(admin: &Person, registration: Value) {
    let change = json!({"registration": registration});
    admin.patch("/api/v1/admin/settings", change).await.ok(200);
}

async fn sign_in(house: &House, name: &str, password: &str) -> Answer {
    let login = json!({"login": name, "password": password});
    house.stranger().post("/api/v1/auth/login", login).await
}

async fn prove(house: &House, token: &str) -> Answer {
    let body = json!({"token": token});
    house
        .stranger()
        .post("/api/v1/auth/verify-email", body)
        .await
}

#[tokio::test]
async fn who_must_prove_an_e_mail_comes_in_behind_the_link() {
    let house = House::start().await;
    let ada = house.set_up().await;
    rules(&ada, json!({"mode": "open", "verify_email": true})).await;
    let register = async |body: Value| house.stranger().post("/api/v1/auth/register", body).await;
    let without = register(json!({"username": "bob", "password": PASSWORD})).await;
    assert_eq!(
        without.refused(400, "invalid_request")["details"]["field"],
        "email"
    );
    let body = json!({"username": "bob", "password": PASSWORD, "email": "bob@example.org"});
    assert_eq!(register(body).await.ok(202)["pending"], "email");
    let error = sign_in(&house, "bob", PASSWORD)
        .await
        .refused(403, "forbidden");
    assert_eq!(error["details"]["pending"], "email");

    let first = house.logged_token("/verify-email?token=", 1).await;
    let again = json!({"login": "bob", "password": PASSWORD});
    let resend = "/api/v1/auth/verify-email/resend";
    house.stranger().post(resend, again).await.ok(202);
    let wrong = json!({"login": "bob", "password": "wrong"});
    house
        .stranger()
        .post(resend, wrong)
        .await
        .refused(401, "unauthenticated");
    // The one that was made moments ago is good, so there is no other.
    let proved = prove(&house, &first).await.ok(200);
    assert_eq!(proved, json!({"username": "bob", "awaits_approval": false}));
    prove(&house, &first).await.refused(404, "not_found");
    let signed_in = sign_in(&house, "bob", PASSWORD).await.ok(200);
    assert_eq!(signed_in["user"]["email_verified"], true);
}

#[tokio::test]
async fn with_approval_too_both_must_come_in_either_order() {
    let house = House::start().await;
    let ada = house.set_up().await;
    rules(
        &ada,
        json!({"mode": "open", "verify_email": true, "approval": "always"}),
    )
    .await;
    for (count, name, proof_first) in [(1, "bob", true), (2, "eve", false)] {
        let email = format!("{name}@example.org");
        let body = json!({"username": name, "password": PASSWORD, "email": email});
        house
            .stranger()
            .post("/api/v1/auth/register", body)
            .await
            .ok(202);
        let proof = house.logged_token("/verify-email?token=", count).await;
        let approval = house.logged_token("/approve/", count).await;
        let approve = async || {
            let path = format!("/api/v1/approvals/{approval}");
            let body = json!({"approve": true});
            house.stranger().post(&path, body).await.ok(200);
        };
        if proof_first {
            let proved = prove(&house, &proof).await.ok(200);
            assert_eq!(proved["awaits_approval"], true);
            sign_in(&house, name, PASSWORD)
                .await
                .refused(403, "forbidden");
            approve().await;
        } else {
            approve().await;
            sign_in(&house, name, PASSWORD)
                .await
                .refused(403, "forbidden");
            prove(&house, &proof).await.ok(200);
        }
        sign_in(&house, name, PASSWORD).await.ok(200);
    }
}

#[tokio::test]
async fn without_mail_the_log_says_that_somebody_waits_and_holds_no_way_in() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let email = json!({"email": "ada@example.org", "current_password": PASSWORD});
    ada.patch("/api/v1/users/me", email).await.ok(200);
    let log = ada.get("/api/v1/admin/audit?limit=1").await.ok(200);
    assert_eq!(log["items"][0]["action"], "user.email_changed_unproved");
    let forgot = async |login: &str| {
        let body = json!({"login": login});
        let path = "/api/v1/auth/password/forgot";
        house.stranger().post(path, body).await
    };
    let known = forgot("ada@example.org").await;
    let unknown = forgot("nobody@example.org").await;
    assert_eq!((known.status, &known.text), (unknown.status, &unknown.text));
    assert_eq!(known.status, 202);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !house.log().contains("somebody asked for a new password") {
        assert!(Instant::now() < deadline, "{}", house.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!house.log().contains("/reset-password"), "{}", house.log());
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(forgot("nobody").await.status);
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
}

#[tokio::test]
async fn tokens_that_are_none_do_nothing() {
    let house = House::start().await;
    let ada = house.set_up().await;
    house.add_user(&ada, "bob").await;
    let list = ada.get("/api/v1/admin/users?q=bob").await.ok(200);
    let path = format!(
        "/api/v1/admin/users/{}/reset-link",
        text(&list, "/items/0/user/id")
    );
    let made = ada.post(&path, json!(null)).await.ok(200);
    let (_, foreign) = text(&made, "/link").split_once('=').expect("a token");
    let foreign = foreign.to_owned();
    prove(&house, &foreign).await.refused(404, "not_found");
    let long = "a".repeat(10_000);
    for token in [json!(""), json!("x"), json!(long), json!("null")] {
        let body = json!({"token": token, "password": "quite another sentence"});
        let answer = house
            .stranger()
            .post("/api/v1/auth/password/reset", body)
            .await;
        answer.refused(404, "not_found");
        let body = json!({"token": token});
        let answer = house
            .stranger()
            .post("/api/v1/auth/verify-email", body)
            .await;
        answer.refused(404, "not_found");
    }
    for token in [json!(null), json!(7), json!({}), json!([])] {
        let body = json!({"token": token, "password": "quite another sentence"});
        let answer = house
            .stranger()
            .post("/api/v1/auth/password/reset", body)
            .await;
        answer.refused(400, "invalid_request");
    }
    sign_in(&house, "ada", PASSWORD).await.ok(200);
}

#[tokio::test]
async fn the_door_says_whether_links_can_be_mailed() {
    let smtp = Smtp::start(json!({})).await;
    let house = House::start_with(smtp.options()).await;
    let ada = house.set_up().await;
    let sends_mail = async || {
        let state = house.stranger().get("/api/v1/auth/registration").await;
        state.ok(200)["sends_mail"].clone()
    };
    assert_eq!(sends_mail().await, false);
    smtp.set_in(&ada).await;
    assert_eq!(sends_mail().await, true);
}

#[tokio::test]
async fn the_link_for_a_new_e_mail_is_mailed_once_more_and_only_to_who_waits_for_it() {
    let mut smtp = Smtp::start(json!({})).await;
    let house = House::start_with(smtp.options()).await;
    let ada = house.set_up().await;
    smtp.set_in(&ada).await;
    let path = "/api/v1/users/me/email-to-prove";
    let again = async || ada.post(path, json!({})).await;
    let nothing = again().await.refused(409, "conflict");
    assert_eq!(nothing["details"]["reason"], "no_email_to_prove");
    house
        .stranger()
        .post(path, json!({}))
        .await
        .refused(401, "unauthenticated");
    let key = json!({"name": "x", "scopes": ["chat", "admin"]});
    let key = ada.post("/api/v1/users/me/api-keys", key).await.ok(201);
    let program = house
        .stranger()
        .with_token(key["secret"].as_str().expect("a secret"));
    program
        .post(path, json!({}))
        .await
        .refused(403, "forbidden");

    let wish = json!({"email": "ada@example.org", "current_password": PASSWORD});
    ada.patch("/api/v1/users/me", wish).await.ok(200);
    let token = |link: String| link.split_once("token=").expect("a token").1.to_owned();
    let first = smtp.next_mail().await;
    assert_eq!(first.to, "ada@example.org");
    // One is on its way already, so there is no other, and it stays good.
    for _ in 0..30 {
        again().await.ok(202);
    }
    let test = json!({"to": "grace@example.org", "queued": true});
    ada.post("/api/v1/admin/mail/test", test).await.ok(200);
    assert_eq!(smtp.next_mail().await.to, "grace@example.org");
    let link = token(smtp.link_in(&first));
    let me = ada.get("/api/v1/auth/me").await.ok(200);
    assert_eq!(me["email_to_prove"], "ada@example.org");
    prove(&house, &link).await.ok(200);
    let me = ada.get("/api/v1/auth/me").await.ok(200);
    assert_eq!(me.get("email_to_prove"), None);
    assert_eq!(me["user"]["email"], "ada@example.org");
    again().await.refused(409, "conflict");
}
