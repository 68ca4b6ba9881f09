//! Requests of scripts to other servers: only to hosts that the plugin asked for and an administrator
//! confirmed, and only within the time its call has.
//!
//! The clients come from `outbound`, which refuses what no plugin may reach and follows no redirect. A
//! name of the internet that stands for an address in the house is refused too: whoever owns the name
//! could choose a machine here. Names that were confirmed before that was so stay as they were.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Url};

use super::protocol::HostAnswer;
use crate::outbound::{self, Reach};

const MAX_BODY_BYTES: usize = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client is made when it is first needed: most houses have no plugin that speaks to others.
#[derive(Default)]
pub(super) struct Outgoing {
    inside: Mutex<Option<Client>>,
    outside: Mutex<Option<Client>>,
}

/// A host that was confirmed: `host` or `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) host: String,
    /// It may be in the house, whatever its name is.
    pub(super) is_from_before: bool,
}

impl Outgoing {
    fn client(&self, may_be_inside: bool) -> Option<Client> {
        let (kept, reach) = match may_be_inside {
            true => (&self.inside, Reach::Everywhere),
            false => (&self.outside, Reach::Outside),
        };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            *kept = outbound::client_reaching(reach, CONNECT_TIMEOUT)
                .inspect_err(|error| tracing::error!(%error, "plugins cannot speak to others"))
                .ok();
        }
        kept.clone()
    }

    /// Posts where there is a body.
    pub(super) async fn fetch(
        &self,
        hosts: &[Destination],
        url: &str,
        body: Option<String>,
        until: Instant,
    ) -> HostAnswer {
        let answer = async {
            let (url, destination) = allowed(url, hosts)?;
            let name = url.host_str().unwrap_or_default();
            let client = self.client(destination.is_from_before || is_of_the_house(name));
            let client = client.ok_or("there is no way out of the house")?;
            let request = match body {
                None => client.get(url),
                Some(body) => client.post(url).body(body),
            };
            read(request).await
        };
        let left = until.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, answer).await {
            Ok(Ok((status, body))) => HostAnswer::Http { status, body },
            Ok(Err(reason)) => HostAnswer::Refused(reason),
            Err(_) => HostAnswer::Refused("the other server did not answer in time".into()),
        }
    }
}

/// Whether a name says by itself that it is of this machine or of a private network: an address, or a
/// name that nobody can have on the internet. Any other name may stand for another address tomorrow.
fn is_of_the_house(host: &str) -> bool {
    const PRIVATE: [&str; 5] = [".local", ".lan", ".home", ".home.arpa", ".internal"];
    // Routers answer by this one; of what else ends in .box anybody may own a name.
    const ROUTER: &str = "fritz.box";
    let number = host.trim_start_matches('[').trim_end_matches(']');
    let is_one_word = !host.contains(['.', ':']);
    let below = |host: &str, end: &str| host.strip_suffix(end).is_some_and(|it| it.ends_with('.'));
    number.parse::<IpAddr>().is_ok()
        || is_one_word
        || host == ROUTER
        || below(host, ROUTER)
        || PRIVATE.iter().any(|end| host.ends_with(end))
}

/// The address, where a plugin with these hosts may go there.
fn allowed<'a>(text: &str, hosts: &'a [Destination]) -> Result<(Url, &'a Destination), String> {
    let (address, query) = match text.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (text, None),
    };
    let mut url = outbound::parse_address(address)?;
    url.set_query(query);
    if text.contains('#') {
        return Err("an address must not contain a fragment".into());
    }
    let name = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let with_port = format!("{name}:{port}");
    let is_usual = url.port().is_none();
    let known = |it: &&Destination| it.host == with_port || (is_usual && it.host == name);
    match hosts.iter().find(known) {
        Some(destination) => Ok((url, destination)),
        None => Err(format!(
            "{name} is no host that an administrator confirmed for this plugin"
        )),
    }
}

async fn read(request: RequestBuilder) -> Result<(u16, String), String> {
    let failed = |error: reqwest::Error| {
        // Not the address: a query may hold what is nobody's business.
        format!("the other server cannot be asked: {}", error.without_url())
    };
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        if body.len() + piece.len() > MAX_BODY_BYTES {
            return Err("the other server's answer is larger than 1 MiB".into());
        }
        body.extend_from_slice(&piece);
    }
    let body = String::from_utf8(body).map_err(|_| "the answer is no text in UTF-8")?;
    Ok((status, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_and_names_that_are_nobodys_outside_are_of_the_house() {
        for inside in [
            "127.0.0.1",
            "[::1]",
            "10.0.0.1",
            "localhost",
            "nas",
            "nas.local",
            "nas.lan",
            "nas.home",
            "a.home.arpa",
            "db.internal",
            "fritz.box",
            "nas.fritz.box",
        ] {
            assert!(is_of_the_house(inside), "{inside}");
        }
        for outside in [
            "example.org",
            "rebound.localhost",
            "nas.local.example.org",
            "nas.example.org",
            "notfritz.box",
            "nas.box",
            "home.arpa",
        ] {
            assert!(!is_of_the_house(outside), "{outside}");
        }
    }

    #[test]
    fn only_confirmed_hosts_are_asked_and_only_at_the_port_that_was_confirmed() {
        let hosts = ["example.org", "127.0.0.1:8080"].map(|host| Destination {
            host: host.to_owned(),
            is_from_before: false,
        });
        for good in [
            "https://example.org/a?b=c",
            "http://example.org",
            "http://127.0.0.1:8080/x",
        ] {
            assert!(allowed(good, &hosts).is_ok(), "{good}");
        }
        for bad in [
            "https://example.org:8443/",
            "https://sub.example.org/",
            "https://example.org.evil.example/",
            "https://example.org@evil.example/",
            "https://evil.example/?example.org",
            "https://evil.example/#example.org",
            "http://127.0.0.1/",
            "http://127.0.0.1:80801/",
            "file:///etc/passwd",
            "http://169.254.169.254/",
            "",
        ] {
            assert!(allowed(bad, &hosts).is_err(), "{bad}");
        }
        assert!(allowed("https://example.org", &[]).is_err());
    }
}
