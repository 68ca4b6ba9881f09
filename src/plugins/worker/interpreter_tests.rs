//! The interpreter in this process, with a server that only remembers what it was asked: for what
//! ends well. What does not is asked in a process of its own, in the black-box tests.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use regex::Regex;
use serde_json::{Value, json};

use super::interpreter::Interpreter;
use super::running::Server;
use crate::plugins::moment::moment_of;
use crate::plugins::protocol::{Call, Finished, HostAnswer, HostRequest};
use crate::plugins::reference::functions::FUNCTIONS;

#[derive(Default)]
struct Remembering {
    asked: RefCell<Vec<String>>,
    silent: bool,
}

impl Server for Remembering {
    fn ask(&self, request: HostRequest, _wait: Duration) -> Option<HostAnswer> {
        self.asked.borrow_mut().push(format!("{request:?}"));
        if self.silent {
            return None;
        }
        Some(match request {
            HostRequest::StoreGet { .. } => HostAnswer::Value(Some("[1]".into())),
            HostRequest::StoreSet { .. } | HostRequest::StoreRemove { .. } => {
                HostAnswer::Done(true)
            }
            HostRequest::StoreList { .. } => HostAnswer::Keys(vec!["a".into()]),
            HostRequest::HttpGet { .. } | HostRequest::HttpPost { .. } => HostAnswer::Http {
                status: 200,
                body: "hello".into(),
            },
        })
    }
}

fn call_of(deadline_ms: u64) -> Call {
    let now = "2026-11-23T10:00:00+01:00[Europe/Berlin]".parse();
    Call {
        function: "main".into(),
        arguments: Vec::new(),
        subject: Some("u1".into()),
        now: moment_of(&now.unwrap()).to_string(),
        deadline_ms,
    }
}

fn finish(body: &str, server: Remembering, deadline_ms: u64) -> Finished {
    let mut interpreter = Interpreter::new(Rc::new(server));
    let source = format!("fn main() {{\n{body}\n}}");
    let settings = json!({"example": "value"}).to_string();
    let functions = interpreter.load(&source, &settings).unwrap();
    assert_eq!((functions.len(), functions[0].parameters), (1, 0));
    interpreter.call(&call_of(deadline_ms))
}

fn value_of(body: &str) -> Result<Value, String> {
    let outcome = finish(body, Remembering::default(), 60_000).outcome;
    outcome
        .map(|json| serde_json::from_str(&json).unwrap())
        .map_err(|error| error.message)
}

#[test]
fn every_example_of_the_reference_runs() {
    for function in FUNCTIONS {
        let ran = value_of(function.example);
        assert!(ran.is_ok(), "{}: {ran:?}", function.example);
        assert!(function.example.starts_with(function.name()));
    }
}

#[test]
fn every_function_stands_in_the_reference_and_no_other() {
    let registered = Regex::new(r#"register_fn\(\s*"(\w+)""#).unwrap();
    let found = registered.captures_iter(include_str!("functions.rs"));
    let found: BTreeSet<&str> = found.map(|found| found.extract::<1>().1[0]).collect();
    let mut described: BTreeSet<&str> = FUNCTIONS.iter().map(|it| it.name()).collect();
    // It only says that there is none.
    described.insert("sleep");
    assert_eq!(found, described);
}

#[test]
fn functions_give_what_they_promise() {
    for (body, expected) in [
        ("setting(\"example\")", json!("value")),
        ("caller()", json!("u1")),
        ("now().weekday", json!(1)),
        ("now().iso", json!("2026-11-23T10:00:00+01:00")),
        ("time_in(now().unix_ms, \"UTC\").hour", json!(9)),
        (
            "time_in(now().unix_ms, \"America/New_York\").hour",
            json!(4),
        ),
        (
            "time_parse(\"2026-11-23T10:00:00+01:00\") == now().unix_ms",
            json!(true),
        ),
        ("time_write(0)", json!("1970-01-01T00:00:00Z")),
        ("regex_match(\"^a+$\", \"aab\")", json!(false)),
        ("regex_find(\"(b)(c)?\", \"ab\")", json!(["b", "b", null])),
        ("regex_find(\"x\", \"ab\")", json!([])),
        ("regex_replace(\"(a)b\", \"abab\", \"$1\")", json!("aa")),
        ("json_parse(\"{\\\"a\\\": [1, 2.5]}\").a[1]", json!(2.5)),
        ("json_write(#{a: ()})", json!("{\"a\":null}")),
        ("store_get(\"k\")", json!([1])),
        ("store_remove(\"k\")", json!(true)),
        ("store_list(\"\")", json!(["a"])),
        ("http_get(\"https://x.example\").body", json!("hello")),
        ("http_post(\"https://x.example\", \"y\").status", json!(200)),
        (
            "let said = (); try { setting(\"none\"); } catch (e) { said = e; } said",
            json!("plugin.toml has no setting \"none\""),
        ),
        ("[3, 1, 2].len() + #{a: 1}.len()", json!(4)),
        ("let a = [3, 1, 2]; a.sort(); a", json!([1, 2, 3])),
        ("\"a,b\".split(\",\")", json!(["a", "b"])),
        ("()", json!(null)),
    ] {
        assert_eq!(value_of(body), Ok(expected), "{body}");
    }
}

#[test]
fn nothing_sleeps() {
    for body in ["sleep(1)", "sleep(0.001)"] {
        assert_eq!(value_of(body), Err("a plugin must not sleep".into()));
    }
}

#[test]
fn errors_say_where_they_are() {
    let failed = finish("let a = 1;\n  a.nothing()", Remembering::default(), 60_000);
    let error = failed.outcome.unwrap_err();
    assert_eq!((error.line, error.column), (Some(3), Some(5)), "{error:?}");
    assert!(!error.message.contains("line"), "{error:?}");
    let thrown = finish("throw \"my own words\"", Remembering::default(), 60_000);
    assert_eq!(thrown.outcome.unwrap_err().message, "my own words");
    let mut interpreter = Interpreter::new(Rc::new(Remembering::default()));
    let broken = interpreter
        .load("fn a() {\n  let = 1;\n}", "{}")
        .unwrap_err();
    assert_eq!(
        (broken.line, broken.column),
        (Some(2), Some(7)),
        "{broken:?}"
    );
}

#[test]
fn the_clock_ends_what_takes_too_long_also_between_host_functions() {
    let late = "it took longer than 30 ms";
    let looping = finish(
        "loop { let s = \"\"; s.pad(9999, 'x'); }",
        Remembering::default(),
        30,
    );
    assert_eq!(looping.outcome.unwrap_err().message, late);
    let asking = "loop { try { store_get(\"a\"); } catch { } }";
    let error = finish(asking, Remembering::default(), 30)
        .outcome
        .unwrap_err();
    assert!(
        error.message == late || error.message.contains("operations"),
        "{error:?}"
    );
}

#[test]
fn a_call_asks_the_server_only_so_often_and_hears_when_it_does_not_answer() {
    let asking = "for i in 0..101 { store_get(\"a\"); }";
    assert!(value_of(asking).unwrap_err().contains("100 times"));
    let silent = Remembering {
        silent: true,
        ..Remembering::default()
    };
    let error = finish("store_get(\"a\")", silent, 60_000)
        .outcome
        .unwrap_err();
    assert!(error.message.contains("did not answer"), "{error:?}");
}
