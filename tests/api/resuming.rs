//! Readers that were away too long, read too slowly, or saw the house die: what they have in the end
//! is the reply, whole and once. Resuming within what is remembered is in `replies.rs`.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, ENDLESS, FLOOD, House, SLOW, text, text_of};

#[tokio::test]
async fn a_reader_from_too_far_back_gets_a_snapshot() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let whole = ada.chat_stream(FLOOD).await.rest().await;
    let text = ada.stored_reply(&whole[0]).await["content"].clone();
    assert_eq!(text, "a b c d e ".repeat(5000));
    for last in [None, Some(0), Some(1), Some(100)] {
        let events = ada.follow(whole[0].reply_id(), last).await.rest().await;
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
    let mut slow = ada.chat_stream(FLOOD).await;
    let mut seen = vec![slow.next().await.expect("an event")];
    let quick = ada.follow(seen[0].reply_id(), Some(0)).await.rest().await;
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
    let mut stream = ada.chat_stream(ENDLESS).await;
    let seen = stream.deltas(80).await;
    house.kill();
    house.start_again().await;
    let ada = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));

    let last = seen.last().expect("events").id;
    let events = ada
        .follow(seen[0].reply_id(), Some(last))
        .await
        .rest()
        .await;
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["snapshot", "done"]);
    assert!(events[0].id > last, "an id never means two things");
    let reply = &events[1].data["message"];
    assert_eq!(reply["status"], "interrupted");
    let saved = text(reply, "/content");
    assert!(
        text_of(&seen).starts_with(saved),
        "what was saved is what was seen"
    );
    let words = saved.split_whitespace().count();
    // A checkpoint is half a second old at most; a busy machine is given twice that.
    assert!(words >= 30, "only {words} words of 80 were saved");

    let path = format!("/api/v1/messages/{}/continue", seen[0].reply_id());
    let mut stream = ada.stream(&path, json!({})).await;
    let more = stream.deltas(3).await;
    assert!(more[0].id > events[0].id, "ids go on growing");
    ada.post(
        &format!("/api/v1/replies/{}/stop", seen[0].reply_id()),
        json!(null),
    )
    .await
    .ok(200);
    let whole = ada.stored_reply(&seen[0]).await;
    assert!(text(&whole, "/content").starts_with(&format!("{saved}{}", text_of(&more))));
}

#[tokio::test]
async fn whoever_saw_the_title_misses_nothing_of_a_reply_that_goes_on() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let cut = json!({"content": SLOW, "settings": {"max_tokens": 4}});
    let seen = ada.stream("/api/v1/chat", cut).await.rest().await;
    let title = seen.last().expect("a title comes last");
    assert_eq!(title.name, "title");
    let path = format!("/api/v1/messages/{}/continue", seen[0].reply_id());
    let whole = ada.post(&path, json!({"settings": {}})).await.ok(200);
    let rest = ada
        .follow(seen[0].reply_id(), Some(title.id))
        .await
        .rest()
        .await;
    assert!(rest.iter().all(|event| event.name != "snapshot"));
    assert_eq!(
        text_of(&seen) + &text_of(&rest),
        text(&whole, "/reply/content")
    );
}

#[tokio::test]
async fn a_last_event_id_that_is_no_number_is_refused() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let exchange = ada.chat("Hello").await;
    let path = format!("/api/v1/replies/{}/events", text(&exchange, "/reply/id"));
    for id in ["x", "-1", "1.5", "99999999999999999999999"] {
        let request = ada.request(Method::GET, &path).header("last-event-id", id);
        Answer::of(request).await.refused(400, "invalid_request");
    }
}
