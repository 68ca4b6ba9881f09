//! `/models`: what one can chat with. Files that cannot be used are listed with the reason, so that
//! nobody wonders where they are. `/admin/models`: pulling and deleting, which the room `models`
//! refuses to everybody but administrators.

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::adapters::ModelAdapter;
use super::jobs::Job;
use super::{ApiResult, House, Tag, Text};
use crate::engine::{ModelInfo, ModelMemory, ModelState};
use crate::http::caller::{Reader, Steward};
use crate::models::{Choice, Fit, Plan, Preview, Verdict};

pub(in crate::http) struct ModelsApi;

pub(in crate::http) struct ModelsAdminApi;

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Model {
    id: String,
    name: String,
    state: State,
    /// Why it cannot be used.
    reason: Option<String>,
    /// What one conversation may hold, in tokens.
    context_tokens: u32,
    size_bytes: u64,
    /// Number of weights; 0 when unknown.
    parameters: u64,
    architecture: String,
    quantization: String,
    /// What one may put on it.
    adapters: Vec<ModelAdapter>,
    /// It writes text.
    writes: bool,
    /// It makes vectors of texts.
    embeds: bool,
    /// What it takes, while it is loaded.
    memory: Option<LoadedMemory>,
}

/// What a loaded model takes of the memory.
#[derive(Object)]
struct LoadedMemory {
    weights_bytes: u64,
    /// For the tokens of conversations.
    tokens_bytes: u64,
    /// For computing, roughly.
    compute_bytes: u64,
}

