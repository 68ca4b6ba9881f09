//! Requests of scripts to other servers: only to hosts that the plugin asked for and an administrator
//! confirmed, and only within the time its call has.
//!
//! The clients come from `outbound`, which refuses what no plugin may reach and follows no redirect.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Url};

use super::protocol::HostAnswer;
use crate::outbound;

const MAX_BODY_BYTES: usize = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client is made when it is first needed: most houses have no plugin that speaks to others.
#[derive(Default)]
pub(super) struct Outgoing {
    client: OnceLock<Option<Client>>,
}

impl Outgoing {
    fn client(&self) -> Option<&Client> {
        let make = || {
            outbound::client(CONNECT_TIMEOUT)
                .inspect_err(|error| tracing::error!(%error, "plugins cannot speak to others"))
                .ok()
        };
        self.client.get_or_init(make).as_ref()
    }

    /// Posts where there is a body.
    pub(super) async fn fetch(
        &self,
        hosts: &[String],
        url: &str,
        body: Option<String>,
        until: Instant,
    ) -> HostAnswer {
        let answer = async {
            let url = allowed(url, hosts)?;
            let client = self.client().ok_or("there is no way out of the house")?;
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

/// The address, where a plugin with these hosts may go there.
fn allowed(text: &str, hosts: &[String]) -> Result<Url, String> {
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
    let known = |host: &String| *host == with_port || (is_usual && host == name);
    match hosts.iter().any(known) {
        true => Ok(url),
        false => Err(format!(
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
    fn only_confirmed_hosts_are_asked_and_only_at_the_port_that_was_confirmed() {
        let hosts = ["example.org".to_owned(), "127.0.0.1:8080".to_owned()];
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
