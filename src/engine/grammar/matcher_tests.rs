//! Does a grammar allow a text, and what texts does it allow? Answered in another way than
//! llama.cpp answers it, for the tests of this room. Texts are short: recursion is as deep as they
//! are long.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::gbnf::{Element, Grammar, read};

const MADE: usize = super::gbnf::MAX_MADE_BYTES;

/// A grammar that need not be checked.
pub(super) fn grammar(text: &str) -> Grammar {
    read(text, MADE).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(super) fn accepts(grammar: &Grammar, text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let mut matcher = Matcher {
        grammar,
        chars: &chars,
        known: HashMap::new(),
    };
    matcher.ends(grammar.root(), 0).contains(&chars.len())
}

struct Matcher<'a> {
    grammar: &'a Grammar,
    chars: &'a [char],
    /// Where a rule that begins at a place may end.
    known: HashMap<(u32, usize), Rc<BTreeSet<usize>>>,
}

impl Matcher<'_> {
    fn ends(&mut self, rule: u32, start: usize) -> Rc<BTreeSet<usize>> {
        if let Some(known) = self.known.get(&(rule, start)) {
            return Rc::clone(known);
        }
        let mut ends = BTreeSet::new();
        for elements in self.grammar.alternatives(rule) {
            let mut places = BTreeSet::from([start]);
            for element in elements {
                let mut next = BTreeSet::new();
                for place in places {
                    match element {
                        Element::Rule(rule) => next.extend(self.ends(*rule, place).iter()),
                        Element::Chars(set) => {
                            let set = self.grammar.set(*set);
                            if self
                                .chars
                                .get(place)
                                .is_some_and(|char| set.contains(*char))
                            {
                                next.insert(place + 1);
                            }
                        }
                        Element::Or | Element::End => unreachable!("alternatives are split there"),
                    }
                }
                places = next;
            }
            ends.extend(places);
        }
        let ends = Rc::new(ends);
        self.known.insert((rule, start), Rc::clone(&ends));
        ends
    }
}

/// Random numbers, the same for a seed everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(super) fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Texts that a grammar allows, by walking it at random.
pub(super) struct Writer<'a> {
    grammar: &'a Grammar,
    /// The fewest characters that satisfy each rule.
    fewest: Vec<usize>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(grammar: &'a Grammar, rules: usize) -> Self {
        let mut writer = Self {
            grammar,
            fewest: vec![usize::MAX; rules],
        };
        let mut changed = true;
        while changed {
            changed = false;
            for rule in 0..rules {
                let alternatives = grammar.alternatives(rule as u32);
                let least = alternatives.map(|it| writer.cost(it)).min().unwrap();
                changed |= least < writer.fewest[rule];
                writer.fewest[rule] = least.min(writer.fewest[rule]);
            }
        }
        writer
    }

    fn cost(&self, elements: &[Element]) -> usize {
        let cost = |element: &Element| match element {
            Element::Rule(rule) => self.fewest[*rule as usize],
            _ => 1,
        };
        // One for each rule, so that no rule costs nothing and every walk ends.
        elements.iter().map(cost).fold(1, usize::saturating_add)
    }

    pub(super) fn text(&self, random: &mut Random, mut length: usize) -> String {
        let mut text = String::new();
        let mut open = vec![Element::Rule(self.grammar.root())];
        while let Some(element) = open.pop() {
            match element {
                Element::Rule(rule) => {
                    let alternatives: Vec<&[Element]> = self.grammar.alternatives(rule).collect();
                    let shortest = alternatives.iter().min_by_key(|it| self.cost(it)).unwrap();
                    let chosen = if length == 0 {
                        shortest
                    } else {
                        random.choose(&alternatives)
                    };
                    length = length.saturating_sub(1);
                    open.extend(chosen.iter().rev());
                }
                Element::Chars(set) => {
                    let ranges = self.grammar.set(set).ranges();
                    let (low, high) = *random.choose(ranges);
                    let near = low + random.below((high - low + 1).min(40) as usize) as u32;
                    text.push(char::from_u32(near).unwrap_or('x'));
                }
                Element::Or | Element::End => unreachable!("alternatives are split there"),
            }
        }
        text
    }
}

#[test]
fn the_matcher_follows_rules_groups_classes_and_repetitions() {
    let grammar = grammar("root ::= \"a\" (b | [0-9]{2,3})* \"z\"?\nb ::= [^a-y] | \"xyz\"");
    for (text, fits) in [
        ("a", true),
        ("a12z", true),
        ("a1234567", true),
        ("axyzz", true),
        ("aéxyz12", true),
        ("axy", false),
        ("", false),
        ("ab", false),
        ("aa", false),
    ] {
        assert_eq!(accepts(&grammar, text), fits, "{text}");
    }
}

#[test]
fn what_is_written_at_random_is_allowed() {
    let grammar = grammar("root ::= \"(\" (root | [a-c]+ \",\"?){0,3} \")\"");
    let writer = Writer::new(&grammar, grammar.rules());
    for seed in 0..200 {
        let text = writer.text(&mut Random::new(seed), 30);
        assert!(accepts(&grammar, &text), "{text}");
    }
}
