//! `/v1/chat/completions`: how an answer is chosen, several at once, chances, formats, figures.
//! What reaches the engine is seen through a rule that repeats the request.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::openai::chunks_of;
use crate::support::{House, Person, SLOW, Script, text};

const PATH: &str = "/v1/chat/completions";

fn ask(content: &str, more: Value) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": content}]});
    for (key, value) in more.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body
}

async fn house() -> (House, Person) {
    let repeating = json!({"when": "^Repeat", "repeat_request": true});
    let house = House::scripted(Script::default().rule(repeating)).await;
    let ada = house.set_up().await;
    (house, ada)
}

async fn request_of(ada: &Person, more: Value) -> Value {
    let completion = ada.post(PATH, ask("Repeat", more)).await.ok(200);
    let told = text(&completion, "/choices/0/message/content");
    serde_json::from_str(told).expect("the request as JSON")
}

#[tokio::test]
async fn several_answers_come_whole_with_one_prompt_counted() {
    let (_house, ada) = house().await;
    let one = ada.post(PATH, ask(SLOW, json!({}))).await.ok(200);
    let three = ada.post(PATH, ask(SLOW, json!({"n": 3}))).await.ok(200);
    let choices = three["choices"].as_array().expect("choices");
    assert_eq!(choices.len(), 3);
    for (index, choice) in (0..).zip(choices) {
        assert_eq!(choice["index"], index);
        assert_eq!(choice["finish_reason"], "stop");
        assert_eq!(
            choice["message"]["content"],
            one["choices"][0]["message"]["content"]
        );
    }
    let tokens = |body: &Value, key: &str| body["usage"][key].as_u64().expect("a number");
    assert_eq!(
        tokens(&three, "prompt_tokens"),
        tokens(&one, "prompt_tokens")
    );
    assert_eq!(
        tokens(&three, "completion_tokens"),
        3 * tokens(&one, "completion_tokens")
    );
}

#[tokio::test]
async fn several_answers_are_streamed_interleaved() {
    let (_house, ada) = house().await;
    let body = ask(
        SLOW,
        json!({"n": 2, "stream_options": {"include_usage": true}}),
    );
    let (chunks, done) = chunks_of(&ada, PATH, body).await;
    assert!(done);
    let mut texts = [String::new(), String::new()];
    let mut order = Vec::new();
    let mut ended = BTreeSet::new();
    for choice in chunks
        .iter()
        .flat_map(|chunk| chunk["choices"].as_array().expect("choices"))
    {
        let index = usize::try_from(choice["index"].as_u64().expect("an index")).expect("small");
        if let Some(content) = choice["delta"]["content"]
            .as_str()
            .filter(|text| !text.is_empty())
        {
            texts[index].push_str(content);
            order.push(index);
        }
        if choice["finish_reason"].is_string() {
            assert!(ended.insert(index), "each ends once");
        }
    }
    assert_eq!(texts[0], texts[1]);
    assert!(texts[0].len() > 100);
    assert_eq!(ended.len(), 2);
    let changes = order.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes > 2, "neither waits for the other: {order:?}");
    let last = chunks.last().expect("chunks");
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"]["completion_tokens"].as_u64() > Some(40));
    assert!(
        chunks[..chunks.len() - 1]
            .iter()
            .all(|chunk| chunk["usage"].is_null())
    );
}

#[tokio::test]
async fn a_seed_counts_up_so_that_answers_differ() {
    let (_house, ada) = house().await;
    let completion = ada
        .post(PATH, ask("Repeat", json!({"n": 2, "seed": 41})))
        .await
        .ok(200);
    let seed = |pointer: &str| -> Value {
        let request: Value = serde_json::from_str(text(&completion, pointer)).expect("JSON");
        request["sampling"]["seed"].clone()
    };
    assert_eq!(seed("/choices/0/message/content"), 41);
    assert_eq!(seed("/choices/1/message/content"), 42);
}

