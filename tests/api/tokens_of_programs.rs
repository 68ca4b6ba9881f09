//! What programs on `/v1` cost, and what is refused of everybody who asks about tokens wrongly.
//! Behind a client that left, what was written is paid for soon, not at once.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BROKEN, ENDLESS, House, Person, SLOW, text};
use crate::tokens::{charge, ledger, purse};

const CHAT: &str = "/v1/chat/completions";

fn ask(content: &str) -> Value {
    json!({"messages": [{"role": "user", "content": content}]})
}

/// What is settled behind a client that left is settled soon.
pub(crate) async fn settled(person: &Person) -> i64 {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match purse(person).await {
            (balance, 0) => return balance,
            (_, reserved) => assert!(Instant::now() < deadline, "{reserved} stay reserved"),
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[tokio::test]
async fn a_completion_is_charged_once_however_it_is_read() {
    let house = House::start().await;
    let ada = house.set_up().await;
    charge(&ada, json!({})).await;
    ada.post(CHAT, ask("Hello")).await.ok(200);
    assert_eq!(purse(&ada).await, (3_900, 0));
    let mut streamed = ask("Hello");
    streamed["stream"] = json!(true);
    assert_eq!(ada.post(CHAT, streamed).await.status, 200);
    assert_eq!(purse(&ada).await, (3_800, 0));
    let body = json!({"prompt": ["one", "two"], "max_tokens": 4});
    ada.post("/v1/completions", body).await.ok(200);
    assert_eq!(purse(&ada).await, (3_600, 0), "each answer is one");
    assert_ne!(ada.post(CHAT, ask(BROKEN)).await.status, 200);
    assert_eq!(purse(&ada).await, (3_600, 0), "what fails costs nothing");
    let body = json!({"prompt": [SLOW, BROKEN], "max_tokens": 100});
    assert_ne!(ada.post("/v1/completions", body).await.status, 200);
    assert_eq!(settled(&ada).await, 3_600, "nor does what ends with it");
    let unknown = json!({"model": "nobody", "messages": [{"role": "user", "content": "Hello"}]});
    assert_ne!(ada.post(CHAT, unknown).await.status, 200);
    let entries = ledger(&ada).await;
    assert_eq!(entries.len(), 5);
    assert!(entries[0].get("message_id").is_none());
    assert_eq!(entries[0]["model"], "scripted");
}

#[tokio::test]
async fn a_client_that_leaves_pays_for_what_was_written() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let price = json!({"kind": "per_token", "per_1000_prompt": 1000, "per_1000_completion": 1000});
    charge(&ada, json!({"price": price})).await;
    for content in [SLOW, ENDLESS] {
        let before = settled(&ada).await;
        let mut body = ask(content);
        body["stream"] = json!(true);
        let request = ada.request(Method::POST, CHAT).json(&body);
        let mut response = request.send().await.expect("an answer");
        let mut read = String::new();
        while read.matches("\"content\"").count() < 3 {
            let chunk = response.chunk().await.expect("an answer").expect("a chunk");
            read.push_str(&String::from_utf8_lossy(&chunk));
        }
        assert_ne!(purse(&ada).await.1, 0, "something is set aside meanwhile");
        drop(response);
        let cost = before - settled(&ada).await;
        assert!(cost >= 3, "{cost} was charged for at least three tokens");
    }
    assert_eq!(ledger(&ada).await.len(), 3);
}

#[tokio::test]
async fn several_answers_are_all_paid_for_or_none_is_begun() {
    let house = House::start().await;
    let ada = house.set_up().await;
    charge(&ada, json!({"start": 250})).await;
    let mut body = ask("Hello");
    body["n"] = json!(3);
    let error = ada
        .post(CHAT, body.clone())
        .await
        .refused(402, "quota_exceeded");
    assert_eq!(error["type"], "insufficient_quota");
    let missing = json!({
        "balance": 250, "reserved": 0, "needed": 300, "missing": 50, "holder": "user"
    });
    assert_eq!(error["details"], missing, "of all answers together");
    assert_eq!(purse(&ada).await, (250, 0));
    body["n"] = json!(2);
    ada.post(CHAT, body).await.ok(200);
    assert_eq!(purse(&ada).await, (50, 0));
}

#[tokio::test]
async fn answers_that_are_handed_over_together_are_paid_for_together() {
    let house = House::start().await;
    let ada = house.set_up().await;
    charge(&ada, json!({})).await;
    for prompts in [json!(["Hello", BROKEN]), json!([BROKEN, "Hello"])] {
        let body = json!({"prompt": prompts, "max_tokens": 100});
        let failed = ada.post("/v1/completions", body).await;
        assert!(failed.status >= 500, "{}", failed.text);
        assert_eq!(settled(&ada).await, 4_000, "nobody got {prompts}");
    }
    let body = json!({"prompt": ["Hello", SLOW], "max_tokens": 100});
    ada.post("/v1/completions", body).await.ok(200);
    assert_eq!(purse(&ada).await, (3_800, 0));
    assert_eq!(ledger(&ada).await.len(), 3);
}

#[tokio::test]
async fn a_completion_in_the_slow_lane_is_for_nothing() {
    let house = House::start().await;
    let ada = house.set_up().await;
    charge(&ada, json!({"start": 0, "when_empty": "slow_lane"})).await;
    ada.post(CHAT, ask("Hello")).await.ok(200);
    ada.post("/v1/embeddings", json!({"input": "Hello"}))
        .await
        .ok(200);
    assert_eq!(purse(&ada).await, (0, 0));
    assert_eq!(ledger(&ada).await.len(), 1);
}

#[tokio::test]
async fn vectors_cost_by_their_prompt() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let price = json!({"per_message": 100, "per_1000_prompt": 1000});
    charge(&ada, json!({"price": price, "start": 12})).await;
    let input = json!({"input": ["three small words", "and two"]});
    ada.post("/v1/embeddings", input.clone()).await.ok(200);
    assert_eq!(purse(&ada).await, (7, 0));
    let error = ada.post("/v1/embeddings", input).await;
    error.refused(402, "quota_exceeded");
    let unknown = json!({"model": "nobody", "input": "x"});
    assert_ne!(ada.post("/v1/embeddings", unknown).await.status, 200);
    assert_eq!(purse(&ada).await, (7, 0));
}

