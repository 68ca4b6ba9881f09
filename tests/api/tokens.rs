//! What people may spend: what replies cost, what is given back, who is refused and why. Programs
//! are in `tokens_of_programs.rs`, groups in `tokens_of_groups.rs`, kills in `tokens_crash.rs`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Answer, BROKEN, House, Options, Person, SLOW, Script, binary, run_to_end, text,
};

const PATH: &str = "/api/v1/tokens";

/// Has the house charge by these rules.
pub(crate) async fn charge(admin: &Person, mut rules: Value) {
    rules["enabled"] = json!(true);
    let change = json!({"allowance": rules});
    admin.patch("/api/v1/admin/settings", change).await.ok(200);
}

/// Balance and what is set aside.
pub(crate) async fn purse(person: &Person) -> (i64, i64) {
    let allowance = person.get(PATH).await.ok(200);
    let number = |name: &str| allowance[name].as_i64().expect("a number");
    (number("balance"), number("reserved"))
}

/// The whole ledger, latest first, read in pages; it comes to what there is.
pub(crate) async fn ledger(person: &Person) -> Vec<Value> {
    let mut entries = Vec::new();
    let mut query = "?limit=7".to_owned();
    loop {
        let page = person.get(&format!("{PATH}/ledger{query}")).await.ok(200);
        entries.extend(page["items"].as_array().expect("a list").clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=7&cursor={cursor}"),
            None => break,
        }
    }
    let sum: i64 = entries
        .iter()
        .map(|it| it["amount"].as_i64().expect("a number"))
        .sum();
    let (balance, reserved) = purse(person).await;
    assert_eq!(
        sum,
        balance + reserved,
        "the ledger is not whole: {entries:?}"
    );
    entries
}

fn user_path(user: &Value) -> String {
    format!("/api/v1/admin/users/{}/tokens", text(user, "/id"))
}

async fn path_of(person: &Person) -> String {
    user_path(&person.get("/api/v1/users/me").await.ok(200))
}

#[tokio::test]
async fn forty_messages_are_paid_for_and_the_next_is_refused_until_topped_up() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    charge(&ada, json!({})).await;
    assert_eq!(purse(&bob).await, (4_000, 0));
    for left in (0..40).rev() {
        let exchange = bob.chat("Hello").await;
        assert_eq!(exchange["reply"]["cost"], 100);
        assert_eq!(purse(&bob).await, (left * 100, 0));
    }
    let refused = bob.post("/api/v1/chat", json!({"content": "Hello"})).await;
    let error = refused.refused(402, "quota_exceeded");
    let missing = json!({
        "balance": 0, "reserved": 0, "needed": 100, "missing": 100, "holder": "user"
    });
    assert_eq!(error["details"], missing);
    let page = bob.get("/api/v1/conversations?limit=100").await.ok(200);
    let count = page["items"].as_array().expect("a list").len();
    assert_eq!(count, 40, "what was refused left nothing");

    let gift = json!({"amount": 150, "note": "for the exam"});
    let after = ada.post(&path_of(&bob).await, gift).await.ok(200);
    assert_eq!(after["balance"], 150);
    bob.chat("Hello again").await;
    let entries = ledger(&bob).await;
    assert_eq!(entries.len(), 43);
    assert_eq!(entries[0]["kind"], "settled");
    assert_eq!(entries[1]["kind"], "topped_up");
    assert_eq!(
        (&entries[1]["by"], &entries[1]["note"]),
        (&json!("ada"), &json!("for the exam"))
    );
    assert_eq!(entries[42]["kind"], "opened");
    let audit = ada.get("/api/v1/admin/audit").await.ok(200);
    assert_eq!(audit["items"][0]["action"], "allowance.changed");
    assert_eq!(audit["items"][0]["subject"], "bob");
}

