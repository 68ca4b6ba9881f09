//! `/admin/settings`: what an administrator changes while the house runs. The room `accounts`
//! refuses everybody else.

use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};

use super::{ApiResult, House, Tag};
use crate::accounts;
use crate::http::caller::Authenticated;

pub(in crate::http) struct SettingsApi;

#[derive(Object)]
#[oai(deny_unknown_fields, remote = "accounts::Settings")]
struct Settings {
    registration: Registration,
}

/// Whether people may make their own account.
#[derive(Enum)]
#[oai(rename_all = "snake_case", remote = "accounts::Registration")]
enum Registration {
    Open,
    Closed,
}

#[OpenApi(prefix_path = "/admin/settings", tag = "Tag::Settings")]
impl SettingsApi {
    /// The settings of the house
    #[oai(path = "/", method = "get", operation_id = "get_settings")]
    async fn get_settings(
        &self,
        house: House<'_>,
        caller: Authenticated,
    ) -> ApiResult<Json<Settings>> {
        Ok(Json(house.accounts.settings(&caller).await?.into()))
    }

    /// Change the settings of the house
    #[oai(path = "/", method = "put", operation_id = "update_settings")]
    async fn update_settings(
        &self,
        house: House<'_>,
        caller: Authenticated,
        body: Json<Settings>,
    ) -> ApiResult<Json<Settings>> {
        Ok(Json(
            house
                .accounts
                .change_settings(&caller, body.0.into())
                .await?
                .into(),
        ))
    }
}
