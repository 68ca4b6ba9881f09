//! `/users/me/notices`: what the house has to tell somebody. They stand in `/auth/me`, and go when
//! they were seen.

use poem_openapi::param::Path;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::{ApiResult, House, Tag};
use crate::accounts;
use crate::clock::rfc3339;
use crate::error::Error;
use crate::http::caller::Owner;
use crate::ids::NoticeId;

pub(in crate::http) struct NoticesApi;

#[derive(Object)]
pub(super) struct Notice {
    id: String,
    kind: NoticeKind,
    at: String,
    /// The name of who did it.
    by: String,
    reason: String,
}

/// An administrator opened one's conversations.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum NoticeKind {
    ConversationsOpened,
}

#[derive(ApiResponse)]
enum DeletedNoticeResponse {
    #[oai(status = 204)]
    Deleted,
}

impl From<accounts::NoticeRecord> for Notice {
    fn from(record: accounts::NoticeRecord) -> Self {
        let accounts::Notice::ConversationsOpened { by, reason } = record.notice;
        Self {
            id: record.id.to_string(),
            kind: NoticeKind::ConversationsOpened,
            at: rfc3339(record.at),
            by,
            reason,
        }
    }
}

#[OpenApi(prefix_path = "/users/me/notices", tag = "Tag::Users")]
impl NoticesApi {
    /// Say that a notice was seen
    #[oai(path = "/:id", method = "delete", operation_id = "delete_notice")]
    async fn delete_notice(
        &self,
        house: House<'_>,
        caller: Owner,
        id: Path<String>,
    ) -> ApiResult<DeletedNoticeResponse> {
        let id = NoticeId::parse(&id).ok_or_else(|| Error::not_found("notice"))?;
        house.accounts.delete_notice(&caller, id).await?;
        Ok(DeletedNoticeResponse::Deleted)
    }
}
