//! What a call must look like in each dialect, for whoever holds a model to it.
//!
//! Pure data: literal texts and JSON schemas. A grammar made of it admits
//! `before item (separator item)* after`, with one item where calls may not be parallel.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::dialect::{CallStyle, Dialect};
use crate::engine::request::{Tool, ToolChoice};

/// The form of the calls of one reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFormat {
    pub before: String,
    /// Any of these.
    pub items: Vec<CallItem>,
    /// None: only one call.
    pub separator: Option<String>,
    pub after: String,
}

/// A call of one tool: `before body after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallItem {
    pub before: String,
    pub body: CallBody,
    pub after: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallBody {
    /// JSON of this schema, as text.
    Json(String),
    /// Each of these in this order, those that are not required also left out.
    Xml(Vec<XmlParameter>),
}

/// `before value after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlParameter {
    pub before: String,
    /// JSON schema of the value, as text; None: any text that does not hold `after`.
    pub schema: Option<String>,
    pub after: String,
    pub is_required: bool,
}

impl Dialect {
    /// The form of calls of what `choice` allows; None where nothing may be called.
    pub fn tool_call_schema(
        &self,
        tools: &[Tool],
        choice: &ToolChoice,
        parallel: bool,
    ) -> Option<CallFormat> {
        let allowed = |tool: &&Tool| match choice {
            ToolChoice::None => false,
            ToolChoice::Named(name) => tool.name == *name,
            ToolChoice::Auto | ToolChoice::Required => true,
        };
        let items: Vec<CallItem> = tools
            .iter()
            .filter(allowed)
            .map(|tool| self.calls.item(tool))
            .collect();
        if items.is_empty() {
            return None;
        }
        let (before, separator, after) = self.calls.surroundings();
        let separator = separator.filter(|_| parallel);
        Some(CallFormat {
            before: before.to_owned(),
            items,
            separator: separator.map(str::to_owned),
            after: after.to_owned(),
        })
    }
}

impl CallStyle {
    fn surroundings(self) -> (&'static str, Option<&'static str>, &'static str) {
        match self {
            Self::Plain | Self::Hermes | Self::QwenXml => ("", Some("\n"), ""),
            Self::Llama => ("", Some("; "), ""),
            Self::Mistral => ("[TOOL_CALLS][", Some(", "), "]"),
            Self::MistralArgs => ("", Some(""), ""),
            Self::DeepSeekR1 => ("<｜tool▁calls▁begin｜>", Some("\n"), "<｜tool▁calls▁end｜>"),
            Self::DeepSeek => ("<｜tool▁calls▁begin｜>", Some(""), "<｜tool▁calls▁end｜>"),
            Self::Gemma => ("```tool_code\n[", Some(", "), "]\n```"),
            // The token that ends a call ends the turn.
            Self::Harmony => ("", None, ""),
        }
    }

    fn item(self, tool: &Tool) -> CallItem {
        let name = &tool.name;
        let (before, after) = match self {
            Self::Plain | Self::Hermes => ("<tool_call>\n".into(), "\n</tool_call>"),
            Self::Llama | Self::Mistral | Self::Gemma => (String::new(), ""),
            Self::QwenXml => (
                format!("<tool_call>\n<function={name}>\n"),
                "</function>\n</tool_call>",
            ),
            Self::MistralArgs => (format!("[TOOL_CALLS]{name}[ARGS]"), ""),
            Self::DeepSeekR1 => (
                format!("<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n"),
                "\n```<｜tool▁call▁end｜>",
            ),
            Self::DeepSeek => (
                format!("<｜tool▁call▁begin｜>{name}<｜tool▁sep｜>"),
                "<｜tool▁call▁end｜>",
            ),
            Self::Harmony => (
                format!("<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>"),
                "",
            ),
        };
        let body = match self {
            Self::QwenXml => CallBody::Xml(xml_parameters(tool)),
            Self::Plain | Self::Hermes | Self::Mistral => named_object(tool, "arguments"),
            Self::Llama | Self::Gemma => named_object(tool, "parameters"),
            _ => CallBody::Json(parameters_of(tool).to_owned()),
        };
        CallItem {
            before,
            body,
            after: after.into(),
        }
    }
}

/// A tool that says nothing of its parameters takes any object.
fn parameters_of(tool: &Tool) -> &str {
    let says_something = serde_json::from_str::<Map<String, Value>>(&tool.parameters)
        .is_ok_and(|parameters| !parameters.is_empty());
    match says_something {
        true => &tool.parameters,
        false => r#"{"type": "object"}"#,
    }
}

/// References within the parameters are written from their root, so what they name moves up.
#[derive(Deserialize)]
struct Definitions<'a> {
    #[serde(borrow, rename = "$defs")]
    defs: Option<&'a RawValue>,
    #[serde(borrow)]
    definitions: Option<&'a RawValue>,
}

/// The order of a schema's properties is that in which a model writes them: the name comes first.
fn named_object(tool: &Tool, arguments: &str) -> CallBody {
    let (name, parameters) = (Value::from(tool.name.as_str()), parameters_of(tool));
    let mut schema = format!(
        r#"{{"type": "object", "properties": {{"name": {{"const": {name}}}, "{arguments}": {parameters}}}, "required": ["name", "{arguments}"], "additionalProperties": false"#
    );
    if let Ok(found) = serde_json::from_str::<Definitions<'_>>(parameters) {
        for (key, definitions) in [("$defs", found.defs), ("definitions", found.definitions)] {
            if let Some(definitions) = definitions {
                schema.push_str(&format!(r#", "{key}": {definitions}"#));
            }
        }
    }
    CallBody::Json(schema + "}")
}

fn xml_parameters(tool: &Tool) -> Vec<XmlParameter> {
    let Ok(parameters) = serde_json::from_str::<Parameters<'_>>(parameters_of(tool)) else {
        return Vec::new();
    };
    let properties = parameters.properties.0.into_iter();
    properties
        .map(|(key, property)| {
            let kind = serde_json::from_str::<Value>(property.get()).unwrap_or_default();
            XmlParameter {
                before: format!("<parameter={key}>\n"),
                schema: (kind["type"] != "string").then(|| property.get().to_owned()),
                after: "\n</parameter>\n".into(),
                is_required: parameters.required.contains(&key),
            }
        })
        .collect()
}

#[derive(Deserialize)]
struct Parameters<'a> {
    #[serde(borrow, default)]
    properties: InOrder<'a>,
    #[serde(default)]
    required: Vec<String>,
}

/// The entries of an object as they are written.
#[derive(Default)]
struct InOrder<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for InOrder<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = InOrder<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(InOrder(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
#[path = "call_format_tests.rs"]
mod call_format_tests;
