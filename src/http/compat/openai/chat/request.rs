//! What a client asks of a chat completion. What OpenAI knows, would change the answer and is not
//! understood is refused by name; the rest is ignored, as these clients expect.

use serde::Deserialize;
use serde_json::Value;

use super::super::generation::{GenerationFields, is_neutral};
use super::super::unsupported;
use super::format::{ResponseFormat, output_format};
use super::messages::InputMessage;
use super::tools::{InputTool, tool_choice};
use crate::engine::{Generate, Reasoning};
use crate::error::{Error, Result};

#[derive(Deserialize)]
pub(super) struct ChatCompletionRequest {
    messages: Vec<InputMessage>,
    #[serde(flatten)]
    pub(super) fields: GenerationFields,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    tools: Option<Vec<InputTool>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    reasoning_effort: Option<String>,
    /// llama-server's way to switch thinking on and off.
    chat_template_kwargs: Option<TemplateOptions>,
    response_format: Option<ResponseFormat>,
    grammar: Option<String>,
    logprobs: Option<bool>,
    top_logprobs: Option<u32>,
    functions: Option<Value>,
    function_call: Option<Value>,
    modalities: Option<Vec<String>>,
    audio: Option<Value>,
    web_search_options: Option<Value>,
    verbosity: Option<String>,
}

#[derive(Deserialize)]
struct TemplateOptions {
    enable_thinking: Option<bool>,
}

impl ChatCompletionRequest {
    /// Clients send neutral values of everything; those change nothing.
    fn refuse_unsupported(&self) -> Result<()> {
        let modalities = self.modalities.iter().flatten();
        let asked = [
            (
                !is_neutral(self.functions.as_ref()),
                "functions",
                "the old way of calling (use tools)",
            ),
            (
                !is_neutral(self.function_call.as_ref()),
                "function_call",
                "the old way of calling (use tool_choice)",
            ),
            (
                modalities.into_iter().any(|modality| modality != "text"),
                "modalities",
                "an answer other than text",
            ),
            (self.audio.is_some(), "audio", "an answer in audio"),
            (
                self.web_search_options.is_some(),
                "web_search_options",
                "searching the web",
            ),
            (
                self.verbosity
                    .as_ref()
                    .is_some_and(|verbosity| verbosity != "medium"),
                "verbosity",
                "another verbosity than medium",
            ),
        ];
        match asked.into_iter().find(|(is_asked, ..)| *is_asked) {
            Some((_, field, what)) => Err(unsupported(field, what)),
            None => Ok(()),
        }
    }

    fn reasoning(&self) -> Result<Option<Reasoning>> {
        let by_template = self
            .chat_template_kwargs
            .as_ref()
            .and_then(|options| options.enable_thinking);
        match self.reasoning_effort.as_deref() {
            Some("none") => Ok(Some(Reasoning::Off)),
            Some("minimal" | "low") => Ok(Some(Reasoning::Low)),
            Some("medium") => Ok(Some(Reasoning::Medium)),
            Some("high" | "xhigh") => Ok(Some(Reasoning::High)),
            Some(_) => Err(Error::invalid_field(
                "reasoning_effort",
                "reasoning_effort is none, minimal, low, medium or high",
            )),
            None => Ok(by_template.map(|thinks| match thinks {
                true => Reasoning::Medium,
                false => Reasoning::Off,
            })),
        }
    }

    fn chances(&self) -> Result<Option<u32>> {
        match (self.logprobs, self.top_logprobs) {
            (Some(true), likeliest) => Ok(Some(likeliest.unwrap_or(0))),
            (_, None | Some(0)) => Ok(None),
            (_, Some(_)) => Err(Error::invalid_field(
                "top_logprobs",
                "top_logprobs goes with logprobs",
            )),
        }
    }

    pub(super) fn into_generate(self) -> Result<Generate> {
        self.refuse_unsupported()?;
        if self.messages.is_empty() {
            return Err(Error::invalid_field(
                "messages",
                "there is no message to answer",
            ));
        }
        let (reasoning, chances) = (self.reasoning()?, self.chances()?);
        let messages = self.messages.into_iter();
        let messages = messages
            .map(InputMessage::into_chat_message)
            .collect::<Result<_>>()?;
        // The model is chosen by whoever answers.
        let mut generate = Generate::new("", messages);
        let tools = self.tools.unwrap_or_default().into_iter();
        let tools = tools.map(InputTool::into_tool).collect::<Result<_>>()?;
        (generate.tools, generate.tool_choice) = tool_choice(self.tool_choice, tools)?;
        generate.parallel_tool_calls = self.parallel_tool_calls.unwrap_or(true);
        generate.reasoning = reasoning;
        generate.chances = chances;
        generate.format = output_format(self.response_format, self.grammar)?;
        generate.max_tokens = self.max_completion_tokens.or(self.max_tokens);
        self.fields.apply(&mut generate)?;
        Ok(generate)
    }
}
