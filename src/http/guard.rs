//! What every request passes: an id, the checks of its host and its origin, limits, headers, and one
//! envelope for errors.
//!
//! What costs nothing is asked first; of the API the credential is checked, and the request counted,
//! before its body is read: see `bodies`. That of an upload is read by its handler, through
//! `streamed_body`. The page's files are asked for by GET, are not counted, and no body is read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use poem::http::header::{CONNECTION, HeaderName, HeaderValue};
use poem::http::{Method, StatusCode};
use poem::{Endpoint, IntoResponse, Request, Response};

use super::activity::Activities;
use super::bodies::{Bodies, pass_over_rest};
use super::caller::{Identity, end_when_they_leave, identify, take_back_other_cookie};
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
/// A session may end while a body comes slowly.
const RECHECK_AFTER: Duration = Duration::from_millis(200);
/// As UUIDs are written, with or without dashes; a token has more.
const LONGEST_ID: usize = 36;
const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// What the guard goes by; made once.
pub(super) struct Guard {
    appliance: Arc<Appliance>,
    hosts: AllowedHosts,
    limits: RateLimits,
    bodies: Bodies,
    activities: Arc<Activities>,
}

impl Guard {
    /// An error is one in the configuration.
    pub(super) fn new(appliance: Arc<Appliance>, activities: Arc<Activities>) -> Result<Self> {
        let machine = crate::machine::host_name();
        Ok(Self {
            hosts: AllowedHosts::new(&appliance.config.http, machine.as_deref())?,
            limits: RateLimits::new(&appliance.config.limits),
            bodies: Bodies::new(&appliance.config.http),
            activities,
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
        let followed = self.activities.begin_answer(&request);
        let request_id = uuid::Uuid::now_v7().simple().to_string();
        let header =
            HeaderValue::from_str(&request_id).expect("hexadecimal digits are a header value");
        let is_api = is_api(request.uri().path());
        let (method, path) = (request.method().clone(), shown_path(request.uri().path()));
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
        take_back_other_cookie(&mut response);
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID_HEADER, header);
        let has_tls = self.appliance.config.http.has_tls();
        protect(headers, is_api, has_tls);
        Ok(match &followed {
            Some(answering) => answering.watch_body(response),
            None => response,
        })
    }

    async fn answer<E>(&self, endpoint: Arc<E>, mut request: Request) -> Response
    where
        E: Endpoint,
        E::Output: IntoResponse,
    {
        let on_compat = request.uri().path().starts_with("/v1/");
        let refused = match self.admit(&mut request).await {
            Ok(_) if !takes_method(&request) => {
                let error = StatusCode::METHOD_NOT_ALLOWED.into();
                closing(errors::respond_to_framework_error(&error))
            }
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
        let visitor = see_visitor(request, config);
        request.set_data(visitor.clone());
        if !is_api(request.uri().path()) {
            drop(request.take_body());
            return Ok(None);
        }
        let identity = self.identify_and_count(&visitor, request).await?;
        request.set_data(identity.clone());
        let timeout = Duration::from_millis(config.body_timeout_ms);
        if is_streamed(request) {
            let upload = StreamedBody::of(request, timeout);
            request.set_body(upload.as_body());
            return Ok(Some(upload));
        }
        let begun = Instant::now();
        let is_known = identity.caller().is_some();
        let body = self.bodies.read(request, is_known).await;
        let body = body.map_err(|error| match identity {
            // Whose session has ended is to hear that, and not that strangers send less.
            Identity::Refused(why) if error.kind == ErrorKind::PayloadTooLarge => {
                Error::unauthenticated(why)
            }
            _ => error,
        })?;
        request.set_body(body);
        if begun.elapsed() > RECHECK_AFTER {
            let identity = self.identify(&visitor, request).await?;
            request.set_data(identity);
        }
        Ok(None)
    }

    /// Every request of the API counts once: for its account, or else for where it comes from.
    async fn identify_and_count(&self, visitor: &Visitor, request: &Request) -> Result<Identity> {
        let identity = self.identify(visitor, request).await;
        let caller = identity.as_ref().ok().and_then(Identity::caller);
        match caller {
            Some(caller) => self.limits.take_for_account(caller.user_id())?,
            None => self.limits.take_for_network(visitor.network())?,
        }
        identity
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

/// What is not the API's is only looked at.
fn takes_method(request: &Request) -> bool {
    is_api(request.uri().path()) || matches!(*request.method(), Method::GET | Method::HEAD)
}

/// For the log, without what could be a token in it: ids are shorter.
fn shown_path(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment.len() {
        ..=LONGEST_ID => segment,
        _ => "…",
    });
    segments.collect::<Vec<_>>().join("/")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_a_path_is_not_shown() {
        let token = "x".repeat(43);
        let path = format!("/api/v1/approvals/{token}/decide");
        assert_eq!(shown_path(&path), "/api/v1/approvals/…/decide");
        let id = uuid::Uuid::now_v7();
        for path in [
            "/".into(),
            String::new(),
            format!("/c/{id}/{}", id.simple()),
        ] {
            assert_eq!(shown_path(&path), path);
        }
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_one_answer_in_the_envelope() {
        let endpoint = Arc::new(poem::endpoint::make_sync(|_| -> Response {
            panic!("this handler panics")
        }));
        let answer = call(endpoint, Request::default()).await;
        let mut answer = answer.expect_err("an error");
        assert_eq!(answer.status(), 500);
        let body = answer
            .take_body()
            .into_json::<serde_json::Value>()
            .await
            .unwrap();
        assert_eq!(body["error"]["code"], "internal");
        protect(answer.headers_mut(), true, false);
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
}
