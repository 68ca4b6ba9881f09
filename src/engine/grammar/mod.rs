//! What a text may look like, as a grammar that llama.cpp's sampler follows.
//!
//! JSON schemas, calls of tools and people's own grammars all end as GBNF that was checked here, in
//! Rust: nothing that would hang llama.cpp, end its process or take its memory gets through. What a
//! grammar allows always satisfies the schema it was made of (see `schema` for the two exceptions);
//! what cannot be said in a grammar is refused with its place. Pure; called by `engine::validity`
//! before anything is queued, and by whoever sets up the sampler.

mod gbnf;
mod json;
mod literals;
mod schema;
mod tools;

#[cfg(test)]
mod matcher_tests;
#[cfg(test)]
mod tools_tests;

use std::fmt;

pub use self::tools::{CallGrammar, CallShape, grammar_of_calls};
use super::{EngineError, OutputFormat};

/// The grammar a reply must follow; None where it may be any text.
pub fn grammar_of(format: &OutputFormat) -> Result<Option<String>, EngineError> {
    match format {
        OutputFormat::Text => Ok(None),
        OutputFormat::JsonObject => Ok(Some(schema::any_object())),
        OutputFormat::JsonSchema(text) => schema::grammar_of_schema(text)
            .map(Some)
            .map_err(|error| error.of("response_format")),
        OutputFormat::Grammar(text) => gbnf::check(text, gbnf::MAX_BYTES)
            .map(|_| Some(text.clone()))
            .map_err(|error| error.of("grammar")),
    }
}

/// Why no grammar was made, in words for whoever made the request.
#[derive(Debug, Clone, PartialEq, Eq)]
struct GrammarError {
    /// A JSON pointer into the schema, `#` for all of it; or line and column.
    at: String,
    reason: String,
    /// Nothing satisfies this part of a schema: where there are alternatives, it falls away.
    permits_nothing: bool,
    /// Of a grammar's text, from 1; 0 where the place is none in a grammar.
    line: usize,
}

impl GrammarError {
    fn new(at: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            reason: reason.into(),
            permits_nothing: false,
            line: 0,
        }
    }

    /// Says the place in `text` as a person counts.
    fn at_offset(text: &str, offset: usize, reason: impl Into<String>) -> Self {
        let before = &text[..offset];
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        Self {
            line,
            ..Self::new(format!("line {line}, column {column}"), reason)
        }
    }

    fn of(self, field: &str) -> EngineError {
        EngineError::InvalidField {
            field: field.to_owned(),
            reason: self.to_string(),
        }
    }
}

impl std::error::Error for GrammarError {}

impl fmt::Display for GrammarError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at {}: {}", self.at, self.reason)
    }
}
