//! What every request passes: an id, limits, the check of its origin, headers, and one envelope
//! for errors.
//!
//! A body is read here, whole and bounded in size and time, before any handler sees it; that of an
//! upload is read by its handler, through `streamed_body`. A request
//! that a browser sends with our cookie and that may change something must come from our own page.

use std::sync::Arc;
use std::time::{Duration, Instant};

use poem::http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use poem::http::uri::Authority;
use poem::{Body, Endpoint, IntoResponse, Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::errors::{self, REQUEST_ID};
use super::streamed_body::{StreamedBody, is_streamed};
use super::{caller, pages};
use crate::appliance::Appliance;
use crate::error::{Error, ErrorKind, Result};

const HEADERS_LIMIT_BYTES: usize = 16 * 1024;
/// Of a body that is too large, as much is still read so that its sender can hear so.
const PASSED_OVER_LIMIT_BYTES: usize = 16 * 1024 * 1024;
const PASSING_OVER_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

pub(super) async fn guarded<E>(
    appliance: Arc<Appliance>,
    endpoint: Arc<E>,
    request: Request,
) -> poem::Result<Response>
where
    E: Endpoint,
    E::Output: IntoResponse,
{
    let request_id = uuid::Uuid::now_v7().simple().to_string();
    let header = HeaderValue::from_str(&request_id).expect("hexadecimal digits are a header value");
    let mut response = REQUEST_ID
        .scope(request_id, async move {
            let started = Instant::now();
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let known = caller::Known::default();
            let answered = answer(&appliance, endpoint, request);
            let response = known.clone().scope(answered).await;
            let response = known.end_when_they_leave(response, &appliance);
            tracing::debug!(
                request_id = REQUEST_ID.get(),
                %method,
                path,
                status = response.status().as_u16(),
                took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
                "answered"
            );
            response
        })
        .await;
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID_HEADER, header);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    pages::add_content_policy(headers);
    Ok(response)
}

async fn answer<E>(appliance: &Appliance, endpoint: Arc<E>, mut request: Request) -> Response
where
    E: Endpoint,
    E::Output: IntoResponse,
{
    let on_compat = request.uri().path().starts_with("/v1/");
    let refused = match admit(appliance, &mut request).await {
        Ok(upload) => match call_with(endpoint, request, upload).await {
            Ok(response) => return response,
            Err(refused) => refused,
        },
        Err(error) => closing(errors::respond(error)),
    };
    match on_compat {
        true => super::compat::openai::as_openai_error(refused).await,
        false => refused,
    }
}

/// What is left of the body is not read, so nothing can follow on this connection.
fn closing(mut refused: Response) -> Response {
    refused
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    refused
}

/// The same as `call`; of an upload that was refused in the middle, some is passed over.
async fn call_with<E>(
    endpoint: Arc<E>,
    request: Request,
    upload: Option<StreamedBody>,
) -> std::result::Result<Response, Response>
where
    E: Endpoint,
    E::Output: IntoResponse,
{
    let answer = call(endpoint, request).await;
    let Some(upload) = upload.filter(StreamedBody::is_coming) else {
        return answer;
    };
    pass_over_rest(upload).await;
    answer.map(closing).map_err(closing)
}

/// The answer, or the error that stands for one. A panic in one handler is that request's error
/// and nobody else's.
async fn call<E>(endpoint: Arc<E>, request: Request) -> std::result::Result<Response, Response>
where
    E: Endpoint,
    E::Output: IntoResponse,
{
    let called = std::panic::AssertUnwindSafe(endpoint.call(request));
    match futures_util::FutureExt::catch_unwind(called).await {
        Ok(Ok(output)) => Ok(output.into_response()),
        Ok(Err(error)) if error.is_from_response() => Err(error.into_response()),
        Ok(Err(error)) => Err(errors::respond_to_framework_error(&error)),
        Err(_) => Err(errors::respond(Error::internal("a handler panicked"))),
    }
}

/// Gives the body that is still to be read, where the handler is to read it.
async fn admit(appliance: &Appliance, request: &mut Request) -> Result<Option<StreamedBody>> {
    let headers_bytes: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if headers_bytes > HEADERS_LIMIT_BYTES {
        return Err(Error::new(
            ErrorKind::PayloadTooLarge,
            "the headers of this request are too large",
        ));
    }
    check_origin(appliance, request)?;
    let limits = &appliance.config.http;
    let timeout = Duration::from_millis(limits.body_timeout_ms);
    if is_streamed(request) {
        let upload = StreamedBody::of(request, timeout);
        request.set_body(upload.as_body());
        return Ok(Some(upload));
    }
    let body = read_body(request, limits.body_limit_bytes, timeout).await?;
    request.set_body(body);
    Ok(None)
}

/// Signing in with a cookie has none yet, so everything without an Authorization header is checked
/// when a browser says where it comes from.
fn check_origin(appliance: &Appliance, request: &Request) -> Result<()> {
    let headers = request.headers();
    if request.method().is_safe() || headers.contains_key(poem::http::header::AUTHORIZATION) {
        return Ok(());
    }
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let ours = match (text(&SEC_FETCH_SITE), text(&ORIGIN)) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => is_our_origin(appliance, origin, text(&HOST)),
        (None, None) => caller::session_cookie(request).is_none(),
    };
    match ours {
        true => Ok(()),
        false => Err(Error::forbidden(
            "this request comes from another site, so the session cookie is not used",
        )),
    }
}

fn is_our_origin(appliance: &Appliance, origin: &str, host: Option<&str>) -> bool {
    if appliance
        .config
        .http
        .public_url
        .as_deref()
        .is_some_and(|url| url.trim_end_matches('/') == origin)
    {
        return true;
    }
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let parse = |text: Option<&str>| text.and_then(|text| text.parse::<Authority>().ok());
    parse(authority).is_some_and(|authority| Some(authority) == parse(host))
}

async fn read_body(request: &mut Request, limit_bytes: usize, timeout: Duration) -> Result<Body> {
    let declared: Option<usize> = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|bytes| bytes > limit_bytes + PASSED_OVER_LIMIT_BYTES) {
        return Err(too_large(limit_bytes));
    }
    let body = request.take_body();
    if body.is_empty() {
        return Ok(body);
    }
    let mut reader = std::pin::pin!(body.into_async_read());
    let mut bytes = Vec::new();
    let mut limited = (&mut reader).take(limit_bytes as u64 + 1);
    tokio::time::timeout(timeout, limited.read_to_end(&mut bytes))
        .await
        .map_err(|_| Error::invalid("the body of this request did not arrive in time"))?
        .map_err(|_| Error::invalid("the body of this request broke off"))?;
    if bytes.len() > limit_bytes {
        pass_over_rest(reader).await;
        return Err(too_large(limit_bytes));
    }
    Ok(Body::from_vec(bytes))
}

fn too_large(limit_bytes: usize) -> Error {
    Error::new(
        ErrorKind::PayloadTooLarge,
        "the body of this request is too large",
    )
    .with_details(serde_json::json!({ "limit_bytes": limit_bytes }))
}

/// A client that is still sending when the connection closes never reads why. So what little is
/// left is taken and thrown away; of much, or slowly, no more than is polite.
async fn pass_over_rest(rest: impl AsyncRead) {
    let mut rest = std::pin::pin!(rest.take(PASSED_OVER_LIMIT_BYTES as u64));
    let mut nowhere = tokio::io::sink();
    let passing = tokio::io::copy(&mut rest, &mut nowhere);
    // The answer is the same however this ends.
    let _ = tokio::time::timeout(PASSING_OVER_TIMEOUT, passing).await;
}
