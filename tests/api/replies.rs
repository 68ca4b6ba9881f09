//! A reply belongs to the house: watched by many, resumed anywhere, stopped only on purpose.
//! Event ids are the contract here: none is missed and none comes twice.

use serde_json::json;

use crate::support::{ENDLESS, Event, House, SLOW, grow_by_one, text, text_of};

/// Events without the title, which may come at any time near the end.
fn without_title(events: &[Event]) -> Vec<Event> {
    events
        .iter()
        .filter(|event| event.name != "title")
        .cloned()
        .collect()
}

#[tokio::test]
async fn a_reader_that_comes_back_gets_exactly_the_rest() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut stream = ada.chat_stream(SLOW).await;
    let mut seen = stream.deltas(4).await;
    drop(stream);
    let (reply, last) = (
        seen[0].reply_id().to_owned(),
        seen.last().expect("events").id,
    );
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    seen.extend(ada.follow(&reply, Some(last)).await.rest().await);
    grow_by_one(&seen);
    assert!(
        seen.iter().all(|event| event.name != "snapshot"),
        "it was remembered: {seen:?}"
    );
    assert_eq!(ada.stored_reply(&seen[0]).await["content"], text_of(&seen));
}

#[tokio::test]
async fn whatever_was_seen_last_the_rest_is_exact() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let whole = ada.chat_stream(SLOW).await.rest().await;
    let reply = whole[0].reply_id().to_owned();
    for (index, event) in whole.iter().enumerate() {
        let rest = ada.follow(&reply, Some(event.id)).await.rest().await;
        assert_eq!(rest, whole[index + 1..], "behind {event:?}");
    }
}

#[tokio::test]
async fn two_readers_see_the_same() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut one = ada.chat_stream(SLOW).await;
    let started = one.next().await.expect("an event");
    let mut other = ada.follow(started.reply_id(), Some(0)).await;
    let (one, other) = tokio::join!(one.rest(), other.rest());
    assert_eq!(one, other);
    assert_eq!(grow_by_one(&one) as usize, one.len());
}

#[tokio::test]
async fn a_reader_with_nothing_gets_a_snapshot_and_the_rest() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut first = ada.chat_stream(SLOW).await;
    let mut whole = first.deltas(5).await;
    let late = ada.follow(whole[0].reply_id(), None).await.rest().await;
    whole.extend(first.rest().await);
    assert_eq!(late[0].name, "snapshot");
    grow_by_one(&late);
    assert_eq!(text_of(&late), text_of(&whole));
    let position = whole
        .iter()
        .position(|event| event.id == late[0].id)
        .expect("a known id");
    assert_eq!(late[1..], whole[position + 1..]);
}

#[tokio::test]
async fn an_ended_reply_answers_with_its_end() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let exchange = ada.chat("Hello").await;
    let reply = text(&exchange, "/reply/id").to_owned();
    let token = ada.access_token.clone().expect("a token");
    for round in ["before", "after"] {
        let person = house.stranger().with_token(&token);
        let events = without_title(&person.follow(&reply, None).await.rest().await);
        let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["snapshot", "done"], "{round} a restart");
        assert_eq!(events[1].data["message"], exchange["reply"]);
        house.start_again().await;
    }
    let person = house.stranger().with_token(&token);
    for last in [1, 3, u64::MAX] {
        let events = without_title(&person.follow(&reply, Some(last)).await.rest().await);
        assert_eq!(events.last().expect("events").name, "done", "behind {last}");
    }
}

#[tokio::test]
async fn stopping_keeps_the_text_so_far() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut stream = ada.chat_stream(ENDLESS).await;
    let mut events = stream.deltas(5).await;
    let stopped = ada
        .post(
            &format!("/api/v1/replies/{}/stop", events[0].reply_id().to_owned()),
            json!(null),
        )
        .await
        .ok(200);
    assert_eq!(stopped["status"], "stopped");
    events.extend(stream.rest().await);
    grow_by_one(&events);
    let done = events.last().expect("events");
    assert_eq!(
        (done.name.as_str(), &done.data["message"]),
        ("done", &stopped)
    );
    assert_eq!(stopped["content"], text_of(&events));
    assert_eq!(ada.stored_reply(&events[0]).await, stopped);

    let again = ada
        .post(
            &format!("/api/v1/replies/{}/stop", events[0].reply_id().to_owned()),
            json!(null),
        )
        .await
        .ok(200);
    assert_eq!(again, stopped, "stopping what has stopped changes nothing");
}

#[tokio::test]
async fn a_stopped_reply_can_be_continued() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut stream = ada.chat_stream(SLOW).await;
    let events = stream.deltas(3).await;
    let reply = events[0].reply_id().to_owned();
    let stopped = ada
        .post(&format!("/api/v1/replies/{reply}/stop"), json!(null))
        .await
        .ok(200);
    let so_far = text(&stopped, "/content");
    let path = format!("/api/v1/messages/{reply}/continue");
    let continued = ada.post(&path, json!({})).await.ok(200);
    let whole = text(&continued, "/reply/content");
    assert!(whole.starts_with(so_far) && whole.len() > so_far.len());
    assert_eq!(continued["reply"]["status"], "complete");
    assert_eq!(continued["reply"]["id"], reply.as_str());
}

#[tokio::test]
async fn running_replies_are_listed_while_they_run() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let mut stream = ada.chat_stream(ENDLESS).await;
    let started = stream.deltas(2).await.remove(0);
    let (reply, conversation) = (
        started.reply_id().to_owned(),
        &started.data["conversation"]["id"],
    );
    let running = ada.get("/api/v1/replies").await.ok(200);
    assert_eq!(running["items"][0]["id"], reply.as_str());
    assert_eq!(running["items"][0]["status"], "running");
    assert!(!text(&running, "/items/0/content").is_empty());
    let path = format!(
        "/api/v1/conversations/{}",
        conversation.as_str().expect("an id")
    );
    assert_eq!(
        ada.get(&path).await.ok(200)["running_reply_id"],
        reply.as_str()
    );
    assert_eq!(
        bob.get("/api/v1/replies").await.ok(200),
        json!({"items": []})
    );

    ada.post(&format!("/api/v1/replies/{reply}/stop"), json!(null))
        .await
        .ok(200);
    assert_eq!(
        ada.get("/api/v1/replies").await.ok(200),
        json!({"items": []})
    );
    assert!(
        ada.get(&path)
            .await
            .ok(200)
            .get("running_reply_id")
            .is_none()
    );
}

#[tokio::test]
async fn a_silent_stream_shows_that_it_is_alive() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let begun = std::time::Instant::now();
    let mut stream = ada.chat_stream(crate::support::SILENT).await;
    stream.until("done").await;
    assert!(
        stream.comments >= 1,
        "no sign of life in {:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_house_that_stops_saves_its_replies() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let mut stream = ada.chat_stream(ENDLESS).await;
    let mut events = stream.deltas(5).await;
    let reading = tokio::spawn(async move { stream.rest().await });
    let status = house.stop().await;
    assert!(status.success(), "{status}");
    events.extend(reading.await.expect("the stream ends"));
    let last = events.last().expect("events");
    assert_eq!(last.name, "done", "the stream ends in order");
    assert_eq!(last.data["message"]["status"], "interrupted");

    house.start_again().await;
    let ada = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    let reply = ada.stored_reply(&events[0]).await;
    assert_eq!(reply["status"], "interrupted");
    assert_eq!(reply["content"], text_of(&events), "not a word is lost");
}
