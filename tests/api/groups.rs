//! Groups: who is in them, and what they may use. A denial beats every allowance, in the list of
//! models and at every door that takes one.

use serde_json::{Value, json};

use crate::support::{AdapterFile, House, Person, text};

const PATH: &str = "/api/v1/admin/groups";

pub(crate) async fn new_group(admin: &Person, name: &str, rules: Value) -> String {
    let made = admin
        .post(PATH, json!({"name": name, "rules": rules}))
        .await;
    text(&made.ok(201), "/id").to_owned()
}

pub(crate) async fn put_in(admin: &Person, name: &str, groups: &[&str]) {
    let found = admin
        .get(&format!("/api/v1/admin/users?q={name}"))
        .await
        .ok(200);
    let path = format!("/api/v1/admin/users/{}", text(&found, "/items/0/user/id"));
    admin
        .patch(&path, json!({"group_ids": groups}))
        .await
        .ok(200);
}

fn rule(effect: &str, kind: &str, name: &str) -> Value {
    json!({"effect": effect, "kind": kind, "name": name})
}

fn models(list: &Value) -> usize {
    list["items"].as_array().expect("a list").len()
}

#[tokio::test]
async fn groups_are_made_changed_counted_and_removed() {
    let house = House::start().await;
    let ada = house.set_up().await;
    house.add_user(&ada, "bob").await;
    let id = new_group(&ada, "Pupils", json!([])).await;
    put_in(&ada, "bob", &[&id]).await;
    let list = ada.get(PATH).await.ok(200);
    assert_eq!(list["items"][0]["is_everyone"], true);
    assert_eq!(list["items"][0]["member_count"], 2);
    assert_eq!(list["items"][1]["member_count"], 1);
    let members = format!("/api/v1/admin/users?group_id={id}");
    let members = ada.get(&members).await.ok(200);
    assert_eq!(members["total"], 1);
    assert_eq!(members["items"][0]["user"]["username"], "bob");
    ada.get("/api/v1/admin/users?group_id=x")
        .await
        .refused(404, "not_found");
    ada.post(PATH, json!({"name": "pupils"}))
        .await
        .refused(409, "conflict");
    let path = format!("{PATH}/{id}");
    let changed = ada.patch(&path, json!({"name": "Class 7b"})).await.ok(200);
    assert_eq!(changed["name"], "Class 7b");
    ada.delete(&path).await.ok(204);
    let found = ada.get("/api/v1/admin/users?q=bob").await.ok(200);
    assert_eq!(found["items"][0]["group_ids"], json!([]));
    ada.delete(&path).await.refused(404, "not_found");

    let everyone = text(&list, "/items/0/group/id");
    ada.delete(&format!("{PATH}/{everyone}"))
        .await
        .refused(409, "conflict");
    let rename = json!({"name": "nobody"});
    ada.patch(&format!("{PATH}/{everyone}"), rename)
        .await
        .refused(409, "conflict");
}

