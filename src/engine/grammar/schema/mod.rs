//! From a JSON schema to a grammar: whatever the grammar allows, the schema permits.
//!
//! The grammar may be narrower than the schema: properties come in their declared order, objects
//! and tuples are closed unless they say otherwise, integers have at most 15 digits unless their
//! bounds have more, blanks are bounded, a value of a list is spelled one way. It is wider in two
//! places: `oneOf` is read as `anyOf`, and a `format` that is not known only describes. What can be
//! said in no grammar is refused with its place. Called by the room's `mod.rs` and by `tools`.

mod array;
mod facts;
mod node;
mod number;
mod object;
mod pattern;
mod text;
mod types;

#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod refusal_tests;
#[cfg(test)]
mod satisfies_tests;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod structure_tests;

use std::collections::HashMap;

use self::facts::{Facts, Gatherer};
use self::node::Node;
use self::types::Type;
use super::GrammarError;
use super::gbnf;
use super::json::Json;
use super::literals::{Rules, quote, ranges_of};

/// Bytes of a schema's text.
const MAX_BYTES: usize = 64 * 1024;

/// A grammar for any JSON object.
pub(super) fn any_object() -> String {
    let mut rules = Rules::default();
    let root = rules.standing("object");
    rules.finish(root).0
}

/// A grammar for the JSON that a schema describes.
pub(super) fn grammar_of_schema(text: &str) -> Result<String, GrammarError> {
    let json = read_schema(text)?;
    let mut translation = Translation::new(&json, Rules::default());
    let root = translation.value()?;
    checked(translation.rules, &root)
}

/// The text of a grammar that begins at the item `root`, after the last look at it.
pub(super) fn checked(rules: Rules, root: &str) -> Result<String, GrammarError> {
    let (text, places) = rules.finish(root);
    match gbnf::check(&text, gbnf::MAX_MADE_BYTES) {
        Ok(_) => Ok(text),
        // Every rule stands on a line of its own.
        Err(error) => Err(GrammarError {
            at: places
                .get(error.line.saturating_sub(1))
                .cloned()
                .unwrap_or_else(|| "#".into()),
            ..error
        }),
    }
}

pub(super) fn read_schema(text: &str) -> Result<Json, GrammarError> {
    if text.len() > MAX_BYTES {
        let reason = format!("the schema is longer than {MAX_BYTES} bytes");
        return Err(GrammarError::new("#", reason));
    }
    serde_json::from_str(text).map_err(|error| {
        let at = format!("line {}, column {}", error.line(), error.column());
        let said = error.to_string();
        let what = said.split(" at line ").next().unwrap_or_default();
        GrammarError::new(at, format!("the schema cannot be read: {what}"))
    })
}

/// One schema on its way into a grammar, which may get others as well.
pub(super) struct Translation<'a> {
    pub(super) rules: Rules,
    gatherer: Gatherer<'a>,
    /// The rule of each set of schemas that was asked for.
    known: HashMap<Vec<String>, String>,
    /// Rules that wait for their bodies, so that deep schemas need no deep stack.
    open: Vec<(String, Vec<Facts<'a>>)>,
}

impl<'a> Translation<'a> {
    pub(super) fn new(root: &'a Json, rules: Rules) -> Self {
        Self {
            rules,
            gatherer: Gatherer::new(root),
            known: HashMap::new(),
            open: Vec::new(),
        }
    }

    /// The item that allows what the whole schema describes.
    pub(super) fn value(&mut self) -> Result<String, GrammarError> {
        let root = Node {
            at: String::new(),
            json: self.gatherer.root,
        };
        let item = self.item(vec![root])?;
        while let Some((name, ways)) = self.open.pop() {
            let body = self.alternatives(&ways)?;
            self.rules.fill(&name, body)?;
        }
        Ok(item)
    }

