//! `[http]`: where the house answers, under which names people reach it, and what stands in front.
//! Whom to believe is said here alone: nothing is believed of a proxy that is not named.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::lists;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// HOST:PORT; port 0 takes a free one.
    pub listen: String,
    /// The address people use, e.g. `https://chat.example.org`; needed behind a proxy. A scheme and a
    /// host, where need be a port, and nothing else; kept in small letters.
    #[serde(deserialize_with = "public_url")]
    pub public_url: Option<String>,
    /// Further names under which people reach it: `chat.lan`, or `*.example.org` for all below.
    #[serde(deserialize_with = "lists::texts")]
    pub allowed_hosts: Vec<String>,
    /// Proxies whose word on where a request comes from is believed: addresses and networks.
    #[serde(deserialize_with = "lists::networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The one header in which those proxies write where a request comes from. Any other is what
    /// clients wrote.
    pub forwarded_header: ForwardedHeader,
    /// From the beginning of a connection to its first whole request.
    #[serde(deserialize_with = "long_enough")]
    pub first_request_timeout_ms: u64,
    /// How long a connection may then be without another, and how long an answer may go unread.
    #[serde(deserialize_with = "long_enough")]
    pub idle_timeout_ms: u64,
    /// Bodies of JSON requests, in bytes.
    pub body_limit_bytes: usize,
    /// What all bodies that are being read may take of memory, in bytes; less than two bodies of
    /// `body_limit_bytes` is taken for that much.
    pub bodies_limit_bytes: usize,
    /// How long a request's body may take to arrive; of an uploaded file, how long nothing may come.
    pub body_timeout_ms: u64,
    /// How long running answers may take to end when the house stops.
    pub shutdown_timeout_ms: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    #[default]
    XForwardedFor,
    /// Of RFC 7239.
    Forwarded,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:2428".into(),
            public_url: None,
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
            first_request_timeout_ms: 20_000,
            idle_timeout_ms: 120_000,
            body_limit_bytes: 1024 * 1024,
            bodies_limit_bytes: 64 * 1024 * 1024,
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

/// Shorter ones would end what is only slow.
const LEAST_MS: u64 = 100;

fn long_enough<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let ms = u64::deserialize(deserializer)?;
    match ms >= LEAST_MS {
        true => Ok(ms),
        false => Err(D::Error::custom(format!(
            "first_request_timeout_ms and idle_timeout_ms in the section [http] are at least {LEAST_MS}, and {ms} is less"
        ))),
    }
}

fn public_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let written = Option::<String>::deserialize(deserializer)?;
    // An environment gives what it does not have as nothing.
    let written = written.filter(|text| !text.trim().is_empty());
    let checked = written.map(|text| {
        normalised(text.trim()).ok_or_else(|| {
            D::Error::custom(format!(
                "public_url in the section [http] is {text:?}; write http:// or https://, a host, where need be a port, and nothing behind it"
            ))
        })
    });
    checked.transpose()
}

/// As browsers write an origin: in small letters, without the port that goes without saying.
fn normalised(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let usual_port = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
    let (host, port) = match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => {
            let port = authority[colon + 1..]
                .parse::<u16>()
                .ok()
                .filter(|port| *port > 0)?;
            (&authority[..colon], Some(port))
        }
        _ => (authority.as_str(), None),
    };
    let in_brackets = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let is_good = match in_brackets {
        Some(inside) => inside.parse::<Ipv6Addr>().is_ok(),
        None => {
            let label = |label: &str| {
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
                !label.is_empty() && label.chars().all(plain)
            };
            host.strip_suffix('.').unwrap_or(host).split('.').all(label)
        }
    };
    let port = port.filter(|port| *port != usual_port);
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    is_good.then(|| format!("{scheme}://{host}{port}"))
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

    #[test]
    fn the_public_address_is_an_origin_and_is_kept_as_browsers_write_it() {
        let read = |url: &str| {
            let section = serde_json::json!({ "public_url": url });
            serde_json::from_value::<HttpConfig>(section)
        };
        for (written, kept) in [
            ("https://chat.example.org", "https://chat.example.org"),
            ("HTTPS://Chat.Example.org/", "https://chat.example.org"),
            (" https://chat.example.org:443 ", "https://chat.example.org"),
            ("http://attic.lan:80/", "http://attic.lan"),
            ("http://attic:2428", "http://attic:2428"),
            ("http://192.168.1.5:2428", "http://192.168.1.5:2428"),
            ("http://[FD00::1]:2428", "http://[fd00::1]:2428"),
            ("http://[::1]", "http://[::1]"),
        ] {
            let config = read(written).unwrap();
            assert_eq!(config.public_url.as_deref(), Some(kept), "{written}");
            assert_eq!(config.has_tls(), kept.starts_with("https:"), "{written}");
        }
        assert_eq!(read(" ").unwrap().public_url, None);
        for wrong in [
            "chat.example.org",
            "//chat.example.org",
            "ftp://chat.example.org",
            "https:chat.example.org",
            "https://",
            "https:///",
            "https://chat.example.org/house",
            "https://chat.example.org//",
            "https://chat.example.org?x",
            "https://chat.example.org#x",
            "https://ada@chat.example.org",
            "https://chat.example.org:0",
            "https://chat.example.org:70000",
            "https://chat.example.org:",
            "https://chat..example.org",
            "https://chat example.org",
            "https://b\u{fc}cher.example",
            "https://[::1",
            "https://::1",
        ] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains("public_url"), "{wrong}: {error}");
        }
    }
}
