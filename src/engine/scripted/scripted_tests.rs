//! What a script makes of requests. The binary itself under a script is in `tests/api/`.

use super::*;
use crate::engine::{AdapterUse, ChatMessage};

fn ask(content: &str) -> Generate {
    let message = ChatMessage::new(Role::User, content);
    Generate::new("scripted", vec![message])
}

async fn text_of(script: &str, request: Generate) -> Result<(String, FinishReason), EngineError> {
    let engine = ScriptedEngine::from_json(script, TaskTracker::new()).unwrap();
    let mut stream = engine.generate(request)?;
    let mut text = String::new();
    while let Some(event) = stream.next_event().await {
        match event? {
            EngineEvent::Delta(delta) => text.push_str(&delta),
            EngineEvent::Finished(finished) => return Ok((text, finished.reason)),
            _ => {}
        }
    }
    panic!("the stream ended without an ending");
}

const SCRIPT: &str = r#"{"rules": [
    {"when": "count", "reply": ["one ", "two ", "three"]},
    {"when": "break", "reply": "a b c", "fail_after": 2}
]}"#;

#[tokio::test]
async fn a_rule_answers_and_the_rest_is_echoed() {
    assert_eq!(
        text_of(SCRIPT, ask("please count")).await.unwrap().0,
        "one two three"
    );
    assert_eq!(
        text_of(SCRIPT, ask("hello")).await.unwrap().0,
        "You said: hello"
    );
}

#[tokio::test]
async fn a_reply_can_say_which_adapters_reached_the_engine() {
    let script = r#"{"rules": [{"when": "which", "reply": "With {adapters}."}]}"#;
    let with = |adapters: &[(&str, f32)]| Generate {
        adapters: adapters
            .iter()
            .map(|&(id, scale)| AdapterUse {
                id: id.into(),
                scale,
            })
            .collect(),
        ..ask("which")
    };
    let none = text_of(script, with(&[])).await.unwrap().0;
    assert_eq!(none, "With none.");
    let two = with(&[("pirate", 0.5), ("formal", 1.0)]);
    let said = text_of(script, two).await.unwrap().0;
    assert_eq!(said, "With pirate at 0.5, formal at 1.");
}

#[tokio::test]
async fn a_reply_goes_on_behind_what_is_written() {
    let request = Generate {
        written: "one t".into(),
        ..ask("count")
    };
    assert_eq!(text_of(SCRIPT, request).await.unwrap().0, "wo three");
}

#[tokio::test]
async fn stops_and_limits_hold() {
    let stopped = Generate {
        stop: vec!["o th".into()],
        ..ask("count")
    };
    assert_eq!(
        text_of(SCRIPT, stopped).await.unwrap(),
        ("one tw".into(), FinishReason::Stop)
    );
    let limited = Generate {
        max_tokens: Some(2),
        ..ask("count")
    };
    assert_eq!(
        text_of(SCRIPT, limited).await.unwrap(),
        ("one two ".into(), FinishReason::Length)
    );
}

#[tokio::test]
async fn a_failure_comes_once_and_not_to_what_is_continued() {
    assert!(text_of(SCRIPT, ask("break")).await.is_err());
    let continued = Generate {
        written: "a b ".into(),
        ..ask("break")
    };
    assert_eq!(text_of(SCRIPT, continued).await.unwrap().0, "c");
}

async fn events_of(request: Generate) -> Vec<EngineEvent> {
    const SCRIPT: &str = r#"{"rules": [{"when": "warm", "reasoning": "Let me look.",
        "reply": "It is.", "tool_calls": [{"name": "look", "arguments": {"at": "the sky"}}]}]}"#;
    let engine = ScriptedEngine::from_json(SCRIPT, TaskTracker::new()).unwrap();
    let mut stream = engine.generate(request).unwrap();
    let mut events = Vec::new();
    while let Some(event) = stream.next_event().await {
        events.push(event.unwrap());
    }
    events
}

fn with_tool(request: Generate) -> Generate {
    Generate {
        tools: vec![crate::engine::Tool {
            name: "look".into(),
            description: String::new(),
            parameters: "{}".into(),
        }],
        ..request
    }
}

#[tokio::test]
async fn tools_are_called_before_the_reply_and_only_where_there_are_any() {
    let called = |events: &[EngineEvent]| {
        let calls = events.iter().filter_map(|event| match event {
            EngineEvent::ToolCall(delta) => Some(delta.arguments.as_str()),
            _ => None,
        });
        calls.collect::<String>()
    };
    let first = events_of(with_tool(ask("warm?"))).await;
    assert_eq!(called(&first), r#"{"at":"the sky"}"#);
    let Some(EngineEvent::Finished(finished)) = first.last() else {
        panic!("it ends");
    };
    assert_eq!(finished.reason, FinishReason::ToolCalls);
    let mut answered = with_tool(ask("warm?"));
    answered
        .messages
        .push(ChatMessage::new(Role::Tool, "a blue sky"));
    for request in [answered, ask("warm?")] {
        let events = events_of(request).await;
        assert_eq!(called(&events), "");
        assert!(events.contains(&EngineEvent::Delta("It ".into())));
    }
}

#[tokio::test]
async fn thoughts_come_first_and_go_on_or_are_left_out() {
    let thoughts = |events: Vec<EngineEvent>| {
        let thoughts = events.into_iter().filter_map(|event| match event {
            EngineEvent::Reasoning(text) => Some(text),
            _ => None,
        });
        thoughts.collect::<String>()
    };
    assert_eq!(thoughts(events_of(ask("warm")).await), "Let me look.");
    let further = Generate {
        thought: "Let me".into(),
        ..ask("warm")
    };
    assert_eq!(thoughts(events_of(further).await), " look.");
    let now = Generate {
        thought: "Let me".into(),
        answer_now: true,
        ..ask("warm")
    };
    assert_eq!(thoughts(events_of(now).await), "");
    let off = Generate {
        reasoning: Some(crate::engine::Reasoning::Off),
        ..ask("warm")
    };
    assert_eq!(thoughts(events_of(off).await), "");
}
