//! What replies cost that did not come to their end by themselves: stopped, hurried, deleted while
//! they were written, behind clients that leave. The message, the ledger and the overview agree.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::groups::{new_group, put_in};
use crate::support::{ENDLESS, House, PASSWORD, Person, Script, text};
use crate::tokens::{charge, ledger, purse};
use crate::tokens_of_programs::settled;

/// Eight words; of its prompt six are cached, and it is long enough to be stopped.
const CACHED: &str = "Read it again, of which six were read";
const PONDER: &str = "Ponder";

fn by_token(prompt: u32, cached: u32, completion: u32) -> Value {
    json!({"price": {
        "kind": "per_token",
        "per_1000_prompt": prompt, "per_1000_cached": cached, "per_1000_completion": completion,
    }})
}

async fn house() -> (House, Person) {
    let cached = json!({"when": "^Read", "reply": "one two three four five six", "delay_ms": 60, "prefill": 8, "cached": 6});
    let thought: String = (0..2000).map(|number| format!("hm{number} ")).collect();
    let ponder = json!({
        "when": "^Ponder", "reasoning": thought, "reply": "It is a very long and warm day.",
        "delay_ms": 20, "prefill": 4,
    });
    let waiting = json!({"when": "^Queue", "reply": "x", "queued": [3, 2, 1], "delay_ms": 8000});
    let broken = json!({"when": "^Fail", "reply": "a b c d e f", "fail_after": 4, "prefill": 5});
    let script = Script::default()
        .rule(cached)
        .rule(ponder)
        .rule(waiting)
        .rule(broken);
    let house = House::scripted(script).await;
    let ada = house.set_up().await;
    (house, ada)
}

/// Where messages go of a conversation that has its title, so that nothing but replies is written.
async fn titled(person: &Person) -> String {
    let made = person.post("/api/v1/conversations", json!({"title": "Keys"}));
    let made = made.await.ok(201);
    format!("/api/v1/conversations/{}/messages", text(&made, "/id"))
}

async fn stop(person: &Person, id: &str) -> Value {
    let path = format!("/api/v1/replies/{id}/stop");
    person.post(&path, json!({})).await.ok(200)
}

/// What the overview says of all days and models: replies, tokens read, of them cached, written.
async fn counted(admin: &Person) -> [u64; 4] {
    let overview = admin.get("/api/v1/admin/overview").await.ok(200);
    let rows = overview["usage"].as_array().expect("a list");
    [
        "replies",
        "prompt_tokens",
        "cached_tokens",
        "completion_tokens",
    ]
    .map(|name| {
        let numbers = rows.iter().map(|row| row[name].as_u64().expect("a number"));
        numbers.sum()
    })
}

#[tokio::test]
async fn a_stopped_reply_costs_no_more_than_a_finished_one() {
    let (_house, ada) = house().await;
    charge(&ada, by_token(1000, 0, 0)).await;
    let finished = ada.chat(CACHED).await["reply"].take();
    assert_eq!(finished["cost"], 2, "six of eight were cached");
    let mut stream = ada.chat_stream(CACHED).await;
    let started = stream.deltas(2).await.remove(0);
    let stopped = stop(&ada, started.reply_id()).await;
    assert_eq!(
        (&stopped["status"], &stopped["cost"]),
        (&json!("stopped"), &json!(2))
    );
    let usage = &stopped["usage"];
    assert_eq!(
        (&usage["prompt_tokens"], &usage["cached_tokens"]),
        (&json!(8), &json!(6))
    );
    assert_eq!(&ledger(&ada).await[0]["usage"], usage);
}

#[tokio::test]
async fn what_is_stopped_while_it_waits_costs_nothing() {
    let (_house, ada) = house().await;
    charge(&ada, json!({})).await;
    let mut stream = ada.chat_stream("Queue up").await;
    let events = stream.until("queued").await;
    let stopped = stop(&ada, events[0].reply_id()).await;
    assert_eq!(
        (&stopped["status"], stopped.get("cost")),
        (&json!("stopped"), None)
    );
    assert_eq!(purse(&ada).await, (4_000, 0));
    assert_eq!(counted(&ada).await, [0; 4]);
}

