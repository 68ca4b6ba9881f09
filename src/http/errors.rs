//! An error as it stands on the wire: one envelope, whoever found the error.
//!
//! Domain errors become an [`ApiError`] in a handler; what poem answers by itself (a body that is
//! not JSON, a path that is not there) is put into the same envelope by `guard`. What is internal is
//! logged here, once, with the request id, and never sent.

use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};

use crate::error::{Error, ErrorKind};

tokio::task_local! {
    /// Set by `guard` for as long as a request is answered.
    pub(super) static REQUEST_ID: String;
}

#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct ErrorBody {
    pub(super) error: ErrorDetail,
}

#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none, rename = "Error")]
pub(super) struct ErrorDetail {
    /// For a program; the list stands in docs/API.md.
    pub(super) code: String,
    /// For a person.
    pub(super) message: String,
    pub(super) details: Option<serde_json::Value>,
    /// The same as in the log.
    pub(super) request_id: String,
}

impl ErrorBody {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            error: ErrorDetail {
                code: code.to_owned(),
                message: message.into(),
                details: None,
                request_id: REQUEST_ID.try_with(Clone::clone).unwrap_or_default(),
            },
        }
    }
}

type Body = Json<ErrorBody>;

/// Every operation may answer with any of these.
#[derive(ApiResponse)]
pub(super) enum ApiError {
    /// The request is wrong: mend it.
    #[oai(status = 400)]
    InvalidRequest(Body),
    /// Sign in first.
    #[oai(status = 401)]
    Unauthenticated(Body),
    /// The allowance does not suffice.
    #[oai(status = 402)]
    QuotaExceeded(Body),
    /// Not with these rights.
    #[oai(status = 403)]
    Forbidden(Body),
    /// There is no such thing, or it belongs to somebody else.
    #[oai(status = 404)]
    NotFound(Body),
    /// Something else holds the name or changed the state.
    #[oai(status = 409)]
    Conflict(Body),
    /// Too large.
    #[oai(status = 413)]
    PayloadTooLarge(Body),
    /// The body is not JSON.
    #[expect(dead_code, reason = "poem finds it; it stands here for the document")]
    #[oai(status = 415)]
    UnsupportedMediaType(Body),
    /// The model cannot hold that much.
    #[oai(status = 422)]
    ContextTooLong(Body),
    /// Too often: wait.
    #[oai(status = 429)]
    RateLimited(Body, #[oai(header = "Retry-After")] u32),
    /// Our fault; the log knows more under the request id.
    #[oai(status = 500)]
    Internal(Body),
    /// Busy, or the model cannot be used.
    #[oai(status = 503)]
    Unavailable(Body, #[oai(header = "Retry-After")] Option<u32>),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let (kind, body) = (error.kind, Json(error.into()));
        match kind {
            ErrorKind::InvalidRequest => Self::InvalidRequest(body),
            ErrorKind::Unauthenticated => Self::Unauthenticated(body),
            ErrorKind::Forbidden => Self::Forbidden(body),
            ErrorKind::NotFound => Self::NotFound(body),
            ErrorKind::Conflict => Self::Conflict(body),
            ErrorKind::PayloadTooLarge => Self::PayloadTooLarge(body),
            ErrorKind::QuotaExceeded => Self::QuotaExceeded(body),
            ErrorKind::RateLimited { retry_after_s } => Self::RateLimited(body, retry_after_s),
            ErrorKind::Overloaded { retry_after_s } => Self::Unavailable(body, Some(retry_after_s)),
            ErrorKind::ModelUnavailable => Self::Unavailable(body, None),
            ErrorKind::ContextTooLong => Self::ContextTooLong(body),
            ErrorKind::Internal => Self::Internal(body),
        }
    }
}

impl From<Error> for ErrorBody {
    fn from(error: Error) -> Self {
        let mut body = Self::new(error.code(), error.message);
        if let Some(source) = &error.source {
            tracing::error!(request_id = body.error.request_id, error = %source, "a request failed");
        }
        body.error.details = error.details;
        body
    }
}

pub(super) fn respond(error: Error) -> Response {
    ApiError::from(error).into_response()
}

/// What poem found by itself, in our envelope.
pub(super) fn respond_to_framework_error(error: &poem::Error) -> Response {
    let status = error.status();
    let code = match status {
        StatusCode::UNAUTHORIZED => "unauthenticated",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "payload_too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        status if status.is_client_error() => "invalid_request",
        _ => "internal",
    };
    let message = match status {
        StatusCode::NOT_FOUND => "there is nothing at this address".to_owned(),
        StatusCode::METHOD_NOT_ALLOWED => "this address does not take this method".to_owned(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "the body must be JSON, with content-type: application/json; only an uploaded file is sent as application/octet-stream".to_owned()
        }
        status if status.is_client_error() => plain(&error.to_string()),
        _ => {
            tracing::error!(%error, "a request failed");
            "something went wrong on our side".to_owned()
        }
    };
    let mut response = Json(ErrorBody::new(code, message)).into_response();
    response.set_status(status);
    response
}

/// Without the framework's own words in front.
fn plain(message: &str) -> String {
    let message = message
        .strip_prefix("parse request payload error: ")
        .unwrap_or(message);
    message.chars().take(500).collect()
}
