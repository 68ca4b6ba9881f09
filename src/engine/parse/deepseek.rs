//! Calls as DeepSeek writes them. V3.1: `<｜tool▁call▁begin｜>name<｜tool▁sep｜>{…}<｜tool▁call▁end｜>`;
//! R1 and V3 write `function` for the name, then the name, and the arguments in a block of JSON. All
//! calls of a reply stand between one pair of outer markers.

use super::json::{JsonScan, Scanned};
use super::marks::{Mark, mark_at_start, window};
use super::output::Output;
use super::tagged::{CallReader, Step};

pub(super) const CALLS: &str = "<｜tool▁calls▁begin｜>";
pub(super) const END_OF_CALLS: &str = "<｜tool▁calls▁end｜>";
pub(super) const CALL: &str = "<｜tool▁call▁begin｜>";
pub(super) const END_OF_CALL: &str = "<｜tool▁call▁end｜>";
pub(super) const SEPARATOR: &str = "<｜tool▁sep｜>";
pub(super) const BLOCK: &str = "```json";
const END_OF_BLOCK: &str = "```";

pub(super) struct DeepSeekCalls {
    state: State,
}

enum State {
    /// Before a call; of the first, the outer marker comes before it.
    Before {
        first: bool,
    },
    Arguments(JsonScan),
    /// Behind the arguments.
    Behind,
}

impl DeepSeekCalls {
    pub(super) fn new() -> Self {
        Self {
            state: State::Before { first: true },
        }
    }

    fn begin(&mut self, text: &str, first: bool, ended: bool, output: &mut Output) -> Step {
        let (whole, ended) = window(text, ended);
        let lacking = match (ended, first) {
            (false, _) => Step::More,
            (true, true) => Step::NoCall,
            (true, false) => Step::Over(0),
        };
        let wrong = || if first { Step::NoCall } else { Step::Over(0) };
        let mut rest = whole;
        let marks: &[&str] = if first { &[CALLS, CALL] } else { &[CALL] };
        for mark in marks {
            rest = rest.trim_start();
            if !first && let Some(after) = rest.strip_prefix(END_OF_CALLS) {
                return Step::Over(whole.len() - after.len());
            }
            match mark_at_start(rest, mark, ended) {
                Mark::Here => rest = &rest[mark.len()..],
                Mark::Maybe => return lacking,
                // The inner marker alone is enough to open.
                Mark::Absent if *mark == CALLS => {}
                Mark::Absent if !ended && END_OF_CALLS.starts_with(rest) => return lacking,
                Mark::Absent => return wrong(),
            }
        }
        let Some((name, after)) = rest.split_once(SEPARATOR) else {
            return lacking;
        };
        let Some((name, arguments)) = name_and_arguments(name, after) else {
            return match may_still_come(name, after) {
                true => lacking,
                false => wrong(),
            };
        };
        output.begin_call(name);
        self.state = State::Arguments(JsonScan::default());
        Step::Took(whole.len() - arguments.len())
    }

    fn close(&mut self, text: &str, ended: bool) -> Step {
        let (text, ended) = window(text, ended);
        let mut rest = text;
        for mark in [END_OF_BLOCK, END_OF_CALL] {
            rest = rest.trim_start();
            match mark_at_start(rest, mark, false) {
                Mark::Here => rest = &rest[mark.len()..],
                Mark::Maybe if ended => return Step::Over(text.len()),
                Mark::Maybe => return Step::More,
                Mark::Absent => {}
            }
        }
        self.state = State::Before { first: false };
        Step::Took(text.len() - rest.len())
    }
}

/// The name, and what is left from the arguments' bracket on.
fn name_and_arguments<'a>(name: &'a str, after: &'a str) -> Option<(&'a str, &'a str)> {
    let (name, after) = match name.trim() {
        "function" if !after.trim_start().starts_with('{') => {
            let (name, after) = after.split_once(BLOCK)?;
            (name.trim(), after)
        }
        name => (name, after),
    };
    let arguments = after.trim_start();
    let fits =
        arguments.starts_with('{') && !name.is_empty() && !name.contains(char::is_whitespace);
    fits.then_some((name, arguments))
}

/// Whether more text can make a call of it.
fn may_still_come(name: &str, after: &str) -> bool {
    let after = after.trim_start();
    match name.trim() {
        "function" => match after.split_once(BLOCK) {
            Some((_, arguments)) => arguments.trim_start().is_empty(),
            None => !after.trim_end().contains('\n') || after.contains('`'),
        },
        _ => after.is_empty(),
    }
}

impl CallReader for DeepSeekCalls {
    fn read(&mut self, text: &str, ended: bool, output: &mut Output) -> Step {
        let scan = match &mut self.state {
            State::Before { first } => {
                let first = *first;
                return self.begin(text, first, ended, output);
            }
            State::Behind => return self.close(text, ended),
            State::Arguments(scan) => scan,
        };
        match scan.read(text) {
            Scanned::Ends(at) | Scanned::Breaks(at) => {
                output.arguments(&text[..at]);
                self.state = State::Behind;
                Step::Took(at)
            }
            Scanned::GoesOn => {
                output.arguments(text);
                Step::Took(text.len())
            }
        }
    }
}
