//! GBNF as llama.cpp's grammar sampler takes it: read completely, then proven harmless.
//!
//! What [`check`] lets pass is taken by llama.cpp without an abort, and costs it a bounded amount
//! of memory and time. It is stricter than llama.cpp where that would hang, grow without end, give
//! a text that cannot end, or silently mean something else. Callers: the room's own `mod.rs`, for a
//! person's grammar, and `schema` and `tools`, as the last look at what they made.

mod analyse;
mod chars;
mod read;
mod walk;

#[cfg(test)]
mod gbnf_tests;

pub(super) use self::chars::CharSet;
pub(super) use self::read::read;
use super::GrammarError;

/// Bytes of a grammar's text that a person may send.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// Of what schemas are translated into: larger than what they are read from.
pub(super) const MAX_MADE_BYTES: usize = 512 * 1024;
/// Groups within groups.
const MAX_GROUP_DEPTH: usize = 32;
/// Rules, with those that groups and repetitions become.
const MAX_RULES: usize = 16_384;
/// What rules are made of, after repetitions were written out.
const MAX_ELEMENTS: usize = 131_072;
/// llama.cpp's own; above it a repetition is refused or taken for unlimited.
pub(super) const MAX_REPETITIONS: u64 = 2000;

/// One step of a rule, as llama.cpp keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// One character of a set in [`Grammar::sets`].
    Chars(u32),
    /// What a rule in [`Grammar::rules`] allows.
    Rule(u32),
    /// Another way to satisfy the rule begins.
    Or,
    End,
}

#[derive(Debug)]
pub(super) struct Rule {
    /// Empty for what a group or a repetition became.
    name: String,
    /// Bytes from the start of the text.
    offset: usize,
    /// Ends with [`Element::End`].
    elements: Vec<Element>,
}

/// A grammar that was read: every rule that is named is there.
#[derive(Debug)]
pub(super) struct Grammar {
    rules: Vec<Rule>,
    sets: Vec<CharSet>,
    root: u32,
}

impl Grammar {
    /// The ways to satisfy a rule.
    #[cfg(test)]
    pub(super) fn alternatives(&self, rule: u32) -> impl Iterator<Item = &[Element]> {
        let elements = &self.rules[rule as usize].elements;
        elements[..elements.len() - 1].split(|element| *element == Element::Or)
    }

    #[cfg(test)]
    pub(super) fn set(&self, set: u32) -> &CharSet {
        &self.sets[set as usize]
    }

    #[cfg(test)]
    pub(super) fn root(&self) -> u32 {
        self.root
    }

    #[cfg(test)]
    pub(super) fn rules(&self) -> usize {
        self.rules.len()
    }
}

/// Reads a grammar and makes sure that llama.cpp can work with it.
pub(super) fn check(text: &str, max_bytes: usize) -> Result<Grammar, GrammarError> {
    let grammar = read(text, max_bytes)?;
    analyse::analyse(&grammar)
        .and_then(|()| walk::walk(&grammar))
        .map_err(|fault| {
            let rule = &grammar.rules[fault.rule as usize];
            GrammarError::at_offset(text, rule.offset, fault.reason)
        })?;
    Ok(grammar)
}

/// What is wrong with a rule.
#[derive(Debug)]
struct Fault {
    rule: u32,
    reason: String,
}

impl Fault {
    fn new(rule: u32, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { rule, reason }
    }
}
