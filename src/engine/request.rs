//! What is asked of an engine: messages, how to answer them, and under whose turn.
//!
//! Everything here travels to workers as it stands. Whether the numbers are sane is asked of
//! [`super::validity`] before anything is queued.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    System,
    User,
    Assistant,
    /// What a called tool answered.
    Tool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    pub role: Role,
    pub content: String,
    /// Of an assistant's message: what it thought before it answered; empty when nothing is known.
    pub reasoning: String,
    /// Of an assistant's message: what it asked to be called.
    pub tool_calls: Vec<ToolCall>,
    /// Of a tool's message: the [`ToolCall::id`] it answers; empty otherwise.
    pub tool_call_id: String,
}

impl ChatMessage {
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            reasoning: String::new(),
            tool_calls: Vec::new(),
            tool_call_id: String::new(),
        }
    }
}

/// A function the model asked to be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Ours, the same in the tool's answer.
    pub id: String,
    pub name: String,
    /// A JSON object as text, as the model wrote it.
    pub arguments: String,
}

/// A function the model may ask to be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    pub name: String,
    pub description: String,
    /// The JSON schema of its arguments, as text.
    pub parameters: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// None may be called, so the model is not shown any.
    None,
    /// At least one must be called.
    Required,
    /// This one must be called.
    Named(String),
}

/// What the text must look like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that a schema describes; the schema as text.
    JsonSchema(String),
    /// Whatever a grammar in GBNF allows; it begins at its rule `root`.
    Grammar(String),
}

/// How much a model that can think is to think before it answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reasoning {
    Off,
    Low,
    #[default]
    Medium,
    High,
}

/// An adapter on top of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdapterUse {
    /// An [`super::AdapterFile::id`].
    pub id: String,
    /// How strongly: 1 as it was trained, 0 not at all; -4 to 4.
    pub scale: f32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Somebody is waiting for it.
    #[default]
    Interactive,
    /// Gets what interactive work leaves.
    Batch,
}

/// One piece of work for an engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generate {
    /// A [`super::ModelInfo::id`].
    pub model: String,
    /// Each at most once; their order means nothing.
    pub adapters: Vec<AdapterUse>,
    /// Empty where there is a `raw_prompt`.
    pub messages: Vec<ChatMessage>,
    /// Text to go on from as it stands, by no template, in place of messages.
    pub raw_prompt: Option<String>,
    /// How many of the first messages come from the house and not from a person: what was computed
    /// for them serves everybody.
    pub house_messages: u32,
    /// What was thought already for this reply. The model goes on thinking from its end, unless
    /// something is `written` or `answer_now` is set.
    pub thought: String,
    /// Thinking is over: the answer follows.
    pub answer_now: bool,
    /// Text the assistant has already written: the engine goes on from its end and sends only what is new.
    pub written: String,
    pub sampling: Sampling,
    pub format: OutputFormat,
    pub tools: Vec<Tool>,
    pub tool_choice: ToolChoice,
    /// Whether the model may ask for several calls at once.
    pub parallel_tool_calls: bool,
    /// None: as the model does by itself.
    pub reasoning: Option<Reasoning>,
    /// The reply ends before any of these; none of them is ever sent.
    pub stop: Vec<String>,
    /// None: until the model ends by itself or the context is full.
    pub max_tokens: Option<u32>,
    /// The model cannot end by itself. For measurements.
    pub ignore_end: bool,
    /// For each token, the chances of so many of the likeliest: 0 to 20; None for no chances at all.
    pub chances: Option<u32>,
    /// When history does not fit: `true` leaves out the oldest turns (the system message and the
    /// latest user message stay) and says so in [`super::Finished::left_out_messages`]; `false` refuses.
    pub trim_history: bool,
    /// Whether computed beginnings of earlier requests may be used again.
    pub reuse_prefix: bool,
    pub priority: Priority,
    /// Requests of one lane share their turn with other lanes fairly, and what was computed for a
    /// lane is used again for no other. Opaque to the engine.
    pub lane: u64,
    /// A lane of twice the weight gets twice as much of the engine's time.
    pub weight: u32,
}

impl Generate {
    /// Answers these messages as the model likes best, for as long as it likes.
    pub fn new(model: impl Into<String>, messages: Vec<ChatMessage>) -> Self {
        Self {
            model: model.into(),
            adapters: Vec::new(),
            messages,
            raw_prompt: None,
            house_messages: 0,
            thought: String::new(),
            answer_now: false,
            written: String::new(),
            sampling: Sampling::default(),
            format: OutputFormat::Text,
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: true,
            reasoning: None,
            stop: Vec::new(),
            max_tokens: None,
            ignore_end: false,
            chances: None,
            trim_history: false,
            reuse_prefix: true,
            priority: Priority::Interactive,
            lane: 0,
            weight: 1,
        }
    }
}

/// How the next token is chosen. None means: what the model file recommends, otherwise the engine's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 to 2; 0 takes the likeliest token always.
    pub temperature: Option<f32>,
    /// 0 (off) to 1,000.
    pub top_k: Option<u32>,
    /// Above 0, up to 1.
    pub top_p: Option<f32>,
    /// 0 to 1.
    pub min_p: Option<f32>,
    /// 0.5 to 2; 1 is off.
    pub repeat_penalty: Option<f32>,
    /// -2 to 2; 0 is off.
    pub presence_penalty: Option<f32>,
    /// -2 to 2; 0 is off.
    pub frequency_penalty: Option<f32>,
    /// Added to the logits of tokens by their number, -100 to 100; at most 1,024 of them.
    #[serde(default)]
    pub logit_bias: Vec<(i32, f32)>,
    pub seed: Option<u32>,
}

/// Texts to make vectors of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Embed {
    /// A [`super::ModelInfo::id`].
    pub model: String,
    pub texts: Vec<String>,
    pub priority: Priority,
    /// As in [`Generate::lane`].
    pub lane: u64,
}
