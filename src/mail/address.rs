//! An e-mail address that was checked: nothing that could become a second header, a second
//! recipient or a command to the server. Made by whoever queues a mail, from what is kept of people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// RFC 5321: a path has 256 bytes, angle brackets included.
const MAX_ADDRESS_BYTES: usize = 254;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(pub(super) lettre::Address);

impl Address {
    /// The error is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() > MAX_ADDRESS_BYTES {
            return Err("this e-mail address is too long".into());
        }
        let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>()[]\\\",;:".contains(c);
        let address: lettre::Address = text
            .parse()
            .map_err(|_| "this is not an e-mail address".to_owned())?;
        match text.chars().all(plain) {
            true => Ok(Self(address)),
            false => {
                Err("this e-mail address has characters that mail servers quarrel about".into())
            }
        }
    }

    pub(super) fn is_ascii(&self) -> bool {
        AsRef::<str>::as_ref(&self.0).is_ascii()
    }

    /// Behind the @.
    pub fn domain(&self) -> &str {
        self.0.domain()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.0)
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for good in [
            "ada@example.org",
            "a.d-a+chat_1@sub.example.org",
            " ada@example.org ",
            "jürgen@example.org",
            "ada@bücher.example",
        ] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@@example.org",
            "ada@example.org\r\nBcc: all@example.org",
            "ada@example.org, bob@example.org",
            "ada@example.org>\r\nDATA",
            "Ada <ada@example.org>",
            "\"ada lovelace\"@example.org",
            "ada@[127.0.0.1]",
            "a\u{0}b@example.org",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Address::parse(&format!("{}@example.org", "a".repeat(300))).is_err());
    }

    proptest! {
        #[test]
        fn no_address_has_a_line_break_or_a_bracket(text in "\\PC{0,10}[\r\n<> ,]?@?\\PC{0,10}\\.org") {
            if let Ok(address) = Address::parse(&text) {
                let written = address.to_string();
                prop_assert!(!written.chars().any(|c| c.is_control() || "<>, ".contains(c)), "{written:?}");
            }
        }
    }
}
