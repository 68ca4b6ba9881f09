//! The events on their way out: ids and numbers of calls, and blanks nobody wants to see.
//!
//! Blanks round thoughts and calls belong to the markers and are dropped; blanks anywhere else stay.
//! So those at the end of what is known wait until it is clear what they are.

use super::{CallIds, ParsedEvent, ReplyStart};
use crate::engine::event::ToolCallDelta;

pub(super) struct Output {
    events: Vec<ParsedEvent>,
    call_ids: CallIds,
    calls: u32,
    /// Blanks wait, because a call may follow.
    holds_blanks: bool,
    text_blanks: String,
    thought_blanks: String,
    skips_blanks: bool,
    skips_thought_blanks: bool,
}

impl Output {
    pub(super) fn new(call_ids: CallIds, start: ReplyStart, may_call: bool) -> Self {
        Self {
            events: Vec::new(),
            call_ids,
            calls: 0,
            holds_blanks: may_call,
            text_blanks: String::new(),
            thought_blanks: String::new(),
            skips_blanks: false,
            skips_thought_blanks: start != ReplyStart::WithinThought,
        }
    }

    pub(super) fn calls(&self) -> u32 {
        self.calls
    }

    pub(super) fn text(&mut self, text: &str) {
        let mut text = text;
        if self.skips_blanks {
            text = text.trim_start();
        }
        if text.is_empty() {
            return;
        }
        self.skips_blanks = false;
        let kept = match self.holds_blanks {
            true => text.trim_end(),
            false => text,
        };
        if !kept.is_empty() {
            let said = std::mem::take(&mut self.text_blanks) + kept;
            match self.events.last_mut() {
                Some(ParsedEvent::Text(last)) => last.push_str(&said),
                _ => self.events.push(ParsedEvent::Text(said)),
            }
        }
        self.text_blanks.push_str(&text[kept.len()..]);
    }

    /// What comes next stands apart from what was said.
    pub(super) fn paragraph(&mut self) {
        self.skips_blanks = true;
        self.text_blanks.push_str("\n\n");
    }

    pub(super) fn reasoning(&mut self, text: &str) {
        let mut text = text;
        if self.skips_thought_blanks {
            text = text.trim_start();
        }
        if text.is_empty() {
            return;
        }
        self.skips_thought_blanks = false;
        let kept = text.trim_end();
        if !kept.is_empty() {
            let thought = std::mem::take(&mut self.thought_blanks) + kept;
            match self.events.last_mut() {
                Some(ParsedEvent::Reasoning(last)) => last.push_str(&thought),
                _ => self.events.push(ParsedEvent::Reasoning(thought)),
            }
        }
        self.thought_blanks.push_str(&text[kept.len()..]);
    }

    /// Behind a thought's end; a second thought is told as a paragraph of its own.
    pub(super) fn end_reasoning(&mut self) {
        self.skips_blanks = true;
        self.thought_blanks.clear();
        if self.skips_thought_blanks {
            return;
        }
        self.thought_blanks.push_str("\n\n");
    }

    pub(super) fn begin_call(&mut self, name: &str) {
        self.text_blanks.clear();
        self.skips_blanks = true;
        self.events.push(ParsedEvent::ToolCall(ToolCallDelta {
            index: self.calls,
            id: Some((self.call_ids)()),
            name: Some(name.to_owned()),
            arguments: String::new(),
        }));
        self.calls += 1;
    }

    /// More of the arguments of the call begun last.
    pub(super) fn arguments(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.events.last_mut() {
            Some(ParsedEvent::ToolCall(last)) => last.arguments.push_str(text),
            _ => self.events.push(ParsedEvent::ToolCall(ToolCallDelta {
                index: self.calls.saturating_sub(1),
                arguments: text.to_owned(),
                ..ToolCallDelta::default()
            })),
        }
    }

    pub(super) fn call(&mut self, name: &str, arguments: &str) {
        self.begin_call(name);
        self.arguments(arguments);
    }

    pub(super) fn take(&mut self) -> Vec<ParsedEvent> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn finish(&mut self) {
        self.holds_blanks = false;
        let blanks = std::mem::take(&mut self.text_blanks);
        self.text(&blanks);
    }
}
