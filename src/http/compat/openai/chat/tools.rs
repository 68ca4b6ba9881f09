//! The tools of a chat completion, and which of them may or must be called.
//! Schemas pass through as they are written; the engine judges them.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::unsupported;
use crate::engine::{Tool, ToolChoice};
use crate::error::{Error, Result};

#[derive(Deserialize)]
pub(super) struct InputTool {
    r#type: String,
    function: Option<InputFunction>,
}

/// `strict` is held to wherever a call is held to a form at all.
#[derive(Deserialize)]
struct InputFunction {
    name: String,
    description: Option<String>,
    parameters: Option<Box<RawValue>>,
}

impl InputTool {
    pub(super) fn into_tool(self) -> Result<Tool> {
        let function = match (self.r#type.as_str(), self.function) {
            ("function", Some(function)) => function,
            ("function", None) => {
                return Err(Error::invalid_field("tools", "a tool has no function"));
            }
            (other, _) => return Err(unsupported("tools", &format!("a tool of type \"{other}\""))),
        };
        let parameters = match function.parameters.as_deref().map(RawValue::get) {
            None | Some("null") => "{}".to_owned(),
            Some(parameters) => parameters.to_owned(),
        };
        if !parameters.starts_with('{') {
            return Err(Error::invalid_field(
                "tools",
                "a function's parameters are a JSON schema",
            ));
        }
        Ok(Tool {
            name: function.name,
            description: function.description.unwrap_or_default(),
            parameters,
        })
    }
}

/// The tools that may be called, and the choice among them.
pub(super) fn tool_choice(
    choice: Option<Value>,
    tools: Vec<Tool>,
) -> Result<(Vec<Tool>, ToolChoice)> {
    let wrong = || {
        Error::invalid_field(
            "tool_choice",
            "tool_choice is none, auto, required, or names a function of tools",
        )
    };
    let Some(choice) = choice.filter(|choice| !choice.is_null()) else {
        return Ok((tools, ToolChoice::Auto));
    };
    if let Some(mode) = choice.as_str() {
        let choice = mode_of(mode, &tools).ok_or_else(wrong)?;
        return Ok((tools, choice));
    }
    let name_in = |value: &Value| value["function"]["name"].as_str().map(str::to_owned);
    match choice["type"].as_str() {
        Some("function") => {
            let name = name_in(&choice).ok_or_else(wrong)?;
            let is_there = tools.iter().any(|tool| tool.name == name);
            is_there
                .then_some((tools, ToolChoice::Named(name)))
                .ok_or_else(wrong)
        }
        Some("allowed_tools") => {
            let allowed = &choice["allowed_tools"];
            let names = allowed["tools"].as_array().ok_or_else(wrong)?;
            let names: Vec<String> = names.iter().filter_map(name_in).collect();
            let tools: Vec<Tool> = tools
                .into_iter()
                .filter(|tool| names.contains(&tool.name))
                .collect();
            let mode = allowed["mode"].as_str().unwrap_or("auto");
            let choice = mode_of(mode, &tools).ok_or_else(wrong)?;
            Ok((tools, choice))
        }
        _ => Err(wrong()),
    }
}

fn mode_of(mode: &str, tools: &[Tool]) -> Option<ToolChoice> {
    match mode {
        "none" => Some(ToolChoice::None),
        "auto" => Some(ToolChoice::Auto),
        "required" if !tools.is_empty() => Some(ToolChoice::Required),
        _ => None,
    }
}
