//! `/admin/groups`: groups of people, and what each may use. For administrators.

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::people::parse_user_id;
use super::{ApiResult, House, Tag, Text};
use crate::accounts::{self, AccessEffect, AccessKind, GroupChange, GroupRecord, GroupView};
use crate::clock::rfc3339;
use crate::error::{Error, Reason, Result};
use crate::http::caller::Steward;
use crate::ids::GroupId;

pub(in crate::http) struct GroupsApi;

#[derive(Object)]
struct Group {
    id: String,
    name: String,
    note: String,
    rules: Vec<AccessRule>,
    created_at: String,
}

#[derive(Object)]
struct GroupListItem {
    group: Group,
    /// Everybody is in it, and it cannot go.
    is_everyone: bool,
    member_count: usize,
}

#[derive(Object)]
struct GroupList {
    items: Vec<GroupListItem>,
    /// What a rule of the kind `feature` can name.
    features: Vec<String>,
}

/// A denial beats every allowance. What some group is allowed is for such groups alone; what no rule
/// names is for everybody.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct AccessRule {
    effect: Effect,
    kind: Kind,
    /// The id of the model, adapter or feature.
    name: String,
}

#[derive(Enum)]
#[oai(
    rename_all = "snake_case",
    rename = "AccessEffect",
    remote = "AccessEffect"
)]
enum Effect {
    Allow,
    Deny,
}

/// `plugin` is refused: people do not ask plugins themselves, so a rule would decide nothing. Groups
/// that have one from before still show it.
#[derive(Enum)]
#[oai(
    rename_all = "snake_case",
    rename = "AccessKind",
    remote = "AccessKind"
)]
enum Kind {
    Model,
    Adapter,
    Plugin,
    Feature,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct CreateGroup {
    name: Text,
    note: Option<Text>,
    rules: Option<Vec<AccessRule>>,
}

/// A field that is absent stays.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct UpdateGroup {
    name: Option<Text>,
    note: Option<Text>,
    rules: Option<Vec<AccessRule>>,
}

#[derive(ApiResponse)]
enum CreatedGroupResponse {
    #[oai(status = 201)]
    Created(Json<Group>),
}

#[derive(ApiResponse)]
enum DeletedGroupResponse {
    /// It is gone; who was in it stays.
    #[oai(status = 204)]
    Deleted,
}

#[derive(ApiResponse)]
enum ChangedMemberResponse {
    /// Now it is so, or it was before.
    #[oai(status = 204)]
    Changed,
}

impl From<AccessRule> for accounts::AccessRule {
    fn from(rule: AccessRule) -> Self {
        Self {
            effect: rule.effect.into(),
            kind: rule.kind.into(),
            name: rule.name,
        }
    }
}

impl From<accounts::AccessRule> for AccessRule {
    fn from(rule: accounts::AccessRule) -> Self {
        Self {
            effect: rule.effect.into(),
            kind: rule.kind.into(),
            name: rule.name,
        }
    }
}

impl From<GroupRecord> for Group {
    fn from(group: GroupRecord) -> Self {
        Self {
            id: group.id.to_string(),
            name: group.name,
            note: group.note,
            rules: group.rules.into_iter().map(Into::into).collect(),
            created_at: rfc3339(group.created_at),
        }
    }
}

impl From<GroupView> for GroupListItem {
    fn from(view: GroupView) -> Self {
        Self {
            group: view.record.into(),
            is_everyone: view.is_everyone,
            member_count: view.member_count,
        }
    }
}

fn change(name: Option<Text>, note: Option<Text>, rules: Option<Vec<AccessRule>>) -> GroupChange {
    GroupChange {
        name: name.map(Into::into),
        note: note.map(Into::into),
        rules: rules.map(|rules| rules.into_iter().map(Into::into).collect()),
    }
}

pub(super) fn parse_group_id(text: &str) -> Result<GroupId> {
    GroupId::parse(text).ok_or_else(|| Error::not_found("group"))
}

/// Groups that are named in a field of a request.
pub(super) fn parse_group_ids(texts: &[String]) -> Result<Vec<GroupId>> {
    let unknown = || {
        Error::invalid_field("group_ids", "there is no such group to be in")
            .with_reason(Reason::GroupUnknown)
    };
    texts
        .iter()
        .map(|text| GroupId::parse(text).ok_or_else(unknown))
        .collect()
}

#[OpenApi(prefix_path = "/admin/groups", tag = "Tag::Groups")]
impl GroupsApi {
    /// All groups, that of everybody first
    #[oai(path = "/", method = "get", operation_id = "list_groups")]
    async fn list_groups(&self, house: House<'_>, caller: Steward) -> ApiResult<Json<GroupList>> {
        let groups = house.accounts.list_groups(&caller).await?;
        Ok(Json(GroupList {
            items: groups.into_iter().map(Into::into).collect(),
            features: accounts::FEATURES.iter().map(ToString::to_string).collect(),
        }))
    }

    /// Make a group
    #[oai(path = "/", method = "post", operation_id = "create_group")]
    async fn create_group(
        &self,
        house: House<'_>,
        caller: Steward,
        body: Json<CreateGroup>,
    ) -> ApiResult<CreatedGroupResponse> {
        let Json(CreateGroup { name, note, rules }) = body;
        let change = change(Some(name), note, rules);
        let group = house.accounts.create_group(&caller, change).await?;
        Ok(CreatedGroupResponse::Created(Json(group.into())))
    }

    /// Change a group
    #[oai(path = "/:id", method = "patch", operation_id = "update_group")]
    async fn update_group(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        body: Json<UpdateGroup>,
    ) -> ApiResult<Json<Group>> {
        caller.require_admin()?;
        let Json(UpdateGroup { name, note, rules }) = body;
        let (id, change) = (parse_group_id(&id)?, change(name, note, rules));
        let group = house.accounts.change_group(&caller, id, change).await?;
        Ok(Json(group.into()))
    }

    /// Remove a group
    #[oai(path = "/:id", method = "delete", operation_id = "delete_group")]
    async fn delete_group(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<DeletedGroupResponse> {
        caller.require_admin()?;
        let id = parse_group_id(&id)?;
        house.accounts.delete_group(&caller, id).await?;
        Ok(DeletedGroupResponse::Deleted)
    }

    /// Put somebody into a group
    #[oai(
        path = "/:id/members/:user_id",
        method = "put",
        operation_id = "set_group_member"
    )]
    async fn set_group_member(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        user_id: Path<String>,
    ) -> ApiResult<ChangedMemberResponse> {
        caller.require_admin()?;
        let (id, user_id) = (parse_group_id(&id)?, parse_user_id(&user_id)?);
        let put = house.accounts.set_group_member(&caller, id, user_id, true);
        put.await?;
        Ok(ChangedMemberResponse::Changed)
    }

    /// Take somebody out of a group
    #[oai(
        path = "/:id/members/:user_id",
        method = "delete",
        operation_id = "delete_group_member"
    )]
    async fn delete_group_member(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        user_id: Path<String>,
    ) -> ApiResult<ChangedMemberResponse> {
        caller.require_admin()?;
        let (id, user_id) = (parse_group_id(&id)?, parse_user_id(&user_id)?);
        let taken = house.accounts.set_group_member(&caller, id, user_id, false);
        taken.await?;
        Ok(ChangedMemberResponse::Changed)
    }
}
