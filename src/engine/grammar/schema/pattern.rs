//! Regular expressions of JSON Schema, as far as a grammar can say them.
//!
//! Characters, classes, groups, alternatives and counted repetitions; anchors at the two ends only.
//! A pattern without anchors may stand anywhere in the string. Look-around, back references, word
//! boundaries and properties of Unicode are refused by name. Each character is spelled in the one
//! way JSON usually has for it; control characters that have no short escape are left out.

mod chars;

use self::chars::single;
use super::super::GrammarError;
use super::super::gbnf::CharSet;
use super::super::literals::{Range, Rules};
use super::node::Node;

const MAX_BYTES: usize = 1000;
const MAX_DEPTH: usize = 16;
const MAX_COUNT: u64 = 1000;

const LINE_END: &[Range] = &[(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)];

/// What stands between the quotes, and how many characters that can be.
pub(super) struct Pattern {
    pub(super) body: String,
    pub(super) min_chars: u64,
    pub(super) max_chars: Option<u64>,
}

pub(super) fn translate(
    rules: &mut Rules,
    text: &str,
    node: &Node<'_>,
) -> Result<Pattern, GrammarError> {
    if text.len() > MAX_BYTES {
        return node.refuse(format!("the pattern is longer than {MAX_BYTES} bytes"));
    }
    let mut reader = Reader {
        rules,
        node,
        chars: text.chars().collect(),
        at: 0,
        depth: 0,
    };
    let found = reader.alternatives()?;
    if reader.at < reader.chars.len() {
        return reader.refuse("this ) closes nothing");
    }
    Ok(Pattern {
        body: format!("({})", found.body),
        min_chars: found.min,
        max_chars: found.max,
    })
}

/// A part of a pattern in GBNF, and how many characters it can be.
struct Part {
    body: String,
    min: u64,
    max: Option<u64>,
}

