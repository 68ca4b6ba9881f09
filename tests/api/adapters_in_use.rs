//! What adapters do to replies: asked for with a message, kept by a conversation, recorded with each
//! reply, used again, and refused by name where they do not go. The script tells which reached it.

use serde_json::{Value, json};

use crate::support::{AdapterFile, House, Person, Script, text};

/// A house whose scripted model says which adapters it was given, with `pirate` and `formal` for it
/// and `other` for its neighbour.
async fn house_with_adapters() -> (House, Person) {
    let tells = json!({"when": "^Which", "reply": "With {adapters}."});
    let breaks = json!({"when": "^Broken", "reply": "It is with {adapters}.", "fail_after": 1});
    let title = json!({"when": "^Write a title", "reply": "Titled with {adapters}"});
    let script = Script::default().rule(tells).rule(breaks).rule(title);
    let house = House::scripted(script).await;
    let ada = house.set_up().await;
    for (base, name) in [
        ("scripted&default_scale=0.5", "Pirate"),
        ("scripted", "Formal"),
        ("scripted-two", "Other"),
    ] {
        let file = AdapterFile::named(name).bytes();
        ada.upload_adapter(base, file).await.ok(201);
    }
    (house, ada)
}

fn which(adapters: Value) -> Value {
    json!({"content": "Which?", "adapters": adapters})
}

fn conversation_of(exchange: &Value) -> String {
    format!(
        "/api/v1/conversations/{}",
        text(exchange, "/conversation/id")
    )
}

fn said(exchange: &Value) -> &str {
    text(exchange, "/reply/content")
}

#[tokio::test]
async fn a_message_chooses_adapters_and_the_reply_remembers_them() {
    let (_house, ada) = house_with_adapters().await;
    let plain = ada.chat("Which?").await;
    assert_eq!(said(&plain), "With none.");
    assert!(plain["reply"].get("adapters").is_none(), "{plain}");

    let two = which(json!([{"id": "formal", "scale": -1.25}, {"id": "pirate"}]));
    let exchange = ada.post("/api/v1/chat", two).await.ok(200);
    assert_eq!(said(&exchange), "With formal at -1.25, pirate at 0.5.");
    let used = json!([{"id": "formal", "scale": -1.25}, {"id": "pirate", "scale": 0.5}]);
    assert_eq!(exchange["reply"]["adapters"], used);
    assert!(exchange["message"].get("adapters").is_none());
    let kept = &ada.messages(text(&exchange, "/conversation/id")).await[1];
    assert_eq!(kept["adapters"], used);
    assert_eq!(
        exchange["conversation"]["adapters"], used,
        "what began a conversation goes on in it, as its model does"
    );
}

#[tokio::test]
async fn a_conversation_keeps_adapters_and_a_message_may_choose_others_or_none() {
    let (_house, ada) = house_with_adapters().await;
    let made = json!({"model": "scripted", "adapters": [{"id": "pirate"}]});
    let made = ada.post("/api/v1/conversations", made).await.ok(201);
    assert_eq!(made["adapters"], json!([{"id": "pirate", "scale": 0.5}]));
    let path = format!("/api/v1/conversations/{}", text(&made, "/id"));
    let messages = format!("{path}/messages");
    let say = async |body: Value| ada.post(&messages, body).await.ok(200);
    let question = || json!({"content": "Which?"});

    assert_eq!(said(&say(question()).await), "With pirate at 0.5.");
    let once = which(json!([{"id": "formal", "scale": 2}]));
    assert_eq!(said(&say(once).await), "With formal at 2.");
    assert_eq!(said(&say(which(json!([]))).await), "With none.");
    assert_eq!(said(&say(question()).await), "With pirate at 0.5.");

    let change = json!({"adapters": [{"id": "formal"}, {"id": "pirate", "scale": 0}]});
    let changed = ada.patch(&path, change).await.ok(200);
    assert_eq!(
        changed["adapters"][0],
        json!({"id": "formal", "scale": 1.0})
    );
    let reply = say(question()).await;
    assert_eq!(said(&reply), "With formal at 1, pirate at 0.");
    let edit = format!("/api/v1/messages/{}/edit", text(&reply, "/message/id"));
    let edited = ada.post(&edit, json!({"content": "Which now?"})).await;
    assert_eq!(said(&edited.ok(200)), "With formal at 1, pirate at 0.");
    let edited = ada.post(&edit, which(json!([]))).await.ok(200);
    assert_eq!(said(&edited), "With none.");

    ada.patch(&path, json!({"title": "Talk"})).await.ok(200);
    let none = ada.patch(&path, json!({"adapters": []})).await.ok(200);
    assert!(none.get("adapters").is_none(), "{none}");
    assert_eq!(said(&say(question()).await), "With none.");
}

