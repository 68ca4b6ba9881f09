//! What went wrong with a request to another server, and what is to be done about it.
//!
//! Everybody who chats reads the sentence in the error; the server's own words go to them only where
//! they say how to mend the request. The rest is in `detail`, for the log and for administrators,
//! short, on one line, and never with the key in it, even where a server repeats it. Pure.

use std::time::Duration;

use reqwest::StatusCode;

use super::super::EngineError;
use super::answer::AnswerFault;
use super::question::Dialect;
use super::source::ApiKey;
use super::words::{ServerWords, Sizes, clean};

const BUSY_WITHOUT_A_TIME: Duration = Duration::from_secs(2);
const LONGEST_REST: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    /// For whoever asked, if nothing else helps.
    pub(super) error: EngineError,
    pub(super) next: Next,
    /// For the log and for administrators.
    pub(super) detail: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next {
    /// Every address would say the same.
    GiveUp,
    /// Another address may do better.
    Elsewhere(Mark),
    /// The same with a shorter history; how long it was and how long it may be, where that was said.
    Shorten(Option<Sizes>),
    /// The same in other words.
    Reword(Dialect),
}

/// What it means for the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nobody answers there.
    Away,
    /// It hung up before it answered, as servers do on connections that were kept open for long.
    HungUp,
    /// It answered, and badly.
    Failed,
    /// It has enough to do for so long.
    Busy(Duration),
}

/// `reason` continues "the model cannot be used: ".
fn unusable(reason: &str, detail: impl Into<String>, next: Next) -> Failure {
    Failure {
        error: EngineError::ModelUnusable(reason.to_owned()),
        next,
        detail: detail.into(),
    }
}

impl Failure {
    pub(super) fn of_transport(error: reqwest::Error) -> Self {
        let mark = match error.is_connect() {
            true => Mark::Away,
            false => Mark::HungUp,
        };
        let detail = deepest_words(&error.without_url());
        unusable(
            "its server cannot be reached",
            detail,
            Next::Elsewhere(mark),
        )
    }

    pub(super) fn timed_out(waited: Duration) -> Self {
        let detail = format!("no answer within {} ms", waited.as_millis());
        let away = Next::Elsewhere(Mark::Away);
        unusable("its server does not answer in time", detail, away)
    }

    pub(super) fn broke_off(detail: &str) -> Self {
        let failed = Next::Elsewhere(Mark::Failed);
        unusable(
            "its server broke off in the middle of the reply",
            detail,
            failed,
        )
    }

    pub(super) fn fell_silent(waited: Duration) -> Self {
        let detail = format!("nothing came for {} ms in a reply", waited.as_millis());
        let failed = Next::Elsewhere(Mark::Failed);
        unusable(
            "its server fell silent in the middle of the reply",
            detail,
            failed,
        )
    }

    pub(super) fn no_answer(detail: &str) -> Self {
        let failed = Next::Elsewhere(Mark::Failed);
        unusable("its server sent what is no answer", detail, failed)
    }

    pub(super) fn of_answer(fault: AnswerFault, key: Option<&ApiKey>) -> Self {
        match fault {
            AnswerFault::NoAnswer(detail) => Self::no_answer(&clean(&detail, key)),
            AnswerFault::Said(error) => Self::of_words(None, &ServerWords::of(&error, key), None),
        }
    }

    /// An answer that is no success.
    pub(super) fn of_status(
        status: StatusCode,
        retry_after: Option<&str>,
        body: &[u8],
        key: Option<&ApiKey>,
        dialect: Dialect,
    ) -> Self {
        let words = ServerWords::of_body(body, key);
        let detail = format!("{status}: {}", words.message);
        let rest = retry_after.map(rest_of);
        match status.as_u16() {
            300..=399 => unusable(
                "its server sends requests on to another address, and they are not followed",
                format!("{status}: enter the address it sends to instead"),
                Next::Elsewhere(Mark::Failed),
            ),
            401 | 403 => unusable(
                "its server does not accept the house's key",
                detail,
                Next::GiveUp,
            ),
            402 => unusable("its server wants to be paid first", detail, Next::GiveUp),
            404 => unusable("its server does not know it", detail, Next::GiveUp),
            429 if words.code == "insufficient_quota" => unusable(
                "the allowance at its server is used up",
                detail,
                Next::GiveUp,
            ),
            429 => Self::busy(rest.unwrap_or(BUSY_WITHOUT_A_TIME), detail),
            503 if rest.is_some() => Self::busy(rest.unwrap_or_default(), detail),
            408 => unusable(
                "its server does not answer in time",
                detail,
                Next::Elsewhere(Mark::Failed),
            ),
            _ => Self::of_words(Some(status), &words, Some(dialect)),
        }
    }

    fn busy(rest: Duration, detail: String) -> Self {
        Self {
            error: EngineError::QueueFull,
            next: Next::Elsewhere(Mark::Busy(rest)),
            detail,
        }
    }

    fn too_long(words: &ServerWords, detail: String) -> Self {
        let error = match words.sizes {
            Some(Sizes { tokens, limit }) => EngineError::ContextTooLong { tokens, limit },
            None => EngineError::InvalidRequest(format!(
                "the conversation is too long for this model; its server says: {}",
                words.message
            )),
        };
        Self {
            error,
            next: Next::Shorten(words.sizes),
            detail,
        }
    }

    /// `status` None: said in the middle of an answer.
    fn of_words(status: Option<StatusCode>, words: &ServerWords, dialect: Option<Dialect>) -> Self {
        let detail = match status {
            Some(status) => format!("{status}: {}", words.message),
            None => words.message.clone(),
        };
        if words.is_context_too_long() {
            return Self::too_long(words, detail);
        }
        if status.is_none_or(|status| !status.is_client_error()) {
            let failed = Next::Elsewhere(Mark::Failed);
            return unusable("its server answers with an error", detail, failed);
        }
        if let Some(dialect) = dialect.and_then(|dialect| words.reword(dialect)) {
            let error = EngineError::InvalidRequest(words.message.clone());
            let next = Next::Reword(dialect);
            return Self {
                error,
                next,
                detail,
            };
        }
        let reason = format!("the model's server refuses this: {}", words.message);
        let error = match &words.param {
            Some(field) => EngineError::InvalidField {
                field: field.clone(),
                reason,
            },
            None => EngineError::InvalidRequest(reason),
        };
        let next = Next::GiveUp;
        Self {
            error,
            next,
            detail,
        }
    }
}

/// Of a `Retry-After` header; a date is not worth a clock.
fn rest_of(header: &str) -> Duration {
    let seconds = header.trim().parse().ok().map(Duration::from_secs);
    seconds.unwrap_or(BUSY_WITHOUT_A_TIME).min(LONGEST_REST)
}

/// The cause at the bottom says it in the fewest words.
fn deepest_words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    clean(&deepest.to_string(), None)
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
