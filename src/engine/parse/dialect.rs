//! Which dialect a model writes, as its chat template gives it away.
//!
//! A template shows the model its own earlier calls and thoughts, so the markers stand in it. Nothing
//! here renders a template; that is `engine/prompt`.

use serde::{Deserialize, Serialize};

use super::{deepseek, gemma, harmony, json_calls, mistral, xml_calls};

/// How a model writes what is not plain text. It travels between processes of the same program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Travelling", from = "Travelling")]
pub struct Dialect {
    pub calls: CallStyle,
    pub thought: ThoughtMarks,
}

/// A dialect with its marks by their number.
#[derive(Serialize, Deserialize)]
struct Travelling {
    calls: CallStyle,
    marks: usize,
    in_template: bool,
}

impl From<Dialect> for Travelling {
    fn from(dialect: Dialect) -> Self {
        let Dialect { calls, thought } = dialect;
        let marks = (thought.open, thought.close);
        let known = THOUGHT_MARKS.iter().position(|known| *known == marks);
        Self {
            calls,
            marks: known.unwrap_or(0),
            in_template: thought.in_template,
        }
    }
}

impl From<Travelling> for Dialect {
    fn from(travelling: Travelling) -> Self {
        let known = THOUGHT_MARKS.get(travelling.marks);
        let (open, close) = known.copied().unwrap_or(THOUGHT_MARKS[0]);
        Self {
            calls: travelling.calls,
            thought: ThoughtMarks {
                open,
                close,
                in_template: travelling.in_template,
            },
        }
    }
}

/// How a model asks for a tool to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallStyle {
    /// It was taught none: it can be told to write as Hermes does.
    Plain,
    /// `<tool_call>{"name": …, "arguments": …}</tool_call>`.
    Hermes,
    /// `<tool_call><function=name><parameter=key>value…`.
    QwenXml,
    /// `{"name": …, "parameters": …}`, also behind `<|python_tag|>`.
    Llama,
    /// `[TOOL_CALLS][{"name": …, "arguments": …}]`.
    Mistral,
    /// `[TOOL_CALLS]name[ARGS]{…}`.
    MistralArgs,
    /// `<｜tool▁calls▁begin｜>…`, with the arguments in a block of JSON.
    DeepSeekR1,
    /// `<｜tool▁calls▁begin｜>…`, with the arguments bare: V3.1.
    DeepSeek,
    /// A block of `tool_code`.
    Gemma,
    /// `<|channel|>commentary to=functions.name…`.
    Harmony,
}

/// Between what a thought stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThoughtMarks {
    pub open: &'static str,
    pub close: &'static str,
    /// Whether the template knows these markers; otherwise the model may still use them by itself.
    pub in_template: bool,
}

const THOUGHT_MARKS: [(&str, &str); 5] = [
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
];

impl Dialect {
    /// Of a model without a template, or with one that gives nothing away.
    pub const PLAIN: Self = Self {
        calls: CallStyle::Plain,
        thought: ThoughtMarks {
            open: "<think>",
            close: "</think>",
            in_template: false,
        },
    };

    /// `architecture` as the model file names it; empty when unknown.
    pub fn detect(template: &str, architecture: &str) -> Self {
        let calls = CallStyle::detect(template, architecture);
        let known = THOUGHT_MARKS
            .iter()
            .find(|(_, close)| template.contains(close));
        let thought = match known {
            Some(&(open, close)) => ThoughtMarks {
                open,
                close,
                in_template: true,
            },
            None => Self::PLAIN.thought,
        };
        Self { calls, thought }
    }

    /// The same model, told to call tools as Hermes does.
    #[must_use]
    pub fn with_hermes_calls(self) -> Self {
        Self {
            calls: CallStyle::Hermes,
            ..self
        }
    }

