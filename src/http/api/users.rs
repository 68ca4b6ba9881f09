//! `/users/me`: one's own profile and password. Every account can do this; what an administrator
//! does to others is another resource.

use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::{ApiResult, House, Tag, Text};
use crate::accounts::{UserChange, UserRecord, UserRole};
use crate::clock::rfc3339;
use crate::http::caller::{Owner, Reader};

pub(in crate::http) struct UsersApi;

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct User {
    id: String,
    username: String,
    display_name: Option<String>,
    email: Option<String>,
    role: Role,
    created_at: String,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", rename = "UserRole", remote = "UserRole")]
enum Role {
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
    email: Option<Text>,
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
        body: Json<UpdateMe>,
    ) -> ApiResult<Json<User>> {
        let Json(UpdateMe {
            display_name,
            email,
        }) = body;
        let change = UserChange {
            display_name: display_name.map(Into::into),
            email: email.map(Into::into),
        };
        Ok(Json(
            house.accounts.change_profile(&caller, change).await?.into(),
        ))
    }

    /// Change one's own password
    #[oai(path = "/password", method = "post", operation_id = "change_password")]
    async fn change_password(
        &self,
        house: House<'_>,
        caller: Owner,
        body: Json<ChangePassword>,
    ) -> ApiResult<ChangePasswordResponse> {
        house
            .accounts
            .change_password(&caller, &body.current_password, &body.new_password)
            .await?;
        Ok(ChangePasswordResponse::Changed)
    }
}