    /// An item of GBNF for a value that satisfies all `nodes`: a name, never an alternation.
    fn item(&mut self, nodes: Vec<Node<'a>>) -> Result<String, GrammarError> {
        if nodes.iter().all(Node::permits_all) {
            return Ok(self.rules.standing("value").into());
        }
        let mut key: Vec<String> = nodes.iter().map(|node| node.at.clone()).collect();
        key.sort_unstable();
        key.dedup();
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let place = nodes[0].place();
        let ways = self.gatherer.gather(&nodes)?;
        // What holds no other value is written at once, and shares its rule with its likes.
        let name = match simple_item(&mut self.rules, &ways) {
            Some(standing) => standing.into(),
            None => {
                let name = self.rules.reserve(&place)?;
                self.open.push((name.clone(), ways));
                name
            }
        };
        self.known.insert(key, name.clone());
        Ok(name)
    }

    fn alternatives(&mut self, ways: &[Facts<'a>]) -> Result<String, GrammarError> {
        let mut items: Vec<String> = Vec::new();
        let mut refused = None;
        for facts in ways {
            match self.way(facts) {
                Ok(more) => items.extend(more),
                Err(error) if ways.len() > 1 && error.permits_nothing => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        let mut unique = Vec::new();
        for item in items {
            if !unique.contains(&item) {
                unique.push(item);
            }
        }
        match refused {
            Some(error) if unique.is_empty() => Err(error),
            _ => Ok(unique.join(" | ")),
        }
    }

    /// One item for each type that the facts leave.
    fn way(&mut self, facts: &Facts<'a>) -> Result<Vec<String>, GrammarError> {
        if let Some(values) = &facts.values {
            return Ok(vec![self.listed(facts, values)?]);
        }
        let mut items = Vec::new();
        let mut refused = None;
        for kind in facts.types.list() {
            let item = match kind {
                Type::Object => self.object(facts),
                Type::Array => self.array(facts),
                Type::Text => text::item(&mut self.rules, facts),
                Type::Number | Type::Integer => {
                    number::item(&mut self.rules, facts, kind == Type::Integer)
                }
                Type::Boolean => Ok(self.rules.standing("boolean").into()),
                Type::Null => Ok(quote("null")),
            };
            match item {
                Ok(item) => items.push(item),
                Err(error) if error.permits_nothing => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        match refused {
            Some(error) if items.is_empty() => Err(error),
            _ => Ok(items),
        }
    }

    fn listed(&mut self, facts: &Facts<'a>, values: &[&Json]) -> Result<String, GrammarError> {
        const SPEAKS: &[&str] = &[
            "properties",
            "required",
            "additionalProperties",
            "items",
            "prefixItems",
            "minItems",
            "maxItems",
            "minProperties",
            "maxProperties",
            "pattern",
            "minLength",
            "maxLength",
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
        ];
        for node in &facts.nodes {
            if let Some(name) = SPEAKS.iter().find(|name| node.json.get(name).is_some()) {
                let reason = format!("\"{name}\" and a list of values cannot be combined");
                return node.refuse(reason);
            }
        }
        let fits = values.iter().filter(|value| facts.types.has_value(value));
        let texts: Vec<_> = fits.map(|value| ranges_of(&value.spell())).collect();
        if texts.is_empty() {
            return Err(nothing(&facts.nodes[0], "no listed value is of this type"));
        }
        self.rules.one_of(texts, &facts.nodes[0].place())
    }
}

/// An error that lets an alternative fall away where there are others.
fn nothing(node: &Node<'_>, reason: &str) -> GrammarError {
    GrammarError {
        permits_nothing: true,
        ..GrammarError::new(node.place(), reason)
    }
}

/// The standing rule for a value of one type that nothing else is said of.
fn simple_item(rules: &mut Rules, ways: &[Facts<'_>]) -> Option<&'static str> {
    let [facts] = ways else { return None };
    let [kind] = facts.types.list()[..] else {
        return None;
    };
    if facts.values.is_some() {
        return None;
    }
    let says = |names: &[&str]| {
        let mut nodes = facts.nodes.iter();
        nodes.any(|node| names.iter().any(|name| node.json.get(name).is_some()))
    };
    match kind {
        Type::Boolean => Some(rules.standing("boolean")),
        Type::Text if !says(text::KEYWORDS) => Some(rules.standing("string")),
        Type::Integer if !says(number::KEYWORDS) => Some(rules.standing("integer")),
        Type::Number if !says(number::KEYWORDS) => Some(rules.standing("number")),
        _ => None,
    }
}
