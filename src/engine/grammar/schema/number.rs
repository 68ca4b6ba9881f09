//! Numbers between bounds, digit by digit.
//!
//! Integers are exact. Other numbers are bounded exactly where the bounds are whole; bounds with a
//! fraction are refused for them. A bounded number has no exponent.

use super::super::GrammarError;
use super::super::json::Json;
use super::super::literals::{Range, Rules, Texts, ranges_of};
use super::facts::Facts;
use super::nothing;

pub(super) const KEYWORDS: &[&str] =
    &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

/// As far as 15 digits reach: where nothing else is said.
const USUAL: i64 = 999_999_999_999_999;
/// As far as every reader of JSON tells integers apart.
const FARTHEST: i64 = (1 << 53) - 1;
const FRACTION: &str = r#"("." [0-9]{1,15})?"#;

#[derive(Clone, Copy)]
struct Bound {
    value: f64,
    exclusive: bool,
}

/// A whole bound of a number that need not be whole.
#[derive(Clone, Copy)]
struct End {
    value: u64,
    exclusive: bool,
}

pub(super) fn item(
    rules: &mut Rules,
    facts: &Facts<'_>,
    whole: bool,
) -> Result<String, GrammarError> {
    let (low, high) = bounds(facts)?;
    let node = &facts.nodes[0];
    if low.is_none() && high.is_none() {
        let name = if whole { "integer" } else { "number" };
        return Ok(rules.standing(name).into());
    }
    let mut found = [low, high].into_iter().flatten();
    if let Some(bound) = found.find(|bound| !whole && bound.value.fract() != 0.0) {
        let reason = format!(
            "the bound {} is not supported: bounds of numbers must be whole",
            bound.value
        );
        return node.refuse(reason);
    }
    // Where a bound lies beyond what is usual, numbers reach as far as they can.
    let beyond = |bound: Option<Bound>, sign: f64| {
        bound.is_some_and(|bound| bound.value * sign >= USUAL as f64)
    };
    let most = if beyond(low, 1.0) { FARTHEST } else { USUAL };
    let least = if beyond(high, -1.0) {
        -FARTHEST
    } else {
        -USUAL
    };
    let first = low.map_or(least, |bound| nearest(bound, whole, 1).max(least));
    let last = high.map_or(most, |bound| nearest(bound, whole, -1).min(most));
    let place = node.place();
    let found = match first <= last {
        true if whole => return rules.one_of(integers(first, last), &place),
        true => decimals(rules, (first, low), (last, high), &place)?,
        false => Vec::new(),
    };
    match found.is_empty() {
        true => Err(nothing(node, "no number is within these bounds")),
        false => rules.add(found.join(" | "), &place),
    }
}

fn integers(first: i64, last: i64) -> Texts {
    let mut texts = Texts::new();
    if first < 0 {
        let negative = magnitudes(last.min(-1).unsigned_abs(), first.unsigned_abs());
        let signed = negative.into_iter();
        texts.extend(signed.map(|digits| [ranges_of("-"), digits].concat()));
    }
    if last >= 0 {
        texts.extend(magnitudes(first.max(0).unsigned_abs(), last.unsigned_abs()));
    }
    texts
}

fn decimals(
    rules: &mut Rules,
    (first, low): (i64, Option<Bound>),
    (last, high): (i64, Option<Bound>),
    place: &str,
) -> Result<Vec<String>, GrammarError> {
    let end = |value: i64, bound: Option<Bound>| End {
        value: value.unsigned_abs(),
        exclusive: bound.is_some_and(|bound| bound.exclusive && bound.value == value as f64),
    };
    let (low, high) = (end(first, low), end(last, high));
    let zero = |exclusive| End {
        value: 0,
        exclusive,
    };
    let mut ways = Vec::new();
    if first < 0 {
        // There is no negative zero.
        let nearest = if last >= 0 { zero(true) } else { high };
        let parts = between(rules, nearest, low, place)?;
        ways.extend(parts.into_iter().map(|part| format!("\"-\" {part}")));
    }
    if last >= 0 {
        let nearest = if first < 0 { zero(false) } else { low };
        ways.extend(between(rules, nearest, high, place)?);
    }
    Ok(ways)
}

/// The whole number at or inside a bound; `inwards` is 1 for a lower bound and -1 for an upper one.
fn nearest(bound: Bound, whole: bool, inwards: i64) -> i64 {
    let value = if inwards > 0 {
        bound.value.ceil()
    } else {
        bound.value.floor()
    };
    // Beyond what any number may be; the cast saturates.
    let value = value.clamp(-1e18, 1e18) as i64;
    let leaves_out = whole && bound.exclusive && value as f64 == bound.value;
    value + if leaves_out { inwards } else { 0 }
}

