//! Clients that leave: a closed stream, a broken connection, a request given up at once. The
//! reply goes on to its end; only on `/v1`, where nobody can come back, does leaving cancel.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::support::{ENDLESS, House, Options, Person, SLOW, text};

async fn wait_until_nothing_runs(person: &Person) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while person.get("/api/v1/replies").await.ok(200) != json!({"items": []}) {
        assert!(Instant::now() < deadline, "a reply is running for ever");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn closing_the_stream_stops_nothing() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let whole = ada.chat(SLOW).await;
    let mut stream = ada.chat_stream(SLOW).await;
    let started = stream.deltas(2).await.remove(0);
    drop(stream);
    wait_until_nothing_runs(&ada).await;
    let id = text(&started.data, "/conversation/id");
    let messages = ada.messages(id).await;
    assert_eq!(messages[1]["status"], "complete");
    assert_eq!(messages[1]["content"], whole["reply"]["content"]);
}

#[tokio::test]
async fn a_client_that_leaves_at_once_leaves_no_reply_running() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for index in 0..60_u64 {
        let body = json!({"content": "Hello", "stream": index % 2 == 0, "client_id": format!("hasty-{index}")});
        let send = ada.request(Method::POST, "/api/v1/chat").json(&body).send();
        // From before the request is read to after the reply began.
        let _ = tokio::time::timeout(Duration::from_micros(200 * index), send).await;
    }
    wait_until_nothing_runs(&ada).await;
    let page = ada.get("/api/v1/conversations?limit=100").await.ok(200);
    let conversations = page["items"].as_array().expect("a list");
    assert!(
        !conversations.is_empty(),
        "none was quick enough to be heard"
    );
    for conversation in conversations {
        let id = text(conversation, "/id");
        // The last of them may reach a busy house only now.
        wait_until_nothing_runs(&ada).await;
        let messages = ada.messages(id).await;
        assert_eq!(messages[1]["status"], "complete", "{messages:?}");
    }
}

/// A house that stops waits for what is being written, so how long it takes tells what still is.
#[tokio::test]
async fn leaving_a_completion_cancels_it() {
    let options = Options::default().with("CHATELAINE_HTTP__SHUTDOWN_TIMEOUT_MS", "5000");
    let mut stopping = Vec::new();
    for leaves in [true, false] {
        let mut house = House::start_with(options.clone()).await;
        let ada = house.set_up().await;
        let body = json!({"messages": [{"role": "user", "content": ENDLESS}], "stream": true});
        let request = ada
            .request(Method::POST, "/v1/chat/completions")
            .json(&body);
        let mut response = request.send().await.expect("an answer");
        response.chunk().await.expect("an answer").expect("a chunk");
        let kept = (!leaves).then_some(response);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let begun = Instant::now();
        house.stop().await;
        stopping.push(begun.elapsed());
        drop(kept);
    }
    assert!(stopping[1] > Duration::from_secs(4), "{stopping:?}");
    assert!(stopping[0] * 2 < stopping[1], "{stopping:?}");
}
