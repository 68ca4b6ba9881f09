//! Writing GBNF: literals, classes, and rules that are shared.
//!
//! A set of texts is written with shared beginnings, so that a reader of the grammar knows at every
//! character which texts it still may be: llama.cpp pays for each that stays open. Every rule
//! remembers the place in the schema it was made for, to name it when the rule proves impossible.

use std::collections::{HashMap, VecDeque};

use super::GrammarError;
use super::gbnf;

/// Rules of one grammar.
const MAX_MADE: usize = 10_000;
/// Sets of texts that are remembered, in ranges: the digits of numbers, no long lists.
const MAX_REMEMBERED: usize = 256;

/// From first to last code point.
pub(super) type Range = (u32, u32);
/// Texts as sequences of ranges.
pub(super) type Texts = Vec<Vec<Range>>;

/// A string literal of GBNF.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            char if char.is_control() => quoted.push_str(&escaped(char.into())),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// A class of GBNF, e.g. `[a-z0-9]`.
pub(super) fn class(ranges: &[Range]) -> String {
    let mut class = String::from("[");
    for &(low, high) in ranges {
        class.push_str(&in_class(low));
        if high > low {
            class.push('-');
            class.push_str(&in_class(high));
        }
    }
    class.push(']');
    class
}

fn in_class(code: u32) -> String {
    match char::from_u32(code) {
        Some(char) if char.is_ascii_alphanumeric() => char.to_string(),
        _ => escaped(code),
    }
}

fn escaped(code: u32) -> String {
    match code {
        0..=0xFF => format!("\\x{code:02X}"),
        0x100..=0xFFFF => format!("\\u{code:04X}"),
        _ => format!("\\U{code:08X}"),
    }
}

/// A text as a sequence of single characters.
pub(super) fn ranges_of(text: &str) -> Vec<Range> {
    let code = |char| (u32::from(char), u32::from(char));
    text.chars().map(code).collect()
}

/// A grammar while it is written.
#[derive(Default)]
pub(super) struct Rules {
    /// Of what the places speak, in front of each: empty for one schema alone.
    pub(super) origin: String,
    /// Body and place of each rule `r0`, `r1`, …
    made: Vec<(String, String)>,
    named: Vec<(&'static str, &'static str)>,
    factored: HashMap<Texts, String>,
    bytes: usize,
}

impl Rules {
    /// A rule for `body`, made for the place `at` of a schema.
    pub(super) fn add(&mut self, body: String, at: &str) -> Result<String, GrammarError> {
        let name = self.reserve(at)?;
        self.fill(&name, body)?;
        Ok(name)
    }

    /// A rule whose body comes later.
    pub(super) fn reserve(&mut self, at: &str) -> Result<String, GrammarError> {
        if self.made.len() == MAX_MADE {
            return Err(GrammarError::new(at, "the schema needs too many rules"));
        }
        let name = format!("r{}", self.made.len());
        self.made
            .push((String::new(), format!("{}{at}", self.origin)));
        Ok(name)
    }

    pub(super) fn fill(&mut self, name: &str, body: String) -> Result<(), GrammarError> {
        let index: usize = name[1..].parse().expect("the name of a made rule");
        self.bytes += name.len() + body.len() + 6;
        if self.bytes > gbnf::MAX_MADE_BYTES {
            return Err(GrammarError::new(
                "#",
                "the schema is too large for a grammar",
            ));
        }
        self.made[index].0 = body;
        Ok(())
    }