#[tokio::test]
async fn another_reply_and_the_rest_of_one_use_the_same_adapters_unless_told_otherwise() {
    let (_house, ada) = house_with_adapters().await;
    let first = which(json!([{"id": "pirate", "scale": 1.5}]));
    let first = ada.post("/api/v1/chat", first).await.ok(200);
    let conversation = conversation_of(&first);
    ada.patch(&conversation, json!({"adapters": []}))
        .await
        .ok(200);
    let again = format!("/api/v1/messages/{}/regenerate", text(&first, "/reply/id"));
    let regenerate = async |body: Value| ada.post(&again, body).await.ok(200);
    assert_eq!(said(&regenerate(json!({})).await), "With pirate at 1.5.");
    let told = json!({"adapters": [{"id": "formal"}]});
    assert_eq!(said(&regenerate(told).await), "With formal at 1.");
    let elsewhere = json!({"model": "scripted-two"});
    let elsewhere = regenerate(elsewhere).await;
    assert_eq!(said(&elsewhere), "With none.", "another model, another set");

    let body = json!({"content": "Broken", "adapters": [{"id": "pirate"}]});
    let broken = ada.post("/api/v1/chat", body).await.ok(200);
    assert_eq!(broken["reply"]["status"], "failed");
    let go_on = format!("/api/v1/messages/{}/continue", text(&broken, "/reply/id"));
    let whole = ada.post(&go_on, json!({})).await.ok(200);
    assert_eq!(said(&whole), "It is with pirate at 0.5.");
}

#[tokio::test]
async fn what_does_not_go_is_refused_by_name_and_nothing_is_said() {
    let (_house, ada) = house_with_adapters().await;
    let many: Vec<Value> = (0..9).map(|it| json!({"id": format!("a{it}")})).collect();
    let made = ada.post("/api/v1/conversations", json!({"model": "scripted"}));
    let made = made.await.ok(201);
    let path = format!("/api/v1/conversations/{}", text(&made, "/id"));
    for (adapters, part) in [
        (json!([{"id": "nonsense"}]), "\"nonsense\""),
        (json!([{"id": ""}]), "no adapter"),
        (json!([{"id": "../../secret.key"}]), "no adapter"),
        (
            json!([{"id": "pirate"}, {"id": "pirate", "scale": 2}]),
            "twice",
        ),
        (json!([{"id": "pirate", "scale": 4.01}]), "between -4 and 4"),
        (
            json!([{"id": "pirate", "scale": 1e300}]),
            "between -4 and 4",
        ),
        (json!([{"id": "other"}]), "made for the model scripted-two"),
        (json!(many), "at most 8"),
    ] {
        let body = which(adapters.clone());
        let doors = [
            ada.post("/api/v1/chat", body.clone()).await,
            ada.post(&format!("{path}/messages"), body).await,
            ada.patch(&path, json!({"adapters": adapters})).await,
        ];
        for answer in doors {
            let error = answer.refused(400, "invalid_request");
            assert_eq!(error["details"]["field"], "adapters", "{error}");
            assert!(text(&error, "/message").contains(part), "{error}");
        }
    }
    for adapters in [json!("pirate"), json!([{"scale": 1}]), json!([{"id": 1}])] {
        let answer = ada.post("/api/v1/chat", which(adapters)).await;
        answer.refused(400, "invalid_request");
    }
    assert!(ada.messages(text(&made, "/id")).await.is_empty());
    let list = ada.get("/api/v1/conversations").await.ok(200);
    assert_eq!(list["items"].as_array().expect("a list").len(), 1);
}