#[tokio::test]
async fn members_are_put_in_and_taken_out_and_their_other_groups_stay() {
    let house = House::start().await;
    let ada = house.set_up().await;
    house.add_user(&ada, "bob").await;
    let (one, other) = (
        new_group(&ada, "Pupils", json!([])).await,
        new_group(&ada, "Choir", json!([])).await,
    );
    put_in(&ada, "bob", &[&other]).await;
    let found = ada.get("/api/v1/admin/users?q=bob").await.ok(200);
    let bob = text(&found, "/items/0/user/id");
    let member = format!("{PATH}/{one}/members/{bob}");
    let groups = async || {
        let bob = ada.get(&format!("/api/v1/admin/users/{bob}")).await.ok(200);
        bob["group_ids"].clone()
    };
    let put = async |path: &str| ada.put(path, json!(null)).await;
    for _ in 0..2 {
        put(&member).await.ok(204);
        assert_eq!(groups().await, json!([one, other]));
    }
    let audit = ada.get("/api/v1/admin/audit").await.ok(200);
    let changes = audit["items"].as_array().expect("a list").iter();
    let changes = changes.filter(|entry| entry["action"] == "user.groups_changed");
    assert_eq!(
        changes.count(),
        2,
        "what stays as it is is not written down"
    );
    for _ in 0..2 {
        ada.delete(&member).await.ok(204);
        assert_eq!(groups().await, json!([other]));
    }

    let everyone = text(&ada.get(PATH).await.ok(200), "/items/0/group/id").to_owned();
    let of_all = format!("{PATH}/{everyone}/members/{bob}");
    put(&of_all).await.refused(409, "conflict");
    ada.delete(&of_all).await.refused(409, "conflict");
    for nobody in [
        format!("{PATH}/{one}/members/{one}"),
        format!("{PATH}/{bob}/members/{bob}"),
        format!("{PATH}/x/members/{bob}"),
    ] {
        put(&nobody).await.refused(404, "not_found");
        ada.delete(&nobody).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn a_model_for_some_is_not_there_for_the_others() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let (bob, eve) = (
        house.add_user(&ada, "bob").await,
        house.add_user(&ada, "eve").await,
    );
    let rules = json!([rule("allow", "model", "scripted")]);
    let teachers = new_group(&ada, "teachers", rules).await;
    put_in(&ada, "bob", &[&teachers]).await;

    let all = models(&ada.get("/api/v1/models").await.ok(200));
    assert_eq!(models(&bob.get("/api/v1/models").await.ok(200)), all);
    assert_eq!(models(&eve.get("/api/v1/models").await.ok(200)), all - 1);
    bob.post("/api/v1/chat", json!({"content": "x", "model": "scripted"}))
        .await
        .ok(200);
    let chat = json!({"content": "x", "model": "scripted"});
    eve.post("/api/v1/chat", chat)
        .await
        .refused(503, "model_unavailable");
    let completion = json!({"model": "scripted", "messages": [{"role": "user", "content": "x"}]});
    let answer = eve.post("/v1/chat/completions", completion).await;
    assert!(matches!(answer.status, 404 | 503), "{}", answer.text);
    let list = eve.get("/v1/models").await.ok(200);
    assert!(!list.to_string().contains("\"scripted\""));
}

#[tokio::test]
async fn a_denial_beats_every_allowance_and_holds_at_once() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let allow = new_group(&ada, "may", json!([rule("allow", "model", "scripted")])).await;
    let deny = new_group(&ada, "may not", json!([rule("deny", "model", "scripted")])).await;
    put_in(&ada, "bob", &[&allow]).await;
    let said = bob
        .post("/api/v1/chat", json!({"content": "x", "model": "scripted"}))
        .await
        .ok(200);
    put_in(&ada, "bob", &[&allow, &deny]).await;
    // Also at the doors behind a conversation that has the model already.
    let chat = format!(
        "/api/v1/conversations/{}/messages",
        text(&said, "/conversation/id")
    );
    let reply = text(&said, "/reply/id");
    let message = text(&said, "/message/id");
    for (path, body) in [
        (chat, json!({"content": "y", "model": "scripted"})),
        (
            format!("/api/v1/messages/{reply}/regenerate"),
            json!({"model": "scripted"}),
        ),
        (
            format!("/api/v1/messages/{message}/edit"),
            json!({"content": "z", "model": "scripted"}),
        ),
    ] {
        bob.post(&path, body)
            .await
            .refused(503, "model_unavailable");
    }
}

