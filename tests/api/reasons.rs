//! A refusal that a person meets in the page says why in a word, with the numbers that a sentence in
//! another language needs. It tells strangers no more than the sentence did.

use serde_json::{Value, json};

use crate::support::{Answer, ENDLESS, House, PASSWORD, Person, text};

const REGISTER: &str = "/api/v1/auth/register";

async fn rules(admin: &Person, registration: Value) {
    let change = json!({"registration": registration});
    admin.patch("/api/v1/admin/settings", change).await.ok(200);
}

#[track_caller]
fn refused_for(answer: &Answer, reason: &str) -> Value {
    let details = answer.body["error"]["details"].clone();
    assert_eq!(details["reason"], reason, "{}", answer.text);
    details
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_refused_in_the_very_same_words() {
    let house = House::start().await;
    house.set_up().await;
    let mut told = Vec::new();
    for (login, password) in [("ada", "not this one"), ("nobody", PASSWORD)] {
        let body = json!({"login": login, "password": password});
        let answer = house.stranger().post("/api/v1/auth/login", body).await;
        assert_eq!(answer.status, 401);
        refused_for(&answer, "wrong_credentials");
        let mut error = answer.body["error"].clone();
        error
            .as_object_mut()
            .expect("an error")
            .remove("request_id");
        told.push(error);
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn who_may_not_come_in_yet_hears_why_only_with_the_right_password() {
    let house = House::start().await;
    let ada = house.set_up().await;
    rules(&ada, json!({"mode": "open", "approval": "always"})).await;
    let body = json!({"username": "bob", "password": PASSWORD});
    house.stranger().post(REGISTER, body).await.ok(202);
    let sign_in = async |password: &str| {
        let body = json!({"login": "bob", "password": password});
        house.stranger().post("/api/v1/auth/login", body).await
    };
    refused_for(&sign_in("not this one").await, "wrong_credentials");
    refused_for(&sign_in(PASSWORD).await, "approval_awaited");
    let requests = ada.get("/api/v1/admin/requests").await.ok(200);
    let id = text(&requests, "/items/0/request/id");
    let reject = format!("/api/v1/admin/requests/{id}/reject");
    ada.post(&reject, json!({})).await.ok(200);
    refused_for(&ada.post(&reject, json!({})).await, "request_decided");
    refused_for(&sign_in("not this one").await, "wrong_credentials");
    refused_for(&sign_in(PASSWORD).await, "account_disabled");
}

async fn register_as_bob(house: &House, change: Value) -> Answer {
    let mut body = json!({"username": "bob", "password": PASSWORD});
    body.as_object_mut()
        .expect("an object")
        .extend(change.as_object().expect("an object").clone());
    house.stranger().post(REGISTER, body).await
}

#[tokio::test]
async fn whoever_registers_hears_what_to_mend() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let email = json!({"email": "ada@example.org", "current_password": PASSWORD});
    ada.patch("/api/v1/users/me", email).await.ok(200);
    let register = async |change: Value| register_as_bob(&house, change).await;
    refused_for(&register(json!({})).await, "registration_closed");
    rules(&ada, json!({"mode": "open"})).await;
    let (common, easy) = ("password", "bobbobbob");
    for (field, value, reason) in [
        ("username", "ada", "name_taken"),
        ("email", "ada@example.org", "email_taken"),
        ("email", "nonsense", "email_malformed"),
        ("password", common, "password_too_common"),
        ("password", easy, "password_too_easy"),
    ] {
        let details = refused_for(&register(json!({field: value})).await, reason);
        assert_eq!(details["field"], field);
    }
    rules(&ada, json!({"verify_email": true})).await;
    refused_for(&register(json!({})).await, "email_needed");
}

#[tokio::test]
async fn whoever_registers_hears_how_long_a_name_and_a_password_are() {
    let house = House::start().await;
    let ada = house.set_up().await;
    rules(&ada, json!({"mode": "open"})).await;
    let long = "long ".repeat(60);
    for (field, value, reason, limits) in [
        ("username", "b", "username_malformed", [3, 32]),
        ("password", "short", "password_too_short", [8, 256]),
        ("password", &long, "password_too_long", [8, 256]),
    ] {
        let answer = register_as_bob(&house, json!({field: value})).await;
        let details = refused_for(&answer, reason);
        assert_eq!(details["field"], field);
        assert_eq!(
            json!([details["minimum"], details["maximum"]]),
            json!(limits)
        );
    }
}

#[tokio::test]
async fn a_registration_key_that_makes_no_account_says_why() {
    let house = House::start().await;
    let ada = house.set_up().await;
    rules(&ada, json!({"mode": "key"})).await;
    let register = async |key: Option<&str>| {
        let body = json!({"username": "bob", "password": PASSWORD, "registration_key": key});
        house.stranger().post(REGISTER, body).await
    };
    let new_key = async || {
        let made = ada.post("/api/v1/admin/keys/generate", json!({"count": 1}));
        made.await.ok(201)["items"][0].clone()
    };
    let (used, withdrawn) = (new_key().await, new_key().await);
    let id = text(&withdrawn, "/record/id");
    let answer = ada.delete(&format!("/api/v1/admin/keys/{id}")).await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    let body = json!({"username": "eve", "password": PASSWORD, "registration_key": used["key"]});
    house.stranger().post(REGISTER, body).await.ok(201);
    for (key, reason) in [
        (None, "key_needed"),
        (Some("12345-12345-12345"), "key_unknown"),
        (Some(text(&used, "/key")), "key_used_up"),
        (Some(text(&withdrawn, "/key")), "key_withdrawn"),
    ] {
        let details = refused_for(&register(key).await, reason);
        assert_eq!(details["field"], "registration_key");
    }
    let keys = json!({"keys": "short\nblue-anchor-7714-meadow\nblue-anchor-7714-meadow\n"});
    let answer = ada.post("/api/v1/admin/keys/load", keys).await;
    let details = refused_for(&answer, "key_lines_wrong");
    assert_eq!(details["lines"][0]["reason"], "key_length");
    assert_eq!(details["lines"][0]["minimum"], 16);
    assert_eq!(details["lines"][1]["reason"], "key_repeated");
    assert_eq!(details["lines"][1]["first"], 2);
}

#[tokio::test]
async fn a_link_that_is_good_no_more_says_so_whatever_it_was() {
    let house = House::start().await;
    house.set_up().await;
    let stranger = house.stranger();
    let reset = json!({"token": "x", "password": "quite another sentence"});
    let setup = json!({"token": "x", "username": "eve", "password": PASSWORD});
    for (answer, reason) in [
        (
            stranger.post("/api/v1/auth/password/reset", reset).await,
            "link_used_or_expired",
        ),
        (
            stranger
                .post("/api/v1/auth/verify-email", json!({"token": "x"}))
                .await,
            "link_used_or_expired",
        ),
        (
            stranger.get("/api/v1/approvals/x").await,
            "link_used_or_expired",
        ),
        (
            stranger.post("/api/v1/setup", setup).await,
            "setup_link_expired",
        ),
    ] {
        refused_for(&answer, reason);
    }
}

#[tokio::test]
async fn who_is_slowed_down_hears_for_how_long() {
    let house = House::start().await;
    house.set_up().await;
    let guess = json!({"login": "ada", "password": "not this one"});
    for _ in 0..5 {
        let answer = house
            .stranger()
            .post("/api/v1/auth/login", guess.clone())
            .await;
        refused_for(&answer, "wrong_credentials");
    }
    let answer = house.stranger().post("/api/v1/auth/login", guess).await;
    let details = refused_for(&answer, "too_many_attempts");
    assert!(
        details["retry_after_s"]
            .as_u64()
            .is_some_and(|seconds| seconds > 0)
    );
}

#[tokio::test]
async fn the_house_says_why_it_does_not_do_what_its_keepers_ask() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let me = ada.get("/api/v1/users/me").await.ok(200);
    let path = format!("/api/v1/admin/users/{}", text(&me, "/id"));
    let answer = ada.patch(&path, json!({"role": "user"})).await;
    refused_for(&answer, "last_administrator");
    let answer = ada.post("/api/v1/users/me/delete", json!({"password": "wrong"}));
    refused_for(&answer.await, "password_wrong");
    refused_for(&bob.get("/api/v1/admin/users").await, "administrators_only");
    let ask = "/api/v1/auth/admin-request";
    refused_for(&ada.post(ask, json!({})).await, "administrator_already");
    bob.post(ask, json!({})).await.ok(202);
    refused_for(&bob.post(ask, json!({})).await, "request_open");

    let groups = "/api/v1/admin/groups";
    ada.post(groups, json!({"name": "pupils"})).await.ok(201);
    let again = ada.post(groups, json!({"name": "Pupils"})).await;
    assert_eq!(refused_for(&again, "name_taken")["field"], "name");
    let nameless = ada.post(groups, json!({"name": " "})).await;
    let details = refused_for(&nameless, "not_one_line");
    assert_eq!(
        (&details["minimum"], &details["maximum"]),
        (&json!(1), &json!(64))
    );

    let plugins = "/api/v1/admin/plugins";
    let shipped = ada.delete(&format!("{plugins}/fair-price")).await;
    refused_for(&shipped, "plugin_shipped");
    let hookless = json!({"name": "x", "source": "fn f() {}"});
    refused_for(&ada.post(plugins, hookless).await, "plugin_without_hook");
    let taken = json!({"name": "fair-price", "source": "fn f() {}"});
    let details = refused_for(&ada.post(plugins, taken).await, "name_taken");
    assert_eq!(details["field"], "name");
    let mail = json!({"to": "ada@example.org"});
    let answer = ada.post("/api/v1/admin/mail/test", mail).await;
    refused_for(&answer, "mail_not_set_up");
}

#[tokio::test]
async fn who_would_get_no_link_is_refused_with_the_reason_and_no_account_is_made() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let server = json!({
        "server": "127.0.0.1", "port": 9, "security": "none", "from_address": "house@example.org",
    });
    ada.put("/api/v1/admin/mail", server).await.ok(200);
    rules(&ada, json!({"mode": "open", "verify_email": true})).await;
    let register = async |name: String, key: Option<String>| {
        let mut body = json!({"username": name, "password": PASSWORD});
        body["email"] = json!(format!("{name}@example.org"));
        body["registration_key"] = json!(key);
        house.stranger().post(REGISTER, body).await
    };
    for number in 0..50 {
        register(format!("pupil{number:02}"), None).await.ok(202);
    }
    let refused = register("bob".into(), None).await;
    refused_for(&refused, "too_many_mails_asked");
    let error = refused.refused(429, "rate_limited");
    assert!(
        error["details"]["retry_after_s"].as_u64() > Some(0),
        "{error}"
    );
    let found = ada.get("/api/v1/admin/users?q=bob").await.ok(200);
    assert_eq!(found["total"], 0, "the name is free");

    let keys = json!({"count": 1});
    let keys = ada.post("/api/v1/admin/keys/generate", keys).await.ok(201);
    let key = text(&keys, "/items/0/key").to_owned();
    register("carol".into(), Some(key)).await.ok(202);

    rules(&ada, json!({"verify_email": false})).await;
    register("dora".into(), None).await.ok(201);
}

#[tokio::test]
async fn what_a_conversation_refuses_says_why_in_a_word() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let chat = async |body: Value| ada.post("/api/v1/chat", body).await;
    let long = chat(json!({"content": "x".repeat(257 * 1024)})).await;
    let limit = refused_for(&long, "message_too_long");
    assert_eq!(limit["limit_bytes"], 256 * 1024);
    let unknown = json!({"content": "Hello", "model": "nothing"});
    refused_for(&chat(unknown).await, "model_unknown");
    let unknown = json!({"content": "Hello", "adapters": [{"id": "nothing"}]});
    let details = refused_for(&chat(unknown).await, "adapter_unknown");
    assert_eq!(details["name"], "nothing");

    let mut stream = ada.chat_stream(ENDLESS).await;
    let started = stream.next().await.expect("an event").data;
    let id = text(&started, "/conversation/id");
    let path = format!("/api/v1/conversations/{id}/messages");
    let meanwhile = ada.post(&path, json!({"content": "And?"})).await;
    refused_for(&meanwhile, "reply_running");
}
