//! Objects: declared properties in their order, each at most once, then what may come besides.
//!
//! Optional properties need two rules each and no more, however many there are: a rule says which
//! key may come next, and each key says what may follow it.

mod shape;

use self::shape::{Shape, shape_of};
use super::super::GrammarError;
use super::super::json::spell_text;
use super::super::literals::{Range, class, quote};
use super::Translation;
use super::facts::Facts;
use super::node::Node;

/// Entries of an object that are counted.
const MAX_ENTRIES: u64 = 1000;
/// Characters of all names that other names must differ from.
const MAX_NAME_CHARS: usize = 2000;
/// What a name that was not declared may hold: it is spelled without escapes.
const PLAIN: &[Range] = &[(0x20, 0x21), (0x23, 0x5B), (0x5D, 0x7E), (0x80, 0x10_FFFF)];

impl<'a> Translation<'a> {
    pub(super) fn object(&mut self, facts: &Facts<'a>) -> Result<String, GrammarError> {
        let place = facts.nodes[0].place();
        let shape = shape_of(facts)?;
        self.rules.standing("ws");
        self.rules.standing("sp");
        if shape.names.is_empty() || (shape.properties.is_empty() && shape.others.is_none()) {
            return self.entries(&shape, &place);
        }
        let declared = shape.properties.len() as u64;
        let required = shape.properties.iter().filter(|it| it.required).count() as u64;
        if shape.min > required
            || shape
                .max
                .is_some_and(|max| max < declared || shape.others.is_some())
        {
            let reason = "\"minProperties\" and \"maxProperties\" are supported only for objects without declared properties";
            return Err(GrammarError::new(place, reason));
        }
        let mut tail = r#"ws "}""#.to_owned();
        // The rule for the keys that may come next, and whether one of them must.
        let mut keys: Option<String> = None;
        let mut must = false;
        if let Some(schemas) = &shape.others {
            let other = self.other_member(schemas, &shape.names, &place)?;
            keys = Some(
                self.rules
                    .add(format!(r#"{other} ("," ws {other})* ws "}}""#), &place)?,
            );
        }
        for (index, property) in shape.properties.iter().enumerate().rev() {
            let value = self.item(property.schemas.clone())?;
            let key = quote(&format!("{}:", spell_text(property.name)));
            if let Some(keys) = &keys {
                tail = match must {
                    true => format!(r#""," ws {keys}"#),
                    false => format!(r#"(ws "}}" | "," ws {keys})"#),
                };
            }
            let mut body = format!("{key} sp {value} {tail}");
            match &keys {
                Some(keys) if !property.required => body = format!("{body} | {keys}"),
                _ => {}
            }
            must |= property.required;
            let named_twice = index > 0 && !shape.properties[index - 1].required;
            let is_choice = body.contains(" | ");
            keys = Some(match named_twice || is_choice {
                true => self.rules.add(body, &place)?,
                false => body,
            });
        }
        let keys = keys.expect("there are properties, or others may be");
        let body = match must {
            true => format!(r#""{{" ws {keys}"#),
            false => format!(r#""{{" ws ("}}" | {keys})"#),
        };
        self.rules.add(body, &place)
    }

    /// An object of which no name is known.
    fn entries(&mut self, shape: &Shape<'a>, place: &str) -> Result<String, GrammarError> {
        let empty = r#""{" ws "}""#.to_owned();
        let Some(schemas) = &shape.others else {
            return match shape.min {
                0 => self.rules.add(empty, place),
                _ => Err(GrammarError::new(
                    place,
                    "no property may be in this object, and one must",
                )),
            };
        };
        if shape.min > 1 {
            // A name may come twice, and counts once.
            let reason = "\"minProperties\" above 1 is not supported";
            return Err(GrammarError::new(place, reason));
        }
        if shape.max.is_some_and(|max| max > MAX_ENTRIES) {
            let reason = format!("\"maxProperties\" may be at most {MAX_ENTRIES}");
            return Err(GrammarError::new(place, reason));
        }
        if shape.max == Some(0) {
            return self.rules.add(empty, place);
        }
        if schemas.is_empty() && shape.min == 0 && shape.max.is_none() {
            return Ok(self.rules.standing("object").into());
        }
        let value = self.item(schemas.clone())?;
        let key = self.rules.standing("string");
        let member = self.rules.add(format!(r#"{key} ":" sp {value}"#), place)?;
        let more = match shape.max {
            Some(max) => format!("{{0,{}}}", max - 1),
            None => "*".into(),
        };
        let entry = self.rules.add(format!(r#""," ws {member}"#), place)?;
        let body = match shape.min {
            0 => format!(r#""{{" ws ({member} {entry}{more} ws)? "}}""#),
            _ => format!(r#""{{" ws {member} {entry}{more} ws "}}""#),
        };
        self.rules.add(body, place)
    }

    /// A member under a name that is none of the declared ones.
    fn other_member(
        &mut self,
        schemas: &[Node<'a>],
        declared: &[&str],
        place: &str,
    ) -> Result<String, GrammarError> {
        let value = self.item(schemas.to_vec())?;
        let names: Vec<Vec<char>> = declared.iter().map(|name| name.chars().collect()).collect();
        if names.iter().map(Vec::len).sum::<usize>() > MAX_NAME_CHARS {
            let reason = "with so many names, \"additionalProperties\" must be false";
            return Err(GrammarError::new(place, reason));
        }
        let rest = self
            .rules
            .add(format!(r#"{}* "\"""#, class(PLAIN)), place)?;
        let first = self.rules.reserve(place)?;
        // Each rule: the names that begin as what was written so far, and how much that is.
        let mut open = vec![(first.clone(), names, 0)];
        while let Some((rule, names, written)) = open.pop() {
            let mut nexts: Vec<char> = names
                .iter()
                .filter_map(|name| name.get(written).copied())
                .collect();
            nexts.sort_unstable();
            nexts.dedup();
            let mut alternatives = vec![format!("{} {rest}", class(&plain_without(&nexts)))];
            if names.iter().all(|name| name.len() > written) {
                alternatives.push(quote("\""));
            }
            for next in nexts.into_iter().filter(|next| is_plain(*next)) {
                let same = names.iter().filter(|name| name.get(written) == Some(&next));
                let below = self.rules.reserve(place)?;
                alternatives.push(format!("{} {below}", quote(&next.to_string())));
                open.push((below, same.cloned().collect(), written + 1));
            }
            self.rules.fill(&rule, alternatives.join(" | "))?;
        }
        self.rules
            .add(format!(r#""\"" {first} ":" sp {value}"#), place)
    }
}

fn is_plain(char: char) -> bool {
    let code = u32::from(char);
    PLAIN
        .iter()
        .any(|&(low, high)| (low..=high).contains(&code))
}

fn plain_without(chars: &[char]) -> Vec<Range> {
    let mut ranges = Vec::new();
    for &(low, high) in PLAIN {
        let mut next = low;
        for code in chars.iter().map(|char| u32::from(*char)) {
            if (next..=high).contains(&code) {
                if code > next {
                    ranges.push((next, code - 1));
                }
                next = code + 1;
            }
        }
        if next <= high {
            ranges.push((next, high));
        }
    }
    ranges
}
