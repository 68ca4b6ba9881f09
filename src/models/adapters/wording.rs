//! What may be said of an adapter: its name, its description, its scale, and the id made of its name.
//! An error names the field and says what it must be.

use crate::engine::ADAPTER_SCALE;
use crate::error::{Error, Reason, Result};

const NAME_LIMIT_CHARS: usize = 80;
const DESCRIPTION_LIMIT_CHARS: usize = 1000;
const ID_LIMIT_CHARS: usize = 48;

pub(super) fn valid_name(name: &str) -> Result<String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = name.chars().count();
    if length == 0 || length > NAME_LIMIT_CHARS || name.chars().any(char::is_control) {
        return Err(Error::invalid_field(
            "name",
            format!("the name of an adapter has 1 to {NAME_LIMIT_CHARS} characters"),
        )
        .with_limits(Reason::NotOneLine, 1, NAME_LIMIT_CHARS));
    }
    Ok(name)
}

pub(super) fn valid_description(description: &str) -> Result<String> {
    let description = description.trim();
    let odd = |c: char| c.is_control() && c != '\n';
    if description.chars().count() > DESCRIPTION_LIMIT_CHARS || description.chars().any(odd) {
        return Err(Error::invalid_field(
            "description",
            format!(
                "the description of an adapter has at most {DESCRIPTION_LIMIT_CHARS} characters"
            ),
        )
        .with_limits(Reason::TextTooLong, 0, DESCRIPTION_LIMIT_CHARS));
    }
    Ok(description.to_owned())
}

/// None is fine.
pub(super) fn check_scale(scale: Option<f32>) -> Result<()> {
    match scale.is_none_or(|scale| ADAPTER_SCALE.contains(&scale)) {
        true => Ok(()),
        false => Err(Error::invalid_field(
            "default_scale",
            "the scale of an adapter is between -4 and 4",
        )
        .with_limits(
            Reason::OutOfRange,
            *ADAPTER_SCALE.start(),
            *ADAPTER_SCALE.end(),
        )),
    }
}

/// Lower-case letters, digits and single hyphens of a name: readable, and safe in a path and a URL.
pub(super) fn id_from(name: &str) -> String {
    let mut id = String::with_capacity(name.len());
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        if id.len() == ID_LIMIT_CHARS {
            break;
        }
        match c.is_ascii_alphanumeric() {
            true => id.push(c),
            false if !id.is_empty() && !id.ends_with('-') => id.push('-'),
            false => {}
        }
    }
    let id = id.trim_end_matches('-');
    match id.is_empty() {
        true => "adapter".into(),
        false => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_readable() {
        assert_eq!(id_from("Pirate talk (v2)"), "pirate-talk-v2");
        assert_eq!(id_from("  ../../etc "), "etc");
        assert_eq!(id_from("海賊"), "adapter");
    }

    proptest! {
        #[test]
        fn an_id_is_safe_in_a_path_whatever_the_name(name: String) {
            let id = id_from(&name);
            prop_assert!(!id.is_empty() && id.len() <= ID_LIMIT_CHARS);
            let safe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            prop_assert!(id.chars().all(safe) && !id.starts_with('-') && !id.ends_with('-'));
        }
    }
}
