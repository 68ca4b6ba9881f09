//! `/admin/adapters`: the LoRA adapters of the house. The room `models` refuses everybody but
//! administrators; what others may use stands with each model, in `/models`.
//!
//! A file is sent as it is, with what is said of it in the address: see docs/decisions/0012-adapters.md.

use poem::{Body, Request};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Binary, Json};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::{ApiResult, House, Tag, Text};
use crate::clock::rfc3339;
use crate::engine;
use crate::http::caller::Steward;
use crate::http::streamed_body::declared_bytes;
use crate::models::{self, AdapterChange, AdapterRecord, NewAdapter};

pub(in crate::http) struct AdaptersApi;

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Adapter {
    id: String,
    name: String,
    /// The model it is made for.
    base: String,
    description: Option<String>,
    size_bytes: u64,
    /// In hexadecimal.
    sha256: String,
    rank: u32,
    alpha: f64,
    /// How strongly it is used where nobody says.
    default_scale: f64,
    audience: Audience,
    state: State,
    /// Why it cannot be used.
    reason: Option<String>,
    created_at: String,
}

/// Who may use it.
#[derive(Enum)]
#[oai(
    rename_all = "snake_case",
    rename = "AdapterAudience",
    remote = "models::AdapterAudience"
)]
enum Audience {
    Everybody,
    Administrators,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", rename = "AdapterState")]
enum State {
    Available,
    Unusable,
}

#[derive(Object)]
struct AdapterList {
    items: Vec<Adapter>,
}

/// A field that is absent stays; an empty description removes it.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct UpdateAdapter {
    name: Option<Text>,
    description: Option<Text>,
    default_scale: Option<f64>,
    audience: Option<Audience>,
}

/// What somebody may put on a model.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct ModelAdapter {
    id: String,
    name: String,
    description: Option<String>,
    /// How strongly it is used where nobody says.
    default_scale: f64,
}

/// An adapter as it was used.
#[derive(Object)]
pub(in crate::http) struct AdapterUse {
    id: String,
    /// 1 as it was trained, 0 not at all.
    scale: f64,
}

/// An adapter to use.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct AdapterChoice {
    id: Text,
    /// -4 to 4; absent: the adapter's default.
    scale: Option<f64>,
}

#[derive(ApiResponse)]
enum CreatedAdapter {
    /// It can be used from now on.
    #[oai(status = 201)]
    Created(Json<Adapter>),
}

#[derive(ApiResponse)]
enum DeletedAdapter {
    /// It is gone, with its file.
    #[oai(status = 204)]
    Deleted,
}

/// As a person would write it, and not as the next number that a computer has.
fn decimal(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}

fn not_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

impl From<models::Adapter> for Adapter {
    fn from(models::Adapter { record, trouble }: models::Adapter) -> Self {
        Self {
            id: record.id,
            name: record.name,
            base: record.base,
            description: not_empty(record.description),
            size_bytes: record.size_bytes,
            sha256: record.sha256,
            rank: record.rank,
            alpha: decimal(record.alpha),
            default_scale: decimal(record.default_scale),
            audience: record.audience.into(),
            state: match trouble {
                None => State::Available,
                Some(_) => State::Unusable,
            },
            reason: trouble.map(str::to_owned),
            created_at: rfc3339(record.created_at),
        }
    }
}

impl From<AdapterRecord> for ModelAdapter {
    fn from(record: AdapterRecord) -> Self {
        Self {
            id: record.id,
            name: record.name,
            description: not_empty(record.description),
            default_scale: decimal(record.default_scale),
        }
    }
}

impl From<AdapterChoice> for models::AdapterChoice {
    fn from(choice: AdapterChoice) -> Self {
        Self {
            id: choice.id.into(),
            scale: choice.scale.map(|scale| scale as f32),
        }
    }
}

/// Absent stays absent: that is another thing than none.
pub(super) fn choices(choices: Option<Vec<AdapterChoice>>) -> Option<Vec<models::AdapterChoice>> {
    choices.map(|choices| choices.into_iter().map(Into::into).collect())
}

/// None, where there were none.
pub(super) fn uses(uses: Vec<engine::AdapterUse>) -> Option<Vec<AdapterUse>> {
    let used = |engine::AdapterUse { id, scale }| AdapterUse {
        id,
        scale: decimal(scale),
    };
    Some(uses.into_iter().map(used).collect()).filter(|uses: &Vec<_>| !uses.is_empty())
}

#[OpenApi(prefix_path = "/admin/adapters", tag = "Tag::Adapters")]
impl AdaptersApi {
    /// The adapters of the house
    #[oai(path = "/", method = "get", operation_id = "list_adapters")]
    async fn list_adapters(
        &self,
        house: House<'_>,
        caller: Steward,
    ) -> ApiResult<Json<AdapterList>> {
        let items = house.adapters.list_all(&caller)?;
        let items = items.into_iter().map(Adapter::from).collect();
        Ok(Json(AdapterList { items }))
    }

    /// Add an adapter: the body is the GGUF file
    #[oai(path = "/", method = "post", operation_id = "create_adapter")]
    #[expect(clippy::too_many_arguments, reason = "each is a part of the request")]
    async fn create_adapter(
        &self,
        house: House<'_>,
        caller: Steward,
        request: &Request,
        /// The model it is made for.
        Query(base): Query<String>,
        /// What people see; absent: the name the file gives itself.
        Query(name): Query<Option<String>>,
        Query(description): Query<Option<String>>,
        /// -4 to 4; absent: 1.
        Query(default_scale): Query<Option<f64>>,
        /// Absent: everybody.
        Query(audience): Query<Option<Audience>>,
        file: Binary<Body>,
    ) -> ApiResult<CreatedAdapter> {
        let new = NewAdapter {
            name,
            base,
            description: description.unwrap_or_default(),
            default_scale: default_scale.map(|scale| scale as f32),
            audience: audience.map(Into::into).unwrap_or_default(),
        };
        let added = house
            .adapters
            .upload(
                &caller,
                new,
                declared_bytes(request),
                file.0.into_async_read(),
            )
            .await?;
        Ok(CreatedAdapter::Created(Json(added.into())))
    }

    /// One adapter
    #[oai(path = "/:id", method = "get", operation_id = "get_adapter")]
    async fn get_adapter(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<Json<Adapter>> {
        Ok(Json(house.adapters.get(&caller, &id)?.into()))
    }

    /// Change what is said of an adapter, and who may use it
    #[oai(path = "/:id", method = "patch", operation_id = "update_adapter")]
    async fn update_adapter(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        body: Json<UpdateAdapter>,
    ) -> ApiResult<Json<Adapter>> {
        let Json(UpdateAdapter {
            name,
            description,
            default_scale,
            audience,
        }) = body;
        let change = AdapterChange {
            name: name.map(Into::into),
            description: description.map(Into::into),
            default_scale: default_scale.map(|scale| scale as f32),
            audience: audience.map(Into::into),
        };
        let changed = house.adapters.change(&caller, &id, change).await?;
        Ok(Json(changed.into()))
    }

    /// Delete an adapter with its file; replies being written with it are finished
    #[oai(path = "/:id", method = "delete", operation_id = "delete_adapter")]
    async fn delete_adapter(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<DeletedAdapter> {
        house.adapters.delete(&caller, &id).await?;
        Ok(DeletedAdapter::Deleted)
    }
}