#[tokio::test]
async fn what_is_sent_at_once_never_spends_more_than_there_is() {
    let house = House::start().await;
    let ada = house.set_up().await;
    charge(&ada, json!({"start": 570})).await;
    let sends = (0..20).map(|_| ada.post("/api/v1/chat", json!({"content": SLOW})));
    let answers: Vec<Answer> = join_all(sends).await;
    let begun = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 402).count();
    assert_eq!((begun, refused), (5, 15));
    assert_eq!(purse(&ada).await, (70, 0));
    assert_eq!(ledger(&ada).await.len(), 6);
}

#[tokio::test]
async fn a_price_by_the_token_counts_what_was_cached_apart() {
    let rule = json!({"when": "^Count", "reply": "one two three", "cached": 2});
    let house = House::scripted(Script::default().rule(rule)).await;
    let ada = house.set_up().await;
    let price = json!({
        "kind": "per_token",
        "per_1000_prompt": 1000, "per_1000_cached": 100, "per_1000_completion": 2000,
    });
    charge(&ada, json!({"price": price})).await;
    let exchange = ada.chat("Count up to three please").await;
    let usage = &exchange["reply"]["usage"];
    let counted = (
        &usage["prompt_tokens"],
        &usage["cached_tokens"],
        &usage["completion_tokens"],
    );
    assert_eq!(counted, (&json!(5), &json!(2), &json!(3)));
    // 3 × 1 + 2 × 0.1 + 3 × 2, rounded up.
    assert_eq!(exchange["reply"]["cost"], 10);
    let entry = ledger(&ada).await.remove(0);
    assert_eq!(entry["amount"], -10);
    assert_eq!(&entry["usage"], usage);
    assert_eq!(entry["model"], "scripted");
    assert_eq!(entry["message_id"], exchange["reply"]["id"]);
}

#[tokio::test]
async fn a_reply_by_the_token_ends_where_the_allowance_does() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let price = json!({
        "kind": "per_token",
        "per_1000_prompt": 0, "per_1000_cached": 0, "per_1000_completion": 1000,
    });
    charge(&ada, json!({"price": price, "start": 20})).await;
    let body = json!({"content": SLOW, "settings": {"max_tokens": 500}});
    let reply = ada.post("/api/v1/chat", body).await.ok(200)["reply"].take();
    assert_eq!(reply["finish_reason"], "length");
    assert_eq!((&reply["cost"], purse(&ada).await), (&json!(20), (0, 0)));
    ada.post("/api/v1/chat", json!({"content": "Hello"}))
        .await
        .refused(402, "quota_exceeded");
}

/// Stops a reply once some of it was written; gives it as it stands then.
async fn stop_after_some(person: &Person) -> Value {
    let mut stream = person.chat_stream(SLOW).await;
    let started = stream.deltas(4).await.remove(0);
    let path = format!("/api/v1/replies/{}/stop", started.reply_id());
    person.post(&path, json!({})).await.ok(200)
}

#[tokio::test]
async fn a_reply_that_its_reader_stops_costs_what_was_used() {
    let house = House::start().await;
    let ada = house.set_up().await;
    charge(&ada, json!({})).await;
    let reply = stop_after_some(&ada).await;
    assert_eq!(
        (&reply["status"], &reply["cost"]),
        (&json!("stopped"), &json!(100))
    );
    assert_eq!(purse(&ada).await, (3_900, 0));
    let price = json!({"kind": "per_token", "per_1000_prompt": 1000, "per_1000_completion": 1000});
    charge(&ada, json!({"price": price})).await;
    let reply = stop_after_some(&ada).await;
    let written = text(&reply, "/content").split_inclusive(' ').count();
    // Its script reads a prompt of eight.
    assert_eq!(reply["cost"], json!(8 + written));
    ledger(&ada).await;
}

