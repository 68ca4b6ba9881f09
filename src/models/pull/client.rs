//! Requests to the outside: to the hub, to where it redirects, and to addresses people give.
//!
//! The hub's access token goes to the hub's own origin and is dropped on the first redirect that
//! leaves it. Redirects are followed here, a few of them, never from https to http. Nothing is read
//! but what a caller takes, and silence ends a request. Only this room (`models/pull/`) calls it.

use std::time::Duration;

use reqwest::header::{
    AUTHORIZATION, CONTENT_RANGE, ETAG, HeaderMap, LAST_MODIFIED, LOCATION, RANGE, RETRY_AFTER,
};
use reqwest::{Client as HttpClient, Response, StatusCode, Url};
use tokio::time::timeout;

use super::failure::{Failure, Refusal};
use crate::config::{HubToken, ModelsConfig};
use crate::error::{Error, Result};
use crate::outbound;

const MAX_REDIRECTS: usize = 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// A listing of a repository with thousands of files is smaller.
const MAX_JSON_BYTES: usize = 8 << 20;

pub(super) struct Client {
    http: HttpClient,
    pub(super) hub: Url,
    token: Option<HubToken>,
    stall_timeout: Duration,
}

/// An answer with success, after all redirects.
pub(super) struct Answer {
    pub(super) response: Response,
    /// What the hub says of the file before it redirects to where the bytes are.
    linked: Linked,
}

#[derive(Default)]
struct Linked {
    etag: Option<String>,
    size_bytes: Option<u64>,
}

impl Client {
    pub(super) fn new(config: &ModelsConfig) -> Result<Self> {
        let refused = || {
            Error::invalid(format!(
                "the hub \"{}\" under [models] is no http address",
                config.hub
            ))
        };
        let hub = Url::parse(&config.hub).map_err(|_| refused())?;
        if !is_web_address(&hub) {
            return Err(refused());
        }
        let http = outbound::client(CONNECT_TIMEOUT)?;
        Ok(Self {
            http,
            hub,
            token: config.hub_token.clone(),
            stall_timeout: Duration::from_millis(config.stall_timeout_ms),
        })
    }

    pub(super) fn stall_timeout(&self) -> Duration {
        self.stall_timeout
    }

    /// `range` is of bytes, the last one included.
    pub(super) async fn get(
        &self,
        url: &Url,
        range: Option<(u64, u64)>,
    ) -> Result<Answer, Failure> {
        let mut url = url.clone();
        let mut linked = Linked::default();
        for _ in 0..MAX_REDIRECTS {
            let mut request = self.http.get(url.clone());
            if let Some((first, last)) = range {
                request = request.header(RANGE, format!("bytes={first}-{last}"));
            }
            if let Some(token) = self.token.as_ref().filter(|_| self.is_hub(&url)) {
                request = request.header(AUTHORIZATION, format!("Bearer {}", token.reveal()));
            }
            let sent = timeout(self.stall_timeout, request.send()).await;
            let response = sent
                .map_err(|_| Failure::passing("the server does not answer"))?
                .map_err(Failure::of_request)?;
            linked.learn(response.headers());
            self.refuse(&url, &response)?;
            if !response.status().is_redirection() {
                return Ok(Answer { response, linked });
            }
            url = redirected(&url, response.headers())?;
        }
        let error = Error::invalid("the server redirects in circles");
        Err(Failure::Final(error))
    }

    fn is_hub(&self, url: &Url) -> bool {
        url.origin() == self.hub.origin()
    }

    fn refuse(&self, url: &Url, response: &Response) -> Result<(), Failure> {
        let refusal = Refusal {
            status: response.status(),
            server: url.host_str().unwrap_or("the server"),
            repository_page: self
                .is_hub(url)
                .then(|| super::hub::page_of(&self.hub, url)),
            has_token: self.token.is_some(),
            retry_after: retry_after(response.headers()),
        };
        Failure::of_status(&refusal).map_or(Ok(()), Err)
    }

    /// A JSON document and where the next page of it is.
    pub(super) async fn get_json(
        &self,
        url: &Url,
    ) -> Result<(serde_json::Value, Option<Url>), Failure> {
        let mut answer = self.get(url, None).await?;
        let next = next_page(answer.response.headers()).and_then(|next| url.join(&next).ok());
        let mut bytes = Vec::new();
        while let Some(chunk) = self.next_chunk(&mut answer.response).await? {
            if bytes.len() + chunk.len() > MAX_JSON_BYTES {
                return Err(Error::invalid("the hub's answer is far too long").into());
            }
            bytes.extend_from_slice(&chunk);
        }
        let document = serde_json::from_slice(&bytes)
            .map_err(|_| Error::invalid("what answers there is no hub: it does not send JSON"))?;
        Ok((document, next.filter(|next| self.is_hub(next))))
    }

    /// None at the end. For bodies that are small; large ones watch their own speed.
    async fn next_chunk(&self, response: &mut Response) -> Result<Option<bytes::Bytes>, Failure> {
        timeout(self.stall_timeout, response.chunk())
            .await
            .map_err(|_| Failure::passing("the server has fallen silent"))?
            .map_err(Failure::of_request)
    }
}

