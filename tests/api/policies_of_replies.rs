//! Rules of the house about replies: whether one may begin, how it is written, and what it costs. The
//! same at every door that begins one, for people and for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::plugins::until;
use crate::plugins_pressed::asking;
use crate::plugins_server::SlowServer;
use crate::support::{AdapterFile, House, Options, Person, text};

async fn plugin(admin: &Person, hook: &str, source: &str) {
    let manifest = format!(
        "name = \"rule\"\nversion = \"1.0.0\"\ndescription = \"test\"\nhooks = [\"{hook}\"]\ndata = [\"names\"]\n"
    );
    let new = json!({"name": "rule", "manifest": manifest, "source": source});
    admin.post("/api/v1/admin/plugins", new).await.ok(201);
    let on = json!({"enabled": true});
    admin.patch("/api/v1/admin/plugins/rule", on).await.ok(200);
}

fn completion(words: &str) -> Value {
    json!({"messages": [{"role": "user", "content": words}]})
}

#[tokio::test]
async fn a_rule_refuses_at_every_door_with_its_reason_and_nothing_is_written() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let said = bob.chat("Hello").await;
    let source = r#"fn reply_before_start(user, conversation, request) {
        if user.role == "user" { refuse("the kitchen is closed") } else { allow() }
    }"#;
    plugin(&ada, "reply_before_start", source).await;

    let chat = format!(
        "/api/v1/conversations/{}/messages",
        text(&said, "/conversation/id")
    );
    let message = |part: &str, what: &str| {
        format!(
            "/api/v1/messages/{}/{what}",
            text(&said, &format!("/{part}/id"))
        )
    };
    for (path, body) in [
        ("/api/v1/chat".to_owned(), json!({"content": "x"})),
        (chat.clone(), json!({"content": "x"})),
        (chat.clone(), json!({"content": "x", "stream": true})),
        (message("reply", "regenerate"), json!({})),
        (message("message", "edit"), json!({"content": "y"})),
    ] {
        let error = bob.post(&path, body).await.refused(403, "forbidden");
        assert_eq!(error["message"], "the kitchen is closed", "{path}");
        assert_eq!(error["details"]["policy"], "rule");
    }
    let answer = bob.post("/v1/chat/completions", completion("x")).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    let all = bob.get(&format!("{chat}?all=true")).await.ok(200);
    assert_eq!(all["items"].as_array().map(Vec::len), Some(2));
    ada.chat("Administrators may").await;
}

#[tokio::test]
async fn a_rule_changes_how_a_reply_is_written() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let source = r#"fn reply_before_start(user, conversation, request) {
        if request.content_chars > 3 { return change(#{ model: "scripted-two" }); }
        change(#{ max_tokens: 2 })
    }"#;
    plugin(&ada, "reply_before_start", source).await;
    let long = ada
        .post("/api/v1/chat", json!({"content": "a longer message"}))
        .await
        .ok(200);
    assert_eq!(long["reply"]["model"], "scripted-two");
    let short = ada
        .post("/api/v1/chat", json!({"content": "a b"}))
        .await
        .ok(200);
    assert_eq!(short["reply"]["model"], "scripted");
    let answer = ada
        .post("/v1/chat/completions", completion("a longer message"))
        .await
        .ok(200);
    assert_eq!(answer["model"], "scripted-two");
}

#[tokio::test]
async fn a_rule_cannot_choose_a_model_that_the_person_may_not_use() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let rules = json!([{"effect": "allow", "kind": "model", "name": "scripted-two"}]);
    let group = json!({"name": "others", "rules": rules});
    ada.post("/api/v1/admin/groups", group).await.ok(201);
    let source = r#"fn reply_before_start(user, conversation, request) {
        change(#{ model: "scripted-two" })
    }"#;
    plugin(&ada, "reply_before_start", source).await;
    let chat = json!({"content": "x"});
    bob.post("/api/v1/chat", chat)
        .await
        .refused(503, "model_unavailable");
}

