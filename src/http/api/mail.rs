//! `/admin/mail`: through which server the house sends mail, a test of that, and the mails that wait
//! or failed. The room `mail` refuses everybody but administrators. The password goes in and never
//! comes out, and what stands in a mail is not shown.

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::{ApiResult, House, Tag, Text, page_limit};
use crate::clock::rfc3339;
use crate::error::{Error, Result};
use crate::http::caller::{Steward, Trustee};
use crate::ids::MailId;
use crate::mail::{self, Failure, Language, MailOverview, MailSettingsChange, Password, Step};

pub(in crate::http) struct MailApi;

/// How the connection to the mail server is kept private.
#[derive(Enum)]
#[oai(rename = "MailSecurity", remote = "mail::Security")]
enum Security {
    /// TLS from the start, usually on port 465.
    #[oai(rename = "tls")]
    Tls,
    /// TLS after STARTTLS, usually on port 587; without it nothing is sent.
    #[oai(rename = "starttls")]
    StartTls,
    /// Not at all; only to this machine and private networks.
    #[oai(rename = "none")]
    None,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct MailSettings {
    server: String,
    port: u16,
    security: Security,
    username: Option<String>,
    has_password: bool,
    from_address: String,
    from_name: String,
    reply_to: Option<String>,
    approver_address: Option<String>,
    approver_language: MailLanguage,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", remote = "Language")]
enum MailLanguage {
    En,
    De,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct UpdateMailSettings {
    /// A name or a number, without a port.
    server: Text,
    port: u16,
    security: Security,
    /// Absent: the server wants no sign-in.
    username: Option<Text>,
    /// Absent: as it was, where server, port and security are as they were. Empty: none.
    password: Option<Text>,
    from_address: Text,
    /// Default: Chatelaine.
    from_name: Option<Text>,
    /// Where answers go; absent: to `from_address`.
    reply_to: Option<Text>,
    /// Who is asked to decide on requests; written to in `approver_language`, which is `en` unless
    /// said, or where the address is a user's in theirs. One that belongs to an account is asked only
    /// while that is an administrator's, and never about themselves; all administrators are instead.
    approver_address: Option<Text>,
    approver_language: Option<MailLanguage>,
}

/// How mail stands.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct MailStatus {
    /// Absent: there is no mail server, and no mail is sent.
    settings: Option<MailSettings>,
    /// Mails that wait to be sent.
    waiting: u64,
    /// Mails that were given up.
    failed: u64,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct SendTestMail {
    to: Text,
    /// Whether it goes the way of every other mail, through the queue. Default: it is sent at once.
    queued: Option<bool>,
    /// `en` or `de`; default `en`.
    language: Option<Text>,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct MailTest {
    ok: bool,
    /// What happened, in words; the server's own where it refused.
    message: String,
    step: Option<MailStep>,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", remote = "Step")]
enum MailStep {
    Preparation,
    Lookup,
    Connection,
    Tls,
    SignIn,
    Sender,
    Recipient,
    Content,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct QueuedMail {
    id: String,
    /// Which mail it is, such as `reset_password`.
    kind: String,
    to: String,
    state: MailState,
    /// How often it was tried.
    attempts: u32,
    created_at: String,
    /// Of one that waits.
    next_attempt_at: Option<String>,
    /// Of one that was given up.
    failed_at: Option<String>,
    /// Why it was not sent so far; the server's own words where it refused.
    last_error: Option<String>,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum MailState {
    Waiting,
    Failed,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct QueuedMailList {
    items: Vec<QueuedMail>,
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum DeleteMailResponse {
    /// Gone.
    #[oai(status = 204)]
    Deleted,
}

impl From<mail::MailSettings> for MailSettings {
    fn from(settings: mail::MailSettings) -> Self {
        Self {
            has_password: settings.has_password(),
            server: settings.server,
            port: settings.port,
            security: settings.security.into(),
            username: settings.username,
            from_address: settings.from_address.to_string(),
            from_name: settings.from_name,
            reply_to: settings.reply_to.map(String::from),
            approver_address: settings.approver_address.map(String::from),
            approver_language: settings.approver_language.into(),
        }
    }
}

impl From<UpdateMailSettings> for MailSettingsChange {
    fn from(body: UpdateMailSettings) -> Self {
        Self {
            server: body.server.into(),
            port: body.port,
            security: body.security.into(),
            username: body.username.map(Into::into),
            password: body.password.map(|password| Password(password.into())),
            from_address: body.from_address.into(),
            from_name: body.from_name.map(Into::into),
            reply_to: body.reply_to.map(Into::into),
            approver_address: body.approver_address.map(Into::into),
            approver_language: body.approver_language.map(Into::into),
        }
    }
}

impl From<MailOverview> for MailStatus {
    fn from(overview: MailOverview) -> Self {
        Self {
            settings: overview.settings.map(Into::into),
            waiting: overview.queue.waiting,
            failed: overview.queue.failed,
        }
    }
}

impl From<mail::QueuedMail> for QueuedMail {
    fn from(queued: mail::QueuedMail) -> Self {
        let (state, next_attempt_at, failed_at) = match queued.state {
            mail::QueuedMailState::Waiting { next_attempt_at } => {
                (MailState::Waiting, Some(rfc3339(next_attempt_at)), None)
            }
            mail::QueuedMailState::Failed { at } => (MailState::Failed, None, Some(rfc3339(at))),
        };
        Self {
            id: queued.id.to_string(),
            kind: queued.kind,
            to: queued.to,
            state,
            attempts: queued.attempts,
            created_at: rfc3339(queued.created_at),
            next_attempt_at,
            failed_at,
            last_error: queued.last_error,
        }
    }
}

impl From<Result<(), Failure>> for MailTest {
    fn from(outcome: Result<(), Failure>) -> Self {
        match outcome {
            Ok(()) => Self {
                ok: true,
                message: "the server has taken it".to_owned(),
                step: None,
            },
            Err(failure) => Self {
                ok: false,
                message: failure.to_string(),
                step: Some(failure.step.into()),
            },
        }
    }
}

#[OpenApi(prefix_path = "/admin/mail", tag = "Tag::Mail")]
impl MailApi {
    /// The mail server, and how much waits for it
    #[oai(path = "/", method = "get", operation_id = "get_mail_settings")]
    async fn get_mail_settings(
        &self,
        house: House<'_>,
        caller: Steward,
    ) -> ApiResult<Json<MailStatus>> {
        Ok(Json(house.mail.overview(&caller).await?.into()))
    }

    /// Set the mail server; in force at once, and it takes a session
    #[oai(path = "/", method = "put", operation_id = "update_mail_settings")]
    async fn update_mail_settings(
        &self,
        house: House<'_>,
        caller: Trustee,
        body: Json<UpdateMailSettings>,
    ) -> ApiResult<Json<MailSettings>> {
        let written = house.mail.change_settings(&caller, body.0.into()).await?;
        Ok(Json(written.into()))
    }

    /// Send no mail any more; it takes a session
    #[oai(path = "/", method = "delete", operation_id = "delete_mail_settings")]
    async fn delete_mail_settings(
        &self,
        house: House<'_>,
        caller: Trustee,
    ) -> ApiResult<DeleteMailResponse> {
        house.mail.delete_settings(&caller).await?;
        Ok(DeleteMailResponse::Deleted)
    }

    /// Send a mail now, and say what happened
    #[oai(path = "/test", method = "post", operation_id = "send_test_mail")]
    async fn send_test_mail(
        &self,
        house: House<'_>,
        caller: Steward,
        body: Json<SendTestMail>,
    ) -> ApiResult<Json<MailTest>> {
        let language = Language::nearest(body.language.as_deref().unwrap_or_default());
        if body.queued == Some(true) {
            house.mail.queue_test(&caller, &body.to, language).await?;
            return Ok(Json(MailTest {
                ok: true,
                message: "it waits to be sent".to_owned(),
                step: None,
            }));
        }
        let outcome = house.mail.send_test(&caller, &body.to, language).await?;
        Ok(Json(outcome.into()))
    }

    /// Mails that wait or were given up, the latest first
    #[oai(path = "/queue", method = "get", operation_id = "list_queued_mails")]
    async fn list_queued_mails(
        &self,
        house: House<'_>,
        caller: Steward,
        /// From the last page.
        Query(cursor): Query<Option<String>>,
        Query(limit): Query<Option<usize>>,
    ) -> ApiResult<Json<QueuedMailList>> {
        let after = match cursor {
            None => None,
            Some(cursor) => Some(
                MailId::parse(&cursor)
                    .ok_or_else(|| Error::invalid_field("cursor", "this is no cursor of ours"))?,
            ),
        };
        let limit = page_limit(limit)?;
        let page = house.mail.list_queue(&caller, after, limit).await?;
        Ok(Json(QueuedMailList {
            items: page.items.into_iter().map(Into::into).collect(),
            next_cursor: page.next.map(|id| id.to_string()),
        }))
    }

    /// Try a mail again now, also one that was given up
    #[oai(
        path = "/queue/:id/retry",
        method = "post",
        operation_id = "send_queued_mail"
    )]
    async fn send_queued_mail(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<Json<QueuedMail>> {
        let mail = house.mail.retry(&caller, &id).await?;
        Ok(Json(mail.into()))
    }

    /// Throw a mail away
    #[oai(
        path = "/queue/:id",
        method = "delete",
        operation_id = "delete_queued_mail"
    )]
    async fn delete_queued_mail(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<DeleteMailResponse> {
        house.mail.delete_mail(&caller, &id).await?;
        Ok(DeleteMailResponse::Deleted)
    }
}
