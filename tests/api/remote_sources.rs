//! Other servers as sources of models: added, changed and removed while the house runs, by
//! administrators alone. How badly behaved servers are borne is tested in `remote_replies.rs`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::peer::{Act, Peer, offer, wait_for_model};
use crate::support::{Answer, House, Person, SLOW, text, text_of};

const PATH: &str = "/api/v1/admin/remote-sources";

fn path_of(source: &Value) -> String {
    format!("{PATH}/{}", text(source, "/id"))
}

/// Another chatelaine, and a key for its `/v1`.
async fn another_house() -> (House, String) {
    let house = House::start().await;
    let key = house.set_up().await.access_token.expect("a token");
    (house, key)
}

async fn model_ids(person: &Person) -> Vec<String> {
    let list = person.get("/api/v1/models").await.ok(200);
    let models = list["items"].as_array().expect("a list");
    models
        .iter()
        .map(|model| text(model, "/id").to_owned())
        .collect()
}

#[tokio::test]
async fn the_models_of_another_house_are_offered_and_answer_without_a_restart() {
    let (other, key) = another_house().await;
    let house = House::start().await;
    let ada = house.set_up().await;
    let source = offer(
        &ada,
        json!({"name": "attic", "addresses": [other.base], "api_key": key}),
    )
    .await;
    assert_eq!(source["addresses"], json!([format!("{}/v1", other.base)]));
    wait_for_model(&ada, "attic/scripted", "available").await;

    let list = ada.get("/v1/models").await.ok(200).to_string();
    assert!(list.contains("attic/scripted-two"), "{list}");
    let body = json!({"content": "Hello", "model": "attic/scripted"});
    let exchange = ada.post("/api/v1/chat", body).await.ok(200);
    assert_eq!(exchange["reply"]["status"], "complete");
    assert_eq!(exchange["reply"]["content"], "You said: Hello");
    assert_eq!(exchange["reply"]["model"], "attic/scripted");

    let body = json!({"content": SLOW, "model": "attic/scripted"});
    let streamed = ada.stream("/api/v1/chat", body).await.rest().await;
    assert!(
        streamed
            .iter()
            .filter(|event| event.name == "delta")
            .count()
            > 10
    );
    assert!(text_of(&streamed).ends_with("End."));
    let done = streamed
        .iter()
        .find(|event| event.name == "done")
        .expect("it is done");
    assert!(done.data["message"]["usage"]["completion_tokens"].as_u64() > Some(10));

    let ask = json!({"model": "attic/scripted", "messages": [{"role": "user", "content": "Hi"}]});
    let completion = ada.post("/v1/chat/completions", ask).await.ok(200);
    assert_eq!(
        completion["choices"][0]["message"]["content"],
        "You said: Hi"
    );

    assert_eq!(ada.delete(&path_of(&source)).await.status, 204);
    assert!(
        !model_ids(&ada)
            .await
            .iter()
            .any(|id| id.starts_with("attic/"))
    );
}

#[tokio::test]
async fn a_source_survives_a_restart_with_its_key() {
    let (other, key) = another_house().await;
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let source = offer(
        &ada,
        json!({"name": "attic", "addresses": [other.base], "api_key": key}),
    )
    .await;
    house.start_again().await;
    let ada = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    wait_for_model(&ada, "attic/scripted", "available").await;
    let list = ada.get(PATH).await.ok(200);
    assert_eq!(list["items"][0]["id"], source["id"]);
    assert_eq!(list["items"][0]["has_key"], json!(true));
    let body = json!({"content": "Hello", "model": "attic/scripted"});
    let exchange = ada.post("/api/v1/chat", body).await.ok(200);
    assert_eq!(exchange["reply"]["status"], "complete");
}

#[tokio::test]
async fn only_administrators_see_and_change_sources() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let source = offer(
        &ada,
        json!({"name": "attic", "addresses": ["http://127.0.0.1:9"]}),
    )
    .await;
    let bob = house.add_user(&ada, "bob").await;
    let new = json!({"name": "mine", "addresses": ["http://127.0.0.1:9"]});
    let one = path_of(&source);
    bob.get(PATH).await.refused(403, "forbidden");
    bob.post(PATH, new.clone()).await.refused(403, "forbidden");
    bob.patch(&one, json!({"name": "x"}))
        .await
        .refused(403, "forbidden");
    bob.delete(&one).await.refused(403, "forbidden");
    bob.post(&format!("{one}/test"), json!({}))
        .await
        .refused(403, "forbidden");
    house
        .stranger()
        .get(PATH)
        .await
        .refused(401, "unauthenticated");
    house
        .stranger()
        .post(PATH, new)
        .await
        .refused(401, "unauthenticated");
    let list = ada.get(PATH).await.ok(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["items"][0]["name"], "attic");
}

