//! The mails there are: each a name, which is its template's, and the values it tells. Whoever has a
//! reason to write to somebody makes one of these; what it looks like is none of their concern.
//!
//! What people wrote (names, reasons, notes) may be anything: [`MailKind::values`] makes lines of
//! lines and cuts what is too long, before a template sees it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Address;
use super::wording::{line, number_for_people, paragraphs, time_for_people};
use crate::clock::{UnixMs, now_ms};

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    #[default]
    User,
    Auditor,
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
        /// They have yet to follow the link that proves their e-mail.
        #[serde(default)]
        awaits_email: bool,
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
    PasswordChanged {
        /// Every device was signed out; otherwise all but the one it was done on.
        #[serde(default)]
        everywhere: bool,
        #[serde(default)]
        keys_ended: bool,
        /// The administrator who made the link that it was done by.
        #[serde(default)]
        link_made_by: Option<String>,
    },
    /// An administrator made a link that sets somebody's password.
    ResetLinkMade {
        by: String,
        at: UnixMs,
    },
    /// To the address that would be theirs no more.
    EmailChangeAnnounced {
        new_address: String,
    },
    /// To the new address.
    EmailChangeRequested {
        new_address: String,
        link: String,
        /// Mails that were queued before this was known are sent all the same.
        #[serde(default = "in_two_days")]
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
        #[serde(default)]
        was: Role,
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

/// How long such a link is good.
fn in_two_days() -> UnixMs {
    now_ms() + 48 * 60 * 60 * 1000
}

impl MailKind {
    /// Also the name of its templates.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ApprovalRequested { .. } => "approval_requested",
            Self::ApprovalDecided { .. } => "approval_decided",
            Self::VerifyEmail { .. } => "verify_email",
            Self::ResetPassword { .. } => "reset_password",
            Self::PasswordChanged { .. } => "password_changed",
            Self::ResetLinkMade { .. } => "reset_link_made",
            Self::EmailChangeAnnounced { .. } => "email_change_announced",
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
        let values = self.values_of_request(language);
        values.unwrap_or_else(|| self.values_of_news(language))
    }

    /// Of the mails to approvers and from them.
    fn values_of_request(&self, language: Language) -> Option<Value> {
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
            } => Some(json!({
                "applicant": if applicant.trim().is_empty() { line(username) } else { line(applicant) },
                "username": line(username), "email": email.as_deref().map(line), "wish": wish,
                "reason": reason.as_deref().map(paragraphs),
                "link": link,
                "expires_at": time(expires_at),
            })),
            Self::ApprovalDecided {
                approved,
                wish,
                note,
                awaits_email,
                link_to_house,
            } => Some(json!({
                "approved": approved,
                "wish": wish,
                "awaits_email": awaits_email,
                "note": note.as_deref().map(paragraphs),
                "link": link_to_house,
            })),
            _ => None,
        }
    }

    fn values_of_news(&self, language: Language) -> Value {
        let time = |at: &UnixMs| time_for_people(*at, language);
        match self {
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
            Self::EmailChangeAnnounced { new_address } => {
                json!({"new_address": line(new_address)})
            }
            Self::PasswordChanged {
                everywhere,
                keys_ended,
                link_made_by,
            } => json!({
                "everywhere": everywhere,
                "keys_ended": keys_ended,
                "link_made_by": link_made_by.as_deref().map(line),
            }),
            Self::ResetLinkMade { by, at } => json!({"by": line(by), "at": time(at)}),
            Self::RoleChanged { role, was } => json!({"role": role, "was": was}),
            Self::PluginSwitchedOff { plugin, reason } => {
                json!({"plugin": line(plugin), "reason": paragraphs(reason)})
            }
            Self::ConversationsOpened { by, reason, at } => {
                json!({"by": line(by), "reason": paragraphs(reason), "at": time(at)})
            }
            Self::AllowanceToppedUp { tokens } => {
                json!({"tokens": number_for_people(*tokens, language)})
            }
            Self::ApprovalRequested { .. }
            | Self::ApprovalDecided { .. }
            | Self::AccountDisabled {}
            | Self::Test {} => json!({}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_queued_before_a_fact_was_known_is_read() {
        let facts = json!({"new_address": "a@b.org", "link": "x"});
        let queued = json!({ "EmailChangeRequested": facts });
        let read: MailKind = serde_json::from_value(queued).unwrap();
        assert!(read.expires_at().is_some_and(|at| at > now_ms()));
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
    fn the_nearest_language_is_taken() {
        for tag in ["de", "DE", "de-AT", "de_CH.UTF-8", "de;q=0.9", "de, en"] {
            assert_eq!(Language::nearest(tag), Language::De, "{tag}");
        }
        for tag in ["en", "", "fr", "den", "en, de"] {
            assert_eq!(Language::nearest(tag), Language::En, "{tag}");
        }
    }
}
