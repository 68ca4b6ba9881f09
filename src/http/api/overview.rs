//! `/admin/overview`: how the house stands, in numbers. For administrators and auditors; nothing here
//! says what anybody wrote.

use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::{ApiResult, House, Tag};
use crate::appliance::{self, DayUsage};
use crate::clock::rfc3339;
use crate::http::caller::Steward;

pub(in crate::http) struct OverviewApi;

#[derive(Object)]
struct Overview {
    version: String,
    started_at: String,
    counts: OverviewCounts,
    /// Of the last 30 days, oldest first: a row for each day and model that wrote something.
    usage: Vec<ModelUsage>,
    queue: OverviewQueue,
    memory: OverviewMemory,
    disk: OverviewDisk,
}

#[derive(Object)]
struct OverviewCounts {
    users: u64,
    sessions: u64,
    conversations: u64,
    messages: u64,
}

#[derive(Object)]
struct ModelUsage {
    /// When the day begins, in UTC.
    day: String,
    model: String,
    replies: u64,
    prompt_tokens: u64,
    /// Of the prompts, how many needed no computing.
    cached_tokens: u64,
    completion_tokens: u64,
}

#[derive(Object)]
struct OverviewQueue {
    /// Replies of conversations that are being written, or wait for their turn.
    running_replies: usize,
    /// What the engines are at, programs' work included.
    running: u32,
    waiting: u32,
    /// The models in memory.
    loaded_models: Vec<String>,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct OverviewMemory {
    /// Of the house and its workers; absent where the system does not tell.
    used_bytes: Option<u64>,
    /// What the machine, or its container, has.
    total_bytes: u64,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct OverviewDisk {
    database_bytes: u64,
    models_bytes: u64,
    /// Conversations' computed states, which may go at any time.
    saved_states_bytes: u64,
    free_bytes: Option<u64>,
}

impl From<DayUsage> for ModelUsage {
    fn from(day: DayUsage) -> Self {
        Self {
            day: rfc3339(day.day),
            model: day.model,
            replies: day.usage.replies,
            prompt_tokens: day.usage.prompt_tokens,
            cached_tokens: day.usage.cached_tokens,
            completion_tokens: day.usage.completion_tokens,
        }
    }
}

impl From<appliance::Overview> for Overview {
    fn from(overview: appliance::Overview) -> Self {
        let appliance::Overview {
            counts,
            health,
            memory,
            disk,
            ..
        } = overview;
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            started_at: rfc3339(overview.started_at),
            counts: OverviewCounts {
                users: counts.users,
                sessions: counts.sessions,
                conversations: counts.conversations,
                messages: counts.messages,
            },
            usage: overview.usage.into_iter().map(Into::into).collect(),
            queue: OverviewQueue {
                running_replies: overview.running_replies,
                running: health.running,
                waiting: health.queued,
                loaded_models: health.loaded,
            },
            memory: OverviewMemory {
                used_bytes: memory.used_bytes,
                total_bytes: memory.total_bytes,
            },
            disk: OverviewDisk {
                database_bytes: disk.database_bytes,
                models_bytes: disk.models_bytes,
                saved_states_bytes: disk.saved_states_bytes,
                free_bytes: disk.free_bytes,
            },
        }
    }
}

#[OpenApi(prefix_path = "/admin/overview", tag = "Tag::Overview")]
impl OverviewApi {
    /// How the house stands
    #[oai(path = "/", method = "get", operation_id = "get_overview")]
    async fn get_overview(&self, house: House<'_>, caller: Steward) -> ApiResult<Json<Overview>> {
        Ok(Json(house.overview(&caller).await?.into()))
    }
}