#[tokio::test]
async fn only_administrators_see_and_change_what_others_have() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    charge(&ada, json!({})).await;
    let me = bob.get("/api/v1/users/me").await.ok(200);
    let own = format!("/api/v1/admin/users/{}/tokens", text(&me, "/id"));
    let group = "/api/v1/admin/groups/00000000000000000000000000000001/tokens";
    let gift = json!({"amount": 1_000_000});
    for path in [own.as_str(), group] {
        bob.get(path).await.refused(403, "forbidden");
        let entries = format!("{path}/ledger");
        bob.get(&entries).await.refused(403, "forbidden");
        bob.post(path, gift.clone()).await.refused(403, "forbidden");
    }
    bob.put(group, json!({"amount": 5}))
        .await
        .refused(403, "forbidden");
    bob.delete(group).await.refused(403, "forbidden");
    house
        .stranger()
        .get("/api/v1/tokens")
        .await
        .refused(401, "unauthenticated");
    assert_eq!(purse(&bob).await, (4_000, 0));
}

#[tokio::test]
async fn a_wrong_amount_or_price_is_refused_and_changes_nothing() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let me = ada.get("/api/v1/users/me").await.ok(200);
    let own = format!("/api/v1/admin/users/{}/tokens", text(&me, "/id"));
    for body in [
        json!({}),
        json!({"amount": 0}),
        json!({"amount": i64::MAX}),
        json!({"amount": i64::MIN}),
        json!({"amount": 1.5}),
        json!({"amount": 1, "gift": true}),
        json!({"amount": 1, "note": "x".repeat(201)}),
        json!({"amount": 1, "note": "two\nlines"}),
    ] {
        let refused = ada.post(&own, body).await;
        refused.refused(400, "invalid_request");
    }
    let nobody = "/api/v1/admin/users/0192aa00000070008000000000000001/tokens";
    for path in [nobody, "/api/v1/admin/users/nobody/tokens"] {
        ada.get(path).await.refused(404, "not_found");
        let refused = ada.post(path, json!({"amount": 1})).await;
        refused.refused(404, "not_found");
    }
    for rules in [
        json!({"price": {"per_message": -1}}),
        json!({"price": {"per_1000_prompt": 1_000_001}}),
        json!({"price": {"kind": "by_the_hour"}}),
        json!({"start": -1}),
        json!({"refill": {"amount": i64::MAX}}),
        json!({"when_empty": "shrug"}),
    ] {
        let change = json!({"allowance": rules});
        let refused = ada.patch("/api/v1/admin/settings", change).await;
        refused.refused(400, "invalid_request");
    }
    let page = ada.get("/api/v1/tokens/ledger?cursor=x").await;
    page.refused(400, "invalid_request");
    let settings = ada.get("/api/v1/admin/settings").await.ok(200);
    let allowance = json!({
        "enabled": false,
        "price": {
            "kind": "per_message", "per_message": 100,
            "per_1000_prompt": 20, "per_1000_cached": 2, "per_1000_completion": 100,
        },
        "start": 4000,
        "refill": {"every": "never", "amount": 0, "up_to": false},
        "when_empty": "refuse",
    });
    assert_eq!(settings["allowance"], allowance);
}
