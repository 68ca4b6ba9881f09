//! Chat templates: from messages to the text a model was trained on.
//!
//! A model file brings its own template (Jinja), written by strangers: it runs with fuel and an
//! output limit, reads nothing but its variables, and an error in it is an error of the request.
//! What people wrote must never act as a special token: see [`guard`]. Called by the engine worker,
//! which has the vocabulary; pure, no model and no clock but `strftime_now`.

mod fit;
pub mod guard;
mod hermes;
mod opening;
mod python;
mod shown;
mod simpler;

use std::io::Write;

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind};

pub use self::fit::fit_history;
use self::guard::{SENTINEL, SpecialTexts};
use self::opening::open_reply;
use self::shown::{Shown, Wishes, shown_messages, shown_tools};
use self::simpler::{one_call_each, plainer, wants_arguments_as_text};
use super::parse::{CallStyle, Dialect, ReplyStart};
use super::{ChatMessage, EngineError, Generate, Reasoning, Role, Tool, ToolChoice};

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
    dialect: Dialect,
    knows_tools: bool,
    arguments_as_text: bool,
}

/// What a prompt is made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct PromptRequest<'a> {
    pub messages: &'a [ChatMessage],
    /// Those the model is shown.
    pub tools: &'a [Tool],
    /// None: the model does as it was made to.
    pub reasoning: Option<Reasoning>,
    /// As in [`Generate::thought`].
    pub thought: &'a str,
    /// As in [`Generate::answer_now`].
    pub answer_now: bool,
    /// As in [`Generate::written`].
    pub written: &'a str,
    /// In place of all that but `written`; as in [`Generate::raw_prompt`].
    pub raw: Option<&'a str>,
}

impl<'a> PromptRequest<'a> {
    /// With `messages` in place of the request's own, since not all of them may fit.
    pub fn of(request: &'a Generate, messages: &'a [ChatMessage]) -> Self {
        Self {
            messages,
            tools: match request.tool_choice {
                ToolChoice::None => &[],
                _ => &request.tools,
            },
            reasoning: request.reasoning,
            thought: &request.thought,
            answer_now: request.answer_now,
            written: &request.written,
            raw: request.raw_prompt.as_deref(),
        }
    }

    /// The same up to where the reply begins, however far that has come.
    #[must_use]
    pub fn without_reply(self) -> Self {
        Self {
            thought: "",
            answer_now: false,
            written: "",
            ..self
        }
    }
}

/// A prompt, and how to read what the model writes after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// To be tokenised one by one, special tokens parsed, and put together.
    pub pieces: Vec<String>,
    pub dialect: Dialect,
    pub start: ReplyStart,
}

impl ChatTemplate {
    /// `source` None takes ChatML. `bos` and `eos` are the texts of these tokens, empty where the model has none.
    pub fn compile(source: Option<&str>, bos: &str, eos: &str) -> Result<Self, TemplateError> {
        let source = source.unwrap_or(CHATML);
        let mut environment = python::environment();
        environment.set_fuel(Some(FUEL));
        environment
            .add_template_owned("chat", source.to_owned())
            .map_err(|error| TemplateError(format!("does not compile: {}", plain(&error))))?;
        let dialect = Dialect::detect(source, "");
        let mut template = Self {
            environment,
            bos: bos.to_owned(),
            eos: eos.to_owned(),
            dialect,
            knows_tools: false,
            arguments_as_text: wants_arguments_as_text(source),
        };
        template.knows_tools = dialect.calls != CallStyle::Plain && template.shows_tools();
        Ok(template)
    }

    /// Whether the template itself shows tools to the model, in a dialect that is known here. Else
    /// they are described to it in the system message.
    pub fn knows_tools(&self) -> bool {
        self.knows_tools
    }

    fn shows_tools(&self) -> bool {
        const NAME: &str = "a_tool_to_look_for";
        let tool = Tool {
            name: NAME.into(),
            description: NAME.into(),
            parameters: "{}".into(),
        };
        let request = PromptRequest::default();
        let hello = ChatMessage::new(Role::User, "Hello");
        let nothing = SpecialTexts::default();
        let messages = shown_messages(&[hello], &nothing);
        let rendered =
            self.render_text(&messages, &shown_tools(&[tool], &nothing), &request, false);
        rendered.is_ok_and(|text| text.contains(NAME))
    }

