//! Registration keys as text: how one is made, how one that somebody typed is read, and a file of
//! them. Pure: nothing here knows the store.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::error::{Error, Reason};
use crate::secrets::random_bytes;

/// Without letters that look like digits.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUP: usize = 5;
/// 30 characters of 5 bits: 150 random bits.
const CHARACTERS: usize = 30;
const SHOWN_CHARACTERS: usize = 5;
/// Keys from a file are made by others; this keeps out what is guessed at once, and no more.
const LINE_CHARACTERS: std::ops::RangeInclusive<usize> = 16..=200;
const DIFFERENT_CHARACTERS: usize = 8;

/// A new key, e.g. `7K2QX-…`, six times five characters.
pub(super) fn new_key() -> String {
    let mut key = String::with_capacity(CHARACTERS + CHARACTERS / GROUP);
    for (index, byte) in random_bytes().iter().take(CHARACTERS).enumerate() {
        if index > 0 && index % GROUP == 0 {
            key.push('-');
        }
        key.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    key
}

/// What may be shown of a key to recognise it by.
pub(super) fn prefix_of(key: &str) -> String {
    key.chars().take(SHOWN_CHARACTERS).collect()
}

/// What somebody may have meant: as typed, and as one of ours copied by hand.
pub(super) fn readings(typed: &str) -> Vec<String> {
    let typed = typed.trim();
    let mut readings = vec![typed.to_owned()];
    let letters: String = typed
        .to_uppercase()
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    if letters.len() == CHARACTERS && letters.bytes().all(|byte| ALPHABET.contains(&byte)) {
        let groups: Vec<&str> = (0..CHARACTERS)
            .step_by(GROUP)
            .map(|start| &letters[start..start + GROUP])
            .collect();
        let grouped = groups.join("-");
        if grouped != readings[0] {
            readings.push(grouped);
        }
    }
    readings
}

/// A line of a file that is no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadLine {
    /// From 1.
    pub(super) line: usize,
    pub(super) problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    Repeated {
        first: usize,
    },
    Characters,
    Length,
    TooSimple,
    /// To the store; nothing here asks it.
    Known,
}

impl Problem {
    pub(super) fn sentence(self) -> String {
        let (least, most) = (LINE_CHARACTERS.start(), LINE_CHARACTERS.end());
        match self {
            Self::Repeated { first } => format!("the same key as in line {first}"),
            Self::Characters => "a key has no spaces and none but ASCII characters".into(),
            Self::Length => format!("a key has {least} to {most} characters"),
            Self::TooSimple => format!(
                "a key has at least {DIFFERENT_CHARACTERS} different characters, or it is guessed"
            ),
            Self::Known => "this key is in the house already".into(),
        }
    }

    fn reason(self) -> Reason {
        match self {
            Self::Repeated { .. } => Reason::KeyRepeated,
            Self::Characters => Reason::KeyCharacters,
            Self::Length => Reason::KeyLength,
            Self::TooSimple => Reason::KeyTooSimple,
            Self::Known => Reason::KeyKnown,
        }
    }
}

impl BadLine {
    /// For the details of an error.
    pub(super) fn details(&self) -> Value {
        let mut details = json!({
            "line": self.line,
            "problem": self.problem.sentence(),
            "reason": self.problem.reason().word(),
        });
        match self.problem {
            Problem::Repeated { first } => details["first"] = first.into(),
            Problem::Length => {
                details["minimum"] = (*LINE_CHARACTERS.start()).into();
                details["maximum"] = (*LINE_CHARACTERS.end()).into();
            }
            Problem::TooSimple => details["minimum"] = DIFFERENT_CHARACTERS.into(),
            Problem::Characters | Problem::Known => {}
        }
        details
    }
}

/// What is said of a text with such lines in it.
pub(super) fn bad_lines(bad: &[BadLine]) -> Error {
    let lines: Vec<_> = bad.iter().take(100).map(BadLine::details).collect();
    let first = bad
        .first()
        .map(|bad| format!("line {}: {}", bad.line, bad.problem.sentence()));
    let sentence = match bad.len() {
        1 => format!("nothing was loaded: {}", first.unwrap_or_default()),
        count => format!(
            "nothing was loaded, {count} lines are wrong; the first is {}",
            first.unwrap_or_default()
        ),
    };
    Error::invalid(sentence)
        .with_details(json!({ "field": "keys", "lines": lines }))
        .with_reason(Reason::KeyLinesWrong)
}

