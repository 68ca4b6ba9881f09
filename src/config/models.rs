//! `[models]`: what the library takes in.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsConfig {
    /// The largest adapter that may be uploaded, in MiB.
    pub max_adapter_mib: u64,
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self {
            max_adapter_mib: 2048,
        }
    }
}
