//! `/users/me`: one's own profile and password. Every account can do this; what an administrator
//! does to others is another resource.

use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::{ApiResult, House, Tag, Text};
use crate::accounts::{UserChange, UserRecord, UserRole};
use crate::clock::rfc3339;
use crate::http::caller::{Owner, Reader};
use crate::http::visitor::visitor_of;

pub(in crate::http) struct UsersApi;

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct User {
    id: String,
    username: String,
    display_name: Option<String>,
    email: Option<String>,
    email_verified: bool,
    /// What mails to them are written in, e.g. `de`.
    language: Option<String>,
    role: Role,
    created_at: String,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", rename = "UserRole", remote = "UserRole")]
pub(super) enum Role {
    Admin,
    User,
    /// May look at the overview and the audit log.
    Auditor,
}

impl From<UserRecord> for User {
    fn from(user: UserRecord) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username,
            display_name: user.display_name,
            email: user.email,
            email_verified: user.email_verified,
            language: user.language,
            role: user.role.into(),
            created_at: rfc3339(user.created_at),
        }
    }
}

/// A field that is absent stays; an empty text removes it.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct UpdateMe {
    display_name: Option<Text>,
    /// Another one takes the password, and where mail is set up is theirs once they prove it. The
    /// same again changes nothing.
    email: Option<Text>,
    /// What mails to them are written in, e.g. `de`.
    language: Option<Text>,
    /// Needed for another e-mail.
    current_password: Option<Text>,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct UpdatedMe {
    user: User,
    /// A link was mailed to this address; following it makes it theirs.
    email_to_prove: Option<String>,
}

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct DeleteMe {
    password: Text,
}

#[derive(ApiResponse)]
enum DeletedMeResponse {
    /// Gone, with everything that was theirs.
    #[oai(status = 204)]
    Deleted,
}

#[derive(ApiResponse)]
enum SentEmailToProveResponse {
    /// A link is on its way, or was sent moments ago; those before it stay good.
    #[oai(status = 202)]
    Sent,
}

#[derive(ApiResponse)]
enum DeletedEmailToProveResponse {
    /// Taken back; the link that was mailed is good no more.
    #[oai(status = 204)]
    Deleted,
}

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct ChangePassword {
    current_password: Text,
    new_password: Text,
}

#[derive(ApiResponse)]
enum ChangePasswordResponse {
    /// Changed; every other session has ended.
    #[oai(status = 204)]
    Changed,
}

#[OpenApi(prefix_path = "/users/me", tag = "Tag::Users")]
impl UsersApi {
    /// One's own profile
    #[oai(path = "/", method = "get", operation_id = "get_profile")]
    async fn get_profile(&self, house: House<'_>, caller: Reader) -> ApiResult<Json<User>> {
        Ok(Json(house.accounts.profile(&caller).await?.into()))
    }

    /// Change one's own profile
    #[oai(path = "/", method = "patch", operation_id = "update_profile")]
    async fn update_profile(
        &self,
        house: House<'_>,
        caller: Owner,
        request: &Request,
        body: Json<UpdateMe>,
    ) -> ApiResult<Json<UpdatedMe>> {
        let body = body.0;
        let change = UserChange {
            display_name: body.display_name.map(Into::into),
            email: body.email.map(Into::into),
            language: body.language.map(Into::into),
            current_password: body.current_password.map(Into::into),
        };
        let visitor = visitor_of(request);
        let changed = house
            .accounts
            .change_profile(&caller, &visitor, change)
            .await?;
        Ok(Json(UpdatedMe {
            user: changed.user.into(),
            email_to_prove: changed.email_to_prove,
        }))
    }

    /// Have the link mailed once more that proves the e-mail one wants, or has
    #[oai(
        path = "/email-to-prove",
        method = "post",
        operation_id = "send_email_to_prove"
    )]
    async fn send_email_to_prove(
        &self,
        house: House<'_>,
        caller: Owner,
    ) -> ApiResult<SentEmailToProveResponse> {
        house.accounts.send_new_email_again(&caller).await?;
        Ok(SentEmailToProveResponse::Sent)
    }

    /// Take the e-mail back that one wanted and has not proved
    #[oai(
        path = "/email-to-prove",
        method = "delete",
        operation_id = "delete_email_to_prove"
    )]
    async fn delete_email_to_prove(
        &self,
        house: House<'_>,
        caller: Owner,
    ) -> ApiResult<DeletedEmailToProveResponse> {
        house.accounts.forget_new_email(&caller).await?;
        Ok(DeletedEmailToProveResponse::Deleted)
    }

    /// Remove one's own account with everything that is in it
    #[oai(path = "/delete", method = "post", operation_id = "delete_profile")]
    async fn delete_profile(
        &self,
        house: House<'_>,
        caller: Owner,
        request: &Request,
        body: Json<DeleteMe>,
    ) -> ApiResult<DeletedMeResponse> {
        house
            .delete_own_account(&caller, &visitor_of(request), &body.password)
            .await?;
        Ok(DeletedMeResponse::Deleted)
    }

    /// Change one's own password
    #[oai(path = "/password", method = "post", operation_id = "change_password")]
    async fn change_password(
        &self,
        house: House<'_>,
        caller: Owner,
        request: &Request,
        body: Json<ChangePassword>,
    ) -> ApiResult<ChangePasswordResponse> {
        let ChangePassword {
            current_password,
            new_password,
        } = &*body;
        let visitor = visitor_of(request);
        house
            .accounts
            .change_password(&caller, &visitor, current_password, new_password)
            .await?;
        Ok(ChangePasswordResponse::Changed)
    }
}
