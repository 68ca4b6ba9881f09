//! `[http]`: where the house answers, under which names people reach it, and what stands in front.
//! Whom to believe is said here alone: nothing is believed of a proxy that is not named.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use serde::Deserialize;

use super::lists;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// HOST:PORT; port 0 takes a free one.
    pub listen: String,
    /// The address people use, e.g. `https://chat.example.org`; needed behind a proxy.
    pub public_url: Option<String>,
    /// Further names under which people reach it: `chat.lan`, or `*.example.org` for all below.
    #[serde(deserialize_with = "lists::texts")]
    pub allowed_hosts: Vec<String>,
    /// Proxies whose word on where a request comes from is believed: addresses and networks.
    #[serde(deserialize_with = "lists::networks")]
    pub trusted_proxies: Vec<IpNet>,
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
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            body_limit_bytes: 1024 * 1024,
            body_timeout_ms: 30_000,
            shutdown_timeout_ms: 5_000,
        }
    }
}

impl HttpConfig {
    /// Whether people reach the house by TLS, as far as `public_url` says.
    pub fn has_tls(&self) -> bool {
        let url = self.public_url.as_deref();
        url.is_some_and(|url| url.starts_with("https://"))
    }

    /// The address under which people reach the house, without a slash at its end: what every link
    /// that leaves the house begins with. Never taken from a request, which says whatever its
    /// sender likes.
    pub fn house_address(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", visitable(&self.listen)),
        }
    }
}

/// `0.0.0.0` is an address to listen on, not one to visit.
fn visitable(listen: &str) -> String {
    match listen.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => match address.is_ipv4() {
            true => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())).to_string(),
            false => SocketAddr::from((Ipv6Addr::LOCALHOST, address.port())).to_string(),
        },
        _ => listen.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_begin_with_an_address_that_can_be_visited() {
        for (public_url, listen, address) in [
            (None, "127.0.0.1:2428", "http://127.0.0.1:2428"),
            (None, "0.0.0.0:80", "http://127.0.0.1:80"),
            (None, "[::]:80", "http://[::1]:80"),
            (None, "house.lan:80", "http://house.lan:80"),
            (
                Some("https://chat.example.org/"),
                "0.0.0.0:80",
                "https://chat.example.org",
            ),
        ] {
            let config = HttpConfig {
                public_url: public_url.map(str::to_owned),
                listen: listen.to_owned(),
                ..HttpConfig::default()
            };
            assert_eq!(config.house_address(), address);
        }
    }
}
