//! Replies of models on other servers that behave badly: what is tried again, what is not, and what
//! the person is told. How sources are kept is tested in `remote_sources.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::peer::{Act, Part, Peer, offer, wait_for_model};
use crate::support::{Event, House, Person, text, text_of};

const MODEL: &str = "far/m";

/// An administrator who has these peers as one source, each of them well.
async fn with_peers(house: &House, peers: &[&Peer], options: Value) -> Person {
    let ada = house.set_up().await;
    let addresses: Vec<&str> = peers.iter().map(|peer| peer.address.as_str()).collect();
    let mut new = json!({"name": "far", "addresses": addresses});
    for (name, value) in options.as_object().expect("options") {
        new[name] = value.clone();
    }
    offer(&ada, new).await;
    wait_for_model(&ada, MODEL, "available").await;
    wait_until_all_are_well(&ada).await;
    ada
}

async fn wait_until_all_are_well(ada: &Person) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let list = ada.get("/api/v1/admin/remote-sources").await.ok(200);
        let status = list["items"][0]["status"].as_array().expect("a list");
        if status.iter().all(|address| address["state"] == "healthy") {
            return;
        }
        assert!(Instant::now() < deadline, "they are not well: {list}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ask(ada: &Person) -> Vec<Event> {
    let body = json!({"content": "Hello", "model": MODEL});
    ada.stream("/api/v1/chat", body).await.rest().await
}

fn end_of(events: &[Event]) -> &Event {
    events
        .iter()
        .find(|event| event.is_final())
        .expect("it ends")
}

/// The code and the words of a reply that failed.
fn failure_of(events: &[Event]) -> (&str, &str) {
    let end = end_of(events);
    assert_eq!(end.name, "failed", "{end:?}");
    (
        text(&end.data, "/error/code"),
        text(&end.data, "/error/message"),
    )
}

/// The one that is asked first does `acts`; which of the two that is, is told by who was asked.
async fn first_does(acts: Act, options: Value) -> (Vec<Event>, usize) {
    let house = House::start().await;
    let bad = Peer::start([acts]).await;
    let good = Peer::start([Act::says(&["all ", "is ", "well"])]).await;
    let ada = with_peers(&house, &[&bad, &good], options).await;
    // The first address is asked first where none has more to do.
    let events = ask(&ada).await;
    assert_eq!(bad.asked().len(), 1, "the bad one was asked once");
    (events, good.asked().len())
}

async fn is_asked_elsewhere(acts: Act, options: Value) {
    let (events, others) = first_does(acts, options).await;
    assert_eq!(text_of(&events), "all is well", "{events:?}");
    assert_eq!((end_of(&events).name.as_str(), others), ("done", 1));
}

#[tokio::test]
async fn a_server_error_is_tried_at_another_address() {
    let failing = Act::fails(
        "500 Internal Server Error",
        &json!({"message": "out of memory"}),
    );
    is_asked_elsewhere(failing, json!({})).await;
}

#[tokio::test]
async fn a_server_that_takes_too_long_for_its_first_word_is_given_up_for_another() {
    let silent = Act::Stream(vec![Part::Hold]);
    is_asked_elsewhere(silent, json!({"first_token_timeout_ms": 500})).await;
}

#[tokio::test]
async fn garbage_before_the_first_word_is_tried_at_another_address() {
    let garbage = Act::Stream(vec![Part::Bytes("data: {\"choices\": [\n\n".into())]);
    is_asked_elsewhere(garbage, json!({})).await;
    let page = Act::Answer("200 OK", String::new(), "{\"hello\": 1}".into());
    is_asked_elsewhere(page, json!({})).await;
}