#[tokio::test]
async fn what_fails_or_is_cut_off_costs_nothing() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    charge(&ada, json!({})).await;
    let reply = ada.chat(BROKEN).await["reply"].take();
    assert_eq!(
        (&reply["status"], reply.get("cost")),
        (&json!("failed"), None)
    );
    assert_eq!(purse(&ada).await, (4_000, 0));

    let mut stream = ada.chat_stream(SLOW).await;
    let started = stream.deltas(1).await.remove(0);
    house.kill();
    house.start_again().await;
    let ada = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    assert_eq!(purse(&ada).await, (4_000, 0));
    let path = format!("/api/v1/messages/{}/continue", started.reply_id());
    let reply = ada.post(&path, json!({})).await.ok(200)["reply"].take();
    assert_eq!(
        (&reply["status"], &reply["cost"]),
        (&json!("complete"), &json!(100))
    );
    assert_eq!(purse(&ada).await, (3_900, 0));
    assert_eq!(ledger(&ada).await.len(), 2);
}

#[tokio::test]
async fn every_way_of_having_a_reply_written_is_charged_once() {
    let house = House::start().await;
    let ada = house.set_up().await;
    charge(&ada, json!({})).await;
    let body = json!({"content": "Hello", "client_id": "once"});
    let first = ada.post("/api/v1/chat", body.clone()).await.ok(200);
    let again = ada.post("/api/v1/chat", body).await.ok(200);
    assert_eq!(again["reply"]["cost"], 100);
    assert_eq!(purse(&ada).await, (3_900, 0));
    let (message, reply) = (text(&first, "/message/id"), text(&first, "/reply/id"));
    ada.post(&format!("/api/v1/messages/{reply}/regenerate"), json!({}))
        .await
        .ok(200);
    let edit = json!({"content": "Hello there", "settings": {"max_tokens": 1}});
    let path = format!("/api/v1/messages/{message}/edit");
    let edited = ada.post(&path, edit).await.ok(200);
    assert_eq!(purse(&ada).await, (3_700, 0));
    let path = format!("/api/v1/messages/{}/continue", text(&edited, "/reply/id"));
    let whole = ada.post(&path, json!({"settings": {}})).await.ok(200);
    assert_eq!(whole["reply"]["cost"], 200, "both times it was written on");
    assert_eq!(purse(&ada).await, (3_600, 0));
    assert_eq!(ledger(&ada).await.len(), 5);
}

#[tokio::test]
async fn who_has_nothing_left_may_be_answered_when_nobody_else_waits() {
    let rule = json!({"when": "^Repeat", "repeat_request": true});
    let house = House::scripted(Script::default().rule(rule)).await;
    let ada = house.set_up().await;
    charge(&ada, json!({"start": 100, "when_empty": "slow_lane"})).await;
    let paid = ada.chat("Repeat").await["reply"].take();
    assert!(
        text(&paid, "/content").contains(r#""priority":"interactive""#),
        "{paid}"
    );
    assert_eq!((&paid["cost"], paid.get("slow_lane")), (&json!(100), None));
    let slow = ada.chat("Repeat").await["reply"].take();
    assert!(
        text(&slow, "/content").contains(r#""priority":"batch""#),
        "{slow}"
    );
    assert_eq!((slow.get("cost"), &slow["slow_lane"]), (None, &json!(true)));
    assert_eq!(ledger(&ada).await.len(), 2);
}

#[tokio::test]
async fn a_house_that_charges_nothing_writes_nothing() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let reply = ada.chat("Hello").await["reply"].take();
    let completion = json!({"messages": [{"role": "user", "content": "Hello"}], "n": 2});
    ada.post("/v1/chat/completions", completion).await.ok(200);
    let input = json!({"input": "Hello"});
    ada.post("/v1/embeddings", input).await.ok(200);
    stop_after_some(&ada).await;
    assert_eq!((reply.get("cost"), reply.get("slow_lane")), (None, None));
    assert_eq!(ada.get(PATH).await.ok(200)["enabled"], false);
    let page = ada.get(&format!("{PATH}/ledger")).await.ok(200);
    assert_eq!(page, json!({"items": []}));
    house.stop().await;
    let checked = tokens_command(&house, &["--check"]);
    let nothing = "0 allowances are whole: 0 entries, 0 reservations\n";
    assert_eq!(checked, nothing);
    house.start_again().await;
    let ada = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    charge(&ada, json!({})).await;
    assert_eq!(
        purse(&ada).await,
        (4_000, 0),
        "what was free is not charged later"
    );
}

#[tokio::test]
async fn who_is_unlimited_is_not_charged_and_what_is_taken_back_is_there() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    charge(&ada, json!({"start": 120})).await;
    let path = path_of(&bob).await;
    let change = json!({"unlimited": true});
    assert_eq!(ada.post(&path, change).await.ok(200)["unlimited"], true);
    for _ in 0..3 {
        assert_eq!(bob.chat("Hello").await["reply"].get("cost"), None);
    }
    let change = json!({"unlimited": false, "amount": -20});
    assert_eq!(ada.post(&path, change).await.ok(200)["balance"], 100);
    let error = ada.post(&path, json!({"amount": -101})).await;
    error.refused(400, "invalid_request");
    bob.chat("Hello").await;
    assert_eq!(ada.get(&path).await.ok(200)["balance"], 0);
    let entries = ada.get(&format!("{path}/ledger")).await.ok(200);
    assert_eq!(entries["items"][1]["kind"], "corrected");
}

