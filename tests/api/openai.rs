//! `/v1` as existing clients expect it: models, chat completions whole and streamed, errors.
//! The `openai` package itself is driven in `clients.rs`.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, BROKEN, House, Person, SLOW, Script, TOO_LONG, text};

const PATH: &str = "/v1/chat/completions";

fn ask(content: &str) -> Value {
    json!({"messages": [{"role": "user", "content": content}]})
}

/// The chunks of a streamed completion, and whether `[DONE]` ended it.
pub(crate) async fn chunks_of(person: &Person, path: &str, mut body: Value) -> (Vec<Value>, bool) {
    body["stream"] = json!(true);
    let answer = Answer::of(person.request(Method::POST, path).json(&body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let data: Vec<&str> = answer
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    let done = data.last() == Some(&"[DONE]");
    let parsed = data.iter().filter(|data| **data != "[DONE]");
    (
        parsed
            .map(|data| serde_json::from_str(data).expect("a chunk is JSON"))
            .collect(),
        done,
    )
}

async fn chunks(person: &Person, body: Value) -> (Vec<Value>, bool) {
    chunks_of(person, PATH, body).await
}

pub(crate) fn content_of(chunks: &[Value]) -> String {
    chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect()
}

#[tokio::test]
async fn the_models_are_the_same_as_on_the_page() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let list = ada.get("/v1/models").await.ok(200);
    assert_eq!(list["object"], "list");
    let ours = ada.get("/api/v1/models").await.ok(200);
    assert_eq!(list["data"][0]["id"], ours["items"][0]["id"]);
    assert_eq!(list["data"][0]["object"], "model");
}

#[tokio::test]
async fn a_completion_comes_whole() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let completion = ada.post(PATH, ask("Hello")).await.ok(200);
    assert_eq!(completion["object"], "chat.completion");
    assert!(text(&completion, "/id").starts_with("chatcmpl-"));
    let choice = &completion["choices"][0];
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["finish_reason"], "stop");
    assert!(!text(choice, "/message/content").is_empty());
    let usage = &completion["usage"];
    let sum = usage["prompt_tokens"].as_u64().expect("a number")
        + usage["completion_tokens"].as_u64().expect("a number");
    assert_eq!(usage["total_tokens"], sum);
    assert_eq!(
        ada.get("/api/v1/conversations").await.ok(200)["items"],
        json!([]),
        "nothing is kept"
    );
}

#[tokio::test]
async fn a_streamed_completion_is_the_same_text_in_chunks() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let whole = ada.post(PATH, ask(SLOW)).await.ok(200);
    let mut body = ask(SLOW);
    body["stream_options"] = json!({"include_usage": true});
    let (chunks, done) = chunks(&ada, body).await;
    assert!(done, "[DONE] ends it");
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["object"] == "chat.completion.chunk"
                && chunk["id"] == chunks[0]["id"])
    );
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(
        content_of(&chunks),
        text(&whole, "/choices/0/message/content")
    );
    let reasons: Vec<&Value> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["finish_reason"])
        .filter(|reason| !reason.is_null())
        .collect();
    assert_eq!(reasons, ["stop"]);
    let last = chunks.last().expect("chunks");
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"]["total_tokens"].is_u64());
}

#[tokio::test]
async fn max_tokens_and_stop_end_a_completion() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for name in ["max_tokens", "max_completion_tokens"] {
        let mut body = ask(SLOW);
        body[name] = json!(3);
        let completion = ada.post(PATH, body).await.ok(200);
        assert_eq!(completion["choices"][0]["finish_reason"], "length");
        assert_eq!(completion["usage"]["completion_tokens"], 3);
    }
    let whole = ada.post(PATH, ask(SLOW)).await.ok(200);
    let text = text(&whole, "/choices/0/message/content");
    let stop = text.split(' ').nth(6).expect("seven words");
    let before = text.split_once(stop).expect("it is in there").0;
    for value in [json!(stop), json!([stop, "never said"])] {
        let mut body = ask(SLOW);
        body["stop"] = value;
        let completion = ada.post(PATH, body.clone()).await.ok(200);
        assert_eq!(completion["choices"][0]["message"]["content"], before);
        assert_eq!(completion["choices"][0]["finish_reason"], "stop");
        assert_eq!(content_of(&chunks(&ada, body).await.0), before);
    }
}

#[tokio::test]
async fn what_clients_send_beside_is_understood_or_passed_over() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let body = json!({
        "model": ada.get("/v1/models").await.ok(200)["data"][0]["id"],
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "developer", "content": [{"type": "text", "text": "Be short."}]},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Good day."},
            {"role": "user", "content": [{"type": "text", "text": "And "}, {"type": "text", "text": "now?"}], "name": "ada"},
        ],
        "temperature": 0.7, "top_p": 1, "seed": -1, "n": 1, "presence_penalty": 0, "frequency_penalty": 0,
        "logit_bias": {}, "user": "ada", "store": false, "metadata": {}, "tools": [], "response_format": {"type": "text"},
        "tool_choice": "auto", "parallel_tool_calls": false, "functions": [], "logprobs": false, "top_logprobs": null,
        "modalities": ["text"], "audio": null, "service_tier": "auto", "verbosity": "medium", "stop": null,
        "prediction": {"type": "content", "content": "Good"}, "safety_identifier": "a", "prompt_cache_key": "b",
        "stream_options": null, "max_tokens": null, "stream": null, "grammar": "", "x_unknown": [1],
    });
    ada.post(PATH, body).await.ok(200);
}

