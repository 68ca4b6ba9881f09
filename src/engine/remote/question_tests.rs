//! That every wish of a request arrives under the name such servers know, and that what was not
//! asked is not sent. What such servers cannot be told is refused by its field.

use super::*;
use crate::engine::{AdapterUse, Sampling, ToolCall};

fn hello() -> Generate {
    Generate::new("box/m", vec![ChatMessage::new(Role::User, "hi")])
}

fn asked(
    request: &Generate,
    kind: ServerKind,
    dialect: Dialect,
    continuation: Continuation,
) -> Value {
    let question = Question {
        request,
        messages: &request.messages,
        model: "m",
        kind,
        dialect,
        continuation,
    };
    question.body().unwrap()
}

fn body_of(request: &Generate, kind: ServerKind, dialect: Dialect) -> Value {
    asked(request, kind, dialect, Continuation::Flagged)
}

fn plain(request: &Generate) -> Value {
    body_of(request, ServerKind::Unknown, Dialect::default())
}

#[test]
fn a_bare_request_asks_for_nothing_else() {
    let expected = json!({
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    assert_eq!(plain(&hello()), expected);
}

#[test]
fn every_wish_has_its_name() {
    let request = Generate {
        sampling: Sampling {
            temperature: Some(0.7),
            top_k: Some(40),
            top_p: Some(0.9),
            min_p: Some(0.0),
            repeat_penalty: Some(1.1),
            presence_penalty: Some(-0.5),
            frequency_penalty: Some(0.25),
            logit_bias: vec![(15, -100.0)],
            seed: Some(7),
        },
        stop: vec!["END".into()],
        max_tokens: Some(12),
        chances: Some(3),
        tools: vec![Tool {
            name: "add".into(),
            description: "Adds.".into(),
            parameters: r#"{"type":"object"}"#.into(),
        }],
        tool_choice: ToolChoice::Named("add".into()),
        parallel_tool_calls: false,
        reasoning: Some(Reasoning::Low),
        ..hello()
    };
    let body = plain(&request);
    for (name, value) in [
        ("temperature", json!(0.7)),
        ("top_k", json!(40)),
        ("top_p", json!(0.9)),
        ("min_p", json!(0.0)),
        ("repeat_penalty", json!(1.1)),
        ("repetition_penalty", json!(1.1)),
        ("presence_penalty", json!(-0.5)),
        ("frequency_penalty", json!(0.25)),
        ("logit_bias", json!({"15": -100.0})),
        ("seed", json!(7)),
        ("stop", json!(["END"])),
        ("max_tokens", json!(12)),
        ("logprobs", json!(true)),
        ("top_logprobs", json!(3)),
        ("reasoning_effort", json!("low")),
        ("parallel_tool_calls", json!(false)),
        (
            "tool_choice",
            json!({"type": "function", "function": {"name": "add"}}),
        ),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    let function = &body["tools"][0]["function"];
    assert_eq!(function["parameters"], json!({"type": "object"}));
}

#[test]
fn a_format_is_asked_for_as_these_servers_know_it() {
    let with = |format| plain(&Generate { format, ..hello() })["response_format"].clone();
    assert_eq!(with(OutputFormat::Text), Value::Null);
    assert_eq!(
        with(OutputFormat::JsonObject),
        json!({"type": "json_object"})
    );
    let schema = with(OutputFormat::JsonSchema(r#"{"type":"array"}"#.into()));
    assert_eq!(schema["json_schema"]["schema"], json!({"type": "array"}));
    assert_eq!(schema["json_schema"]["strict"], json!(true));
}

#[test]
fn a_call_and_its_answer_go_back_as_they_came() {
    let mut asked = ChatMessage::new(Role::Assistant, "");
    asked.tool_calls.push(ToolCall {
        id: "c1".into(),
        name: "add".into(),
        arguments: "{}".into(),
    });
    let mut answered = ChatMessage::new(Role::Tool, "3");
    answered.tool_call_id = "c1".into();
    let mut request = hello();
    request.messages.extend([asked, answered]);
    let messages = plain(&request)["messages"].clone();
    let call =
        json!({"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}});
    let expected = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    assert_eq!(messages[1], expected);
    assert_eq!(
        messages[2],
        json!({"role": "tool", "content": "3", "tool_call_id": "c1"})
    );
}

#[test]
fn what_is_written_is_the_last_message_and_flagged_where_that_is_wanted() {
    let request = Generate {
        written: "Once upon".into(),
        ..hello()
    };
    let flagged = plain(&request);
    assert_eq!(
        flagged["messages"][1],
        json!({"role": "assistant", "content": "Once upon"})
    );
    assert_eq!(flagged["continue_final_message"], json!(true));
    assert_eq!(flagged["add_generation_prompt"], json!(false));
    let last = Continuation::LastMessage;
    let bare = asked(&request, ServerKind::Ollama, Dialect::default(), last);
    assert_eq!(bare["continue_final_message"], Value::Null);
}

#[test]
fn only_a_server_that_goes_on_is_asked_to() {
    let begun = Generate {
        written: "Once".into(),
        ..hello()
    };
    let on = |wanted, kind| continuation(&begun, wanted, kind);
    assert!(on(None, ServerKind::Unknown).is_err());
    assert_eq!(on(None, ServerKind::Vllm), Ok(Continuation::Flagged));
    let ollama = ServerKind::of_owner("library");
    assert_eq!(on(None, ollama), Ok(Continuation::LastMessage));
    let wanted = Some(Continuation::LastMessage);
    assert_eq!(
        on(wanted, ServerKind::Unknown),
        Ok(Continuation::LastMessage)
    );
    assert!(on(Some(Continuation::Unsupported), ServerKind::Vllm).is_err());
    assert!(continuation(&hello(), None, ServerKind::Unknown).is_ok());
}

#[test]
fn thoughts_are_not_continued_and_an_answer_that_is_wanted_now_is_asked_for_without_any() {
    let thinking = Generate {
        thought: "Hm".into(),
        ..hello()
    };
    assert!(continuation(&thinking, None, ServerKind::Vllm).is_err());
    let now = Generate {
        answer_now: true,
        reasoning: Some(Reasoning::High),
        ..thinking
    };
    assert!(continuation(&now, None, ServerKind::Unknown).is_ok());
    assert_eq!(plain(&now)["reasoning_effort"], json!("none"));
    assert_eq!(plain(&now)["messages"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_server_is_spoken_to_as_it_wants() {
    let request = Generate {
        max_tokens: Some(5),
        reasoning: Some(Reasoning::Off),
        ..hello()
    };
    let dialect = Dialect {
        new_max_tokens: true,
        no_stream_options: true,
    };
    let body = body_of(&request, ServerKind::Vllm, dialect);
    assert_eq!(body["max_completion_tokens"], json!(5));
    assert_eq!(body["max_tokens"], Value::Null);
    assert_eq!(body["stream_options"], Value::Null);
    assert_eq!(
        body["chat_template_kwargs"],
        json!({"enable_thinking": false})
    );
}

#[test]
fn what_cannot_be_asked_of_another_server_is_refused_by_name() {
    let field_of = |request: Generate| match check(&request).unwrap_err() {
        EngineError::InvalidField { field, .. } => field,
        other => panic!("{other}"),
    };
    let adapters = vec![AdapterUse {
        id: "a".into(),
        scale: 1.0,
    }];
    assert_eq!(
        field_of(Generate {
            adapters,
            ..hello()
        }),
        "lora"
    );
    let format = OutputFormat::Grammar("root ::= \"x\"".into());
    assert_eq!(field_of(Generate { format, ..hello() }), "grammar");
    let format = OutputFormat::JsonSchema("{".into());
    assert_eq!(field_of(Generate { format, ..hello() }), "response_format");
    let raw_prompt = Some("Once upon".to_owned());
    assert_eq!(
        field_of(Generate {
            raw_prompt,
            ..hello()
        }),
        "prompt"
    );
    let tools = vec![Tool {
        name: "x".into(),
        description: String::new(),
        parameters: "nonsense".into(),
    }];
    assert_eq!(field_of(Generate { tools, ..hello() }), "tools");
    assert!(check(&hello()).is_ok());
}

#[test]
fn an_answer_that_is_wanted_now_is_asked_for_without_thinking() {
    let request = Generate {
        reasoning: Some(Reasoning::High),
        thought: "Hm".into(),
        answer_now: true,
        ..hello()
    };
    assert_eq!(plain(&request)["reasoning_effort"], "none");
    let body = body_of(&request, ServerKind::LlamaServer, Dialect::default());
    assert_eq!(body["chat_template_kwargs"]["enable_thinking"], false);
}