#[tokio::test]
async fn an_answer_that_is_wanted_at_once_keeps_to_the_limit_and_all_counts_agree() {
    let (_house, ada) = house().await;
    charge(&ada, by_token(0, 0, 1000)).await;
    let body = json!({"content": PONDER, "settings": {"max_tokens": 9}});
    let mut stream = ada.stream(&titled(&ada).await, body).await;
    let mut events = stream.until("reasoning").await;
    events.extend(stream.until("reasoning").await);
    let path = format!("/api/v1/replies/{}/answer", events[0].reply_id());
    ada.post(&path, json!({})).await.ok(200);
    stream.rest().await;
    let reply = ada.stored_reply(&events[0]).await;
    let usage = &reply["usage"];
    let tokens = usage["completion_tokens"].as_i64().expect("a number");
    assert!((3..=9).contains(&tokens), "{reply}");
    assert!(usage["reasoning_tokens"].as_i64() >= Some(2), "{reply}");
    let entry = ledger(&ada).await.remove(0);
    assert_eq!(&entry["usage"], usage);
    assert_eq!(reply["cost"], tokens);
    assert_eq!(i64::try_from(counted(&ada).await[3]), Ok(tokens));
}

#[tokio::test]
async fn the_overview_counts_what_each_run_used_whatever_its_ending() {
    let (_house, ada) = house().await;
    let mut stream = ada.chat_stream(CACHED).await;
    let started = stream.deltas(2).await.remove(0);
    let id = started.reply_id().to_owned();
    let first = stop(&ada, &id).await["usage"].take();
    assert_eq!(first["prompt_tokens"], 8);
    let path = format!("/api/v1/messages/{id}/continue");
    let mut stream = ada.stream(&path, json!({})).await;
    stream.deltas(1).await;
    let second = stop(&ada, &id).await["usage"].take();
    let written = |usage: &Value| usage["completion_tokens"].as_u64().expect("a number");
    let both = written(&first) + written(&second);
    assert_eq!(counted(&ada).await, [2, 16, 12, both]);

    let broken = ada.chat("Fail").await["reply"].take();
    assert_eq!(broken["status"], "failed");
    assert_eq!(counted(&ada).await, [3, 21, 12, both + 4]);
    let input = json!({"input": "three small words"});
    let before = counted(&ada).await;
    ada.post("/v1/embeddings", input).await.ok(200);
    let mut wanted = before;
    wanted[1] += 3;
    until_counted(&ada, wanted).await;
}

