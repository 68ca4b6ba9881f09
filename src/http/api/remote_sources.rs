//! `/admin/remote-sources`: other servers whose models the house offers. The room `models` refuses
//! everybody but administrators. A key goes in and never comes out.

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::{ApiResult, House, Tag, Text};
use crate::clock::rfc3339;
use crate::engine::remote::{self, AddressCheck, AddressStatus};
use crate::http::caller::Steward;
use crate::models::{NewRemoteSource, RemoteOptionsChange, RemoteSourceChange, RemoteSourceView};

pub(in crate::http) struct RemoteSourcesApi;

/// How a server is asked to go on with a reply that was begun.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum Continuation {
    /// By what the server says it is.
    Auto,
    /// It cannot: such a request is refused.
    Unsupported,
    /// It goes on with a last message that is the assistant's, as llama-server and Ollama do.
    LastMessage,
    /// The same, and it must be told by `continue_final_message`, as vLLM.
    Flagged,
}

impl From<Option<remote::Continuation>> for Continuation {
    fn from(continuation: Option<remote::Continuation>) -> Self {
        match continuation {
            None => Self::Auto,
            Some(remote::Continuation::Unsupported) => Self::Unsupported,
            Some(remote::Continuation::LastMessage) => Self::LastMessage,
            Some(remote::Continuation::Flagged) => Self::Flagged,
        }
    }
}

impl From<Continuation> for Option<remote::Continuation> {
    fn from(continuation: Continuation) -> Self {
        match continuation {
            Continuation::Auto => None,
            Continuation::Unsupported => Some(remote::Continuation::Unsupported),
            Continuation::LastMessage => Some(remote::Continuation::LastMessage),
            Continuation::Flagged => Some(remote::Continuation::Flagged),
        }
    }
}

#[derive(Object)]
struct RemoteSource {
    id: String,
    name: String,
    /// As they are kept; `/chat/completions` is added.
    addresses: Vec<String>,
    /// Whether there is a key that can be used.
    has_key: bool,
    /// What is offered; empty: whatever the servers list.
    models: Vec<String>,
    /// Stands before the server's name of a model in its id.
    prefix: String,
    continuation: Continuation,
    /// What a conversation may hold where the server does not say; 0: not known.
    context_tokens: u32,
    parallel_requests: u32,
    connect_timeout_ms: u64,
    first_token_timeout_ms: u64,
    between_tokens_timeout_ms: u64,
    created_at: String,
    /// How each address is doing.
    status: Vec<RemoteAddress>,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct RemoteAddress {
    address: String,
    state: RemoteAddressState,
    /// Why it is failing.
    reason: Option<String>,
    /// Requests under way there.
    running: u32,
    /// Of the last look at it.
    latency_ms: Option<u64>,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum RemoteAddressState {
    Checking,
    Healthy,
    Failing,
}

#[derive(Object)]
struct RemoteSourceList {
    items: Vec<RemoteSource>,
}

/// What is absent takes its default.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct CreateRemoteSource {
    name: Text,
    /// http or https; one without a path gets `/v1`.
    addresses: Vec<Text>,
    /// Sent as `Authorization: Bearer`.
    api_key: Option<Text>,
    /// What is offered, by the server's names; absent or empty: whatever the servers list.
    models: Option<Vec<Text>>,
    /// Default: the name and a slash.
    prefix: Option<Text>,
    continuation: Option<Continuation>,
    context_tokens: Option<u32>,
    /// Requests under way at one address at once; others wait.
    parallel_requests: Option<u32>,
    connect_timeout_ms: Option<u64>,
    first_token_timeout_ms: Option<u64>,
    between_tokens_timeout_ms: Option<u64>,
}

/// What is absent stays. An empty key removes it; new addresses want the key again.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct UpdateRemoteSource {
    name: Option<Text>,
    addresses: Option<Vec<Text>>,
    api_key: Option<Text>,
    models: Option<Vec<Text>>,
    prefix: Option<Text>,
    continuation: Option<Continuation>,
    context_tokens: Option<u32>,
    parallel_requests: Option<u32>,
    connect_timeout_ms: Option<u64>,
    first_token_timeout_ms: Option<u64>,
    between_tokens_timeout_ms: Option<u64>,
}

#[derive(Object)]
struct RemoteSourceCheck {
    /// Whether every address answers.
    ok: bool,
    addresses: Vec<RemoteAddressCheck>,
}

#[derive(Object)]
struct RemoteAddressCheck {
    address: String,
    ok: bool,
    latency_ms: u64,
    /// What it lists.
    models: Vec<String>,
    /// What happened, in words.
    message: String,
}

#[derive(ApiResponse)]
enum CreateRemoteSourceResponse {
    /// Added, and offered from now on.
    #[oai(status = 201)]
    Created(Json<RemoteSource>),
}

#[derive(ApiResponse)]
enum DeleteRemoteSourceResponse {
    /// Gone, and no longer offered.
    #[oai(status = 204)]
    Deleted,
}

impl From<RemoteSourceView> for RemoteSource {
    fn from(view: RemoteSourceView) -> Self {
        let record = view.record;
        Self {
            id: record.id.to_string(),
            name: record.name,
            addresses: record.addresses,
            has_key: view.has_key,
            models: record.models,
            prefix: record.prefix,
            continuation: record.options.continuation.into(),
            context_tokens: record.options.context_tokens.unwrap_or(0),
            parallel_requests: record.options.parallel_requests,
            connect_timeout_ms: record.options.connect_timeout_ms,
            first_token_timeout_ms: record.options.first_token_timeout_ms,
            between_tokens_timeout_ms: record.options.between_tokens_timeout_ms,
            created_at: rfc3339(record.created_at),
            status: view.status.into_iter().map(RemoteAddress::from).collect(),
        }
    }
}

