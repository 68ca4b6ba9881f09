//! Replies that are text, with thoughts before it and calls within, each between markers.
//!
//! All dialects but Harmony are of this kind. A thought is looked for only where the reply begins,
//! so an answer may speak of its markers; and what opens like a call and is none is text.

use super::deepseek::DeepSeekCalls;
use super::dialect::{CallStyle, Dialect, ThoughtMarks};
use super::gemma::GemmaCalls;
use super::json_calls::JsonCalls;
use super::marks::{Found, Mark, find_mark, mark_at_start};
use super::mistral::MistralCalls;
use super::output::Output;
use super::xml_calls::XmlCalls;
use super::{ReplyStart, Tool};

/// More blanks than these before a thought are an answer of blanks.
const OPENING_BLANKS_LIMIT: usize = 2;

/// What a reader of calls made of the text before it.
pub(super) enum Step {
    /// So many bytes are read; there is more to come.
    Took(usize),
    /// Nothing can be said before there is more text.
    More,
    /// The calls are over, behind so many bytes.
    Over(usize),
    /// It only looked like a call. Never said once a call was told of.
    NoCall,
}

/// Reads calls from their opening marker on. What `ended` is not followed by anything.
pub(super) trait CallReader: Send {
    fn read(&mut self, text: &str, ended: bool, output: &mut Output) -> Step;
}

pub(super) struct Tagged {
    calls: CallStyle,
    thought: ThoughtMarks,
    tools: Vec<Tool>,
    state: State,
}

enum State {
    /// Nothing was said yet: a thought may come, or a call without a marker.
    Opening,
    Thought,
    Answer,
    Calls {
        reader: Box<dyn CallReader>,
        /// Of the marker, which is text should there be no call.
        opener_bytes: usize,
    },
}

impl Tagged {
    pub(super) fn new(dialect: &Dialect, start: ReplyStart, tools: Vec<Tool>) -> Self {
        Self {
            calls: dialect.calls,
            thought: dialect.thought,
            tools,
            state: match start {
                ReplyStart::Anew => State::Opening,
                ReplyStart::Thought | ReplyStart::WithinThought => State::Thought,
                ReplyStart::WithinAnswer => State::Answer,
            },
        }
    }

    pub(super) fn is_reasoning(&self) -> bool {
        matches!(self.state, State::Thought)
    }

    /// How many bytes are done with; None until more comes.
    pub(super) fn read(&mut self, text: &str, ended: bool, output: &mut Output) -> Option<usize> {
        if text.is_empty() {
            return None;
        }
        match &mut self.state {
            State::Opening => self.open(text, ended, output),
            State::Thought => self.think(text, ended, output),
            State::Answer => self.answer(text, ended, output),
            State::Calls {
                reader,
                opener_bytes,
            } => {
                let opener_bytes = *opener_bytes;
                let step = reader.read(text, ended, output);
                match step {
                    Step::Took(bytes) => Some(bytes),
                    Step::More => None,
                    Step::Over(bytes) => {
                        self.state = State::Answer;
                        Some(bytes)
                    }
                    Step::NoCall => {
                        self.state = State::Answer;
                        output.text(&text[..opener_bytes]);
                        Some(opener_bytes)
                    }
                }
            }
        }
    }

    fn open(&mut self, text: &str, ended: bool, output: &mut Output) -> Option<usize> {
        let begun = text.trim_start();
        if text.len() - begun.len() > OPENING_BLANKS_LIMIT {
            self.state = State::Answer;
            return Some(0);
        }
        if begun.is_empty() && !ended {
            return None;
        }
        match mark_at_start(begun, self.thought.open, ended) {
            Mark::Here => {
                self.state = State::Thought;
                return Some(text.len() - begun.len() + self.thought.open.len());
            }
            Mark::Maybe => return None,
            Mark::Absent => {}
        }
        let bare = begun.starts_with('{') && self.calls.may_be_bare() && !self.tools.is_empty();
        if !bare {
            self.state = State::Answer;
            return Some(0);
        }
        let blanks = text.len() - begun.len();
        output.text(&text[..blanks]);
        self.state = State::Calls {
            reader: Box::new(JsonCalls::bare(&self.tools)),
            opener_bytes: 1,
        };
        Some(blanks)
    }

    fn think(&mut self, text: &str, ended: bool, output: &mut Output) -> Option<usize> {
        match find_mark(text, &[self.thought.close], ended) {
            Found::Mark(at, mark) => {
                output.reasoning(&text[..at]);
                output.end_reasoning();
                self.state = State::Opening;
                Some(at + mark.len())
            }
            Found::Until(0) => None,
            Found::Until(at) => {
                output.reasoning(&text[..at]);
                Some(at)
            }
        }
    }

    fn answer(&mut self, text: &str, ended: bool, output: &mut Output) -> Option<usize> {
        let marks = match self.tools.is_empty() {
            true => &[],
            false => self.calls.openers(),
        };
        match find_mark(text, marks, ended) {
            Found::Mark(at, mark) => {
                output.text(&text[..at]);
                self.state = State::Calls {
                    reader: self.reader(mark),
                    opener_bytes: mark.len(),
                };
                Some(at)
            }
            Found::Until(0) => None,
            Found::Until(at) => {
                output.text(&text[..at]);
                Some(at)
            }
        }
    }

    fn reader(&self, opener: &'static str) -> Box<dyn CallReader> {
        match self.calls {
            CallStyle::Plain | CallStyle::Harmony | CallStyle::Hermes => {
                Box::new(JsonCalls::hermes())
            }
            CallStyle::QwenXml => Box::new(XmlCalls::new(self.tools.clone())),
            CallStyle::Llama => Box::new(JsonCalls::llama()),
            CallStyle::Mistral | CallStyle::MistralArgs => Box::new(MistralCalls::new()),
            CallStyle::DeepSeekR1 | CallStyle::DeepSeek => Box::new(DeepSeekCalls::new()),
            CallStyle::Gemma => Box::new(GemmaCalls::new(opener, &self.tools)),
        }
    }
}
