//! What a grammar's rules mean together: which may be empty, which begin with themselves, which
//! can end. Iterative throughout, since a chain of rules may be as long as the grammar.
//!
//! llama.cpp looks for left recursion as well, but takes a rule that is empty only through other
//! rules for one that is not (and then never returns), and looks at shared beginnings again and
//! again: both are asked here before it does.

use super::{Element, Fault, Grammar};

/// Steps of llama.cpp's own search for left recursion.
const MAX_SEARCH: u64 = 5_000_000;
/// Rules that begin with rules that begin with rules: llama.cpp follows them on its stack.
const MAX_CHAIN: u32 = 10_000;

pub(super) fn analyse(grammar: &Grammar) -> Result<(), Fault> {
    let empty = satisfied(grammar, |element| matches!(element, Element::Chars(_)));
    let firsts = firsts_of(grammar, &empty);
    refuse_left_recursion(grammar, &firsts)?;
    refuse_endless(grammar)
}

/// Rules with an alternative of satisfied rules and nothing that is `barred`.
fn satisfied(grammar: &Grammar, barred: impl Fn(&Element) -> bool) -> Vec<bool> {
    let mut known = vec![false; grammar.rules.len()];
    // Who is to be asked again once a rule is known.
    let mut users: Vec<Vec<u32>> = vec![Vec::new(); grammar.rules.len()];
    for (index, rule) in (0_u32..).zip(&grammar.rules) {
        for element in &rule.elements {
            if let Element::Rule(used) = element {
                users[*used as usize].push(index);
            }
        }
    }
    let mut open: Vec<u32> = (0_u32..)
        .zip(&grammar.rules)
        .map(|(index, _)| index)
        .collect();
    while let Some(index) = open.pop() {
        if known[index as usize] {
            continue;
        }
        let elements = &grammar.rules[index as usize].elements;
        let fits = |element: &Element| match element {
            Element::Rule(used) => known[*used as usize],
            other => !barred(other),
        };
        let alternatives = elements[..elements.len() - 1].split(|element| *element == Element::Or);
        if alternatives
            .into_iter()
            .any(|elements| elements.iter().all(fits))
        {
            known[index as usize] = true;
            open.append(&mut users[index as usize]);
        }
    }
    known
}

/// Of each rule, the rules it may begin with, as often as they are named.
fn firsts_of(grammar: &Grammar, empty: &[bool]) -> Vec<Vec<u32>> {
    let firsts = |elements: &[Element]| {
        let mut firsts = Vec::new();
        let mut at_start = true;
        for element in elements {
            match element {
                Element::Or => at_start = true,
                Element::Rule(rule) if at_start => {
                    firsts.push(*rule);
                    at_start = empty[*rule as usize];
                }
                _ => at_start = false,
            }
        }
        firsts
    };
    let rules = grammar.rules.iter();
    rules.map(|rule| firsts(&rule.elements)).collect()
}

fn refuse_left_recursion(grammar: &Grammar, firsts: &[Vec<u32>]) -> Result<(), Fault> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; firsts.len()];
    // Of a rule that is done: steps and depth of llama.cpp's search from it.
    let mut costs = vec![(0_u64, 0_u32); firsts.len()];
    let mut total = 0_u64;
    for start in 0..u32::try_from(firsts.len()).expect("MAX_RULES is small") {
        if marks[start as usize] == Mark::Done {
            continue;
        }
        let mut path = vec![(start, 0_usize)];
        marks[start as usize] = Mark::Open;
        while let Some((rule, next)) = path.last_mut() {
            let index = *rule as usize;
            if let Some(&first) = firsts[index].get(*next) {
                *next += 1;
                match marks[first as usize] {
                    Mark::Open => {
                        let reason = format!("{} begins with itself", name_of(grammar, first));
                        return Err(Fault::new(first, reason));
                    }
                    Mark::New => {
                        marks[first as usize] = Mark::Open;
                        path.push((first, 0));
                    }
                    Mark::Done => {}
                }
                continue;
            }
            let own = grammar.rules[index].elements.len() as u64;
            costs[index] = firsts[index]
                .iter()
                .fold((own, 1), |(steps, depth), first| {
                    let (more, below) = costs[*first as usize];
                    (steps.saturating_add(more), depth.max(below + 1))
                });
            marks[index] = Mark::Done;
            path.pop();
        }
        let (steps, depth) = costs[start as usize];
        total = total.saturating_add(steps);
        if total > MAX_SEARCH || depth > MAX_CHAIN {
            let reason = "too many rules begin with rules that begin with rules";
            return Err(Fault::new(start, reason));
        }
    }
    Ok(())
}

fn refuse_endless(grammar: &Grammar) -> Result<(), Fault> {
    let ends = satisfied(grammar, |_| false);
    let mut reached = vec![false; grammar.rules.len()];
    let mut open = vec![grammar.root];
    reached[grammar.root as usize] = true;
    while let Some(index) = open.pop() {
        if !ends[index as usize] {
            let reason = format!("{} can never end", name_of(grammar, index));
            return Err(Fault::new(index, reason));
        }
        for element in &grammar.rules[index as usize].elements {
            if let Element::Rule(used) = element
                && !reached[*used as usize]
            {
                reached[*used as usize] = true;
                open.push(*used);
            }
        }
    }
    Ok(())
}

fn name_of(grammar: &Grammar, rule: u32) -> String {
    match grammar.rules[rule as usize].name.as_str() {
        "" => "this group or repetition".into(),
        name => format!("the rule \"{name}\""),
    }
}
