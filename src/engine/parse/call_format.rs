//! What calls must look like in each dialect, for whoever holds a model to them.
//!
//! Pure data for `engine/grammar`. What it admits is what the reader of the same dialect understands.

use super::dialect::{CallStyle, Dialect};
use crate::engine::grammar::{CallGrammar, CallShape};
use crate::engine::request::{Tool, ToolChoice};

/// Calls in one answer.
const MAX_CALLS: u32 = 16;

impl Dialect {
    /// The form of the calls that `choice` allows; None where nothing may be called. It begins where
    /// the answer does, or at [`Self::call_trigger`].
    pub fn call_grammar(
        &self,
        tools: &[Tool],
        choice: &ToolChoice,
        parallel: bool,
    ) -> Option<CallGrammar> {
        let allowed = |tool: &&Tool| match choice {
            ToolChoice::None => false,
            ToolChoice::Named(name) => tool.name == *name,
            ToolChoice::Auto | ToolChoice::Required => true,
        };
        let allowed = tools.iter().filter(allowed);
        let calls: Vec<CallShape> = allowed.map(|tool| self.calls.shape(tool)).collect();
        if calls.is_empty() {
            return None;
        }
        let (before, between, after) = self.calls.surroundings();
        Some(CallGrammar {
            before: before.to_owned(),
            calls,
            between: between.filter(|_| parallel).map(str::to_owned),
            after: after.to_owned(),
            max_calls: MAX_CALLS,
        })
    }
}

impl CallStyle {
    /// What stands before all calls, between two of them, and behind all.
    fn surroundings(self) -> (&'static str, Option<&'static str>, &'static str) {
        match self {
            Self::Plain | Self::Hermes | Self::QwenXml => ("", Some("\n"), ""),
            Self::Llama => ("", Some("; "), ""),
            Self::Mistral => ("[TOOL_CALLS][", Some(", "), "]"),
            Self::MistralArgs => ("", Some(""), ""),
            Self::DeepSeekR1 => ("<｜tool▁calls▁begin｜>", Some("\n"), "<｜tool▁calls▁end｜>"),
            Self::DeepSeek => ("<｜tool▁calls▁begin｜>", Some(""), "<｜tool▁calls▁end｜>"),
            Self::Gemma => ("```tool_code\n[", Some(", "), "]\n```"),
            // The token that ends a call ends the turn.
            Self::Harmony => ("", None, ""),
        }
    }

    fn shape(self, tool: &Tool) -> CallShape {
        let (name, arguments) = (&tool.name, &tool.parameters);
        let object = |key| CallShape::json_object("name", name, key, arguments);
        let bare = |before: String, after: &str| CallShape {
            name: name.clone(),
            before,
            arguments: arguments.clone(),
            after: after.to_owned(),
        };
        match self {
            // Bare values in tags follow no schema; such models know this form as well.
            Self::Plain | Self::Hermes | Self::QwenXml => {
                object("arguments").within("<tool_call>\n", "\n</tool_call>")
            }
            Self::Mistral => object("arguments"),
            Self::Llama | Self::Gemma => object("parameters"),
            Self::MistralArgs => bare(format!("[TOOL_CALLS]{name}[ARGS]"), ""),
            Self::DeepSeekR1 => bare(
                format!("<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n"),
                "\n```<｜tool▁call▁end｜>",
            ),
            Self::DeepSeek => bare(
                format!("<｜tool▁call▁begin｜>{name}<｜tool▁sep｜>"),
                "<｜tool▁call▁end｜>",
            ),
            Self::Harmony => bare(
                format!("<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>"),
                "",
            ),
        }
    }
}

#[cfg(test)]
#[path = "call_format_tests.rs"]
mod call_format_tests;
