//! The forms of calls are what the parser of the same dialect understands.
//! So a model that is held to a form is sure to be heard.

use serde_json::json;

use super::super::golden_tests::events_of;
use super::super::{ParsedEvent, ReplyStart};
use super::*;

fn tool(name: &str) -> Tool {
    Tool {
        name: name.into(),
        description: String::new(),
        parameters: r##"{"type":"object","required":["b"],"properties":{"b":{"type":"string"},"a":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"integer"}}}"##.into(),
    }
}

const STYLES: [CallStyle; 9] = [
    CallStyle::Hermes,
    CallStyle::QwenXml,
    CallStyle::Llama,
    CallStyle::Mistral,
    CallStyle::MistralArgs,
    CallStyle::DeepSeekR1,
    CallStyle::DeepSeek,
    CallStyle::Gemma,
    CallStyle::Harmony,
];

fn dialect(calls: CallStyle) -> Dialect {
    Dialect {
        calls,
        ..Dialect::PLAIN
    }
}

/// A call of the item's tool, as the form wants it.
fn example(item: &CallItem, name: &str) -> String {
    let body = match &item.body {
        CallBody::Xml(parameters) => parameters
            .iter()
            .map(|parameter| {
                let value = if parameter.schema.is_some() { "7" } else { "x" };
                format!("{}{value}{}", parameter.before, parameter.after)
            })
            .collect(),
        CallBody::Json(schema) => {
            let schema: Value = serde_json::from_str(schema).expect("a schema is JSON");
            match schema["properties"].get("name") {
                Some(constant) => {
                    assert_eq!(constant["const"], name);
                    assert_eq!(schema["$defs"]["n"]["type"], "integer");
                    let key = schema["required"][1].as_str().unwrap();
                    format!(r#"{{"name": "{name}", "{key}": {{"b": "x", "a": 7}}}}"#)
                }
                None => r#"{"b": "x", "a": 7}"#.to_owned(),
            }
        }
    };
    format!("{}{body}{}", item.before, item.after)
}

#[test]
fn what_a_form_admits_is_read_as_calls() {
    let tools = [tool("one"), tool("two")];
    for calls in STYLES {
        let dialect = dialect(calls);
        let format = dialect
            .tool_call_schema(&tools, &ToolChoice::Required, true)
            .expect("there are tools");
        let (one, two) = (
            example(&format.items[0], "one"),
            example(&format.items[1], "two"),
        );
        let inner = match &format.separator {
            Some(separator) => format!("{one}{separator}{two}"),
            None => one,
        };
        let text = format!("{}{inner}{}", format.before, format.after);
        let events = events_of(&dialect, ReplyStart::Anew, &tools, &[&text]);
        let expected = if format.separator.is_some() { 2 } else { 1 };
        assert_eq!(events.len(), expected, "{text}: {events:?}");
        for (event, name) in events.iter().zip(["one", "two"]) {
            let ParsedEvent::ToolCall(call) = event else {
                panic!("{text}: {event:?}");
            };
            assert_eq!(call.name.as_deref(), Some(name));
            let arguments: Value = serde_json::from_str(&call.arguments).expect("JSON");
            assert_eq!(arguments, json!({"b": "x", "a": 7}), "{text}");
        }
    }
}

#[test]
fn only_what_is_allowed_has_a_form() {
    let tools = [tool("one"), tool("two")];
    let dialect = dialect(CallStyle::Hermes);
    let form = |choice: &ToolChoice, parallel| dialect.tool_call_schema(&tools, choice, parallel);
    let named = form(&ToolChoice::Named("two".into()), false).unwrap();
    assert_eq!(named.items.len(), 1);
    assert!(example(&named.items[0], "two").contains("two"));
    assert_eq!(named.separator, None);
    assert_eq!(form(&ToolChoice::None, true), None);
    assert_eq!(form(&ToolChoice::Named("three".into()), true), None);
}

#[test]
fn the_order_of_a_schema_stays_and_the_name_comes_first() {
    let format = dialect(CallStyle::Hermes)
        .tool_call_schema(&[tool("one")], &ToolChoice::Auto, true)
        .unwrap();
    let CallBody::Json(schema) = &format.items[0].body else {
        panic!("it is JSON");
    };
    let at = |text: &str| schema.find(text).unwrap();
    assert!(at("\"name\"") < at("\"arguments\""));
    assert!(at("\"b\":{") < at("\"a\":{"));
    let format = dialect(CallStyle::QwenXml)
        .tool_call_schema(&[tool("one")], &ToolChoice::Auto, true)
        .unwrap();
    let CallBody::Xml(parameters) = &format.items[0].body else {
        panic!("it is XML");
    };
    assert_eq!(parameters[0].before, "<parameter=b>\n");
    assert!(parameters[0].is_required && parameters[0].schema.is_none());
    assert!(!parameters[1].is_required && parameters[1].schema.is_some());
}
