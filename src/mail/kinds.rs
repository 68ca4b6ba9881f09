//! The mails there are: each a name, which is its template's, and the values it tells. Whoever has a
//! reason to write to somebody makes one of these; what it looks like is none of their concern.
//!
//! What people wrote (names, reasons, notes) may be anything: [`MailKind::values`] makes lines of
//! lines and cuts what is too long, before a template sees it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Address;
use crate::clock::UnixMs;

const MAX_LINE_CHARS: usize = 100;
const MAX_TEXT_CHARS: usize = 2000;

/// A mail to one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    pub to: Address,
    /// How the person is called.
    pub name: String,
    pub language: Language,
    pub kind: MailKind,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    En,
    De,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::En, Self::De];

    /// The nearest to a tag such as `de-AT`; of several, to the first.
    pub fn nearest(tag: &str) -> Self {
        let first = tag.split([',', ';', '-', '_']).next().unwrap_or_default();
        match first.trim().eq_ignore_ascii_case("de") {
            true => Self::De,
            false => Self::En,
        }
    }

    /// As it stands in HTML, and as the folder of its templates is called.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }
}

impl Mail {
    /// How the person is greeted. Whoever registers with somebody else's address chooses this name, so
    /// one that an e-mail program could make a link of is left out.
    pub(super) fn greeted_name(&self) -> String {
        let name = line(&self.name);
        let could_be_link = |word: &str| {
            let inner = word.trim_end_matches('.');
            inner.contains(['.', '/', '@', ':', '。', '．'])
        };
        match name.split_whitespace().any(could_be_link) {
            true => String::new(),
            false => name,
        }
    }
}

/// What somebody asks the approver for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    Registration,
    Administrator,
}

/// What somebody may do in the house from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    User,
    Administrator,
}

/// Every link is whole, and begins with [`crate::config::HttpConfig::house_address`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailKind {
    /// To the approver.
    ApprovalRequested {
        applicant: String,
        username: String,
        email: Option<String>,
        wish: Wish,
        reason: Option<String>,
        link: String,
        expires_at: UnixMs,
    },
    /// To the applicant.
    ApprovalDecided {
        approved: bool,
        wish: Wish,
        note: Option<String>,
        link_to_house: String,
    },
    VerifyEmail {
        link: String,
        expires_at: UnixMs,
    },
    ResetPassword {
        link: String,
        expires_at: UnixMs,
    },
    PasswordChanged {},
    /// To the new address.
    EmailChangeRequested {
        new_address: String,
        link: String,
        expires_at: UnixMs,
    },
    /// To both addresses, a mail each; None: there was none, or there is none any more.
    EmailChanged {
        old_address: Option<String>,
        new_address: Option<String>,
    },
    AccountDisabled {},
    RoleChanged {
        role: Role,
    },
    /// To administrators.
    PluginSwitchedOff {
        plugin: String,
        reason: String,
    },
    /// An administrator has looked into somebody's conversations.
    ConversationsOpened {
        by: String,
        reason: String,
        at: UnixMs,
    },
    AllowanceToppedUp {
        tokens: u64,
    },
    Test {},
}

