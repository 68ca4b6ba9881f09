//! The hooks there are. What each is told and may answer stands in `reference/hooks.rs`.

use serde::{Deserialize, Serialize};

use super::manifest::OnFailure;

/// Where a plugin is asked; a function of the same name in its `main.rhai` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    RegistrationBeforeAccept,
    MessagePrice,
    ReplyBeforeStart,
}

impl Hook {
    pub const ALL: [Self; 3] = [
        Self::RegistrationBeforeAccept,
        Self::MessagePrice,
        Self::ReplyBeforeStart,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::RegistrationBeforeAccept => "registration_before_accept",
            Self::MessagePrice => "message_price",
            Self::ReplyBeforeStart => "reply_before_start",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// The parameters of the function, in order.
    pub(super) fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::RegistrationBeforeAccept => &["key", "applicant", "now"],
            Self::MessagePrice => &["user", "model", "usage"],
            Self::ReplyBeforeStart => &["user", "conversation", "request"],
        }
    }

    /// Whether people without an account are asked about: nobody knows how many they are.
    pub(super) fn is_of_strangers(self) -> bool {
        self == Self::RegistrationBeforeAccept
    }

    /// A stranger who is let in by a mistake is worse than one who must come again.
    pub(super) fn on_failure(self) -> OnFailure {
        match self {
            Self::RegistrationBeforeAccept => OnFailure::Refuse,
            Self::MessagePrice | Self::ReplyBeforeStart => OnFailure::Allow,
        }
    }
}
