//! What models of each family write, and what is made of it: `golden/*.json`, one file a family.
//!
//! Each case is read whole, byte for byte, and cut in two at every place; the events must be those
//! of the file each time. `start` and `template` stand for the prompt the text came after.

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    /// Text of the template that gives the dialect away.
    template: String,
    style: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    raw: String,
    #[serde(default)]
    start: String,
    #[serde(default)]
    without_tools: bool,
    events: Vec<Value>,
}

pub(super) fn tools() -> Vec<Tool> {
    let tool = |name: &str, properties: Value| Tool {
        name: name.into(),
        description: String::new(),
        parameters: json!({"type": "object", "properties": properties}).to_string(),
    };
    vec![
        tool(
            "get_weather",
            json!({"city": {"type": "string"}, "days": {"type": "integer"}, "deep": {"type": "object"}}),
        ),
        tool("f", json!({})),
    ]
}

/// The events together, with the ids `call_0`, `call_1` …
pub(super) fn events_of(
    dialect: &Dialect,
    start: ReplyStart,
    tools: &[Tool],
    pieces: &[&str],
) -> Vec<ParsedEvent> {
    let mut made = 0;
    let options = ParserOptions {
        start,
        tools: tools.to_vec(),
        call_ids: Box::new(move || {
            made += 1;
            format!("call_{}", made - 1)
        }),
    };
    let mut parser = ReplyParser::new(dialect, options);
    let mut events: Vec<ParsedEvent> = Vec::new();
    for piece in pieces {
        for event in parser.push(piece) {
            append(&mut events, event);
        }
    }
    for event in parser.finish() {
        append(&mut events, event);
    }
    events
}

fn append(events: &mut Vec<ParsedEvent>, event: ParsedEvent) {
    match (events.last_mut(), event) {
        (Some(ParsedEvent::Text(last)), ParsedEvent::Text(more))
        | (Some(ParsedEvent::Reasoning(last)), ParsedEvent::Reasoning(more)) => {
            last.push_str(&more)
        }
        (Some(ParsedEvent::ToolCall(last)), ParsedEvent::ToolCall(more))
            if last.index == more.index =>
        {
            assert_eq!((more.id, more.name), (None, None), "a call begins once");
            last.arguments.push_str(&more.arguments);
        }
        (_, event) => events.push(event),
    }
}

fn as_json(event: &ParsedEvent) -> Value {
    match event {
        ParsedEvent::Reasoning(text) => json!({ "reasoning": text }),
        ParsedEvent::Text(text) => json!({ "text": text }),
        ParsedEvent::ToolCall(call) => {
            assert_eq!(call.id, Some(format!("call_{}", call.index)));
            json!({ "call": call.name, "arguments": call.arguments })
        }
    }
}

fn check(file: &str, text: &str) {
    let family: Family =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let dialect = Dialect::detect(&family.template, "");
    assert_eq!(format!("{:?}", dialect.calls), family.style, "{file}");
    assert!(family.cases.len() >= 3, "{file} has hardly any cases");
    for case in family.cases {
        let start = match case.start.as_str() {
            "" => ReplyStart::Anew,
            "thought" => ReplyStart::Thought,
            "within thought" => ReplyStart::WithinThought,
            "within answer" => ReplyStart::WithinAnswer,
            other => panic!("{file}: there is no start {other}"),
        };
        let tools = if case.without_tools { vec![] } else { tools() };
        let check = |pieces: &[&str]| {
            let events = events_of(&dialect, start, &tools, pieces);
            let events: Vec<Value> = events.iter().map(as_json).collect();
            assert_eq!(events, case.events, "{file}: {} {pieces:?}", case.name);
        };
        check(&[&case.raw]);
        let chars: Vec<String> = case.raw.chars().map(String::from).collect();
        check(&chars.iter().map(String::as_str).collect::<Vec<_>>());
        for (at, _) in case.raw.char_indices() {
            check(&[&case.raw[..at], &case.raw[at..]]);
        }
    }
}

#[test]
fn each_family_is_understood_however_its_text_is_cut() {
    for (file, text) in [
        ("plain", include_str!("golden/plain.json")),
        ("hermes", include_str!("golden/hermes.json")),
        ("qwen_xml", include_str!("golden/qwen_xml.json")),
        ("llama", include_str!("golden/llama.json")),
        ("mistral", include_str!("golden/mistral.json")),
        ("mistral_args", include_str!("golden/mistral_args.json")),
        ("deepseek_r1", include_str!("golden/deepseek_r1.json")),
        ("deepseek", include_str!("golden/deepseek.json")),
        ("gemma", include_str!("golden/gemma.json")),
        ("harmony", include_str!("golden/harmony.json")),
    ] {
        check(file, text);
    }
}
