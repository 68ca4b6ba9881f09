//! Which model writes a reply, and with which adapters: those asked for, otherwise what was chosen
//! before, otherwise the house's default model and nothing on top of it. Asked for by every way of
//! beginning a reply, and by what chooses for a whole conversation.

use std::sync::Arc;

use super::Conversations;
use super::charges::Payer;
use super::policies::Rules;
use crate::accounts::allowance::is_charging;
use crate::accounts::{Access, AccessKind, Caller};
use crate::engine::{AdapterUse, EngineError, ModelInfo, ModelState};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::ids::UserId;
use crate::models::{AdapterChoice, AdapterRecord, Adapters};
use crate::store::Reads;

/// Who asks for a reply, and what there was to choose from when they did.
pub(super) struct Asker {
    caller: Caller,
    /// Those they may use.
    models: Vec<ModelInfo>,
    access: Access,
    adapters: Arc<Adapters>,
    payer: Payer,
    rules: Rules,
}

impl Conversations {
    pub(super) async fn asker(&self, caller: &Caller) -> Result<Asker> {
        let for_access = caller.clone();
        let read = self
            .store
            .read(move |tx| Ok((Access::of(tx, &for_access)?, is_charging(tx)?)));
        let (access, may_pay) = read.await?;
        let mut models = self.engine.models();
        models.retain(|model| access.allows(AccessKind::Model, &model.id));
        Ok(Asker {
            rules: Rules::new(&self.plugins, caller, &access),
            caller: caller.clone(),
            models,
            access,
            adapters: Arc::clone(&self.adapters),
            payer: Payer::new(caller, &self.allowances, may_pay),
        })
    }

    /// The models somebody may use, and what goes on top of them.
    pub async fn usable(&self, caller: &Caller) -> Result<(Vec<ModelInfo>, Vec<AdapterRecord>)> {
        let Asker { models, access, .. } = self.asker(caller).await?;
        let adapters = self.adapters.list_usable(caller, &access);
        Ok((models, adapters))
    }
}

impl Asker {
    /// Refuses who may not use the interface for programs that keep their own conversations.
    pub(super) fn check_completions(&self) -> Result<()> {
        match self.access.allows(AccessKind::Feature, "completions") {
            true => Ok(()),
            false => Err(Error::forbidden("your groups may not use this interface")),
        }
    }

    pub(super) fn user_id(&self) -> UserId {
        self.caller.user_id()
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn payer(&self) -> &Payer {
        &self.payer
    }

    /// What a conversation with a model that can be used may hold.
    pub(super) fn context_tokens(&self, model: &str) -> u32 {
        let model = self.models.iter().find(|known| known.id == model);
        model.map_or(u32::MAX, |model| model.context_tokens)
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

    /// For the transaction that promises a reply: a rule may have come since there was a choice.
    pub(super) fn check_still_may_use(
        &self,
        tx: &impl Reads,
        model: &str,
        adapters: &[AdapterUse],
    ) -> Result<()> {
        let access = Access::of(tx, &self.caller)?;
        let of_adapter = |used: &AdapterUse| access.allows(AccessKind::Adapter, &used.id);
        match access.allows(AccessKind::Model, model) && adapters.iter().all(of_adapter) {
            true => Ok(()),
            false => Err(Error::conflict(
                "what you may use has changed in the meantime; choose again",
            )
            .with_reason(Reason::AccessChanged)),
        }
    }

    /// What goes on top of `model`.
    pub(super) fn adapters(
        &self,
        model: &str,
        choices: &[AdapterChoice],
    ) -> Result<Vec<AdapterUse>> {
        self.adapters
            .resolve(&self.caller, &self.access, model, choices)
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
                .with_reason(Reason::NoModel)
        })?,
    };
    match &model.state {
        ModelState::Unusable(reason) => Err(EngineError::ModelUnusable(reason.clone()).into()),
        ModelState::Probing => Err(unavailable(
            "this model is being looked at; try again in a moment",
        )
        .with_reason(Reason::ModelProbing)),
        ModelState::Available | ModelState::Loading | ModelState::Loaded => Ok(model),
    }
}
