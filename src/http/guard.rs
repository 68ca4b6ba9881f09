//! What every request passes: an id, the checks of its host and its origin, limits, headers, and one
//! envelope for errors.
//!
//! What costs nothing is asked first; the credential is checked, and the request counted, before
//! its body is read. A body is read here, whole and bounded in size and time, before any handler
//! sees it; that of an upload is read by its handler, through `streamed_body`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use poem::http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue};
use poem::{Body, Endpoint, IntoResponse, Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::caller::{Identity, end_when_they_leave, identify};
use super::errors::{self, REQUEST_ID};
use super::headers::protect;
use super::hosts::AllowedHosts;
use super::origins::check_origin;
use super::rate_limits::RateLimits;
use super::streamed_body::{StreamedBody, is_streamed};
use super::visitor::see_visitor;
use crate::accounts::Visitor;
use crate::appliance::Appliance;
use crate::error::{Error, ErrorKind, Result};

pub(super) const HEADERS_LIMIT_BYTES: u32 = 16 * 1024;
/// Of a body that is too large, as much is still read so that its sender can hear so.
const PASSED_OVER_LIMIT_BYTES: usize = 16 * 1024 * 1024;
const PASSING_OVER_TIMEOUT: Duration = Duration::from_secs(3);
/// A session may end while a body comes slowly.
const RECHECK_AFTER: Duration = Duration::from_millis(200);
const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// What the guard goes by; made once.
pub(super) struct Guard {
    appliance: Arc<Appliance>,
    hosts: AllowedHosts,
    limits: RateLimits,
}

impl Guard {
    /// An error is one in the configuration.
    pub(super) fn new(appliance: Arc<Appliance>) -> Result<Self> {
        let machine = crate::machine::host_name();
        Ok(Self {
            hosts: AllowedHosts::new(&appliance.config.http, machine.as_deref())?,
            limits: RateLimits::new(&appliance.config.limits),
            appliance,
        })
    }

    pub(super) async fn pass<E>(
        self: Arc<Self>,
        endpoint: Arc<E>,
        request: Request,
    ) -> poem::Result<Response>
    where
        E: Endpoint,
        E::Output: IntoResponse,
    {
        let request_id = uuid::Uuid::now_v7().simple().to_string();
        let header =
            HeaderValue::from_str(&request_id).expect("hexadecimal digits are a header value");
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let is_api = is_api(&path);
        let answering = async {
            let started = Instant::now();
            let response = self.answer(endpoint, request).await;
            tracing::debug!(
                request_id = REQUEST_ID.get(),
                %method,
                path,
                status = response.status().as_u16(),
                took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
                "answered"
            );
            response
        };
        let mut response = REQUEST_ID.scope(request_id, answering).await;
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID_HEADER, header);
        let has_tls = self.appliance.config.http.has_tls();
        protect(headers, is_api, has_tls);
        Ok(response)
    }

    async fn answer<E>(&self, endpoint: Arc<E>, mut request: Request) -> Response
    where
        E: Endpoint,
        E::Output: IntoResponse,
    {
        let on_compat = request.uri().path().starts_with("/v1/");
        let refused = match self.admit(&mut request).await {
            Ok(upload) => {
                let identity = request.data::<Identity>();
                let caller = identity.and_then(Identity::caller).cloned();
                match call_with(endpoint, request, upload).await {
                    Ok(response) => return end_when_they_leave(response, caller, &self.appliance),
                    Err(refused) => refused,
                }
            }
            Err(error) => closing(errors::respond(error)),
        };
        match on_compat {
            true => super::compat::openai::as_openai_error(refused).await,
            false => refused,
        }
    }

    /// Gives the body that is still to be read, where the handler is to read it.
    async fn admit(&self, request: &mut Request) -> Result<Option<StreamedBody>> {
        check_size_of_headers(request)?;
        self.hosts.check(request)?;
        let config = &self.appliance.config.http;
        check_origin(config, request)?;
        let visitor = see_visitor(request, &config.trusted_proxies);
        request.set_data(visitor.clone());
        let is_api = is_api(request.uri().path());
        if is_api {
            let identity = self.identify(&visitor, request).await?;
            self.count(&visitor, &identity)?;
            request.set_data(identity);
        }
        let timeout = Duration::from_millis(config.body_timeout_ms);
        if is_streamed(request) {
            let upload = StreamedBody::of(request, timeout);
            request.set_body(upload.as_body());
            return Ok(Some(upload));
        }
        let begun = Instant::now();
        let body = read_body(request, config.body_limit_bytes, timeout).await?;
        request.set_body(body);
        if is_api && begun.elapsed() > RECHECK_AFTER {
            let identity = self.identify(&visitor, request).await?;
            request.set_data(identity);
        }
        Ok(None)
    }

    /// Every request counts once: for its account, or else for where it comes from.
    fn count(&self, visitor: &Visitor, identity: &Identity) -> Result<()> {
        match identity.caller() {
            Some(caller) => self.limits.take_for_account(caller.user_id()),
            None => self.limits.take_for_network(visitor.network()),
        }
    }

    async fn identify(&self, visitor: &Visitor, request: &Request) -> Result<Identity> {
        identify(&self.appliance.accounts, visitor, request).await
    }
}

/// The page's files are the same for everybody and cost next to nothing.
fn is_api(path: &str) -> bool {
    let below = |root: &str| {
        let rest = path.strip_prefix(root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    below("/api") || below("/v1")
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

fn check_size_of_headers(request: &Request) -> Result<()> {
    let headers = request.headers().iter();
    let bytes: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    match bytes > HEADERS_LIMIT_BYTES as usize {
        false => Ok(()),
        true => Err(Error::new(
            ErrorKind::PayloadTooLarge,
            "the headers of this request are too large",
        )),
    }
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
