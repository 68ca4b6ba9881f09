//! `[models]`: what the library takes in, where models are pulled from, and how. The defaults suit
//! a line at home; numbers out of all proportion are brought into it where they are used.

use std::fmt;

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsConfig {
    /// The largest adapter that may be uploaded, in MiB.
    pub max_adapter_mib: u64,
    /// The address of a Hugging Face hub, or of something that speaks like it.
    pub hub: String,
    /// An access token of that hub, for gated and private repositories; sent to no other address.
    pub hub_token: Option<HubToken>,
    /// How many pieces of a file are downloaded at once.
    pub connections: usize,
    /// How much is asked for at once, in bytes; what a stop costs at most, on each connection.
    pub piece_bytes: u64,
    /// How often in a row a download may fail before it is given up; what has come is kept.
    pub retries: u32,
    /// The pause after the first failure; it doubles with each.
    pub retry_pause_ms: u64,
    /// After so long with nothing, or next to nothing, a connection is given up.
    pub stall_timeout_ms: u64,
}

/// Told to the hub and to nobody else, the log included.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct HubToken(String);

impl HubToken {
    /// The token itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HubToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HubToken")
    }
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self {
            max_adapter_mib: 2048,
            hub: "https://huggingface.co".into(),
            hub_token: None,
            connections: 4,
            piece_bytes: 16 << 20,
            retries: 5,
            retry_pause_ms: 1_000,
            stall_timeout_ms: 30_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_written_out() {
        let config = ModelsConfig {
            hub_token: Some(HubToken("hf_secret".into())),
            ..ModelsConfig::default()
        };
        assert!(!format!("{config:?}").contains("hf_secret"));
    }
}
