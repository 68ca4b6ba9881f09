//! What a client asks, and what of it is understood. What OpenAI knows, would change the answer and
//! is not understood is refused by name; the rest is ignored, as these clients expect.

use serde::Deserialize;

use crate::conversations::CompletionRequest;
use crate::engine::{ChatMessage, Role, Sampling};
use crate::error::{Error, Result};

#[derive(Deserialize)]
pub(super) struct ChatCompletionRequest {
    model: Option<String>,
    messages: Vec<InputMessage>,
    #[serde(default)]
    pub(super) stream: bool,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    top_k: Option<u32>,
    min_p: Option<f32>,
    repeat_penalty: Option<f32>,
    seed: Option<i64>,
    stop: Option<OneOrMany>,
    n: Option<u32>,
    #[serde(default)]
    tools: Vec<serde_json::Value>,
    #[serde(default)]
    functions: Vec<serde_json::Value>,
    presence_penalty: Option<f32>,
    frequency_penalty: Option<f32>,
    logit_bias: Option<serde_json::Map<String, serde_json::Value>>,
    logprobs: Option<bool>,
    response_format: Option<ResponseFormat>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
struct ResponseFormat {
    r#type: String,
}

#[derive(Deserialize)]
struct InputMessage {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Deserialize)]
struct ContentPart {
    r#type: String,
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn unsupported(param: &str, what: &str) -> Error {
    Error::invalid_field(param, format!("{what} is not supported here yet"))
}

impl ChatCompletionRequest {
    pub(super) fn parse(body: &[u8]) -> Result<Self> {
        serde_json::from_slice(body)
            .map_err(|error| Error::invalid(format!("the body is not such a request: {error}")))
    }

    pub(super) fn include_usage(&self) -> bool {
        self.stream_options
            .as_ref()
            .is_some_and(|options| options.include_usage)
    }

    /// Clients send neutral values of everything; those change nothing.
    fn refuse_unsupported(&self) -> Result<()> {
        let weighs = |penalty: Option<f32>| penalty.is_some_and(|penalty| penalty != 0.0);
        let format = self.response_format.as_ref();
        let asked = [
            (self.n.is_some_and(|n| n != 1), "n", "more than one answer"),
            (!self.tools.is_empty(), "tools", "calling tools"),
            (!self.functions.is_empty(), "functions", "calling functions"),
            (
                format.is_some_and(|format| format.r#type != "text"),
                "response_format",
                "a format other than text",
            ),
            (
                weighs(self.presence_penalty),
                "presence_penalty",
                "a presence penalty",
            ),
            (
                weighs(self.frequency_penalty),
                "frequency_penalty",
                "a frequency penalty",
            ),
            (
                self.logit_bias
                    .as_ref()
                    .is_some_and(|bias| !bias.is_empty()),
                "logit_bias",
                "a logit bias",
            ),
            (self.logprobs == Some(true), "logprobs", "log probabilities"),
        ];
        match asked.into_iter().find(|(is_asked, ..)| *is_asked) {
            Some((_, param, what)) => Err(unsupported(param, what)),
            None => Ok(()),
        }
    }

    pub(super) fn into_completion(self) -> Result<CompletionRequest> {
        self.refuse_unsupported()?;
        if self.messages.is_empty() {
            return Err(Error::invalid_field(
                "messages",
                "there is no message to answer",
            ));
        }
        Ok(CompletionRequest {
            model: self.model.filter(|model| !model.is_empty()),
            adapters: Vec::new(),
            messages: self
                .messages
                .into_iter()
                .map(InputMessage::into_chat_message)
                .collect::<Result<_>>()?,
            sampling: Sampling {
                temperature: self.temperature,
                top_k: self.top_k,
                top_p: self.top_p,
                min_p: self.min_p,
                repeat_penalty: self.repeat_penalty,
                // Clients send any 64-bit number; the low half is as good a seed.
                seed: self.seed.map(|seed| (seed & 0xffff_ffff) as u32),
                ..Sampling::default()
            },
            stop: match self.stop {
                None => Vec::new(),
                Some(OneOrMany::One(stop)) => vec![stop],
                Some(OneOrMany::Many(stops)) => stops,
            },
            max_tokens: self.max_completion_tokens.or(self.max_tokens),
        })
    }
}

impl InputMessage {
    fn into_chat_message(self) -> Result<ChatMessage> {
        let role = match self.role.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => return Err(unsupported("messages", &format!("the role \"{other}\""))),
        };
        let content = match self.content {
            None => String::new(),
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => parts
                .into_iter()
                .map(ContentPart::into_text)
                .collect::<Result<_>>()?,
        };
        Ok(ChatMessage::new(role, content))
    }
}

impl ContentPart {
    fn into_text(self) -> Result<String> {
        match self.text {
            Some(text) if self.r#type == "text" => Ok(text),
            _ => Err(unsupported(
                "messages",
                &format!("content of type \"{}\"", self.r#type),
            )),
        }
    }
}
