//! The typed API under `/api/v1`, one file a resource. A handler's name is its `operation_id`.

pub(super) mod adapters;
pub(super) mod auth;
pub(super) mod conversations;
pub(super) mod jobs;
pub(super) mod messages;
pub(super) mod models;
pub(super) mod remote_sources;
pub(super) mod replies;
pub(super) mod settings;
pub(super) mod setup;
pub(super) mod users;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, Tags};

use super::errors::ApiError;
use super::text::Text;
use crate::appliance::Appliance;

pub(super) fn api() -> impl OpenApi {
    (
        setup::SetupApi,
        auth::AuthApi,
        users::UsersApi,
        (
            models::ModelsApi,
            models::ModelsAdminApi,
            adapters::AdaptersApi,
            remote_sources::RemoteSourcesApi,
        ),
        settings::SettingsApi,
        conversations::ConversationsApi,
        messages::MessagesApi,
        replies::RepliesApi,
        jobs::JobsApi,
    )
}

pub(super) type House<'a> = Data<&'a Arc<Appliance>>;
pub(super) type ApiResult<T> = Result<T, ApiError>;

#[derive(Tags)]
pub(super) enum Tag {
    Setup,
    Auth,
    Users,
    Models,
    Adapters,
    RemoteSources,
    Settings,
    Conversations,
    Messages,
    Replies,
    Jobs,
}
