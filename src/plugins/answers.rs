//! What a script answered, checked: the one place where a value of a script becomes a decision.
//!
//! Pure. Whatever is not exactly what the hook may answer is an error of the plugin, never guessed at.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::questions::{RegistrationGrant, ReplyChange};

/// What is beyond is cut, in the worker already.
pub(super) const MAX_REASON_CHARS: usize = 500;
const MAX_GROUPS: usize = 32;
const MAX_NAME_CHARS: usize = 100;
const MAX_TOKENS: u64 = 1_000_000_000_000;
const MAX_REPLY_TOKENS: u32 = 1_000_000;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Decision<Change> {
    Allow,
    Refuse(String),
    /// Allowed, with something changed.
    With(Change),
}

/// How a decision stands in the log.
pub(super) trait Told {
    fn outcome(&self) -> &'static str;
    fn reason(&self) -> Option<String>;
}

impl<Change: fmt::Display> Told for Decision<Change> {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Allow => "allowed",
            Self::Refuse(_) => "refused",
            Self::With(_) => "changed",
        }
    }

    fn reason(&self) -> Option<String> {
        match self {
            Self::Refuse(reason) => Some(reason.clone()),
            Self::With(change) => Some(change.to_string()),
            Self::Allow => None,
        }
    }
}

/// None is the house's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Price(pub(super) Option<u64>);

impl Told for Price {
    fn outcome(&self) -> &'static str {
        match self.0 {
            Some(_) => "priced",
            None => "house_price",
        }
    }

    fn reason(&self) -> Option<String> {
        self.0.map(|tokens| format!("{tokens} tokens"))
    }
}

#[derive(Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case", deny_unknown_fields)]
enum Answer {
    Allow,
    Refuse { reason: String },
    AllowWith { grant: Value },
    Change { change: Value },
}

fn answer(value: Value, may: &str) -> Result<Answer, String> {
    serde_json::from_value(value).map_err(|_| format!("the answer must be {may}"))
}

pub(super) fn read_registration(value: Value) -> Result<Decision<RegistrationGrant>, String> {
    const MAY: &str = "allow(), refuse(reason) or allow_with(#{…})";
    match answer(value, MAY)? {
        Answer::Allow => Ok(Decision::Allow),
        Answer::Refuse { reason } => Ok(Decision::Refuse(plain_reason(&reason))),
        Answer::Change { .. } => Err(format!("the answer must be {MAY}")),
        Answer::AllowWith { grant } => {
            let grant: RegistrationGrant = serde_json::from_value(grant)
                .map_err(|error| format!("allow_with cannot be given that: {error}"))?;
            let is_name = |name: &String| (1..=MAX_NAME_CHARS).contains(&name.chars().count());
            if grant.groups.len() > MAX_GROUPS || !grant.groups.iter().all(is_name) {
                return Err("allow_with takes at most 32 groups, by name".into());
            }
            if grant.tokens.is_some_and(|tokens| tokens > MAX_TOKENS) {
                return Err("allow_with takes at most 1,000,000,000,000 tokens".into());
            }
            Ok(Decision::With(grant))
        }
    }
}

pub(super) fn read_price(value: Value) -> Result<Price, String> {
    if value.is_null() {
        return Ok(Price(None));
    }
    let tokens = value.as_u64().filter(|tokens| *tokens <= MAX_TOKENS);
    tokens.map(|tokens| Price(Some(tokens))).ok_or_else(|| {
        "the answer must be a whole number of tokens that is not negative, or ()".into()
    })
}

pub(super) fn read_reply(value: Value) -> Result<Decision<ReplyChange>, String> {
    const MAY: &str = "allow(), refuse(reason) or change(#{…})";
    match answer(value, MAY)? {
        Answer::Allow => Ok(Decision::Allow),
        Answer::Refuse { reason } => Ok(Decision::Refuse(plain_reason(&reason))),
        Answer::AllowWith { .. } => Err(format!("the answer must be {MAY}")),
        Answer::Change { change } => {
            let change: ReplyChange = serde_json::from_value(change)
                .map_err(|error| format!("change cannot be given that: {error}"))?;
            let name_fits = |name: &String| (1..=MAX_NAME_CHARS * 2).contains(&name.len());
            if !change.model.iter().all(name_fits) {
                return Err("change takes the id of a model".into());
            }
            let tokens_fit = |tokens: &u32| (1..=MAX_REPLY_TOKENS).contains(tokens);
            if !change.max_tokens.iter().all(tokens_fit) {
                return Err("max_tokens must be between 1 and 1,000,000".into());
            }
            if !change.temperature.iter().all(|it| (0.0..=2.0).contains(it)) {
                return Err("temperature must be between 0 and 2".into());
            }
            Ok(Decision::With(change))
        }
    }
}

/// One line of bearable length, and never nothing.
fn plain_reason(reason: &str) -> String {
    let words: String = reason
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(MAX_REASON_CHARS)
        .collect();
    match words.trim() {
        "" => "the rules of this house do not allow it".into(),
        words => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_a_hook_may_answer_is_a_decision() {
        let refuse = json!({"decision": "refuse", "reason": " no\u{7}\npupils "});
        let refused = Decision::Refuse("no  pupils".into());
        assert_eq!(read_registration(refuse.clone()), Ok(refused));
        assert_eq!(
            read_reply(json!({"decision": "allow"})),
            Ok(Decision::Allow)
        );
        let grant = json!({"decision": "allow_with", "grant": {"groups": ["pupils"], "tokens": 5, "role": "auditor"}});
        assert!(matches!(
            read_registration(grant.clone()),
            Ok(Decision::With(_))
        ));
        assert!(read_reply(grant).is_err());
        for bad in [
            json!(null),
            json!(true),
            json!("allow"),
            json!({"decision": "maybe"}),
            json!({"decision": "refuse"}),
            json!({"decision": "allow_with", "grant": {"role": "admin"}}),
            json!({"decision": "allow_with", "grant": {"tokens": -1}}),
            json!({"decision": "allow_with", "grant": {"tokens": u64::MAX}}),
            json!({"decision": "allow_with", "grant": {"groups": vec!["x"; 33]}}),
            json!({"decision": "allow_with", "grant": {"colour": "red"}}),
            json!({"decision": "change", "change": {}}),
        ] {
            assert!(read_registration(bad.clone()).is_err(), "{bad}");
        }
        for bad in [
            json!({"max_tokens": 0}),
            json!({"temperature": 2.5}),
            json!({"model": ""}),
            json!({"system_prompt": "x"}),
        ] {
            let bad = json!({"decision": "change", "change": bad});
            assert!(read_reply(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_price_is_a_number_that_is_not_negative_or_the_houses() {
        assert_eq!(read_price(json!(7)), Ok(Price(Some(7))));
        assert_eq!(read_price(json!(null)), Ok(Price(None)));
        for bad in [json!(-1), json!(1.5), json!("7"), json!(u64::MAX)] {
            assert!(read_price(bad.clone()).is_err(), "{bad}");
        }
    }
}