impl MailKind {
    /// Also the name of its templates.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ApprovalRequested { .. } => "approval_requested",
            Self::ApprovalDecided { .. } => "approval_decided",
            Self::VerifyEmail { .. } => "verify_email",
            Self::ResetPassword { .. } => "reset_password",
            Self::PasswordChanged {} => "password_changed",
            Self::EmailChangeRequested { .. } => "email_change_requested",
            Self::EmailChanged { .. } => "email_changed",
            Self::AccountDisabled {} => "account_disabled",
            Self::RoleChanged { .. } => "role_changed",
            Self::PluginSwitchedOff { .. } => "plugin_switched_off",
            Self::ConversationsOpened { .. } => "conversations_opened",
            Self::AllowanceToppedUp { .. } => "allowance_topped_up",
            Self::Test {} => "test",
        }
    }

    /// When there is no longer a reason to send it.
    pub fn expires_at(&self) -> Option<UnixMs> {
        match self {
            Self::ApprovalRequested { expires_at, .. }
            | Self::VerifyEmail { expires_at, .. }
            | Self::EmailChangeRequested { expires_at, .. }
            | Self::ResetPassword { expires_at, .. } => Some(*expires_at),
            _ => None,
        }
    }

    /// What its template is told.
    pub(super) fn values(&self, language: Language) -> Value {
        let time = |at: &UnixMs| time_for_people(*at, language);
        match self {
            Self::ApprovalRequested {
                applicant,
                username,
                email,
                wish,
                reason,
                link,
                expires_at,
            } => json!({
                "applicant": if applicant.trim().is_empty() { line(username) } else { line(applicant) },
                "username": line(username), "email": email.as_deref().map(line), "wish": wish,
                "reason": reason.as_deref().map(paragraphs),
                "link": link,
                "expires_at": time(expires_at),
            }),
            Self::ApprovalDecided {
                approved,
                wish,
                note,
                link_to_house,
            } => json!({
                "approved": approved, "wish": wish,
                "note": note.as_deref().map(paragraphs),
                "link": link_to_house,
            }),
            Self::VerifyEmail { link, expires_at } | Self::ResetPassword { link, expires_at } => {
                json!({"link": link, "expires_at": time(expires_at)})
            }
            Self::EmailChangeRequested {
                new_address,
                link,
                expires_at,
            } => json!({
                "new_address": line(new_address), "link": link, "expires_at": time(expires_at),
            }),
            Self::EmailChanged {
                old_address,
                new_address,
            } => json!({
                "old_address": old_address.as_deref().map(line),
                "new_address": new_address.as_deref().map(line),
            }),
            Self::RoleChanged { role } => json!({"role": role}),
            Self::PluginSwitchedOff { plugin, reason } => {
                json!({"plugin": line(plugin), "reason": paragraphs(reason)})
            }
            Self::ConversationsOpened { by, reason, at } => {
                json!({"by": line(by), "reason": paragraphs(reason), "at": time(at)})
            }
            Self::AllowanceToppedUp { tokens } => {
                json!({"tokens": number_for_people(*tokens, language)})
            }
            Self::PasswordChanged {} | Self::AccountDisabled {} | Self::Test {} => json!({}),
        }
    }
}

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
fn paragraphs(text: &str) -> String {
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
fn time_for_people(at: UnixMs, language: Language) -> String {
    let format = match language {
        Language::En => "%-d %B %Y, %H:%M UTC",
        Language::De => "%d.%m.%Y, %H:%M Uhr (UTC)",
    };
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    at.strftime(format).to_string()
}

fn number_for_people(number: u64, language: Language) -> String {
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
    fn a_name_that_could_become_a_link_is_not_greeted() {
        let greeted = |name: &str| {
            let to = Address::parse("ada@example.org").unwrap();
            let (name, language) = (name.to_owned(), Language::En);
            let kind = MailKind::Test {};
            Mail {
                to,
                name,
                language,
                kind,
            }
            .greeted_name()
        };
        for name in [
            "Ada Lovelace",
            "J. R. R. Tolkien",
            "Jürgen",
            "O'Neill-Smith",
        ] {
            assert_eq!(greeted(name), name);
        }
        for name in [
            "You won: evil.example",
            "https://evil",
            "a@b",
            "evil\u{200b}.example",
        ] {
            assert_eq!(greeted(name), "", "{name}");
        }
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

    #[test]
    fn the_nearest_language_is_taken() {
        for tag in ["de", "DE", "de-AT", "de_CH.UTF-8", "de;q=0.9", "de, en"] {
            assert_eq!(Language::nearest(tag), Language::De, "{tag}");
        }
        for tag in ["en", "", "fr", "den", "en, de"] {
            assert_eq!(Language::nearest(tag), Language::En, "{tag}");
        }
    }
}
