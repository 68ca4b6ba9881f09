//! `/admin/requests`: who asks to be let in or to become an administrator; and `/approvals`, the same
//! behind the link that was mailed to whoever decides. Looking decides nothing.

use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};

use super::users::User;
use super::{ApiResult, House, Tag, Text, page_limit};
use crate::accounts::{self, Decide, RequestPlace, RequestRecord, RequestView, RequestWish};
use crate::clock::rfc3339;
use crate::error::{Error, Result};
use crate::http::caller::{Steward, Trustee};
use crate::http::visitor::visitor_of;
use crate::ids::RequestId;

pub(in crate::http) struct RequestsApi;
pub(in crate::http) struct ApprovalsApi;

/// To be let in; to become an administrator.
#[derive(Enum)]
#[oai(
    rename_all = "snake_case",
    rename = "RequestWish",
    remote = "RequestWish"
)]
enum Wish {
    Account,
    AdminRole,
}

#[derive(Object)]
struct Decision {
    approved: bool,
    at: String,
    /// A username, or in brackets what it was decided by.
    by: String,
    /// For the applicant; may be empty.
    note: String,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct AdminRequest {
    id: String,
    wish: Wish,
    /// The applicant's own words; may be empty.
    reason: String,
    created_at: String,
    /// Absent: it waits for one.
    decision: Option<Decision>,
}

#[derive(Object)]
struct RequestListItem {
    request: AdminRequest,
    applicant: User,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct RequestPage {
    /// Those to be decided first, oldest first; then what was decided, latest first.
    items: Vec<RequestListItem>,
    /// How many are to be decided, on all pages together.
    waiting: usize,
    next_cursor: Option<String>,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct DecideRequest {
    /// For the applicant.
    note: Option<Text>,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct DecideApproval {
    approve: bool,
    /// For the applicant.
    note: Option<Text>,
}

#[derive(Object)]
pub(super) struct OneTimeLink {
    /// Good once.
    link: String,
    expires_at: String,
}

/// What a mailed link is about.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Approval {
    wish: Wish,
    username: String,
    display_name: Option<String>,
    email: Option<String>,
    reason: String,
    asked_at: String,
    expires_at: String,
}

#[derive(Object)]
struct DecidedApproval {
    approved: bool,
    username: String,
}

impl From<accounts::OneTimeLink> for OneTimeLink {
    fn from(made: accounts::OneTimeLink) -> Self {
        Self {
            link: made.link,
            expires_at: rfc3339(made.expires_at),
        }
    }
}

impl From<RequestRecord> for AdminRequest {
    fn from(request: RequestRecord) -> Self {
        let decision = request.decision.map(|decision| Decision {
            approved: decision.approved,
            at: rfc3339(decision.at),
            by: decision.by,
            note: decision.note,
        });
        Self {
            id: request.id.to_string(),
            wish: request.wish.into(),
            reason: request.reason,
            created_at: rfc3339(request.created_at),
            decision,
        }
    }
}

impl From<RequestView> for RequestListItem {
    fn from(view: RequestView) -> Self {
        Self {
            request: view.record.into(),
            applicant: view.applicant.into(),
        }
    }
}

fn parse_request_id(text: &str) -> Result<RequestId> {
    RequestId::parse(text).ok_or_else(|| Error::not_found("request"))
}

fn decide(approve: bool, note: Option<Text>) -> Decide {
    Decide {
        approve,
        note: note.map(Into::into).unwrap_or_default(),
    }
}

#[OpenApi(prefix_path = "/admin/requests", tag = "Tag::Requests")]
impl RequestsApi {
    /// What people ask for, those to be decided first
    #[oai(path = "/", method = "get", operation_id = "list_requests")]
    async fn list_requests(
        &self,
        house: House<'_>,
        caller: Steward,
        /// Only those that were decided, or only those that are to be.
        Query(decided): Query<Option<bool>>,
        /// `next_cursor` of the page before.
        Query(cursor): Query<Option<String>>,
        /// 1 to 100, by default 50.
        Query(limit): Query<Option<usize>>,
    ) -> ApiResult<Json<RequestPage>> {
        let invalid = || Error::invalid_field("cursor", "this cursor is not of this list");
        let after = cursor.map(|text| RequestPlace::parse(&text).ok_or_else(invalid));
        let (after, limit) = (after.transpose()?, page_limit(limit)?);
        let requests = house.accounts.list_requests(&caller, decided, after, limit);
        let page = requests.await?;
        Ok(Json(RequestPage {
            items: page.requests.into_iter().map(Into::into).collect(),
            waiting: page.waiting,
            next_cursor: page.next_after.map(|place| place.to_string()),
        }))
    }

    /// Say yes; the applicant is told, and making an administrator takes a session
    #[oai(
        path = "/:id/approve",
        method = "post",
        operation_id = "approve_request"
    )]
    async fn approve_request(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        body: Json<DecideRequest>,
    ) -> ApiResult<Json<RequestListItem>> {
        caller.require_admin()?;
        let (id, decision) = (parse_request_id(&id)?, decide(true, body.0.note));
        let decided = house.accounts.decide_request(&caller, id, decision).await?;
        Ok(Json(decided.into()))
    }

