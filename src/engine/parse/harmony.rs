//! Replies as gpt-oss writes them, in Harmony: a row of messages, each with a head that says in which
//! channel it stands and to whom it goes, `<|message|>`, and a body.
//!
//! `analysis` is thought, a message to `functions.name` is a call, anything else is text. A head that
//! is none is text, as is what a model writes that does not keep to this at all.

use super::ReplyStart;
use super::marks::{Found, Mark, find_mark, mark_at_start, window};
use super::output::Output;
use crate::engine::request::Tool;

pub(super) const START: &str = "<|start|>";
pub(super) const CHANNEL: &str = "<|channel|>";
pub(super) const CONSTRAIN: &str = "<|constrain|>";
pub(super) const MESSAGE: &str = "<|message|>";
pub(super) const END: &str = "<|end|>";
pub(super) const CALL: &str = "<|call|>";
pub(super) const RETURN: &str = "<|return|>";

const FUNCTIONS: &str = "functions.";

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Before the head of a message.
    Head,
    Thought,
    Text,
    Call,
}

pub(super) struct Harmony {
    state: State,
    /// Names of tools.
    known: Vec<String>,
    /// Text was told of before, so the next one is a paragraph of its own.
    has_text: bool,
    is_first: bool,
}

impl Harmony {
    pub(super) fn new(start: ReplyStart, tools: &[Tool]) -> Self {
        Self {
            known: tools.iter().map(|tool| tool.name.clone()).collect(),
            state: match start {
                ReplyStart::Anew => State::Head,
                ReplyStart::Thought | ReplyStart::WithinThought => State::Thought,
                ReplyStart::WithinAnswer => State::Text,
            },
            has_text: start == ReplyStart::WithinAnswer,
            is_first: true,
        }
    }

    pub(super) fn is_reasoning(&self) -> bool {
        self.state == State::Thought
    }

    /// How many bytes are done with; None until more comes.
    pub(super) fn read(&mut self, text: &str, ended: bool, output: &mut Output) -> Option<usize> {
        if text.is_empty() {
            return None;
        }
        match self.state {
            State::Head => self.head(text, ended, output),
            State::Thought | State::Text | State::Call => self.body(text, ended, output),
        }
    }

    fn body(&mut self, text: &str, ended: bool, output: &mut Output) -> Option<usize> {
        let (until, taken, over) =
            match find_mark(text, &[END, CALL, RETURN, START, CHANNEL], ended) {
                // The next message begins without an end of this one.
                Found::Mark(at, START | CHANNEL) => (at, at, true),
                Found::Mark(at, mark) => (at, at + mark.len(), true),
                Found::Until(0) => return None,
                Found::Until(at) => (at, at, false),
            };
        let body = &text[..until];
        match self.state {
            State::Thought => output.reasoning(body),
            State::Call => output.arguments(body),
            State::Text | State::Head => {
                self.has_text |= !body.is_empty();
                output.text(body);
            }
        }
        if over {
            if self.state == State::Thought {
                output.end_reasoning();
            }
            self.state = State::Head;
            self.is_first = false;
        }
        Some(taken)
    }

    fn head(&mut self, text: &str, ended: bool, output: &mut Output) -> Option<usize> {
        let (held, ended) = window(text, ended);
        let inner = held.trim_start();
        let blanks = held.len() - inner.len();
        if inner.is_empty() {
            return ended.then_some(held.len());
        }
        let marks =
            [START, CHANNEL, END, CALL, RETURN].map(|mark| mark_at_start(inner, mark, ended));
        match marks {
            [Mark::Here, ..] | [_, Mark::Here, ..] => {}
            // An end of what has ended.
            [_, _, Mark::Here, ..] => return Some(blanks + END.len()),
            [_, _, _, Mark::Here, _] => return Some(blanks + CALL.len()),
            [.., Mark::Here] => return Some(blanks + RETURN.len()),
            _ if marks.contains(&Mark::Maybe) => return None,
            // No head: the model keeps to nothing.
            _ => {
                self.begin_text(output);
                return Some(if self.is_first { 0 } else { blanks });
            }
        }
        let Some((head, _)) = inner.split_once(MESSAGE) else {
            if !ended {
                return None;
            }
            // It was cut off, or is endless.
            self.begin_text(output);
            output.text(held);
            return Some(held.len());
        };
        self.begin(head, output);
        Some(blanks + head.len() + MESSAGE.len())
    }

    fn begin(&mut self, head: &str, output: &mut Output) {
        let recipient = head.split("to=").nth(1).map(|rest| {
            let end = rest.find(|char: char| char.is_whitespace() || char == '<');
            &rest[..end.unwrap_or(rest.len())]
        });
        let channel = head.split(CHANNEL).nth(1).unwrap_or_default().trim_start();
        let function = recipient.and_then(|name| match name.strip_prefix(FUNCTIONS) {
            Some(function) => Some(function).filter(|name| !name.is_empty()),
            None => Some(name).filter(|name| self.known.iter().any(|known| known == name)),
        });
        match function.filter(|_| !self.known.is_empty()) {
            Some(name) => {
                output.begin_call(name);
                self.has_text = false;
                self.state = State::Call;
            }
            None if channel.starts_with("analysis") => self.state = State::Thought,
            None => self.begin_text(output),
        }
    }

    fn begin_text(&mut self, output: &mut Output) {
        if self.has_text {
            output.paragraph();
        }
        self.state = State::Text;
    }
}
