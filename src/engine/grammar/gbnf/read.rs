//! Reads GBNF text into rules, with llama.cpp's syntax and its way to write repetitions out.
//!
//! Every limit is asked before what it limits is built. A mistake is told with line and column.

mod terminals;

use std::collections::HashMap;

use super::{
    CharSet, Element, Grammar, MAX_ELEMENTS, MAX_GROUP_DEPTH, MAX_REPETITIONS, MAX_RULES, Rule,
};
use crate::engine::grammar::GrammarError;

type Read<T> = Result<T, GrammarError>;

/// Every rule that is named is defined; nothing else is promised.
pub(in crate::engine::grammar) fn read(text: &str, max_bytes: usize) -> Read<Grammar> {
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
        depth: 0,
        ids: HashMap::new(),
        rules: Vec::new(),
        defined: Vec::new(),
        sets: Vec::new(),
        set_ids: HashMap::new(),
        set_weights: Vec::new(),
        weight: 0,
    };
    if text.len() > max_bytes {
        return reader.refuse(0, format!("the grammar is longer than {max_bytes} bytes"));
    }
    if let Some(nul) = text.find('\0') {
        return reader.refuse(nul, "a grammar is text without NUL characters");
    }
    reader.skip_space(true);
    if reader.peek().is_none() {
        return reader.refuse(0, "the grammar has no rules");
    }
    while reader.peek().is_some() {
        reader.read_rule()?;
    }
    reader.finish()
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    ids: HashMap<String, u32>,
    rules: Vec<Rule>,
    defined: Vec<bool>,
    sets: Vec<CharSet>,
    set_ids: HashMap<CharSet, u32>,
    /// Of each set, in llama.cpp's elements: it keeps every range as it was written.
    set_weights: Vec<usize>,
    /// What llama.cpp keeps, in its own elements.
    weight: usize,
}

/// The rule that is being read, and what a quantifier would repeat.
struct Sequence {
    elements: Vec<Element>,
    last: usize,
    /// How many rules the last item became, as llama.cpp counts them.
    last_rules: u64,
}

