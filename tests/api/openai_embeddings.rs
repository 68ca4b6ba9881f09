//! `/v1/embeddings`: vectors of texts, in numbers and in base64.
//! The scripted engine gives the same text always the same vector.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{House, text};

const PATH: &str = "/v1/embeddings";

fn numbers(embedding: &Value) -> Vec<f32> {
    let numbers = embedding.as_array().expect("numbers").iter();
    #[expect(clippy::cast_possible_truncation, reason = "they were made of such")]
    numbers
        .map(|number| number.as_f64().expect("a number") as f32)
        .collect()
}

#[tokio::test]
async fn each_text_has_a_vector_at_its_place() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let texts = ["the first text", "another", "the first text"];
    let list = ada.post(PATH, json!({"input": texts})).await.ok(200);
    assert_eq!(list["object"], "list");
    assert_eq!(
        list["usage"],
        json!({"prompt_tokens": 7, "total_tokens": 7})
    );
    let data = list["data"].as_array().expect("vectors");
    assert_eq!(data.len(), 3);
    for (index, item) in (0..).zip(data) {
        assert_eq!(item["object"], "embedding");
        assert_eq!(item["index"], index);
        let length: f32 = numbers(&item["embedding"]).iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-3, "{length}");
    }
    assert_eq!(data[0]["embedding"], data[2]["embedding"]);
    assert_ne!(data[0]["embedding"], data[1]["embedding"]);
    let one = ada.post(PATH, json!({"input": texts[1]})).await.ok(200);
    assert_eq!(one["data"][0]["embedding"], data[1]["embedding"]);
    assert_eq!(one["model"], list["model"]);
}

#[tokio::test]
async fn base64_holds_the_same_numbers() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let body = |format: &str| json!({"input": "text", "encoding_format": format, "user": "ada"});
    let plain = ada.post(PATH, body("float")).await.ok(200);
    let packed = ada.post(PATH, body("base64")).await.ok(200);
    let bytes = STANDARD
        .decode(text(&packed, "/data/0/embedding"))
        .expect("base64");
    let unpacked: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().expect("four")))
        .collect();
    assert_eq!(unpacked, numbers(&plain["data"][0]["embedding"]));
}

#[tokio::test]
async fn what_is_not_understood_is_refused_by_name() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for (param, value) in [
        ("input", json!([])),
        ("input", json!("")),
        ("input", json!(["a", ""])),
        ("input", json!([1, 2])),
        ("input", json!(7)),
        ("dimensions", json!(256)),
        ("encoding_format", json!("hex")),
        ("priority", json!("mine")),
    ] {
        let mut body = json!({"input": "text"});
        body[param] = value;
        let error = ada
            .post(PATH, body.clone())
            .await
            .refused(400, "invalid_request");
        assert_eq!(error["param"], param, "{body}: {error}");
    }
    let unknown = json!({"input": "text", "model": "text-embedding-9"});
    ada.post(PATH, unknown)
        .await
        .refused(503, "model_unavailable");
    house
        .stranger()
        .post(PATH, json!({"input": "text"}))
        .await
        .refused(401, "unauthenticated");
}
