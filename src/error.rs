//! The one domain error, split by what the caller should do about it.
//!
//! `http/errors.rs` turns a kind into a status; nothing here knows HTTP. The message is for the
//! person who caused the error and never holds a secret or a path; the source is for the log.

mod reason;

use std::fmt;

use serde_json::{Value, json};

pub use self::reason::{Reason, guide_with_reasons};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Mend the request.
    InvalidRequest,
    /// Sign in.
    Unauthenticated,
    /// Ask somebody with more rights.
    Forbidden,
    /// Look elsewhere: it does not exist, or belongs to somebody else.
    NotFound,
    /// Look again and decide: something else holds the name or changed the state.
    Conflict,
    PayloadTooLarge,
    QuotaExceeded,
    /// Wait `retry_after_s` and try again: this caller asks too often.
    RateLimited {
        retry_after_s: u32,
    },
    /// Wait `retry_after_s` and try again: the house is busy.
    Overloaded {
        retry_after_s: u32,
    },
    /// Choose another model or ask the administrator.
    ModelUnavailable,
    /// Say it shorter.
    ContextTooLong,
    /// Nothing; the log knows more under the request id.
    Internal,
}

#[derive(Debug)]
pub struct Error {
    pub kind: ErrorKind,
    pub message: String,
    /// Facts a program can use, e.g. `{"field": "username"}`.
    pub details: Option<Value>,
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            details: None,
            source: None,
        }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequest, message)
    }

    /// A bad value in one named field of the request.
    pub fn invalid_field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(message).with_details(json!({ "field": field }))
    }

    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unauthenticated, message)
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, message)
    }

    /// `what` is the kind of thing, e.g. "conversation".
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorKind::NotFound, format!("there is no such {what}"))
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    pub fn overloaded(message: impl Into<String>, retry_after_s: u32) -> Self {
        Self::new(ErrorKind::Overloaded { retry_after_s }, message)
    }

    /// `retry_after_s` stands in the details too.
    pub fn rate_limited(message: impl Into<String>, retry_after_s: u32) -> Self {
        Self::new(ErrorKind::RateLimited { retry_after_s }, message)
            .with_details(json!({ "retry_after_s": retry_after_s }))
    }

    /// Something of ours failed; `source` goes to the log, not to the caller.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            kind: ErrorKind::Internal,
            message: "something went wrong on our side".into(),
            details: None,
            source: Some(source.into()),
        }
    }

    /// Beside those that are there already.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(match (self.details.take(), details) {
            (Some(Value::Object(mut there)), Value::Object(more)) => {
                there.extend(more);
                Value::Object(there)
            }
            (_, details) => details,
        });
        self
    }

    /// `details.reason`, by which the page finds its own words.
    #[must_use]
    pub fn with_reason(self, reason: Reason) -> Self {
        self.with_details(json!({ "reason": reason.word() }))
    }

    /// A reason that is about how much; both ends are allowed.
    #[must_use]
    pub fn with_limits(
        self,
        reason: Reason,
        minimum: impl Into<Value>,
        maximum: impl Into<Value>,
    ) -> Self {
        let limits = json!({ "minimum": minimum.into(), "maximum": maximum.into() });
        self.with_reason(reason).with_details(limits)
    }

    /// The stable code of this kind, as programs see it.
    pub fn code(&self) -> &'static str {
        match self.kind {
            ErrorKind::InvalidRequest => "invalid_request",
            ErrorKind::Unauthenticated => "unauthenticated",
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Conflict => "conflict",
            ErrorKind::PayloadTooLarge => "payload_too_large",
            ErrorKind::QuotaExceeded => "quota_exceeded",
            ErrorKind::RateLimited { .. } => "rate_limited",
            ErrorKind::Overloaded { .. } => "overloaded",
            ErrorKind::ModelUnavailable => "model_unavailable",
            ErrorKind::ContextTooLong => "context_too_long",
            ErrorKind::Internal => "internal",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<crate::engine::EngineError> for Error {
    fn from(error: crate::engine::EngineError) -> Self {
        use crate::engine::EngineError as E;
        let message = error.to_string();
        match error {
            E::UnknownModel(_) => {
                Self::new(ErrorKind::ModelUnavailable, message).with_reason(Reason::ModelUnknown)
            }
            E::ModelUnusable(_) => {
                Self::new(ErrorKind::ModelUnavailable, message).with_reason(Reason::ModelUnusable)
            }
            E::ContextTooLong { tokens, limit } => Self::new(ErrorKind::ContextTooLong, message)
                .with_details(json!({ "tokens": tokens, "limit": limit })),
            E::QueueFull => Self::overloaded(message, 5),
            E::InvalidRequest(_) | E::UnknownAdapter(_) => Self::invalid(message),
            E::InvalidField { field, reason } => Self::invalid_field(&field, reason),
            E::Crashed => {
                Self::new(ErrorKind::ModelUnavailable, message).with_reason(Reason::ModelCrashed)
            }
            E::Failed(_) => Self::internal(error),
        }
    }
}
