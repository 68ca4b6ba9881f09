//! Why a request to a hub or a server of files gave nothing, split by what helps: another try, a
//! new beginning, another way, or a person. No sentence here holds the
//! address that was asked for, which may be signed.

use std::time::Duration;

use reqwest::StatusCode;

use crate::error::{Error, ErrorKind};

/// A server that asks for more patience than this is left alone; whoever pulls again later goes on.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(super) enum Failure {
    /// A person must do something.
    Final(Error),
    /// Another try may succeed, after the pause that the server asked for.
    Passing {
        reason: String,
        pause: Option<Duration>,
    },
    /// What is offered is no longer what it was.
    Changed,
    /// The server sends the whole file, whatever part it was asked for.
    NoRanges,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl Failure {
    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self::Passing {
            reason: reason.into(),
            pause: None,
        }
    }

    /// What a failed request says to a person, without the address, which may hold a signature.
    pub(super) fn of_request(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let reason = if error.is_timeout() {
            "the server does not answer".to_owned()
        } else if error.is_connect() {
            format!("the server cannot be reached: {}", root_cause(&error))
        } else {
            format!("the connection broke: {}", root_cause(&error))
        };
        Self::passing(reason)
    }

    /// For a status that is neither success nor redirect; None for those.
    pub(super) fn of_status(answer: &Refusal<'_>) -> Option<Self> {
        let status = answer.status;
        let code = status.as_u16();
        Some(match status {
            status if status.is_success() || status.is_redirection() => return None,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Final(answer.closed()),
            StatusCode::NOT_FOUND | StatusCode::GONE => Self::Final(Error::new(
                ErrorKind::NotFound,
                format!("{} has nothing at this address", answer.server),
            )),
            StatusCode::RANGE_NOT_SATISFIABLE => Self::Changed,
            StatusCode::TOO_MANY_REQUESTS => answer.busy("asks to wait"),
            StatusCode::REQUEST_TIMEOUT => answer.busy("was not quick enough"),
            status if status.is_server_error() => answer.busy(&format!("answers {code}")),
            _ => Self::Final(Error::invalid(format!(
                "{} refuses this with status {code}",
                answer.server
            ))),
        })
    }

    /// As an error for whoever asked once and does not try again.
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Final(error) => error,
            Self::Passing { reason, pause } => {
                let seconds = pause.map_or(30, |pause| pause.as_secs().max(1));
                Error::overloaded(reason, u32::try_from(seconds).unwrap_or(u32::MAX))
            }
            Self::Changed => Error::conflict("the file on the server changes all the time"),
            Self::NoRanges => Error::invalid("the server does not send parts of files"),
        }
    }
}

/// A status that may be an error, and from whom.
pub(super) struct Refusal<'a> {
    pub(super) status: StatusCode,
    /// The host, for people.
    pub(super) server: &'a str,
    /// Where the hub's page of this repository is; None for other servers.
    pub(super) repository_page: Option<String>,
    pub(super) has_token: bool,
    pub(super) retry_after: Option<Duration>,
}

impl Refusal<'_> {
    fn closed(&self) -> Error {
        let Some(page) = &self.repository_page else {
            return Error::invalid(format!("{} does not give this to everybody", self.server));
        };
        let token = if self.has_token {
            "with the account of the access token that is configured"
        } else {
            "and configure an access token of the hub: hub_token under [models], or \
             CHATELAINE_MODELS__HUB_TOKEN"
        };
        Error::invalid(format!(
            "the hub does not give this repository to everybody: it is gated, private, or does not \
             exist. Look at {page}, accept its terms there, {token}; then pull again"
        ))
        .with_details(serde_json::json!({ "reason": "gated", "page": page }))
    }

    fn busy(&self, what: &str) -> Failure {
        let reason = format!("{} {what}", self.server);
        match self.retry_after {
            Some(pause) if pause > LONGEST_WAIT => Failure::Final(Error::overloaded(
                format!("{reason}, and asks to wait for {} seconds", pause.as_secs()),
                u32::try_from(pause.as_secs()).unwrap_or(u32::MAX),
            )),
            pause => Failure::Passing { reason, pause },
        }
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<u64>, on_hub: bool) -> Option<Failure> {
        Failure::of_status(&Refusal {
            status: StatusCode::from_u16(status).unwrap(),
            server: "hub.example",
            repository_page: on_hub.then(|| "https://hub.example/a/b".into()),
            has_token: false,
            retry_after: retry_after.map(Duration::from_secs),
        })
    }

    #[test]
    fn a_status_says_whether_another_try_helps() {
        assert!(answer(200, None, true).is_none() && answer(302, None, true).is_none());
        assert!(matches!(answer(404, None, true), Some(Failure::Final(_))));
        assert!(matches!(answer(416, None, true), Some(Failure::Changed)));
        assert!(matches!(
            answer(503, None, true),
            Some(Failure::Passing { pause: None, .. })
        ));
        let wait = |seconds| match answer(429, Some(seconds), true) {
            Some(Failure::Passing { pause, .. }) => pause,
            _ => None,
        };
        assert_eq!(wait(7), Some(Duration::from_secs(7)));
        assert_eq!(wait(86_400), None, "nobody waits for a day");
    }

    #[test]
    fn a_gated_repository_says_what_to_do() {
        let Some(Failure::Final(error)) = answer(403, None, true) else {
            panic!("it is final");
        };
        for part in ["https://hub.example/a/b", "terms", "hub_token"] {
            assert!(error.message.contains(part), "{part} in {}", error.message);
        }
        let Some(Failure::Final(error)) = answer(403, None, false) else {
            panic!("it is final");
        };
        assert!(!error.message.contains("hub_token"), "{}", error.message);
    }
}
