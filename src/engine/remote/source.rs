//! A remote source as an administrator describes it, and what is demanded of one.
//!
//! The room `models` keeps them and hands them over; a key is in here in the clear, in memory alone,
//! and no way of printing shows it.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::super::EngineError;
use crate::outbound;

const MAX_ADDRESSES: usize = 16;
const MAX_MODELS: usize = 256;
const MAX_NAME_BYTES: usize = 64;
pub(super) const MAX_MODEL_ID_BYTES: usize = 256;
const MAX_KEY_BYTES: usize = 4096;
const PARALLEL_REQUESTS: RangeInclusive<u32> = 1..=1024;
const CONTEXT_TOKENS: RangeInclusive<u32> = 1..=100_000_000;
const CONNECT_MS: RangeInclusive<u64> = 100..=60_000;
const WAIT_MS: RangeInclusive<u64> = 100..=3_600_000;

/// Servers that offer the same models under the same names, with one key.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteSource {
    /// Stays the same for as long as the source is kept.
    pub id: String,
    pub name: String,
    /// As [`base_address`] gives them; each at most once.
    pub addresses: Vec<String>,
    pub key: Option<ApiKey>,
    /// What is offered, by the server's names, in this order; empty: whatever the servers list.
    pub models: Vec<String>,
    /// Stands before the server's name of a model in its [`super::super::ModelInfo::id`]; may be empty.
    pub prefix: String,
    pub options: RemoteOptions,
}

/// What has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RemoteOptions {
    /// None: by what the server says it is.
    pub continuation: Option<Continuation>,
    /// What a conversation may hold where the server does not say.
    pub context_tokens: Option<u32>,
    /// Requests under way at one address at once; others wait.
    pub parallel_requests: u32,
    pub connect_timeout_ms: u64,
    /// From sending a request to the first piece of its answer; a server may load a model meanwhile.
    pub first_token_timeout_ms: u64,
    /// From one piece of an answer to the next.
    pub between_tokens_timeout_ms: u64,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self {
            continuation: None,
            context_tokens: None,
            parallel_requests: 16,
            connect_timeout_ms: 10_000,
            first_token_timeout_ms: 180_000,
            between_tokens_timeout_ms: 60_000,
        }
    }
}

/// How a server is asked to go on with a reply that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Continuation {
    /// It cannot: such a request is refused.
    Unsupported,
    /// It goes on with a last message that is the assistant's.
    LastMessage,
    /// The same, and it must be told by `continue_final_message`.
    Flagged,
}

/// Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// The error is a sentence.
    pub fn new(key: &str) -> Result<Self, String> {
        let key = key.trim();
        if key.is_empty() || key.len() > MAX_KEY_BYTES || !key.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err("a key has only letters, digits and signs, and no spaces".into());
        }
        Ok(Self(key.to_owned()))
    }

    /// In the clear: for the header of a request, and to be sealed.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// The address that `/chat/completions` is added to. One without a path gets `/v1`, which is where
/// nearly every server answers. The error is a sentence.
pub fn base_address(text: &str) -> Result<String, String> {
    let mut url = outbound::parse_address(text.trim())?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(if path.is_empty() { "/v1" } else { &path });
    Ok(url.into())
}

/// Scheme, host and port of an address: whoever answers there is sent the key.
pub fn origin_of(address: &str) -> String {
    let url = outbound::parse_address(address);
    url.map_or_else(
        |_| address.to_owned(),
        |url| url.origin().ascii_serialization(),
    )
}

impl RemoteSource {
    /// The error names the field as the API has it.
    pub fn validate(&self) -> Result<(), EngineError> {
        let name_fits = (1..=MAX_NAME_BYTES).contains(&self.name.len());
        if !name_fits || !is_plain(&self.name) || self.name.trim() != self.name {
            return refuse(
                "name",
                "a name has 1 to 64 bytes and begins and ends with no space",
            );
        }
        if self.prefix.len() > MAX_NAME_BYTES + 1 || !is_plain(&self.prefix) {
            return refuse("prefix", "a prefix has at most 65 bytes");
        }
        self.validate_addresses()?;
        self.validate_models()?;
        self.options.validate()
    }

    fn validate_addresses(&self) -> Result<(), EngineError> {
        if !(1..=MAX_ADDRESSES).contains(&self.addresses.len()) {
            return refuse("addresses", "a source has 1 to 16 addresses");
        }
        for (index, address) in self.addresses.iter().enumerate() {
            match base_address(address) {
                Ok(base) if base != *address => {
                    return refuse("addresses", "an address is not as it is kept");
                }
                Ok(_) => {}
                Err(reason) => return refuse("addresses", &format!("{address}: {reason}")),
            }
            if self.addresses[..index].contains(address) {
                return refuse("addresses", &format!("{address} is named twice"));
            }
        }
        Ok(())
    }

