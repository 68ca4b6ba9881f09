//! The functions that the house gives to scripts. Each has its sentence in `../reference/functions.rs`,
//! and a test holds the two together. None of them looks at anything but its arguments, the call that
//! is running, and what the server answers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use regex::{Regex, RegexBuilder};
use rhai::{Array, Dynamic, Engine, FLOAT, INT, ImmutableString, Map};

use super::running::{HostResult, Running};
use super::{time, values};
use crate::plugins::protocol::{HostAnswer, HostRequest};

const MAX_PATTERN_BYTES: usize = 1_000;
const PATTERN_MEMORY_BYTES: usize = 1 << 20;
const PATTERNS_KEPT: usize = 32;

pub(super) fn register(engine: &mut Engine, running: &Rc<Running>) {
    register_decisions(engine);
    register_call(engine, running);
    register_json_and_time(engine, running);
    register_patterns(engine, running);
    register_store(engine, running);
    register_http(engine, running);
}

fn decision(kind: &str, more: &[(&str, Dynamic)]) -> Map {
    let mut map = Map::new();
    map.insert("decision".into(), kind.into());
    for (name, value) in more {
        map.insert((*name).into(), value.clone());
    }
    map
}

fn register_decisions(engine: &mut Engine) {
    engine
        .register_fn("allow", || decision("allow", &[]))
        .register_fn("refuse", |reason: ImmutableString| {
            decision("refuse", &[("reason", reason.into())])
        })
        .register_fn("allow_with", |grant: Map| {
            decision("allow_with", &[("grant", grant.into())])
        })
        .register_fn("change", |change: Map| {
            decision("change", &[("change", change.into())])
        });
}

fn register_call(engine: &mut Engine, running: &Rc<Running>) {
    let call = Rc::clone(running);
    engine.register_fn("setting", move |name: &str| -> HostResult<Dynamic> {
        call.host(|| {
            let settings = call.settings.borrow();
            let found = settings.get(name).cloned();
            found.ok_or_else(|| format!("plugin.toml has no setting {name:?}"))
        })
    });
    let call = Rc::clone(running);
    engine.register_fn("caller", move || -> Dynamic {
        let subject = call.subject.borrow().clone();
        subject.map_or(Dynamic::UNIT, Dynamic::from)
    });
    let call = Rc::clone(running);
    engine.register_fn("log", move |value: Dynamic| -> HostResult<()> {
        call.host(|| {
            call.write_line(&value.to_string());
            Ok(())
        })
    });
    // Of the very types that the interpreter's own has, whose place they take.
    const AWAKE: &str = "a plugin must not sleep";
    engine
        .register_fn("sleep", |_: INT| -> HostResult<()> { Err(AWAKE.into()) })
        .register_fn("sleep", |_: FLOAT| -> HostResult<()> { Err(AWAKE.into()) });
}

fn register_json_and_time(engine: &mut Engine, running: &Rc<Running>) {
    let call = Rc::clone(running);
    engine.register_fn("json_parse", move |text: &str| -> HostResult<Dynamic> {
        call.host(|| values::parse(text))
    });
    let call = Rc::clone(running);
    engine.register_fn("json_write", move |value: Dynamic| -> HostResult<String> {
        call.host(|| values::write(&value))
    });
    let call = Rc::clone(running);
    engine.register_fn("now", move || call.now.borrow().clone());
    let call = Rc::clone(running);
    engine.register_fn("time_parse", move |text: &str| -> HostResult<INT> {
        call.host(|| time::time_parse(text))
    });
    let call = Rc::clone(running);
    engine.register_fn(
        "time_in",
        move |unix_ms: INT, time_zone: &str| -> HostResult<Dynamic> {
            call.host(|| time::time_in(unix_ms, time_zone))
        },
    );
    let call = Rc::clone(running);
    engine.register_fn("time_write", move |unix_ms: INT| -> HostResult<String> {
        call.host(|| time::time_write(unix_ms))
    });
}

/// Compiled patterns: scripts ask with the same few.
#[derive(Default)]
struct Patterns(RefCell<HashMap<String, Regex>>);

