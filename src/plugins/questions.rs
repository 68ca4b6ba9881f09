//! What the house asks its plugins, and what it hears: plain values of this room.
//!
//! Times are milliseconds since 1970, tokens those of allowances. A verdict was checked: numbers are
//! within bounds, names have a bearable length, and no script makes an administrator. Made by the
//! rooms that ask.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::UnixMs;
use crate::error::Error;

/// What the applicant is told when the rules give no answer.
pub const CANNOT_BE_ASKED: &str = "the rules of this house cannot be asked at the moment";
const RETRY_AFTER_S: u32 = 2;

/// Where the house could not ask its rules: nobody is let through, and may come again.
pub fn rules_busy() -> Error {
    Error::overloaded(
        "too many wait for the rules of this house; try again in a moment",
        RETRY_AFTER_S,
    )
}

/// May this person have an account?
#[derive(Debug, Clone)]
pub struct RegistrationQuestion {
    /// Of the applicant: questions from one network wait for each other.
    pub network: String,
    /// The registration key, where one was given.
    pub key: Option<KeyFacts>,
    pub applicant: Applicant,
}

#[derive(Debug, Clone, Serialize)]
pub struct KeyFacts {
    pub id: String,
    /// The part of the key that may be shown.
    pub prefix: String,
    pub note: String,
    pub role: String,
    /// By name.
    pub groups: Vec<String>,
    pub tokens: Option<i64>,
    pub expires_at: Option<UnixMs>,
    pub uses_left: Option<i64>,
    pub created_at: UnixMs,
}

#[derive(Debug, Clone, Serialize)]
pub struct Applicant {
    pub username: String,
    pub email: Option<String>,
    /// In lower case, behind the `@`.
    pub email_domain: Option<String>,
    pub display_name: Option<String>,
    /// Of the network.
    pub address: Option<String>,
    /// As the browser says it, such as `de`.
    pub language: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RegistrationVerdict {
    Allowed(RegistrationGrant),
    /// The reason is for the applicant.
    Refused {
        plugin: String,
        reason: String,
    },
    /// See [`rules_busy`].
    Busy,
}

/// What the account gets, besides or instead of what it would get anyway.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrationGrant {
    /// By name, besides those of the key.
    pub groups: Vec<String>,
    /// None: as the key or the house has it.
    pub tokens: Option<u64>,
    /// None: as the key or the house has it.
    pub role: Option<GrantedRole>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantedRole {
    User,
    Auditor,
}

/// For the log.
impl fmt::Display for RegistrationGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.role.map(|role| match role {
            GrantedRole::User => "user",
            GrantedRole::Auditor => "auditor",
        });
        let groups = (!self.groups.is_empty()).then(|| self.groups.join(", "));
        write_parts(
            f,
            [
                ("groups", groups),
                ("tokens", self.tokens.map(|tokens| tokens.to_string())),
                ("role", role.map(str::to_owned)),
            ],
        )
    }
}

fn write_parts(f: &mut fmt::Formatter<'_>, parts: [(&str, Option<String>); 3]) -> fmt::Result {
    let there = parts
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}: {}", value?)));
    f.write_str(&there.collect::<Vec<_>>().join("; "))
}

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PersonFacts {
    pub id: String,
    pub username: String,
    pub role: String,
    /// By name.
    pub groups: Vec<String>,
}

/// What does this message cost?
#[derive(Debug, Clone, Serialize)]
pub struct PriceQuestion {
    pub user: PersonFacts,
    pub model: ModelFacts,
    pub usage: UsageFacts,
}

#[derive(Debug, Clone, Serialize)]
pub struct ModelFacts {
    pub id: String,
    pub name: String,
    /// None where nobody knows, such as on another server.
    pub size_bytes: Option<u64>,
    pub context_tokens: Option<u32>,
}

#[derive(Debug, Clone, Serialize)]
pub struct UsageFacts {
    pub prompt_tokens: u64,
    pub cached_tokens: u64,
    pub completion_tokens: u64,
    /// Before the reply, when only a guess is there.
    pub estimated: bool,
}

/// May this reply be written?
#[derive(Debug, Clone, PartialEq)]
pub struct ReplyQuestion {
    pub user: PersonFacts,
    pub conversation: ConversationFacts,
    pub request: RequestFacts,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConversationFacts {
    /// None where nothing is kept, as on `/v1`.
    pub id: Option<String>,
    pub message_count: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestFacts {
    pub model: String,
    pub max_tokens: Option<u32>,
    pub temperature: Option<f32>,
    pub system_prompt_chars: u64,
    pub content_chars: u64,
    /// By id.
    pub adapters: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ReplyVerdict {
    Allowed(ReplyChange),
    /// The reason is for the person who asked.
    Refused {
        plugin: String,
        reason: String,
    },
    /// See [`rules_busy`].
    Busy,
}

/// What a message costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceVerdict {
    /// Of the allowance.
    Tokens(u64),
    /// Nobody named a price.
    House,
    /// See [`rules_busy`].
    Busy,
}

/// What is to be otherwise than it was asked for; None stays.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplyChange {
    /// Not yet looked up: it may name no model, or none this person may use.
    pub model: Option<String>,
    pub max_tokens: Option<u32>,
    pub temperature: Option<f32>,
}

/// For the log.
impl fmt::Display for ReplyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_parts(
            f,
            [
                ("model", self.model.clone()),
                ("max_tokens", self.max_tokens.map(|most| most.to_string())),
                ("temperature", self.temperature.map(|it| it.to_string())),
            ],
        )
    }
}
