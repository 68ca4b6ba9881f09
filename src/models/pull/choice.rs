//! Which of a repository's files is meant: a model is one file, or all parts of one that was split.
//!
//! Without a wish the quantization is chosen that suits this machine: Q4_K_M where it fits, else the
//! largest that does. Where two models could be meant nobody guesses: the error lists the choices.

use std::collections::BTreeMap;

use serde_json::json;

use super::hub::RemoteFile;
use super::source::Wanted;
use crate::error::{Error, Result};
use crate::models::fit::size_for_people;
use crate::models::folder::part_of;

/// What people find good for their memory, the best first.
const PREFERRED: &[&str] = &[
    "Q4_K_M", "Q4_K_S", "Q4_K_XL", "Q4_0", "IQ4_XS", "IQ4_NL", "MXFP4", "Q5_K_M", "Q5_K_S", "Q6_K",
    "Q8_0",
];
const MAX_LISTED: usize = 40;

/// A model that a repository offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Within the repository; the first part of a model in several files.
    pub file: String,
    /// As in `Q4_K_M`; empty where the name says none.
    pub quantization: String,
    /// Of all parts.
    pub size_bytes: u64,
    pub(super) parts: Vec<RemoteFile>,
}

/// The models among the files, the smallest first. Parts of which some are missing are no model.
pub(super) fn choices(files: Vec<RemoteFile>) -> Vec<Choice> {
    let mut models: BTreeMap<String, Vec<RemoteFile>> = BTreeMap::new();
    for file in files {
        if is_model(&file.path) {
            let first = first_part_of(&file.path).unwrap_or_else(|| file.path.clone());
            models.entry(first).or_default().push(file);
        }
    }
    let mut choices: Vec<Choice> = models
        .into_iter()
        .filter_map(|(file, mut parts)| {
            parts.sort_by(|left, right| left.path.cmp(&right.path));
            let size_bytes = parts
                .iter()
                .try_fold(0_u64, |sum, it| sum.checked_add(it.size_bytes))?;
            (parts.len() == parts_of(&file)).then(|| Choice {
                quantization: quantization_in(&file),
                file,
                size_bytes,
                parts,
            })
        })
        .collect();
    choices
        .sort_by(|left, right| (left.size_bytes, &left.file).cmp(&(right.size_bytes, &right.file)));
    choices
}

/// What goes beside a model (the eye of one that sees, statistics for making it smaller) is none.
fn is_model(path: &str) -> bool {
    let name = last_of(path).to_ascii_lowercase();
    !name.contains("mmproj") && !name.contains("imatrix") && !name.starts_with('.')
}

fn last_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn stem_of(path: &str) -> &str {
    path.strip_suffix(".gguf").unwrap_or(path)
}

fn first_part_of(path: &str) -> Option<String> {
    let (model, _, total) = part_of(stem_of(path))?;
    Some(format!("{model}-00001-of-{total:05}.gguf"))
}

fn parts_of(path: &str) -> usize {
    part_of(stem_of(path)).map_or(1, |(_, _, total)| total as usize)
}

/// The last word of the name that is one: `qwen3-8b-q4_k_m.gguf` is `Q4_K_M`.
pub(super) fn quantization_in(path: &str) -> String {
    let name = stem_of(last_of(path)).to_ascii_uppercase();
    let mut words = name.rsplit(['-', '.']);
    words
        .find(|word| is_quantization(word))
        .unwrap_or_default()
        .to_owned()
}

fn is_quantization(word: &str) -> bool {
    let digit_after = |prefix: &str| {
        let rest = word.strip_prefix(prefix).unwrap_or_default();
        rest.starts_with(|c: char| c.is_ascii_digit()) && rest.len() >= 2
    };
    matches!(word, "F16" | "FP16" | "BF16" | "F32" | "MXFP4")
        || digit_after("Q")
        || digit_after("IQ")
        || digit_after("TQ")
}

/// `fits` says whether a model of so many bytes can be used here.
pub(super) fn choose<'a>(
    choices: &'a [Choice],
    wanted: &Wanted,
    fits: impl Fn(&Choice) -> bool,
) -> Result<&'a Choice> {
    let found: Vec<&Choice> = match wanted {
        Wanted::File(path) => {
            let first = first_part_of(path).unwrap_or_else(|| path.clone());
            choices.iter().filter(|it| it.file == first).collect()
        }
        Wanted::Quantization(label) => with_label(choices, label),
        Wanted::Best => best(choices, fits),
    };
    match (found.as_slice(), wanted) {
        ([one], _) => Ok(one),
        _ if choices.is_empty() => Err(Error::new(
            crate::error::ErrorKind::NotFound,
            "this repository has no GGUF file; look for one whose name ends in -GGUF",
        )),
        ([], Wanted::Best) => Err(ambiguous("say which one is meant", choices.iter())),
        ([], _) => Err(ambiguous(
            "this repository has no such file",
            choices.iter(),
        )),
        (several, _) => Err(ambiguous("say which one is meant", several.iter().copied())),
    }
}

fn with_label<'a>(choices: &'a [Choice], label: &str) -> Vec<&'a Choice> {
    let same = |it: &&Choice| it.quantization.eq_ignore_ascii_case(label);
    choices.iter().filter(same).collect()
}

