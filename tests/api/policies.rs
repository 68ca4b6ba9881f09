//! Rules of the house where they decide: at registration, with the reason the applicant sees, and
//! with what they grant. What a script can do is tested with the plugins.

use serde_json::{Value, json};

use crate::support::{Answer, House, PASSWORD, Person, Smtp, text};

async fn open(admin: &Person) {
    let change = json!({"registration": {"mode": "open"}});
    admin.patch("/api/v1/admin/settings", change).await.ok(200);
}

async fn plugin(admin: &Person, name: &str, source: &str) {
    let manifest = format!(
        "name = \"{name}\"\nversion = \"1.0.0\"\ndescription = \"test\"\nhooks = [\"registration_before_accept\"]\ndata = [\"email\", \"names\"]\n"
    );
    let new = json!({"name": name, "manifest": manifest, "source": source});
    admin.post("/api/v1/admin/plugins", new).await.ok(201);
    let on = json!({"enabled": true});
    let path = format!("/api/v1/admin/plugins/{name}");
    admin.patch(&path, on).await.ok(200);
}

async fn register(house: &House, name: &str, more: Value) -> Answer {
    let mut body = json!({"username": name, "password": PASSWORD});
    for (field, value) in more.as_object().expect("an object") {
        body[field] = value.clone();
    }
    house.stranger().post("/api/v1/auth/register", body).await
}

#[tokio::test]
async fn a_shipped_rule_refuses_with_its_reason_and_grants_what_it_says() {
    let house = House::start().await;
    let ada = house.set_up().await;
    open(&ada).await;
    let group = ada
        .post("/api/v1/admin/groups", json!({"name": "pupils"}))
        .await
        .ok(201);
    let shown = ada.get("/api/v1/admin/plugins/school-domain").await.ok(200);
    let names: Vec<&str> = shown["plugin"]["settings"]
        .as_array()
        .expect("settings")
        .iter()
        .map(|setting| text(setting, "/name"))
        .collect();
    assert!(names.contains(&"domains"), "{names:?}");
    let change = json!({"enabled": true, "settings": {"domains": ["school.example"], "pupil_domains": ["pupils.school.example"], "group": "pupils"}});
    ada.patch("/api/v1/admin/plugins/school-domain", change)
        .await
        .ok(200);

    let other = register(&house, "eve", json!({"email": "eve@other.example"})).await;
    let error = other.refused(403, "forbidden");
    assert_eq!(error["details"]["policy"], "school-domain");
    assert!(
        text(&error, "/message").contains("other.example"),
        "{error}"
    );
    register(&house, "bob", json!({"email": "bob@pupils.school.example"}))
        .await
        .ok(201);
    let found = ada.get("/api/v1/admin/users?q=bob").await.ok(200);
    assert_eq!(found["items"][0]["group_ids"], json!([group["id"]]));
    let path = format!(
        "/api/v1/admin/users/{}/tokens",
        text(&found, "/items/0/user/id")
    );
    let allowance = ada.get(&path).await.ok(200);
    assert_eq!(allowance["balance"], 100_000, "{allowance}");
    let log = ada
        .get("/api/v1/admin/plugins/school-domain/log")
        .await
        .ok(200);
    assert!(log["items"].as_array().expect("a list").len() >= 2, "{log}");
}

#[tokio::test]
async fn a_rule_sees_the_key_and_may_grant_less_and_never_an_administrator() {
    let house = House::start().await;
    let ada = house.set_up().await;
    open(&ada).await;
    let source = r#"fn registration_before_accept(key, applicant, now) {
        if key == () { return refuse("come with a key"); }
        if applicant.username == "eve" { return allow_with(#{ role: "admin" }); }
        allow_with(#{ role: "user" })
    }"#;
    plugin(&ada, "keyed", source).await;
    let refused = register(&house, "bob", json!({}))
        .await
        .refused(403, "forbidden");
    assert_eq!(refused["message"], "come with a key");
    let terms = json!({"count": 1, "terms": {"role": "auditor", "uses_allowed": 5}});
    let made = ada.post("/api/v1/admin/keys/generate", terms).await.ok(201);
    let key = json!({"registration_key": text(&made, "/items/0/key")});
    let made = register(&house, "bob", key.clone()).await.ok(201);
    assert_eq!(made["user"]["role"], "user");
    register(&house, "eve", key).await.refused(403, "forbidden");
    let list = ada.get("/api/v1/admin/keys").await.ok(200);
    assert_eq!(list["items"][0]["uses"], 1, "a refusal uses nothing up");
}

#[tokio::test]
async fn a_rule_that_fails_lets_nobody_in_and_its_administrator_is_told() {
    let mut smtp = Smtp::start(json!({})).await;
    let house = House::start_with(smtp.options()).await;
    let ada = house.set_up().await;
    smtp.set_in(&ada).await;
    let email = json!({"email": "ada@house.example", "current_password": PASSWORD});
    ada.patch("/api/v1/users/me", email).await.ok(200);
    let proof = smtp.next_mail().await;
    let link = smtp.link_in(&proof);
    let token = link.rsplit('=').next().expect("a token");
    let body = json!({"token": token});
    house
        .stranger()
        .post("/api/v1/auth/verify-email", body)
        .await
        .ok(200);

    open(&ada).await;
    plugin(
        &ada,
        "broken",
        "fn registration_before_accept(key, applicant, now) { loop {} }",
    )
    .await;
    for name in ["bob", "carol", "dave"] {
        let refused = register(&house, name, json!({}))
            .await
            .refused(403, "forbidden");
        assert!(
            text(&refused, "/message").contains("cannot be asked"),
            "{refused}"
        );
    }
    let told = smtp.next_mail().await;
    assert!(told.text.contains("broken"), "{}", told.raw);
    let shown = ada.get("/api/v1/admin/plugins/broken").await.ok(200);
    assert_eq!(shown["plugin"]["state"], "switched_off");
    assert_eq!(ada.get("/api/v1/admin/users").await.ok(200)["total"], 1);
}

#[tokio::test]
async fn nonsense_reaches_no_rule_and_switches_none_off() {
    let house = House::start().await;
    let ada = house.set_up().await;
    open(&ada).await;
    let path = "/api/v1/admin/plugins/school-domain";
    let on = json!({"enabled": true, "settings": {"domains": ["school.example"]}});
    ada.patch(path, on).await.ok(200);
    let endless = format!("a@{}.org", "x".repeat(20_000));
    for (name, more, field) in [
        ("bob", json!({"email": endless}), "email"),
        ("x", json!({}), "username"),
        ("bob", json!({"password": "12345678"}), "password"),
        (
            "bob",
            json!({"display_name": "b".repeat(9000)}),
            "display_name",
        ),
        ("bob", json!({"language": "not a tag"}), "language"),
    ] {
        let refused = register(&house, name, more).await;
        let error = refused.refused(400, "invalid_request");
        assert_eq!(error["details"]["field"], field);
    }
    let shown = ada.get(path).await.ok(200);
    assert_eq!(shown["plugin"]["state"], "on");
    let log = ada.get(&format!("{path}/log")).await.ok(200);
    assert_eq!(log["items"], json!([]), "no rule was asked");
    let email = json!({"email": " Bob@SCHOOL.example "});
    register(&house, " BOB ", email).await.ok(201);
}
