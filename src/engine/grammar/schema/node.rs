//! A place in a schema, and which keywords may stand there.
//!
//! What restricts and cannot be said in a grammar is refused by name; what only describes is passed
//! over. A keyword that nobody knows describes, as JSON Schema has it.

use super::super::GrammarError;
use super::super::json::{Json, escape_step};

/// A part of a schema with its place.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    /// A JSON pointer without its leading `#`.
    pub(super) at: String,
    pub(super) json: &'a Json,
}

/// Keywords that restrict and are not supported.
const REFUSED: &[&str] = &[
    "$dynamicRef",
    "$recursiveRef",
    "contains",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "disallow",
    "divisibleBy",
    "extends",
    "if",
    "maxContains",
    "minContains",
    "multipleOf",
    "not",
    "patternProperties",
    "propertyNames",
    "unevaluatedItems",
    "uniqueItems",
];

impl<'a> Node<'a> {
    /// The place, as an error names it.
    pub(super) fn place(&self) -> String {
        format!("#{}", self.at)
    }

    pub(super) fn refuse<T>(&self, reason: impl Into<String>) -> Result<T, GrammarError> {
        Err(GrammarError::new(self.place(), reason))
    }

    /// The keyword's value; None where it is not there.
    pub(super) fn keyword(&self, name: &str) -> Option<Self> {
        self.json.get(name).map(|json| self.child(name, json))
    }

    pub(super) fn child(&self, step: &str, json: &'a Json) -> Self {
        Self {
            at: format!("{}/{}", self.at, escape_step(step)),
            json,
        }
    }

    pub(super) fn items(&self) -> Result<Vec<Self>, GrammarError> {
        let Json::Array(items) = self.json else {
            return self.refuse("this must be an array");
        };
        let numbered = items.iter().enumerate();
        Ok(numbered
            .map(|(index, json)| self.child(&index.to_string(), json))
            .collect())
    }

    pub(super) fn members(&self) -> Result<Vec<(&'a str, Self)>, GrammarError> {
        let Json::Object(members) = self.json else {
            return self.refuse("this must be an object");
        };
        let named = members.iter();
        Ok(named
            .map(|(name, json)| (name.as_str(), self.child(name, json)))
            .collect())
    }

    pub(super) fn text(&self) -> Result<&'a str, GrammarError> {
        match self.json {
            Json::Text(text) => Ok(text),
            _ => self.refuse("this must be a string"),
        }
    }

    pub(super) fn count(&self) -> Result<u64, GrammarError> {
        let number = match self.json {
            Json::Number(number) => number.as_u64().or_else(|| {
                let whole = number
                    .as_f64()
                    .filter(|it| it.fract() == 0.0 && (0.0..1e15).contains(it));
                whole.map(|it| it as u64)
            }),
            _ => None,
        };
        number.map_or_else(
            || self.refuse("this must be a whole number that is not negative"),
            Ok,
        )
    }

    pub(super) fn number(&self) -> Result<f64, GrammarError> {
        let number = match self.json {
            Json::Number(number) => number.as_f64(),
            _ => None,
        };
        number.map_or_else(|| self.refuse("this must be a number"), Ok)
    }

    /// True for a schema that restricts nothing.
    pub(super) fn permits_all(&self) -> bool {
        match self.json {
            Json::Bool(value) => *value,
            Json::Object(members) => members.is_empty(),
            _ => false,
        }
    }

    /// Refuses what restricts and is not supported.
    pub(super) fn refuse_unsupported(&self) -> Result<(), GrammarError> {
        for name in REFUSED {
            let Some(node) = self.keyword(name) else {
                continue;
            };
            let harmless = match *name {
                "uniqueItems" => *node.json == Json::Bool(false),
                "unevaluatedItems" | "propertyNames" | "contains" => {
                    node.permits_all() && *name != "contains"
                }
                "patternProperties" | "dependentSchemas" | "dependentRequired" | "dependencies" => {
                    *node.json == Json::Object(Vec::new())
                }
                // They mean something only beside `contains`, which is refused itself.
                "minContains" | "maxContains" => true,
                _ => false,
            };
            if !harmless {
                return node.refuse(format!("the keyword \"{name}\" is not supported"));
            }
        }
        Ok(())
    }
}