impl Linked {
    fn learn(&mut self, headers: &HeaderMap) {
        self.etag = self.etag.take().or(text_of(headers, "x-linked-etag"));
        let size_bytes = text_of(headers, "x-linked-size").and_then(|size| size.parse().ok());
        self.size_bytes = self.size_bytes.or(size_bytes);
    }
}

impl Answer {
    pub(super) fn is_partial(&self) -> bool {
        self.response.status() == StatusCode::PARTIAL_CONTENT
    }

    /// What the bytes' own server calls this version of the file.
    pub(super) fn etag(&self) -> Option<String> {
        let headers = self.response.headers();
        text_of(headers, ETAG.as_str()).or_else(|| text_of(headers, LAST_MODIFIED.as_str()))
    }

    /// What stays the same as long as the file does, wherever its bytes come from.
    pub(super) fn version(&self) -> Option<String> {
        self.linked.etag.clone().or_else(|| self.etag())
    }

    /// First byte, last byte, and the size of the whole.
    pub(super) fn content_range(&self) -> Option<(u64, u64, u64)> {
        parse_content_range(&text_of(self.response.headers(), CONTENT_RANGE.as_str())?)
    }

    /// Of the whole file.
    pub(super) fn size_bytes(&self) -> Option<u64> {
        if self.is_partial() {
            return self.content_range().map(|(_, _, total)| total);
        }
        self.response.content_length().or(self.linked.size_bytes)
    }

    /// The name that the server gives the file, as it says it.
    pub(super) fn file_name(&self) -> Option<String> {
        let text = text_of(self.response.headers(), "content-disposition")?;
        let named = text.split(';').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            key.trim().eq_ignore_ascii_case("filename").then_some(value)
        })?;
        Some(named.trim().trim_matches('"').to_owned())
    }
}

pub(super) fn is_web_address(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

fn redirected(from: &Url, headers: &HeaderMap) -> Result<Url, Failure> {
    let wrong = || Failure::Final(Error::invalid("the server redirects to nowhere"));
    let location = text_of(headers, LOCATION.as_str()).ok_or_else(wrong)?;
    let to = from.join(&location).map_err(|_| wrong())?;
    let downgraded = from.scheme() == "https" && to.scheme() != "https";
    if !is_web_address(&to) || downgraded {
        return Err(wrong());
    }
    Ok(to)
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Seconds; a date says nothing that a pause of our own does not.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = text_of(headers, RETRY_AFTER.as_str())?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

/// `<https://…>; rel="next"`
fn next_page(headers: &HeaderMap) -> Option<String> {
    let links = text_of(headers, "link")?;
    links.split(',').find_map(|link| {
        let (address, kind) = link.split_once(';')?;
        let address = address.trim().strip_prefix('<')?.strip_suffix('>')?;
        kind.contains("rel=\"next\"").then(|| address.to_owned())
    })
}

/// `bytes 0-99/1000`
fn parse_content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (first, last, total) = (number(first)?, number(last)?, number(total)?);
    (first <= last && last < total).then_some((first, last, total))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            reqwest::header::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )])
    }

    #[test]
    fn a_redirect_stays_on_the_web_and_never_gives_up_encryption() {
        let secure = Url::parse("https://hub.example/a/b").unwrap();
        let plain = Url::parse("http://hub.example/a/b").unwrap();
        let to = |from: &Url, location| redirected(from, &with("location", location)).ok();
        assert!(to(&secure, "https://cdn.example/x").is_some());
        assert_eq!(
            to(&secure, "/c/d").unwrap().as_str(),
            "https://hub.example/c/d"
        );
        assert!(to(&plain, "https://cdn.example/x").is_some());
        for bad in ["http://cdn.example/x", "file:///etc/passwd", "https://"] {
            assert!(to(&secure, bad).is_none(), "{bad}");
        }
        assert!(redirected(&plain, &HeaderMap::new()).is_err());
    }

    #[test]
    fn headers_are_read_strictly() {
        assert_eq!(parse_content_range("bytes 0-99/1000"), Some((0, 99, 1000)));
        for bad in [
            "bytes 0-99/*",
            "bytes 9-0/100",
            "bytes 0-100/100",
            "0-99/100",
            "bytes */100",
            "bytes -1-2/3",
        ] {
            assert_eq!(parse_content_range(bad), None, "{bad}");
        }
        let link = "<https://h/x?cursor=1>; rel=\"next\", <https://h/y>; rel=\"last\"";
        assert_eq!(
            next_page(&with("link", link)).unwrap(),
            "https://h/x?cursor=1"
        );
        assert_eq!(
            next_page(&with("link", "<https://h/y>; rel=\"last\"")),
            None
        );
        let wait = |text| retry_after(&with("retry-after", text));
        assert_eq!(wait("3"), Some(Duration::from_secs(3)));
        assert_eq!(wait("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