    /// Texts of special tokens that must reach the parser, although such tokens are otherwise not
    /// part of the text.
    pub fn preserved_texts(&self) -> Vec<&'static str> {
        let thought = [self.thought.open, self.thought.close];
        let calls: &[&str] = match self.calls {
            CallStyle::Plain => &[],
            CallStyle::Hermes => &[json_calls::TOOL_CALL, json_calls::END_OF_TOOL_CALL],
            CallStyle::QwenXml => &[
                json_calls::TOOL_CALL,
                json_calls::END_OF_TOOL_CALL,
                xml_calls::FUNCTION,
                xml_calls::END_OF_FUNCTION,
                xml_calls::PARAMETER,
                xml_calls::END_OF_PARAMETER,
            ],
            CallStyle::Llama => &[json_calls::PYTHON_TAG],
            CallStyle::Mistral | CallStyle::MistralArgs => {
                &[mistral::TOOL_CALLS, mistral::ARGS, mistral::CALL_ID]
            }
            CallStyle::DeepSeekR1 | CallStyle::DeepSeek => &[
                deepseek::CALLS,
                deepseek::END_OF_CALLS,
                deepseek::CALL,
                deepseek::END_OF_CALL,
                deepseek::SEPARATOR,
            ],
            CallStyle::Gemma => &[],
            CallStyle::Harmony => {
                return vec![
                    harmony::START,
                    harmony::CHANNEL,
                    harmony::CONSTRAIN,
                    harmony::MESSAGE,
                    harmony::END,
                    harmony::CALL,
                    harmony::RETURN,
                ];
            }
        };
        thought.iter().chain(calls).copied().collect()
    }

    /// A text with which only a call begins; once it was written, the rest may be held to the form of
    /// one. None where calls begin as other answers do.
    pub fn call_trigger(&self) -> Option<&'static str> {
        match self.calls {
            CallStyle::Plain => None,
            CallStyle::Llama => Some(json_calls::PYTHON_TAG),
            CallStyle::Harmony => Some(" to=functions."),
            calls => calls.openers().first().copied(),
        }
    }
}

impl CallStyle {
    fn detect(template: &str, architecture: &str) -> Self {
        let has = |text: &str| template.contains(text);
        if architecture == "gpt-oss" || (has(harmony::CHANNEL) && has(harmony::MESSAGE)) {
            Self::Harmony
        } else if has(mistral::TOOL_CALLS) {
            match has(mistral::ARGS) {
                true => Self::MistralArgs,
                false => Self::Mistral,
            }
        } else if has(deepseek::CALLS) {
            match has(deepseek::BLOCK) {
                true => Self::DeepSeekR1,
                false => Self::DeepSeek,
            }
        } else if has(xml_calls::FUNCTION) && has(xml_calls::PARAMETER) {
            Self::QwenXml
        } else if has(json_calls::TOOL_CALL) && !has("<arg_key>") {
            Self::Hermes
        } else if has(json_calls::PYTHON_TAG) || has("ipython") {
            Self::Llama
        } else if has("tool_code") {
            Self::Gemma
        } else {
            Self::Plain
        }
    }

    /// The markers calls begin with.
    pub(super) fn openers(self) -> &'static [&'static str] {
        match self {
            Self::Plain | Self::Harmony => &[],
            Self::Hermes => &[json_calls::TOOL_CALL],
            Self::QwenXml => &[json_calls::TOOL_CALL, xml_calls::FUNCTION],
            Self::Llama => &[json_calls::PYTHON_TAG],
            Self::Mistral | Self::MistralArgs => &[mistral::TOOL_CALLS],
            Self::DeepSeekR1 | Self::DeepSeek => &[deepseek::CALLS, deepseek::CALL],
            Self::Gemma => &[gemma::TOOL_CODE, gemma::JSON],
        }
    }

    /// Whether a reply may be a call without any marker.
    pub(super) fn may_be_bare(self) -> bool {
        matches!(self, Self::Hermes | Self::Llama | Self::Gemma)
    }
}
