//! The web page, embedded and precompressed: one fallback for every address that is the page's own.
//!
//! Files under `assets/` carry a hash in their name and never change; the rest is revalidated by
//! its ETag. The content policy allows nothing from elsewhere and nothing inline.

use poem::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
};
use poem::http::{Method, StatusCode};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Route};
use rust_embed::{EmbeddedFile, RustEmbed};

/// What `make web` builds; a build without it answers in its place.
#[derive(RustEmbed)]
#[folder = "assets/web/dist/"]
#[allow_missing = true]
struct PageFiles;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";
/// The browsable documentation comes from a library with its scripts inline.
const DOCUMENTATION_POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; \
     style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
     frame-ancestors 'none'";
const NOT_BUILT: &str = "The web page is not part of this build. Run: make web\n";

/// Every answer has a policy; one that set its own keeps it.
pub(super) fn add_content_policy(headers: &mut HeaderMap) {
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(POLICY));
}

pub(super) fn browsable_documentation<E: Endpoint>(browser: E) -> impl Endpoint {
    browser.after(|outcome| async move {
        outcome.map(|output| {
            let mut response = output.into_response();
            let policy = HeaderValue::from_static(DOCUMENTATION_POLICY);
            response
                .headers_mut()
                .insert(CONTENT_SECURITY_POLICY, policy);
            response
        })
    })
}

pub(super) fn routes() -> Route {
    Route::new()
        .at("/*path", poem::endpoint::make(page))
        .at("/", poem::endpoint::make(page))
}

async fn page(request: Request) -> poem::Result<Response> {
    let path = request.original_uri().path().trim_start_matches('/');
    if matches!(path.split('/').next(), Some("api" | "v1")) {
        return Err(StatusCode::NOT_FOUND.into());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(StatusCode::METHOD_NOT_ALLOWED.into());
    }
    let file = PageFiles::get(path)
        .filter(|_| !path.is_empty())
        .map(|file| (path, file));
    let Some((name, file)) = file.or_else(|| fallback(path)) else {
        if !is_page(path) {
            return Err(StatusCode::NOT_FOUND.into());
        }
        return Ok(Response::builder()
            .status(StatusCode::SERVICE_UNAVAILABLE)
            .content_type("text/plain")
            .body(NOT_BUILT));
    };
    Ok(respond(&request, name, file))
}

/// An address without an ending is one of the page's own.
fn is_page(path: &str) -> bool {
    !path.rsplit('/').next().unwrap_or_default().contains('.')
}

fn fallback(path: &str) -> Option<(&'static str, EmbeddedFile)> {
    is_page(path)
        .then(|| PageFiles::get("index.html").map(|file| ("index.html", file)))
        .flatten()
}

fn respond(request: &Request, name: &str, file: EmbeddedFile) -> Response {
    let hash = hex::encode(&file.metadata.sha256_hash()[..16]);
    let caching = match name.starts_with("assets/") {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let (encoding, data) = match compressed(request, name) {
        Some((encoding, compressed)) => (Some(encoding), compressed.data),
        None => (None, file.data),
    };
    // Other bytes, another tag.
    let etag = match encoding {
        Some(encoding) => format!("\"{hash}-{encoding}\""),
        None => format!("\"{hash}\""),
    };
    let response = Response::builder()
        .header(ETAG, &etag)
        .header(CACHE_CONTROL, caching)
        .header(VARY, "accept-encoding");
    let known = request.headers().get(IF_NONE_MATCH);
    let known = known.and_then(|value| value.to_str().ok());
    let is_same = |tag: &str| tag.trim().trim_start_matches("W/") == etag;
    if known.is_some_and(|known| known.split(',').any(is_same)) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    let media_type = mime_guess::from_path(name).first_or_octet_stream();
    let mut response = response.header(CONTENT_TYPE, with_charset(media_type.essence_str()));
    if let Some(encoding) = encoding {
        response = response.header(CONTENT_ENCODING, encoding);
    }
    match (*request.method() == Method::HEAD, data) {
        (true, _) => response.finish(),
        (false, std::borrow::Cow::Borrowed(bytes)) => {
            response.body(bytes::Bytes::from_static(bytes))
        }
        (false, std::borrow::Cow::Owned(bytes)) => response.body(bytes),
    }
}

fn with_charset(media_type: &str) -> String {
    match media_type.starts_with("text/") || media_type.ends_with("javascript") {
        true => format!("{media_type}; charset=utf-8"),
        false => media_type.to_owned(),
    }
}

fn compressed(request: &Request, name: &str) -> Option<(&'static str, EmbeddedFile)> {
    let accepted = request.headers().get(ACCEPT_ENCODING)?.to_str().ok()?;
    [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(encoding, _)| accepts(accepted, encoding))
        .find_map(|(encoding, ending)| {
            Some((encoding, PageFiles::get(&format!("{name}.{ending}"))?))
        })
}

/// A weight of nothing, in whatever writing, is a no.
fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|offer| {
        let (coding, parameters) = offer.split_once(';').unwrap_or((offer, ""));
        let weight = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            (name.trim().eq_ignore_ascii_case("q")).then_some(value.trim())
        });
        let is_wanted = weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|it| it > 0.0));
        coding.trim().eq_ignore_ascii_case(encoding) && is_wanted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_weighs_nothing_is_not_accepted() {
        for yes in [
            "br",
            "gzip, br",
            "br;q=0.1",
            "BR ; Q=1",
            "gzip;q=0, br;q=0.001",
        ] {
            assert!(accepts(yes, "br"), "{yes}");
        }
        for no in [
            "",
            "gzip",
            "br;q=0",
            "br;q=0.0",
            "br; q = 0.000",
            "br;q=x",
            "xbr",
        ] {
            assert!(!accepts(no, "br"), "{no}");
        }
    }
}