fn best(choices: &[Choice], fits: impl Fn(&Choice) -> bool) -> Vec<&Choice> {
    if let [one] = choices {
        return vec![one];
    }
    let fitting: Vec<&Choice> = choices.iter().filter(|it| fits(it)).collect();
    let with = |label: &str| -> Vec<&Choice> {
        let same = fitting.iter().filter(|it| it.quantization == label);
        same.copied().collect()
    };
    let preferred = PREFERRED.iter().map(|label| with(label));
    let first = preferred.into_iter().find(|found| !found.is_empty());
    // Less than the usual only because the usual is too large: then as much as there is room for.
    let too_large_is_usual = choices
        .iter()
        .any(|it| PREFERRED.contains(&it.quantization.as_str()));
    first.unwrap_or_else(|| match fitting.last() {
        Some(largest) if too_large_is_usual => vec![largest],
        // Nothing fits: the smallest comes nearest.
        None => choices.first().into_iter().collect(),
        Some(_) => Vec::new(),
    })
}

fn ambiguous<'a>(sentence: &str, choices: impl Iterator<Item = &'a Choice>) -> Error {
    let listed: Vec<&Choice> = choices.take(MAX_LISTED).collect();
    let lines: Vec<String> = listed.iter().map(|it| it.for_people()).collect();
    let choices: Vec<_> = listed
        .iter()
        .map(|it| {
            json!({"file": it.file, "quantization": it.quantization, "size_bytes": it.size_bytes})
        })
        .collect();
    Error::invalid(format!("{sentence}: {}", lines.join(", ")))
        .with_details(json!({ "field": "source", "choices": choices }))
}

impl Choice {
    fn for_people(&self) -> String {
        format!("{} ({})", self.file, size_for_people(self.size_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, size_bytes: u64) -> RemoteFile {
        RemoteFile {
            path: path.into(),
            size_bytes,
            sha256: None,
        }
    }

    fn repository() -> Vec<Choice> {
        choices(vec![
            file("m-F16.gguf", 160),
            file("m-Q8_0.gguf", 80),
            file("m-Q4_K_M.gguf", 50),
            file("m-Q2_K.gguf", 30),
            file("m-Q3_K_M.gguf", 40),
            file("mmproj-m-F16.gguf", 1),
            file("m.imatrix.gguf", 1),
        ])
    }

    fn chosen(choices: &[Choice], wanted: &Wanted, room: u64) -> Option<String> {
        let fits = |choice: &Choice| choice.size_bytes <= room;
        choose(choices, wanted, fits).ok().map(|it| it.file.clone())
    }

    #[test]
    fn without_a_wish_the_usual_is_taken_where_it_fits() {
        for (room, file) in [
            (1000, "m-Q4_K_M.gguf"),
            (50, "m-Q4_K_M.gguf"),
            (45, "m-Q3_K_M.gguf"),
            (30, "m-Q2_K.gguf"),
            (1, "m-Q2_K.gguf"),
        ] {
            assert_eq!(
                chosen(&repository(), &Wanted::Best, room).as_deref(),
                Some(file)
            );
        }
    }

    #[test]
    fn a_wish_is_followed_whatever_its_case_and_size() {
        let of = |wanted| chosen(&repository(), &wanted, 1);
        assert_eq!(
            of(Wanted::Quantization("q8_0".into())).unwrap(),
            "m-Q8_0.gguf"
        );
        assert_eq!(of(Wanted::File("m-F16.gguf".into())).unwrap(), "m-F16.gguf");
        assert_eq!(of(Wanted::Quantization("Q9_9".into())), None);
        assert_eq!(of(Wanted::File("other.gguf".into())), None);
    }

    #[test]
    fn where_two_could_be_meant_the_choices_are_listed() {
        let two = choices(vec![file("a-Q4_K_M.gguf", 5), file("b-Q4_K_M.gguf", 6)]);
        let unnamed = choices(vec![file("a.gguf", 5), file("b.gguf", 6)]);
        for models in [two, unnamed] {
            let error = choose(&models, &Wanted::Best, |_| true).unwrap_err();
            for choice in &models {
                assert!(error.message.contains(&choice.file), "{}", error.message);
            }
            let listed = error.details.unwrap()["choices"].as_array().unwrap().len();
            assert_eq!(listed, 2);
        }
        let none = choose(&[], &Wanted::Best, |_| true).unwrap_err();
        assert!(none.message.contains("no GGUF"));
    }

    #[test]
    fn a_model_in_parts_is_one_choice_and_only_whole() {
        let models = choices(vec![
            file("Q8_0/big-Q8_0-00002-of-00002.gguf", 10),
            file("Q8_0/big-Q8_0-00001-of-00002.gguf", 20),
            file("torn-Q8_0-00001-of-00003.gguf", 20),
        ]);
        let [big] = models.as_slice() else {
            panic!("{models:?}");
        };
        assert_eq!(
            (big.quantization.as_str(), big.size_bytes, big.parts.len()),
            ("Q8_0", 30, 2)
        );
        let second = Wanted::File("Q8_0/big-Q8_0-00002-of-00002.gguf".into());
        assert_eq!(chosen(&models, &second, 0).as_ref(), Some(&big.file));
    }

    #[test]
    fn a_name_says_its_quantization() {
        for (name, label) in [
            ("Qwen3-0.6B-Q8_0.gguf", "Q8_0"),
            ("qwen2.5-7b-instruct-q4_k_m-00001-of-00002.gguf", "Q4_K_M"),
            ("gemma.Q5_K_S.gguf", "Q5_K_S"),
            ("gpt-oss-20b-MXFP4.gguf", "MXFP4"),
            ("m-UD-IQ2_XXS.gguf", "IQ2_XXS"),
            ("folder-Q4_0/plain.gguf", ""),
        ] {
            assert_eq!(quantization_in(name), label, "{name}");
        }
    }
}
