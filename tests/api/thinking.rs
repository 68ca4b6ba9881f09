//! What a model thinks before it answers: told apart, kept, ended on demand, gone on with.
//! A thought is the reply's own: it is in no other field and in no later question.

use serde_json::{Value, json};

use crate::support::{Event, Events, House, Person, Script, text, text_of};

const THOUGHT: &str = "They want to know whether it is warm, so I look outside.";
const ANSWER: &str = "It is warm.";

/// Two thousand words of thought, one each 20 ms.
fn long_thought() -> String {
    (0..2000).map(|number| format!("hm{number} ")).collect()
}

async fn house() -> (House, Person) {
    let short = json!({"when": "^Warm", "reasoning": THOUGHT, "reply": ANSWER});
    let long =
        json!({"when": "^Ponder", "reasoning": long_thought(), "reply": ANSWER, "delay_ms": 20});
    let repeating = json!({"when": "^Repeat", "repeat_request": true});
    let script = Script::default().rule(short).rule(long).rule(repeating);
    let house = House::scripted(script).await;
    let ada = house.set_up().await;
    (house, ada)
}

fn thought_of(events: &[Event]) -> String {
    let thoughts = events.iter().filter(|event| event.name == "reasoning");
    thoughts.map(|event| text(&event.data, "/text")).collect()
}

/// Reads until so many pieces of thought have come.
async fn thoughts(stream: &mut Events, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while events
        .iter()
        .filter(|event: &&Event| event.name == "reasoning")
        .count()
        < count
    {
        events.push(stream.next().await.expect("it goes on thinking"));
    }
    events
}

#[tokio::test]
async fn a_thought_is_told_apart_and_kept_with_its_reply() {
    let (_house, ada) = house().await;
    let events = ada.chat_stream("Warm?").await.rest().await;
    assert_eq!(thought_of(&events), THOUGHT);
    assert_eq!(text_of(&events), ANSWER);
    let position = |name: &str| events.iter().position(|event| event.name == name);
    assert!(position("reasoning") < position("delta"));
    let reply = ada.stored_reply(&events[0]).await;
    assert_eq!(reply["reasoning"], THOUGHT);
    assert_eq!(reply["content"], ANSWER);
    assert_eq!(reply["usage"]["reasoning_tokens"], 12);
    let late = ada.follow(events[0].reply_id(), None).await.rest().await;
    assert_eq!(late[0].data["message"]["reasoning"], THOUGHT);
    let plain = ada.chat("Hello").await;
    assert_eq!(plain["reply"].get("reasoning"), None);
}

#[tokio::test]
async fn a_reader_that_comes_back_gets_the_rest_of_the_thought() {
    let (_house, ada) = house().await;
    let mut stream = ada.chat_stream("Ponder").await;
    let mut seen = thoughts(&mut stream, 4).await;
    drop(stream);
    let (reply, last) = (seen[0].reply_id().to_owned(), seen[seen.len() - 1].id);
    let mut again = ada.follow(&reply, Some(last)).await;
    seen.extend(thoughts(&mut again, 3).await);
    assert!(long_thought().starts_with(&thought_of(&seen)));
    assert_eq!(seen[seen.len() - 1].id, seen[0].id + seen.len() as u64 - 1);
    ada.post(&format!("/api/v1/replies/{reply}/stop"), json!({}))
        .await
        .ok(200);
}

#[tokio::test]
async fn how_much_is_thought_is_a_setting_that_is_kept() {
    let (_house, ada) = house().await;
    let off = json!({"content": "Warm?", "settings": {"reasoning": "off"}});
    let exchange = ada.post("/api/v1/chat", off).await.ok(200);
    assert_eq!(exchange["reply"].get("reasoning"), None);
    assert_eq!(exchange["reply"]["content"], ANSWER);
    let path = format!(
        "/api/v1/messages/{}/regenerate",
        text(&exchange, "/reply/id")
    );
    let again = ada.post(&path, json!({})).await.ok(200);
    assert_eq!(again["reply"].get("reasoning"), None, "as the first time");
    let thinking = json!({"settings": {"reasoning": "medium"}});
    let again = ada.post(&path, thinking).await.ok(200);
    assert_eq!(again["reply"]["reasoning"], THOUGHT);
    let high = json!({"content": "Repeat", "settings": {"reasoning": "high"}});
    let exchange = ada.post("/api/v1/chat", high).await.ok(200);
    let request: Value = serde_json::from_str(text(&exchange, "/reply/content")).expect("JSON");
    assert_eq!(request["reasoning"], "high");
    let wrong = json!({"content": "Warm?", "settings": {"reasoning": "utmost"}});
    ada.post("/api/v1/chat", wrong)
        .await
        .refused(400, "invalid_request");
}