    /// Say no; the applicant is told, and where they ask to become an administrator it takes a session
    #[oai(path = "/:id/reject", method = "post", operation_id = "reject_request")]
    async fn reject_request(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        body: Json<DecideRequest>,
    ) -> ApiResult<Json<RequestListItem>> {
        caller.require_admin()?;
        let (id, decision) = (parse_request_id(&id)?, decide(false, body.0.note));
        let decided = house.accounts.decide_request(&caller, id, decision).await?;
        Ok(Json(decided.into()))
    }

    /// Make a new link that decides, to hand on by other means than mail; it takes a session
    #[oai(
        path = "/:id/link",
        method = "post",
        operation_id = "create_request_link"
    )]
    async fn create_request_link(
        &self,
        house: House<'_>,
        caller: Trustee,
        id: Path<String>,
    ) -> ApiResult<Json<OneTimeLink>> {
        caller.require_admin()?;
        let id = parse_request_id(&id)?;
        let made = house.accounts.renew_decision_link(&caller, id).await?;
        Ok(Json(made.into()))
    }
}

#[OpenApi(prefix_path = "/approvals", tag = "Tag::Requests")]
impl ApprovalsApi {
    /// What a mailed link is about; looking decides nothing
    #[oai(path = "/:token", method = "get", operation_id = "get_approval")]
    async fn get_approval(
        &self,
        house: House<'_>,
        request: &Request,
        token: Path<String>,
    ) -> ApiResult<Json<Approval>> {
        let visitor = visitor_of(request);
        let (view, expires_at) = house.accounts.request_by_link(&visitor, &token).await?;
        Ok(Json(Approval {
            wish: view.record.wish.into(),
            username: view.applicant.username,
            display_name: view.applicant.display_name,
            email: view.applicant.email,
            reason: view.record.reason,
            asked_at: rfc3339(view.record.created_at),
            expires_at: rfc3339(expires_at),
        }))
    }

    /// Decide by a mailed link, which is good once
    #[oai(path = "/:token", method = "post", operation_id = "decide_approval")]
    async fn decide_approval(
        &self,
        house: House<'_>,
        request: &Request,
        token: Path<String>,
        body: Json<DecideApproval>,
    ) -> ApiResult<Json<DecidedApproval>> {
        let Json(DecideApproval { approve, note }) = body;
        let decided = house
            .accounts
            .decide_by_link(&visitor_of(request), &token, decide(approve, note))
            .await?;
        Ok(Json(DecidedApproval {
            approved: approve,
            username: decided.applicant.username,
        }))
    }
}
