//! `[http]`: where the house answers and under which name people reach it.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// HOST:PORT; port 0 takes a free one.
    pub listen: String,
    /// The address people use, e.g. `https://chat.example.org`; needed behind a proxy.
    pub public_url: Option<String>,
    /// Bodies of JSON requests, in bytes.
    pub body_limit_bytes: usize,
    /// How long a request's body may take to arrive; of an uploaded file, how long nothing may come.
    pub body_timeout_ms: u64,
    /// How long running answers may take to end when the house stops.
    pub shutdown_timeout_ms: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:2428".into(),
            public_url: None,
            body_limit_bytes: 1024 * 1024,
            body_timeout_ms: 30_000,
            shutdown_timeout_ms: 5_000,
        }
    }
}
