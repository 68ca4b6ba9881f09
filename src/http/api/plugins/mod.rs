//! `/admin/plugins`: the rules an administrator writes. The room `plugins` refuses everybody else.
//!
//! A source that cannot be compiled is answered with `invalid_request` and, in `details`, the line
//! and the column; what was there before stays.

mod shapes;

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use serde_json::{Map, Value};

use self::shapes::{
    CheckPlugin, CreatePlugin, PluginCheck, PluginError, PluginList, PluginLog, PluginTest,
    PluginWithSource, TestPlugin, UpdatePlugin,
};
use super::{ApiResult, House, Tag};
use crate::error::Error;
use crate::http::caller::Steward;
use crate::plugins::{DryRun, NewPlugin, PluginChange};

const LOG_PAGE: usize = 50;
const MAX_LOG_PAGE: usize = 100;

pub(in crate::http) struct PluginsApi;

#[derive(ApiResponse)]
enum CreatedPlugin {
    /// It is there, and off.
    #[oai(status = 201)]
    Created(Json<PluginWithSource>),
}

#[derive(ApiResponse)]
enum DeletedPlugin {
    /// It is gone; of a shipped one, the edited copy.
    #[oai(status = 204)]
    Deleted,
}

/// What must be an object, where it is given.
fn object(field: &str, value: Option<Value>) -> Result<Option<Map<String, Value>>, Error> {
    match value {
        None => Ok(None),
        Some(Value::Object(fields)) => Ok(Some(fields)),
        Some(_) => Err(Error::invalid_field(
            field,
            format!("{field} must be an object"),
        )),
    }
}

#[OpenApi(prefix_path = "/admin/plugins", tag = "Tag::Plugins")]
impl PluginsApi {
    /// The plugins of the house
    #[oai(path = "/", method = "get", operation_id = "list_plugins")]
    async fn list_plugins(&self, house: House<'_>, caller: Steward) -> ApiResult<Json<PluginList>> {
        let items = house.plugins.list(&*caller)?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Json(PluginList { items }))
    }

    /// Add a plugin, turned off
    #[oai(path = "/", method = "post", operation_id = "create_plugin")]
    async fn create_plugin(
        &self,
        house: House<'_>,
        caller: Steward,
        body: Json<CreatePlugin>,
    ) -> ApiResult<CreatedPlugin> {
        let new = NewPlugin {
            name: body.0.name.into(),
            manifest: body.0.manifest.map(Into::into),
            source: body.0.source.into(),
        };
        let created = house.plugins.create(&*caller, new).await?;
        Ok(CreatedPlugin::Created(Json(created.into())))
    }

    /// One plugin, with its source
    #[oai(path = "/:name", method = "get", operation_id = "get_plugin")]
    async fn get_plugin(
        &self,
        house: House<'_>,
        caller: Steward,
        name: Path<String>,
    ) -> ApiResult<Json<PluginWithSource>> {
        Ok(Json(house.plugins.get(&*caller, &name).await?.into()))
    }

    /// Turn a plugin on or off, set it, edit it
    #[oai(path = "/:name", method = "patch", operation_id = "update_plugin")]
    async fn update_plugin(
        &self,
        house: House<'_>,
        caller: Steward,
        name: Path<String>,
        body: Json<UpdatePlugin>,
    ) -> ApiResult<Json<PluginWithSource>> {
        let Json(body) = body;
        let hosts = body.confirmed_hosts;
        let change = PluginChange {
            enabled: body.enabled,
            settings: object("settings", body.settings)?,
            source: body.source.map(Into::into),
            manifest: body.manifest.map(Into::into),
            confirmed_hosts: hosts.map(|hosts| hosts.into_iter().map(Into::into).collect()),
        };
        let changed = house.plugins.change(&*caller, &name, change).await?;
        Ok(Json(changed.into()))
    }

    /// Delete a plugin with all it kept; of a shipped one, the edited copy
    #[oai(path = "/:name", method = "delete", operation_id = "delete_plugin")]
    async fn delete_plugin(
        &self,
        house: House<'_>,
        caller: Steward,
        name: Path<String>,
    ) -> ApiResult<DeletedPlugin> {
        house.plugins.delete(&*caller, &name).await?;
        Ok(DeletedPlugin::Deleted)
    }

    /// Ask a plugin something and change nothing, also with a source that is not saved
    #[oai(path = "/:name/test", method = "post", operation_id = "test_plugin")]
    async fn test_plugin(
        &self,
        house: House<'_>,
        caller: Steward,
        name: Path<String>,
        body: Json<TestPlugin>,
    ) -> ApiResult<Json<PluginTest>> {
        let Json(body) = body;
        let run = DryRun {
            hook: body.hook.into(),
            input: object("input", body.input)?,
            source: body.source.map(Into::into),
            settings: object("settings", body.settings)?,
        };
        let outcome = house.plugins.dry_run(&*caller, &name, run).await?;
        Ok(Json(outcome.into()))
    }

    /// Whether a source that is not saved can be compiled
    #[oai(path = "/:name/check", method = "post", operation_id = "check_plugin")]
    async fn check_plugin(
        &self,
        house: House<'_>,
        caller: Steward,
        name: Path<String>,
        body: Json<CheckPlugin>,
    ) -> ApiResult<Json<PluginCheck>> {
        let Json(CheckPlugin { source, manifest }) = body;
        let manifest = manifest.map(Into::into);
        let checked = house
            .plugins
            .check(&*caller, &name, source.into(), manifest);
        let error = checked.await?.map(PluginError::from);
        let ok = error.is_none();
        Ok(Json(PluginCheck { ok, error }))
    }

    /// What a plugin decided, the latest first; the last 1,000
    #[oai(path = "/:name/log", method = "get", operation_id = "list_plugin_log")]
    async fn list_plugin_log(
        &self,
        house: House<'_>,
        caller: Steward,
        name: Path<String>,
        /// Of the page before.
        Query(cursor): Query<Option<String>>,
        /// 1 to 100; absent: 50.
        Query(limit): Query<Option<usize>>,
    ) -> ApiResult<Json<PluginLog>> {
        let before = cursor.map(|cursor| {
            cursor
                .parse()
                .map_err(|_| Error::invalid_field("cursor", "this is no cursor"))
        });
        let limit = limit.unwrap_or(LOG_PAGE);
        if !(1..=MAX_LOG_PAGE).contains(&limit) {
            return Err(Error::invalid_field("limit", "limit must be between 1 and 100").into());
        }
        let rows = house
            .plugins
            .list_log(&*caller, &name, before.transpose()?, limit);
        let rows = rows.await?;
        let last = rows.last().map(|(number, _)| number.to_string());
        let next_cursor = last.filter(|_| rows.len() == limit);
        let items = rows.into_iter().map(|(_, record)| record.into()).collect();
        Ok(Json(PluginLog { items, next_cursor }))
    }
}
