//! `[store]`: the database file.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Memory for pages of the database, in MiB.
    pub cache_mib: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { cache_mib: 64 }
    }
}
