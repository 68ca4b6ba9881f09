//! Chat templates: from messages to the text a model was trained on.
//!
//! A model file brings its own template (Jinja), written by strangers: it runs with fuel and an
//! output limit, reads nothing but its variables, and an error in it is an error of the request.
//! What people wrote must never act as a special token: see [`guard`]. Called by the engine worker,
//! which has the vocabulary; pure, no model and no clock but `strftime_now`.

mod fit;
pub mod guard;
mod python;

use std::io::Write;

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind};

pub use self::fit::fit_history;
use self::guard::{SENTINEL, SpecialTexts};
use super::{ChatMessage, EngineError, Role};

/// The last user message of a request for a title.
pub const TITLE_REQUEST: &str =
    "Write a title of at most six words for this conversation. Answer with the title only.";

/// What a model without a template of its own gets.
const CHATML: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' \
    + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const FUEL: u64 = 5_000_000;
const MAX_PROMPT_BYTES: usize = 32 * 1024 * 1024;

/// The template or the messages are at fault; in words for the person who chose the model.
#[derive(Debug, thiserror::Error)]
#[error("the model's chat template {0}")]
pub struct TemplateError(String);

impl From<TemplateError> for EngineError {
    fn from(error: TemplateError) -> Self {
        Self::InvalidRequest(error.to_string())
    }
}

/// A model's template, ready to use.
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

impl ChatTemplate {
    /// `source` None takes ChatML. `bos` and `eos` are the texts of these tokens, empty where the model has none.
    pub fn compile(source: Option<&str>, bos: &str, eos: &str) -> Result<Self, TemplateError> {
        let mut environment = python::environment();
        environment.set_fuel(Some(FUEL));
        environment
            .add_template_owned("chat", source.unwrap_or(CHATML).to_owned())
            .map_err(|error| TemplateError(format!("does not compile: {}", plain(&error))))?;
        Ok(Self {
            environment,
            bos: bos.to_owned(),
            eos: eos.to_owned(),
        })
    }

    /// The prompt up to where the assistant's text begins, with `written` after it. Pieces are to be
    /// tokenised one by one, special tokens parsed, and put together.
    pub fn render(
        &self,
        messages: &[ChatMessage],
        written: &str,
        specials: &SpecialTexts,
    ) -> Result<Vec<String>, TemplateError> {
        let guarded: Vec<ChatMessage> = messages
            .iter()
            .map(|message| ChatMessage {
                content: specials.guard(&message.content, message.role),
                ..message.clone()
            })
            .collect();
        let mut prompt = match self.render_text(&guarded) {
            // Some templates take no system message, or insist that roles take turns.
            Err(first) => match plainer(&guarded) {
                Some(plainer) => self.render_text(&plainer).map_err(|_| first)?,
                None => return Err(first),
            },
            Ok(prompt) => prompt,
        };
        if !written.is_empty() {
            prompt.push(SENTINEL);
            prompt.push_str(&specials.guard(written, Role::Assistant));
        }
        let pieces = prompt.split(SENTINEL).filter(|piece| !piece.is_empty());
        Ok(pieces.map(str::to_owned).collect())
    }

    fn render_text(&self, messages: &[ChatMessage]) -> Result<String, TemplateError> {
        let failed = |error: Error| TemplateError(format!("failed: {}", plain(&error)));
        let template = self.environment.get_template("chat").map_err(failed)?;
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| {
                let role = match message.role {
                    Role::System => "system",
                    Role::User => "user",
                    Role::Assistant => "assistant",
                    Role::Tool => "tool",
                };
                minijinja::context! { role => role, content => message.content.as_str() }
            })
            .collect();
        let context = minijinja::context! {
            messages => messages,
            add_generation_prompt => true,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
            tools => Value::from(()),
            documents => Value::from(()),
            enable_thinking => false,
        };
        let mut output = LimitedOutput(Vec::new());
        template
            .render_captured_to(context, &mut output)
            .map_err(failed)?;
        String::from_utf8(output.0)
            .map_err(|_| TemplateError("failed: it wrote something that is no text".into()))
    }
}

/// The same messages for a simpler template: the system message becomes the beginning of the first
/// user message, and neighbours of one role become one. None when nothing changes.
fn plainer(messages: &[ChatMessage]) -> Option<Vec<ChatMessage>> {
    let mut result: Vec<ChatMessage> = Vec::new();
    for message in messages {
        let role = match message.role {
            Role::System => Role::User,
            role => role,
        };
        match result.last_mut() {
            Some(last) if last.role == role => {
                last.content.push_str("\n\n");
                last.content.push_str(&message.content);
            }
            _ => result.push(ChatMessage {
                role,
                ..message.clone()
            }),
        }
    }
    (result != messages).then_some(result)
}

/// An error of the template engine in one line, with its cause.
fn plain(error: &Error) -> String {
    let detail = error.detail().unwrap_or_default();
    match (error.kind(), error.line()) {
        (ErrorKind::OutOfFuel, _) => "it runs for too long".to_owned(),
        (ErrorKind::InvalidOperation, _) if !detail.is_empty() => detail.to_owned(),
        (kind, Some(line)) => format!("{kind} in line {line}: {detail}"),
        (kind, None) => format!("{kind}: {detail}"),
    }
}

struct LimitedOutput(Vec<u8>);

impl Write for LimitedOutput {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_PROMPT_BYTES {
            return Err(std::io::Error::other("it writes too much"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "prompt/golden_tests.rs"]
mod golden_tests;
