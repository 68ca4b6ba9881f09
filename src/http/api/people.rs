//! `/admin/users`: what administrators do about others. The room `accounts` refuses everybody else,
//! and keeps the last administrator of a house.

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::groups::{parse_group_id, parse_group_ids};
use super::requests::OneTimeLink;
use super::users::{Role, User};
use super::{ApiResult, House, Tag, Text, page_limit};
use crate::accounts::{Awaited, NewUser, PersonChange, UserRecord, UserRole, UserStatus};
use crate::error::{Error, Result};
use crate::http::caller::{Steward, Trustee};
use crate::ids::UserId;

pub(in crate::http) struct PeopleApi;

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Person {
    user: User,
    disabled: bool,
    /// What is awaited before they may come in: `email`, `approval`.
    awaits: Vec<String>,
    /// Besides the group of everybody.
    group_ids: Vec<String>,
    registration_key_id: Option<String>,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct PersonPage {
    /// Oldest first.
    items: Vec<Person>,
    /// Of all pages together.
    total: usize,
    next_cursor: Option<String>,
}

/// A `user` unless `role` says otherwise.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct CreatePerson {
    username: Text,
    password: Text,
    email: Option<Text>,
    display_name: Option<Text>,
    /// What mails to them are written in, e.g. `de`.
    language: Option<Text>,
    role: Option<Role>,
    group_ids: Option<Vec<String>>,
}

/// A field that is absent stays; an empty text removes.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct UpdatePerson {
    display_name: Option<Text>,
    /// Of others: one changes one's own in one's profile.
    email: Option<Text>,
    role: Option<Role>,
    group_ids: Option<Vec<String>>,
    disabled: Option<bool>,
}

#[derive(ApiResponse)]
enum CreatedPersonResponse {
    #[oai(status = 201)]
    Created(Json<Person>),
}

#[derive(ApiResponse)]
enum DeletedPersonResponse {
    /// Gone, with everything that was theirs.
    #[oai(status = 204)]
    Deleted,
}

impl From<UserRecord> for Person {
    fn from(user: UserRecord) -> Self {
        let awaits = match user.status {
            UserStatus::Pending(Awaited { email, approval }) => {
                let both = [(email, "email"), (approval, "approval")];
                let awaited = both.into_iter().filter(|(is_awaited, _)| *is_awaited);
                awaited.map(|(_, name)| name.to_owned()).collect()
            }
            UserStatus::Active | UserStatus::Disabled => Vec::new(),
        };
        Self {
            disabled: user.status == UserStatus::Disabled,
            awaits,
            group_ids: user.group_ids.iter().map(ToString::to_string).collect(),
            registration_key_id: user.registration_key_id.map(|id| id.to_string()),
            user: user.into(),
        }
    }
}

pub(super) fn parse_user_id(text: &str) -> Result<UserId> {
    UserId::parse(text).ok_or_else(|| Error::not_found("user"))
}

#[OpenApi(prefix_path = "/admin/users", tag = "Tag::Users")]
impl PeopleApi {
    /// Everybody, oldest first
    #[oai(path = "/", method = "get", operation_id = "list_users")]
    async fn list_users(
        &self,
        house: House<'_>,
        caller: Steward,
        /// Only those whose name, shown name or e-mail contains this.
        Query(q): Query<Option<String>>,
        /// Only those in this group.
        Query(group_id): Query<Option<String>>,
        /// `next_cursor` of the page before.
        Query(cursor): Query<Option<String>>,
        /// 1 to 100, by default 50.
        Query(limit): Query<Option<usize>>,
    ) -> ApiResult<Json<PersonPage>> {
        let invalid = || Error::invalid_field("cursor", "this cursor is not of this list");
        let after = cursor.map(|text| UserId::parse(&text).ok_or_else(invalid));
        let (after, limit) = (after.transpose()?, page_limit(limit)?);
        let query = q.unwrap_or_default();
        let group_id = group_id.as_deref().map(parse_group_id).transpose()?;
        let page = house
            .accounts
            .list_people(&caller, &query, group_id, after, limit)
            .await?;
        Ok(Json(PersonPage {
            items: page.users.into_iter().map(Into::into).collect(),
            total: page.total,
            next_cursor: page.next_after.map(|id| id.to_string()),
        }))
    }

    /// Make an account for somebody; that of an administrator takes a session
    #[oai(path = "/", method = "post", operation_id = "create_user")]
    async fn create_user(
        &self,
        house: House<'_>,
        caller: Steward,
        body: Json<CreatePerson>,
    ) -> ApiResult<CreatedPersonResponse> {
        caller.require_admin()?;
        let body = body.0;
        let new = NewUser {
            username: body.username.into(),
            password: body.password.into(),
            email: body.email.map(Into::into),
            display_name: body.display_name.map(Into::into),
            language: body.language.map(Into::into),
        };
        let role = body.role.map_or(UserRole::User, Into::into);
        let group_ids = parse_group_ids(&body.group_ids.unwrap_or_default())?;
        let made = house.accounts.create_person(&caller, new, role, group_ids);
        Ok(CreatedPersonResponse::Created(Json(made.await?.into())))
    }

    /// Somebody
    #[oai(path = "/:id", method = "get", operation_id = "get_user")]
    async fn get_user(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<Json<Person>> {
        caller.require_admin()?;
        let person = house.accounts.person(&caller, parse_user_id(&id)?).await?;
        Ok(Json(person.into()))
    }

    /// Change somebody's name, e-mail, role, groups or standing; who loses rights is signed out, and making
    /// an administrator or changing an e-mail takes a session
    #[oai(path = "/:id", method = "patch", operation_id = "update_user")]
    async fn update_user(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        body: Json<UpdatePerson>,
    ) -> ApiResult<Json<Person>> {
        caller.require_admin()?;
        let body = body.0;
        let group_ids = body.group_ids.as_deref().map(parse_group_ids);
        let change = PersonChange {
            display_name: body.display_name.map(Into::into),
            email: body.email.map(Into::into),
            role: body.role.map(Into::into),
            group_ids: group_ids.transpose()?,
            disabled: body.disabled,
        };
        let id = parse_user_id(&id)?;
        let person = house.accounts.change_person(&caller, id, change).await?;
        Ok(Json(person.into()))
    }

    /// Remove somebody else with everything that is theirs
    #[oai(path = "/:id", method = "delete", operation_id = "delete_user")]
    async fn delete_user(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<DeletedPersonResponse> {
        caller.require_admin()?;
        house.delete_user(&caller, parse_user_id(&id)?).await?;
        Ok(DeletedPersonResponse::Deleted)
    }

    /// Make a link that sets somebody's password, to hand it on; they are told, and it takes a session
    #[oai(
        path = "/:id/reset-link",
        method = "post",
        operation_id = "create_reset_link"
    )]
    async fn create_reset_link(
        &self,
        house: House<'_>,
        caller: Trustee,
        id: Path<String>,
    ) -> ApiResult<Json<OneTimeLink>> {
        caller.require_admin()?;
        let id = parse_user_id(&id)?;
        let made = house.accounts.make_reset_link(&caller, id).await?;
        Ok(Json(made.into()))
    }
}
