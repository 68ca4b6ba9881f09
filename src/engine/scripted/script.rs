//! The script as it is written in its file. The head of the room says what each field does; what is
//! not known here is refused, so that a typo in a test is found.

use regex::Regex;
use serde::Deserialize;

use crate::engine::EngineError;

/// Stands in a text for the adapters of its request.
const ADAPTERS_MARK: &str = "{adapters}";

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Script {
    pub(super) models: Vec<String>,
    pub(super) context_tokens: u32,
    /// How long vectors take.
    pub(super) embed_delay_ms: u64,
    pub(super) rules: Vec<Rule>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            models: vec!["scripted".into()],
            context_tokens: 4096,
            embed_delay_ms: 0,
            rules: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Rule {
    #[serde(deserialize_with = "regular_expression")]
    pub(super) when: Option<Regex>,
    /// Only for this model.
    pub(super) model: Option<String>,
    /// Thought before the reply, unless no thinking is wanted.
    pub(super) reasoning: Reply,
    /// Asked for behind the reply, where the request brings tools and none has answered yet.
    pub(super) tool_calls: Vec<ScriptedCall>,
    pub(super) reply: Reply,
    /// The reply is the request itself, as JSON.
    pub(super) repeat_request: bool,
    /// How often the whole reply is said.
    pub(super) repeat: Option<usize>,
    /// Places in the queue, told before anything else.
    pub(super) queued: Vec<u32>,
    /// Tokens of the prompt, read in four steps from those that are cached.
    pub(super) prefill: u32,
    /// Of the prompt's tokens, so many needed no computing.
    pub(super) cached: u32,
    pub(super) first_delay_ms: u64,
    pub(super) delay_ms: u64,
    /// Fails behind so many pieces.
    pub(super) fail_after: Option<usize>,
    /// What it fails with; alone, it fails at once.
    pub(super) error: Option<ScriptedError>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ScriptedCall {
    pub(super) name: String,
    /// An object, or a text that need not be one.
    pub(super) arguments: serde_json::Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Reply {
    Text(String),
    Pieces(Vec<String>),
}

impl Default for Reply {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Reply {
    /// Each counts as a token: words with the blank behind them, or as they are listed.
    pub(super) fn pieces(&self) -> Vec<String> {
        match self {
            Self::Text(text) => text.split_inclusive(' ').map(str::to_owned).collect(),
            Self::Pieces(pieces) => pieces.clone(),
        }
    }

    /// A text with the adapters of its request, where it asks for them.
    pub(super) fn pieces_with(&self, adapters: &str) -> Vec<String> {
        match self {
            Self::Text(text) => Self::Text(text.replace(ADAPTERS_MARK, adapters)).pieces(),
            Self::Pieces(_) => self.pieces(),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ScriptedError {
    Crashed,
    QueueFull,
    Failed(String),
    ModelUnusable(String),
    ContextTooLong { tokens: u32, limit: u32 },
}

impl From<ScriptedError> for EngineError {
    fn from(error: ScriptedError) -> Self {
        match error {
            ScriptedError::Crashed => Self::Crashed,
            ScriptedError::QueueFull => Self::QueueFull,
            ScriptedError::Failed(message) => Self::Failed(message),
            ScriptedError::ModelUnusable(message) => Self::ModelUnusable(message),
            ScriptedError::ContextTooLong { tokens, limit } => {
                Self::ContextTooLong { tokens, limit }
            }
        }
    }
}

fn regular_expression<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Regex>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Regex::new(&text)
        .map(Some)
        .map_err(serde::de::Error::custom)
}
