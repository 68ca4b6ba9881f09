//! Under which names the house answers: a page of somebody else's whose name was made to lead to
//! this machine (DNS rebinding) must find nothing here.
//!
//! Addresses themselves are always good, because no name leads to them. What is no clear Host, or
//! more than one, is refused: proxies and the house could read it differently. Asked by `guard` for
//! every path.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use poem::Request;
use poem::http::header::HOST;
use poem::http::uri::{Authority, Uri};
use poem::http::{HeaderValue, Version};

use crate::config::HttpConfig;
use crate::error::{Error, Result};

const SHOWN_LIMIT: usize = 255;

pub(super) struct AllowedHosts {
    names: BTreeSet<String>,
    /// With the dot in front.
    endings: Vec<String>,
}

impl AllowedHosts {
    /// `machine` is what this machine calls itself.
    pub(super) fn new(config: &HttpConfig, machine: Option<&str>) -> Result<Self> {
        let mut hosts = Self {
            names: BTreeSet::from(["localhost".to_owned()]),
            endings: vec![".localhost".to_owned()],
        };
        if let Some(machine) = machine.map(plain) {
            hosts.names.insert(format!("{machine}.local"));
            hosts.names.insert(machine);
        }
        let url = config.public_url.as_deref();
        if let Some(host) = url.and_then(|url| Some(plain(url.parse::<Uri>().ok()?.host()?))) {
            hosts.names.insert(host);
        }
        for written in &config.allowed_hosts {
            hosts.add(written)?;
        }
        Ok(hosts)
    }

    fn add(&mut self, written: &str) -> Result<()> {
        let ending = written.strip_prefix('*').filter(|it| it.starts_with('.'));
        let name = plain(ending.map_or(written, |ending| &ending[1..]));
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || !name.chars().all(allowed) {
            return Err(Error::invalid(format!(
                "allowed_hosts in the section [http] has {written:?}, which is no name of a host; write it without a scheme and a port"
            )));
        }
        match ending {
            Some(_) => self.endings.push(format!(".{name}")),
            None => drop(self.names.insert(name)),
        }
        Ok(())
    }

    pub(super) fn check(&self, request: &Request) -> Result<()> {
        let host = match authority_of(request)? {
            Some(authority) => plain(authority.host()),
            // From before there were names; browsers do not speak it.
            None if request.version() <= Version::HTTP_10 => return Ok(()),
            None => return Err(Error::invalid("this request has no Host header")),
        };
        match self.allows(&host) {
            true => Ok(()),
            false => Err(Error::forbidden(format!(
                "this house does not answer to the name {}; if it should, add the name to allowed_hosts in the section [http] of its configuration",
                host.chars().take(SHOWN_LIMIT).collect::<String>()
            ))),
        }
    }

    fn allows(&self, host: &str) -> bool {
        is_address(host)
            || self.names.contains(host)
            || self.endings.iter().any(|ending| host.ends_with(ending))
    }
}

/// In lower case, without the dot that makes a name complete.
fn plain(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn is_address(host: &str) -> bool {
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match bracketed {
        Some(inside) => inside.parse::<Ipv6Addr>().is_ok(),
        None => host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_ipv4()),
    }
}

/// The one authority that a request names.
fn authority_of(request: &Request) -> Result<Option<Authority>> {
    let wrong = |sentence: &str| Err(Error::invalid(sentence));
    let mut headers = request.headers().get_all(HOST).iter();
    let header = headers.next().map(parse).transpose()?;
    if headers.next().is_some() {
        return wrong("this request has more than one Host header");
    }
    let own = request.uri().authority().cloned();
    if own.as_ref().is_some_and(|own| own.as_str().contains('@')) {
        return wrong("the address of this request names a user");
    }
    match (own, header) {
        (Some(own), Some(header)) if !same(&own, &header) => {
            wrong("the Host header is not the host that this request is for")
        }
        (Some(_), None) if request.version() == Version::HTTP_11 => {
            wrong("this request has no Host header")
        }
        (own, header) => Ok(header.or(own)),
    }
}

fn same(one: &Authority, other: &Authority) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

fn parse(header: &HeaderValue) -> Result<Authority> {
    let text = header.to_str().ok().filter(|text| !text.contains('@'));
    let authority = text.and_then(|text| text.parse::<Authority>().ok());
    let has_port_or_none = |authority: &Authority| {
        let rest = &authority.as_str()[authority.host().len()..];
        let port = rest.strip_prefix(':').unwrap_or(rest);
        port.bytes().all(|byte| byte.is_ascii_digit())
    };
    authority
        .filter(|authority| !authority.host().is_empty() && has_port_or_none(authority))
        .ok_or_else(|| Error::invalid("the Host header of this request is none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(public_url: Option<&str>, allowed: &[&str]) -> AllowedHosts {
        let config = HttpConfig {
            public_url: public_url.map(Into::into),
            allowed_hosts: allowed.iter().map(ToString::to_string).collect(),
            ..HttpConfig::default()
        };
        AllowedHosts::new(&config, Some("Attic")).unwrap()
    }

    fn asks(host: &str) -> Request {
        Request::builder()
            .version(Version::HTTP_11)
            .header(HOST, host)
            .finish()
    }

    #[test]
    fn addresses_and_the_names_of_this_house_are_good_and_no_others() {
        let hosts = hosts(
            Some("https://chat.example.org:8443"),
            &["chat.lan", "*.example.net"],
        );
        for good in [
            "127.0.0.1",
            "127.0.0.1:2428",
            "192.168.1.5",
            "[::1]:2428",
            "[fe80::1]",
            "localhost",
            "LOCALHOST:1",
            "localhost.",
            "a.localhost",
            "attic:2428",
            "attic.local",
            "chat.example.org",
            "CHAT.LAN.:80",
            "a.b.example.net",
        ] {
            assert!(hosts.check(&asks(good)).is_ok(), "{good}");
        }
        for bad in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evil-localhost",
            "example.net",
            "evilexample.net",
            "sub.chat.example.org",
            "2130706433",
            "0x7f.1",
            "127.1",
            "0177.0.0.1",
            "attic.evil.example",
        ] {
            let error = hosts.check(&asks(bad)).unwrap_err();
            assert_eq!(error.code(), "forbidden", "{bad}");
            assert!(error.message.contains("allowed_hosts"), "{}", error.message);
        }
    }

    #[test]
    fn what_is_not_one_clear_host_is_refused() {
        let hosts = hosts(None, &[]);
        for bad in [
            "",
            "user@localhost",
            "@localhost",
            "a b",
            "localhost/x",
            "[::1",
            "localhost:x",
            "localhost, evil.example",
        ] {
            let error = hosts.check(&asks(bad)).unwrap_err();
            assert!(
                matches!(error.code(), "invalid_request" | "forbidden"),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_name_in_the_configuration_is_only_a_name() {
        for bad in [
            "http://chat.lan",
            "chat.lan:80",
            "*",
            "*.",
            "a,b",
            "a b",
            "",
        ] {
            let config = HttpConfig {
                allowed_hosts: vec![bad.into()],
                ..HttpConfig::default()
            };
            assert!(AllowedHosts::new(&config, None).is_err(), "{bad:?}");
        }
    }
}
