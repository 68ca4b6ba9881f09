//! `[plugins]`: how long the house waits for the rules that an administrator wrote.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PluginsConfig {
    /// How long one call of a plugin may take, 20 to 60,000; half a second later its process is
    /// ended.
    pub deadline_ms: u64,
}

impl Default for PluginsConfig {
    fn default() -> Self {
        Self { deadline_ms: 500 }
    }
}
