//! Characters of patterns: classes, escapes, and how JSON spells what they hold. Readers of regular
//! expressions differ in what is a blank or a letter, so a class holds what all of them agree on.

use super::super::super::GrammarError;
use super::super::super::gbnf::CharSet;
use super::super::super::literals::{Range, class, quote};
use super::{Part, Reader};

const DIGIT: &[Range] = &[(0x30, 0x39)];
const WORD: &[Range] = &[(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)];
const BLANK: &[Range] = &[(0x09, 0x0D), (0x20, 0x20)];
/// Whatever some reader of regular expressions takes for a blank.
const ANY_BLANK: &[Range] = &[
    (0x09, 0x0D),
    (0x1C, 0x20),
    (0x85, 0x85),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),
];
const BEYOND_ASCII: Range = (0x80, 0x10_FFFF);
/// What JSON spells as it is.
const PLAIN: &[Range] = &[(0x20, 0x21), (0x23, 0x5B), (0x5D, 0x7E), (0x80, 0x10_FFFF)];
/// What JSON spells with a backslash.
const ESCAPED: &[(char, &str)] = &[
    ('"', "\\\""),
    ('\\', "\\\\"),
    ('\n', "\\n"),
    ('\t', "\\t"),
    ('\r', "\\r"),
    ('\u{8}', "\\b"),
    ('\u{C}', "\\f"),
];

impl Reader<'_, '_> {
    /// The set as JSON spells its characters.
    pub(super) fn spelled(&mut self, set: &CharSet) -> Result<Part, GrammarError> {
        let mut plain = Vec::new();
        for &(low, high) in set.ranges() {
            let within = PLAIN
                .iter()
                .map(|&(first, last)| (low.max(first), high.min(last)));
            plain.extend(within.filter(|(low, high)| low <= high));
        }
        let escapes = ESCAPED.iter().filter(|(char, _)| set.contains(*char));
        let mut ways: Vec<String> = escapes.map(|(_, spelling)| quote(spelling)).collect();
        if !plain.is_empty() {
            ways.insert(0, class(&plain));
        }
        let body = match ways.len() {
            0 => return self.refuse("JSON has no short spelling for this character"),
            1 => ways.remove(0),
            _ => format!("({})", ways.join(" | ")),
        };
        Ok(Part {
            body,
            min: 1,
            max: Some(1),
        })
    }

    pub(super) fn class(&mut self) -> Result<CharSet, GrammarError> {
        self.at += 1;
        let negated = self.take("^");
        let mut ranges: Vec<Range> = Vec::new();
        loop {
            let low = match self.peek() {
                None => return self.refuse("a class is never closed"),
                Some(']') => break,
                Some(_) => self.member(negated)?,
            };
            let is_range = self.peek() == Some('-') && self.chars.get(self.at + 1) != Some(&']');
            if !is_range {
                ranges.extend(low.ranges());
                continue;
            }
            self.at += 1;
            if self.peek().is_none() {
                return self.refuse("a class is never closed");
            }
            let high = self.member(negated)?;
            match (low.ranges(), high.ranges()) {
                (&[(low, other)], &[(high, another)])
                    if low == other && high == another && low <= high =>
                {
                    ranges.push((low, high));
                }
                _ => return self.refuse("this range has no beginning or no end"),
            }
        }
        self.at += 1;
        let set = CharSet::new(&ranges, negated);
        if set.is_empty() {
            return self.refuse("no character is in this class");
        }
        Ok(set)
    }

    fn member(&mut self, wide: bool) -> Result<CharSet, GrammarError> {
        match self.chars[self.at] {
            '\\' => self.escape(wide),
            char => {
                self.at += 1;
                Ok(single(char))
            }
        }
    }

    /// Readers differ in what is a blank or a letter: only what is one to all of them, or, where
    /// `wide`, all that is one to any of them.
    pub(super) fn escape(&mut self, wide: bool) -> Result<CharSet, GrammarError> {
        self.at += 1;
        let Some(char) = self.peek() else {
            return self.refuse("the pattern ends in the middle of an escape");
        };
        let set = match char {
            'd' => CharSet::new(DIGIT, false),
            'D' => CharSet::new(DIGIT, true),
            'w' if wide => CharSet::new(&[WORD, &[BEYOND_ASCII]].concat(), false),
            'w' => CharSet::new(WORD, false),
            'W' if wide => CharSet::new(WORD, true),
            'W' => CharSet::new(&[WORD, &[BEYOND_ASCII]].concat(), true),
            's' => CharSet::new(if wide { ANY_BLANK } else { BLANK }, false),
            'S' => CharSet::new(if wide { BLANK } else { ANY_BLANK }, true),
            'n' => single('\n'),
            'r' => single('\r'),
            't' => single('\t'),
            'f' => single('\u{C}'),
            'x' => return self.hex(2),
            'u' => return self.hex(4),
            'b' | 'B' => return self.refuse("word boundaries are not supported"),
            'p' | 'P' => return self.refuse("properties of Unicode are not supported"),
            char if char.is_ascii_digit() || char == 'k' => {
                return self.refuse("back references are not supported");
            }
            char if char.is_ascii_alphanumeric() => {
                return self.refuse("this escape is not supported");
            }
            char => single(char),
        };
        self.at += 1;
        Ok(set)
    }

    fn hex(&mut self, digits: usize) -> Result<CharSet, GrammarError> {
        self.at += 1;
        let text: String = self.chars[self.at..].iter().take(digits).collect();
        let code = u32::from_str_radix(&text, 16)
            .ok()
            .filter(|_| text.chars().all(|it| it.is_ascii_hexdigit()));
        match code
            .filter(|_| text.len() == digits)
            .and_then(char::from_u32)
        {
            Some(char) => {
                self.at += digits;
                Ok(single(char))
            }
            None => self.refuse("this is not the number of a character"),
        }
    }
}

pub(super) fn single(char: char) -> CharSet {
    CharSet::new(&[(char.into(), char.into())], false)
}