/// The keys of a text, a key a line, each with its line's number; `#` at the beginning or behind a
/// space begins a comment.
pub(super) fn keys_of_text(text: &str) -> Result<Vec<(usize, String)>, Vec<BadLine>> {
    let (mut keys, mut bad) = (Vec::new(), Vec::new());
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines();
    for (line, text) in (1..).zip(lines) {
        let key = without_comment(text).trim();
        if key.is_empty() {
            continue;
        }
        let problem = match seen.insert(key, line) {
            Some(first) => Some(Problem::Repeated { first }),
            None => problem_of(key),
        };
        match problem {
            Some(problem) => bad.push(BadLine { line, problem }),
            None => keys.push((line, key.to_owned())),
        }
    }
    match bad.is_empty() {
        true => Ok(keys),
        false => Err(bad),
    }
}

/// A key may have the sign in it.
fn without_comment(line: &str) -> &str {
    let mut signs = line.match_indices('#').map(|(at, _)| at);
    let begins = |at: &usize| {
        line[..*at]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace)
    };
    match signs.find(begins) {
        Some(at) => &line[..at],
        None => line,
    }
}

fn problem_of(key: &str) -> Option<Problem> {
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(Problem::Characters);
    }
    if !LINE_CHARACTERS.contains(&key.len()) {
        return Some(Problem::Length);
    }
    let mut characters: Vec<u8> = key.bytes().collect();
    characters.sort_unstable();
    characters.dedup();
    (characters.len() < DIFFERENT_CHARACTERS).then_some(Problem::TooSimple)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_long_and_never_the_same() {
        let (one, other) = (new_key(), new_key());
        assert_ne!(one, other);
        assert_eq!(one.len(), 35);
        assert_eq!(one.replace('-', "").len() * 5, 150);
    }

    #[test]
    fn a_key_copied_by_hand_is_understood() {
        let key = "01234-56789-ABCDE-FGHJK-MNPQR-STVWX";
        for typed in [
            key,
            " 01234-56789-abcde-fghjk-mnpqr-stvwx\n",
            "O1234 56789 ABCDE FGHJK MNPQR STVWX",
            "o1234-56789-ABCDEFGHJK-mnpqrSTVWX",
            "Oi234-56789-ABCDE-FGHJK-MNPQR-STVWX",
        ] {
            assert!(readings(typed).contains(&key.to_owned()), "{typed}");
        }
        assert_eq!(readings("my-own-Key-of-old"), ["my-own-Key-of-old"]);
    }

    #[test]
    fn a_file_is_taken_whole_or_reported_by_line() {
        let good = "\u{feff}# keys of autumn\n\nabcdefgh-12345678 # Ada\r\n  ABCDEFGH-12345678\n";
        let keys = keys_of_text(good).unwrap();
        assert_eq!(keys[0], (3, "abcdefgh-12345678".to_owned()));
        assert_eq!(keys[1], (4, "ABCDEFGH-12345678".to_owned()));
        let marked = keys_of_text("abcdefgh12345678#one\nabcdefgh12345678#two #3\n").unwrap();
        assert_eq!(marked[0].1, "abcdefgh12345678#one");
        assert_eq!(marked[1].1, "abcdefgh12345678#two");
        let bad = "abcdefgh-12345678\nshort\nabcdefgh-12345678\naaaaaaaaaaaaaaaaaaaa\nschlüssel-schlüssel-1\na b c d e f g h i j k";
        let bad: Vec<usize> = keys_of_text(bad)
            .unwrap_err()
            .iter()
            .map(|bad| bad.line)
            .collect();
        assert_eq!(bad, [2, 3, 4, 5, 6]);
        assert_eq!(keys_of_text("# nothing\n").unwrap(), []);
    }
}
