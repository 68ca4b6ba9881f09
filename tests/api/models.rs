//! What one can chat with, as the page's model chooser sees it.
//! How a model file becomes one of these is tested with the engine.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{House, Hub, HubFile, Options, REPOSITORY, model_bytes, text};

#[tokio::test]
async fn the_models_are_listed_with_a_default() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let list = ada.get("/api/v1/models").await.ok(200);
    let models = list["items"].as_array().expect("a list");
    assert!(!models.is_empty());
    let default = text(&list, "/default_model");
    assert!(models.iter().any(|model| model["id"] == default));
    for model in models {
        for field in ["id", "name", "state", "architecture", "quantization"] {
            assert!(model[field].is_string(), "{field} of {model}");
        }
        for field in ["context_tokens", "size_bytes", "parameters"] {
            assert!(model[field].is_number(), "{field} of {model}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_put_into_the_folder_is_listed_soon_and_nobody_restarts_for_it() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let file = house.data().join("models/Some words.gguf");
    std::fs::write(file, "these are words, and no model at all").expect("a file");
    let deadline = Instant::now() + Duration::from_secs(60);
    let listed = loop {
        let list = ada.get("/api/v1/models").await.ok(200);
        let models = list["items"].as_array().expect("a list");
        let listed = models.iter().find(|model| model["id"] == "Some~20words");
        if let Some(model) = listed.filter(|model| model["state"] != "probing") {
            break model.clone();
        }
        assert!(Instant::now() < deadline, "it is not listed: {list}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(listed["state"], "unusable");
    assert!(!text(&listed, "/reason").is_empty());
}

#[tokio::test]
async fn a_model_that_is_not_there_is_unavailable() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let body = json!({"content": "Hello", "model": "gpt-9"});
    ada.post("/api/v1/chat", body)
        .await
        .refused(503, "model_unavailable");
    let list = ada.get("/api/v1/conversations").await.ok(200);
    assert_eq!(
        list["items"],
        json!([]),
        "what was refused leaves nothing behind"
    );
}

#[tokio::test]
async fn a_reply_names_its_model() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let list = ada.get("/api/v1/models").await.ok(200);
    let exchange = ada.chat("Hello").await;
    assert_eq!(exchange["reply"]["model"], list["default_model"]);
}

#[tokio::test]
async fn a_conversation_takes_only_a_model_there_is_and_gives_it_up_again() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let unknown = json!({"model": "nonsense"});
    ada.post("/api/v1/conversations", unknown.clone())
        .await
        .refused(503, "model_unavailable");
    let chosen = json!({"model": "scripted-two"});
    let made = ada.post("/api/v1/conversations", chosen).await.ok(201);
    let path = format!("/api/v1/conversations/{}", text(&made, "/id"));
    ada.patch(&path, unknown)
        .await
        .refused(503, "model_unavailable");
    let changed = ada.patch(&path, json!({"model": ""})).await.ok(200);
    assert!(changed.get("model").is_none(), "{changed}");
}

#[tokio::test]
async fn a_conversation_keeps_the_model_that_was_chosen_for_it() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let other = json!({"model": "scripted-two"});
    let made = ada
        .post("/api/v1/conversations", other.clone())
        .await
        .ok(201);
    let path = format!("/api/v1/conversations/{}", text(&made, "/id"));
    let messages = format!("{path}/messages");
    let say = json!({"content": "Hello"});
    let first = ada.post(&messages, say.clone()).await.ok(200);
    assert_eq!(first["reply"]["model"], "scripted-two");

    ada.patch(&path, json!({"model": "scripted"})).await.ok(200);
    let second = ada.post(&messages, say).await.ok(200);
    assert_eq!(second["reply"]["model"], "scripted");

    let reply = text(&second, "/reply/id");
    let third = ada
        .post(&format!("/api/v1/messages/{reply}/regenerate"), other)
        .await
        .ok(200);
    assert_eq!(third["reply"]["model"], "scripted-two");
    assert_eq!(
        ada.get(&path).await.ok(200)["model"],
        "scripted",
        "once is not for ever"
    );
}

const PREVIEW: &str = "/api/v1/admin/models/pull/preview";

async fn house_beside(hub: &Hub) -> House {
    let mut options = Options::default();
    options.environment = hub.environment();
    House::start_with(options).await
}

#[tokio::test]
async fn a_preview_says_what_would_come_and_whether_it_fits() {
    let file = |path: &str, size| HubFile::new(path, model_bytes(size, 1));
    let mut huge = file("m-F16.gguf", 3000);
    huge.listed_size = 1 << 50;
    let hub = Hub::with(vec![
        file("m-Q4_K_M.gguf", 1000),
        file("m-Q8_0.gguf", 2000),
        huge,
        file("mmproj-m.gguf", 10),
        file("README.md", 10),
    ]);
    let house = house_beside(&hub).await;
    let ada = house.set_up().await;
    let preview = ada
        .get(&format!("{PREVIEW}?source={REPOSITORY}"))
        .await
        .ok(200);
    let choices = preview["choices"].as_array().expect("a list");
    let labels: Vec<&str> = choices.iter().map(|it| text(it, "/quantization")).collect();
    assert_eq!(labels, ["Q4_K_M", "Q8_0", "F16"]);
    assert_eq!(text(&choices[0], "/fit/verdict"), "fits");
    assert_eq!(text(&choices[2], "/fit/verdict"), "too_large");
    let chosen = &preview["chosen"];
    assert_eq!(text(chosen, "/model_id"), "m-Q4_K_M");
    assert_eq!(chosen["size_bytes"], 1000);
    assert!(text(chosen, "/fit/sentence").starts_with("fits: needs about "));
    assert!(
        hub.asked().iter().all(|asked| !asked.for_bytes),
        "nothing is downloaded"
    );

    let named = ada
        .get(&format!("{PREVIEW}?source={REPOSITORY}:Q2_K"))
        .await
        .ok(200);
    assert!(named.get("chosen").is_none() && !text(&named, "/reason").is_empty());
    for bad in ["", "nonsense", "file:///etc/passwd"] {
        ada.get(&format!("{PREVIEW}?source={bad}"))
            .await
            .refused(400, "invalid_request");
    }
    let bob = house.add_user(&ada, "bob").await;
    bob.get(&format!("{PREVIEW}?source={REPOSITORY}"))
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn a_model_is_deleted_by_administrators_alone() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let file = house.data().join("models/words.gguf");
    std::fs::write(&file, "these are words").expect("a file");
    let path = "/api/v1/admin/models/words";
    bob.delete(path).await.refused(403, "forbidden");
    assert!(file.exists());
    ada.delete(path).await.ok(204);
    assert!(!file.exists());
    ada.delete(path).await.refused(404, "not_found");
    for other in ["..", "%2e%2e%2fsecret.key", "scripted"] {
        let answer = ada.delete(&format!("/api/v1/admin/models/{other}")).await;
        assert!(matches!(answer.status, 404 | 405), "{}", answer.text);
    }
    assert!(house.data().join("secret.key").exists());
}
