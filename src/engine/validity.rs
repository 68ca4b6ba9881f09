//! Is a request one that an engine may work on? Asked before anything is queued.
//!
//! Every number is checked here, in Rust: llama.cpp answers a wrong one by ending its process.

use std::ops::RangeInclusive;

use super::grammar::grammar_of;
use super::{AdapterUse, Embed, EngineError, Generate, Sampling, ToolChoice};

const MAX_STOPS: usize = 16;
const MAX_STOP_BYTES: usize = 256;
// No range contains NaN.
const TEMPERATURE: RangeInclusive<f32> = 0.0..=2.0;
const TOP_K: RangeInclusive<u32> = 0..=1000;
const TOP_P: RangeInclusive<f32> = f32::MIN_POSITIVE..=1.0;
const MIN_P: RangeInclusive<f32> = 0.0..=1.0;
const REPEAT_PENALTY: RangeInclusive<f32> = 0.5..=2.0;
const ADDED_PENALTY: RangeInclusive<f32> = -2.0..=2.0;
const LOGIT_BIAS: RangeInclusive<f32> = -100.0..=100.0;
const MAX_BIASES: usize = 1024;
/// How strongly an adapter may be used.
pub const ADAPTER_SCALE: RangeInclusive<f32> = -4.0..=4.0;
/// How many may be used together.
pub const MAX_ADAPTERS: usize = 8;
const MAX_CHANCES: u32 = 20;
const MAX_TEXTS: usize = 2048;
const MAX_TOOLS: usize = 128;
const MAX_TOOL_NAME_BYTES: usize = 64;

/// The error is a sentence for whoever made the request.
pub(super) fn check(request: &Generate) -> Result<(), EngineError> {
    check_sampling(&request.sampling)?;
    match (&request.raw_prompt, request.messages.is_empty()) {
        (None, true) => return invalid("there is no message to answer"),
        (Some(_), false) => return invalid("there is a prompt beside the messages"),
        (Some(_), true) if !request.tools.is_empty() => {
            return invalid("a prompt without messages takes no tools");
        }
        _ => {}
    }
    check_tools(request)?;
    if request.max_tokens == Some(0) {
        return invalid("max_tokens must be at least 1");
    }
    if request.stop.len() > MAX_STOPS {
        return invalid("there may be at most 16 stop strings");
    }
    if request
        .stop
        .iter()
        .any(|stop| stop.is_empty() || stop.len() > MAX_STOP_BYTES)
    {
        return invalid("a stop string must have between 1 and 256 bytes");
    }
    if request.chances > Some(MAX_CHANCES) {
        return invalid("at most 20 likeliest tokens can be told");
    }
    check_adapters(&request.adapters)?;
    grammar_of(&request.format).map(drop)
}

/// The error is a sentence for whoever made the request.
pub(super) fn check_embed(request: &Embed) -> Result<(), EngineError> {
    if request.texts.is_empty() || request.texts.len() > MAX_TEXTS {
        return invalid("there must be between 1 and 2048 texts");
    }
    if request.texts.iter().any(String::is_empty) {
        return invalid("an empty text has no vector");
    }
    Ok(())
}

fn check_tools(request: &Generate) -> Result<(), EngineError> {
    let tools = &request.tools;
    if tools.len() > MAX_TOOLS {
        return invalid("there may be at most 128 tools");
    }
    let is_name = |name: &str| {
        let within = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        (1..=MAX_TOOL_NAME_BYTES).contains(&name.len()) && name.bytes().all(within)
    };
    if !tools.iter().all(|tool| is_name(&tool.name)) {
        return invalid("a tool's name has 1 to 64 letters, digits, _, - or .");
    }
    for (index, tool) in tools.iter().enumerate() {
        if tools[..index].iter().any(|other| other.name == tool.name) {
            return invalid("two tools have the same name");
        }
    }
    let must_call = match &request.tool_choice {
        ToolChoice::Auto | ToolChoice::None => return Ok(()),
        ToolChoice::Required => !tools.is_empty(),
        ToolChoice::Named(name) => tools.iter().any(|tool| tool.name == *name),
    };
    match must_call {
        true => Ok(()),
        false => invalid("tool_choice names a tool that is not there"),
    }
}

fn check_adapters(adapters: &[AdapterUse]) -> Result<(), EngineError> {
    if adapters.len() > MAX_ADAPTERS {
        return invalid("at most 8 adapters can be used together");
    }
    for (index, adapter) in adapters.iter().enumerate() {
        if !ADAPTER_SCALE.contains(&adapter.scale) {
            return invalid("the scale of an adapter must be between -4 and 4");
        }
        if adapters[..index].iter().any(|other| other.id == adapter.id) {
            return invalid("an adapter is named twice");
        }
    }
    Ok(())
}

impl Sampling {
    /// The error is a sentence for whoever made the request.
    pub fn validate(&self) -> Result<(), EngineError> {
        check_sampling(self)
    }
}

