//! `[mail]`: how mail is sent. Through which server, and from whom, is a setting that an
//! administrator changes while the house runs.

use std::path::PathBuf;

use serde::Deserialize;

/// Less, and a mail is given up before anybody could mend anything.
const LEAST_MS: u64 = 100;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// Certificates in PEM of authorities that may vouch for the mail server, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a step of sending may take: connecting, TLS, each answer of the server but the one to
    /// the content, which has ten minutes; at least 100.
    pub timeout_ms: u64,
    /// The pause after the first failure. The later ones, and when a mail is given up, are multiples of it;
    /// at least 100.
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

impl MailConfig {
    /// The same, with what is too short for anything raised to the least. Earlier versions took it, so
    /// it keeps no house from starting; the log says so.
    pub fn raised(&self) -> Self {
        let raise = |name, ms: u64| {
            if ms < LEAST_MS {
                tracing::warn!("{name} in the section [mail] is {ms} and is taken for {LEAST_MS}");
            }
            ms.max(LEAST_MS)
        };
        Self {
            ca_file: self.ca_file.clone(),
            timeout_ms: raise("timeout_ms", self.timeout_ms),
            first_retry_ms: raise("first_retry_ms", self.first_retry_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mail_is_given_up_within_seconds() {
        for (written, taken) in [(0, 100), (99, 100), (100, 100), (101, 101)] {
            let section = serde_json::json!({"timeout_ms": written, "first_retry_ms": written});
            let config: MailConfig = serde_json::from_value(section).unwrap();
            let config = config.raised();
            assert_eq!((config.timeout_ms, config.first_retry_ms), (taken, taken));
        }
    }
}