#[tokio::test]
async fn earlier_thoughts_are_not_shown_to_the_model() {
    let (_house, ada) = house().await;
    let first = ada.chat("Warm?").await;
    let path = format!(
        "/api/v1/conversations/{}/messages",
        text(&first, "/conversation/id")
    );
    let second = ada.post(&path, json!({"content": "Repeat"})).await.ok(200);
    let request: Value = serde_json::from_str(text(&second, "/reply/content")).expect("JSON");
    assert_eq!(request["messages"][1]["content"], ANSWER);
    assert_eq!(request["messages"][1]["reasoning"], "");
}

#[tokio::test]
async fn thinking_can_be_ended_and_the_answer_follows() {
    let (_house, ada) = house().await;
    let mut stream = ada.chat_stream("Ponder").await;
    let mut events = thoughts(&mut stream, 3).await;
    let path = format!("/api/v1/replies/{}/answer", events[0].reply_id());
    let message = ada.post(&path, json!({})).await.ok(200);
    assert_eq!(message["status"], "running");
    events.extend(stream.rest().await);
    assert_eq!(text_of(&events), ANSWER);
    let thought = thought_of(&events);
    assert!(long_thought().starts_with(&thought) && thought.len() < long_thought().len());
    let reply = ada.stored_reply(&events[0]).await;
    assert_eq!(reply["status"], "complete");
    assert_eq!(reply["reasoning"], thought);
    assert_eq!(reply["content"], ANSWER);
    let again = ada.post(&path, json!({})).await.ok(200);
    assert_eq!(again, reply, "what has ended stays as it is");
}

#[tokio::test]
async fn an_answer_that_has_begun_is_not_begun_anew() {
    let (_house, ada) = house().await;
    let mut stream = ada.chat_stream(crate::support::SLOW).await;
    let mut events = stream.deltas(3).await;
    let path = format!("/api/v1/replies/{}/answer", events[0].reply_id());
    ada.post(&path, json!({})).await.ok(200);
    events.extend(stream.rest().await);
    let queued = events.iter().filter(|event| event.name == "queued").count();
    assert_eq!(queued, 2, "it waited for its turn once");
    assert_eq!(
        ada.stored_reply(&events[0]).await["content"],
        text_of(&events)
    );
}

#[tokio::test]
async fn nobody_else_can_end_the_thinking() {
    let (house, ada) = house().await;
    let eve = house.add_user(&ada, "eve").await;
    let mut stream = ada.chat_stream("Ponder").await;
    let events = thoughts(&mut stream, 1).await;
    let path = format!("/api/v1/replies/{}/answer", events[0].reply_id());
    eve.post(&path, json!({})).await.refused(404, "not_found");
    house
        .stranger()
        .post(&path, json!({}))
        .await
        .refused(401, "unauthenticated");
    thoughts(&mut stream, 5).await;
    let stop = format!("/api/v1/replies/{}/stop", events[0].reply_id());
    ada.post(&stop, json!({})).await.ok(200);
}

#[tokio::test]
async fn a_thought_that_was_cut_short_is_gone_on_with() {
    let (_house, ada) = house().await;
    let mut stream = ada.chat_stream("Ponder").await;
    let events = thoughts(&mut stream, 3).await;
    let id = events[0].reply_id().to_owned();
    let stop = format!("/api/v1/replies/{id}/stop");
    let stopped = ada.post(&stop, json!({})).await.ok(200);
    assert_eq!(stopped["content"], "");
    let before = text(&stopped, "/reasoning").to_owned();
    let mut stream = ada
        .stream(&format!("/api/v1/messages/{id}/continue"), json!({}))
        .await;
    let further = thoughts(&mut stream, 3).await;
    let whole = before + &thought_of(&further);
    assert!(long_thought().starts_with(&whole), "{whole}");
    let answer = format!("/api/v1/replies/{id}/answer");
    ada.post(&answer, json!({})).await.ok(200);
    let rest = stream.rest().await;
    assert_eq!(text_of(&rest), ANSWER);
}
