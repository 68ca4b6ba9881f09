//! `/admin/audit`: who did what. For administrators and auditors.

use futures_util::stream::unfold;
use poem::Body;
use poem_openapi::param::Query;
use poem_openapi::payload::{Binary, Json};
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::{ApiResult, House, Tag, page_limit, parse_time};
use crate::accounts::{self, AuditFilter, AuditRecord};
use crate::clock::rfc3339;
use crate::error::Error;
use crate::http::caller::Steward;

pub(in crate::http) struct AuditApi;

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct AuditEntry {
    sequence: u64,
    at: String,
    /// A username, or in brackets what it was done by.
    actor: String,
    actor_id: Option<String>,
    /// Thing and verb, e.g. `user.disabled`.
    action: String,
    /// The name of what it was done to; may be empty.
    subject: String,
    details: serde_json::Value,
    hash: String,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct AuditPage {
    /// Latest first. With a filter there may be few or none, and more behind `next_cursor`.
    items: Vec<AuditEntry>,
    next_cursor: Option<String>,
    /// The latest entry of all; absent while there is none.
    head: Option<AuditHead>,
}

/// Kept elsewhere, it shows later that nothing was cut off: `chatelaine audit check --head HASH`.
#[derive(Object)]
#[oai(remote = "accounts::AuditHead")]
struct AuditHead {
    sequence: u64,
    at: String,
    hash: String,
}

#[derive(ApiResponse)]
enum AuditExportResponse {
    /// A line of JSON for each entry, oldest first; `chatelaine audit check FILE` checks it.
    #[oai(status = 200, content_type = "application/octet-stream")]
    Lines(Binary<Body>),
}

impl From<AuditRecord> for AuditEntry {
    fn from(entry: AuditRecord) -> Self {
        Self {
            sequence: entry.sequence,
            at: rfc3339(entry.at),
            actor: entry.actor.name().to_owned(),
            actor_id: entry.actor.user_id().map(|id| id.to_string()),
            details: serde_json::from_str(&entry.details).unwrap_or_default(),
            action: entry.action,
            subject: entry.subject,
            hash: entry.hash,
        }
    }
}

#[OpenApi(prefix_path = "/admin/audit", tag = "Tag::Audit")]
impl AuditApi {
    /// What was done, the latest first
    #[oai(path = "/", method = "get", operation_id = "list_audit_entries")]
    #[expect(clippy::too_many_arguments, reason = "each is a part of the request")]
    async fn list_audit_entries(
        &self,
        house: House<'_>,
        caller: Steward,
        /// Only what was done by whom this names, whatever the case.
        Query(actor): Query<Option<String>>,
        /// Only actions that begin with this: `user.disabled`, or all of `user.`.
        Query(action): Query<Option<String>>,
        /// Only what was done at this time or later.
        Query(since): Query<Option<String>>,
        /// Only what was done before this time.
        Query(until): Query<Option<String>>,
        /// Only entries that contain all these words, whatever the case.
        Query(q): Query<Option<String>>,
        /// `next_cursor` of the page before.
        Query(cursor): Query<Option<String>>,
        /// 1 to 100, by default 50.
        Query(limit): Query<Option<usize>>,
    ) -> ApiResult<Json<AuditPage>> {
        caller.require_auditor()?;
        let invalid = |_| Error::invalid_field("cursor", "this cursor is not of this list");
        let before = cursor
            .map(|text| text.parse().map_err(invalid))
            .transpose()?;
        let time = |field: &str, text: Option<String>| {
            text.map(|text| parse_time(field, &text)).transpose()
        };
        let filter = AuditFilter {
            actor,
            action,
            since: time("since", since)?,
            until: time("until", until)?,
            text: q.unwrap_or_default(),
        };
        let page = house
            .accounts
            .list_audit(&caller, filter, before, page_limit(limit)?)
            .await?;
        let head = house.accounts.find_audit_head(&caller).await?;
        Ok(Json(AuditPage {
            head: head.map(Into::into),
            items: page.entries.into_iter().map(Into::into).collect(),
            next_cursor: page.next_before.map(|sequence| sequence.to_string()),
        }))
    }

    /// Everything that was done, to be kept and checked elsewhere
    #[oai(path = "/export", method = "get", operation_id = "export_audit")]
    async fn export_audit(
        &self,
        house: House<'_>,
        caller: Steward,
    ) -> ApiResult<AuditExportResponse> {
        caller.require_auditor()?;
        let (house, caller) = ((*house).clone(), caller.0.clone());
        let pieces = unfold((house, caller, 0), |(house, caller, after)| async move {
            let piece = house.accounts.export_audit(&caller, after).await;
            match piece.map_err(std::io::Error::other) {
                Ok(None) => None,
                Ok(Some((lines, last))) => Some((Ok(lines), (house, caller, last))),
                Err(error) => Some((Err(error), (house, caller, u64::MAX))),
            }
        });
        let body = Body::from_bytes_stream(pieces);
        Ok(AuditExportResponse::Lines(Binary(body)))
    }
}