fn check_sampling(sampling: &Sampling) -> Result<(), EngineError> {
    let Sampling {
        temperature,
        top_k,
        top_p,
        min_p,
        repeat_penalty,
        presence_penalty,
        frequency_penalty,
        seed: _,
        logit_bias: _,
    } = *sampling;
    if !within(temperature, &TEMPERATURE) {
        return invalid("temperature must be between 0 and 2");
    }
    if !within(top_k, &TOP_K) {
        return invalid("top_k must be between 0 and 1000");
    }
    if !within(top_p, &TOP_P) {
        return invalid("top_p must be above 0 and at most 1");
    }
    if !within(min_p, &MIN_P) {
        return invalid("min_p must be between 0 and 1");
    }
    if !within(repeat_penalty, &REPEAT_PENALTY) {
        return invalid("repeat_penalty must be between 0.5 and 2");
    }
    if !within(presence_penalty, &ADDED_PENALTY) || !within(frequency_penalty, &ADDED_PENALTY) {
        return invalid("presence_penalty and frequency_penalty must be between -2 and 2");
    }
    if sampling.logit_bias.len() > MAX_BIASES {
        return invalid("logit_bias may name at most 1024 tokens");
    }
    let valid = |&(token, bias): &(i32, f32)| token >= 0 && LOGIT_BIAS.contains(&bias);
    if !sampling.logit_bias.iter().all(valid) {
        return invalid("logit_bias must give numbers of tokens values between -100 and 100");
    }
    Ok(())
}

fn within<T: PartialOrd>(value: Option<T>, valid: &RangeInclusive<T>) -> bool {
    value.is_none_or(|value| valid.contains(&value))
}

/// `wanted`, else what the model `recommends` where that is a valid number, else the default.
#[cfg(any(feature = "llama", test))]
pub(super) fn resolve(wanted: &Sampling, recommends: &Sampling) -> Sampling {
    fn choose<T: PartialOrd>(
        wanted: Option<T>,
        recommended: Option<T>,
        valid: &RangeInclusive<T>,
        default: T,
    ) -> Option<T> {
        let recommended = recommended.filter(|value| valid.contains(value));
        wanted.or(recommended).or(Some(default))
    }
    Sampling {
        temperature: choose(
            wanted.temperature,
            recommends.temperature,
            &TEMPERATURE,
            0.7,
        ),
        top_k: choose(wanted.top_k, recommends.top_k, &TOP_K, 40),
        top_p: choose(wanted.top_p, recommends.top_p, &TOP_P, 0.95),
        min_p: choose(wanted.min_p, recommends.min_p, &MIN_P, 0.05),
        repeat_penalty: choose(
            wanted.repeat_penalty,
            recommends.repeat_penalty,
            &REPEAT_PENALTY,
            1.0,
        ),
        ..wanted.clone()
    }
}

fn invalid<T>(sentence: &str) -> Result<T, EngineError> {
    Err(EngineError::InvalidRequest(sentence.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::OutputFormat;

    fn request(sampling: Sampling) -> Generate {
        let message = crate::engine::ChatMessage::new(crate::engine::Role::User, "hi");
        Generate {
            sampling,
            ..Generate::new("m", vec![message])
        }
    }

    #[test]
    fn absurd_numbers_are_refused() {
        let none = Sampling::default;
        for bad in [
            Sampling {
                temperature: Some(f32::NAN),
                ..none()
            },
            Sampling {
                temperature: Some(-0.1),
                ..none()
            },
            Sampling {
                temperature: Some(f32::INFINITY),
                ..none()
            },
            Sampling {
                top_k: Some(1001),
                ..none()
            },
            Sampling {
                top_p: Some(0.0),
                ..none()
            },
            Sampling {
                top_p: Some(f32::NAN),
                ..none()
            },
            Sampling {
                min_p: Some(1.5),
                ..none()
            },
            Sampling {
                repeat_penalty: Some(0.0),
                ..none()
            },
        ] {
            assert!(matches!(
                check(&request(bad)),
                Err(EngineError::InvalidRequest(_))
            ));
        }
        assert!(
            check(&request(Sampling {
                temperature: Some(0.0),
                top_k: Some(0),
                ..none()
            }))
            .is_ok()
        );
    }

    #[test]
    fn a_format_that_no_grammar_says_is_refused_by_its_field() {
        let refused = |format: OutputFormat| {
            let request = Generate {
                format,
                ..request(Sampling::default())
            };
            match check(&request) {
                Ok(()) => None,
                Err(EngineError::InvalidField { field, reason }) => Some((field, reason)),
                Err(other) => panic!("{other}"),
            }
        };
        let schema = |text: &str| refused(OutputFormat::JsonSchema(text.into()));
        assert_eq!(refused(OutputFormat::Text), None);
        assert_eq!(refused(OutputFormat::JsonObject), None);
        assert_eq!(schema(r#"{"type":"object"}"#), None);
        let (field, reason) = schema(r#"{"items":{"not":{}}}"#).unwrap();
        assert_eq!(field, "response_format");
        assert!(reason.starts_with("at #/items/not: "), "{reason}");
        assert_eq!(
            refused(OutputFormat::Grammar("root ::= \"a\"".into())),
            None
        );
        let (field, reason) = refused(OutputFormat::Grammar("root ::= a".into())).unwrap();
        assert_eq!(field, "grammar");
        assert!(reason.starts_with("at line 1, column 10: "), "{reason}");
    }

    #[test]
    fn a_wish_goes_before_the_models_recommendation_and_nonsense_is_not_followed() {
        let wanted = Sampling {
            top_k: Some(3),
            ..Sampling::default()
        };
        let recommends = Sampling {
            top_k: Some(20),
            temperature: Some(0.6),
            top_p: Some(f32::NAN),
            ..Sampling::default()
        };
        let resolved = resolve(&wanted, &recommends);
        assert_eq!(resolved.top_k, Some(3));
        assert_eq!(resolved.temperature, Some(0.6));
        assert_eq!(resolved.top_p, Some(0.95));
    }
}
