//! Readers that were away too long, read too slowly, or saw the house die: what they have in the end
//! is the reply, whole and once. Resuming within what is remembered is in `replies.rs`.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, ENDLESS, Event, FLOOD, House, Person, text_of};

async fn stored(person: &Person, started: &Event) -> serde_json::Value {
    let id = started.data["conversation"]["id"].as_str().expect("an id");
    let path = format!("/api/v1/conversations/{id}/messages");
    person.get(&path).await.ok(200)["items"][1].clone()
}

fn reply_id(started: &Event) -> &str {
    started.data["reply"]["id"].as_str().expect("an id")
}

#[tokio::test]
async fn a_reader_from_too_far_back_gets_a_snapshot() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let whole = ada
        .stream("/api/v1/chat", json!({"content": FLOOD}))
        .await
        .rest()
        .await;
    let text = stored(&ada, &whole[0]).await["content"].clone();
    assert_eq!(text, "a b c d e ".repeat(5000));
    for last in [None, Some(0), Some(1), Some(100)] {
        let events = ada.follow(reply_id(&whole[0]), last).await.rest().await;
        assert_eq!(events[0].name, "snapshot", "behind {last:?}");
        assert_eq!(text_of(&events), text, "behind {last:?}");
        assert!(
            events.iter().any(|event| event.name == "done"),
            "behind {last:?}"
        );
    }
}

#[tokio::test]
async fn a_slow_reader_holds_up_nobody_and_misses_nothing() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut slow = ada.stream("/api/v1/chat", json!({"content": FLOOD})).await;
    let mut seen = vec![slow.next().await.expect("an event")];
    let quick = ada.follow(reply_id(&seen[0]), Some(0)).await.rest().await;
    let text = "a b c d e ".repeat(5000);
    assert_eq!(text_of(&quick), text);
    tokio::time::sleep(Duration::from_millis(300)).await;
    seen.extend(slow.rest().await);
    assert_eq!(text_of(&seen), text);
    let growing = seen.windows(2).all(|pair| pair[0].id < pair[1].id);
    assert!(growing, "an event came twice");
}

#[tokio::test]
async fn after_a_crash_a_reader_gets_what_was_saved_and_can_go_on() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let mut stream = ada
        .stream("/api/v1/chat", json!({"content": ENDLESS}))
        .await;
    let seen = stream.deltas(80).await;
    house.kill();
    house.start_again().await;
    let ada = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));

    let last = seen.last().expect("events").id;
    let events = ada
        .follow(reply_id(&seen[0]), Some(last))
        .await
        .rest()
        .await;
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["snapshot", "done"]);
    assert!(events[0].id > last, "an id never means two things");
    let reply = &events[1].data["message"];
    assert_eq!(reply["status"], "interrupted");
    let saved = reply["content"].as_str().expect("a text");
    assert!(
        text_of(&seen).starts_with(saved),
        "what was saved is what was seen"
    );
    let words = saved.split_whitespace().count();
    // A checkpoint is half a second old at most; a busy machine is given twice that.
    assert!(words >= 30, "only {words} words of 80 were saved");

    let path = format!("/api/v1/messages/{}/continue", reply_id(&seen[0]));
    let mut stream = ada.stream(&path, json!({})).await;
    let more = stream.deltas(3).await;
    assert!(more[0].id > events[0].id, "ids go on growing");
    ada.post(
        &format!("/api/v1/replies/{}/stop", reply_id(&seen[0])),
        json!(null),
    )
    .await
    .ok(200);
    let whole = stored(&ada, &seen[0]).await;
    assert!(
        whole["content"]
            .as_str()
            .expect("a text")
            .starts_with(&format!("{saved}{}", text_of(&more)))
    );
}

#[tokio::test]
async fn a_last_event_id_that_is_no_number_is_refused() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let exchange = ada
        .post("/api/v1/chat", json!({"content": "Hello"}))
        .await
        .ok(200);
    let path = format!(
        "/api/v1/replies/{}/events",
        exchange["reply"]["id"].as_str().expect("an id")
    );
    for id in ["x", "-1", "1.5", "99999999999999999999999"] {
        let request = ada.request(Method::GET, &path).header("last-event-id", id);
        Answer::of(request).await.refused(400, "invalid_request");
    }
}