#[tokio::test]
async fn chances_come_for_each_token() {
    let (_house, ada) = house().await;
    let body = ask(SLOW, json!({"logprobs": true, "top_logprobs": 2}));
    let completion = ada.post(PATH, body.clone()).await.ok(200);
    let choice = &completion["choices"][0];
    let tokens = choice["logprobs"]["content"].as_array().expect("tokens");
    assert_eq!(completion["usage"]["completion_tokens"], tokens.len());
    let whole: String = tokens.iter().map(|token| text(token, "/token")).collect();
    assert_eq!(choice["message"]["content"], whole);
    for token in tokens {
        assert!(token["logprob"].as_f64() <= Some(0.0));
        assert_eq!(token["bytes"], json!(text(token, "/token").as_bytes()));
        assert_eq!(token["top_logprobs"].as_array().map(Vec::len), Some(2));
    }
    let (chunks, _) = chunks_of(&ada, PATH, body).await;
    let streamed: Vec<&Value> = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["logprobs"]["content"].as_array())
        .flatten()
        .collect();
    assert_eq!(streamed, tokens.iter().collect::<Vec<_>>());
    let without = ada.post(PATH, ask(SLOW, json!({}))).await.ok(200);
    assert_eq!(without["choices"][0]["logprobs"], Value::Null);
}

#[tokio::test]
async fn what_is_asked_reaches_the_engine() {
    let (_house, ada) = house().await;
    let request = request_of(
        &ada,
        json!({
            "temperature": 0.5, "top_p": 0.25, "top_k": 7, "min_p": 0.125, "repeat_penalty": 1.5,
            "presence_penalty": -1.0, "frequency_penalty": 0.5, "logit_bias": {"11": -100, "5": 2.5},
            "seed": -1, "stop": ["never"], "max_completion_tokens": 50,
            "cache_prompt": false, "ignore_eos": true, "priority": "batch",
        }),
    )
    .await;
    assert_eq!(
        request["sampling"],
        json!({
            "temperature": 0.5, "top_p": 0.25, "top_k": 7, "min_p": 0.125, "repeat_penalty": 1.5,
            "presence_penalty": -1.0, "frequency_penalty": 0.5, "logit_bias": [[11, -100.0], [5, 2.5]],
            "seed": 4_294_967_295_u32,
        })
    );
    assert_eq!(request["stop"], json!(["never"]));
    assert_eq!(request["max_tokens"], 50);
    assert_eq!(request["reuse_prefix"], false);
    assert_eq!(request["ignore_end"], true);
    assert_eq!(request["priority"], "batch");
    assert_ne!(request["lane"], 0, "work is somebody's");
    let flex = request_of(&ada, json!({"service_tier": "flex"})).await;
    assert_eq!(flex["priority"], "batch");
    let plain = request_of(&ada, json!({})).await;
    assert_eq!(plain["priority"], "interactive");
    assert_eq!(plain["reuse_prefix"], true);
}

#[tokio::test]
async fn formats_reach_the_engine() {
    let (_house, ada) = house().await;
    let schema = json!({"type": "object", "properties": {"b": {}, "a": {}}});
    let as_text = |schema: &Value| json!({"json_schema": schema.to_string()});
    for (asked, reached) in [
        (json!({}), json!("text")),
        (json!({"response_format": {"type": "text"}}), json!("text")),
        (
            json!({"response_format": {"type": "json_object"}}),
            json!("json_object"),
        ),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": schema}}}),
            as_text(&schema),
        ),
        (
            json!({"response_format": {"type": "json_object", "schema": schema}}),
            as_text(&schema),
        ),
        (
            json!({"grammar": "root ::= \"yes\""}),
            json!({"grammar": "root ::= \"yes\""}),
        ),
    ] {
        assert_eq!(request_of(&ada, asked).await["format"], reached);
    }
    let both = json!({"grammar": "root ::= \"y\"", "response_format": {"type": "json_object"}});
    let error = ada
        .post(PATH, ask("Repeat", both))
        .await
        .refused(400, "invalid_request");
    assert_eq!(error["param"], "grammar");
}

#[tokio::test]
async fn timings_are_named_as_llama_server_names_them() {
    let (_house, ada) = house().await;
    let whole = ada.post(PATH, ask(SLOW, json!({}))).await.ok(200);
    let (chunks, _) = chunks_of(&ada, PATH, ask(SLOW, json!({}))).await;
    let streamed = chunks.last().expect("chunks");
    for timings in [&whole["timings"], &streamed["timings"]] {
        for name in [
            "cache_n",
            "prompt_n",
            "prompt_ms",
            "prompt_per_token_ms",
            "prompt_per_second",
            "predicted_n",
            "predicted_ms",
            "predicted_per_token_ms",
            "predicted_per_second",
        ] {
            assert!(timings[name].is_number(), "{name} in {timings}");
        }
        assert_eq!(timings["predicted_n"], whole["usage"]["completion_tokens"]);
        assert!(timings["predicted_per_second"].as_f64() > Some(0.0));
    }
}
