//! `/users/me/api-keys`: personal keys for programs. Only a session makes and ends them.

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::{ApiResult, House, Tag, Text, parse_time};
use crate::accounts::{ApiKeyRecord, ApiKeyScope, IssuedApiKey, NewApiKey};
use crate::clock::rfc3339;
use crate::error::Error;
use crate::http::caller::Owner;
use crate::ids::ApiKeyId;

pub(in crate::http) struct ApiKeysApi;

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct ApiKey {
    id: String,
    name: String,
    /// The beginning of the secret, to recognise it by.
    prefix: String,
    scopes: Vec<Scope>,
    created_at: String,
    expires_at: Option<String>,
    /// To the hour.
    last_used_at: Option<String>,
}

/// Have replies written and look at one's own things; look at them; run the house as far as one may.
#[derive(Enum)]
#[oai(
    rename_all = "snake_case",
    rename = "ApiKeyScope",
    remote = "ApiKeyScope"
)]
enum Scope {
    Chat,
    Read,
    Admin,
}

#[derive(Object)]
struct ApiKeyList {
    items: Vec<ApiKey>,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct CreateApiKey {
    name: Text,
    scopes: Vec<Scope>,
    expires_at: Option<Text>,
}

#[derive(Object)]
struct CreatedApiKey {
    key: ApiKey,
    /// Shown this once.
    secret: String,
}

#[derive(ApiResponse)]
enum CreatedApiKeyResponse {
    /// The key was made; its secret is never shown again.
    #[oai(status = 201)]
    Created(Json<CreatedApiKey>),
}

#[derive(ApiResponse)]
enum DeletedApiKeyResponse {
    /// It is good no more.
    #[oai(status = 204)]
    Deleted,
}

impl From<ApiKeyRecord> for ApiKey {
    fn from(key: ApiKeyRecord) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            prefix: key.prefix,
            scopes: key.scopes.into_iter().map(Into::into).collect(),
            created_at: rfc3339(key.created_at),
            expires_at: key.expires_at.map(rfc3339),
            last_used_at: key.last_used_at.map(rfc3339),
        }
    }
}

#[OpenApi(prefix_path = "/users/me/api-keys", tag = "Tag::ApiKeys")]
impl ApiKeysApi {
    /// One's own API keys, oldest first
    #[oai(path = "/", method = "get", operation_id = "list_api_keys")]
    async fn list_api_keys(&self, house: House<'_>, caller: Owner) -> ApiResult<Json<ApiKeyList>> {
        let keys = house.accounts.list_api_keys(&caller).await?;
        let items = keys.into_iter().map(Into::into).collect();
        Ok(Json(ApiKeyList { items }))
    }

    /// Make an API key
    #[oai(path = "/", method = "post", operation_id = "create_api_key")]
    async fn create_api_key(
        &self,
        house: House<'_>,
        caller: Owner,
        body: Json<CreateApiKey>,
    ) -> ApiResult<CreatedApiKeyResponse> {
        let expires_at = body.0.expires_at.as_deref();
        let new = NewApiKey {
            name: body.0.name.into(),
            scopes: body.0.scopes.into_iter().map(Into::into).collect(),
            expires_at: expires_at
                .map(|time| parse_time("expires_at", time))
                .transpose()?,
        };
        let IssuedApiKey { record, secret } = house.accounts.create_api_key(&caller, new).await?;
        Ok(CreatedApiKeyResponse::Created(Json(CreatedApiKey {
            key: record.into(),
            secret,
        })))
    }

    /// End an API key at once
    #[oai(path = "/:id", method = "delete", operation_id = "delete_api_key")]
    async fn delete_api_key(
        &self,
        house: House<'_>,
        caller: Owner,
        id: Path<String>,
    ) -> ApiResult<DeletedApiKeyResponse> {
        let id = ApiKeyId::parse(&id).ok_or_else(|| Error::not_found("API key"))?;
        house.accounts.delete_api_key(&caller, id).await?;
        Ok(DeletedApiKeyResponse::Deleted)
    }
}
