//! `/v1/completions`: a text goes on, whole and streamed.
//! Several prompts and several answers each have their places.

use serde_json::{Value, json};

use crate::openai::chunks_of;
use crate::support::{House, Person, Script, text};

const PATH: &str = "/v1/completions";
const STORY: &str =
    "there was a king who had many words to say and said them all, one by one, until night.";

async fn house() -> (House, Person) {
    let story = json!({"when": "^Once upon a time", "reply": STORY, "reasoning": "never told"});
    let repeating = json!({"when": "^Repeat", "repeat_request": true});
    let house = House::scripted(Script::default().rule(story).rule(repeating)).await;
    let ada = house.set_up().await;
    (house, ada)
}

fn texts_of(chunks: &[Value], index: u32) -> String {
    let choices = chunks
        .iter()
        .flat_map(|chunk| chunk["choices"].as_array().expect("choices"));
    choices
        .filter(|choice| choice["index"] == index)
        .map(|choice| text(choice, "/text"))
        .collect()
}

#[tokio::test]
async fn a_text_goes_on_for_sixteen_tokens_unless_more_are_asked_for() {
    let (_house, ada) = house().await;
    let mut body = json!({"prompt": "Once upon a time"});
    let short = ada.post(PATH, body.clone()).await.ok(200);
    assert_eq!(short["object"], "text_completion");
    assert!(text(&short, "/id").starts_with("cmpl-"));
    assert_eq!(short["choices"][0]["finish_reason"], "length");
    assert_eq!(short["usage"]["completion_tokens"], 16);
    body["max_tokens"] = json!(100);
    let whole = ada.post(PATH, body.clone()).await.ok(200);
    assert_eq!(whole["choices"][0]["text"], STORY);
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert_eq!(whole["usage"]["prompt_tokens"], 4);
    let (chunks, done) = chunks_of(&ada, PATH, body).await;
    assert!(done);
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["object"] == "text_completion")
    );
    assert_eq!(texts_of(&chunks, 0), STORY);
}

#[tokio::test]
async fn the_prompt_reaches_the_engine_as_it_stands() {
    let (_house, ada) = house().await;
    let prompt = "Repeat <|im_start|>ü\n ";
    let body = json!({"prompt": prompt, "max_tokens": 1000, "temperature": 0.5, "stop": "never"});
    let completion = ada.post(PATH, body).await.ok(200);
    let request: Value =
        serde_json::from_str(text(&completion, "/choices/0/text")).expect("the request");
    assert_eq!(request["raw_prompt"], prompt);
    assert_eq!(request["messages"], json!([]));
    assert_eq!(request["sampling"]["temperature"], 0.5);
    assert_eq!(request["stop"], json!(["never"]));
}

#[tokio::test]
async fn several_prompts_have_several_answers_each_at_its_place() {
    let (_house, ada) = house().await;
    let body = json!({
        "prompt": ["Once upon a time", "Hello"], "n": 2, "echo": true, "max_tokens": 100,
    });
    let completion = ada.post(PATH, body.clone()).await.ok(200);
    let choices = completion["choices"].as_array().expect("choices");
    let texts: Vec<&str> = choices.iter().map(|choice| text(choice, "/text")).collect();
    let story = format!("Once upon a time{STORY}");
    let hello = "HelloYou said: Hello";
    assert_eq!(texts, [&story, &story, hello, hello]);
    assert_eq!(completion["usage"]["prompt_tokens"], 4 + 4 + 1 + 1);
    let (chunks, _) = chunks_of(&ada, PATH, body).await;
    assert_eq!(texts_of(&chunks, 1), story);
    assert_eq!(texts_of(&chunks, 2), hello);
}

#[tokio::test]
async fn chances_say_where_in_the_text_they_are() {
    let (_house, ada) = house().await;
    let body = json!({"prompt": "Once upon a time", "logprobs": 1});
    let completion = ada.post(PATH, body.clone()).await.ok(200);
    let logprobs = &completion["choices"][0]["logprobs"];
    let tokens = logprobs["tokens"].as_array().expect("tokens");
    assert_eq!(tokens.len(), 16);
    assert_eq!(
        logprobs["token_logprobs"].as_array().map(Vec::len),
        Some(16)
    );
    assert_eq!(
        logprobs["text_offset"][1],
        text(logprobs, "/tokens/0").len()
    );
    assert!(logprobs["top_logprobs"][0].is_object());
    let (chunks, _) = chunks_of(&ada, PATH, body).await;
    let second = &chunks[1]["choices"][0]["logprobs"];
    assert_eq!(second["text_offset"][0], logprobs["text_offset"][1]);
}

#[tokio::test]
async fn what_is_not_understood_is_refused_by_name() {
    let (_house, ada) = house().await;
    for (param, value) in [
        ("prompt", json!([1, 2, 3])),
        ("prompt", json!([[1], [2]])),
        ("prompt", json!([])),
        ("prompt", json!(7)),
        ("prompt", json!(vec!["x"; 9])),
        ("suffix", json!("the end")),
        ("best_of", json!(4)),
        ("n", json!(9)),
    ] {
        let mut body = json!({"prompt": "Once"});
        body[param] = value;
        let error = ada
            .post(PATH, body.clone())
            .await
            .refused(400, "invalid_request");
        assert_eq!(error["param"], param, "{body}: {error}");
    }
    ada.post(PATH, json!({}))
        .await
        .refused(400, "invalid_request");
    let stranger = ada.with_token("wrong");
    stranger
        .post(PATH, json!({"prompt": "Once"}))
        .await
        .refused(401, "unauthenticated");
}