    fn validate_models(&self) -> Result<(), EngineError> {
        if self.models.len() > MAX_MODELS {
            return refuse("models", "at most 256 models can be named");
        }
        for (index, model) in self.models.iter().enumerate() {
            if !is_model_id(model) {
                return refuse("models", "the name of a model has 1 to 256 bytes");
            }
            if self.models[..index].contains(model) {
                return refuse("models", &format!("{model} is named twice"));
            }
        }
        Ok(())
    }
}

impl RemoteOptions {
    fn validate(&self) -> Result<(), EngineError> {
        if !PARALLEL_REQUESTS.contains(&self.parallel_requests) {
            return refuse("parallel_requests", "it must be between 1 and 1024");
        }
        if self
            .context_tokens
            .is_some_and(|tokens| !CONTEXT_TOKENS.contains(&tokens))
        {
            return refuse("context_tokens", "it must be between 1 and 100000000");
        }
        if !CONNECT_MS.contains(&self.connect_timeout_ms) {
            return refuse("connect_timeout_ms", "it must be between 100 and 60000");
        }
        for (field, value) in [
            ("first_token_timeout_ms", self.first_token_timeout_ms),
            ("between_tokens_timeout_ms", self.between_tokens_timeout_ms),
        ] {
            if !WAIT_MS.contains(&value) {
                return refuse(field, "it must be between 100 and 3600000");
            }
        }
        Ok(())
    }
}

pub(super) fn is_model_id(id: &str) -> bool {
    (1..=MAX_MODEL_ID_BYTES).contains(&id.len()) && is_plain(id)
}

fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn refuse(field: &str, reason: &str) -> Result<(), EngineError> {
    Err(EngineError::InvalidField {
        field: field.to_owned(),
        reason: reason.to_owned(),
    })
}

#[cfg(test)]
pub(super) fn example(addresses: &[&str]) -> RemoteSource {
    RemoteSource {
        id: "source".into(),
        name: "box".into(),
        addresses: addresses.iter().map(|&address| address.into()).collect(),
        key: None,
        models: Vec::new(),
        prefix: "box/".into(),
        options: RemoteOptions::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_one_form() {
        for (given, kept) in [
            ("http://localhost:11434", "http://localhost:11434/v1"),
            ("http://localhost:11434/", "http://localhost:11434/v1"),
            (" HTTP://LocalHost:11434/v1/ ", "http://localhost:11434/v1"),
            (
                "https://example.org/api/openai//",
                "https://example.org/api/openai",
            ),
        ] {
            assert_eq!(base_address(given).unwrap(), kept);
            assert_eq!(base_address(kept).unwrap(), kept);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_field() {
        let good = || example(&["http://localhost/v1"]);
        good().validate().unwrap();
        let field_of = |change: fn(&mut RemoteSource)| {
            let mut source = good();
            change(&mut source);
            match source.validate().unwrap_err() {
                EngineError::InvalidField { field, .. } => field,
                other => panic!("{other}"),
            }
        };
        assert_eq!(field_of(|it| it.name = String::new()), "name");
        assert_eq!(field_of(|it| it.name = "a\nb".into()), "name");
        assert_eq!(field_of(|it| it.prefix = "x".repeat(66)), "prefix");
        assert_eq!(field_of(|it| it.addresses.clear()), "addresses");
        assert_eq!(
            field_of(|it| it.addresses.push("http://169.254.1.1/v1".into())),
            "addresses"
        );
        assert_eq!(
            field_of(|it| it.addresses.push("http://localhost/v1".into())),
            "addresses"
        );
        assert_eq!(field_of(|it| it.models.push(String::new())), "models");
        assert_eq!(
            field_of(|it| it.models = vec!["a".into(), "a".into()]),
            "models"
        );
        assert_eq!(
            field_of(|it| it.options.parallel_requests = 0),
            "parallel_requests"
        );
        assert_eq!(
            field_of(|it| it.options.connect_timeout_ms = 0),
            "connect_timeout_ms"
        );
        assert_eq!(
            field_of(|it| it.options.first_token_timeout_ms = u64::MAX),
            "first_token_timeout_ms"
        );
    }

    #[test]
    fn a_key_fits_into_a_header_and_is_never_shown() {
        let key = ApiKey::new(" sk-geheim\n").unwrap();
        assert_eq!(key.expose(), "sk-geheim");
        assert!(!format!("{key:?}").contains("geheim"));
        for bad in ["", "two words", "sk-\r\nx-evil: 1", "schlüssel"] {
            assert!(ApiKey::new(bad).is_err(), "{bad:?}");
        }
    }
}