#[tokio::test]
async fn a_key_is_never_said_again_and_lies_nowhere_in_the_clear() {
    const KEY: &str = "sk-a-key-that-is-found-nowhere";
    let peer = Peer::start([Act::Answer(
        "401 Unauthorized",
        String::new(),
        json!({"error": {"message": format!("{KEY} is wrong")}}).to_string(),
    )])
    .await;
    let house = House::start().await;
    let ada = house.set_up().await;
    let new = json!({"name": "attic", "addresses": [peer.address], "api_key": KEY});
    let source = offer(&ada, new).await;
    assert_eq!(source["has_key"], json!(true));
    wait_for_model(&ada, "attic/m", "available").await;
    let body = json!({"content": "Hello", "model": "attic/m"});
    let events = ada.stream("/api/v1/chat", body).await.rest().await;
    let sent = &peer.asked()[0].head;
    assert!(
        sent.contains(&format!("authorization: bearer {KEY}")),
        "{sent}"
    );

    let checked = ada
        .post(&format!("{}/test", path_of(&source)), json!({}))
        .await;
    for said in [
        source.to_string(),
        ada.get(PATH).await.text,
        format!("{events:?}"),
        checked.text,
        house.log(),
    ] {
        assert!(!said.contains(KEY), "{said}");
    }
    let file = std::fs::read(house.data().join("chatelaine.redb")).expect("the store");
    assert!(!file.windows(KEY.len()).any(|bytes| bytes == KEY.as_bytes()));
}

#[tokio::test]
async fn a_key_goes_to_no_address_it_was_not_entered_for() {
    let peer = Peer::start([Act::says(&["x"])]).await;
    let house = House::start().await;
    let ada = house.set_up().await;
    let new = json!({"name": "attic", "addresses": ["http://127.0.0.1:9"], "api_key": "sk-1"});
    let path = path_of(&offer(&ada, new).await);
    let elsewhere = json!({"addresses": [peer.address]});
    let refused = ada
        .patch(&path, elsewhere)
        .await
        .refused(400, "invalid_request");
    assert_eq!(refused["details"]["field"], "api_key");
    // Another path of the same server is no other server.
    ada.patch(&path, json!({"addresses": ["http://127.0.0.1:9/api"]}))
        .await
        .ok(200);
    let both = json!({"addresses": [peer.address], "api_key": "sk-2"});
    ada.patch(&path, both).await.ok(200);
    wait_for_model(&ada, "attic/m", "available").await;
    let gone = ada.patch(&path, json!({"api_key": ""})).await.ok(200);
    assert_eq!(gone["has_key"], json!(false));
    ada.patch(&path, json!({"addresses": ["http://127.0.0.1:9"]}))
        .await
        .ok(200);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let good = json!({"name": "attic", "addresses": ["http://127.0.0.1:9"]});
    let path = path_of(&offer(&ada, good.clone()).await);
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("two\nlines")),
        ("addresses", json!([])),
        ("addresses", json!(["ollama"])),
        ("addresses", json!(["ftp://127.0.0.1"])),
        ("addresses", json!(["http://ada:secret@127.0.0.1"])),
        ("addresses", json!(["http://169.254.169.254/v1"])),
        ("addresses", json!(["http://[::ffff:169.254.169.254]/v1"])),
        (
            "addresses",
            json!(["http://127.0.0.1:9", "http://127.0.0.1:9/v1"]),
        ),
        ("api_key", json!("two words")),
        ("models", json!(["a", "a"])),
        ("prefix", json!("x".repeat(100))),
        ("context_tokens", json!(4_000_000_000_u32)),
        ("parallel_requests", json!(0)),
        ("connect_timeout_ms", json!(1)),
        ("first_token_timeout_ms", json!(0)),
        ("between_tokens_timeout_ms", json!(100_000_000)),
    ] {
        let mut new = good.clone();
        new["name"] = json!("other");
        new[field] = value.clone();
        let refused = ada.post(PATH, new).await.refused(400, "invalid_request");
        assert_eq!(refused["details"]["field"], field, "{value}");
        let change = json!({ field: value });
        ada.patch(&path, change)
            .await
            .refused(400, "invalid_request");
    }
    ada.post(PATH, json!({"name": "x"}))
        .await
        .refused(400, "invalid_request");
    let unknown = json!({"name": "x", "addresses": [], "colour": "red"});
    ada.post(PATH, unknown)
        .await
        .refused(400, "invalid_request");
    ada.post(PATH, good).await.refused(409, "conflict");
    let list = ada.get(PATH).await.ok(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(list["items"][0]["parallel_requests"], json!(16));
    for id in ["nonsense", "00000000000000000000000000000000"] {
        let path = format!("{PATH}/{id}");
        ada.patch(&path, json!({})).await.refused(404, "not_found");
        ada.delete(&path).await.refused(404, "not_found");
        ada.post(&format!("{path}/test"), json!({}))
            .await
            .refused(404, "not_found");
    }
}

