//! `/users/me/sessions`: where one is signed in, and ending it. What is open in a session that ends is
//! cut by the guard.

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::{ApiResult, House, Tag};
use crate::accounts::SessionView;
use crate::clock::rfc3339;
use crate::error::Error;
use crate::http::caller::Owner;
use crate::ids::SessionId;

pub(in crate::http) struct SessionsApi;

#[derive(Object)]
pub(super) struct Session {
    id: String,
    /// The one that asks.
    current: bool,
    /// Of a program that holds tokens, rather than of a browser.
    is_program: bool,
    /// What it was begun with, as that called itself; may be empty.
    user_agent: String,
    /// Where it was begun from; may be empty.
    address: String,
    created_at: String,
    /// To the hour.
    last_used_at: String,
    expires_at: String,
}

#[derive(Object)]
struct SessionList {
    items: Vec<Session>,
}

#[derive(ApiResponse)]
enum EndedSessionResponse {
    /// Ended, with everything that was open in it.
    #[oai(status = 204)]
    Ended,
}

impl From<SessionView> for Session {
    fn from(session: SessionView) -> Self {
        let record = session.record;
        Self {
            id: record.id.to_string(),
            current: session.is_current,
            is_program: session.is_program,
            user_agent: record.user_agent,
            address: record.address,
            created_at: rfc3339(record.created_at),
            last_used_at: rfc3339(record.last_used_at.max(record.created_at)),
            expires_at: rfc3339(record.expires_at),
        }
    }
}

#[OpenApi(prefix_path = "/users/me/sessions", tag = "Tag::Sessions")]
impl SessionsApi {
    /// One's own sessions, the latest used first
    #[oai(path = "/", method = "get", operation_id = "list_sessions")]
    async fn list_sessions(&self, house: House<'_>, caller: Owner) -> ApiResult<Json<SessionList>> {
        let sessions = house.accounts.list_sessions(&caller).await?;
        let items = sessions.into_iter().map(Into::into).collect();
        Ok(Json(SessionList { items }))
    }

    /// End every session but this one
    #[oai(path = "/", method = "delete", operation_id = "end_other_sessions")]
    async fn end_other_sessions(
        &self,
        house: House<'_>,
        caller: Owner,
    ) -> ApiResult<EndedSessionResponse> {
        house.accounts.end_other_sessions(&caller).await?;
        Ok(EndedSessionResponse::Ended)
    }

    /// End a session at once
    #[oai(path = "/:id", method = "delete", operation_id = "end_session")]
    async fn end_session(
        &self,
        house: House<'_>,
        caller: Owner,
        id: Path<String>,
    ) -> ApiResult<EndedSessionResponse> {
        let id = SessionId::parse(&id).ok_or_else(|| Error::not_found("session"))?;
        house.accounts.end_session(&caller, id).await?;
        Ok(EndedSessionResponse::Ended)
    }
}
