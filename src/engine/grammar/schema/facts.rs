//! What schemas say together of one value: `$ref`, `allOf`, `anyOf` and siblings become alternatives
//! of plain facts.
//!
//! A `$ref` or a choice that leads back to where it stands, with nothing written in between, is
//! refused: such a schema says nothing. Alternatives that permit nothing fall away.

use super::super::GrammarError;
use super::super::json::Json;
use super::node::Node;
use super::types::Types;

/// Alternatives of one value, after choices were multiplied.
const MAX_ALTERNATIVES: usize = 256;
/// Schemas that are looked at for one grammar.
const MAX_STEPS: usize = 20_000;
/// Values of one `enum`.
const MAX_VALUES: usize = 1000;

/// One way to satisfy all schemas of a value.
#[derive(Debug, Clone)]
pub(super) struct Facts<'a> {
    pub(super) types: Types,
    /// The values it may be, where that is a list.
    pub(super) values: Option<Vec<&'a Json>>,
    /// Every schema object that speaks of it.
    pub(super) nodes: Vec<Node<'a>>,
}

/// A schema that is still to be looked at.
#[derive(Clone)]
struct Step<'a> {
    node: Node<'a>,
    /// Where it came from without anything being written.
    through: Vec<String>,
}

pub(super) struct Gatherer<'a> {
    pub(super) root: &'a Json,
    steps: usize,
}

struct Gathered<'a> {
    facts: Facts<'a>,
    open: Vec<Step<'a>>,
    choices: Vec<Vec<Step<'a>>>,
}

impl<'a> Gatherer<'a> {
    pub(super) fn new(root: &'a Json) -> Self {
        Self { root, steps: 0 }
    }

    /// Every way to satisfy all `nodes`; at least one.
    pub(super) fn gather(&mut self, nodes: &[Node<'a>]) -> Result<Vec<Facts<'a>>, GrammarError> {
        let open = nodes.iter().rev().map(|node| Step {
            node: node.clone(),
            through: Vec::new(),
        });
        let mut ways = vec![Gathered {
            facts: Facts {
                types: Types::ALL,
                values: None,
                nodes: Vec::new(),
            },
            open: open.collect(),
            choices: Vec::new(),
        }];
        let mut found = Vec::new();
        while let Some(mut way) = ways.pop() {
            let mut possible = true;
            while let Some(step) = way.open.pop() {
                possible &= self.look_at(step, &mut way)?;
            }
            if !possible || way.facts.types.is_empty() {
                continue;
            }
            if way.choices.is_empty() {
                found.push(way.facts);
                continue;
            }
            let branches = way.choices.remove(0);
            if found.len() + ways.len() + branches.len() > MAX_ALTERNATIVES {
                let reason = format!("there are more than {MAX_ALTERNATIVES} alternatives");
                return nodes[0].refuse(reason);
            }
            // The last is looked at first, and found first: so they stay in their order.
            for branch in branches.into_iter().rev() {
                ways.push(Gathered {
                    facts: way.facts.clone(),
                    open: vec![branch],
                    choices: way.choices.clone(),
                });
            }
        }
        match found.is_empty() {
            true => nodes[0].refuse("this schema permits nothing"),
            false => Ok(found),
        }
    }

    /// False where nothing can satisfy the step and what was there before.
    fn look_at(&mut self, step: Step<'a>, way: &mut Gathered<'a>) -> Result<bool, GrammarError> {
        let Step { node, mut through } = step;
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return node.refuse("too many schemas refer to one another");
        }
        if through.contains(&node.at) {
            return node.refuse("this refers to itself without end");
        }
        match node.json {
            Json::Bool(value) => return Ok(*value),
            Json::Object(_) => {}
            _ => return node.refuse("a schema must be an object or a boolean"),
        }
        // The same schema twice, by two ways, says it once.
        if way.facts.nodes.iter().any(|known| known.at == node.at) {
            return Ok(true);
        }
        node.refuse_unsupported()?;
        through.push(node.at.clone());
        let behind = |node| Step {
            node,
            through: through.clone(),
        };
        if let Some(reference) = node.keyword("$ref") {
            way.open.push(behind(self.resolve(&reference)?));
        }
        if let Some(all) = node.keyword("allOf") {
            way.open.extend(all.items()?.into_iter().rev().map(behind));
        }
        for name in ["anyOf", "oneOf"] {
            let Some(choice) = node.keyword(name) else {
                continue;
            };
            let branches = choice.items()?;
            if branches.is_empty() {
                return choice.refuse("there is nothing to choose from");
            }
            way.choices.push(branches.into_iter().map(behind).collect());
        }
        way.facts.types = way.facts.types.both(Types::read(&node)?);
        let possible = narrow_values(&node, &mut way.facts)?;
        way.facts.nodes.push(node);
        Ok(possible)
    }

    fn resolve(&self, reference: &Node<'a>) -> Result<Node<'a>, GrammarError> {
        let text = reference.text()?;
        let Some(pointer) = text.strip_prefix('#') else {
            return reference.refuse("only places in this schema can be referred to: #/$defs/…");
        };
        match self.root.find(&percent_decoded(pointer)) {
            Some(json) => Ok(Node {
                at: percent_decoded(pointer),
                json,
            }),
            None => reference.refuse(format!("there is nothing at {text}")),
        }
    }
}

fn percent_decoded(pointer: &str) -> String {
    let bytes = pointer.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = pointer.get(at + 1..at + 3).filter(|_| byte == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                decoded.push(code);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| pointer.to_owned())
}

/// False where no value is left.
fn narrow_values<'a>(node: &Node<'a>, facts: &mut Facts<'a>) -> Result<bool, GrammarError> {
    let listed: Option<Vec<&'a Json>> = match (node.json.get("const"), node.keyword("enum")) {
        (Some(value), None) => Some(vec![value]),
        (constant, Some(list)) => {
            let Json::Array(values) = list.json else {
                return list.refuse("this must be an array");
            };
            if values.len() > MAX_VALUES {
                return list.refuse(format!("there are more than {MAX_VALUES} values"));
            }
            let fits = |value: &&Json| constant.is_none_or(|constant| constant.equals(value));
            Some(values.iter().filter(fits).collect())
        }
        (None, None) => None,
    };
    let Some(listed) = listed else {
        return Ok(true);
    };
    let known = facts.values.take();
    let fits = |value: &&Json| {
        known
            .as_ref()
            .is_none_or(|known| known.iter().any(|other| other.equals(value)))
    };
    let left: Vec<&Json> = listed.into_iter().filter(fits).collect();
    let possible = !left.is_empty();
    facts.values = Some(left);
    Ok(possible)
}
