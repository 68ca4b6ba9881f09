//! `[mail]`: how mail is sent. Through which server, and from whom, is a setting that an
//! administrator changes while the house runs.

use std::path::PathBuf;

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// Certificates in PEM of authorities that may vouch for the mail server, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a step of sending may take: connecting, TLS, each answer of the server.
    pub timeout_ms: u64,
    /// The pause after the first failure. The later ones, and when a mail is given up, are multiples of it.
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
