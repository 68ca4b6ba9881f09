//! Grammars for calls of tools, in whatever form a model's template has for them.
//!
//! A form is literal text around arguments that a schema describes; which text that is, the caller
//! knows. Called by whoever knows the template's dialect.

use std::fmt::Write;

use super::super::EngineError;
use super::GrammarError;
use super::json::{Json, spell_text};
use super::literals::{Rules, quote};
use super::schema::{Translation, checked, read_schema};

/// Functions of one request.
const MAX_CALLS: usize = 128;
/// Calls in a row.
const MAX_IN_A_ROW: u32 = 64;

/// What a model may write to call functions: `before`, one call or several, `after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallGrammar {
    pub before: String,
    /// The functions that may be called, each in its form; at least one, at most 128.
    pub calls: Vec<CallShape>,
    /// What stands between two calls; None where there may be only one.
    pub between: Option<String>,
    pub after: String,
    /// Calls in a row where several may come, 1 to 64.
    pub max_calls: u32,
}

/// One function's call: `before`, its arguments as JSON, `after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallShape {
    /// The function's name, as errors say it.
    pub name: String,
    pub before: String,
    /// The JSON schema of the arguments as text; empty for a function without any.
    pub arguments: String,
    pub after: String,
}

impl CallShape {
    /// `{"name": "add", "arguments": {…}}`, under the two keys that the model uses.
    pub fn json_object(name_key: &str, name: &str, arguments_key: &str, arguments: &str) -> Self {
        Self {
            name: name.to_owned(),
            before: format!(
                "{{{}: {}, {}: ",
                spell_text(name_key),
                spell_text(name),
                spell_text(arguments_key)
            ),
            arguments: arguments.to_owned(),
            after: "}".to_owned(),
        }
    }

    /// The same call inside literal text, e.g. between tags.
    pub fn within(self, before: &str, after: &str) -> Self {
        Self {
            before: format!("{before}{}", self.before),
            after: format!("{}{after}", self.after),
            ..self
        }
    }
}

/// The grammar of such calls. A schema that cannot be one is an error that names the function and the
/// place in its schema.
pub fn grammar_of_calls(calls: &CallGrammar) -> Result<String, EngineError> {
    make(calls).map_err(|error| error.of("tools"))
}

fn make(calls: &CallGrammar) -> Result<String, GrammarError> {
    let count = calls.calls.len();
    if count == 0 || count > MAX_CALLS {
        let reason = format!("between 1 and {MAX_CALLS} functions can be offered");
        return Err(GrammarError::new("#", reason));
    }
    let mut rules = Rules::default();
    let mut alternatives = Vec::new();
    for call in &calls.calls {
        let nothing = r#"{"type": "object", "additionalProperties": false}"#;
        let text = if call.arguments.trim().is_empty() {
            nothing
        } else {
            &call.arguments
        };
        rules.origin = format!("\"{}\", ", call.name);
        let origin = rules.origin.clone();
        let in_call = |error: GrammarError| GrammarError {
            at: format!("{origin}{}", error.at),
            ..error
        };
        let schema = as_object(read_schema(text).map_err(in_call)?);
        let mut translation = Translation::new(&schema, rules);
        let arguments = translation.value().map_err(in_call)?;
        rules = translation.rules;
        let (before, after) = (quote(&call.before), quote(&call.after));
        alternatives.push(format!("{before} {arguments} {after}"));
    }
    rules.origin.clear();
    let call = rules.add(alternatives.join(" | "), "#")?;
    let mut body = format!("{} {call}", quote(&calls.before));
    if let Some(between) = &calls.between
        && calls.max_calls > 1
    {
        let more = rules.add(format!("{} {call}", quote(between)), "#")?;
        let most = calls.max_calls.min(MAX_IN_A_ROW) - 1;
        let _ = write!(body, " {more}{{0,{most}}}");
    }
    let _ = write!(body, " {}", quote(&calls.after));
    let root = rules.add(body, "#")?;
    checked(rules, &root)
}

/// Arguments are always an object, also where a schema does not say so.
fn as_object(schema: Json) -> Json {
    match schema {
        Json::Object(mut members)
            if members
                .iter()
                .all(|(name, _)| name != "type" && name != "$ref") =>
        {
            members.push(("type".into(), Json::Text("object".into())));
            Json::Object(members)
        }
        other => other,
    }
}
