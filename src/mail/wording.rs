//! How values stand in a mail: what people wrote as plain lines of a bounded length, times and numbers
//! as people write them. Used by `kinds` and where else something of theirs goes into a mail.

use super::Language;
use crate::clock::UnixMs;

const MAX_LINE_CHARS: usize = 100;
const MAX_TEXT_CHARS: usize = 2000;

/// What cannot be seen and changes what is seen: directions of writing, joiners, and the like.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Cut with an ellipsis.
fn cut(text: &str, max_chars: usize) -> String {
    let mut kept: String = text.chars().take(max_chars).collect();
    if kept.len() < text.len() {
        kept.truncate(kept.trim_end().len());
        kept.push('…');
    }
    kept
}

/// One line, whatever it was.
pub(super) fn line(text: &str) -> String {
    let visible: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !is_invisible(*c))
        .collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    cut(&words.join(" "), MAX_LINE_CHARS)
}

/// The same of each of its lines, without more than one that is empty between two.
pub(super) fn paragraphs(text: &str) -> String {
    let mut kept = String::new();
    let mut empty = 0;
    for part in cut(text.trim(), MAX_TEXT_CHARS).lines() {
        let clean: String = part
            .chars()
            .filter(|c| !c.is_control() && !is_invisible(*c))
            .collect();
        empty = if clean.trim().is_empty() {
            empty + 1
        } else {
            0
        };
        if empty <= 1 {
            kept.push_str(clean.trim_end());
            kept.push('\n');
        }
    }
    kept.trim().to_owned()
}

/// In UTC, since nobody has told the house where people are.
pub(super) fn time_for_people(at: UnixMs, language: Language) -> String {
    let format = match language {
        Language::En => "%-d %B %Y, %H:%M UTC",
        Language::De => "%d.%m.%Y, %H:%M Uhr (UTC)",
    };
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    at.strftime(format).to_string()
}

pub(super) fn number_for_people(number: u64, language: Language) -> String {
    let digits = number.to_string();
    let separator = match language {
        Language::En => ',',
        Language::De => '.',
    };
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_becomes_one_line_that_is_not_too_long() {
        assert_eq!(
            line("  Ada\r\nBcc: all@example.org\t!"),
            "Ada Bcc: all@example.org !"
        );
        assert_eq!(line("Ada\u{202e}gro.elpmaxe\u{200b}"), "Adagro.elpmaxe");
        let long = line(&"ö".repeat(10_000));
        assert_eq!(long.chars().count(), MAX_LINE_CHARS + 1);
        assert!(long.ends_with('…'));
        assert_eq!(paragraphs("a\n\n\n\n b \u{7}\nc\u{2066}"), "a\n\n b\nc");
        assert!(paragraphs(&"a\n".repeat(10_000)).len() <= MAX_TEXT_CHARS + 3);
    }

    #[test]
    fn times_and_numbers_are_written_as_people_do() {
        let at = 1_795_289_400_000;
        assert_eq!(
            time_for_people(at, Language::En),
            "21 November 2026, 19:30 UTC"
        );
        assert_eq!(
            time_for_people(at, Language::De),
            "21.11.2026, 19:30 Uhr (UTC)"
        );
        assert_eq!(number_for_people(1_234_567, Language::En), "1,234,567");
        assert_eq!(number_for_people(1_000, Language::De), "1.000");
        assert_eq!(number_for_people(999, Language::De), "999");
    }
}