    /// A rule that stands as it is, once, with those it needs.
    pub(super) fn standing(&mut self, name: &'static str) -> &'static str {
        if self.named.iter().any(|(known, _)| *known == name) {
            return name;
        }
        let (_, body, needs) = STANDING
            .iter()
            .find(|(known, ..)| *known == name)
            .expect("the rule is in the list");
        self.named.push((name, body));
        for need in *needs {
            self.standing(need);
        }
        name
    }

    /// An item that allows exactly `texts`, of which there is at least one.
    pub(super) fn one_of(&mut self, texts: Texts, at: &str) -> Result<String, GrammarError> {
        let texts = sorted(texts);
        let mut open = VecDeque::new();
        let first = self.rule_for(texts, at, &mut open)?;
        while let Some((name, texts)) = open.pop_front() {
            let mut alternatives = Vec::new();
            let can_end = texts.first().is_some_and(Vec::is_empty);
            for (ranges, rests) in split(&texts) {
                alternatives.push(self.branch(ranges, rests, at, &mut open)?);
            }
            let body = alternatives.join(" | ");
            let body = if can_end { format!("({body})?") } else { body };
            self.fill(&name, if body == "()?" { "\"\"".into() } else { body })?;
        }
        Ok(first)
    }

    /// As long as there is only one way on, it stands in one alternative.
    fn branch(
        &mut self,
        ranges: Vec<Range>,
        rests: Texts,
        at: &str,
        open: &mut VecDeque<(String, Texts)>,
    ) -> Result<String, GrammarError> {
        let mut parts = Parts::default();
        parts.push(&ranges);
        let same = shared_length(&rests);
        for range in &rests[0][..same] {
            parts.push(&[*range]);
        }
        let rests: Texts = rests.iter().map(|rest| rest[same..].to_vec()).collect();
        if rests.iter().all(Vec::is_empty) {
            return Ok(parts.finish());
        }
        let name = self.rule_for(rests, at, open)?;
        Ok(format!("{} {name}", parts.finish()))
    }

    /// The rule that allows these texts; if it is a new one, it is left `open` for its body.
    fn rule_for(
        &mut self,
        texts: Texts,
        at: &str,
        open: &mut VecDeque<(String, Texts)>,
    ) -> Result<String, GrammarError> {
        let is_small = texts.iter().map(Vec::len).sum::<usize>() <= MAX_REMEMBERED;
        if is_small && let Some(known) = self.factored.get(&texts) {
            return Ok(known.clone());
        }
        let name = self.reserve(at)?;
        if is_small {
            self.factored.insert(texts.clone(), name.clone());
        }
        open.push_back((name.clone(), texts));
        Ok(name)
    }

    /// The whole grammar, and for each of its lines the place it was made for.
    pub(super) fn finish(self, root: &str) -> (String, Vec<String>) {
        let mut text = format!("root ::= {root}\n");
        let mut places = vec!["#".to_owned()];
        for (index, (body, at)) in self.made.into_iter().enumerate() {
            text.push_str(&format!("r{index} ::= {body}\n"));
            places.push(at);
        }
        for (name, body) in self.named {
            text.push_str(&format!("{name} ::= {body}\n"));
            places.push("#".to_owned());
        }
        (text, places)
    }
}

/// Rules that any grammar may need: name, body, and what the body names.
const STANDING: &[(&str, &str, &[&str])] = &[
    // At most one space, or one line break with some indentation: models loop on blanks.
    ("ws", r#"(" " | "\n" [ \t]{0,24})?"#, &[]),
    ("sp", r#"" "?"#, &[]),
    ("hex", "[0-9A-Fa-f]", &[]),
    // A lone half of a surrogate pair is no character.
    (
        "char",
        r#"[^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" code)"#,
        &["code"],
    ),
    (
        "code",
        r#"[0-9A-CEFa-cef] hex hex hex | [Dd] ([0-7] hex hex | [89ABab] hex hex "\\u" [Dd] [C-Fc-f] hex hex)"#,
        &["hex"],
    ),
    ("plain", r#"[^"\\\x00-\x1F\x7F]"#, &[]),
    ("string", r#""\"" char* "\"""#, &["char"]),
    ("integer", r#""0" | "-"? [1-9] [0-9]{0,14}"#, &[]),
    (
        "number",
        r#""-"? ("0" | [1-9] [0-9]{0,14}) ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?"#,
        &[],
    ),
    ("boolean", r#""true" | "false""#, &[]),
    (
        "value",
        r#"object | array | string | number | boolean | "null""#,
        &["object", "array", "string", "number", "boolean"],
    ),
    (
        "member",
        r#"string ":" sp value"#,
        &["string", "sp", "value"],
    ),
    (
        "object",
        r#""{" ws (member ("," ws member)* ws)? "}""#,
        &["ws", "member"],
    ),
    (
        "array",
        r#""[" ws (value ("," ws value)* ws)? "]""#,
        &["ws", "value"],
    ),
    // Behind a point: at least one digit that is not 0.
    ("nonzero", r#""0"{0,7} [1-9] [0-9]{0,7}"#, &[]),
];

/// How far all of them are the same.
fn shared_length(texts: &Texts) -> usize {
    let first = &texts[0];
    let shared = |text: &Vec<Range>| first.iter().zip(text).take_while(|(l, r)| l == r).count();
    texts.iter().map(shared).min().unwrap_or_default()
}

fn sorted(mut texts: Texts) -> Texts {
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// By what the texts begin with: ranges that no other group shares, and what may follow them.
fn split(texts: &Texts) -> Vec<(Vec<Range>, Texts)> {
    let mut cuts: Vec<u32> = Vec::new();
    for text in texts {
        if let Some(&(low, high)) = text.first() {
            cuts.extend([low, high + 1]);
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    let mut rests_by_cut: Vec<Texts> = vec![Vec::new(); cuts.len()];
    for text in texts {
        if let Some(&(low, high)) = text.first() {
            let first = cuts.partition_point(|cut| *cut < low);
            let last = cuts.partition_point(|cut| *cut <= high);
            for rests in &mut rests_by_cut[first..last] {
                rests.push(text[1..].to_vec());
            }
        }
    }
    let mut groups: Vec<(Vec<Range>, Texts)> = Vec::new();
    for (index, rests) in rests_by_cut.into_iter().enumerate() {
        if rests.is_empty() {
            continue;
        }
        let (range, rests) = ((cuts[index], cuts[index + 1] - 1), sorted(rests));
        match groups.iter_mut().find(|(_, known)| *known == rests) {
            Some((ranges, _)) => match ranges.last_mut() {
                Some(last) if last.1 + 1 == range.0 => last.1 = range.1,
                _ => ranges.push(range),
            },
            None => groups.push((vec![range], rests)),
        }
    }
    groups
}

/// Literals and classes in a row.
#[derive(Default)]
struct Parts {
    items: Vec<String>,
    literal: String,
}

impl Parts {
    fn push(&mut self, ranges: &[Range]) {
        if let [(low, high)] = ranges
            && low == high
            && let Some(char) = char::from_u32(*low)
        {
            self.literal.push(char);
            return;
        }
        self.end_literal();
        self.items.push(class(ranges));
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            self.items.push(quote(&self.literal));
            self.literal.clear();
        }
    }

    fn finish(mut self) -> String {
        self.end_literal();
        self.items.join(" ")
    }
}
