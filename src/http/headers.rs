//! The headers that protect, on every answer of the house, whoever made it: errors, streams and the
//! page as well. Put on by `guard`, last.
//!
//! What is no request never reaches the guard: hyper answers it by itself, with a status and
//! nothing else. Where that is the first answer of a connection, `connections` puts them on; behind
//! another answer it has none, and no body that they could protect either.

use poem::http::header::{
    CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use super::pages;

const ALWAYS: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
    ),
];
const ONE_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// `is_api`: the answer is somebody's, so nothing on the way may keep it. `has_tls`: browsers are to
/// come by TLS alone from now on.
pub(super) fn protect(headers: &mut HeaderMap, is_api: bool, has_tls: bool) {
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    pages::add_content_policy(headers);
    if is_api {
        headers.insert(CACHE_CONTROL, NO_STORE);
    }
    if has_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, ONE_YEAR);
    }
}

/// The same as lines of a head, for an answer that was made without them.
pub(super) fn protecting_lines(has_tls: bool) -> Vec<u8> {
    let mut headers = HeaderMap::new();
    protect(&mut headers, true, has_tls);
    let mut lines = Vec::new();
    for (name, value) in &headers {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    lines
}