struct Reader<'a, 'n> {
    rules: &'a mut Rules,
    node: &'a Node<'n>,
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Reader<'_, '_> {
    fn refuse<T>(&self, reason: &str) -> Result<T, GrammarError> {
        self.node.refuse(format!(
            "at character {} of the pattern: {reason}",
            self.at + 1
        ))
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, text: &str) -> bool {
        let wanted: Vec<char> = text.chars().collect();
        let found = self.chars[self.at..].starts_with(&wanted);
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    fn alternatives(&mut self) -> Result<Part, GrammarError> {
        let mut found = self.sequence()?;
        while self.take("|") {
            let other = self.sequence()?;
            found = Part {
                body: format!("{} | {}", found.body, other.body),
                min: found.min.min(other.min),
                max: found
                    .max
                    .zip(other.max)
                    .map(|(left, right)| left.max(right)),
            };
        }
        Ok(found)
    }

    fn sequence(&mut self) -> Result<Part, GrammarError> {
        let whole = self.depth == 0;
        let from_start = whole && self.take("^");
        let mut parts: Vec<Part> = Vec::new();
        let mut to_end = false;
        while let Some(char) = self.peek() {
            match char {
                '|' | ')' => break,
                '$' if whole && matches!(self.chars.get(self.at + 1), None | Some('|')) => {
                    self.at += 1;
                    to_end = true;
                }
                '^' | '$' => {
                    return self
                        .refuse("an anchor is supported only at an end of the whole pattern");
                }
                '*' | '+' | '?' | '{' => {
                    return self.refuse("there is nothing to repeat before this");
                }
                _ => {
                    let part = self.item()?;
                    parts.push(self.quantified(part)?);
                }
            }
        }
        let anything = |rules: &mut Rules| Part {
            body: format!("{}*", rules.standing("char")),
            min: 0,
            max: None,
        };
        if whole && !from_start {
            parts.insert(0, anything(self.rules));
        }
        if whole && !to_end && (from_start || parts.len() > 1) {
            parts.push(anything(self.rules));
        }
        let bodies: Vec<&str> = parts.iter().map(|part| part.body.as_str()).collect();
        Ok(Part {
            body: if parts.is_empty() {
                "\"\"".into()
            } else {
                bodies.join(" ")
            },
            min: parts
                .iter()
                .map(|part| part.min)
                .fold(0, u64::saturating_add),
            max: parts
                .iter()
                .try_fold(0, |sum: u64, part| sum.checked_add(part.max?)),
        })
    }

    /// One item, without what repeats it; its body is one item of GBNF as well.
    fn item(&mut self) -> Result<Part, GrammarError> {
        let char = self.chars[self.at];
        match char {
            '(' => self.group(),
            '[' => {
                let set = self.class()?;
                self.spelled(&set)
            }
            '.' => {
                self.at += 1;
                self.spelled(&CharSet::new(LINE_END, true))
            }
            '\\' => {
                let set = self.escape(false)?;
                self.spelled(&set)
            }
            char => {
                self.at += 1;
                self.spelled(&single(char))
            }
        }
    }

    fn group(&mut self) -> Result<Part, GrammarError> {
        if self.take("(?") {
            let is_named =
                self.peek() == Some('<') && !matches!(self.chars.get(self.at + 1), Some('=' | '!'));
            if is_named {
                while self.peek().is_some_and(|char| char != '>') {
                    self.at += 1;
                }
                self.at += 1;
            } else if !self.take(":") {
                return self.refuse("look-around and flags are not supported");
            }
        } else {
            self.at += 1;
        }
        if self.depth == MAX_DEPTH {
            return self.refuse("groups are nested too deeply");
        }
        self.depth += 1;
        let found = self.alternatives()?;
        self.depth -= 1;
        if !self.take(")") {
            return self.refuse("a group is never closed");
        }
        // A rule of its own keeps repetitions of it small.
        let body = self.rules.add(found.body, &self.node.place())?;
        Ok(Part { body, ..found })
    }

    fn quantified(&mut self, part: Part) -> Result<Part, GrammarError> {
        let (min, max) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => return self.counted(part),
            _ => return Ok(part),
        };
        self.at += 1;
        self.repeated(part, min, max)
    }

    fn counted(&mut self, part: Part) -> Result<Part, GrammarError> {
        self.at += 1;
        let min = self.count()?;
        let mut max = Some(min);
        if self.take(",") {
            max = match self.peek() {
                Some('}') => None,
                _ => Some(self.count()?),
            };
        }
        if !self.take("}") {
            return self.refuse("} is expected here");
        }
        if max.is_some_and(|max| max < min) {
            return self.refuse("this repetition is at most less often than at least");
        }
        self.repeated(part, min, max)
    }

    fn count(&mut self) -> Result<u64, GrammarError> {
        let digits: String = self.chars[self.at..]
            .iter()
            .take_while(|char| char.is_ascii_digit())
            .collect();
        match digits.parse() {
            Ok(count) if count <= MAX_COUNT => {
                self.at += digits.len();
                Ok(count)
            }
            Err(_) if digits.is_empty() => self.refuse("a number is expected here"),
            _ => self.refuse(&format!("repetitions are counted up to {MAX_COUNT}")),
        }
    }

    fn repeated(&mut self, part: Part, min: u64, max: Option<u64>) -> Result<Part, GrammarError> {
        // Whether it takes as few or as many as it can changes nothing about what it allows.
        self.take("?");
        if matches!(self.peek(), Some('*' | '+' | '?' | '{')) {
            return self.refuse("what is repeated is repeated again: put it into a group");
        }
        if part.min == 0 && max != Some(1) && max != Some(0) {
            return self.refuse("what is repeated here may be empty");
        }
        let body = match (min, max) {
            (_, Some(0)) => "\"\"".to_owned(),
            (1, Some(1)) => part.body,
            (0, Some(1)) => format!("{}?", part.body),
            (0, None) => format!("{}*", part.body),
            (1, None) => format!("{}+", part.body),
            (min, None) => format!("{}{{{min},}}", part.body),
            (min, Some(max)) => format!("{}{{{min},{max}}}", part.body),
        };
        Ok(Part {
            body,
            min: part.min.saturating_mul(min),
            max: match max {
                Some(0) => Some(0),
                max => part
                    .max
                    .zip(max)
                    .and_then(|(each, often)| each.checked_mul(often)),
            },
        })
    }
}