impl From<ModelMemory> for LoadedMemory {
    fn from(memory: ModelMemory) -> Self {
        Self {
            weights_bytes: memory.weights_bytes,
            tokens_bytes: memory.tokens_bytes,
            compute_bytes: memory.compute_bytes,
        }
    }
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", rename = "ModelState")]
enum State {
    Probing,
    Available,
    Loading,
    Loaded,
    Unusable,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct ModelList {
    items: Vec<Model>,
    /// The one that answers when none is chosen.
    default_model: Option<String>,
}

impl From<ModelInfo> for Model {
    fn from(model: ModelInfo) -> Self {
        let (state, reason) = match model.state {
            ModelState::Probing => (State::Probing, None),
            ModelState::Available => (State::Available, None),
            ModelState::Loading => (State::Loading, None),
            ModelState::Loaded => (State::Loaded, None),
            ModelState::Unusable(reason) => (State::Unusable, Some(reason)),
        };
        Self {
            id: model.id,
            name: model.name,
            state,
            reason,
            context_tokens: model.context_tokens,
            size_bytes: model.size_bytes,
            parameters: model.parameters,
            architecture: model.architecture,
            quantization: model.quantization,
            adapters: Vec::new(),
            writes: model.writes,
            embeds: model.embeds,
            memory: model.memory.map(Into::into),
        }
    }
}

#[OpenApi(prefix_path = "/models", tag = "Tag::Models")]
impl ModelsApi {
    /// The models one may use
    #[oai(path = "/", method = "get", operation_id = "list_models")]
    async fn list_models(&self, house: House<'_>, caller: Reader) -> ApiResult<Json<ModelList>> {
        let (models, adapters) = house.conversations.usable(&caller).await?;
        let default_model = crate::models::find_default(&models).map(|model| model.id.clone());
        let mut items: Vec<Model> = models.into_iter().map(Model::from).collect();
        for adapter in adapters {
            if let Some(model) = items.iter_mut().find(|model| model.id == adapter.base) {
                model.adapters.push(adapter.into());
            }
        }
        Ok(Json(ModelList {
            items,
            default_model,
        }))
    }
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct PullModel {
    /// `OWNER/NAME`, `OWNER/NAME:Q4_K_M`, `OWNER/NAME:FILE.gguf`, or an address.
    source: Text,
    /// What the file must have, in hexadecimal.
    sha256: Option<Text>,
}

#[derive(ApiResponse)]
enum PullResponse {
    /// Queued, or on its way already.
    #[oai(status = 202)]
    Accepted(Json<Job>),
}

#[derive(ApiResponse)]
enum MemoryResponse {
    /// Begun; the model's state says how it stands.
    #[oai(status = 202)]
    Accepted,
}

#[derive(ApiResponse)]
enum DeleteResponse {
    /// Deleted.
    #[oai(status = 204)]
    Deleted,
}

/// What a source offers; `chosen` is what a pull would bring.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct PullPreview {
    chosen: Option<PullPlan>,
    /// Why nothing is chosen.
    reason: Option<String>,
    /// The models of a repository, the smallest first; empty for an address.
    choices: Vec<PullChoice>,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct PullPlan {
    source: String,
    file: String,
    model_id: String,
    /// Empty where the name says none.
    quantization: String,
    /// Absent where the server does not say.
    size_bytes: Option<u64>,
    /// What came of it before and is kept.
    kept_bytes: u64,
    free_disk_bytes: Option<u64>,
    /// Whether the house has a file of this name.
    is_there: bool,
    fit: Option<ModelFit>,
}

#[derive(Object)]
struct PullChoice {
    /// Behind the repository and a colon it is a source.
    file: String,
    /// Empty where the name says none.
    quantization: String,
    size_bytes: u64,
    fit: ModelFit,
}

/// An estimate, made from the size of the file and what this machine has.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct ModelFit {
    verdict: FitVerdict,
    needs_bytes: u64,
    memory_bytes: u64,
    /// Absent where it would be very slow.
    tokens_per_s: Option<f64>,
    /// All of this for a person.
    sentence: String,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum FitVerdict {
    Fits,
    Tight,
    TooLarge,
}

impl From<Fit> for ModelFit {
    fn from(fit: Fit) -> Self {
        Self {
            verdict: match fit.verdict {
                Verdict::Fits => FitVerdict::Fits,
                Verdict::Tight => FitVerdict::Tight,
                Verdict::TooLarge => FitVerdict::TooLarge,
            },
            needs_bytes: fit.needs_bytes,
            memory_bytes: fit.memory_bytes,
            tokens_per_s: fit.tokens_per_s,
            sentence: fit.sentence(),
        }
    }
}

impl From<Plan> for PullPlan {
    fn from(plan: Plan) -> Self {
        Self {
            source: plan.source,
            file: plan.file,
            model_id: plan.model_id,
            quantization: plan.quantization,
            size_bytes: plan.size_bytes,
            kept_bytes: plan.kept_bytes,
            free_disk_bytes: plan.free_disk_bytes,
            is_there: plan.is_there,
            fit: plan.fit.map(Into::into),
        }
    }
}

impl From<(Choice, Fit)> for PullChoice {
    fn from((choice, fit): (Choice, Fit)) -> Self {
        Self {
            file: choice.file,
            quantization: choice.quantization,
            size_bytes: choice.size_bytes,
            fit: fit.into(),
        }
    }
}

impl From<Preview> for PullPreview {
    fn from(preview: Preview) -> Self {
        let (chosen, reason) = match preview.plan {
            Ok(plan) => (Some(plan.into()), None),
            Err(error) => (None, Some(error.message)),
        };
        Self {
            chosen,
            reason,
            choices: preview.choices.into_iter().map(Into::into).collect(),
        }
    }
}

#[OpenApi(prefix_path = "/admin/models", tag = "Tag::Models")]
impl ModelsAdminApi {
    /// What a pull would bring, and whether it fits this machine
    #[oai(
        path = "/pull/preview",
        method = "get",
        operation_id = "check_model_pull"
    )]
    async fn check_model_pull(
        &self,
        house: House<'_>,
        caller: Steward,
        /// As of a pull.
        Query(source): Query<String>,
    ) -> ApiResult<Json<PullPreview>> {
        let preview = house.pulls.preview(&caller, &source).await?;
        Ok(Json(preview.into()))
    }

    /// Pull a model; the job says how far it is
    #[oai(path = "/pull", method = "post", operation_id = "start_model_pull")]
    async fn start_model_pull(
        &self,
        house: House<'_>,
        caller: Steward,
        body: Json<PullModel>,
    ) -> ApiResult<PullResponse> {
        let Json(PullModel { source, sha256 }) = body;
        let job = house
            .pulls
            .start(&caller, &source, sha256.as_deref())
            .await?;
        Ok(PullResponse::Accepted(Json(job.into())))
    }

    /// Bring a model into memory before anybody asks it
    #[oai(path = "/:id/load", method = "post", operation_id = "load_model")]
    async fn load_model(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<MemoryResponse> {
        house.library.load(&caller, &id)?;
        Ok(MemoryResponse::Accepted)
    }

    /// Take a model out of memory, once it has answered what it was asked
    #[oai(path = "/:id/unload", method = "post", operation_id = "unload_model")]
    async fn unload_model(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<MemoryResponse> {
        house.library.unload(&caller, &id)?;
        Ok(MemoryResponse::Accepted)
    }

    /// Delete a model's file; one that is used where it lies stays there
    #[oai(path = "/:id", method = "delete", operation_id = "delete_model")]
    async fn delete_model(
        &self,
        house: House<'_>,
        caller: Steward,
        id: Path<String>,
    ) -> ApiResult<DeleteResponse> {
        house.library.delete(&caller, &id).await?;
        Ok(DeleteResponse::Deleted)
    }
}
