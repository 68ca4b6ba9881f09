//! The messages of a chat completion as clients write them. Text alone is
//! understood; other content is refused by its type.

use serde::Deserialize;

use super::super::unsupported;
use crate::engine::{ChatMessage, Role, ToolCall};
use crate::error::{Error, Result};

#[derive(Deserialize)]
pub(super) struct InputMessage {
    role: String,
    content: Option<Content>,
    reasoning_content: Option<String>,
    /// Another name for the same, where it is a text.
    reasoning: Option<serde_json::Value>,
    tool_calls: Option<Vec<InputToolCall>>,
    tool_call_id: Option<String>,
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
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct InputToolCall {
    id: Option<String>,
    r#type: Option<String>,
    function: Option<InputFunctionCall>,
}

#[derive(Deserialize)]
struct InputFunctionCall {
    name: String,
    arguments: Option<String>,
}

impl InputMessage {
    pub(super) fn into_chat_message(self) -> Result<ChatMessage> {
        let role = match self.role.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
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
        let mut message = ChatMessage::new(role, content);
        match role {
            Role::Assistant => {
                let other = self.reasoning.as_ref().and_then(|other| other.as_str());
                let reasoning = self.reasoning_content.or(other.map(str::to_owned));
                message.reasoning = reasoning.unwrap_or_default();
                let calls = self.tool_calls.unwrap_or_default().into_iter();
                message.tool_calls = calls.map(InputToolCall::into_call).collect::<Result<_>>()?;
            }
            Role::Tool => {
                let id = self.tool_call_id.filter(|id| !id.is_empty());
                message.tool_call_id = id.ok_or_else(|| {
                    Error::invalid_field("messages", "a tool's message needs a tool_call_id")
                })?;
            }
            Role::System | Role::User => {}
        }
        Ok(message)
    }
}

impl InputToolCall {
    fn into_call(self) -> Result<ToolCall> {
        let is_function = self.r#type.is_none_or(|kind| kind == "function");
        let Some(function) = self.function.filter(|_| is_function) else {
            return Err(unsupported("messages", "a call of anything but a function"));
        };
        Ok(ToolCall {
            id: self.id.unwrap_or_default(),
            name: function.name,
            arguments: function.arguments.unwrap_or_else(|| "{}".into()),
        })
    }
}

impl ContentPart {
    fn into_text(self) -> Result<String> {
        let text = match self.r#type.as_str() {
            "text" => self.text,
            "refusal" => self.refusal,
            _ => None,
        };
        text.ok_or_else(|| {
            let what = format!("content of type \"{}\"", self.r#type);
            unsupported("messages", &what)
        })
    }
}