#[tokio::test]
async fn a_line_that_never_ends_is_given_up_for_another_address() {
    let flood = Act::Stream(vec![Part::Bytes("data: ".into()), Part::Flood("x")]);
    is_asked_elsewhere(flood, json!({})).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_key_stays_at_home() {
    let house = House::start().await;
    let thief = Peer::start([Act::says(&["thanks"])]).await;
    let location = format!("location: {}/v1/chat/completions\r\n", thief.address);
    let redirect = Act::Answer("307 Temporary Redirect", location, String::new());
    let bad = Peer::start([redirect]).await;
    let ada = with_peers(&house, &[&bad], json!({"api_key": "sk-1"})).await;
    let events = ask(&ada).await;
    let (code, words) = failure_of(&events);
    assert_eq!(code, "model_unavailable");
    assert!(words.contains("another address"), "{words}");
    assert!(thief.asked().is_empty());
}

#[tokio::test]
async fn a_reply_that_is_cut_off_keeps_its_text_and_is_not_begun_again() {
    let cut = Act::Stream(vec![Part::text("half a "), Part::text("reply")]);
    let (events, others) = first_does(cut, json!({})).await;
    let (code, words) = failure_of(&events);
    assert_eq!(code, "model_unavailable");
    assert!(words.contains("broke off"), "{words}");
    assert_eq!(text_of(&events), "half a reply");
    assert_eq!(
        text(&end_of(&events).data, "/message/content"),
        "half a reply"
    );
    assert_eq!(others, 0, "nobody else is asked once something was said");
}

#[tokio::test]
async fn a_server_that_falls_silent_in_the_middle_is_not_waited_for() {
    let silent = Act::Stream(vec![Part::text("well"), Part::Hold]);
    let (events, others) = first_does(silent, json!({"between_tokens_timeout_ms": 400})).await;
    assert!(failure_of(&events).1.contains("fell silent"), "{events:?}");
    assert_eq!((text_of(&events).as_str(), others), ("well", 0));
}

#[tokio::test]
async fn garbage_in_the_middle_ends_the_reply_with_what_there_is() {
    let garbage = Part::Bytes("data: <html>\n\n".into());
    let (events, others) =
        first_does(Act::Stream(vec![Part::text("well"), garbage]), json!({})).await;
    assert!(failure_of(&events).1.contains("no answer"), "{events:?}");
    assert_eq!((text_of(&events).as_str(), others), ("well", 0));
}

#[tokio::test]
async fn a_wrong_key_is_said_plainly_and_tried_nowhere_else() {
    let wrong = json!({"message": "Incorrect API key provided: sk-…", "code": "invalid_api_key"});
    let (events, others) = first_does(Act::fails("401 Unauthorized", &wrong), json!({})).await;
    let (code, words) = failure_of(&events);
    assert_eq!(code, "model_unavailable");
    assert!(words.contains("does not accept the house's key"), "{words}");
    assert_eq!(others, 0);
}

#[tokio::test]
async fn a_request_the_server_refuses_is_refused_in_its_words() {
    let refused = json!({"message": "top_k is not known here"});
    let (events, others) = first_does(Act::fails("400 Bad Request", &refused), json!({})).await;
    let (code, words) = failure_of(&events);
    assert_eq!(code, "invalid_request");
    assert!(words.contains("top_k is not known here"), "{words}");
    assert_eq!(others, 0);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_said_it_can() {
    let house = House::start().await;
    let busy = Act::Answer(
        "429 Too Many Requests",
        "retry-after: 1\r\n".into(),
        "{}".into(),
    );
    let peer = Peer::start([busy, Act::says(&["now"])]).await;
    let ada = with_peers(&house, &[&peer], json!({})).await;
    let begun = Instant::now();
    let events = ask(&ada).await;
    assert_eq!(text_of(&events), "now");
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "it was not left in peace"
    );
    assert_eq!(peer.asked().len(), 2);
    assert!(
        events.iter().any(|event| event.name == "queued"),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_server_that_is_busy_for_long_is_not_waited_for() {
    let house = House::start().await;
    let busy = Act::Answer(
        "429 Too Many Requests",
        "retry-after: 600\r\n".into(),
        "{}".into(),
    );
    let peer = Peer::start([busy]).await;
    let ada = with_peers(&house, &[&peer], json!({})).await;
    let events = ask(&ada).await;
    assert_eq!(failure_of(&events).0, "overloaded");
    assert_eq!(peer.asked().len(), 1);
}

#[tokio::test]
async fn a_history_the_server_cannot_hold_is_shortened_and_the_reply_says_so() {
    let house = House::start().await;
    let too_long = json!({"message": "This model's maximum context length is 100 tokens. However, your messages resulted in 150 tokens.", "code": "context_length_exceeded"});
    let peer = Peer::start([
        Act::says(&["one"]),
        Act::says(&["two"]),
        Act::fails("400 Bad Request", &too_long),
        Act::says(&["three"]),
    ])
    .await;
    let ada = with_peers(&house, &[&peer], json!({})).await;
    let long = "word ".repeat(40);
    let body = json!({"content": long, "model": MODEL});
    let first = ada.post("/api/v1/chat", body).await.ok(200);
    let path = format!(
        "/api/v1/conversations/{}/messages",
        text(&first, "/conversation/id")
    );
    ada.post(&path, json!({"content": long})).await.ok(200);
    let last = ada
        .post(&path, json!({"content": "And now?"}))
        .await
        .ok(200);
    assert_eq!(last["reply"]["content"], "three");
    assert_eq!(last["reply"]["left_out_messages"], json!(2));
    let asked = peer.asked();
    let shortened = asked.last().expect("it was asked").body["messages"].clone();
    assert_eq!(shortened.as_array().map(Vec::len), Some(3), "{shortened}");
    assert_eq!(shortened[2]["content"], "And now?");
}

#[tokio::test]
async fn a_history_that_never_fits_is_refused_with_its_size() {
    let house = House::start().await;
    let too_long = json!({"message": "too long", "type": "exceed_context_size_error", "n_prompt_tokens": 900, "n_ctx": 512});
    let peer = Peer::start([Act::fails("400 Bad Request", &too_long)]).await;
    let ada = with_peers(&house, &[&peer], json!({})).await;
    let events = ask(&ada).await;
    let (code, words) = failure_of(&events);
    assert_eq!(code, "context_too_long");
    assert!(words.contains("900") && words.contains("512"), "{words}");
    assert_eq!(peer.asked().len(), 1);
}

#[tokio::test]
async fn each_piece_is_passed_on_while_the_server_holds_back_the_rest() {
    let house = House::start().await;
    let gate = Arc::new(Notify::new());
    let parts = vec![
        Part::text("first "),
        Part::Wait(Arc::clone(&gate)),
        Part::text("second"),
        Part::end(),
    ];
    let peer = Peer::start([Act::Stream(parts)]).await;
    let ada = with_peers(&house, &[&peer], json!({})).await;
    let body = json!({"content": "Hello", "model": MODEL});
    let mut stream = ada.stream("/api/v1/chat", body).await;
    let seen = stream.deltas(1).await;
    assert_eq!(text_of(&seen), "first ", "the rest is not even sent");
    gate.notify_one();
    assert_eq!(text_of(&stream.rest().await), "second");
}

#[tokio::test]
async fn a_reply_that_is_stopped_hangs_up_on_its_server_at_once() {
    let house = House::start().await;
    let peer = Peer::start([Act::Stream(vec![Part::text("well"), Part::Hold])]).await;
    let ada = with_peers(&house, &[&peer], json!({})).await;
    let body = json!({"content": "Hello", "model": MODEL});
    let mut stream = ada.stream("/api/v1/chat", body).await;
    let seen = stream.deltas(1).await;
    let reply = seen[0].reply_id();
    ada.post(&format!("/api/v1/replies/{reply}/stop"), json!({}))
        .await;
    let left = tokio::time::timeout(Duration::from_secs(30), peer.left.notified()).await;
    assert!(left.is_ok(), "it is still being listened to");
    assert_eq!(
        end_of(&stream.rest().await).data["message"]["status"],
        "stopped"
    );
}

#[tokio::test]
async fn only_a_server_that_goes_on_with_a_reply_is_asked_to() {
    let house = House::start().await;
    let peer = Peer::start([
        Act::Stream(vec![Part::text("Once "), Part::text("upon")]),
        Act::says(&[" a time"]),
    ])
    .await;
    let ada = with_peers(&house, &[&peer], json!({})).await;
    let events = ask(&ada).await;
    let reply = text(&end_of(&events).data, "/message/id").to_owned();
    let path = format!("/api/v1/messages/{reply}/continue");
    let refused = ada.stream(&path, json!({})).await.rest().await;
    assert!(
        failure_of(&refused).1.contains("cannot go on"),
        "{refused:?}"
    );
    assert_eq!(
        text(&end_of(&refused).data, "/message/content"),
        "Once upon"
    );
    assert_eq!(peer.asked().len(), 1, "it was not even asked");

    let list = ada.get("/api/v1/admin/remote-sources").await.ok(200);
    let source = format!(
        "/api/v1/admin/remote-sources/{}",
        text(&list, "/items/0/id")
    );
    ada.patch(&source, json!({"continuation": "flagged"}))
        .await
        .ok(200);
    wait_for_model(&ada, MODEL, "available").await;
    let done = ada.stream(&path, json!({})).await.rest().await;
    assert_eq!(
        text(&end_of(&done).data, "/message/content"),
        "Once upon a time"
    );
    let asked = peer.asked().pop().expect("it was asked").body;
    assert_eq!(asked["continue_final_message"], json!(true));
    assert_eq!(
        asked["messages"][1],
        json!({"role": "assistant", "content": "Once upon"})
    );
}
