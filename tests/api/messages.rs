//! Saying something and getting a reply: whole, streamed, with settings, and safely repeated.
//! Watching and stopping a reply is in `replies.rs`, other branches are in `branches.rs`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{BROKEN, House, SLOW, grow_by_one, text, text_of};

#[tokio::test]
async fn a_message_gets_a_reply() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let exchange = ada.chat("Hello").await;
    let (conversation, message, reply) = (
        &exchange["conversation"],
        &exchange["message"],
        &exchange["reply"],
    );
    assert_eq!(message["role"], "user");
    assert_eq!(message["content"], "Hello");
    assert_eq!(message["status"], "complete");
    assert_eq!(message["sibling_ids"], json!([message["id"]]));
    assert!(message.get("parent_id").is_none());
    assert_eq!(reply["role"], "assistant");
    assert_eq!(reply["status"], "complete");
    assert_eq!(reply["finish_reason"], "stop");
    assert_eq!(reply["parent_id"], message["id"]);
    assert_eq!(reply["conversation_id"], conversation["id"]);
    assert!(!text(reply, "/content").is_empty());
    for field in ["prompt_tokens", "cached_tokens", "completion_tokens"] {
        assert!(reply["usage"][field].is_u64(), "{field} of {reply}");
    }
    for field in ["queued_ms", "prefill_ms", "decode_ms"] {
        assert!(reply["timings"][field].is_u64(), "{field} of {reply}");
    }
    assert_eq!(conversation["head_id"], reply["id"]);

    let id = text(conversation, "/id");
    let messages = ada.messages(id).await;
    assert_eq!(messages, [message.clone(), reply.clone()]);
}

#[tokio::test]
async fn a_second_message_answers_the_first_reply() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let first = ada.chat("Hello").await;
    let path = format!(
        "/api/v1/conversations/{}/messages",
        text(&first, "/conversation/id")
    );
    let second = ada
        .post(&path, json!({"content": "And again"}))
        .await
        .ok(200);
    assert_eq!(second["message"]["parent_id"], first["reply"]["id"]);
    let messages = ada.get(&path).await.ok(200);
    let roles: Vec<&Value> = messages["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|m| &m["role"])
        .collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant"]);
}

#[tokio::test]
async fn a_streamed_reply_comes_in_pieces_that_make_the_whole() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut stream = ada.chat_stream(SLOW).await;
    let events = stream.rest().await;
    assert_eq!((events[0].name.as_str(), events[0].id), ("started", 0));
    grow_by_one(&events);
    let names = ["started", "queued", "prefill", "delta", "done", "title"];
    assert!(
        events
            .iter()
            .all(|event| names.contains(&event.name.as_str())),
        "{events:?}"
    );
    assert!(
        events.iter().filter(|event| event.name == "delta").count() > 5,
        "{events:?}"
    );

    let done = events
        .iter()
        .find(|event| event.name == "done")
        .expect("it ends");
    let reply = &done.data["message"];
    assert_eq!(reply["status"], "complete");
    assert_eq!(reply["content"], text_of(&events));
    assert_eq!(reply["id"], events[0].data["reply"]["id"]);
    assert_eq!(events[0].data["reply"]["status"], "running");
    assert_eq!(events[0].data["message"]["content"], SLOW);
    assert_eq!(
        events[0].data["conversation"]["running_reply_id"],
        reply["id"]
    );
}

#[tokio::test]
async fn settings_reach_the_model() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let body = json!({"content": SLOW, "settings": {"max_tokens": 4, "temperature": 0.5, "top_k": 40,
        "top_p": 0.9, "min_p": 0.05, "repeat_penalty": 1.1, "seed": 7, "system_prompt": "Be short."}});
    let exchange = ada.post("/api/v1/chat", body).await.ok(200);
    assert_eq!(exchange["reply"]["finish_reason"], "length");
    assert_eq!(exchange["reply"]["usage"]["completion_tokens"], 4);
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let nonsense = [
        json!({"temperature": -1}),
        json!({"temperature": 1e9}),
        json!({"temperature": "hot"}),
        json!({"top_p": 0}),
        json!({"top_p": 2}),
        json!({"top_k": -1}),
        json!({"min_p": 7}),
        json!({"repeat_penalty": 0}),
        json!({"max_tokens": 0}),
        json!({"max_tokens": -5}),
        json!({"seed": 1.5}),
        json!({"colour": "blue"}),
        json!([]),
        json!("x"),
    ];
    for settings in nonsense {
        let body = json!({"content": "Hello", "settings": settings});
        ada.post("/api/v1/chat", body)
            .await
            .refused(400, "invalid_request");
    }
    let list = ada.get("/api/v1/conversations").await.ok(200);
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn the_same_client_id_doubles_nothing() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let body = json!({"content": "Hello", "client_id": "a-choice-of-mine"});
    let first = ada.post("/api/v1/chat", body.clone()).await.ok(200);
    let again = ada.post("/api/v1/chat", body.clone()).await.ok(200);
    assert_eq!(again["message"], first["message"]);
    assert_eq!(again["reply"], first["reply"]);

    let id = text(&first, "/conversation/id");
    let path = format!("/api/v1/conversations/{id}/messages");
    let events = ada.stream(&path, body).await.rest().await;
    assert_eq!(events[0].data["reply"]["id"], first["reply"]["id"]);
    assert_eq!(
        text_of(&events),
        first["reply"]["content"],
        "a repeated stream gives the same reply"
    );
    let messages = ada.get(&format!("{path}?all=true")).await.ok(200);
    assert_eq!(messages["items"].as_array().expect("a list").len(), 2);
}

