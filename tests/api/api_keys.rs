//! Personal API keys: shown once, and ended at once. Each is good for what its scopes say, the same
//! through every carrier.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, House, Person, text};

const PATH: &str = "/api/v1/users/me/api-keys";

async fn new_key(person: &Person, scopes: Value) -> Value {
    let body = json!({"name": "script", "scopes": scopes});
    person.post(PATH, body).await.ok(201)
}

/// A program with nothing but this key, as a bearer token.
async fn program(person: &Person, house: &House, scopes: Value) -> Person {
    let made = new_key(person, scopes).await;
    house.stranger().with_token(text(&made, "/secret"))
}

#[tokio::test]
async fn a_key_is_shown_once_and_kept_as_a_hash() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let made = new_key(&ada, json!(["chat", "read", "chat"])).await;
    let secret = text(&made, "/secret").to_owned();
    assert!(secret.starts_with("chk_") && secret.len() > 40, "{secret}");
    assert_eq!(made["key"]["scopes"], json!(["chat", "read"]));
    let list = ada.get(PATH).await.ok(200);
    assert_eq!(list["items"][0]["name"], "script");
    assert!(secret.starts_with(text(&list, "/items/0/prefix")));
    assert!(!list.to_string().contains(&secret));
    house.stop().await;
    let stored = std::fs::read(house.data().join("chatelaine.redb")).expect("the database");
    let found = stored
        .windows(secret.len())
        .any(|bytes| bytes == secret.as_bytes());
    assert!(!found && !house.log().contains(&secret));
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_no_more() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let chat = json!({"content": "Hello"});
    let settings = "/api/v1/admin/settings";

    let reader = program(&ada, &house, json!(["read"])).await;
    reader.get("/api/v1/conversations").await.ok(200);
    reader.get("/v1/models").await.ok(200);
    reader
        .post("/api/v1/chat", chat.clone())
        .await
        .refused(403, "forbidden");
    reader.get(settings).await.refused(403, "forbidden");

    let chatter = program(&ada, &house, json!(["chat"])).await;
    chatter.get("/api/v1/conversations").await.ok(200);
    chatter.post("/api/v1/chat", chat.clone()).await.ok(200);
    chatter.get(settings).await.refused(403, "forbidden");

    let steward = program(&ada, &house, json!(["admin"])).await;
    steward.get(settings).await.ok(200);
    steward
        .post("/api/v1/chat", chat)
        .await
        .refused(403, "forbidden");

    let all = program(&ada, &house, json!(["admin", "chat", "read"])).await;
    for (method, path) in [
        (Method::GET, PATH),
        (Method::POST, PATH),
        (Method::GET, "/api/v1/users/me/sessions"),
        (Method::POST, "/api/v1/users/me/password"),
        (Method::PATCH, "/api/v1/users/me"),
        (Method::POST, "/api/v1/auth/logout"),
    ] {
        let request = all.request(method, path).json(&json!({}));
        Answer::of(request).await.refused(403, "forbidden");
    }
}

#[tokio::test]
async fn an_admin_key_of_somebody_who_is_none_runs_nothing() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let id = text(&bob.get("/api/v1/auth/me").await.ok(200), "/user/id").to_owned();
    let his = format!("/api/v1/admin/users/{id}");
    ada.patch(&his, json!({"role": "auditor"})).await.ok(200);
    let program = program(&bob, &house, json!(["admin"])).await;
    ada.patch(&his, json!({"role": "user"})).await.ok(200);
    for path in ["/api/v1/admin/settings", "/api/v1/admin/audit"] {
        program.get(path).await.refused(403, "forbidden");
    }
}

#[tokio::test]
async fn the_same_scopes_hold_through_every_carrier() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let made = new_key(&ada, json!(["read"])).await;
    let secret = text(&made, "/secret");
    let send = async |method: Method, path: &str, name: &str, value: &str| {
        let request = house.stranger().request(method, path).header(name, value);
        Answer::of(request.json(&json!({"content": "x"}))).await
    };
    let cookie = format!("chatelaine={secret}");
    let bearer = format!("Bearer {secret}");
    for (name, value) in [("authorization", bearer.as_str()), ("x-api-key", secret)] {
        send(Method::GET, "/api/v1/conversations", name, value)
            .await
            .ok(200);
        send(Method::POST, "/api/v1/chat", name, value)
            .await
            .refused(403, "forbidden");
        let answer = send(Method::POST, "/v1/chat/completions", name, value).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
    }
    // A key is no session.
    let answer = send(Method::GET, "/api/v1/conversations", "cookie", &cookie).await;
    answer.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_key_ends_at_its_time_and_when_its_owner_ends_it() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let past = json!({"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"});
    ada.post(PATH, past).await.refused(400, "invalid_request");
    let soon = chatelaine_time(1500);
    let short = json!({"name": "short", "scopes": ["read"], "expires_at": soon});
    let made = ada.post(PATH, short).await.ok(201);
    let short = house.stranger().with_token(text(&made, "/secret"));
    short.get("/api/v1/models").await.ok(200);

    let made = new_key(&ada, json!(["read"])).await;
    let ended = house.stranger().with_token(text(&made, "/secret"));
    ended.get("/api/v1/models").await.ok(200);
    let id = text(&made, "/key/id");
    ada.delete(&format!("{PATH}/{id}")).await.ok(204);
    ended
        .get("/api/v1/models")
        .await
        .refused(401, "unauthenticated");
    ada.delete(&format!("{PATH}/{id}"))
        .await
        .refused(404, "not_found");

    tokio::time::sleep(std::time::Duration::from_millis(1600)).await;
    short
        .get("/api/v1/models")
        .await
        .refused(401, "unauthenticated");
}

/// The time in so many milliseconds.
fn chatelaine_time(ms: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.expect("a clock").as_millis()).expect("a time");
    chatelaine::clock::rfc3339(now + ms)
}

#[tokio::test]
async fn a_key_needs_a_name_and_a_scope() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for body in [
        json!({"name": "", "scopes": ["read"]}),
        json!({"name": "a\nb", "scopes": ["read"]}),
        json!({"name": "x".repeat(10_000), "scopes": ["read"]}),
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["everything"]}),
        json!({"name": "x", "scopes": ["read"], "expires_at": "tomorrow"}),
    ] {
        ada.post(PATH, body).await.refused(400, "invalid_request");
    }
    assert_eq!(ada.get(PATH).await.ok(200)["items"], json!([]));
}
