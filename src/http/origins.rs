//! Where a browser says that a request comes from: the session cookie is for our own page alone.
//!
//! What may change something must come from our own origin, also signing in, which has no cookie
//! yet. Looking is refused as well when another site's page does it with our cookie, though it could
//! not read the answer; following a link is no looking. Asked by `guard` for every path.

use poem::Request;
use poem::http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use poem::http::uri::{Authority, Uri};

use super::caller::session_cookie;
use crate::config::HttpConfig;
use crate::error::{Error, Result};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// No page of another site can add an Authorization header unasked, and with one the cookie does
/// not count.
pub(super) fn check_origin(config: &HttpConfig, request: &Request) -> Result<()> {
    let headers = request.headers();
    if headers.contains_key(AUTHORIZATION) {
        return Ok(());
    }
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text(&SEC_FETCH_SITE);
    let ours = if request.method().is_safe() {
        let from_elsewhere = matches!(site, Some("cross-site" | "same-site"));
        let follows_a_link = text(&SEC_FETCH_MODE) == Some("navigate");
        !from_elsewhere || follows_a_link || session_cookie(request).is_none()
    } else {
        match (site, text(&ORIGIN)) {
            (Some(site), _) => matches!(site, "same-origin" | "none"),
            (None, Some(origin)) => {
                is_our_origin(config.public_url.as_deref(), origin, text(&HOST))
            }
            (None, None) => !headers.contains_key(ORIGIN) && session_cookie(request).is_none(),
        }
    };
    match ours {
        true => Ok(()),
        false => Err(Error::forbidden(
            "this request comes from another site, so the session cookie is not used",
        )),
    }
}

fn is_our_origin(public_url: Option<&str>, origin: &str, host: Option<&str>) -> bool {
    let public = public_url.and_then(|url| url.parse::<Uri>().ok());
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let Ok(authority) = authority.parse::<Authority>() else {
        return false;
    };
    if let Some(public) = &public
        && public.authority() == Some(&authority)
    {
        // The same name without TLS could be anybody in between.
        return public.scheme_str() == Some(scheme);
    }
    host.and_then(|host| host.parse().ok()) == Some(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_origin_is_the_public_one_or_the_one_that_was_asked() {
        let public = Some("https://chat.example.org");
        for (origin, host, ours) in [
            ("https://chat.example.org", "127.0.0.1:2428", true),
            ("https://CHAT.example.org", "127.0.0.1:2428", true),
            ("http://chat.example.org", "chat.example.org", false),
            ("http://192.168.1.5:2428", "192.168.1.5:2428", true),
            ("http://192.168.1.5:2429", "192.168.1.5:2428", false),
            ("https://evil.example", "127.0.0.1:2428", false),
            (
                "https://chat.example.org.evil.example",
                "chat.example.org",
                false,
            ),
            ("null", "null", false),
            ("", "", false),
        ] {
            assert_eq!(is_our_origin(public, origin, Some(host)), ours, "{origin}");
        }
        assert!(!is_our_origin(None, "http://127.0.0.1", None));
    }
}
