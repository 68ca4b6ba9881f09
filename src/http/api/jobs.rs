//! `/jobs`: work that takes its time. So far these are pulls of models, which are administrators'; to
//! everybody else they do not exist.

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::{ApiResult, House, Tag};
use crate::clock::rfc3339;
use crate::error::{Error, Result};
use crate::http::caller::Steward;
use crate::http::job_events::JobEvents;
use crate::ids::JobId;
use crate::models::{JobOutcome, JobProgress, JobTask, JobView};

pub(in crate::http) struct JobsApi;

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::http) struct Job {
    id: String,
    kind: Kind,
    state: State,
    created_at: String,
    finished_at: Option<String>,
    /// How far it is, while it runs.
    progress: Option<JobProgressEvent>,
    /// Why it failed.
    error: Option<JobFailure>,
    /// Of a pull.
    pull: Option<Pull>,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", rename = "JobKind")]
enum Kind {
    PullModel,
    Other,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", rename = "JobState")]
enum State {
    Waiting,
    Running,
    Done,
    Failed,
    Cancelled,
}

/// What a pull brings.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Pull {
    source: String,
    /// The name of the model's file, or of its first.
    file: String,
    /// What the server says it has; absent where it says nothing.
    size_bytes: Option<u64>,
}

#[derive(Object)]
struct JobFailure {
    /// As of an error.
    code: String,
    /// For a person.
    message: String,
}

/// `progress`: how far the job is.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::http) struct JobProgressEvent {
    /// What it does: `waiting`, `starting`, `downloading`, `verifying`.
    stage: String,
    done_bytes: u64,
    total_bytes: Option<u64>,
    bytes_per_s: u64,
    eta_ms: Option<u64>,
}

/// `done` and `failed`: final.
#[derive(Object)]
pub(in crate::http) struct JobEndedEvent {
    pub(in crate::http) job: Job,
}

#[derive(Object)]
struct JobList {
    items: Vec<Job>,
}

impl From<JobProgress> for JobProgressEvent {
    fn from(progress: JobProgress) -> Self {
        Self {
            stage: progress.stage.to_owned(),
            done_bytes: progress.done_bytes,
            total_bytes: progress.total_bytes,
            bytes_per_s: progress.bytes_per_s,
            eta_ms: progress.eta_ms,
        }
    }
}

/// Also of a job that has said nothing yet.
pub(in crate::http) fn progress_event(view: &JobView) -> JobProgressEvent {
    let quiet = || JobProgressEvent {
        stage: if view.is_running {
            "starting"
        } else {
            "waiting"
        }
        .to_owned(),
        done_bytes: 0,
        total_bytes: None,
        bytes_per_s: 0,
        eta_ms: None,
    };
    view.progress.clone().map_or_else(quiet, Into::into)
}

impl From<JobView> for Job {
    fn from(view: JobView) -> Self {
        let progress = view.progress.map(Into::into);
        let record = view.record;
        let (state, error) = match record.ending.as_ref().map(|ending| &ending.outcome) {
            None if view.is_running => (State::Running, None),
            None => (State::Waiting, None),
            Some(JobOutcome::Done) => (State::Done, None),
            Some(JobOutcome::Cancelled) => (State::Cancelled, None),
            Some(JobOutcome::Failed { code, message }) => {
                let (code, message) = (code.clone(), message.clone());
                (State::Failed, Some(JobFailure { code, message }))
            }
        };
        let (kind, pull) = match record.task {
            JobTask::PullModel(pull) => {
                let pull = Pull {
                    source: pull.shown_source,
                    file: pull.file,
                    size_bytes: pull.size_bytes,
                };
                (Kind::PullModel, Some(pull))
            }
            JobTask::WriteConversationTitle { .. }
            | JobTask::ForgetComputed { .. }
            | JobTask::RemoveOldEntries { .. } => (Kind::Other, None),
        };
        Self {
            id: record.id.to_string(),
            kind,
            state,
            created_at: rfc3339(record.created_at),
            finished_at: record.ending.map(|ending| rfc3339(ending.at)),
            progress,
            error,
            pull,
        }
    }
}

#[derive(ApiResponse)]
enum EventsResponse {
    /// The event stream.
    #[oai(status = 200)]
    Events(JobEvents),
}

fn parse_job_id(text: &str) -> Result<JobId> {
    JobId::parse(text).ok_or_else(|| Error::not_found("job"))
}

#[OpenApi(prefix_path = "/jobs", tag = "Tag::Jobs")]
impl JobsApi {
    /// Long work, the latest first, also what has ended
    #[oai(path = "/", method = "get", operation_id = "list_jobs")]
    async fn list_jobs(&self, house: House<'_>, caller: Steward) -> ApiResult<Json<JobList>> {
        let jobs = house.pulls.list_jobs(&caller).await?;
        let items = jobs.into_iter().map(Job::from).collect();
        Ok(Json(JobList { items }))
    }

    /// A job as it stands
    #[oai(path = "/:id", method = "get", operation_id = "get_job")]
    async fn get_job(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<Json<Job>> {
        let view = house.pulls.get_job(&caller, parse_job_id(&id)?).await?;
        Ok(Json(view.into()))
    }

    /// Watch a job up to its ending
    #[oai(path = "/:id/events", method = "get", operation_id = "get_job_events")]
    async fn get_job_events(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<EventsResponse> {
        let reader = house.pulls.read_job(&caller, parse_job_id(&id)?).await?;
        Ok(EventsResponse::Events(JobEvents::of(reader, &house)))
    }

    /// Cancel a job; what a pull has brought so far is kept for the next one
    #[oai(path = "/:id", method = "delete", operation_id = "stop_job")]
    async fn stop_job(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
        /// Throw away what it has brought so far.
        Query(discard): Query<Option<bool>>,
    ) -> ApiResult<Json<Job>> {
        let (id, discard) = (parse_job_id(&id)?, discard.unwrap_or(false));
        let view = house.pulls.cancel_job(&caller, id, discard).await?;
        Ok(Json(view.into()))
    }
}
