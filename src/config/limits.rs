//! `[limits]`: how often one may ask. What is 0 is not limited.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Of one account, whatever its credentials; a fifth of it may come at once.
    pub requests_per_minute: u32,
    /// Of one address (of IPv6 one network of 64 bits) without a credential that is good; a fifth
    /// of it may come at once.
    pub anonymous_requests_per_minute: u32,
    /// Open at once from one address; proxies that are trusted are not counted.
    pub connections_per_address: u32,
    /// Open at once in all; fewer where the system lets the house open fewer files.
    pub connections: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            requests_per_minute: 600,
            anonymous_requests_per_minute: 300,
            connections_per_address: 512,
            connections: 4096,
        }
    }
}