impl From<AddressStatus> for RemoteAddress {
    fn from(status: AddressStatus) -> Self {
        let (state, reason) = match status.state {
            remote::AddressState::Checking => (RemoteAddressState::Checking, None),
            remote::AddressState::Healthy => (RemoteAddressState::Healthy, None),
            remote::AddressState::Failing(reason) => (RemoteAddressState::Failing, Some(reason)),
        };
        Self {
            address: status.address,
            state,
            reason,
            running: status.running,
            latency_ms: status.latency_ms,
        }
    }
}

impl From<AddressCheck> for RemoteAddressCheck {
    fn from(check: AddressCheck) -> Self {
        let latency_ms = u64::try_from(check.latency.as_millis()).unwrap_or(u64::MAX);
        let message = match &check.outcome {
            Ok(Some(models)) => {
                let count = models.len();
                let noun = if count == 1 { "model" } else { "models" };
                format!("it answers after {latency_ms} ms and has {count} {noun}")
            }
            Ok(None) => format!("it answers after {latency_ms} ms and lists no models"),
            Err(reason) => reason.clone(),
        };
        Self {
            address: check.address,
            ok: check.outcome.is_ok(),
            latency_ms,
            models: check.outcome.ok().flatten().unwrap_or_default(),
            message,
        }
    }
}

fn texts(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(Into::into).collect()
}

#[OpenApi(prefix_path = "/admin/remote-sources", tag = "Tag::RemoteSources")]
impl RemoteSourcesApi {
    /// The servers whose models the house offers
    #[oai(path = "/", method = "get", operation_id = "list_remote_sources")]
    async fn list_remote_sources(
        &self,
        house: House<'_>,
        caller: Steward,
    ) -> ApiResult<Json<RemoteSourceList>> {
        let sources = house.remote_sources.list(&caller).await?;
        Ok(Json(RemoteSourceList {
            items: sources.into_iter().map(RemoteSource::from).collect(),
        }))
    }

    /// Offer the models of another server
    #[oai(path = "/", method = "post", operation_id = "create_remote_source")]
    async fn create_remote_source(
        &self,
        house: House<'_>,
        caller: Steward,
        body: Json<CreateRemoteSource>,
    ) -> ApiResult<CreateRemoteSourceResponse> {
        let body = body.0;
        let new = NewRemoteSource {
            name: body.name.into(),
            addresses: texts(body.addresses),
            key: body.api_key.map(Into::into),
            models: texts(body.models.unwrap_or_default()),
            prefix: body.prefix.map(Into::into),
            options: RemoteOptionsChange {
                continuation: body.continuation.map(Into::into),
                context_tokens: body.context_tokens,
                parallel_requests: body.parallel_requests,
                connect_timeout_ms: body.connect_timeout_ms,
                first_token_timeout_ms: body.first_token_timeout_ms,
                between_tokens_timeout_ms: body.between_tokens_timeout_ms,
            },
        };
        let source = house.remote_sources.create(&caller, new).await?;
        Ok(CreateRemoteSourceResponse::Created(Json(source.into())))
    }

    /// Change how a server is asked
    #[oai(path = "/:id", method = "patch", operation_id = "update_remote_source")]
    async fn update_remote_source(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        body: Json<UpdateRemoteSource>,
    ) -> ApiResult<Json<RemoteSource>> {
        let body = body.0;
        let change = RemoteSourceChange {
            name: body.name.map(Into::into),
            addresses: body.addresses.map(texts),
            key: body.api_key.map(Into::into),
            models: body.models.map(texts),
            prefix: body.prefix.map(Into::into),
            options: RemoteOptionsChange {
                continuation: body.continuation.map(Into::into),
                context_tokens: body.context_tokens,
                parallel_requests: body.parallel_requests,
                connect_timeout_ms: body.connect_timeout_ms,
                first_token_timeout_ms: body.first_token_timeout_ms,
                between_tokens_timeout_ms: body.between_tokens_timeout_ms,
            },
        };
        let sources = &house.remote_sources;
        let source = sources.change(&caller, &id, change).await?;
        Ok(Json(source.into()))
    }

    /// Offer the models of a server no longer
    #[oai(
        path = "/:id",
        method = "delete",
        operation_id = "delete_remote_source"
    )]
    async fn delete_remote_source(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<DeleteRemoteSourceResponse> {
        house.remote_sources.delete(&caller, &id).await?;
        Ok(DeleteRemoteSourceResponse::Deleted)
    }

    /// Ask a server for its models now, and say what happened
    #[oai(
        path = "/:id/test",
        method = "post",
        operation_id = "check_remote_source"
    )]
    async fn check_remote_source(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<Json<RemoteSourceCheck>> {
        let checks = house.remote_sources.check(&caller, &id).await?;
        let addresses: Vec<RemoteAddressCheck> =
            checks.into_iter().map(RemoteAddressCheck::from).collect();
        Ok(Json(RemoteSourceCheck {
            ok: addresses.iter().all(|address| address.ok),
            addresses,
        }))
    }
}
