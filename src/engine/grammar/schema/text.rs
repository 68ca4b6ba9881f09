//! Strings: of some length, of a pattern, or of a format that is known.
//!
//! A length is counted in characters, an escape for one. A format is a pattern of our own.

use super::super::GrammarError;
use super::super::literals::Rules;
use super::facts::Facts;
use super::node::Node;
use super::nothing;
use super::pattern::{self, Pattern};

pub(super) const KEYWORDS: &[&str] = &["minLength", "maxLength", "pattern", "format"];

/// Characters that are counted.
const MAX_LENGTH: u64 = 50_000;
/// Longer strings are counted in blocks of so many: a rule for each character would be too many.
const BLOCK: u64 = 100;

const DATE: &str = "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)";
const TIME: &str =
    "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const EMAIL: &str = "[A-Za-z0-9_+-]{1,32}(\\.[A-Za-z0-9_+-]{1,15}){0,2}@([A-Za-z0-9]{1,32}(-[A-Za-z0-9]{1,15}){0,2}\\.){1,4}[A-Za-z]{2,24}";
const IPV4: &str = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}";

/// The pattern of a format that is known.
fn format_pattern(name: &str) -> Option<String> {
    let pattern = match name {
        "date" => DATE.to_owned(),
        "time" => TIME.to_owned(),
        "date-time" => format!("{DATE}T{TIME}"),
        "uuid" => UUID.to_owned(),
        "email" => EMAIL.to_owned(),
        "ipv4" => IPV4.to_owned(),
        _ => return None,
    };
    Some(format!("^{pattern}$"))
}

pub(super) fn item(rules: &mut Rules, facts: &Facts<'_>) -> Result<String, GrammarError> {
    let mut patterns: Vec<(String, Node<'_>)> = Vec::new();
    let (mut min, mut max) = (0, None::<u64>);
    for node in &facts.nodes {
        if let Some(pattern) = node.keyword("pattern") {
            patterns.push((pattern.text()?.to_owned(), pattern));
        }
        if let Some(format) = node.keyword("format")
            && let Some(pattern) = format_pattern(format.text()?)
        {
            patterns.push((pattern, format));
        }
        if let Some(least) = node.keyword("minLength") {
            min = min.max(counted(&least)?);
        }
        if let Some(most) = node.keyword("maxLength") {
            let most = counted(&most)?;
            max = Some(max.map_or(most, |max| max.min(most)));
        }
    }
    let node = &facts.nodes[0];
    if max.is_some_and(|max| max < min) {
        return Err(nothing(node, "the string must be longer than it may be"));
    }
    patterns.dedup_by(|left, right| left.0 == right.0);
    let Some((text, place)) = patterns.first() else {
        return of_length(rules, min, max, &node.place());
    };
    if patterns.len() > 1 {
        return patterns[1]
            .1
            .refuse("a second pattern or format is not supported");
    }
    let Pattern {
        body,
        min_chars,
        max_chars,
    } = pattern::translate(rules, text, place)?;
    if min_chars > MAX_LENGTH {
        return place.refuse(format!(
            "the pattern asks for more than {MAX_LENGTH} characters"
        ));
    }
    let too_long = max.is_some_and(|max| max_chars.is_none_or(|chars| chars > max));
    if min_chars < min || too_long {
        let reason = "lengths that the pattern does not keep by itself are not supported";
        return place.refuse(reason);
    }
    rules.add(format!(r#""\"" {body} "\"""#), &place.place())
}

fn counted(node: &Node<'_>) -> Result<u64, GrammarError> {
    let count = node.count()?;
    if count > MAX_LENGTH {
        return node.refuse(format!("strings are counted up to {MAX_LENGTH} characters"));
    }
    Ok(count)
}

fn of_length(
    rules: &mut Rules,
    min: u64,
    max: Option<u64>,
    place: &str,
) -> Result<String, GrammarError> {
    if min == 0 && max.is_none() {
        return Ok(rules.standing("string").into());
    }
    rules.standing("char");
    let mut parts = Vec::new();
    let (blocks, rest) = (min / BLOCK, min % BLOCK);
    if blocks > 0 {
        let block = block(rules, place)?;
        parts.push(format!("{block}{{{blocks}}}"));
    }
    if rest > 0 {
        parts.push(format!("char{{{rest}}}"));
    }
    match max {
        None => parts.push("char*".into()),
        Some(max) if max - min <= 2 * BLOCK => {
            if max > min {
                parts.push(format!("char{{0,{}}}", max - min));
            }
        }
        // Full blocks and then part of one; or as many blocks as there can be and what is left.
        Some(max) => {
            let (blocks, rest) = ((max - min) / BLOCK, (max - min) % BLOCK);
            let block = block(rules, place)?;
            let end = if rest > 0 {
                format!(" char{{0,{rest}}}")
            } else {
                String::new()
            };
            let body = format!(
                "{block}{{0,{}}} char{{0,{}}} | {block}{{{blocks}}}{end}",
                blocks - 1,
                BLOCK - 1
            );
            parts.push(rules.add(body, place)?);
        }
    }
    let parts = parts.join(" ");
    rules.add(format!(r#""\"" {parts} "\"""#), place)
}

fn block(rules: &mut Rules, place: &str) -> Result<String, GrammarError> {
    rules.add(format!("char{{{BLOCK}}}"), place)
}