#[tokio::test]
async fn somebody_may_get_more_by_themselves_than_the_house_gives() {
    let house = House::start().await;
    let ada = house.set_up().await;
    charge(&ada, json!({"refill": {"every": "week", "amount": 7}})).await;
    let path = path_of(&ada).await;
    let own = json!({"refill": {"every": "day", "amount": 50}});
    let refill = ada.post(&path, own).await.ok(200)["refill"].take();
    let shown = ["every", "amount", "own"].map(|name| refill[name].clone());
    assert_eq!(shown, [json!("day"), json!(50), json!(true)]);
    assert!(refill["next_at"].is_string());
    assert_eq!(purse(&ada).await, (4_000, 0), "it counts from now");
    for wrong in [json!({}), json!({"amount": -1}), json!({"every": "hour"})] {
        let refused = ada.post(&path, json!({"refill": wrong})).await;
        refused.refused(400, "invalid_request");
    }
    let houses = json!({"refill": {"own": false}});
    let refill = ada.post(&path, houses).await.ok(200)["refill"].take();
    assert_eq!(
        (&refill["every"], &refill["own"]),
        (&json!("week"), &json!(false))
    );
}

/// What `chatelaine user tokens` says of a house that has stopped.
fn tokens_command(house: &House, arguments: &[&str]) -> String {
    let mut command = binary();
    command.args(["user", "tokens"]).args(arguments);
    let output = run_to_end(command.arg("--data").arg(house.data()));
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn the_command_line_tops_up_and_checks() {
    let mut house = House::start_with(Options::default()).await;
    let ada = house.set_up().await;
    charge(&ada, json!({})).await;
    ada.chat("Hello").await;
    house.stop().await;
    let run = |arguments: &[&str]| tokens_command(&house, arguments);
    assert_eq!(run(&["ada"]), "ada has 3900 tokens, and 0 reserved\n");
    let topped_up = run(&["ada", "--add", "50", "--note", "a gift"]);
    assert_eq!(topped_up, "ada has 3950 tokens, and 0 reserved\n");
    let unlimited = run(&["ada", "--unlimited"]);
    assert_eq!(
        unlimited,
        "ada has 3950 tokens, and 0 reserved; without a limit\n"
    );
    let limited = run(&["ada", "--unlimited=false", "--add", "-950"]);
    assert_eq!(limited, "ada has 3000 tokens, and 0 reserved\n");
    let checked = run(&["--check"]);
    assert_eq!(
        checked,
        "1 allowances are whole: 4 entries, 0 reservations\n"
    );
    assert_eq!(run(&["nobody"]), "");
}