impl Reader<'_> {
    fn refuse<T>(&self, offset: usize, reason: impl Into<String>) -> Read<T> {
        Err(GrammarError::at_offset(self.text, offset, reason))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self, newlines: bool) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'\r' | b'\n' if newlines => self.at += 1,
                b'#' => {
                    let rest = &self.bytes[self.at..];
                    let line = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                    self.at += line.unwrap_or(rest.len());
                }
                _ => break,
            }
        }
    }

    fn read_name(&mut self) -> Read<&str> {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take_while(|byte| is_word(byte)).count();
        if length == 0 {
            let reason = "a rule's name is expected here: letters, digits and -";
            return self.refuse(self.at, reason);
        }
        let start = self.at;
        self.at += length;
        Ok(&self.text[start..self.at])
    }

    fn id_of(&mut self, name: &str, offset: usize) -> Read<u32> {
        match self.ids.get(name) {
            Some(id) => Ok(*id),
            None => {
                let id = self.new_rule(name, offset)?;
                self.ids.insert(name.to_owned(), id);
                Ok(id)
            }
        }
    }

    fn new_rule(&mut self, name: &str, offset: usize) -> Read<u32> {
        if self.rules.len() >= MAX_RULES {
            let reason =
                format!("the grammar has more than {MAX_RULES} rules, groups and repetitions");
            return self.refuse(offset, reason);
        }
        self.rules.push(Rule {
            name: name.to_owned(),
            offset,
            elements: Vec::new(),
        });
        self.defined.push(false);
        Ok(u32::try_from(self.rules.len() - 1).expect("MAX_RULES is small"))
    }

    fn define(&mut self, rule: u32, elements: Vec<Element>) {
        self.rules[rule as usize].elements = elements;
        self.defined[rule as usize] = true;
    }

    /// Counts what is about to be kept.
    fn weigh(&mut self, elements: &[Element], times: usize) -> Read<()> {
        let weight = |element: &Element| match element {
            Element::Chars(set) => self.set_weights[*set as usize],
            _ => 1,
        };
        let once: usize = elements.iter().map(weight).sum();
        self.weight = self.weight.saturating_add(once.saturating_mul(times));
        if self.weight > MAX_ELEMENTS {
            let reason = "with its repetitions written out, the grammar is too large";
            return self.refuse(self.at, reason);
        }
        Ok(())
    }

    fn read_rule(&mut self) -> Read<()> {
        let offset = self.at;
        let name = self.read_name()?.to_owned();
        self.skip_space(false);
        let id = self.id_of(&name, offset)?;
        if self.defined[id as usize] {
            return self.refuse(offset, format!("the rule \"{name}\" is defined twice"));
        }
        self.rules[id as usize].offset = offset;
        if !self.bytes[self.at..].starts_with(b"::=") {
            return self.refuse(self.at, "::= is expected here");
        }
        self.at += 3;
        self.skip_space(true);
        self.read_alternatives(id, false)?;
        match self.peek() {
            None | Some(b'\r' | b'\n') => {}
            Some(b')') => return self.refuse(self.at, "this ) closes nothing"),
            Some(_) => return self.refuse(self.at, "this is not part of a rule"),
        }
        self.skip_space(true);
        Ok(())
    }

    fn read_alternatives(&mut self, rule: u32, nested: bool) -> Read<()> {
        let mut sequence = Sequence {
            elements: Vec::new(),
            last: 0,
            last_rules: 1,
        };
        self.read_sequence(&mut sequence, nested)?;
        while self.peek() == Some(b'|') {
            self.at += 1;
            self.skip_space(true);
            self.weigh(&[Element::Or], 1)?;
            sequence.elements.push(Element::Or);
            self.read_sequence(&mut sequence, nested)?;
        }
        self.weigh(&[Element::End], 1)?;
        sequence.elements.push(Element::End);
        self.define(rule, sequence.elements);
        Ok(())
    }

    fn read_sequence(&mut self, sequence: &mut Sequence, nested: bool) -> Read<()> {
        sequence.last = sequence.elements.len();
        sequence.last_rules = 1;
        while let Some(byte) = self.peek() {
            let offset = self.at;
            match byte {
                b'*' | b'+' | b'?' | b'{' => {
                    let (min, max) = self.read_quantifier(nested)?;
                    self.skip_space(nested);
                    self.repeat(sequence, min, max, offset)?;
                    continue;
                }
                b'<' | b'!' => {
                    let reason =
                        "tokens cannot be named in a grammar: write the text they stand for";
                    return self.refuse(offset, reason);
                }
                b'"' | b'[' | b'(' | b'.' => {}
                _ if byte.is_ascii_alphanumeric() || byte == b'-' => {}
                _ => return Ok(()),
            }
            let start = sequence.elements.len();
            let mut rules = 1;
            match byte {
                b'"' => self.read_literal(&mut sequence.elements)?,
                b'[' => {
                    let set = self.read_class()?;
                    sequence.elements.push(Element::Chars(set));
                }
                b'.' => {
                    self.at += 1;
                    let set = self.set_id(CharSet::new(&[], true), 1);
                    sequence.elements.push(Element::Chars(set));
                }
                b'(' => {
                    let (rule, made) = self.read_group()?;
                    rules = made;
                    sequence.elements.push(Element::Rule(rule));
                }
                _ => {
                    let name = self.read_name()?.to_owned();
                    let rule = self.id_of(&name, offset)?;
                    sequence.elements.push(Element::Rule(rule));
                }
            }
            sequence.last = start;
            sequence.last_rules = rules;
            self.weigh(&sequence.elements[start..], 1)?;
            self.skip_space(nested);
        }
        Ok(())
    }

    /// The rule the group became, and how many names were new in it, itself included.
    fn read_group(&mut self) -> Read<(u32, u64)> {
        let offset = self.at;
        if self.depth == MAX_GROUP_DEPTH {
            let reason = format!("groups are nested deeper than {MAX_GROUP_DEPTH}");
            return self.refuse(offset, reason);
        }
        self.at += 1;
        self.skip_space(true);
        let before = self.rules.len();
        let rule = self.new_rule("", offset)?;
        self.depth += 1;
        self.read_alternatives(rule, true)?;
        self.depth -= 1;
        if self.peek() != Some(b')') {
            return match self.peek() {
                None => self.refuse(offset, "this ( is never closed"),
                Some(_) => self.refuse(self.at, "this is not part of a group"),
            };
        }
        self.at += 1;
        Ok((rule, (self.rules.len() - before) as u64))
    }

    /// At least and at most how often; None: without end.
    fn read_quantifier(&mut self, nested: bool) -> Read<(u64, Option<u64>)> {
        let offset = self.at;
        self.at += 1;
        match self.bytes[offset] {
            b'*' => return Ok((0, None)),
            b'+' => return Ok((1, None)),
            b'?' => return Ok((0, Some(1))),
            _ => self.skip_space(nested),
        }
        let min = self.read_count()?;
        self.skip_space(nested);
        let mut max = Some(min);
        if self.peek() == Some(b',') {
            self.at += 1;
            self.skip_space(nested);
            max = None;
            if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                max = Some(self.read_count()?);
                self.skip_space(nested);
            }
        }
        if self.peek() != Some(b'}') {
            return self.refuse(self.at, "} is expected here");
        }
        self.at += 1;
        if max.is_some_and(|max| max < min) {
            let reason = "a repetition cannot be at most less often than at least";
            return self.refuse(offset, reason);
        }
        Ok((min, max))
    }

    fn read_count(&mut self) -> Read<u64> {
        let offset = self.at;
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 {
            return self.refuse(offset, "a number is expected here");
        }
        self.at += length;
        let count = self.text[offset..self.at].parse().unwrap_or(u64::MAX);
        if count > MAX_REPETITIONS {
            let reason = format!("nothing can be repeated more than {MAX_REPETITIONS} times");
            return self.refuse(offset, reason);
        }
        Ok(count)
    }

    /// Writes the last item out as llama.cpp does: copies for what must be there, and a chain of
    /// rules for what may be.
    fn repeat(
        &mut self,
        sequence: &mut Sequence,
        min: u64,
        max: Option<u64>,
        offset: usize,
    ) -> Read<()> {
        if sequence.last == sequence.elements.len() {
            return self.refuse(offset, "there is nothing to repeat before this");
        }
        let item = sequence.elements[sequence.last..].to_vec();
        let times = max.filter(|max| *max > 0).unwrap_or(min).max(1);
        sequence.last_rules = sequence.last_rules.saturating_mul(times);
        if sequence.last_rules > MAX_REPETITIONS {
            let reason = format!(
                "repetitions within repetitions come to more than {MAX_REPETITIONS} together"
            );
            return self.refuse(offset, reason);
        }
        let optional = max.map_or(1, |max| max - min);
        let copies = usize::try_from(min + optional).expect("counts are small");
        self.weigh(&item, copies)?;
        if min == 0 {
            sequence.elements.truncate(sequence.last);
        }
        for _ in 1..min {
            sequence.elements.extend_from_slice(&item);
        }
        let mut previous = None;
        for _ in 0..optional {
            let rule = self.new_rule("", offset)?;
            let mut elements = item.clone();
            let rest = if max.is_none() { Some(rule) } else { previous };
            elements.extend(rest.map(Element::Rule));
            elements.extend([Element::Or, Element::End]);
            self.define(rule, elements);
            previous = Some(rule);
        }
        sequence.elements.extend(previous.map(Element::Rule));
        Ok(())
    }

    fn finish(self) -> Read<Grammar> {
        let undefined = self.defined.iter().position(|defined| !defined);
        if let Some(undefined) = undefined {
            let Rule { name, offset, .. } = &self.rules[undefined];
            return self.refuse(*offset, format!("the rule \"{name}\" is not defined"));
        }
        let Some(&root) = self.ids.get("root") else {
            return self.refuse(0, "the grammar has no rule \"root\", where a text begins");
        };
        Ok(Grammar {
            rules: self.rules,
            sets: self.sets,
            root,
        })
    }
}
