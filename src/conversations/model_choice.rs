//! Which model writes a reply, and with which adapters: those asked for, otherwise what was chosen
//! before, otherwise the house's default model and nothing on top of it. Asked for by every way of
//! beginning a reply, and by what chooses for a whole conversation.

use std::sync::Arc;

use super::Conversations;
use crate::accounts::Caller;
use crate::engine::{AdapterUse, EngineError, ModelInfo, ModelState};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::UserId;
use crate::models::{AdapterChoice, Adapters};

/// Who asks for a reply, and what there was to choose from when they did.
pub(super) struct Asker {
    caller: Caller,
    models: Vec<ModelInfo>,
    adapters: Arc<Adapters>,
}

impl Conversations {
    pub(super) fn asker(&self, caller: &Caller) -> Asker {
        Asker {
            caller: caller.clone(),
            models: self.engine.models(),
            adapters: Arc::clone(&self.adapters),
        }
    }
}

impl Asker {
    pub(super) fn user_id(&self) -> UserId {
        self.caller.user_id()
    }

    /// The id of a model that can be used; `wanted` None: the default.
    pub(super) fn model(&self, wanted: Option<&str>) -> Result<String> {
        Ok(get_usable_model(&self.models, wanted)?.id.clone())
    }

    /// The id of a model that makes vectors; `wanted` None: the default where it does, else the first
    /// that does.
    pub(super) fn embedding_model(&self, wanted: Option<&str>) -> Result<String> {
        let embedding = self.models.iter().filter(|model| model.embeds);
        let embedding: Vec<ModelInfo> = embedding.cloned().collect();
        let default = get_usable_model(&embedding, None).ok();
        let is_usable = |model: &&ModelInfo| get_usable_model(&embedding, Some(&model.id)).is_ok();
        let first = || embedding.iter().find(is_usable);
        let default = default.or_else(first).map(|model| model.id.as_str());
        self.model(wanted.or(default))
    }

    /// What goes on top of `model`.
    pub(super) fn adapters(
        &self,
        model: &str,
        choices: &[AdapterChoice],
    ) -> Result<Vec<AdapterUse>> {
        self.adapters.resolve(&self.caller, model, choices)
    }
}

/// `asked` None: what was chosen before.
pub(super) fn asked_or_kept(
    asked: Option<&[AdapterChoice]>,
    kept: &[AdapterUse],
) -> Vec<AdapterChoice> {
    match asked {
        Some(asked) => asked.to_vec(),
        None => kept.iter().cloned().map(AdapterChoice::from).collect(),
    }
}

/// `wanted` None: the default.
fn get_usable_model<'a>(models: &'a [ModelInfo], wanted: Option<&str>) -> Result<&'a ModelInfo> {
    let unavailable = |message: &str| Error::new(ErrorKind::ModelUnavailable, message);
    let model = match wanted {
        Some(id) => models
            .iter()
            .find(|model| model.id == id)
            .ok_or_else(|| EngineError::UnknownModel(id.to_owned()))?,
        None => crate::models::find_default(models).ok_or_else(|| {
            unavailable("there is no model to answer yet; the administrator can add one")
        })?,
    };
    match &model.state {
        ModelState::Unusable(reason) => Err(EngineError::ModelUnusable(reason.clone()).into()),
        ModelState::Probing => Err(unavailable(
            "this model is being looked at; try again in a moment",
        )),
        ModelState::Available | ModelState::Loading | ModelState::Loaded => Ok(model),
    }
}
