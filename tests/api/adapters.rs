//! The library of adapters: what is taken in and what is not, who may do that, and that nothing of
//! a file stays that was not taken in whole. What they do to replies is in `adapters_in_use`.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::{Body, Method};
use serde_json::{Value, json};

use crate::support::{AdapterFile, Answer, House, Options, Person, text};

const ADAPTERS: &str = "/api/v1/admin/adapters";

/// What lies in the folder.
fn files(house: &House) -> Vec<String> {
    let entries = std::fs::read_dir(house.data().join("adapters")).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into()).collect();
    names.sort();
    names
}

async fn listed(person: &Person) -> Vec<Value> {
    let list = person.get(ADAPTERS).await.ok(200);
    list["items"].as_array().expect("a list").clone()
}

/// What a person is offered with a model.
async fn offered(person: &Person, model: &str) -> Value {
    let list = person.get("/api/v1/models").await.ok(200);
    let models = list["items"].as_array().expect("a list");
    let found = models.iter().find(|found| found["id"] == model);
    found.expect("the model is listed")["adapters"].clone()
}

#[tokio::test]
async fn an_adapter_is_uploaded_listed_with_its_model_changed_and_deleted_with_its_bytes() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let bytes = AdapterFile::named("Pirate talk").bytes();
    let query = "scripted&description=Says%20arr&default_scale=0.7";
    let added = ada.upload_adapter(query, bytes.clone()).await.ok(201);
    for (field, value) in [
        ("id", json!("pirate-talk")),
        ("name", json!("Pirate talk")),
        ("base", json!("scripted")),
        ("description", json!("Says arr")),
        ("size_bytes", json!(bytes.len())),
        ("rank", json!(8)),
        ("alpha", json!(16.0)),
        ("default_scale", json!(0.7)),
        ("audience", json!("everybody")),
        ("state", json!("available")),
    ] {
        assert_eq!(added[field], value, "{field} of {added}");
    }
    assert_eq!(text(&added, "/sha256").len(), 64);
    let path = format!("{ADAPTERS}/pirate-talk");
    assert_eq!(ada.get(&path).await.ok(200), added);

    let change = json!({"name": "Pirate", "default_scale": -0.25, "description": ""});
    let changed = ada.patch(&path, change).await.ok(200);
    assert_eq!(changed["id"], "pirate-talk", "an id stays");
    let short = json!([{"id": "pirate-talk", "name": "Pirate", "default_scale": -0.25}]);
    assert_eq!(offered(&ada, "scripted").await, short);
    assert_eq!(offered(&ada, "scripted-two").await, json!([]));

    house.stop().await;
    house.start_again().await;
    let ada = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    assert_eq!(listed(&ada).await, [changed]);
    assert_eq!(files(&house), ["pirate-talk.gguf"]);
    ada.delete(&path).await.ok(204);
    assert!(listed(&ada).await.is_empty() && files(&house).is_empty());
    ada.delete(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_and_says_which_part_is_wrong() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let good = || AdapterFile::default().bytes();
    let a_model = AdapterFile {
        kind: "model",
        ..AdapterFile::default()
    };
    let deadly = AdapterFile {
        whole_alpha: true,
        ..AdapterFile::default()
    };
    let long = "x".repeat(81);
    let names_too_much = format!("scripted&name={long}");
    for (query, file, field) in [
        (
            "scripted",
            b"these are words, and no adapter".to_vec(),
            "file",
        ),
        ("scripted", Vec::new(), "file"),
        ("scripted", good()[..200].to_vec(), "file"),
        ("scripted", a_model.bytes(), "file"),
        ("scripted", deadly.bytes(), "file"),
        ("gpt-9", good(), "base"),
        ("", good(), "base"),
        ("scripted&default_scale=5", good(), "default_scale"),
        ("scripted&default_scale=NaN", good(), "default_scale"),
        (&names_too_much, good(), "name"),
        ("scripted&name=%20", good(), "name"),
    ] {
        let answer = ada.upload_adapter(query, file).await;
        let error = answer.refused(400, "invalid_request");
        assert_eq!(error["details"]["field"], field, "{query}: {error}");
    }
    for query in ["scripted&default_scale=much", "scripted&audience=cats"] {
        let answer = ada.upload_adapter(query, good()).await;
        answer.refused(400, "invalid_request");
    }
    let path = format!("{ADAPTERS}?base=scripted");
    let untyped = ada.request(Method::POST, &path).body(good());
    let error = Answer::of(untyped).await;
    let error = error.refused(415, "unsupported_media_type");
    assert!(text(&error, "/message").contains("octet-stream"), "{error}");
    assert!(listed(&ada).await.is_empty() && files(&house).is_empty());
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_before_it_has_come_and_while_it_comes() {
    let options = Options::default().with("CHATELAINE_MODELS__MAX_ADAPTER_MIB", "2");
    let house = House::start_with(options).await;
    let ada = house.set_up().await;
    let piece = vec![7_u8; 64 * 1024];
    let declared = ada.upload_adapter("scripted", piece.repeat(40)).await;
    let error = declared.refused(413, "payload_too_large");
    assert_eq!(error["details"]["limit_bytes"], 2 * 1024 * 1024);
    let pieces = (0..40).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    let pieces = futures_util::stream::iter(pieces);
    let streamed = ada.upload_adapter("scripted", Body::wrap_stream(pieces));
    streamed.await.refused(413, "payload_too_large");
    assert!(files(&house).is_empty());
    // More than a JSON body may have, and no more than an adapter may.
    let mut large = AdapterFile::default().bytes();
    large.resize(1536 * 1024, 0);
    ada.upload_adapter("scripted", large).await.ok(201);
}

#[tokio::test]
async fn the_same_file_is_taken_in_once_however_it_comes() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bytes = AdapterFile::default().bytes();
    let upload = || ada.upload_adapter("scripted", bytes.clone());
    let (one, other) = tokio::join!(upload(), upload());
    let (taken, refused): (Vec<Answer>, Vec<Answer>) =
        [one, other].into_iter().partition(|it| it.status == 201);
    assert_eq!(taken.len(), 1);
    let third = upload().await;
    for answer in refused.into_iter().chain([third]) {
        let error = answer.refused(409, "conflict");
        assert_eq!(error["details"]["id"], "pirate");
        assert!(text(&error, "/message").contains("\"pirate\""), "{error}");
    }
    assert_eq!(files(&house), ["pirate.gguf"]);

    let other = AdapterFile {
        alpha: 8.0,
        ..AdapterFile::default()
    };
    let second = ada.upload_adapter("scripted", other.bytes()).await.ok(201);
    assert_eq!(second["id"], "pirate-2", "another file of the same name");
    let elsewhere = ada.upload_adapter("scripted-two", bytes.clone()).await;
    assert_eq!(elsewhere.ok(201)["id"], "pirate-3", "for another model");
}

