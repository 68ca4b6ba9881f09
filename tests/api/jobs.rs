//! Long work as people watch it: pulls of models, which are administrators'. How a pull copes with
//! bad servers is tested from the command line, in `pulling.rs`.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Events, House, Hub, HubFile, Options, PIECE, Person, REPOSITORY, model_bytes, text,
};

const PULL: &str = "/api/v1/admin/models/pull";
const JOBS: &str = "/api/v1/jobs";
const SIZE: usize = 1_050_000;
const FILE: &str = "m-Q8_0.gguf";

fn hub() -> Hub {
    Hub::with(vec![HubFile::new(FILE, model_bytes(SIZE, 1))])
}

async fn house_beside(hub: &Hub) -> House {
    let mut options = Options::default();
    options.environment = hub.environment();
    House::start_with(options).await
}

async fn pull(person: &Person) -> String {
    let answer = person.post(PULL, json!({"source": REPOSITORY})).await;
    text(&answer.ok(202), "/id").to_owned()
}

async fn job(person: &Person, id: &str) -> Value {
    person.get(&format!("{JOBS}/{id}")).await.ok(200)
}

async fn watch(person: &Person, id: &str) -> Events {
    Events::of(person.request(Method::GET, &format!("{JOBS}/{id}/events"))).await
}

/// Waits for a state of things, however busy the machine is.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[tokio::test]
async fn a_pull_says_how_far_it_is_and_the_model_is_listed_at_its_end() {
    let hub = hub();
    let house = house_beside(&hub).await;
    let ada = house.set_up().await;
    hub.misbehave(|faults| faults.budget = Some(8 * PIECE as usize));
    let id = pull(&ada).await;
    let mut events = watch(&ada, &id).await;
    let half = loop {
        let event = events.next().await.expect("an event");
        assert_eq!(event.name, "progress");
        if event.data["done_bytes"] == json!(8 * PIECE) {
            break event.data;
        }
    };
    assert_eq!(half["total_bytes"], json!(SIZE));
    assert_eq!(half["stage"], "downloading");
    assert_eq!(job(&ada, &id).await["state"], "running");
    hub.misbehave(|faults| faults.budget = None);
    let rest = events.rest().await;
    let last = rest.last().expect("an ending");
    assert_eq!(
        (last.name.as_str(), &last.data["job"]["state"]),
        ("done", &json!("done"))
    );

    let list = ada.get(JOBS).await.ok(200);
    assert_eq!(list["items"][0]["id"], json!(id));
    assert_eq!(list["items"][0]["pull"]["file"], FILE);
    until("the model is listed", async || {
        let models = ada.get("/api/v1/models").await.ok(200);
        let items = models["items"].as_array().expect("a list").clone();
        items
            .iter()
            .any(|model| model["id"] == "m-Q8_0" && model["size_bytes"] == SIZE)
    })
    .await;
    let again = ada.post(PULL, json!({"source": REPOSITORY})).await;
    again.refused(409, "conflict");
}

#[tokio::test]
async fn two_pulls_of_one_file_are_one_job() {
    let hub = hub();
    let house = house_beside(&hub).await;
    let ada = house.set_up().await;
    hub.misbehave(|faults| faults.budget = Some(0));
    let first = pull(&ada).await;
    let named = json!({"source": format!("{REPOSITORY}:{FILE}")});
    let second = ada.post(PULL, named).await.ok(202);
    assert_eq!(text(&second, "/id"), first);
    let elsewhere = json!({"source": format!("{}/{FILE}", hub.bytes_base)});
    ada.post(PULL, elsewhere).await.refused(409, "conflict");
    let list = ada.get(JOBS).await.ok(200);
    assert_eq!(list["items"].as_array().expect("a list").len(), 1);
    hub.misbehave(|faults| faults.budget = None);
    watch(&ada, &first).await.until("done").await;
}