#[tokio::test]
async fn an_adapter_and_a_feature_can_be_kept_from_people() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let file = AdapterFile::default().bytes();
    ada.upload_adapter("scripted", file).await.ok(201);
    let send = json!({"content": "x", "model": "scripted", "adapters": [{"id": "pirate"}]});
    bob.post("/api/v1/chat", send.clone()).await.ok(200);

    let everyone = text(&ada.get(PATH).await.ok(200), "/items/0/group/id").to_owned();
    let everyone = format!("{PATH}/{everyone}");
    let deny = async |kind: &str, name: &str| {
        let rules = json!({"rules": [rule("deny", kind, name)]});
        ada.patch(&everyone, rules).await.ok(200);
    };
    deny("adapter", "pirate").await;
    bob.post("/api/v1/chat", send.clone())
        .await
        .refused(400, "invalid_request");
    ada.post("/api/v1/chat", send.clone()).await.ok(200);
    deny("feature", "adapters").await;
    bob.post("/api/v1/chat", send)
        .await
        .refused(400, "invalid_request");

    deny("feature", "api_keys").await;
    let key = json!({"name": "x", "scopes": ["read"]});
    bob.post("/api/v1/users/me/api-keys", key.clone())
        .await
        .refused(403, "forbidden");
    deny("feature", "completions").await;
    let made = bob.post("/api/v1/users/me/api-keys", key).await.ok(201);
    let completion = json!({"messages": [{"role": "user", "content": "x"}]});
    assert_eq!(
        bob.post("/v1/chat/completions", completion).await.status,
        403
    );
    let embedding = json!({"input": "x"});
    assert_eq!(bob.post("/v1/embeddings", embedding).await.status, 403);
    let program = house.stranger().with_token(text(&made, "/secret"));
    program.get("/api/v1/conversations").await.ok(200);
    deny("feature", "api_keys").await;
    program
        .get("/api/v1/conversations")
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn a_group_takes_only_what_makes_sense() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for body in [
        json!({"name": ""}),
        json!({"name": "a\nb"}),
        json!({"name": "x".repeat(10_000)}),
        json!({"name": "x", "rules": [rule("deny", "feature", "breathing")]}),
        json!({"name": "x", "rules": [rule("perhaps", "model", "m")]}),
        json!({"name": "x", "rules": [rule("deny", "model", "")]}),
    ] {
        ada.post(PATH, body).await.refused(400, "invalid_request");
    }
    let found = ada.get("/api/v1/admin/users?q=ada").await.ok(200);
    let path = format!("/api/v1/admin/users/{}", text(&found, "/items/0/user/id"));
    for ids in [json!(["x"]), json!(["0".repeat(32)])] {
        let body = json!({"group_ids": ids});
        ada.patch(&path, body).await.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_rule_about_plugins_is_refused_since_it_would_decide_nothing() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let rules = json!([{"effect": "deny", "kind": "plugin", "name": "fair-price"}]);
    let group = json!({"name": "pupils", "rules": rules});
    let error = ada
        .post("/api/v1/admin/groups", group)
        .await
        .refused(400, "invalid_request");
    assert_eq!(error["details"]["field"], "rules");
}

#[tokio::test]
async fn no_key_gives_a_group_that_is_gone() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let open = json!({"registration": {"mode": "open"}});
    ada.patch("/api/v1/admin/settings", open).await.ok(200);
    let (goes, stays) = (
        new_group(&ada, "pupils", json!([])).await,
        new_group(&ada, "class 7b", json!([])).await,
    );
    let terms = json!({"count": 1, "terms": {"group_ids": [goes, stays, goes]}});
    let made = ada.post("/api/v1/admin/keys/generate", terms).await.ok(201);
    ada.delete(&format!("{PATH}/{goes}")).await.ok(204);
    let keys = ada.get("/api/v1/admin/keys").await.ok(200);
    assert_eq!(keys["items"][0]["group_ids"], json!([stays]));
    let body = json!({"username": "bob", "password": crate::support::PASSWORD, "registration_key": text(&made, "/items/0/key")});
    let answer = house.stranger().post("/api/v1/auth/register", body).await;
    answer.ok(201);
    let found = ada.get("/api/v1/admin/users?q=bob").await.ok(200);
    assert_eq!(found["items"][0]["group_ids"], json!([stays]));
    put_in(&ada, "bob", &[&stays]).await;
}

#[tokio::test]
async fn what_was_for_some_does_not_become_everybodys_with_a_group_that_goes() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let eve = house.add_user(&ada, "eve").await;
    let rules = json!([rule("allow", "model", "scripted")]);
    let adults = new_group(&ada, "adults", rules.clone()).await;
    let elders = new_group(&ada, "elders", rules).await;
    ada.delete(&format!("{PATH}/{elders}")).await.ok(204);
    let path = format!("{PATH}/{adults}");
    let error = ada.delete(&path).await.refused(409, "conflict");
    assert!(text(&error, "/message").contains("scripted"), "{error}");
    let chat = json!({"content": "x", "model": "scripted"});
    eve.post("/api/v1/chat", chat.clone())
        .await
        .refused(503, "model_unavailable");
    ada.patch(&path, json!({"rules": []})).await.ok(200);
    ada.delete(&path).await.ok(204);
    eve.post("/api/v1/chat", chat).await.ok(200);
}