/// The tightest of all lower and of all upper bounds.
fn bounds(facts: &Facts<'_>) -> Result<(Option<Bound>, Option<Bound>), GrammarError> {
    let (mut low, mut high) = (None, None);
    for node in &facts.nodes {
        for (name, exclusive_name, sign) in [
            ("minimum", "exclusiveMinimum", 1.0),
            ("maximum", "exclusiveMaximum", -1.0),
        ] {
            let exclusive = node.keyword(exclusive_name);
            // In draft 4 it says of the other keyword what here it says itself.
            let flag = exclusive.as_ref().and_then(|it| match it.json {
                Json::Bool(value) => Some(*value),
                _ => None,
            });
            let own = exclusive.filter(|_| flag.is_none());
            let found = [(node.keyword(name), flag == Some(true)), (own, true)];
            for (bound, exclusive) in found {
                let Some(bound) = bound else { continue };
                let value = bound.number()?;
                let known: &mut Option<Bound> = if sign > 0.0 { &mut low } else { &mut high };
                let tighter = |known: &Bound| {
                    value * sign > known.value * sign || (value == known.value && exclusive)
                };
                if known.as_ref().is_none_or(tighter) {
                    *known = Some(Bound { value, exclusive });
                }
            }
        }
    }
    Ok((low, high))
}

/// Decimals from `low` to `high`, without a sign.
fn between(
    rules: &mut Rules,
    low: End,
    high: End,
    place: &str,
) -> Result<Vec<String>, GrammarError> {
    let mut ways = Vec::new();
    let closed = !low.exclusive && !high.exclusive;
    if low.value > high.value || (low.value == high.value && !closed) {
        return Ok(ways);
    }
    if low.value == high.value {
        return Ok(vec![format!("\"{}\"", low.value)]);
    }
    if low.exclusive {
        let nonzero = rules.standing("nonzero");
        ways.push(format!("\"{}.\" {nonzero}", low.value));
    }
    let first = low.value + u64::from(low.exclusive);
    if first < high.value {
        let whole = rules.one_of(magnitudes(first, high.value - 1), place)?;
        ways.push(format!("{whole} {FRACTION}"));
    }
    if !high.exclusive {
        ways.push(format!("\"{}\"", high.value));
    }
    Ok(ways)
}

/// The digits of every number from `low` to `high`.
fn magnitudes(low: u64, high: u64) -> Texts {
    let mut texts = Texts::new();
    let digits = |number: u64| number.to_string().into_bytes();
    let mut start = low;
    while start <= high {
        let length = u32::try_from(digits(start).len()).expect("a number has few digits");
        let end = high.min(10_u64.saturating_pow(length) - 1);
        same_length(&digits(start), &digits(end), &mut Vec::new(), &mut texts);
        start = end + 1;
    }
    texts
}

fn same_length(low: &[u8], high: &[u8], before: &mut Vec<Range>, into: &mut Texts) {
    let digit = |first: u8, last: u8| (u32::from(first), u32::from(last));
    let any = |text: &mut Vec<Range>, count: usize| {
        text.extend(std::iter::repeat_n(digit(b'0', b'9'), count));
    };
    let (Some((&first, lows)), Some((&last, highs))) = (low.split_first(), high.split_first())
    else {
        into.push(before.clone());
        return;
    };
    let (from_least, to_most) = (
        lows.iter().all(|it| *it == b'0'),
        highs.iter().all(|it| *it == b'9'),
    );
    if first == last && !(from_least && to_most) {
        before.push(digit(first, last));
        same_length(lows, highs, before, into);
        before.pop();
        return;
    }
    // The digits between those at the ends are followed by anything, and so are the ends where
    // nothing is cut off from them.
    let inner = (first + u8::from(!from_least), last - u8::from(!to_most));
    if !from_least {
        before.push(digit(first, first));
        same_length(lows, &vec![b'9'; lows.len()], before, into);
        before.pop();
    }
    if inner.0 <= inner.1 {
        let mut text = before.clone();
        text.push(digit(inner.0, inner.1));
        any(&mut text, lows.len());
        into.push(text);
    }
    if !to_most {
        before.push(digit(last, last));
        same_length(&vec![b'0'; highs.len()], highs, before, into);
        before.pop();
    }
}
