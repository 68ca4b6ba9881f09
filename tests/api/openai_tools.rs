//! `/v1/chat/completions` with tools and thoughts: asked for, called, answered, whole and streamed.
//! The tools are called by script; what becomes of a real model's text is tested in `engine/parse`.

use serde_json::{Value, json};

use crate::openai::{chunks_of, content_of};
use crate::support::{House, Person, Script, text};

const PATH: &str = "/v1/chat/completions";
const ARGUMENTS: &str = r#"{"city":"Oslo \"}\" 東京"}"#;

async fn house() -> (House, Person) {
    let rule = json!({
        "when": "^Is it warm",
        "reasoning": "They want the weather, so I look.",
        "reply": "It is warm.",
        "tool_calls": [
            {"name": "get_weather", "arguments": ARGUMENTS},
            {"name": "get_time", "arguments": {}},
        ],
    });
    let thinking = json!({"when": "^Think", "reasoning": "Well, hm.", "reply": "So it is."});
    let repeating = json!({"when": "^Repeat", "repeat_request": true});
    let script = Script::default().rule(rule).rule(thinking).rule(repeating);
    let house = House::scripted(script).await;
    let ada = house.set_up().await;
    (house, ada)
}

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {
        "name": name,
        "description": "Looks outside.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": true,
    }})
}

fn question() -> Value {
    json!({
        "messages": [{"role": "user", "content": "Is it warm?"}],
        "tools": [tool("get_weather"), tool("get_time")],
    })
}

/// The request as the engine got it.
async fn request_of(ada: &Person, mut body: Value) -> Value {
    if body["messages"].is_null() {
        body["messages"] = json!([{"role": "user", "content": "Repeat"}]);
    }
    let completion = ada.post(PATH, body).await.ok(200);
    let told = text(&completion, "/choices/0/message/content");
    serde_json::from_str(told).expect("the request as JSON")
}

#[tokio::test]
async fn calls_come_whole_and_their_answers_lead_to_the_reply() {
    let (_house, ada) = house().await;
    let mut body = question();
    let completion = ada.post(PATH, body.clone()).await.ok(200);
    let choice = &completion["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    let message = &choice["message"];
    assert_eq!(message["content"], Value::Null);
    assert_eq!(
        message["reasoning_content"],
        "They want the weather, so I look."
    );
    let calls = message["tool_calls"].as_array().expect("calls");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["type"], "function");
    assert_eq!(calls[0]["function"]["name"], "get_weather");
    assert_eq!(calls[0]["function"]["arguments"], ARGUMENTS);
    assert_eq!(calls[1]["function"]["arguments"], "{}");
    assert!(text(&calls[0], "/id").starts_with("call_"));
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    let details = &completion["usage"]["completion_tokens_details"];
    assert_eq!(details["reasoning_tokens"], 7);

    let messages = body["messages"].as_array_mut().expect("messages");
    messages.push(message.clone());
    for call in calls {
        messages.push(
            json!({"role": "tool", "tool_call_id": call["id"], "content": [{"type": "text", "text": "warm"}]}),
        );
    }
    let completion = ada.post(PATH, body).await.ok(200);
    let choice = &completion["choices"][0];
    assert_eq!(choice["message"]["content"], "It is warm.");
    assert_eq!(choice["message"].get("tool_calls"), None);
    assert_eq!(choice["finish_reason"], "stop");
}

#[tokio::test]
async fn streamed_calls_are_the_same_in_pieces() {
    let (_house, ada) = house().await;
    let (chunks, done) = chunks_of(&ada, PATH, question()).await;
    assert!(done);
    let deltas: Vec<&Value> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["delta"])
        .collect();
    let thought: String = deltas
        .iter()
        .filter_map(|delta| delta["reasoning_content"].as_str())
        .collect();
    assert_eq!(thought, "They want the weather, so I look.");
    let mut arguments = [String::new(), String::new()];
    let mut names = Vec::new();
    let pieces = deltas
        .iter()
        .filter_map(|delta| delta["tool_calls"].as_array())
        .flatten();
    for piece in pieces {
        let index = usize::try_from(piece["index"].as_u64().expect("an index")).expect("small");
        arguments[index].push_str(text(piece, "/function/arguments"));
        if piece.get("id").is_some() {
            assert_eq!(piece["type"], "function");
            names.push(text(piece, "/function/name").to_owned());
        }
    }
    assert_eq!(names, ["get_weather", "get_time"]);
    assert_eq!(arguments, [ARGUMENTS, "{}"]);
    let reason = &chunks.last().expect("chunks")["choices"][0]["finish_reason"];
    assert_eq!(*reason, "tool_calls");
}

