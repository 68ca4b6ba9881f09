//! The forms of calls are what the parser of the same dialect understands.
//! So a model that is held to a form is sure to be heard.

use serde_json::{Value, json};

use super::super::golden_tests::events_of;
use super::super::{ParsedEvent, ReplyStart};
use super::*;
use crate::engine::grammar::grammar_of_calls;

const STYLES: [CallStyle; 10] = [
    CallStyle::Plain,
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

fn tool(name: &str) -> Tool {
    Tool {
        name: name.into(),
        description: String::new(),
        parameters: r#"{"type": "object", "properties": {"b": {"type": "string"}}}"#.into(),
    }
}

fn dialect(calls: CallStyle) -> Dialect {
    Dialect {
        calls,
        ..Dialect::PLAIN
    }
}

#[test]
fn what_a_form_admits_is_read_as_calls() {
    let tools = [tool("one"), tool("two")];
    for calls in STYLES {
        let form = dialect(calls)
            .call_grammar(&tools, &ToolChoice::Required, true)
            .expect("there are tools");
        grammar_of_calls(&form).unwrap_or_else(|error| panic!("{calls:?}: {error}"));
        let written: Vec<String> = form
            .calls
            .iter()
            .map(|call| format!(r#"{}{{"b": "x"}}{}"#, call.before, call.after))
            .collect();
        let inner = match &form.between {
            Some(between) => written.join(between),
            None => written[0].clone(),
        };
        let text = format!("{}{inner}{}", form.before, form.after);
        // A model without a form of its own is told to write as Hermes does.
        let reader = match calls {
            CallStyle::Plain => Dialect::PLAIN.with_hermes_calls(),
            calls => dialect(calls),
        };
        let events = events_of(&reader, ReplyStart::Anew, &tools, &[&text]);
        let expected = if form.between.is_some() { 2 } else { 1 };
        assert_eq!(events.len(), expected, "{text}: {events:?}");
        for (event, name) in events.iter().zip(["one", "two"]) {
            let ParsedEvent::ToolCall(call) = event else {
                panic!("{text}: {event:?}");
            };
            assert_eq!(call.name.as_deref(), Some(name));
            let arguments: Value = serde_json::from_str(&call.arguments).expect("JSON");
            assert_eq!(arguments, json!({"b": "x"}), "{text}");
        }
    }
}

#[test]
fn only_what_is_allowed_has_a_form() {
    let tools = [tool("one"), tool("two")];
    let dialect = dialect(CallStyle::Hermes);
    let form = |choice: &ToolChoice, parallel| dialect.call_grammar(&tools, choice, parallel);
    let named = form(&ToolChoice::Named("two".into()), false).unwrap();
    assert_eq!(named.calls.len(), 1);
    assert_eq!(named.calls[0].name, "two");
    assert_eq!(named.between, None);
    assert_eq!(form(&ToolChoice::None, true), None);
    assert_eq!(form(&ToolChoice::Named("three".into()), true), None);
}

#[test]
fn a_form_begins_with_what_triggers_it() {
    let tools = [tool("one")];
    for calls in STYLES {
        let dialect = dialect(calls);
        let form = dialect
            .call_grammar(&tools, &ToolChoice::Auto, true)
            .expect("there is a tool");
        let begins = format!("{}{}", form.before, form.calls[0].before);
        let trigger = dialect.call_trigger();
        match calls {
            // Their calls may also begin as other answers do.
            CallStyle::Plain => assert_eq!(trigger, None),
            CallStyle::Llama => assert!(begins.starts_with('{')),
            _ => assert!(begins.contains(trigger.expect("it has one")), "{begins}"),
        }
    }
}
