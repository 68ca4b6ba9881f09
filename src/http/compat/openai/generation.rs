//! What both kinds of completion may ask: how the next token is chosen, when to end, how soon.
//!
//! OpenAI's own fields, and those that llama-server adds to them. Ranges are checked by the engine.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::answers::Answering;
use super::unsupported;
use crate::engine::{Generate, Priority, Sampling};
use crate::error::{Error, Result};
use crate::models::AdapterChoice;

pub(super) const MAX_ANSWERS: u32 = 8;

#[derive(Deserialize)]
pub(super) struct GenerationFields {
    model: Option<String>,
    #[serde(default)]
    pub(super) stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    top_k: Option<u32>,
    min_p: Option<f32>,
    repeat_penalty: Option<f32>,
    presence_penalty: Option<f32>,
    frequency_penalty: Option<f32>,
    logit_bias: Option<BTreeMap<String, f32>>,
    seed: Option<i64>,
    stop: Option<OneOrMany>,
    n: Option<u32>,
    /// Adapters, as llama-server names and takes them.
    #[serde(alias = "adapters")]
    lora: Option<Vec<Lora>>,
    cache_prompt: Option<bool>,
    ignore_eos: Option<bool>,
    priority: Option<String>,
    service_tier: Option<String>,
    store: Option<bool>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct Lora {
    id: Value,
    scale: Option<f32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// Asks for nothing: absent, null, or empty.
pub(super) fn is_neutral(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Bool(true) | Value::Number(_)) => false,
    }
}

impl GenerationFields {
    pub(super) fn streams(&self) -> bool {
        self.stream == Some(true)
    }

    pub(super) fn include_usage(&self) -> bool {
        let options = self.stream_options.as_ref();
        options.is_some_and(|options| options.include_usage == Some(true))
    }

    /// How many answers are wanted.
    pub(super) fn answers(&self) -> Result<u32> {
        match self.n.unwrap_or(1) {
            n @ 1..=MAX_ANSWERS => Ok(n),
            _ => Err(Error::invalid_field(
                "n",
                format!("n must be between 1 and {MAX_ANSWERS}"),
            )),
        }
    }

    /// What is to answer; an empty name of a model is none.
    pub(super) fn answering(&self) -> Result<Answering> {
        let adapters = self.lora.iter().flatten();
        Ok(Answering {
            model: self.model.clone().filter(|model| !model.is_empty()),
            adapters: adapters.map(Lora::to_choice).collect::<Result<_>>()?,
            streams: self.streams(),
        })
    }

    /// Takes over into `generate` what is asked here.
    pub(super) fn apply(self, generate: &mut Generate) -> Result<()> {
        if self.store == Some(true) {
            return Err(unsupported("store", "keeping completions"));
        }
        generate.priority = priority(self.priority.as_deref(), self.service_tier.as_deref())?;
        generate.sampling = Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repeat_penalty: self.repeat_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            logit_bias: logit_bias(self.logit_bias.unwrap_or_default())?,
            // Clients send any 64-bit number; the low half is as good a seed.
            seed: self.seed.map(|seed| (seed & 0xffff_ffff) as u32),
        };
        generate.stop = self.stop.map(OneOrMany::into_vec).unwrap_or_default();
        generate.reuse_prefix = self.cache_prompt.unwrap_or(true);
        generate.ignore_end = self.ignore_eos.unwrap_or(false);
        Ok(())
    }
}

pub(super) fn priority(priority: Option<&str>, tier: Option<&str>) -> Result<Priority> {
    match priority {
        Some("batch") => return Ok(Priority::Batch),
        Some("interactive") => return Ok(Priority::Interactive),
        Some(_) => {
            return Err(Error::invalid_field(
                "priority",
                "priority is \"interactive\" or \"batch\"",
            ));
        }
        None => {}
    }
    match tier {
        None | Some("auto" | "default" | "priority") => Ok(Priority::Interactive),
        Some("flex") => Ok(Priority::Batch),
        Some(other) => Err(unsupported(
            "service_tier",
            &format!("the service tier \"{other}\""),
        )),
    }
}

fn logit_bias(by_token: BTreeMap<String, f32>) -> Result<Vec<(i32, f32)>> {
    let parse = |(token, bias): (String, f32)| match token.parse() {
        Ok(token) => Ok((token, bias)),
        Err(_) => Err(Error::invalid_field(
            "logit_bias",
            "logit_bias names tokens by their numbers",
        )),
    };
    by_token.into_iter().map(parse).collect()
}

impl Lora {
    fn to_choice(&self) -> Result<AdapterChoice> {
        let id = match &self.id {
            Value::String(id) => id.clone(),
            Value::Number(number) => number.to_string(),
            _ => {
                return Err(Error::invalid_field(
                    "lora",
                    "lora is a list of {id, scale}",
                ));
            }
        };
        Ok(AdapterChoice {
            id,
            scale: self.scale,
        })
    }
}
