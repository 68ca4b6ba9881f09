//! Calls as Mistral writes them: `[TOOL_CALLS][{"name": …, "arguments": …}, …]`, and in newer models
//! `[TOOL_CALLS]name[ARGS]{…}`, one marker a call. Which of the two it is shows behind the marker, so both are read everywhere.

use super::json::{CallHead, JsonScan, Scanned, call_head};
use super::marks::{Mark, mark_at_start, window};
use super::output::Output;
use super::tagged::{CallReader, Step};

pub(super) const TOOL_CALLS: &str = "[TOOL_CALLS]";
pub(super) const ARGS: &str = "[ARGS]";
pub(super) const CALL_ID: &str = "[CALL_ID]";

pub(super) struct MistralCalls {
    state: State,
    in_list: bool,
}

enum State {
    Open,
    Arguments(JsonScan),
    Rest(JsonScan),
    /// Behind a call.
    Between,
    /// Behind a comma.
    Next,
}

impl MistralCalls {
    pub(super) fn new() -> Self {
        Self {
            state: State::Open,
            in_list: false,
        }
    }

    fn open(&mut self, text: &str, ended: bool, output: &mut Output) -> Step {
        let (text, ended) = window(text, ended);
        let inner = text[TOOL_CALLS.len()..].trim_start();
        let before = text.len() - inner.len();
        if inner.is_empty() {
            return if ended { Step::NoCall } else { Step::More };
        }
        let Some(list) = inner.strip_prefix('[') else {
            return self.open_named(inner, before, ended, output);
        };
        let first = list.trim_start();
        if first.is_empty() && !ended {
            return Step::More;
        }
        self.in_list = true;
        self.call(first, text.len() - first.len(), ended, output)
    }

    /// `name[ARGS]{`, with `[CALL_ID]id` between in some models, and without `[ARGS]` in others.
    fn open_named(&mut self, inner: &str, before: usize, ended: bool, output: &mut Output) -> Step {
        let (inner, ended) = window(inner, ended);
        let lacking = if ended { Step::NoCall } else { Step::More };
        let found = inner.find(['[', '{']);
        let name = inner[..found.unwrap_or(inner.len())].trim();
        // Asked of a name that is not whole yet too, so that it does not matter when text comes.
        if name.contains(|c: char| c.is_control() || c == '"') {
            return Step::NoCall;
        }
        let Some(end) = found else {
            return lacking;
        };
        let mut at = end;
        for mark in [CALL_ID, ARGS] {
            match mark_at_start(&inner[at..], mark, ended) {
                Mark::Here => at += mark.len(),
                Mark::Maybe => return Step::More,
                Mark::Absent => continue,
            }
            if mark == CALL_ID {
                let Some(id) = inner[at..].find(['[', '{']) else {
                    return lacking;
                };
                at += id;
            }
        }
        let object = inner[at..].trim_start();
        if object.is_empty() {
            return lacking;
        }
        if !object.starts_with('{') || name.is_empty() || name.contains(char::is_whitespace) {
            return Step::NoCall;
        }
        output.begin_call(name);
        self.state = State::Arguments(JsonScan::default());
        Step::Took(before + inner.len() - object.len())
    }

    fn call(&mut self, object: &str, before: usize, ended: bool, output: &mut Output) -> Step {
        if object.is_empty() && !ended {
            return Step::More;
        }
        if !object.starts_with('{') {
            return Step::NoCall;
        }
        match call_head(object, ended, |_| true) {
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
                self.state = State::Between;
                Step::Took(before + end)
            }
        }
    }

    fn between(&mut self, text: &str, ended: bool) -> Step {
        let (text, ended) = window(text, ended);
        let inner = text.trim_start();
        let blanks = text.len() - inner.len();
        match inner.chars().next() {
            None if ended => Step::Over(blanks),
            None => Step::More,
            Some(',') if self.in_list => {
                self.state = State::Next;
                Step::Took(blanks + 1)
            }
            Some(']') if self.in_list => Step::Over(blanks + 1),
            Some(_) => Step::Over(0),
        }
    }
}

impl CallReader for MistralCalls {
    fn read(&mut self, text: &str, ended: bool, output: &mut Output) -> Step {
        let scanned = match &mut self.state {
            State::Open => return self.open(text, ended, output),
            State::Between => return self.between(text, ended),
            State::Next => {
                let (text, ended) = window(text, ended);
                let object = text.trim_start();
                return match self.call(object, text.len() - object.len(), ended, output) {
                    Step::NoCall => Step::Over(0),
                    step => step,
                };
            }
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
            (Scanned::Ends(at), State::Arguments(_)) if self.in_list => {
                self.state = State::Rest(JsonScan::within_object());
                Step::Took(at)
            }
            (Scanned::Ends(at) | Scanned::Breaks(at), _) => {
                self.state = State::Between;
                Step::Took(at)
            }
            (Scanned::GoesOn, _) => Step::Took(text.len()),
        }
    }
}