#[tokio::test]
async fn a_rule_says_what_a_message_costs() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let source = r#"fn message_price(user, model, usage) {
        if user.username == "bob" { 7 } else { () }
    }"#;
    plugin(&ada, "message_price", source).await;
    let rules = json!({"allowance": {"enabled": true, "price": {"kind": "policy"}}});
    ada.patch("/api/v1/admin/settings", rules).await.ok(200);
    let before = bob.get("/api/v1/tokens").await.ok(200)["balance"].as_i64();
    let said = bob.chat("Hello").await;
    let log = ada.get("/api/v1/admin/plugins/rule/log").await.ok(200);
    assert_eq!(said["reply"]["cost"], 7, "{log}");
    let after = bob.get("/api/v1/tokens").await.ok(200)["balance"].as_i64();
    assert_eq!(after, before.map(|balance| balance - 7));
    let said = ada.chat("Hello").await;
    assert_eq!(said["reply"]["cost"], 100, "the house's own price");
}

/// The rule `rule`, which takes half a second and refuses one model.
async fn refuses_the_second_model(ada: &Person) -> SlowServer {
    let server = SlowServer::taking(Duration::from_millis(500)).await;
    let source = format!(
        "fn reply_before_start(user, conversation, request) {{ http_get(\"http://{}/\"); \
         if request.model == \"scripted-two\" {{ refuse(\"not this one\") }} else {{ allow() }} }}",
        server.address
    );
    asking(ada, "rule", "reply_before_start", &source, &server.address).await;
    server
}

#[tokio::test]
async fn what_is_written_is_what_the_rule_was_asked_about() {
    let options = Options::default().with("CHATELAINE_PLUGINS__DEADLINE_MS", "3000");
    let house = House::start_with(options).await;
    let ada = house.set_up().await;
    let said = ada.chat("Hello").await;
    let server = refuses_the_second_model(&ada).await;
    let path = format!("/api/v1/conversations/{}", text(&said, "/conversation/id"));
    let messages = format!("{path}/messages");
    let sending = ada.post(&messages, json!({"content": "x"}));
    let changing = async {
        until("the rule is asked", async || !server.asked().is_empty()).await;
        let other = json!({"model": "scripted-two"});
        ada.patch(&path, other).await.ok(200)
    };
    let (sent, _) = tokio::join!(sending, changing);
    let error = sent.refused(403, "forbidden");
    assert_eq!(error["message"], "not this one");
    assert_eq!(server.asked().len(), 2, "it was asked about the other one");
    assert_eq!(ada.messages(text(&said, "/conversation/id")).await.len(), 2);
}

#[tokio::test]
async fn a_rule_sees_all_the_text_that_a_program_sends() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let source = r#"fn reply_before_start(user, conversation, request) {
        if request.content_chars > 100 { refuse(`${request.content_chars} are too many`) } else { allow() }
    }"#;
    plugin(&ada, "reply_before_start", source).await;
    let long = "x".repeat(101);
    let asked = async |prompt: Value| {
        let body = json!({"prompt": prompt, "max_tokens": 2, "n": 2});
        ada.post("/v1/completions", body).await
    };
    for prompt in [
        json!(long),
        json!(["short", long]),
        json!([&long[..60], &long[..59]]),
    ] {
        let answer = asked(prompt).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
    }
    let fine = asked(json!(["short", &long[..60]])).await;
    assert_eq!(fine.status, 200, "{}", fine.text);
    let answers = json!({"n": 4, "messages": [{"role": "user", "content": &long[..60]}]});
    ada.post("/v1/chat/completions", answers).await.ok(200);
}

#[tokio::test]
async fn adapters_of_a_model_that_a_rule_replaced_are_left_away_at_every_door() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let file = AdapterFile::named("Pirate").bytes();
    ada.upload_adapter("scripted", file).await.ok(201);
    let source = r#"fn reply_before_start(user, conversation, request) {
        change(#{ model: "scripted-two" })
    }"#;
    plugin(&ada, "reply_before_start", source).await;
    let chat = json!({"content": "x", "model": "scripted", "adapters": [{"id": "pirate"}]});
    let said = ada.post("/api/v1/chat", chat).await.ok(200);
    assert_eq!(said["reply"]["model"], "scripted-two");
    let mut asked = completion("x");
    asked["model"] = "scripted".into();
    asked["lora"] = json!([{"id": "pirate"}]);
    let answer = ada.post("/v1/chat/completions", asked).await.ok(200);
    assert_eq!(answer["model"], "scripted-two");
}