/// What nobody waits for is counted soon.
async fn until_counted(admin: &Person, wanted: [u64; 4]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let now = counted(admin).await;
        if now == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{now:?} and not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Asks as a program and leaves once something was written.
async fn leave_a_completion(person: &Person) {
    let body = json!({"messages": [{"role": "user", "content": ENDLESS}], "stream": true});
    let request = person.request(Method::POST, "/v1/chat/completions");
    let mut response = request.json(&body).send().await.expect("an answer");
    let mut read = String::new();
    while read.matches("\"content\"").count() < 4 {
        let chunk = response.chunk().await.expect("an answer").expect("a chunk");
        read.push_str(&String::from_utf8_lossy(&chunk));
    }
}

#[tokio::test]
async fn programs_that_leave_and_titles_are_counted() {
    let (_house, ada) = house().await;
    leave_a_completion(&ada).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while counted(&ada).await[3] < 3 {
        assert!(Instant::now() < deadline, "what it read is not counted");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let before = counted(&ada).await;
    let events = ada.chat_stream("Hello").await.rest().await;
    assert_eq!(events[events.len() - 1].name, "title");
    let usage = ada.stored_reply(&events[0]).await["usage"].take();
    let mut reply_alone = before;
    reply_alone[0] += 1;
    reply_alone[1] += usage["prompt_tokens"].as_u64().expect("a number");
    reply_alone[3] += usage["completion_tokens"].as_u64().expect("a number");
    let now = counted(&ada).await;
    assert_eq!(now[0], reply_alone[0], "a title is no reply");
    assert!(now[3] > reply_alone[3], "{now:?}, {reply_alone:?}");
}

#[tokio::test]
async fn deleting_the_conversation_of_a_reply_costs_what_was_used() {
    let (_house, ada) = house().await;
    charge(&ada, by_token(1000, 0, 1000)).await;
    let mut stream = ada.chat_stream(CACHED).await;
    let started = stream.deltas(3).await.remove(0);
    let id = text(&started.data, "/conversation/id").to_owned();
    ada.delete(&format!("/api/v1/conversations/{id}"))
        .await
        .ok(204);
    let cost = 4_000 - settled(&ada).await;
    assert!((5..=8).contains(&cost), "{cost}");
    assert_eq!(ledger(&ada).await.len(), 2);
    let mut stream = ada.chat_stream("Queue up").await;
    let started = stream.until("queued").await.remove(0);
    let id = text(&started.data, "/conversation/id").to_owned();
    ada.delete(&format!("/api/v1/conversations/{id}"))
        .await
        .ok(204);
    assert_eq!(settled(&ada).await, 4_000 - cost, "nothing was read yet");
}

#[tokio::test]
async fn who_deletes_and_leaves_at_once_stops_the_reply_all_the_same() {
    let (_house, ada) = house().await;
    charge(&ada, by_token(0, 0, 1000)).await;
    for index in 0..24_u64 {
        let mut stream = ada.chat_stream(ENDLESS).await;
        let started = stream.deltas(1).await.remove(0);
        let id = text(&started.data, "/conversation/id");
        let path = format!("/api/v1/conversations/{id}");
        let sent = ada.request(Method::DELETE, &path).send();
        let _ = tokio::time::timeout(Duration::from_micros(250 * index), sent).await;
        let deadline = Instant::now() + Duration::from_secs(20);
        while ada.get(&path).await.status != 404 {
            // The request may not have reached the house.
            let _ = ada.delete(&path).await;
            assert!(Instant::now() < deadline, "it cannot be deleted");
        }
        while ada.get("/api/v1/replies").await.ok(200) != json!({"items": []}) {
            assert!(Instant::now() < deadline, "it is written for nobody");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(purse(&ada).await.1, 0);
    }
    assert_eq!(ledger(&ada).await.len(), 25, "each was paid for");
}

#[tokio::test]
async fn who_goes_in_the_middle_of_a_reply_leaves_the_bill_to_their_group() {
    let (house, ada) = house().await;
    charge(&ada, by_token(0, 0, 1000)).await;
    let group = new_group(&ada, "Pupils", json!([])).await;
    let path = format!("/api/v1/admin/groups/{group}/tokens");
    ada.put(&path, json!({"amount": 1_000})).await.ok(200);
    for (name, by_admin) in [("bob", true), ("eve", false)] {
        let person = house.add_user(&ada, name).await;
        put_in(&ada, name, &[&group]).await;
        let before = ada.get(&path).await.ok(200)["balance"].take();
        let mut stream = person.chat_stream(ENDLESS).await;
        stream.deltas(3).await;
        if by_admin {
            let me = person.get("/api/v1/users/me").await.ok(200);
            let user = format!("/api/v1/admin/users/{}", text(&me, "/id"));
            ada.delete(&user).await.ok(204);
        } else {
            let body = json!({"password": PASSWORD});
            person.post("/api/v1/users/me/delete", body).await.ok(204);
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        let after = loop {
            let budget = ada.get(&path).await.ok(200);
            if budget["reserved"] == 0 {
                break budget["balance"].clone();
            }
            assert!(Instant::now() < deadline, "{budget}");
        };
        assert!(after.as_i64() < before.as_i64(), "{name} was for nothing");
    }
}

#[tokio::test]
async fn who_has_the_house_charge_and_leaves_has_it_charge() {
    let (_house, ada) = house().await;
    charge(&ada, json!({"start": 1_000_000})).await;
    let mut missed = 0;
    for index in 0..60_u64 {
        let off = json!({"allowance": {"enabled": false}});
        ada.patch("/api/v1/admin/settings", off).await.ok(200);
        let on = json!({"allowance": {"enabled": true}});
        let sent = ada.request(Method::PATCH, "/api/v1/admin/settings");
        let sent = sent.json(&on).send();
        let _ = tokio::time::timeout(Duration::from_micros(400 + 100 * index), sent).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        if ada.get("/api/v1/admin/settings").await.ok(200)["allowance"]["enabled"] == true {
            missed += u64::from(ada.chat("Hello").await["reply"]["cost"] != 100);
        }
    }
    assert_eq!(missed, 0, "replies cost nothing although the house charges");
}

#[tokio::test]
async fn a_program_that_leaves_before_its_vectors_pays_for_them() {
    let script = Script::default().embed_delay_ms(3_000);
    let house = House::scripted(script).await;
    let ada = house.set_up().await;
    charge(&ada, by_token(1000, 0, 0)).await;
    let body = json!({"input": "x".repeat(300)});
    let sent = ada.request(Method::POST, "/v1/embeddings").json(&body);
    let _ = tokio::time::timeout(Duration::from_millis(800), sent.send()).await;
    let cost = 4_000 - settled(&ada).await;
    // They may have been made before anybody noticed that nobody waits.
    assert!([1, 100].contains(&cost), "{cost}");
}
