//! Arrays: a tuple's places first, then any number of one kind, as often as the bounds say.
//! Called by `schema` for a value that may be an array.

use super::super::GrammarError;
use super::super::json::Json;
use super::facts::Facts;
use super::node::Node;
use super::{Translation, nothing};

/// Items of one array that are counted.
const MAX_ITEMS: u64 = 1000;

/// What one schema says of an array's items.
struct Spoken<'a> {
    places: Vec<Node<'a>>,
    /// Of the items behind the places; None where nothing is said.
    rest: Option<Node<'a>>,
}

struct Shape<'a> {
    places: Vec<Vec<Node<'a>>>,
    /// None where no item comes behind the places.
    rest: Option<Vec<Node<'a>>>,
    min: u64,
    max: Option<u64>,
}

impl<'a> Translation<'a> {
    pub(super) fn array(&mut self, facts: &Facts<'a>) -> Result<String, GrammarError> {
        let place = facts.nodes[0].place();
        let Shape {
            places,
            rest,
            min,
            max,
        } = shape_of(facts)?;
        self.rules.standing("ws");
        if max == Some(0) {
            return self.rules.add(r#""[" ws "]""#.into(), &place);
        }
        let count = places.len() as u64;
        let is_any = rest.as_ref().is_some_and(Vec::is_empty);
        if count == 0 && is_any && min == 0 && max.is_none() {
            return Ok(self.rules.standing("array").into());
        }
        // What follows the last of the places, then what follows each place before it.
        let mut tail = r#"ws "]""#.to_owned();
        let mut first = None;
        if let Some(rest) = rest {
            let item = self.item(rest)?;
            let more = self.rules.add(format!(r#""," ws {item}"#), &place)?;
            let written = count.max(1);
            let least = min.saturating_sub(written);
            let often = match max {
                Some(max) if max > written => format!("{{{least},{}}}", max - written),
                Some(_) => String::new(),
                None if least == 0 => "*".into(),
                None => format!("{{{least},}}"),
            };
            if !often.is_empty() {
                tail = format!("{more}{often} {tail}");
            }
            first = Some(item);
        }
        for (index, schemas) in places.into_iter().enumerate().rev() {
            let item = self.item(schemas)?;
            if let Some(next) = first.filter(|_| index as u64 + 1 < count) {
                tail = match index as u64 + 1 < min {
                    true => format!(r#""," ws {next} {tail}"#),
                    false => {
                        let rest = self.rules.add(format!("{next} {tail}"), &place)?;
                        format!(r#"(ws "]" | "," ws {rest})"#)
                    }
                };
            }
            first = Some(item);
        }
        let Some(first) = first else {
            return self.rules.add(r#""[" ws "]""#.into(), &place);
        };
        let body = match min {
            0 => format!(r#""[" ws ("]" | {first} {tail})"#),
            _ => format!(r#""[" ws {first} {tail}"#),
        };
        self.rules.add(body, &place)
    }
}

fn shape_of<'a>(facts: &Facts<'a>) -> Result<Shape<'a>, GrammarError> {
    let (min, mut max) = bounds(facts)?;
    let spoken: Vec<Spoken<'a>> = facts
        .nodes
        .iter()
        .map(spoken_by)
        .collect::<Result<_, _>>()?;
    let lengths = spoken.iter().map(|it| it.places.len());
    let count = lengths.max().unwrap_or_default();
    let mut places = Vec::new();
    for index in 0..count {
        let said = |it: &Spoken<'a>| it.places.get(index).or(it.rest.as_ref()).cloned();
        let schemas: Vec<Node<'a>> = spoken.iter().filter_map(said).collect();
        if schemas.iter().any(is_false) {
            break;
        }
        places.push(schemas);
    }
    // A tuple that says nothing of further items has none, unless it must have them.
    let silent = spoken.iter().all(|it| it.rest.is_none());
    let cut = places.len() < count;
    let rests: Vec<Node<'a>> = spoken.into_iter().filter_map(|it| it.rest).collect();
    let closed = cut || rests.iter().any(is_false) || (silent && count as u64 >= min.max(1));
    if closed {
        let most = places.len() as u64;
        max = Some(max.map_or(most, |max| max.min(most)));
    }
    if max.is_some_and(|max| max < min) {
        let reason = "the array must have more items than it may have";
        return Err(nothing(&facts.nodes[0], reason));
    }
    if let Some(max) = max {
        places.truncate(usize::try_from(max).unwrap_or(usize::MAX));
    }
    let ends = closed || max == Some(places.len() as u64);
    Ok(Shape {
        places,
        rest: (!ends).then_some(rests),
        min,
        max,
    })
}

/// At least and at most so many items.
fn bounds(facts: &Facts<'_>) -> Result<(u64, Option<u64>), GrammarError> {
    let (mut min, mut max) = (0, None::<u64>);
    for node in &facts.nodes {
        for (name, least) in [("minItems", true), ("maxItems", false)] {
            let Some(bound) = node.keyword(name) else {
                continue;
            };
            let count = bound.count()?;
            if count > MAX_ITEMS {
                return bound.refuse(format!("arrays are counted up to {MAX_ITEMS} items"));
            }
            match least {
                true => min = min.max(count),
                false => max = Some(max.map_or(count, |max| max.min(count))),
            }
        }
    }
    Ok((min, max))
}

fn is_false(node: &Node<'_>) -> bool {
    *node.json == Json::Bool(false)
}

/// `prefixItems` and `items`, or the `items` and `additionalItems` of earlier drafts.
fn spoken_by<'a>(node: &Node<'a>) -> Result<Spoken<'a>, GrammarError> {
    let items = node.keyword("items");
    let tuple = items
        .as_ref()
        .filter(|items| matches!(items.json, Json::Array(_)));
    if let Some(tuple) = tuple {
        return Ok(Spoken {
            places: tuple.items()?,
            rest: node.keyword("additionalItems"),
        });
    }
    Ok(Spoken {
        places: node
            .keyword("prefixItems")
            .map_or_else(|| Ok(Vec::new()), |it| it.items())?,
        rest: items,
    })
}