#[tokio::test]
async fn what_would_change_the_answer_is_refused_by_name() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for (param, value) in [
        ("n", json!(9)),
        ("n", json!(0)),
        ("logit_bias", json!({"hello": -100})),
        ("functions", json!([{"name": "f"}])),
        ("function_call", json!("auto")),
        ("tools", json!([{"type": "web_search"}])),
        ("tools", json!([{"type": "function"}])),
        (
            "tools",
            json!([{"type": "function", "function": {"name": "f", "parameters": 7}}]),
        ),
        ("tool_choice", json!("required")),
        (
            "tool_choice",
            json!({"type": "function", "function": {"name": "f"}}),
        ),
        ("response_format", json!({"type": "json_schema"})),
        ("response_format", json!({"type": "yaml"})),
        ("modalities", json!(["text", "audio"])),
        ("audio", json!({"voice": "ash", "format": "wav"})),
        ("web_search_options", json!({})),
        ("verbosity", json!("low")),
        ("reasoning_effort", json!("utmost")),
        ("top_logprobs", json!(2)),
        ("service_tier", json!("gold")),
        ("priority", json!("mine")),
        ("store", json!(true)),
        ("lora", json!([{"id": [], "scale": 1}])),
    ] {
        let mut body = ask("Hello");
        body[param] = value;
        let error = ada
            .post(PATH, body.clone())
            .await
            .refused(400, "invalid_request");
        assert_eq!(error["param"], param, "{body}: {error}");
    }
}

#[tokio::test]
async fn what_fails_in_a_stream_can_be_found_in_the_log() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut body = ask(BROKEN);
    body["stream"] = json!(true);
    let answer = ada.post(PATH, body).await;
    let id = answer.header("x-request-id").to_owned();
    let last = answer.text.trim_end().rsplit("data: ").next();
    let error: Value = serde_json::from_str(last.expect("a line")).expect("an error");
    assert_eq!(error["error"]["request_id"], id.as_str());
    assert!(!text(&error, "/error/type").is_empty());
    // The log comes through a pipe, and maybe after the answer.
    let written = async {
        while !house.log().contains(&id) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let patience = Duration::from_secs(30);
    let written = tokio::time::timeout(patience, written).await;
    assert!(written.is_ok(), "{}", house.log());
}

#[tokio::test]
async fn a_stream_that_waited_for_its_turn_can_still_be_refused() {
    let late = json!({"when": "^Wait", "queued": [2, 1, 0], "error": {"context_too_long": {"tokens": 9, "limit": 4}}});
    let house = House::scripted(Script::default().rule(late)).await;
    let ada = house.set_up().await;
    let mut body = ask("Wait");
    body["stream"] = json!(true);
    ada.post(PATH, body).await.refused(422, "context_too_long");
}

/// Bodies, and the status and code they are refused with.
fn refusals() -> Vec<(Value, u16, &'static str)> {
    let too_long = format!("{TOO_LONG} {}", "word ".repeat(40_000));
    vec![
        (json!({"messages": []}), 400, "invalid_request"),
        (json!({}), 400, "invalid_request"),
        (json!({"messages": "x"}), 400, "invalid_request"),
        (
            json!({"messages": [{"role": "wizard", "content": "x"}]}),
            400,
            "invalid_request",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
            400,
            "invalid_request",
        ),
        (
            json!({"messages": [{"role": "user", "content": "x"}], "n": 20}),
            400,
            "invalid_request",
        ),
        (
            json!({"messages": [{"role": "tool", "content": "x"}]}),
            400,
            "invalid_request",
        ),
        (
            json!({"messages": [{"role": "user", "content": "x"}], "temperature": 99}),
            400,
            "invalid_request",
        ),
        (
            json!({"messages": [{"role": "user", "content": "x"}], "max_tokens": -1}),
            400,
            "invalid_request",
        ),
        (
            json!({"messages": [{"role": "user", "content": "x"}], "model": "gpt-9"}),
            503,
            "model_unavailable",
        ),
        (ask(&too_long), 422, "context_too_long"),
    ]
}

#[tokio::test]
async fn errors_have_what_openais_clients_look_for() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let error = house
        .stranger()
        .post(PATH, ask("x"))
        .await
        .refused(401, "unauthenticated");
    assert_eq!(error["type"], "authentication_error");
    for (mut body, status, code) in refusals() {
        for stream in [false, true] {
            body["stream"] = json!(stream);
            let error = ada.post(PATH, body.clone()).await.refused(status, code);
            assert!(error["type"].is_string(), "{error}");
            assert!(error.get("param").is_some(), "{error}");
        }
    }
    let error = ada.get("/v1/nothing").await.refused(404, "not_found");
    assert!(error["type"].is_string(), "{error}");
}
