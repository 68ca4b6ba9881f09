//! Which model writes a reply: the one asked for, otherwise the house's default.

use crate::engine::{EngineError, ModelInfo, ModelState};
use crate::error::{Error, ErrorKind, Result};

/// `wanted` None: the default.
pub(super) fn get_usable_model<'a>(
    models: &'a [ModelInfo],
    wanted: Option<&str>,
) -> Result<&'a ModelInfo> {
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