#[tokio::test]
async fn a_pull_goes_on_after_kill_9_and_asks_for_no_finished_piece_again() {
    let hub = hub();
    let mut house = house_beside(&hub).await;
    let ada = house.set_up().await;
    // Four connections and whatever they have begun: at least five pieces are whole by then.
    hub.misbehave(|faults| faults.budget = Some(9 * PIECE as usize));
    let id = pull(&ada).await;
    let list = house.data().join(format!("models/{FILE}.part.json"));
    let whole = || -> Vec<u64> {
        let read = std::fs::read(&list).unwrap_or_default();
        let pieces: Value = serde_json::from_slice(&read).unwrap_or_default();
        let pieces = pieces["whole"].as_array().cloned().unwrap_or_default();
        let whole = pieces.iter().enumerate().filter(|(_, crc)| !crc.is_null());
        whole.map(|(index, _)| index as u64 * PIECE).collect()
    };
    until("five pieces are whole", async || whole().len() >= 5).await;
    house.kill();
    let finished = whole();
    hub.forget();
    hub.misbehave(|faults| faults.budget = None);
    house.start_again().await;
    let ada =
        Person::stranger(&house.base).with_token(ada.access_token.as_deref().expect("a token"));
    watch(&ada, &id).await.until("done").await;
    let asked = hub.ranges();
    assert_eq!(asked.len(), 17 - finished.len(), "{asked:?}");
    for first in finished {
        assert!(asked.iter().all(|range| range.0 != first), "{first} again");
    }
    let file = std::fs::read(house.data().join("models").join(FILE)).expect("the model");
    assert!(file == model_bytes(SIZE, 1));
}

#[tokio::test]
async fn a_cancelled_pull_is_kept_for_the_next_one_or_thrown_away() {
    let hub = hub();
    let house = house_beside(&hub).await;
    let ada = house.set_up().await;
    let part = house.data().join(format!("models/{FILE}.part"));
    for discard in [false, true] {
        hub.misbehave(|faults| faults.budget = Some(6 * PIECE as usize));
        let id = pull(&ada).await;
        until("something came", async || {
            job(&ada, &id).await["progress"]["done_bytes"].as_u64() >= Some(6 * PIECE)
        })
        .await;
        let mut events = watch(&ada, &id).await;
        let path = format!("{JOBS}/{id}?discard={discard}");
        let cancelled = ada.delete(&path).await.ok(200);
        assert_eq!(cancelled["state"], "cancelled");
        assert_eq!(part.exists(), !discard);
        let ending = events.until("failed").await.pop().expect("an event");
        assert_eq!(ending.data["job"]["state"], "cancelled");
        let again = ada.delete(&path).await.ok(200);
        assert_eq!(again["state"], "cancelled", "once more changes nothing");
    }
    hub.misbehave(|faults| faults.budget = None);
    let id = pull(&ada).await;
    watch(&ada, &id).await.until("done").await;
    let done = ada
        .delete(&format!("{JOBS}/{id}?discard=true"))
        .await
        .ok(200);
    assert_eq!(done["state"], "done", "what is done stays done");
    assert!(house.data().join("models").join(FILE).exists());
}

#[tokio::test]
async fn a_pull_that_fails_says_why_and_nothing_is_offered() {
    let hub = hub();
    let house = house_beside(&hub).await;
    let ada = house.set_up().await;
    let mut file = HubFile::new(FILE, model_bytes(SIZE, 1));
    file.listed_sha256 = Some("0".repeat(64));
    hub.replace(vec![file]);
    let id = pull(&ada).await;
    let ending = watch(&ada, &id)
        .await
        .until("failed")
        .await
        .pop()
        .expect("an event");
    let message = text(&ending.data, "/job/error/message");
    assert!(message.contains("sha256"), "{message}");
    let names: Vec<_> = std::fs::read_dir(house.data().join("models"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| name.to_string_lossy().starts_with("m-"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

#[tokio::test]
async fn a_house_that_stops_does_not_wait_for_a_pull() {
    let hub = hub();
    let mut house = house_beside(&hub).await;
    let ada = house.set_up().await;
    hub.misbehave(|faults| faults.budget = Some(0));
    let id = pull(&ada).await;
    let mut events = watch(&ada, &id).await;
    assert!(house.stop().await.success());
    while events.next().await.is_some() {}
}

#[tokio::test]
async fn jobs_are_the_administrators() {
    let hub = hub();
    let house = house_beside(&hub).await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    hub.misbehave(|faults| faults.budget = Some(0));
    let id = pull(&ada).await;
    bob.post(PULL, json!({"source": REPOSITORY}))
        .await
        .refused(403, "forbidden");
    assert_eq!(bob.get(JOBS).await.ok(200)["items"], json!([]));
    for path in [format!("{JOBS}/{id}"), format!("{JOBS}/{id}/events")] {
        bob.get(&path).await.refused(404, "not_found");
        house
            .stranger()
            .get(&path)
            .await
            .refused(401, "unauthenticated");
    }
    bob.delete(&format!("{JOBS}/{id}"))
        .await
        .refused(404, "not_found");
    assert_eq!(job(&ada, &id).await["state"], "running");
}
