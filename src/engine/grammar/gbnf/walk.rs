//! How ambiguous is a grammar? Walked as llama.cpp walks it while a text is written.
//!
//! llama.cpp follows every reading of a text at once, each as a stack of what is still to come, and
//! asks each of them about every token. A grammar that lets readings multiply takes all memory. No
//! analysis can tell (ambiguity is undecidable), so texts are tried: from every rule, always on
//! towards where most readings stay open, within a budget.

use std::collections::HashSet;

use super::{Element, Fault, Grammar};

/// Readings open at once.
const MAX_READINGS: usize = 512;
/// Things still to come in one reading.
const MAX_PENDING: usize = 512;
const CHARS_FROM_ROOT: usize = 160;
const CHARS_FROM_A_RULE: usize = 24;
/// Different next characters that are looked at.
const MAX_CHOICES: usize = 12;
/// Stacks that may be looked at from one rule, and altogether, long ones counting more: some
/// milliseconds.
const BUDGET_OF_ROOT: usize = 60_000;
const BUDGET_OF_A_RULE: usize = 4_000;
const BUDGET: usize = 200_000;
/// Stacks between one character and the next.
const MAX_BETWEEN: usize = 16_384;

/// Where in which rule.
type Place = (u32, u32);
type Stack = Vec<Place>;

pub(super) fn walk(grammar: &Grammar) -> Result<(), Fault> {
    let mut walk = Walk {
        grammar,
        budget: 0,
        visits: vec![0; grammar.sets.len()],
    };
    let mut left = BUDGET - BUDGET_OF_ROOT;
    walk.budget = BUDGET_OF_ROOT;
    walk.from(grammar.root, CHARS_FROM_ROOT)?;
    let named = (0_u32..).zip(&grammar.rules);
    for (index, rule) in named.filter(|(_, rule)| !rule.name.is_empty()) {
        // What repeats and branches is where readings multiply.
        if left > 0
            && rule
                .elements
                .iter()
                .any(|it| matches!(it, Element::Rule(_)))
        {
            walk.budget = BUDGET_OF_A_RULE.min(left);
            left -= walk.budget;
            walk.from(index, CHARS_FROM_A_RULE)?;
            left += walk.budget;
        }
    }
    Ok(())
}

struct Walk<'a> {
    grammar: &'a Grammar,
    budget: usize,
    /// How often a set was stepped on.
    visits: Vec<u32>,
}

impl Walk<'_> {
    fn from(&mut self, rule: u32, chars: usize) -> Result<(), Fault> {
        let mut stacks = HashSet::new();
        let mut starts = Vec::new();
        self.enter(rule, &[], &mut starts);
        for start in starts {
            self.open(rule, start, &mut stacks)?;
        }
        for _ in 0..chars {
            if self.budget == 0 {
                return Ok(());
            }
            // Where most readings stay open; of those, what was stepped on least.
            let chosen = self.choices(&stacks).into_iter().max_by_key(|(char, set)| {
                let open = stacks
                    .iter()
                    .filter(|stack| self.takes(stack, *char))
                    .count();
                (open, u32::MAX - self.visits[*set as usize])
            });
            let Some((char, set)) = chosen else {
                return Ok(());
            };
            self.visits[set as usize] += 1;
            let mut next = HashSet::new();
            for stack in stacks {
                if !self.takes(&stack, char) {
                    continue;
                }
                let rest = self.behind(&stack);
                self.open(rule, rest, &mut next)?;
            }
            stacks = next;
        }
        Ok(())
    }

    fn takes(&self, stack: &[Place], char: char) -> bool {
        let Some(Element::Chars(set)) = stack.last().map(|top| self.element(*top)) else {
            return false;
        };
        self.grammar.sets[set as usize].contains(char)
    }

    fn element(&self, (rule, at): Place) -> Element {
        self.grammar.rules[rule as usize].elements[at as usize]
    }

    /// What `before` becomes with each way to satisfy the rule on top.
    fn enter(&self, rule: u32, before: &[Place], into: &mut Vec<Stack>) {
        let elements = &self.grammar.rules[rule as usize].elements;
        let mut begins = true;
        for (at, element) in (0_u32..).zip(elements) {
            if begins {
                let mut stack = before.to_vec();
                if !matches!(element, Element::Or | Element::End) {
                    stack.push((rule, at));
                }
                into.push(stack);
            }
            begins = *element == Element::Or;
        }
    }

    /// Takes the top away and puts what follows it there.
    fn behind(&self, stack: &[Place]) -> Stack {
        let Some(((rule, at), below)) = stack.split_last() else {
            return Stack::new();
        };
        let mut rest = below.to_vec();
        if !matches!(self.element((*rule, at + 1)), Element::Or | Element::End) {
            rest.push((*rule, at + 1));
        }
        rest
    }

    /// Follows rules until every reading waits for a character or is at its end.
    fn open(&mut self, start: u32, stack: Stack, ready: &mut HashSet<Stack>) -> Result<(), Fault> {
        let mut seen = HashSet::new();
        let mut open = vec![stack];
        while let Some(stack) = open.pop() {
            self.budget = self.budget.saturating_sub(1 + stack.len() / 4);
            if stack.len() > MAX_PENDING || self.budget == 0 {
                return Ok(());
            }
            let Some(top) = stack.last() else {
                ready.insert(stack);
                continue;
            };
            let Element::Rule(rule) = self.element(*top) else {
                ready.insert(stack);
                if ready.len() > MAX_READINGS {
                    return Err(ambiguous(start));
                }
                continue;
            };
            if seen.len() > MAX_BETWEEN {
                return Err(ambiguous(start));
            }
            let below = self.behind(&stack);
            if seen.insert(stack) {
                self.enter(rule, &below, &mut open);
            }
        }
        Ok(())
    }

    /// Characters that tell the readings apart, each with a set it is in.
    fn choices(&self, stacks: &HashSet<Stack>) -> Vec<(char, u32)> {
        let mut sets: Vec<u32> = stacks
            .iter()
            .filter_map(|stack| match self.element(*stack.last()?) {
                Element::Chars(set) => Some(set),
                _ => None,
            })
            .collect();
        sets.sort_unstable();
        sets.dedup();
        // Those rarely stepped on first, so that a walk does not go in circles.
        sets.sort_by_key(|set| self.visits[*set as usize]);
        let mut choices: Vec<(char, u32)> = Vec::new();
        for set in sets {
            for &(low, _) in self.grammar.sets[set as usize].ranges() {
                let Some(char) = char::from_u32(low) else {
                    continue;
                };
                if choices.iter().all(|(known, _)| *known != char) {
                    choices.push((char, set));
                }
                if choices.len() == MAX_CHOICES {
                    return choices;
                }
            }
        }
        choices
    }
}

fn ambiguous(rule: u32) -> Fault {
    let reason =
        format!("this is too ambiguous: more than {MAX_READINGS} readings of one text stay open");
    Fault::new(rule, reason)
}