/// A file that begins to come and then does not go on.
fn half_a_file() -> Body {
    let begun = futures_util::stream::iter([Ok::<_, std::io::Error>(vec![7_u8; 300_000])]);
    Body::wrap_stream(begun.chain(futures_util::stream::pending()))
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_no_bytes_and_neither_does_a_crash() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let upload = async |ada: Person| {
        let request = ada.request(Method::POST, &format!("{ADAPTERS}?base=scripted"));
        let request = request.header("content-type", "application/octet-stream");
        let _ = request.body(half_a_file()).send().await;
    };
    let sending = tokio::spawn(upload(ada.clone()));
    until("the file does not begin to come", || {
        files(&house).len() == 1
    })
    .await;
    sending.abort();
    until("what was received is still there", || {
        files(&house).is_empty()
    })
    .await;

    let sending = tokio::spawn(upload(ada.clone()));
    until("the file does not begin to come", || {
        files(&house).len() == 1
    })
    .await;
    house.kill();
    sending.abort();
    assert_eq!(files(&house).len(), 1, "nobody was left to tidy up");
    house.start_again().await;
    assert!(files(&house).is_empty(), "{:?}", files(&house));
}

#[tokio::test]
async fn who_is_demoted_while_their_file_comes_leaves_no_adapter() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let found = ada.get("/api/v1/admin/users?q=bob").await.ok(200);
    let bobs = format!("/api/v1/admin/users/{}", text(&found, "/items/0/user/id"));
    ada.patch(&bobs, json!({"role": "admin"})).await.ok(200);
    let mut bytes = AdapterFile::named("Pirate").bytes();
    let end = bytes.split_off(bytes.len() - 1);
    let (demoted, is_demoted) = tokio::sync::oneshot::channel::<()>();
    let last = async move {
        let _ = is_demoted.await;
        Ok(end)
    };
    let begun = futures_util::stream::iter([Ok::<_, std::io::Error>(bytes)]);
    let file = Body::wrap_stream(begun.chain(futures_util::stream::once(last)));
    let sending = tokio::spawn(async move { bob.upload_adapter("scripted", file).await });
    until("the file does not begin to come", || {
        files(&house).len() == 1
    })
    .await;
    ada.patch(&bobs, json!({"role": "user"})).await.ok(200);
    let _ = demoted.send(());
    let answer = sending.await.expect("an answer");
    assert!((400..500).contains(&answer.status), "{}", answer.text);
    assert!(listed(&ada).await.is_empty());
    until("what was received is still there", || {
        files(&house).is_empty()
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_does_not_go_on_is_not_waited_for() {
    let options = Options::default().with("CHATELAINE_HTTP__BODY_TIMEOUT_MS", "400");
    let house = House::start_with(options).await;
    let ada = house.set_up().await;
    let answer = ada.upload_adapter("scripted", half_a_file()).await;
    let error = answer.refused(400, "invalid_request");
    assert!(text(&error, "/message").contains("nothing came"), "{error}");
    assert!(files(&house).is_empty());
}

#[tokio::test]
async fn a_file_that_vanished_or_changed_is_unusable_and_says_so() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bytes = AdapterFile::default().bytes();
    ada.upload_adapter("scripted", bytes).await.ok(201);
    let path = house.data().join("adapters/pirate.gguf");
    let moved = house.data().join("elsewhere");
    let is_said = async |state: &str, part: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let adapter = listed(&ada).await.remove(0);
            let reason = adapter["reason"].as_str().unwrap_or_default().to_owned();
            if adapter["state"] == state && reason.contains(part) {
                return;
            }
            assert!(Instant::now() < deadline, "{adapter}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    std::fs::rename(&path, &moved).expect("the file can be moved");
    is_said("unusable", "gone").await;
    assert_eq!(offered(&ada, "scripted").await, json!([]));
    let body = json!({"content": "Hello", "adapters": [{"id": "pirate"}]});
    let refused = ada.post("/api/v1/chat", body).await;
    let error = refused.refused(400, "invalid_request");
    assert!(text(&error, "/message").contains("gone"), "{error}");
    std::fs::rename(&moved, &path).expect("the file can be moved back");
    is_said("available", "").await;
    std::fs::write(&path, "something else").expect("the file can be written");
    is_said("unusable", "changed").await;
}

#[tokio::test]
async fn only_administrators_add_change_and_delete_and_others_see_what_they_may_use() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let file = |name| AdapterFile::named(name).bytes();
    ada.upload_adapter("scripted", file("Pirate")).await.ok(201);
    let query = "scripted&audience=administrators";
    ada.upload_adapter(query, file("Secret")).await.ok(201);

    let ids = |adapters: &Value| -> Vec<String> {
        let adapters = adapters.as_array().expect("a list").iter();
        adapters.map(|it| text(it, "/id").to_owned()).collect()
    };
    assert_eq!(ids(&offered(&ada, "scripted").await), ["pirate", "secret"]);
    assert_eq!(ids(&offered(&bob, "scripted").await), ["pirate"]);
    let with = |id: &str| json!({"content": "Hello", "adapters": [{"id": id}]});
    bob.post("/api/v1/chat", with("pirate")).await.ok(200);
    ada.post("/api/v1/chat", with("secret")).await.ok(200);
    let refused = bob.post("/api/v1/chat", with("secret")).await;
    let hidden = refused.refused(400, "invalid_request");
    let refused = bob.post("/api/v1/chat", with("nothing")).await;
    let unknown = refused.refused(400, "invalid_request");
    assert_eq!(
        text(&hidden, "/message").replace("secret", "nothing"),
        text(&unknown, "/message"),
        "he does not even learn that it is there"
    );

    let open = json!({"audience": "everybody"});
    let path = format!("{ADAPTERS}/secret");
    bob.patch(&path, open.clone())
        .await
        .refused(403, "forbidden");
    ada.patch(&path, open).await.ok(200);
    bob.post("/api/v1/chat", with("secret")).await.ok(200);

    let before = files(&house);
    let large = vec![7_u8; 4 * 1024 * 1024];
    let answer = bob.upload_adapter("scripted", large.clone()).await;
    answer.refused(403, "forbidden");
    let stranger = house.stranger().upload_adapter("scripted", large).await;
    stranger.refused(401, "unauthenticated");
    bob.delete(&path).await.refused(403, "forbidden");
    assert_eq!(files(&house), before);
}