    /// The prompt up to where the model goes on writing.
    pub fn render(
        &self,
        request: &PromptRequest<'_>,
        specials: &SpecialTexts,
    ) -> Result<Prompt, TemplateError> {
        if let Some(raw) = request.raw {
            return Ok(raw_prompt(raw, request.written, specials));
        }
        let mut messages = shown_messages(request.messages, specials);
        let mut tools = shown_tools(request.tools, specials);
        let mut dialect = self.dialect;
        let has_calls = |message: &Shown| message.role == Role::Tool || !message.calls.is_empty();
        if !self.knows_tools && (!tools.is_empty() || messages.iter().any(has_calls)) {
            messages = hermes::described(messages, &tools);
            tools.clear();
            dialect = dialect.with_hermes_calls();
        }
        let mut prompt = self.render_somehow(&messages, &tools, request)?;
        let start = open_reply(&mut prompt, &dialect, request, specials);
        Ok(Prompt {
            pieces: pieces_of(&prompt),
            dialect,
            start,
        })
    }

    /// Some templates want arguments as text, take one call a message or no system message, or
    /// insist that roles take turns. The first error is told.
    fn render_somehow(
        &self,
        messages: &[Shown],
        tools: &[Value],
        request: &PromptRequest<'_>,
    ) -> Result<String, TemplateError> {
        let as_text = self.arguments_as_text;
        let first = match self.render_text(messages, tools, request, as_text) {
            Ok(prompt) => return Ok(prompt),
            Err(error) => error,
        };
        let has_calls = messages.iter().any(|message| !message.calls.is_empty());
        if has_calls && let Ok(prompt) = self.render_text(messages, tools, request, !as_text) {
            return Ok(prompt);
        }
        let single = one_call_each(messages);
        let mut simpler = vec![plainer(single.as_deref().unwrap_or(messages))];
        simpler.insert(0, single);
        for messages in simpler.into_iter().flatten() {
            for as_text in [as_text, !as_text] {
                if let Ok(prompt) = self.render_text(&messages, tools, request, as_text) {
                    return Ok(prompt);
                }
            }
        }
        Err(first)
    }

    fn render_text(
        &self,
        messages: &[Shown],
        tools: &[Value],
        request: &PromptRequest<'_>,
        arguments_as_text: bool,
    ) -> Result<String, TemplateError> {
        let failed = |error: Error| TemplateError(format!("failed: {}", plain(&error)));
        let template = self.environment.get_template("chat").map_err(failed)?;
        let calls = self.dialect.calls;
        let wishes = Wishes {
            short_ids: matches!(calls, CallStyle::Mistral | CallStyle::MistralArgs),
            arguments_as_text,
        };
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| message.value(wishes))
            .collect();
        let tools = match tools.is_empty() {
            true => Value::from(()),
            false => Value::from(tools.to_vec()),
        };
        // What is not said stays undefined, so that the template takes its own default.
        let (thinks, effort) = match request.reasoning {
            None => (Value::UNDEFINED, Value::UNDEFINED),
            Some(Reasoning::Off) => (Value::from(false), Value::from("low")),
            Some(Reasoning::Low) => (Value::from(true), Value::from("low")),
            Some(Reasoning::Medium) => (Value::from(true), Value::from("medium")),
            Some(Reasoning::High) => (Value::from(true), Value::from("high")),
        };
        let context = minijinja::context! {
            messages => messages,
            add_generation_prompt => true,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
            tools => tools,
            documents => Value::from(()),
            enable_thinking => thinks.clone(),
            thinking => thinks,
            reasoning_effort => effort,
        };
        let mut output = LimitedOutput(Vec::new());
        template
            .render_captured_to(context, &mut output)
            .map_err(failed)?;
        String::from_utf8(output.0)
            .map_err(|_| TemplateError("failed: it wrote something that is no text".into()))
    }
}

fn raw_prompt(raw: &str, written: &str, specials: &SpecialTexts) -> Prompt {
    let whole = format!("{raw}{written}");
    Prompt {
        pieces: pieces_of(&specials.guard(&whole, Role::User)),
        dialect: Dialect::PLAIN,
        start: ReplyStart::WithinAnswer,
    }
}

fn pieces_of(prompt: &str) -> Vec<String> {
    let pieces = prompt.split(SENTINEL).filter(|piece| !piece.is_empty());
    pieces.map(str::to_owned).collect()
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
#[cfg(test)]
#[path = "prompt/tool_templates.rs"]
mod tool_templates;
#[cfg(test)]
#[path = "prompt/tool_tests.rs"]
mod tool_tests;
