//! Calls that are one JSON object each: `<tool_call>{"name": …, "arguments": …}</tool_call>` of
//! Hermes and Qwen, `<|python_tag|>{"name": …, "parameters": …}` of Llama 3, and the object alone
//! where a reply begins with it. Llama's tag may also stand before a call in Python.

use super::json::{CallHead, JsonScan, Scanned, call_head};
use super::marks::{Mark, mark_at_start, window};
use super::output::Output;
use super::python::python_calls;
use super::tagged::{CallReader, Step};
use crate::engine::request::Tool;

pub(super) const TOOL_CALL: &str = "<tool_call>";
pub(super) const END_OF_TOOL_CALL: &str = "</tool_call>";
pub(super) const PYTHON_TAG: &str = "<|python_tag|>";

pub(super) struct JsonCalls {
    open: &'static str,
    /// Empty where there is none.
    close: &'static str,
    /// Whether one may follow the other within the same markers.
    repeats: bool,
    takes_python: bool,
    /// The names that count; empty: any.
    known: Vec<String>,
    state: State,
}

enum State {
    /// Before the first call.
    Open,
    Arguments(JsonScan),
    /// Behind the arguments, within the object.
    Rest(JsonScan),
    /// Behind an object.
    Close,
    /// Before a call that is not the first.
    Next,
}

impl JsonCalls {
    pub(super) fn hermes() -> Self {
        Self {
            open: TOOL_CALL,
            close: END_OF_TOOL_CALL,
            repeats: false,
            takes_python: false,
            known: Vec::new(),
            state: State::Open,
        }
    }

    pub(super) fn llama() -> Self {
        Self {
            open: PYTHON_TAG,
            close: "",
            repeats: true,
            takes_python: true,
            ..Self::hermes()
        }
    }

    /// Without a marker only the names of real tools make a call.
    pub(super) fn bare(tools: &[Tool]) -> Self {
        Self {
            open: "",
            close: "",
            repeats: true,
            known: tools.iter().map(|tool| tool.name.clone()).collect(),
            ..Self::hermes()
        }
    }

    fn begin(&mut self, text: &str, ended: bool, output: &mut Output) -> Step {
        let (text, ended) = window(text, ended);
        let first = matches!(self.state, State::Open);
        let open = if first { self.open } else { "" };
        match mark_at_start(text, open, ended) {
            Mark::Here => {}
            Mark::Maybe => return Step::More,
            Mark::Absent => return Step::NoCall,
        }
        let inner = text[open.len()..].trim_start();
        let before = text.len() - inner.len();
        if inner.is_empty() && !ended {
            return Step::More;
        }
        if !inner.starts_with('{') {
            return match first && self.takes_python {
                true => call_in_python(inner, before, ended, output),
                false => Step::NoCall,
            };
        }
        let is_known =
            |name: &str| self.known.is_empty() || self.known.iter().any(|known| known == name);
        match call_head(inner, ended, is_known) {
            CallHead::More => Step::More,
            CallHead::NoCall => Step::NoCall,
            CallHead::Begun { name, at } => {
                output.begin_call(&name);
                self.state = State::Arguments(JsonScan::default());
                Step::Took(before + at)
            }
            CallHead::Whole {
                name,
                arguments,
                end,
            } => {
                output.call(&name, &arguments);
                self.state = State::Close;
                Step::Took(before + end)
            }
        }
    }

    fn close(&mut self, text: &str, ended: bool) -> Step {
        let (text, ended) = window(text, ended);
        let inner = text.trim_start();
        let blanks = text.len() - inner.len();
        if inner.is_empty() {
            return if ended {
                Step::Over(blanks)
            } else {
                Step::More
            };
        }
        if !self.close.is_empty() {
            return match mark_at_start(inner, self.close, false) {
                Mark::Here => Step::Over(blanks + self.close.len()),
                Mark::Maybe if ended => Step::Over(text.len()),
                Mark::Maybe => Step::More,
                Mark::Absent => Step::Over(0),
            };
        }
        if !self.repeats {
            return Step::Over(0);
        }
        if inner.starts_with(';') {
            self.state = State::Next;
            return Step::Took(blanks + 1);
        }
        if inner.starts_with('{') {
            self.state = State::Next;
            return Step::Took(blanks);
        }
        Step::Over(0)
    }
}

/// The tag is followed by `tool.call(query="…")`, or by a program, which is no call of a tool.
fn call_in_python(inner: &str, before: usize, ended: bool, output: &mut Output) -> Step {
    let (inner, ended) = window(inner, ended);
    if !ended {
        return Step::More;
    }
    let Some(calls) = python_calls(inner.trim_end()) else {
        return Step::NoCall;
    };
    for (name, arguments) in calls {
        output.call(name.strip_suffix(".call").unwrap_or(&name), &arguments);
    }
    Step::Over(before + inner.len())
}

impl CallReader for JsonCalls {
    fn read(&mut self, text: &str, ended: bool, output: &mut Output) -> Step {
        let scanned = match &mut self.state {
            State::Open => return self.begin(text, ended, output),
            State::Next => {
                return match self.begin(text, ended, output) {
                    Step::NoCall => Step::Over(0),
                    step => step,
                };
            }
            State::Close => return self.close(text, ended),
            State::Arguments(scan) => {
                let scanned = scan.read(text);
                let end = match scanned {
                    Scanned::Ends(at) | Scanned::Breaks(at) => at,
                    Scanned::GoesOn => text.len(),
                };
                output.arguments(&text[..end]);
                scanned
            }
            State::Rest(scan) => scan.read(text),
        };
        match (scanned, &self.state) {
            (Scanned::Ends(at), State::Arguments(_)) => {
                self.state = State::Rest(JsonScan::within_object());
                Step::Took(at)
            }
            (Scanned::Ends(at) | Scanned::Breaks(at), _) => {
                self.state = State::Close;
                Step::Took(at)
            }
            (Scanned::GoesOn, _) => Step::Took(text.len()),
        }
    }
}
