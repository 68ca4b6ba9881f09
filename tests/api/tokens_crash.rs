//! Sixty times `kill -9` while several people send, stop, delete and ask as programs: after each,
//! every ledger comes to what there is, and nothing stays reserved for replies that are no more.
//! The command line checks the folder as the kill left it, before the next start mends anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{House, Person, Script, binary, run_to_end, text};
use crate::tokens::{charge, ledger, purse};

const ROUNDS: u64 = 60;
const PEOPLE: u64 = 4;

/// Sends in turn what is read to its end, stopped, deleted, or asked as a program. Whatever
/// goes wrong because the house is gone ends it.
async fn spend(person: Person, over: Arc<AtomicBool>) {
    for turn in 0.. {
        if over.load(Ordering::Relaxed) || spend_once(&person, turn).await.is_none() {
            return;
        }
    }
}

async fn spend_once(person: &Person, turn: u64) -> Option<()> {
    if turn % 4 == 3 {
        let body = json!({"messages": [{"role": "user", "content": "Say it"}], "stream": true});
        let request = person.request(Method::POST, "/v1/chat/completions");
        let mut response = request.json(&body).send().await.ok()?;
        // Half of them leave in the middle.
        while response.chunk().await.ok()?.is_some() && turn % 8 == 3 {}
        return Some(());
    }
    let body = json!({"content": "Say it", "stream": true});
    let request = person.request(Method::POST, "/api/v1/chat").json(&body);
    let mut response = request.send().await.ok()?;
    let mut read = String::new();
    while let Some(bytes) = response.chunk().await.ok()? {
        read.push_str(&String::from_utf8_lossy(&bytes));
        if !turn.is_multiple_of(4) && read.contains("event: delta") {
            break;
        }
    }
    let data = read.lines().find_map(|line| line.strip_prefix("data: "))?;
    let started: Value = serde_json::from_str(data).ok()?;
    let request = match turn % 4 {
        1 => {
            let id = text(&started, "/reply/id");
            person.request(Method::POST, &format!("/api/v1/replies/{id}/stop"))
        }
        2 => {
            let id = text(&started, "/conversation/id");
            person.request(Method::DELETE, &format!("/api/v1/conversations/{id}"))
        }
        _ => return Some(()),
    };
    request.send().await.ok().map(drop)
}

/// Different in each round.
fn moment(round: u64) -> Duration {
    Duration::from_millis(40 + round * 37 % 260)
}

fn check_ledgers(house: &House) -> String {
    let data = house.data();
    let mut command = binary();
    command
        .args(["user", "tokens", "--check", "--data"])
        .arg(data);
    let output = run_to_end(&mut command);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let trouble = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{trouble}");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ledgers_are_whole_however_often_the_house_is_killed() {
    let rule =
        json!({"when": "^Say", "reply": "a chain of many keys.", "delay_ms": 8, "prefill": 8});
    let mut house = House::scripted(Script::default().rule(rule)).await;
    let ada = house.set_up().await;
    let price = json!({"kind": "per_token", "per_1000_prompt": 700, "per_1000_completion": 900});
    charge(&ada, json!({"start": 100_000_000_i64, "price": price})).await;
    let mut tokens = vec![ada.access_token.clone().expect("a token")];
    for index in 1..PEOPLE {
        let person = house.add_user(&ada, &format!("user-{index}")).await;
        tokens.push(person.access_token.expect("a token"));
    }
    let mut cut_off = 0;
    for round in 0..ROUNDS {
        let over = Arc::new(AtomicBool::new(false));
        let spending: Vec<_> = (0..PEOPLE * 2)
            .map(|index| {
                let token = &tokens[usize::try_from(index % PEOPLE).expect("a small number")];
                let person = house.stranger().with_token(token);
                tokio::spawn(spend(person, Arc::clone(&over)))
            })
            .collect();
        tokio::time::sleep(moment(round)).await;
        house.kill();
        over.store(true, Ordering::Relaxed);
        for person in spending {
            person.await.expect("a person ends");
        }
        let said = check_ledgers(&house);
        cut_off += u64::from(!said.contains(" 0 reservations"));
        house.start_again().await;
        for token in &tokens {
            let person = house.stranger().with_token(token);
            assert_eq!(purse(&person).await.1, 0, "round {round}");
        }
    }
    let mut entries = 0;
    for token in &tokens {
        entries += ledger(&house.stranger().with_token(token)).await.len();
    }
    println!("{ROUNDS} kills, {cut_off} in the middle of replies; {entries} entries");
    assert!(cut_off > ROUNDS / 4, "hardly a reply was cut off");
    assert!(entries > 60, "hardly anything was paid for");
    house.stop().await;
    check_ledgers(&house);
}
