//! The typed API under `/api/v1`, one file a resource. A handler's name is its `operation_id`.

pub(super) mod adapters;
pub(super) mod api_keys;
pub(super) mod audit;
pub(super) mod auth;
pub(super) mod break_glass;
pub(super) mod conversations;
pub(super) mod exports;
pub(super) mod groups;
pub(super) mod jobs;
pub(super) mod mail;
pub(super) mod messages;
pub(super) mod models;
pub(super) mod notices;
pub(super) mod overview;
pub(super) mod people;
pub(super) mod plugins;
pub(super) mod recovery;
pub(super) mod registration_keys;
pub(super) mod remote_sources;
pub(super) mod replies;
pub(super) mod requests;
pub(super) mod sessions;
pub(super) mod settings;
pub(super) mod setup;
pub(super) mod tokens;
pub(super) mod users;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, Tags};

use super::errors::ApiError;
use super::text::Text;
use crate::appliance::Appliance;
use crate::clock::{UnixMs, parse_rfc3339};
use crate::error::{Error, Result as DomainResult};

pub(super) fn api() -> impl OpenApi {
    (
        setup::SetupApi,
        (auth::AuthApi, recovery::RecoveryApi),
        (
            users::UsersApi,
            exports::ExportsApi,
            notices::NoticesApi,
            sessions::SessionsApi,
            api_keys::ApiKeysApi,
        ),
        (
            models::ModelsApi,
            models::ModelsAdminApi,
            adapters::AdaptersApi,
            remote_sources::RemoteSourcesApi,
            plugins::PluginsApi,
        ),
        (
            people::PeopleApi,
            break_glass::BreakGlassApi,
            groups::GroupsApi,
            registration_keys::RegistrationKeysApi,
            requests::RequestsApi,
            requests::ApprovalsApi,
        ),
        (
            settings::SettingsApi,
            mail::MailApi,
            tokens::TokensApi,
            audit::AuditApi,
            overview::OverviewApi,
        ),
        conversations::ConversationsApi,
        messages::MessagesApi,
        replies::RepliesApi,
        jobs::JobsApi,
    )
}

pub(super) type House<'a> = Data<&'a Arc<Appliance>>;
pub(super) type ApiResult<T> = Result<T, ApiError>;

const PAGE_LIMIT: usize = 100;
const PAGE_DEFAULT: usize = 50;

/// Of a list that comes in pages: 1 to 100, by default 50.
fn page_limit(limit: Option<usize>) -> DomainResult<usize> {
    let limit = limit.unwrap_or(PAGE_DEFAULT);
    match (1..=PAGE_LIMIT).contains(&limit) {
        true => Ok(limit),
        false => Err(Error::invalid_field(
            "limit",
            format!("a page has 1 to {PAGE_LIMIT} items"),
        )),
    }
}

/// A time somebody sent in the field of this name.
fn parse_time(field: &str, text: &str) -> DomainResult<UnixMs> {
    parse_rfc3339(text).ok_or_else(|| {
        let sentence = "this is not a time such as 2027-01-31T18:00:00Z";
        Error::invalid_field(field, sentence)
    })
}

#[derive(Tags)]
pub(super) enum Tag {
    Setup,
    Auth,
    Users,
    Sessions,
    ApiKeys,
    Groups,
    RegistrationKeys,
    Requests,
    Models,
    Adapters,
    RemoteSources,
    Plugins,
    Settings,
    Mail,
    Tokens,
    Audit,
    Overview,
    Conversations,
    Messages,
    Replies,
    Jobs,
}
