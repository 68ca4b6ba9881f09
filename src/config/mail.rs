//! `[mail]`: how mail is sent. Through which server, and from whom, is a setting that an
//! administrator changes while the house runs.

use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Less, and a mail is given up before anybody could mend anything.
const LEAST_MS: u64 = 100;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// Certificates in PEM of authorities that may vouch for the mail server, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a step of sending may take: connecting, TLS, each answer of the server but the one to
    /// the content, which has ten minutes.
    #[serde(deserialize_with = "long_enough")]
    pub timeout_ms: u64,
    /// The pause after the first failure. The later ones, and when a mail is given up, are multiples of it.
    #[serde(deserialize_with = "long_enough")]
    pub first_retry_ms: u64,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            ca_file: None,
            timeout_ms: 30_000,
            first_retry_ms: 60_000,
        }
    }
}

fn long_enough<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let ms = u64::deserialize(deserializer)?;
    match ms >= LEAST_MS {
        true => Ok(ms),
        false => Err(D::Error::custom(format!(
            "timeout_ms and first_retry_ms in the section [mail] are at least {LEAST_MS}, and {ms} is less"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mail_is_given_up_within_seconds() {
        for name in ["timeout_ms", "first_retry_ms"] {
            let read =
                |ms: u64| serde_json::from_value::<MailConfig>(serde_json::json!({ name: ms }));
            for wrong in [0, 99] {
                let error = read(wrong).unwrap_err().to_string();
                assert!(error.contains(name), "{error}");
            }
            assert!(read(100).is_ok());
        }
    }
}
