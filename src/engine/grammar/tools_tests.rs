//! Calls of tools in the forms that models have for them. Each form is written out and tried.

use super::super::EngineError;
use super::matcher_tests::{accepts, grammar};
use super::{CallGrammar, CallShape, grammar_of_calls};

const ADD: &str = r#"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a","b"]}"#;

fn calls(calls: Vec<CallShape>) -> CallGrammar {
    CallGrammar {
        before: String::new(),
        calls,
        between: None,
        after: String::new(),
        max_calls: 1,
    }
}

fn expect(calls: &CallGrammar, good: &[&str], bad: &[&str]) {
    let text = grammar_of_calls(calls).unwrap();
    let grammar = grammar(&text);
    for written in good {
        assert!(accepts(&grammar, written), "refuses {written}\n{text}");
    }
    for written in bad {
        assert!(!accepts(&grammar, written), "allows {written}\n{text}");
    }
}

#[test]
fn calls_between_tags() {
    let shape = |name: &str, arguments: &str| {
        let call = CallShape::json_object("name", name, "arguments", arguments);
        call.within("<tool_call>\n", "\n</tool_call>")
    };
    let hermes = CallGrammar {
        between: Some("\n".into()),
        max_calls: 3,
        ..calls(vec![shape("add", ADD), shape("now", "")])
    };
    let add = "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": 2}}\n</tool_call>";
    let now = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
    let good = [add, now, &format!("{add}\n{now}\n{add}")];
    let bad = [
        "",
        &add.replace("add", "now"),
        &format!("{add}{now}"),
        &format!("{add}\n{add}\n{add}\n{add}"),
        &now.replace("{}", "{\"x\": 1}"),
    ];
    expect(&hermes, &good, &bad);
}

#[test]
fn calls_in_an_array() {
    let mistral = CallGrammar {
        before: "[TOOL_CALLS][".into(),
        between: Some(", ".into()),
        after: "]".into(),
        max_calls: 2,
        ..calls(vec![CallShape::json_object(
            "name",
            "add",
            "arguments",
            ADD,
        )])
    };
    let add = r#"{"name": "add", "arguments": {"a": 1, "b": 2}}"#;
    let (one, two) = (
        format!("[TOOL_CALLS][{add}]"),
        format!("[TOOL_CALLS][{add}, {add}]"),
    );
    expect(&mistral, &[&one, &two], &[add, "[TOOL_CALLS][]"]);
}

#[test]
fn calls_that_name_the_function_outside_of_json() {
    let shape = CallShape {
        name: "add".into(),
        before: "add[ARGS]".into(),
        arguments: ADD.into(),
        after: String::new(),
    };
    let one = CallGrammar {
        before: "[TOOL_CALLS]".into(),
        ..calls(vec![shape])
    };
    let good = "[TOOL_CALLS]add[ARGS]{\"a\": 1, \"b\": 2}";
    expect(
        &one,
        &[good],
        &[&format!("{good}{good}"), "[TOOL_CALLS]sub[ARGS]{}"],
    );
    let fenced = CallShape::json_object(
        "name",
        "say \"hi\"",
        "parameters",
        r#"{"properties":{"x":{"const":1}}}"#,
    );
    let good = r#"{"name": "say \"hi\"", "parameters": {"x": 1}}"#;
    expect(&calls(vec![fenced]), &[good], &[&good.replace('1', "2")]);
}

#[test]
fn arguments_are_an_object_whatever_the_schema_says() {
    let shape = CallShape::json_object("name", "f", "arguments", "{}");
    let (object, array) = (
        r#"{"name": "f", "arguments": {"a": 1}}"#,
        r#"{"name": "f", "arguments": []}"#,
    );
    expect(&calls(vec![shape]), &[object], &[array]);
}

#[test]
fn a_faulty_schema_is_refused_with_its_functions_name() {
    let bad = r#"{"type":"object","properties":{"a":{"not":{}}}}"#;
    let shapes = |schema: &str| {
        vec![
            CallShape::json_object("name", "good", "arguments", ADD),
            CallShape::json_object("name", "bad", "arguments", schema),
        ]
    };
    let refused = |schema: &str| match grammar_of_calls(&calls(shapes(schema))) {
        Err(EngineError::InvalidField { field, reason }) => {
            assert_eq!(field, "tools");
            reason
        }
        other => panic!("{other:?}"),
    };
    assert!(
        refused(bad).contains("at \"bad\", #/properties/a/not: "),
        "{}",
        refused(bad)
    );
    assert!(
        refused("{").contains("at \"bad\", line 1"),
        "{}",
        refused("{")
    );
    let endless = r##"{"properties":{"a":{"$ref":"#"}},"required":["a"]}"##;
    assert!(
        refused(endless).contains("at \"bad\", #"),
        "{}",
        refused(endless)
    );
    assert!(grammar_of_calls(&calls(Vec::new())).is_err());
}
