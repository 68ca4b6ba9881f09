//! `/models`: what one can chat with. Files that cannot be used are listed with the reason, so that
//! nobody wonders where they are.

use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};

use super::adapters::ModelAdapter;
use super::{ApiResult, House, Tag};
use crate::engine::{ModelInfo, ModelState};
use crate::http::caller::Authenticated;

pub(in crate::http) struct ModelsApi;

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
        }
    }
}

#[OpenApi(prefix_path = "/models", tag = "Tag::Models")]
impl ModelsApi {
    /// The models one may use
    #[oai(path = "/", method = "get", operation_id = "list_models")]
    async fn list_models(
        &self,
        house: House<'_>,
        caller: Authenticated,
    ) -> ApiResult<Json<ModelList>> {
        let models = house.models();
        let default_model = crate::models::find_default(&models).map(|model| model.id.clone());
        let mut items: Vec<Model> = models.into_iter().map(Model::from).collect();
        for adapter in house.adapters.list_usable(&caller) {
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