impl Patterns {
    fn find(&self, pattern: &str) -> Result<Regex, String> {
        if let Some(known) = self.0.borrow().get(pattern) {
            return Ok(known.clone());
        }
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(format!("a pattern may have {MAX_PATTERN_BYTES} bytes"));
        }
        let built = RegexBuilder::new(pattern)
            .size_limit(PATTERN_MEMORY_BYTES)
            .dfa_size_limit(PATTERN_MEMORY_BYTES)
            .build()
            .map_err(|error| format!("this pattern cannot be used: {error}"))?;
        let mut kept = self.0.borrow_mut();
        if kept.len() == PATTERNS_KEPT {
            kept.clear();
        }
        kept.insert(pattern.to_owned(), built.clone());
        Ok(built)
    }
}

fn register_patterns(engine: &mut Engine, running: &Rc<Running>) {
    let patterns = Rc::new(Patterns::default());
    let (call, known) = (Rc::clone(running), Rc::clone(&patterns));
    engine.register_fn(
        "regex_match",
        move |pattern: &str, text: &str| -> HostResult<bool> {
            call.host(|| Ok(known.find(pattern)?.is_match(text)))
        },
    );
    let (call, known) = (Rc::clone(running), Rc::clone(&patterns));
    engine.register_fn(
        "regex_find",
        move |pattern: &str, text: &str| -> HostResult<Array> {
            call.host(|| {
                let found = known.find(pattern)?.captures(text).map(|groups| {
                    let text = |group: Option<regex::Match<'_>>| {
                        group.map_or(Dynamic::UNIT, |group| group.as_str().to_owned().into())
                    };
                    groups.iter().map(text).collect()
                });
                Ok(found.unwrap_or_default())
            })
        },
    );
    let (call, known) = (Rc::clone(running), patterns);
    engine.register_fn(
        "regex_replace",
        move |pattern: &str, text: &str, with: &str| -> HostResult<String> {
            call.host(|| Ok(known.find(pattern)?.replace_all(text, with).into_owned()))
        },
    );
}

/// What the server never answers to such a question.
fn unexpected() -> String {
    "the house answered something else".into()
}

fn register_store(engine: &mut Engine, running: &Rc<Running>) {
    let call = Rc::clone(running);
    engine.register_fn("store_get", move |key: &str| -> HostResult<Dynamic> {
        let key = key.to_owned();
        call.host(|| match call.ask(HostRequest::StoreGet { key })? {
            HostAnswer::Value(Some(json)) => values::parse(&json),
            HostAnswer::Value(None) => Ok(Dynamic::UNIT),
            _ => Err(unexpected()),
        })
    });
    let call = Rc::clone(running);
    engine.register_fn(
        "store_set",
        move |key: &str, value: Dynamic| -> HostResult<()> {
            let key = key.to_owned();
            call.host(|| {
                let json = values::write(&value)?;
                call.ask(HostRequest::StoreSet { key, json }).map(drop)
            })
        },
    );
    let call = Rc::clone(running);
    engine.register_fn("store_remove", move |key: &str| -> HostResult<bool> {
        let key = key.to_owned();
        call.host(|| match call.ask(HostRequest::StoreRemove { key })? {
            HostAnswer::Done(removed) => Ok(removed),
            _ => Err(unexpected()),
        })
    });
    let call = Rc::clone(running);
    engine.register_fn("store_list", move |prefix: &str| -> HostResult<Array> {
        let prefix = prefix.to_owned();
        call.host(|| match call.ask(HostRequest::StoreList { prefix })? {
            HostAnswer::Keys(keys) => Ok(keys.into_iter().map(Into::into).collect()),
            _ => Err(unexpected()),
        })
    });
}

fn http_answer(answer: HostAnswer) -> Result<Map, String> {
    let HostAnswer::Http { status, body } = answer else {
        return Err(unexpected());
    };
    let mut map = Map::new();
    map.insert("status".into(), INT::from(status).into());
    map.insert("body".into(), body.into());
    Ok(map)
}

fn register_http(engine: &mut Engine, running: &Rc<Running>) {
    let call = Rc::clone(running);
    engine.register_fn("http_get", move |url: &str| -> HostResult<Map> {
        let url = url.to_owned();
        call.host(|| http_answer(call.ask(HostRequest::HttpGet { url })?))
    });
    let call = Rc::clone(running);
    engine.register_fn(
        "http_post",
        move |url: &str, body: &str| -> HostResult<Map> {
            let (url, body) = (url.to_owned(), body.to_owned());
            call.host(|| http_answer(call.ask(HostRequest::HttpPost { url, body })?))
        },
    );
}
