//! What administrators see of requests, in pages: those to be decided first, oldest first, then what
//! was decided, latest first. Called by `http` through `Accounts`.

use std::cmp::Reverse;
use std::fmt;

use super::RequestView;
use crate::accounts::{Accounts, Caller};
use crate::clock::{UnixMs, now_ms};
use crate::error::Result;
use crate::ids::RequestId;
use crate::store::requests::{RequestRecord, list_requests};
use crate::store::users::find_user;

/// Requests that were decided are shown for so long.
const SHOWN_MS: UnixMs = 90 * 24 * 60 * 60 * 1000;

pub struct RequestPage {
    pub requests: Vec<RequestView>,
    /// Give it as `after` for the next page; None: this was the last.
    pub next_after: Option<RequestPlace>,
    /// How many are to be decided, on all pages together.
    pub waiting: usize,
}

/// Where a request stands in the list, in its order. It stays good when others come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestPlace {
    decided_at: Option<Reverse<UnixMs>>,
    id: RequestId,
}

impl RequestPlace {
    fn of(request: &RequestRecord) -> Self {
        let decided_at = request.decision.as_ref();
        Self {
            decided_at: decided_at.map(|decision| Reverse(decision.at)),
            id: request.id,
        }
    }

    /// Of what its `Display` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, decided_at) = match text.split_once('.') {
            None => (text, None),
            Some((id, at)) => (id, Some(Reverse(at.parse().ok()?))),
        };
        let id = RequestId::parse(id)?;
        Some(Self { decided_at, id })
    }
}

impl fmt::Display for RequestPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.decided_at {
            None => write!(f, "{}", self.id),
            Some(Reverse(at)) => write!(f, "{}.{at}", self.id),
        }
    }
}

impl Accounts {
    /// `decided`: only those that are, or are not.
    pub async fn list_requests(
        &self,
        caller: &Caller,
        decided: Option<bool>,
        after: Option<RequestPlace>,
        limit: usize,
    ) -> Result<RequestPage> {
        caller.require_admin()?;
        self.store
            .read(move |tx| {
                let mut records = list_requests(tx)?;
                let is_waiting = |request: &&RequestRecord| request.decision.is_none();
                let waiting = records.iter().filter(is_waiting).count();
                let since = now_ms() - SHOWN_MS;
                records.retain(|request| {
                    let at = request.decision.as_ref().map(|decision| decision.at);
                    at.is_none_or(|at| at > since)
                        && decided.is_none_or(|decided| decided == at.is_some())
                        && after.is_none_or(|after| RequestPlace::of(request) > after)
                });
                records.sort_by_key(RequestPlace::of);
                let more = records.len() > limit;
                records.truncate(limit);
                let next_after = records.last().map(RequestPlace::of).filter(|_| more);
                let mut requests = Vec::with_capacity(records.len());
                for record in records {
                    let applicant = find_user(tx, &record.user_id)?;
                    requests.extend(applicant.map(|applicant| RequestView { record, applicant }));
                }
                Ok(RequestPage {
                    requests,
                    next_after,
                    waiting,
                })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_comes_back_as_it_was_written(id: [u8; 16], at: Option<UnixMs>) {
            let decided_at = at.map(Reverse);
            let place = RequestPlace { decided_at, id: RequestId::from_bytes(id) };
            prop_assert_eq!(RequestPlace::parse(&place.to_string()), Some(place));
        }

        #[test]
        fn what_is_no_place_is_none(text: String) {
            prop_assert!(RequestPlace::parse(&text).is_none_or(|place| text.len() >= place.to_string().len()));
        }
    }

    #[test]
    fn those_to_be_decided_stand_first_and_then_the_latest_decisions() {
        let place = |at: Option<UnixMs>, id: u8| RequestPlace {
            decided_at: at.map(Reverse),
            id: RequestId::from_bytes([id; 16]),
        };
        let order = [
            place(None, 2),
            place(None, 3),
            place(Some(9), 1),
            place(Some(9), 4),
            place(Some(5), 0),
        ];
        assert!(order.is_sorted());
    }
}