#[tokio::test]
async fn a_client_id_is_good_for_one_message() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let said = json!({"content": "Hello", "client_id": "1"});
    let first = ada.post("/api/v1/chat", said.clone()).await.ok(200);
    let elsewhere = ada.post("/api/v1/conversations", json!({})).await.ok(201);
    let path = format!("/api/v1/conversations/{}/messages", text(&elsewhere, "/id"));
    ada.post(&path, said).await.refused(409, "conflict");
    let other = json!({"content": "Something else", "client_id": "1"});
    ada.post("/api/v1/chat", other.clone())
        .await
        .refused(409, "conflict");
    let edit = format!("/api/v1/messages/{}/edit", text(&first, "/message/id"));
    ada.post(&edit, other).await.refused(409, "conflict");
    assert!(ada.messages(text(&elsewhere, "/id")).await.is_empty());
}

#[tokio::test]
async fn eight_sends_of_one_client_id_at_once_are_one_message() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let conversation = ada.post("/api/v1/conversations", json!({})).await.ok(201);
    let path = format!(
        "/api/v1/conversations/{}/messages",
        text(&conversation, "/id")
    );
    for (path, client_id) in [(path.as_str(), "in-one"), ("/api/v1/chat", "in-new")] {
        let mut sends = Vec::new();
        for _ in 0..8 {
            let (ada, path) = (ada.clone(), path.to_owned());
            let body = json!({"content": "Hello", "client_id": client_id});
            sends.push(tokio::spawn(
                async move { ada.post(&path, body).await.ok(200) },
            ));
        }
        let mut ids = BTreeSet::new();
        for send in sends {
            let exchange = send.await.expect("a send ends");
            ids.insert(text(&exchange, "/reply/id").to_owned());
        }
        assert_eq!(ids.len(), 1);
    }
    assert_eq!(
        ada.get(&path).await.ok(200)["items"]
            .as_array()
            .expect("a list")
            .len(),
        2
    );
    assert_eq!(
        ada.get("/api/v1/conversations").await.ok(200)["items"]
            .as_array()
            .expect("a list")
            .len(),
        2
    );
}

#[tokio::test]
async fn a_client_id_is_ones_own() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let body = json!({"content": "Hello", "client_id": "same"});
    let hers = ada.post("/api/v1/chat", body.clone()).await.ok(200);
    let his = bob.post("/api/v1/chat", body).await.ok(200);
    assert_ne!(hers["message"]["id"], his["message"]["id"]);
}

#[tokio::test]
async fn content_and_client_id_have_limits() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for content in ["", "   \n\t"] {
        ada.post("/api/v1/chat", json!({"content": content}))
            .await
            .refused(400, "invalid_request");
    }
    let long = "x".repeat(256 * 1024 + 1);
    ada.post("/api/v1/chat", json!({"content": long}))
        .await
        .refused(413, "payload_too_large");
    for client_id in [String::new(), "x".repeat(65)] {
        let body = json!({"content": "Hello", "client_id": client_id});
        ada.post("/api/v1/chat", body)
            .await
            .refused(400, "invalid_request");
    }
    let body = json!({"content": "Hello", "client_id": "x".repeat(64)});
    ada.post("/api/v1/chat", body).await.ok(200);
}

#[tokio::test]
async fn a_reply_that_fails_keeps_its_text_and_can_be_continued() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let events = ada.chat_stream(BROKEN).await.rest().await;
    let failed = events
        .iter()
        .find(|event| event.name == "failed")
        .expect("it fails");
    grow_by_one(&events);
    assert!(
        failed.data["error"]["code"].is_string() && failed.data["error"]["message"].is_string()
    );
    let reply = &failed.data["message"];
    assert_eq!(reply["status"], "failed");
    let so_far = text(reply, "/content").to_owned();
    assert!(!so_far.is_empty());
    assert_eq!(so_far, text_of(&events));

    let id = text(reply, "/id");
    let path = format!("/api/v1/messages/{id}/continue");
    let continued = ada.stream(&path, json!({})).await.rest().await;
    let done = continued
        .iter()
        .find(|event| event.is_final())
        .expect("it ends");
    assert_eq!(done.name, "done", "{done:?}");
    let whole = text(&done.data, "/message/content");
    assert_eq!(done.data["message"]["id"], id, "it goes on in place");
    assert!(whole.starts_with(&so_far) && whole.len() > so_far.len());
    assert_eq!(format!("{so_far}{}", text_of(&continued)), whole);
    ada.post(&path, json!({})).await.refused(409, "conflict");
}

#[tokio::test]
async fn a_reply_that_reached_its_limit_can_be_continued() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let body = json!({"content": SLOW, "settings": {"max_tokens": 4}});
    let cut = ada.post("/api/v1/chat", body).await.ok(200);
    let path = format!("/api/v1/messages/{}/continue", text(&cut, "/reply/id"));
    let whole = ada.post(&path, json!({"settings": {}})).await.ok(200);
    let text = |exchange: &Value| text(exchange, "/reply/content").to_owned();
    assert!(text(&whole).starts_with(&text(&cut)) && text(&whole).ends_with("End."));
    assert_eq!(whole["reply"]["finish_reason"], "stop");
    ada.post(&path, json!({})).await.refused(409, "conflict");
}
