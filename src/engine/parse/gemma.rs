//! Calls as Gemma writes them: a block of `tool_code` (or of `json`, with the name of a real tool)
//! that holds calls in Python, or JSON objects with name and parameters, alone or in a list.
//!
//! Nothing in a block is certain before its end, so a call comes whole.

use super::json::{CallHead, call_head};
use super::marks::window;
use super::output::Output;
use super::python::python_calls;
use super::tagged::{CallReader, Step};
use crate::engine::request::Tool;

pub(super) const TOOL_CODE: &str = "```tool_code";
pub(super) const JSON: &str = "```json";
const END_OF_BLOCK: &str = "```";

pub(super) struct GemmaCalls {
    opener: &'static str,
    known: Vec<String>,
}

impl GemmaCalls {
    pub(super) fn new(opener: &'static str, tools: &[Tool]) -> Self {
        Self {
            opener,
            known: tools.iter().map(|tool| tool.name.clone()).collect(),
        }
    }

    fn calls_in(&self, block: &str) -> Option<Vec<(String, String)>> {
        let block = block.trim();
        let objects = block.strip_prefix('[').unwrap_or(block).trim_start();
        let calls = match objects.starts_with('{') {
            true => json_calls(objects)?,
            false => python_calls(block)?,
        };
        let is_known = |name: &String| self.known.contains(name);
        let counts = self.opener == TOOL_CODE || calls.iter().all(|(name, _)| is_known(name));
        counts.then_some(calls)
    }
}

fn json_calls(objects: &str) -> Option<Vec<(String, String)>> {
    let mut calls = Vec::new();
    let mut rest = objects;
    while rest.starts_with('{') {
        // All there will be is there, so the arguments must be complete.
        let value = match call_head(rest, true, |_| true) {
            CallHead::Whole {
                name,
                arguments,
                end,
            } => (name, arguments, end),
            CallHead::Begun { .. } => whole(rest)?,
            CallHead::More | CallHead::NoCall => return None,
        };
        calls.push((value.0, value.1));
        rest = rest[value.2..]
            .trim_start_matches(|char: char| char.is_whitespace() || ",;".contains(char));
    }
    matches!(rest, "" | "]").then_some(calls)
}

fn whole(text: &str) -> Option<(String, String, usize)> {
    match super::json::whole_call(text) {
        CallHead::Whole {
            name,
            arguments,
            end,
        } => Some((name, arguments, end)),
        _ => None,
    }
}

impl CallReader for GemmaCalls {
    fn read(&mut self, text: &str, ended: bool, output: &mut Output) -> Step {
        let (text, ended) = window(text, ended);
        let inner = &text[self.opener.len()..];
        let (block, end) = match (inner.find(END_OF_BLOCK), ended) {
            (Some(end), _) => (&inner[..end], self.opener.len() + end + END_OF_BLOCK.len()),
            (None, true) => (inner, text.len()),
            (None, false) => return Step::More,
        };
        let Some(calls) = self.calls_in(block) else {
            return Step::NoCall;
        };
        for (name, arguments) in calls {
            output.call(&name, &arguments);
        }
        Step::Over(end)
    }
}
