//! The words a server has for its error, in whichever of the usual forms it sends them, and what of
//! them can be understood by a program.
//!
//! Words are cut to one short line, and never hold the key, even where a server repeats it. Pure;
//! called by `failure`.

use serde_json::Value;

use super::question::Dialect;
use super::source::ApiKey;

const MAX_WORDS: usize = 400;
const CONTEXT_CODES: [&str; 3] = [
    "context_length_exceeded",
    "exceed_context_size_error",
    "context_too_long",
];
const CONTEXT_PHRASES: [&str; 7] = [
    "context length",
    "context size",
    "context window",
    "too long for this model",
    "prompt is too long",
    "input is too long",
    "too many tokens",
];

/// What a server says of its error, in whichever of the usual forms.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ServerWords {
    pub(super) message: String,
    pub(super) code: String,
    pub(super) param: Option<String>,
    /// How long the prompt was and how long it may be, where that was said.
    pub(super) sizes: Option<Sizes>,
}

impl ServerWords {
    pub(super) fn of_body(body: &[u8], key: Option<&ApiKey>) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(body) => Self::of(&body, key),
            Err(_) => Self {
                message: clean(&String::from_utf8_lossy(body), key),
                ..Self::default()
            },
        }
    }

    pub(super) fn of(body: &Value, key: Option<&ApiKey>) -> Self {
        let error = body.get("error").unwrap_or(body);
        let text = |name: &str| error.get(name).and_then(Value::as_str);
        let message = error.as_str().or_else(|| text("message"));
        let message = message.or_else(|| text("detail")).map(str::to_owned);
        let message = clean(&message.unwrap_or_else(|| error.to_string()), key);
        let is_name = |name: &&str| {
            (1..=64).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_.[]".contains(&b))
        };
        Self {
            code: text("code")
                .or_else(|| text("type"))
                .unwrap_or_default()
                .to_owned(),
            param: text("param").filter(is_name).map(str::to_owned),
            sizes: Sizes::of_fields(error).or_else(|| Sizes::of_message(&message)),
            message,
        }
    }

    pub(super) fn is_context_too_long(&self) -> bool {
        let message = self.message.to_lowercase();
        CONTEXT_CODES.contains(&self.code.as_str())
            || CONTEXT_PHRASES
                .iter()
                .any(|phrase| message.contains(phrase))
    }

    /// Another way to say what the server did not understand, unless it was said that way.
    pub(super) fn reword(&self, spoken: Dialect) -> Option<Dialect> {
        let mut dialect = spoken;
        dialect.new_max_tokens |= self.message.contains("max_completion_tokens");
        dialect.no_stream_options |= self.message.contains("stream_options");
        (dialect != spoken).then_some(dialect)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) tokens: u32,
    pub(super) limit: u32,
}

impl Sizes {
    fn of_fields(error: &Value) -> Option<Self> {
        let number = |pointer: &str| u32::try_from(error.pointer(pointer)?.as_u64()?).ok();
        let pair = |tokens, limit| {
            Some(Self {
                tokens: number(tokens)?,
                limit: number(limit)?,
            })
        };
        pair("/n_prompt_tokens", "/n_ctx").or_else(|| pair("/details/tokens", "/details/limit"))
    }

    /// The first two numbers, whichever is named first: what does not fit is the larger.
    fn of_message(message: &str) -> Option<Self> {
        let joined = message.replace(',', "");
        let mut numbers = joined
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|digits| digits.parse::<u32>().ok());
        let (first, second) = (numbers.next()?, numbers.next()?);
        Some(Self {
            tokens: first.max(second),
            limit: first.min(second),
        })
    }
}

/// One line, not too long, without the key.
pub(super) fn clean(words: &str, key: Option<&ApiKey>) -> String {
    let hidden = match key {
        Some(key) => words.replace(key.expose(), "…"),
        None => words.to_owned(),
    };
    let line: Vec<&str> = hidden.split_whitespace().collect();
    let line = line.join(" ");
    let line: String = line
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_WORDS)
        .collect();
    match line.is_empty() {
        true => "no words".into(),
        false => line,
    }
}
