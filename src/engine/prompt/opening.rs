//! How a reply begins behind the prompt: what was thought and written already, and where that leaves
//! whoever reads what the model writes next.
//!
//! Some templates open a thought by themselves; some close it at once when none is wanted. What was
//! thought and written is guarded here; the markers around it are not.

use super::PromptRequest;
use super::guard::{SENTINEL, SpecialTexts};
use crate::engine::parse::{CallStyle, Dialect, ReplyStart, ThoughtMarks};
use crate::engine::{Reasoning, Role};

/// Adds it to the prompt.
pub(super) fn open_reply(
    prompt: &mut String,
    dialect: &Dialect,
    request: &PromptRequest<'_>,
    specials: &SpecialTexts,
) -> ReplyStart {
    let is_off = request.reasoning == Some(Reasoning::Off);
    // In Harmony a call is no answer, so where there are tools the channel is left to the model.
    let must_answer = is_off && dialect.calls == CallStyle::Harmony && request.tools.is_empty();
    let opening = Opening {
        thought: specials.guard(request.thought, Role::User),
        written: specials.guard(request.written, Role::Assistant),
        thinks_on: !request.answer_now && !must_answer && request.written.is_empty(),
        is_off,
    };
    match dialect.calls {
        CallStyle::Harmony => opening.in_harmony(prompt),
        _ => opening.between_marks(prompt, dialect.thought),
    }
}

struct Opening {
    thought: String,
    written: String,
    /// Nothing ends the thinking.
    thinks_on: bool,
    is_off: bool,
}

impl Opening {
    fn in_harmony(&self, prompt: &mut String) -> ReplyStart {
        if !self.thought.is_empty() {
            prompt.push_str("<|channel|>analysis<|message|>");
            push_apart(prompt, &self.thought);
            if self.thinks_on {
                return ReplyStart::WithinThought;
            }
            prompt.push_str("<|end|><|start|>assistant");
        }
        if self.thinks_on {
            return ReplyStart::Anew;
        }
        prompt.push_str("<|channel|>final<|message|>");
        push_apart(prompt, &self.written);
        ReplyStart::WithinAnswer
    }

    fn between_marks(&self, prompt: &mut String, marks: ThoughtMarks) -> ReplyStart {
        let end = prompt.trim_end();
        if end.ends_with(marks.close) {
            return self.answer(prompt);
        }
        let line_break = if marks.open.starts_with('<') {
            "\n"
        } else {
            ""
        };
        if !end.ends_with(marks.open) {
            let is_over = !self.thinks_on || self.is_off;
            let has_thought = !self.thought.is_empty() || (is_over && self.is_new());
            if !has_thought || (self.thought.is_empty() && !marks.in_template) {
                return self.answer(prompt);
            }
            prompt.push_str(marks.open);
            prompt.push_str(line_break);
        }
        let had_thought = !self.thought.is_empty();
        push_apart(prompt, &self.thought);
        if self.thinks_on && !self.is_off {
            return match had_thought {
                true => ReplyStart::WithinThought,
                false => ReplyStart::Thought,
            };
        }
        prompt.push_str(line_break);
        prompt.push_str(marks.close);
        prompt.push_str(&line_break.repeat(2));
        self.answer(prompt)
    }

    /// Nothing of the answer is written.
    fn is_new(&self) -> bool {
        self.written.is_empty()
    }

    fn answer(&self, prompt: &mut String) -> ReplyStart {
        push_apart(prompt, &self.written);
        match self.is_new() {
            true => ReplyStart::Anew,
            false => ReplyStart::WithinAnswer,
        }
    }
}

/// In a piece of its own, so that it forms no special token with what is before it.
fn push_apart(prompt: &mut String, text: &str) {
    if !text.is_empty() {
        prompt.push(SENTINEL);
        prompt.push_str(text);
    }
}
