//! `/admin/keys`: registration keys. For administrators.

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::groups::parse_group_ids;
use super::users::Role;
use super::{ApiResult, House, Tag, Text, page_limit, parse_time};
use crate::accounts::{KeyFilter, KeyGrants, KeyState, NewKeys, RegistrationKeyRecord, UserRole};
use crate::clock::{now_ms, rfc3339};
use crate::error::{Error, Result};
use crate::http::caller::Steward;
use crate::ids::RegistrationKeyId;

pub(in crate::http) struct RegistrationKeysApi;

/// Whether it makes accounts, or the first reason why not: it was withdrawn, its time is over, it was
/// used up.
#[derive(Enum)]
#[oai(
    rename_all = "snake_case",
    rename = "RegistrationKeyState",
    remote = "KeyState"
)]
enum State {
    Revoked,
    Expired,
    UsedUp,
    Usable,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct RegistrationKey {
    id: String,
    /// The beginning of the key, to recognise it by.
    prefix: String,
    note: String,
    role: Role,
    group_ids: Vec<String>,
    /// Of the allowance, for each account; absent: what everybody starts with.
    tokens: Option<u64>,
    uses: u32,
    uses_allowed: u32,
    state: State,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct RegistrationKeyPage {
    /// Newest first. With a filter there may be few or none, and more behind `next_cursor`.
    items: Vec<RegistrationKey>,
    next_cursor: Option<String>,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct GenerateKeys {
    /// 1 to 5,000.
    count: u32,
    terms: Option<KeyTerms>,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct LoadKeys {
    /// A key a line; `#` begins a comment. All are taken, or none.
    keys: Text,
    terms: Option<KeyTerms>,
}

/// What all keys of one batch have in common; they make a `user` unless `role` says otherwise.
#[derive(Default, Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct KeyTerms {
    note: Option<Text>,
    /// How many accounts each makes; by default 1.
    uses_allowed: Option<u32>,
    expires_at: Option<Text>,
    role: Option<Role>,
    group_ids: Option<Vec<String>>,
    tokens: Option<u64>,
}

#[derive(Object)]
struct GeneratedKey {
    /// Shown this once.
    key: String,
    record: RegistrationKey,
}

#[derive(Object)]
struct GeneratedKeys {
    items: Vec<GeneratedKey>,
}

#[derive(Object)]
struct LoadedKeys {
    items: Vec<RegistrationKey>,
}

#[derive(Object)]
struct KeyUse {
    user_id: String,
    /// As it was then.
    username: String,
    at: String,
}

#[derive(Object)]
struct KeyUseList {
    /// First to last.
    items: Vec<KeyUse>,
}

#[derive(ApiResponse)]
enum GeneratedKeysResponse {
    /// The keys; they are never shown again.
    #[oai(status = 201)]
    Generated(Json<GeneratedKeys>),
}

#[derive(ApiResponse)]
enum LoadedKeysResponse {
    #[oai(status = 201)]
    Loaded(Json<LoadedKeys>),
}

#[derive(ApiResponse)]
enum RevokedKeyResponse {
    /// It makes no more accounts; those it made stay.
    #[oai(status = 204)]
    Revoked,
}

impl From<RegistrationKeyRecord> for RegistrationKey {
    fn from(key: RegistrationKeyRecord) -> Self {
        let group_ids = key.grants.group_ids.iter().map(ToString::to_string);
        Self {
            state: KeyState::of(&key, now_ms()).into(),
            id: key.id.to_string(),
            prefix: key.prefix,
            note: key.note,
            role: key.grants.role.into(),
            group_ids: group_ids.collect(),
            tokens: key.grants.tokens,
            uses: key.uses,
            uses_allowed: key.uses_allowed,
            created_at: rfc3339(key.created_at),
            expires_at: key.expires_at.map(rfc3339),
            revoked_at: key.revoked_at.map(rfc3339),
        }
    }
}

impl KeyTerms {
    fn into_domain(self) -> Result<NewKeys> {
        let expires_at = self.expires_at.as_deref();
        Ok(NewKeys {
            grants: KeyGrants {
                role: self.role.map_or(UserRole::User, Into::into),
                group_ids: parse_group_ids(&self.group_ids.unwrap_or_default())?,
                tokens: self.tokens,
            },
            note: self.note.map(Into::into).unwrap_or_default(),
            expires_at: expires_at
                .map(|time| parse_time("expires_at", time))
                .transpose()?,
            uses_allowed: self.uses_allowed.unwrap_or(1),
        })
    }
}

fn parse_key_id(text: &str) -> Result<RegistrationKeyId> {
    RegistrationKeyId::parse(text).ok_or_else(|| Error::not_found("registration key"))
}

#[OpenApi(prefix_path = "/admin/keys", tag = "Tag::RegistrationKeys")]
impl RegistrationKeysApi {
    /// Make registration keys
    #[oai(
        path = "/generate",
        method = "post",
        operation_id = "generate_registration_keys"
    )]
    async fn generate_registration_keys(
        &self,
        house: House<'_>,
        caller: Steward,
        body: Json<GenerateKeys>,
    ) -> ApiResult<GeneratedKeysResponse> {
        caller.require_admin()?;
        let Json(GenerateKeys { count, terms }) = body;
        let (count, new) = (count as usize, terms.unwrap_or_default().into_domain()?);
        let issued = house.accounts.generate_keys(&caller, count, new).await?;
        let items = issued.into_iter().map(|issued| GeneratedKey {
            key: issued.key,
            record: issued.record.into(),
        });
        let items = items.collect();
        Ok(GeneratedKeysResponse::Generated(Json(GeneratedKeys {
            items,
        })))
    }

    /// Take registration keys from a text, a key a line
    #[oai(
        path = "/load",
        method = "post",
        operation_id = "load_registration_keys"
    )]
    async fn load_registration_keys(
        &self,
        house: House<'_>,
        caller: Steward,
        body: Json<LoadKeys>,
    ) -> ApiResult<LoadedKeysResponse> {
        caller.require_admin()?;
        let Json(LoadKeys { keys, terms }) = body;
        let new = terms.unwrap_or_default().into_domain()?;
        let loaded = house.accounts.load_keys(&caller, &keys, new).await?;
        let items = loaded.into_iter().map(Into::into).collect();
        Ok(LoadedKeysResponse::Loaded(Json(LoadedKeys { items })))
    }

    /// Registration keys, newest first
    #[oai(path = "/", method = "get", operation_id = "list_registration_keys")]
    async fn list_registration_keys(
        &self,
        house: House<'_>,
        caller: Steward,
        Query(state): Query<Option<State>>,
        /// Only those with this in their note or in what is shown of them, whatever the case.
        Query(q): Query<Option<String>>,
        /// `next_cursor` of the page before.
        Query(cursor): Query<Option<String>>,
        /// 1 to 100, by default 50.
        Query(limit): Query<Option<usize>>,
    ) -> ApiResult<Json<RegistrationKeyPage>> {
        let invalid = || Error::invalid_field("cursor", "this cursor is not of this list");
        let before = cursor.map(|text| RegistrationKeyId::parse(&text).ok_or_else(invalid));
        let (before, limit) = (before.transpose()?, page_limit(limit)?);
        let filter = KeyFilter {
            state: state.map(Into::into),
            text: q.unwrap_or_default(),
        };
        let keys = house.accounts.list_keys(&caller, filter, before, limit);
        let page = keys.await?;
        Ok(Json(RegistrationKeyPage {
            items: page.keys.into_iter().map(Into::into).collect(),
            next_cursor: page.next_before.map(|id| id.to_string()),
        }))
    }

    /// Who registered with a key
    #[oai(
        path = "/:id/uses",
        method = "get",
        operation_id = "list_registration_key_uses"
    )]
    async fn list_registration_key_uses(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<Json<KeyUseList>> {
        caller.require_admin()?;
        let id = parse_key_id(&id)?;
        let uses = house.accounts.list_key_uses(&caller, id).await?;
        let items = uses.into_iter().map(|(user_id, used)| KeyUse {
            user_id: user_id.to_string(),
            username: used.username,
            at: rfc3339(used.at),
        });
        let items = items.collect();
        Ok(Json(KeyUseList { items }))
    }

    /// Withdraw a registration key
    #[oai(
        path = "/:id",
        method = "delete",
        operation_id = "revoke_registration_key"
    )]
    async fn revoke_registration_key(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<RevokedKeyResponse> {
        caller.require_admin()?;
        let id = parse_key_id(&id)?;
        house.accounts.revoke_key(&caller, id).await?;
        Ok(RevokedKeyResponse::Revoked)
    }
}