#[tokio::test]
async fn a_conversation_changes_its_model_only_with_adapters_that_go_with_it() {
    let (_house, ada) = house_with_adapters().await;
    let first = ada.post("/api/v1/chat", which(json!([{"id": "pirate"}])));
    let path = conversation_of(&first.await.ok(200));
    let other = json!({"model": "scripted-two"});
    let refused = ada.patch(&path, other.clone()).await;
    let error = refused.refused(400, "invalid_request");
    assert!(text(&error, "/message").contains("\"pirate\""), "{error}");
    assert_eq!(error["details"]["field"], "adapters");
    let once = json!({"content": "Which?", "model": "scripted-two"});
    let refused = ada.post(&format!("{path}/messages"), once).await;
    refused.refused(400, "invalid_request");

    let both = json!({"model": "scripted-two", "adapters": [{"id": "other"}]});
    ada.patch(&path, both).await.ok(200);
    let body = json!({"content": "Which?"});
    let reply = ada.post(&format!("{path}/messages"), body).await.ok(200);
    assert_eq!(said(&reply), "With other at 1.");
}

#[tokio::test]
async fn a_conversation_whose_adapter_was_deleted_opens_and_says_what_is_missing() {
    let (_house, ada) = house_with_adapters().await;
    let first = ada.post("/api/v1/chat", which(json!([{"id": "pirate"}])));
    let first = first.await.ok(200);
    let path = conversation_of(&first);
    ada.delete("/api/v1/admin/adapters/pirate").await.ok(204);

    let kept = ada.get(&path).await.ok(200);
    assert_eq!(kept["adapters"][0]["id"], "pirate");
    let messages = ada.messages(text(&first, "/conversation/id")).await;
    assert_eq!(messages[1]["adapters"][0]["id"], "pirate");
    let say = async |body: Value| ada.post(&format!("{path}/messages"), body).await;
    let again = format!("/api/v1/messages/{}/regenerate", text(&first, "/reply/id"));
    for answer in [
        say(json!({"content": "Which?"})).await,
        ada.post(&again, json!({})).await,
    ] {
        let error = answer.refused(400, "invalid_request");
        assert!(text(&error, "/message").contains("\"pirate\""), "{error}");
    }
    ada.patch(&path, json!({"pinned": true})).await.ok(200);
    let without = say(which(json!([]))).await.ok(200);
    assert_eq!(said(&without), "With none.");
    ada.patch(&path, json!({"adapters": []})).await.ok(200);
    let now = say(json!({"content": "Which?"})).await.ok(200);
    assert_eq!(said(&now), "With none.");
}

#[tokio::test]
async fn a_reply_that_is_being_written_outlives_its_adapter() {
    let (_house, ada) = house_with_adapters().await;
    let body = json!({"content": crate::support::SLOW, "adapters": [{"id": "pirate"}]});
    let mut stream = ada.stream("/api/v1/chat", body).await;
    stream.deltas(2).await;
    ada.delete("/api/v1/admin/adapters/pirate").await.ok(204);
    let rest = stream.until("done").await;
    let done = &rest.last().expect("an event").data["message"];
    assert_eq!(done["status"], "complete");
    assert_eq!(done["adapters"][0]["id"], "pirate");
}

#[tokio::test]
async fn a_title_is_written_without_adapters() {
    let (_house, ada) = house_with_adapters().await;
    let body = json!({"content": "Which?", "adapters": [{"id": "pirate"}]});
    let mut stream = ada.stream("/api/v1/chat", body).await;
    let titled = stream.until("title").await;
    let title = &titled.last().expect("an event").data["conversation"]["title"];
    assert_eq!(title, "Titled with none");
}

#[tokio::test]
async fn programs_name_adapters_as_llama_server_does() {
    let (_house, ada) = house_with_adapters().await;
    let ask = async |adapters: Value| {
        let messages = json!([{"role": "user", "content": "Which?"}]);
        let body = json!({"model": "scripted", "messages": messages, "lora": adapters});
        ada.post("/v1/chat/completions", body).await
    };
    let two = json!([{"id": "formal", "scale": -1.25}, {"id": "pirate"}]);
    let completion = ask(two).await.ok(200);
    assert_eq!(
        completion["choices"][0]["message"]["content"],
        "With formal at -1.25, pirate at 0.5."
    );
    for wrong in [json!([{"id": "other"}]), json!([{"id": 3}])] {
        let error = ask(wrong).await.refused(400, "invalid_request");
        assert_eq!(error["param"], "adapters");
    }
}
