//! What people type about themselves and others: checked, and made into what is kept. Pure.
//!
//! Whatever passes here is short, plain and in its one form, so that rooms further on (the house's
//! rules, the store, mails) are handed nothing else. Used by `accounts` alone.

use super::NewUser;
use crate::error::{Error, Reason, Result};
use crate::mail::{Address, is_invisible};

/// Names that others take for the house's own. Only an administrator gives them to somebody.
const RESERVED_NAMES: &[&str] = &["admin", "administrator", "chatelaine", "root", "support"];

/// What somebody said to get an account, as it is kept.
pub(super) struct ValidUser {
    pub(super) username: String,
    pub(super) password: String,
    pub(super) email: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) language: Option<String>,
}

impl ValidUser {
    /// The password is looked at when it is hashed.
    pub(super) fn of(new: NewUser) -> Result<Self> {
        let username = valid_username(&new.username)?;
        let as_written = Some(new.username.trim()).filter(|&name| name != username);
        let display_name = new.display_name.as_deref().or(as_written);
        Ok(Self {
            email: given(new.email.as_deref(), valid_email)?,
            display_name: given(display_name, valid_display_name)?,
            language: given(new.language.as_deref(), valid_language)?,
            password: new.password,
            username,
        })
    }

    /// What somebody who guesses the password would try first.
    pub(super) fn about(&self) -> [&str; 2] {
        [&self.username, self.email.as_deref().unwrap_or_default()]
    }

    /// For those who choose their name themselves.
    pub(super) fn check_is_not_reserved(&self) -> Result<()> {
        match RESERVED_NAMES.contains(&self.username.as_str()) {
            true => {
                let sentence = "this name is kept for the house; choose another";
                let wrong = Error::invalid_field("username", sentence);
                Err(wrong.with_reason(Reason::UsernameReserved))
            }
            false => Ok(()),
        }
    }
}

fn given(text: Option<&str>, check: fn(&str) -> Result<Option<String>>) -> Result<Option<String>> {
    text.map_or(Ok(None), check)
}

/// One line of up to so many characters, all of which are seen. What joins letters or signs of some
/// languages is seen by what it does between two of them.
pub(super) fn is_plain_line(text: &str, max_chars: usize) -> bool {
    let joins = |c: char| matches!(c, '\u{200c}' | '\u{200d}');
    let mut before = ' ';
    let mut rest = text.chars().take(max_chars + 1).enumerate().peekable();
    while let Some((index, c)) = rest.next() {
        let after = rest.peek().map_or(' ', |(_, after)| *after);
        let is_join = joins(c) && !joins(after) && !before.is_ascii() && !after.is_ascii();
        if index == max_chars || c.is_control() || (is_invisible(c) && !is_join) {
            return false;
        }
        before = c;
    }
    true
}

/// The same of several lines, which may be indented.
pub(super) fn is_plain_text(text: &str, max_chars: usize) -> bool {
    let is_plain = |line: &str| is_plain_line(&line.replace('\t', " "), max_chars);
    text.chars().count() <= max_chars && text.lines().all(is_plain)
}

pub(super) fn valid_username(text: &str) -> Result<String> {
    let username = text.trim().to_lowercase();
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let (least, most) = (3, 32);
    if !(least..=most).contains(&username.len()) || !username.chars().all(allowed) {
        let sentence = format!(
            "a username has {least} to {most} characters: letters a to z, digits, dot, underscore and hyphen"
        );
        let wrong = Error::invalid_field("username", sentence);
        return Err(wrong.with_limits(Reason::UsernameMalformed, least, most));
    }
    Ok(username)
}

/// One that mails can go to. An empty text means none.
pub(super) fn valid_email(text: &str) -> Result<Option<String>> {
    let wrong = |sentence: &str| {
        Error::invalid_field("email", sentence).with_reason(Reason::EmailMalformed)
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    let address = Address::parse(text).map_err(|sentence| wrong(&sentence))?;
    if !address.domain().trim_matches('.').contains('.') {
        return Err(wrong("this is not an e-mail address"));
    }
    Ok(Some(address.to_string().to_lowercase()))
}

/// An empty text means none.
pub(super) fn valid_display_name(text: &str) -> Result<Option<String>> {
    let name = text.trim();
    let most = 64;
    if !is_plain_line(name, most) {
        let sentence =
            format!("a name to show has up to {most} characters, all of which can be seen");
        let wrong = Error::invalid_field("display_name", sentence);
        return Err(wrong.with_limits(Reason::NotOneLine, 0, most));
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

/// A tag such as `de` or `de-AT`; an empty text means none.
pub(super) fn valid_language(tag: &str) -> Result<Option<String>> {
    let tag = tag.trim();
    let is_tag = tag.len() <= 35 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match is_tag {
        true => Ok((!tag.is_empty()).then(|| tag.to_owned())),
        false => Err(Error::invalid_field(
            "language",
            "this is not a language such as de",
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_plain_when_all_of_it_is_seen() {
        for good in ["", "Ada Lovelace", "می\u{200c}خواهم", "👩\u{200d}🚀 Ada"] {
            assert!(is_plain_line(good, 64), "{good}");
        }
        for bad in [
            "Ada\u{202e}gro",
            "a\nb",
            "a\u{2028}b",
            "Ada\u{200d}",
            "A\u{200c}da",
            "\u{200d}é",
            "é\u{200d}\u{200d}é",
            "\u{feff}",
        ] {
            assert!(!is_plain_line(bad, 64), "{bad:?}");
        }
        assert!(is_plain_line("ööö", 3) && !is_plain_line("öööö", 3));
        assert!(is_plain_text("a\r\n\n\tb", 6) && !is_plain_text("a\n\nb", 3));
        assert!(!is_plain_text("a\n\u{202e}b", 100));
    }

    proptest! {
        #[test]
        fn what_is_taken_for_an_e_mail_can_be_mailed_and_stays_the_same(text in "[a-c,;<>@. \"()]{0,12}@[a-c.\\[]{0,8}") {
            if let Ok(Some(email)) = valid_email(&text) {
                prop_assert!(Address::parse(&email).is_ok());
                prop_assert_eq!(valid_email(&email).unwrap(), Some(email));
            }
        }
    }
}
