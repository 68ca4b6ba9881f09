//! From what a model writes to what it means: text, thoughts, and calls of tools.
//!
//! Each family of models has a dialect of its own, and each way of calling is a small reader in a
//! file of its own. Everything here is pure. However the text is cut into pieces, the events put
//! together are the same; what may be the beginning of a marker is held back until it is known, and
//! no text is lost. Called by the engine's workers, which have the text, and by tests.

mod call_format;
mod deepseek;
mod dialect;
mod gemma;
mod harmony;
mod json;
mod json_calls;
mod marks;
mod mistral;
mod output;
mod python;
mod tagged;
mod xml_calls;

use serde::{Deserialize, Serialize};

pub use self::dialect::{CallStyle, Dialect, ThoughtMarks};
use self::harmony::Harmony;
use self::output::Output;
use self::tagged::Tagged;
use super::event::ToolCallDelta;
use super::request::{Generate, Tool, ToolChoice};

/// Text that is kept back while it is not known what it will be; longer, it is text.
const HELD_BYTES_LIMIT: usize = 32 * 1024;

/// Where the text to be parsed begins, as the prompt left it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplyStart {
    /// With the first word of a new reply.
    #[default]
    Anew,
    /// At the beginning of a thought that the prompt opened.
    Thought,
    /// In the middle of a thought.
    WithinThought,
    /// In the middle of the answer.
    WithinAnswer,
}

/// What is told of the model's text, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParsedEvent {
    Reasoning(String),
    Text(String),
    ToolCall(ToolCallDelta),
}

/// Makes the ids of calls.
pub type CallIds = Box<dyn FnMut() -> String + Send>;

/// What the parser must know of the request.
pub struct ParserOptions {
    pub start: ReplyStart,
    /// What may be called; nothing is taken for a call where it is empty.
    pub tools: Vec<Tool>,
    pub call_ids: CallIds,
}

impl ParserOptions {
    /// Without tools.
    pub fn new(start: ReplyStart) -> Self {
        Self {
            start,
            tools: Vec::new(),
            call_ids: Box::new(random_call_id),
        }
    }

    pub fn of(request: &Generate, start: ReplyStart) -> Self {
        let may_call = request.tool_choice != ToolChoice::None;
        Self {
            tools: if may_call {
                request.tools.clone()
            } else {
                Vec::new()
            },
            ..Self::new(start)
        }
    }
}

fn random_call_id() -> String {
    let bytes = crate::secrets::random_bytes();
    format!("call_{}", hex::encode(&bytes[..12]))
}

/// Reads one reply.
pub struct ReplyParser {
    reader: Reader,
    output: Output,
    /// What is not read yet.
    held: String,
}

enum Reader {
    Tagged(Tagged),
    Harmony(Harmony),
}

impl ReplyParser {
    pub fn new(dialect: &Dialect, options: ParserOptions) -> Self {
        let ParserOptions {
            start,
            tools,
            call_ids,
        } = options;
        let output = Output::new(call_ids, start, !tools.is_empty());
        let reader = match dialect.calls {
            CallStyle::Harmony => Reader::Harmony(Harmony::new(start, &tools)),
            _ => Reader::Tagged(Tagged::new(dialect, start, tools)),
        };
        Self {
            reader,
            output,
            held: String::new(),
        }
    }

    /// Takes what the model wrote next.
    pub fn push(&mut self, text: &str) -> Vec<ParsedEvent> {
        self.held.push_str(text);
        self.read(false);
        self.output.take()
    }

    /// The model wrote its last.
    pub fn finish(&mut self) -> Vec<ParsedEvent> {
        self.read(true);
        self.output.finish();
        self.output.take()
    }

    /// Whether what comes next is still a thought.
    pub fn is_reasoning(&self) -> bool {
        match &self.reader {
            Reader::Tagged(tagged) => tagged.is_reasoning(),
            Reader::Harmony(harmony) => harmony.is_reasoning(),
        }
    }

    /// How many calls were begun.
    pub fn calls(&self) -> u32 {
        self.output.calls()
    }

    fn read(&mut self, ended: bool) {
        let mut at = 0;
        loop {
            let rest = &self.held[at..];
            let taken = match &mut self.reader {
                Reader::Tagged(tagged) => tagged.read(rest, ended, &mut self.output),
                Reader::Harmony(harmony) => harmony.read(rest, ended, &mut self.output),
            };
            match taken {
                Some(bytes) => at += bytes,
                None => break,
            }
        }
        self.held.drain(..at);
    }
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod parse_tests;
