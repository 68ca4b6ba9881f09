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
#[oai(skip_serializing_if_is_none)]
pub(super) struct Notice {
    id: String,
    kind: NoticeKind,
    at: String,
    /// The name of who did it.
    by: String,
    /// Why they opened conversations; of other kinds empty.
    reason: String,
    /// Of the conversation that was opened; absent: the list was, or it is of another kind.
    title: Option<String>,
}

/// What administrators did: opened one's conversations; made a link that sets one's password; and
/// that link was used.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum NoticeKind {
    ConversationsOpened,
    ResetLinkMade,
    ResetLinkUsed,
}

#[derive(ApiResponse)]
enum DeletedNoticeResponse {
    #[oai(status = 204)]
    Deleted,
}

impl From<accounts::NoticeRecord> for Notice {
    fn from(record: accounts::NoticeRecord) -> Self {
        let no_reason = String::new();
        let (kind, by, reason, title) = match record.notice {
            accounts::Notice::ConversationsOpened { by, reason, title } => {
                (NoticeKind::ConversationsOpened, by, reason, title)
            }
            accounts::Notice::ResetLinkMade { by } => {
                (NoticeKind::ResetLinkMade, by, no_reason, None)
            }
            accounts::Notice::ResetLinkUsed { by } => {
                (NoticeKind::ResetLinkUsed, by, no_reason, None)
            }
        };
        Self {
            id: record.id.to_string(),
            kind,
            at: rfc3339(record.at),
            by,
            reason,
            title,
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
