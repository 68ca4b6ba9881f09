//! The message tree: regenerate and edit make siblings, the head says which branch is shown.
//! Nothing that was said is ever overwritten.

use serde_json::json;

use crate::support::{ENDLESS, House, Person, SLOW, text};

async fn shown(person: &Person, conversation: &str) -> Vec<String> {
    let messages = person.messages(conversation).await;
    let ids = messages.iter().map(|message| text(message, "/id"));
    ids.map(str::to_owned).collect()
}

#[tokio::test]
async fn regenerating_makes_a_sibling_and_shows_it() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let first = ada.chat("Hello").await;
    let (conversation, reply) = (text(&first, "/conversation/id"), text(&first, "/reply/id"));
    let path = format!("/api/v1/messages/{reply}/regenerate");
    let second = ada.post(&path, json!({})).await.ok(200);
    assert_ne!(second["reply"]["id"], first["reply"]["id"]);
    assert_eq!(second["message"]["id"], first["message"]["id"]);
    let siblings = json!([first["reply"]["id"], second["reply"]["id"]]);
    assert_eq!(second["reply"]["sibling_ids"], siblings, "oldest first");
    assert_eq!(second["conversation"]["head_id"], second["reply"]["id"]);
    assert_eq!(
        shown(&ada, conversation).await,
        [text(&first, "/message/id"), text(&second, "/reply/id")]
    );

    let third = ada
        .stream(&path, json!({"settings": {"seed": 5}}))
        .await
        .rest()
        .await;
    assert_eq!(third[0].name, "started");
    let all = ada
        .get(&format!(
            "/api/v1/conversations/{conversation}/messages?all=true"
        ))
        .await
        .ok(200);
    assert_eq!(all["items"].as_array().expect("a list").len(), 4);
    assert_eq!(
        all["items"][1]["content"], first["reply"]["content"],
        "the first is still there"
    );
}

#[tokio::test]
async fn editing_a_message_makes_a_branch() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let first = ada.chat("Hello").await;
    let conversation = text(&first, "/conversation/id");
    let path = format!("/api/v1/conversations/{conversation}/messages");
    let second = ada
        .post(&path, json!({"content": "And then?"}))
        .await
        .ok(200);

    let edit = format!("/api/v1/messages/{}/edit", text(&first, "/message/id"));
    let body = json!({"content": "Good evening", "client_id": "edit-1"});
    let edited = ada.post(&edit, body.clone()).await.ok(200);
    assert_eq!(edited["message"]["content"], "Good evening");
    assert!(
        edited["message"].get("parent_id").is_none(),
        "it stands where the first stood"
    );
    assert_eq!(
        edited["message"]["sibling_ids"],
        json!([first["message"]["id"], edited["message"]["id"]])
    );
    assert_eq!(
        shown(&ada, conversation).await,
        [text(&edited, "/message/id"), text(&edited, "/reply/id")]
    );
    let again = ada.post(&edit, body).await.ok(200);
    assert_eq!(
        again["message"]["id"], edited["message"]["id"],
        "a retry edits nothing twice"
    );

    // Back to the first branch, to its very end.
    let head = json!({"head_id": first["message"]["id"]});
    let switched = ada
        .patch(&format!("/api/v1/conversations/{conversation}"), head)
        .await
        .ok(200);
    assert_eq!(switched["head_id"], second["reply"]["id"]);
    let ids = [
        &first["message"],
        &first["reply"],
        &second["message"],
        &second["reply"],
    ];
    let ids: Vec<&str> = ids.iter().map(|message| text(message, "/id")).collect();
    assert_eq!(shown(&ada, conversation).await, ids);
}

#[tokio::test]
async fn continuing_an_earlier_reply_hides_nothing_that_came_after() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let cut = json!({"content": SLOW, "settings": {"max_tokens": 4}});
    let first = ada.post("/api/v1/chat", cut).await.ok(200);
    let conversation = text(&first, "/conversation/id");
    let path = format!("/api/v1/conversations/{conversation}/messages");
    ada.post(&path, json!({"content": "And then?"}))
        .await
        .ok(200);
    let before = shown(&ada, conversation).await;
    let path = format!("/api/v1/messages/{}/continue", text(&first, "/reply/id"));
    ada.post(&path, json!({"settings": {}})).await.ok(200);
    assert_eq!(shown(&ada, conversation).await, before);
}

#[tokio::test]
async fn a_message_can_answer_any_earlier_reply() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let first = ada.chat("Hello").await;
    let conversation = text(&first, "/conversation/id");
    let path = format!("/api/v1/conversations/{conversation}/messages");
    let second = ada.post(&path, json!({"content": "One way"})).await.ok(200);
    let body = json!({"content": "Another way", "parent_id": first["reply"]["id"]});
    let other = ada.post(&path, body).await.ok(200);
    assert_eq!(
        other["message"]["sibling_ids"],
        json!([second["message"]["id"], other["message"]["id"]])
    );

    let to_question = json!({"content": "x", "parent_id": first["message"]["id"]});
    ada.post(&path, to_question)
        .await
        .refused(400, "invalid_request");
    let elsewhere = ada.chat("Hello").await;
    let foreign = json!({"content": "x", "parent_id": elsewhere["reply"]["id"]});
    ada.post(&path, foreign).await.refused(404, "not_found");
    let in_new = json!({"content": "x", "parent_id": first["reply"]["id"]});
    ada.post("/api/v1/chat", in_new)
        .await
        .refused(400, "invalid_request");
}

#[tokio::test]
async fn only_ones_own_words_are_edited_and_only_replies_regenerated() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let first = ada.chat("Hello").await;
    let (message, reply) = (text(&first, "/message/id"), text(&first, "/reply/id"));
    let edit = json!({"content": "I never said that"});
    ada.post(&format!("/api/v1/messages/{reply}/edit"), edit)
        .await
        .refused(400, "invalid_request");
    ada.post(&format!("/api/v1/messages/{message}/regenerate"), json!({}))
        .await
        .refused(400, "invalid_request");
    ada.post(&format!("/api/v1/messages/{message}/continue"), json!({}))
        .await
        .refused(400, "invalid_request");
}

#[tokio::test]
async fn a_running_reply_is_not_answered_but_can_be_gone_round() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut events = ada.chat_stream(ENDLESS).await;
    let started = events.next().await.expect("an event").data;
    let (conversation, reply) = (
        text(&started, "/conversation/id"),
        text(&started, "/reply/id"),
    );
    let path = format!("/api/v1/conversations/{conversation}/messages");
    ada.post(&path, json!({"content": "Wait"}))
        .await
        .refused(409, "conflict");
    ada.post(&format!("/api/v1/messages/{reply}/continue"), json!({}))
        .await
        .refused(409, "conflict");

    let edit = format!("/api/v1/messages/{}/edit", text(&started, "/message/id"));
    let edited = ada.post(&edit, json!({"content": "Hello"})).await.ok(200);
    assert_eq!(edited["reply"]["status"], "complete");
    let running = ada.get("/api/v1/replies").await.ok(200);
    assert_eq!(text(&running, "/items/0/id"), reply, "the first goes on");
    ada.post(&format!("/api/v1/replies/{reply}/stop"), json!(null))
        .await
        .ok(200);
}
