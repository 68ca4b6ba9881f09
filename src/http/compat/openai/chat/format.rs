//! What the answer must look like: `response_format` as OpenAI has it, `grammar` as llama-server
//! has it. What is in a schema or a grammar is for the engine to judge.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::unsupported;
use crate::engine::OutputFormat;
use crate::error::{Error, Result};

#[derive(Deserialize)]
pub(super) struct ResponseFormat {
    r#type: String,
    json_schema: Option<NamedSchema>,
    /// Beside `json_object`, as llama-server takes it.
    schema: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct NamedSchema {
    schema: Option<Box<RawValue>>,
}

pub(super) fn output_format(
    format: Option<ResponseFormat>,
    grammar: Option<String>,
) -> Result<OutputFormat> {
    let grammar = grammar.filter(|grammar| !grammar.trim().is_empty());
    let format = match format {
        None => OutputFormat::Text,
        Some(format) => format.into_format()?,
    };
    match (format, grammar) {
        (OutputFormat::Text, Some(grammar)) => Ok(OutputFormat::Grammar(grammar)),
        (_, Some(_)) => Err(Error::invalid_field(
            "grammar",
            "grammar and response_format cannot both be held to",
        )),
        (format, None) => Ok(format),
    }
}

impl ResponseFormat {
    fn into_format(self) -> Result<OutputFormat> {
        let schema = self.json_schema.and_then(|named| named.schema);
        match (self.r#type.as_str(), schema.or(self.schema)) {
            ("text", _) => Ok(OutputFormat::Text),
            ("json_object", None) => Ok(OutputFormat::JsonObject),
            ("json_object" | "json_schema", Some(schema)) => {
                Ok(OutputFormat::JsonSchema(schema.get().to_owned()))
            }
            ("json_schema", None) => Err(Error::invalid_field(
                "response_format",
                "json_schema needs a schema",
            )),
            (other, _) => Err(unsupported(
                "response_format",
                &format!("the format \"{other}\""),
            )),
        }
    }
}
