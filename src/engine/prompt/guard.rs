//! What people write must never become a special token.
//!
//! A message may contain the text of one, such as `<|im_end|>`, and a template puts messages and
//! special tokens into one text. So before rendering a sentinel goes inside every such text in a
//! message; after rendering the prompt is split at the sentinels and each piece is tokenised by
//! itself: no piece holds a special text that the template did not write, and nothing is lost.

use std::collections::HashMap;

use super::super::Role;

/// A Unicode noncharacter: never part of real text, and taken out of messages first.
pub(crate) const SENTINEL: char = '\u{FDD0}';

/// The texts of a vocabulary's special tokens.
#[derive(Debug, Default)]
pub struct SpecialTexts {
    by_first_char: HashMap<char, Vec<Special>>,
}

#[derive(Debug)]
struct Special {
    text: String,
    /// Control tokens steer the model; user-defined ones (`<think>`) are also its own ordinary words.
    control: bool,
}

impl SpecialTexts {
    /// `texts`: each with whether it is a control token.
    pub fn new(texts: impl IntoIterator<Item = (String, bool)>) -> Self {
        let mut by_first_char: HashMap<char, Vec<Special>> = HashMap::new();
        for (text, control) in texts {
            // Runs of blanks and single letters are user-defined tokens in some vocabularies, and harmless.
            let harmless = !control && (text.trim().is_empty() || text.chars().count() == 1);
            if let Some(first) = text.chars().next().filter(|_| !harmless) {
                by_first_char
                    .entry(first)
                    .or_default()
                    .push(Special { text, control });
            }
        }
        Self { by_first_char }
    }

    /// `content` with a sentinel inside each special text. In the assistant's own words only control
    /// tokens are broken up: templates look for the others there, e.g. for `</think>`.
    pub fn guard(&self, content: &str, role: Role) -> String {
        let mut guarded = String::with_capacity(content.len() + 16);
        let clean: String;
        let content = if content.contains(SENTINEL) {
            clean = content.replace(SENTINEL, "");
            &clean
        } else {
            content
        };
        for (at, char) in content.char_indices() {
            match self.match_at(&content[at..], char, role) {
                // A single character has no inside.
                Some(special) if special.text.len() == char.len_utf8() => {
                    guarded.push(char::REPLACEMENT_CHARACTER);
                }
                Some(_) => guarded.extend([char, SENTINEL]),
                None => guarded.push(char),
            }
        }
        guarded
    }

    fn match_at(&self, rest: &str, first: char, role: Role) -> Option<&Special> {
        let candidates = self.by_first_char.get(&first)?;
        let matching = candidates.iter().filter(|special| {
            (special.control || role != Role::Assistant) && rest.starts_with(&special.text)
        });
        matching.min_by_key(|special| special.text.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn specials() -> SpecialTexts {
        let texts = [
            "<|im_start|>",
            "<|im_end|>",
            "<s>",
            "|im_end|>x",
            "[INST]",
            "<end>",
            "<<end>>",
        ];
        SpecialTexts::new(texts.map(|text| (text.to_owned(), true)))
    }

    fn is_special_free(piece: &str) -> bool {
        let specials = specials();
        piece
            .char_indices()
            .all(|(at, char)| specials.match_at(&piece[at..], char, Role::User).is_none())
    }

    #[test]
    fn user_defined_tokens_stay_whole_in_the_assistants_words() {
        let specials = SpecialTexts::new([
            ("</think>".into(), false),
            ("\n\n".into(), false),
            ("<s>".into(), true),
        ]);
        assert_eq!(
            specials.guard("</think>\n\n<s>", Role::Assistant),
            "</think>\n\n<\u{FDD0}s>"
        );
        assert_eq!(
            specials.guard("</think>\n\n", Role::User),
            "<\u{FDD0}/think>\n\n"
        );
    }

    #[test]
    fn a_letter_that_is_a_token_of_its_own_stays_a_letter() {
        let texts = [("ü", false), ("§", true), ("<think>", false)];
        let specials = SpecialTexts::new(texts.map(|(text, control)| (text.to_owned(), control)));
        for (role, guarded) in [
            (Role::User, "für \u{FFFD}1 <\u{FDD0}think>"),
            (Role::Assistant, "für \u{FFFD}1 <think>"),
        ] {
            assert_eq!(specials.guard("für §1 <think>", role), guarded);
        }
    }

    proptest! {
        #[test]
        fn no_piece_holds_a_special_text_and_nothing_is_lost(
            parts in prop::collection::vec(
                prop_oneof![
                    "(<\\|im_start\\|>|<\\|im_end\\|>x?|<s>|\\[INST\\]|<<end>>)",
                    "[<>|\\[\\]a-zA-Z_ ]{0,6}",
                    "\\PC{0,4}",
                    Just("\u{FDD0}".to_owned()),
                ],
                0..12,
            )
        ) {
            let content: String = parts.concat();
            let guarded = specials().guard(&content, Role::User);
            for piece in guarded.split(SENTINEL) {
                prop_assert!(is_special_free(piece), "{piece:?} of {content:?}");
            }
            let plain = |text: &str| text.replace(SENTINEL, "");
            prop_assert_eq!(plain(&guarded), plain(&content));
        }
    }
}