#[tokio::test]
async fn what_may_and_must_be_called_reaches_the_engine() {
    let (_house, ada) = house().await;
    for (choice, reached) in [
        (json!(null), json!("auto")),
        (json!("auto"), json!("auto")),
        (json!("none"), json!("none")),
    ] {
        let request = request_of(
            &ada,
            json!({"tools": [tool("f")], "tool_choice": choice, "parallel_tool_calls": false}),
        )
        .await;
        assert_eq!(request["tool_choice"], reached);
        assert_eq!(request["parallel_tool_calls"], false);
        assert_eq!(request["tools"][0]["name"], "f");
        let parameters = text(&request, "/tools/0/parameters");
        let parameters: Value = serde_json::from_str(parameters).expect("a schema");
        assert_eq!(parameters["properties"]["city"]["type"], "string");
    }
    let named = json!({"type": "function", "function": {"name": "get_time"}});
    let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
        {"type": "function", "function": {"name": "get_time"}},
    ]}});
    for choice in [named, allowed] {
        let mut body =
            json!({"messages": [{"role": "user", "content": "Repeat"}], "tool_choice": choice});
        body["tools"] = json!([tool("get_weather"), tool("get_time")]);
        let completion = ada.post(PATH, body).await.ok(200);
        let call = &completion["choices"][0]["message"]["tool_calls"][0];
        assert_eq!(call["function"]["name"], "get_time");
    }
    let mut twice = question();
    twice["tools"] = json!([tool("f"), tool("f")]);
    ada.post(PATH, twice).await.refused(400, "invalid_request");
    let mut blank = question();
    blank["tools"] = json!([tool("get the weather")]);
    ada.post(PATH, blank).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn calls_and_thoughts_of_earlier_turns_reach_the_engine() {
    let (_house, ada) = house().await;
    let request = request_of(
        &ada,
        json!({"messages": [
            {"role": "user", "content": "Warm?"},
            {"role": "assistant", "content": null, "reasoning_content": "Hm.", "reasoning": "Hm.", "tool_calls": [
                {"id": "call_7", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_7", "content": "yes"},
            {"role": "user", "content": "Repeat"},
        ]}),
    )
    .await;
    let messages = &request["messages"];
    assert_eq!(messages[1]["reasoning"], "Hm.");
    assert_eq!(
        messages[1]["tool_calls"],
        json!([{"id": "call_7", "name": "f", "arguments": "{\"a\": 1}"}])
    );
    assert_eq!(messages[2]["role"], "tool");
    assert_eq!(messages[2]["tool_call_id"], "call_7");
}

#[tokio::test]
async fn thinking_is_told_apart_and_can_be_switched_off() {
    let (_house, ada) = house().await;
    let ask = |more: Value| {
        let mut body = json!({"messages": [{"role": "user", "content": "Think!"}]});
        for (key, value) in more.as_object().expect("an object") {
            body[key] = value.clone();
        }
        body
    };
    let completion = ada.post(PATH, ask(json!({}))).await.ok(200);
    let message = &completion["choices"][0]["message"];
    assert_eq!(message["reasoning_content"], "Well, hm.");
    assert_eq!(message["content"], "So it is.");
    let (chunks, _) = chunks_of(&ada, PATH, ask(json!({}))).await;
    assert_eq!(content_of(&chunks), "So it is.");
    for off in [
        json!({"reasoning_effort": "none"}),
        json!({"chat_template_kwargs": {"enable_thinking": false}}),
    ] {
        let completion = ada.post(PATH, ask(off)).await.ok(200);
        let message = &completion["choices"][0]["message"];
        assert_eq!(message.get("reasoning_content"), None);
        assert_eq!(message["content"], "So it is.");
    }
    for (effort, reached) in [
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
    ] {
        let request = request_of(&ada, json!({"reasoning_effort": effort})).await;
        assert_eq!(request["reasoning"], reached);
    }
    assert_eq!(request_of(&ada, json!({})).await["reasoning"], Value::Null);
}
