//! `/tokens`: what one may spend and what it was spent on. `/admin/users/{id}/tokens` and
//! `/admin/groups/{id}/tokens`: the same of others, which `accounts` gives administrators alone.

mod shapes;

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

pub(super) use self::shapes::{Allowance, AllowanceRules, TokenEntry, UpdateAllowanceRules};
use self::shapes::{SetBudget, TokenEntryPage, UpdateTokens};
use super::{ApiResult, House, Tag, page_limit};
use crate::accounts::allowance::Holder;
use crate::error::{Error, Result};
use crate::http::caller::{Reader, Steward};
use crate::ids::{GroupId, UserId};

pub(in crate::http) struct TokensApi;

#[derive(ApiResponse)]
enum RemovedBudget {
    /// It is gone, with its entries; its people spend only their own.
    #[oai(status = 204)]
    Removed,
}

/// Whether there is such a user is for administrators to know.
fn user(caller: &Steward, id: &str) -> Result<Holder> {
    caller.require_admin()?;
    let id = UserId::parse(id).ok_or_else(|| Error::not_found("user"))?;
    Ok(Holder::User(id))
}

/// The same of a group.
fn group_id(caller: &Steward, id: &str) -> Result<GroupId> {
    caller.require_admin()?;
    GroupId::parse(id).ok_or_else(|| Error::not_found("group"))
}

/// The number that the page before ended with.
fn parse_cursor(cursor: Option<String>) -> Result<Option<u64>> {
    let invalid = |_| Error::invalid_field("cursor", "this cursor is not of this list");
    cursor.map(|text| text.parse().map_err(invalid)).transpose()
}

#[OpenApi(tag = "Tag::Tokens")]
impl TokensApi {
    /// What one may spend
    #[oai(path = "/tokens", method = "get", operation_id = "get_tokens")]
    async fn get_tokens(&self, house: House<'_>, caller: Reader) -> ApiResult<Json<Allowance>> {
        let view = house.accounts.allowances().own(&caller).await?;
        Ok(Json(view.into()))
    }

    /// What one got and spent, the latest first
    #[oai(
        path = "/tokens/ledger",
        method = "get",
        operation_id = "list_token_entries"
    )]
    async fn list_token_entries(
        &self,
        house: House<'_>,
        caller: Reader,
        /// `next_cursor` of the page before.
        Query(cursor): Query<Option<String>>,
        /// 1 to 100, by default 50.
        Query(limit): Query<Option<usize>>,
    ) -> ApiResult<Json<TokenEntryPage>> {
        let (before, limit) = (parse_cursor(cursor)?, page_limit(limit)?);
        let allowances = house.accounts.allowances();
        let page = allowances.own_entries(&caller, before, limit).await?;
        Ok(Json(page.into()))
    }

    /// What a user may spend
    #[oai(
        path = "/admin/users/:id/tokens",
        method = "get",
        operation_id = "get_user_tokens"
    )]
    async fn get_user_tokens(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<Json<Allowance>> {
        let allowances = house.accounts.allowances();
        let view = allowances.of_holder(&caller, user(&caller, &id)?).await?;
        Ok(Json(view.into()))
    }

    /// What a user got and spent, the latest first
    #[oai(
        path = "/admin/users/:id/tokens/ledger",
        method = "get",
        operation_id = "list_user_token_entries"
    )]
    async fn list_user_token_entries(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        /// `next_cursor` of the page before.
        Query(cursor): Query<Option<String>>,
        /// 1 to 100, by default 50.
        Query(limit): Query<Option<usize>>,
    ) -> ApiResult<Json<TokenEntryPage>> {
        let (before, limit) = (parse_cursor(cursor)?, page_limit(limit)?);
        let allowances = house.accounts.allowances();
        let page = allowances.entries_of(&caller, user(&caller, &id)?, before, limit);
        Ok(Json(page.await?.into()))
    }

    /// Top up a user, take back, or lift the limit
    #[oai(
        path = "/admin/users/:id/tokens",
        method = "post",
        operation_id = "update_user_tokens"
    )]
    async fn update_user_tokens(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        body: Json<UpdateTokens>,
    ) -> ApiResult<Json<Allowance>> {
        let allowances = house.accounts.allowances();
        let view = allowances.change(&caller, user(&caller, &id)?, body.0.into());
        Ok(Json(view.await?.into()))
    }

    /// What is left of a group's budget
    #[oai(
        path = "/admin/groups/:id/tokens",
        method = "get",
        operation_id = "get_group_tokens"
    )]
    async fn get_group_tokens(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<Json<Allowance>> {
        let holder = Holder::Group(group_id(&caller, &id)?);
        let allowances = house.accounts.allowances();
        let view = allowances.of_holder(&caller, holder).await?;
        Ok(Json(view.into()))
    }

    /// What a group got and spent, the latest first
    #[oai(
        path = "/admin/groups/:id/tokens/ledger",
        method = "get",
        operation_id = "list_group_token_entries"
    )]
    async fn list_group_token_entries(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        /// `next_cursor` of the page before.
        Query(cursor): Query<Option<String>>,
        /// 1 to 100, by default 50.
        Query(limit): Query<Option<usize>>,
    ) -> ApiResult<Json<TokenEntryPage>> {
        let (before, limit) = (parse_cursor(cursor)?, page_limit(limit)?);
        let holder = Holder::Group(group_id(&caller, &id)?);
        let allowances = house.accounts.allowances();
        let page = allowances.entries_of(&caller, holder, before, limit);
        Ok(Json(page.await?.into()))
    }

    /// Top up a group's budget, take back, or lift the limit
    #[oai(
        path = "/admin/groups/:id/tokens",
        method = "post",
        operation_id = "update_group_tokens"
    )]
    async fn update_group_tokens(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        body: Json<UpdateTokens>,
    ) -> ApiResult<Json<Allowance>> {
        let holder = Holder::Group(group_id(&caller, &id)?);
        let allowances = house.accounts.allowances();
        let view = allowances.change(&caller, holder, body.0.into());
        Ok(Json(view.await?.into()))
    }

    /// Give a group a budget, which is charged beside its people
    #[oai(
        path = "/admin/groups/:id/tokens",
        method = "put",
        operation_id = "set_group_budget"
    )]
    async fn set_group_budget(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        body: Json<SetBudget>,
    ) -> ApiResult<Json<Allowance>> {
        let Json(SetBudget { amount, refill }) = body;
        let refill = refill.map(Into::into).unwrap_or_default();
        let allowances = house.accounts.allowances();
        let view = allowances.set_budget(&caller, group_id(&caller, &id)?, amount, refill);
        Ok(Json(view.await?.into()))
    }

    /// Take a group's budget away
    #[oai(
        path = "/admin/groups/:id/tokens",
        method = "delete",
        operation_id = "delete_group_budget"
    )]
    async fn delete_group_budget(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<RemovedBudget> {
        let allowances = house.accounts.allowances();
        allowances
            .remove_budget(&caller, group_id(&caller, &id)?)
            .await?;
        Ok(RemovedBudget::Removed)
    }
}
