//! `kill -9` at random moments under load: what was answered with 2xx is there afterwards, once,
//! and every reply has an ending. CHATELAINE_CRASH_ROUNDS says how often; the proof is 50.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::support::{House, Person, Script, text};

const ROUNDS: u64 = 6;
const WRITERS: u64 = 8;
/// The slowest start is printed; this only tells a start that hangs from one on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(10);

/// What a writer holds in its hand: by client_id, the ids of the message and its reply.
type Acknowledged = Arc<Mutex<BTreeMap<String, (String, String)>>>;

fn rounds() -> u64 {
    let text = std::env::var("CHATELAINE_CRASH_ROUNDS");
    text.ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(ROUNDS)
}

/// A different moment each time, and no two runs alike.
fn moment() -> Duration {
    static STATE: AtomicU64 = AtomicU64::new(0);
    let now = std::time::UNIX_EPOCH
        .elapsed()
        .expect("a time")
        .subsec_nanos();
    let mixed = STATE
        .fetch_add(u64::from(now) | 1, Ordering::Relaxed)
        .wrapping_mul(6_364_136_223_846_793_005);
    Duration::from_millis(30 + (mixed >> 33) % 700)
}

/// Sends until told to stop; keeps what was acknowledged, by the first event or the whole answer.
async fn write(person: Person, name: String, kept: Acknowledged, over: Arc<AtomicBool>) {
    for index in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let client_id = format!("{name}-{index}");
        let body = json!({"content": format!("Say {client_id}"), "client_id": client_id, "stream": index % 3 != 0});
        let Ok(mut response) = person
            .request(Method::POST, "/api/v1/chat")
            .json(&body)
            .send()
            .await
        else {
            return;
        };
        if response.status() != 200 {
            return;
        }
        let mut text = String::new();
        while let Ok(Some(bytes)) = response.chunk().await {
            text.push_str(&String::from_utf8_lossy(&bytes));
            if text.contains("\n\n") {
                break;
            }
        }
        if let Some(ids) = exchange_in(&text) {
            kept.lock().await.insert(client_id, ids);
        }
    }
}

fn exchange_in(text: &str) -> Option<(String, String)> {
    let data = text
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap_or(text);
    let exchange: Value = serde_json::from_str(data).ok()?;
    let id = |part: &str| exchange[part]["id"].as_str().map(str::to_owned);
    id("message").zip(id("reply"))
}

async fn every_message(person: &Person) -> Vec<Value> {
    let mut all = Vec::new();
    let mut query = "?limit=100".to_owned();
    loop {
        let page = person
            .get(&format!("/api/v1/conversations{query}"))
            .await
            .ok(200);
        for conversation in page["items"].as_array().expect("a list") {
            let id = text(conversation, "/id");
            let messages = person
                .get(&format!("/api/v1/conversations/{id}/messages?all=true"))
                .await
                .ok(200);
            let items = messages["items"].as_array().expect("a list").clone();
            assert_eq!(
                items.len(),
                2,
                "a message and its reply, no more: {items:?}"
            );
            all.extend(items);
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=100&cursor={cursor}"),
            None => return all,
        }
    }
}

/// Everything acknowledged is there once, and every reply has an ending.
async fn check(person: &Person, kept: &Acknowledged) -> usize {
    let all = every_message(person).await;
    let mut ids = BTreeSet::new();
    let mut contents = BTreeSet::new();
    for message in &all {
        assert!(ids.insert(text(message, "/id")), "twice: {message}");
        if message["role"] == "user" {
            assert!(
                contents.insert(text(message, "/content")),
                "said twice: {message}"
            );
            continue;
        }
        let status = text(message, "/status");
        let ended = ["complete", "interrupted", "stopped", "failed"].contains(&status);
        assert!(ended, "a reply without an ending: {message}");
        let whole = text(message, "/content").ends_with("keys.");
        assert!(status != "complete" || whole, "not complete: {message}");
    }
    for (client_id, (message, reply)) in kept.lock().await.iter() {
        assert!(
            ids.contains(message.as_str()) && ids.contains(reply.as_str()),
            "lost: {client_id}"
        );
        assert!(
            contents.contains(format!("Say {client_id}").as_str()),
            "lost: {client_id}"
        );
    }
    all.len()
}

async fn repeat_unanswered(person: &Person, kept: &Acknowledged) {
    let known: Vec<(String, (String, String))> = kept
        .lock()
        .await
        .clone()
        .into_iter()
        .rev()
        .take(3)
        .collect();
    for (client_id, (message, reply)) in known {
        let body = json!({"content": format!("Say {client_id}"), "client_id": client_id});
        let again = person.post("/api/v1/chat", body).await.ok(200);
        assert_eq!(
            (
                again["message"]["id"].as_str(),
                again["reply"]["id"].as_str()
            ),
            (Some(message.as_str()), Some(reply.as_str()))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_house_is_killed() {
    let rule = json!({"when": "^Say", "reply": "a chain of many keys.", "delay_ms": 15});
    let mut house = House::scripted(Script::default().rule(rule)).await;
    let token = house.set_up().await.access_token.expect("a token");
    let kept = Acknowledged::default();
    let mut slowest = Duration::ZERO;
    let mut messages = 0;
    for round in 0..rounds() {
        let over = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let person = house.stranger().with_token(&token);
                tokio::spawn(write(
                    person,
                    format!("{round}-{writer}"),
                    Arc::clone(&kept),
                    Arc::clone(&over),
                ))
            })
            .collect();
        tokio::time::sleep(moment()).await;
        house.kill();
        over.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.expect("a writer ends");
        }
        house.start_again().await;
        slowest = slowest.max(house.start_took);
        let person = house.stranger().with_token(&token);
        messages = check(&person, &kept).await;
        repeat_unanswered(&person, &kept).await;
    }
    let count = kept.lock().await.len();
    println!(
        "{} kills: {count} acknowledged of {messages} messages, slowest start {slowest:?}",
        rounds()
    );
    assert!(count > 0, "nothing was written");
    assert!(slowest < START_LIMIT, "a start took {slowest:?}");
}
