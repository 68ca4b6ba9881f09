//! Calls as Qwen3-Coder writes them: `<function=name><parameter=key>value</parameter></function>`,
//! mostly within `<tool_call>`. A value stands there bare: what the tool's schema calls a string is
//! one, whatever it looks like, and anything else is JSON where it can be read as that.

use serde_json::Value;

use super::json_calls::{END_OF_TOOL_CALL, JsonCalls, TOOL_CALL};
use super::marks::{Found, Mark, find_mark, mark_at_start, window};
use super::output::Output;
use super::tagged::{CallReader, Step};
use crate::engine::request::Tool;

pub(super) const FUNCTION: &str = "<function=";
pub(super) const END_OF_FUNCTION: &str = "</function>";
pub(super) const PARAMETER: &str = "<parameter=";
pub(super) const END_OF_PARAMETER: &str = "</parameter>";

pub(super) struct XmlCalls {
    tools: Vec<Tool>,
    /// The schema of the call's parameters.
    properties: Value,
    /// Whether one was told of already.
    has_parameters: bool,
    state: State,
}

enum State {
    Open,
    /// It turned out to be the other way of calling.
    Json(JsonCalls),
    Between,
    Value {
        is_text: bool,
        /// Of a text: whether its first character was told.
        begun: bool,
    },
    /// Behind the function.
    Close,
}

impl XmlCalls {
    pub(super) fn new(tools: Vec<Tool>) -> Self {
        Self {
            tools,
            properties: Value::Null,
            has_parameters: false,
            state: State::Open,
        }
    }

    fn open(&mut self, text: &str, ended: bool, output: &mut Output) -> Step {
        let (text, ended) = window(text, ended);
        let inner = text.strip_prefix(TOOL_CALL).unwrap_or(text).trim_start();
        if inner.starts_with('{') {
            self.state = State::Json(JsonCalls::hermes());
            return Step::Took(0);
        }
        match mark_at_start(inner, FUNCTION, ended) {
            Mark::Here => {}
            Mark::Maybe => return Step::More,
            Mark::Absent => return Step::NoCall,
        }
        let named = &inner[FUNCTION.len()..];
        let Some(end) = named.find(['>', '\n', '<']) else {
            return if ended { Step::NoCall } else { Step::More };
        };
        let name = named[..end].trim();
        if name.is_empty() || !named[end..].starts_with('>') {
            return Step::NoCall;
        }
        output.begin_call(name);
        self.properties = self.properties_of(name);
        self.state = State::Between;
        Step::Took(text.len() - named.len() + end + 1)
    }

    fn properties_of(&self, name: &str) -> Value {
        let tool = self.tools.iter().find(|tool| tool.name == name);
        let schema = tool.and_then(|tool| serde_json::from_str::<Value>(&tool.parameters).ok());
        schema.map_or(Value::Null, |mut schema| schema["properties"].take())
    }

    fn between(&mut self, text: &str, ended: bool, output: &mut Output) -> Step {
        let (text, ended) = window(text, ended);
        let inner = text.trim_start();
        let before = text.len() - inner.len();
        match mark_at_start(inner, PARAMETER, ended) {
            Mark::Here => {}
            Mark::Maybe => return Step::More,
            Mark::Absent => {
                let close = mark_at_start(inner, END_OF_FUNCTION, ended);
                if close == Mark::Maybe {
                    return Step::More;
                }
                output.arguments(if self.has_parameters { "}" } else { "{}" });
                self.state = State::Close;
                let closed = (close == Mark::Here).then_some(END_OF_FUNCTION.len());
                return Step::Took(before + closed.unwrap_or(0));
            }
        }
        let named = &inner[PARAMETER.len()..];
        let Some(end) = named.find('>') else {
            return if ended {
                Step::Over(text.len())
            } else {
                Step::More
            };
        };
        let key = named[..end].trim();
        let quoted = Value::from(key).to_string();
        let separator = if self.has_parameters { ", " } else { "{" };
        output.arguments(&format!("{separator}{quoted}: "));
        self.has_parameters = true;
        self.state = State::Value {
            is_text: self.properties[key]["type"] == "string",
            begun: false,
        };
        Step::Took(text.len() - named.len() + end + 1)
    }

    /// A value that may be anything is held back until it is complete.
    fn value(&mut self, text: &str, ended: bool, output: &mut Output) -> Step {
        let (held, held_ended) = window(text, ended);
        match held.find(END_OF_PARAMETER) {
            Some(end) => {
                let value = without_line_breaks(&held[..end]);
                let json = match serde_json::from_str::<Value>(value) {
                    Ok(_) => value.trim().to_owned(),
                    Err(_) => Value::from(value).to_string(),
                };
                output.arguments(&json);
                self.state = State::Between;
                Step::Took(end + END_OF_PARAMETER.len())
            }
            None if held_ended => {
                self.state = State::Value {
                    is_text: true,
                    begun: false,
                };
                Step::Took(0)
            }
            None => Step::More,
        }
    }

    fn text_value(&mut self, text: &str, begun: bool, ended: bool, output: &mut Output) -> Step {
        let mut from = 0;
        if !begun {
            // The line break before the value is no part of it, and that behind it neither.
            if text == "\r" && !ended {
                return Step::More;
            }
            let line_break = ["\r\n", "\n"].into_iter().find(|end| text.starts_with(end));
            from = line_break.map_or(0, str::len);
            output.arguments("\"");
            self.state = State::Value {
                is_text: true,
                begun: true,
            };
        }
        let rest = &text[from..];
        match find_mark(rest, &[END_OF_PARAMETER], ended) {
            Found::Mark(at, mark) => {
                output.arguments(&escaped(without_last_line_break(&rest[..at])));
                output.arguments("\"");
                self.state = State::Between;
                Step::Took(from + at + mark.len())
            }
            Found::Until(at) => {
                let sure = match ended {
                    true => &rest[..at],
                    false => without_last_line_break(&rest[..at]),
                };
                output.arguments(&escaped(sure));
                match from + sure.len() {
                    0 if begun => Step::More,
                    bytes => Step::Took(bytes),
                }
            }
        }
    }

    fn close(text: &str, ended: bool) -> Step {
        let (text, ended) = window(text, ended);
        let inner = text.trim_start();
        let blanks = text.len() - inner.len();
        match mark_at_start(inner, END_OF_TOOL_CALL, false) {
            Mark::Here => Step::Over(blanks + END_OF_TOOL_CALL.len()),
            Mark::Maybe if ended => Step::Over(text.len()),
            Mark::Maybe => Step::More,
            Mark::Absent => Step::Over(0),
        }
    }
}

fn without_last_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

fn without_line_breaks(text: &str) -> &str {
    let text = text.strip_prefix('\r').unwrap_or(text);
    without_last_line_break(text.strip_prefix('\n').unwrap_or(text))
}

/// As within a text of JSON.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl CallReader for XmlCalls {
    fn read(&mut self, text: &str, ended: bool, output: &mut Output) -> Step {
        match &mut self.state {
            State::Open => self.open(text, ended, output),
            State::Json(calls) => calls.read(text, ended, output),
            State::Between => self.between(text, ended, output),
            State::Value {
                is_text: true,
                begun,
            } => {
                let begun = *begun;
                self.text_value(text, begun, ended, output)
            }
            State::Value { is_text: false, .. } => self.value(text, ended, output),
            State::Close => Self::close(text, ended),
        }
    }
}