#[tokio::test]
async fn a_test_says_in_plain_words_what_happened() {
    let (other, key) = another_house().await;
    let house = House::start().await;
    let ada = house.set_up().await;
    let check = async |new: Value| {
        let source = offer(&ada, new).await;
        let path = format!("{}/test", path_of(&source));
        ada.post(&path, json!({})).await.ok(200)
    };
    let right = check(json!({"name": "a", "addresses": [other.base], "api_key": key})).await;
    assert_eq!(right["ok"], json!(true), "{right}");
    assert_eq!(right["addresses"][0]["models"][0], "scripted");
    let words = text(&right, "/addresses/0/message");
    assert!(
        words.contains("it answers") && words.contains("models"),
        "{words}"
    );

    let wrong = check(json!({"name": "b", "addresses": [other.base], "api_key": "sk-1"})).await;
    assert_eq!(wrong["ok"], json!(false));
    let words = text(&wrong, "/addresses/0/message");
    assert!(words.contains("does not accept the house's key"), "{words}");

    let away = check(json!({"name": "c", "addresses": ["http://127.0.0.1:1"]})).await;
    let words = text(&away, "/addresses/0/message");
    assert!(
        words.contains("cannot be reached") && words.contains("refused"),
        "{words}"
    );

    let page = check(json!({"name": "d", "addresses": [format!("{}/nonsense", other.base)]})).await;
    assert_eq!(page["ok"], json!(false), "{page}");
}

#[tokio::test]
async fn only_named_models_are_offered_under_the_prefix_that_is_wanted_and_local_ones_go_first() {
    let peer = Peer::start([Act::says(&["from afar"])]).await;
    let house = House::start().await;
    let ada = house.set_up().await;
    let new = json!({"name": "attic", "addresses": [peer.address], "models": ["m", "scripted"], "prefix": ""});
    let source = offer(&ada, new).await;
    wait_for_model(&ada, "m", "available").await;
    let ids = model_ids(&ada).await;
    assert_eq!(
        ids.iter().filter(|id| *id == "scripted").count(),
        1,
        "{ids:?}"
    );
    let reply = async |model: &str| {
        let body = json!({"content": "Hello", "model": model});
        let exchange = ada.post("/api/v1/chat", body).await.ok(200);
        text(&exchange, "/reply/content").to_owned()
    };
    assert_eq!(reply("scripted").await, "You said: Hello");
    assert_eq!(reply("m").await, "from afar");
    ada.patch(
        &path_of(&source),
        json!({"prefix": "far-", "models": ["m"]}),
    )
    .await
    .ok(200);
    wait_for_model(&ada, "far-m", "available").await;
    assert!(!model_ids(&ada).await.contains(&"m".to_owned()));
}

#[tokio::test]
async fn a_server_that_is_away_makes_its_models_unusable_and_not_the_house_until_it_is_back() {
    let peer = Peer::start([Act::says(&["back"])]).await;
    peer.set_healthy(false);
    let house = House::start().await;
    let ada = house.set_up().await;
    let new = json!({"name": "attic", "addresses": [peer.address], "models": ["m"]});
    offer(&ada, new).await;
    let model = wait_for_model(&ada, "attic/m", "unusable").await;
    assert!(text(&model, "/reason").contains("its server"), "{model}");
    let status = &ada.get(PATH).await.ok(200)["items"][0]["status"][0];
    assert_eq!(status["state"], "failing");
    assert!(text(status, "/reason").contains("not today"), "{status}");
    let ready = Answer::of(house.stranger().request(Method::GET, "/ready")).await;
    assert_eq!(ready.status, 200);
    let body = json!({"content": "Hello", "model": "attic/m"});
    ada.post("/api/v1/chat", body.clone())
        .await
        .refused(503, "model_unavailable");
    peer.set_healthy(true);
    wait_for_model(&ada, "attic/m", "available").await;
    let exchange = ada.post("/api/v1/chat", body).await.ok(200);
    assert_eq!(exchange["reply"]["content"], "back");
}
