//! Several engines as one: each request goes to the engine that offers its model.
//!
//! Used where the house is put together, so that nobody else has to ask which engine is meant.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join_all};

use super::{Embed, Embeddings, Engine, EngineError, Generate, Health, ModelInfo, TokenStream};

/// Where two offer the same id, the earlier one has it.
pub struct CombinedEngine(Vec<Arc<dyn Engine>>);

impl CombinedEngine {
    pub fn new(engines: Vec<Arc<dyn Engine>>) -> Self {
        Self(engines)
    }

    fn find_engine_of(&self, model: &str) -> Option<&Arc<dyn Engine>> {
        let offers = |engine: &&Arc<dyn Engine>| {
            let models = engine.models();
            models.iter().any(|offered| offered.id == model)
        };
        self.0.iter().find(offers)
    }
}

impl Engine for CombinedEngine {
    fn models(&self) -> Vec<ModelInfo> {
        let mut models: Vec<ModelInfo> = Vec::new();
        for model in self.0.iter().flat_map(|engine| engine.models()) {
            if models.iter().all(|known| known.id != model.id) {
                models.push(model);
            }
        }
        models
    }

    fn generate(&self, request: Generate) -> Result<TokenStream, EngineError> {
        match self.find_engine_of(&request.model) {
            Some(engine) => engine.generate(request),
            None => Err(EngineError::UnknownModel(request.model)),
        }
    }

    fn embed(&self, request: Embed) -> BoxFuture<'static, Result<Embeddings, EngineError>> {
        match self.find_engine_of(&request.model) {
            Some(engine) => engine.embed(request),
            None => std::future::ready(Err(EngineError::UnknownModel(request.model))).boxed(),
        }
    }

    fn forget(&self, lane: u64) -> BoxFuture<'static, Result<(), EngineError>> {
        let all = try_join_all(self.0.iter().map(|engine| engine.forget(lane)));
        all.map(|forgotten| forgotten.map(drop)).boxed()
    }

    fn takes_any_adapter(&self, model: &str) -> bool {
        self.find_engine_of(model)
            .is_some_and(|engine| engine.takes_any_adapter(model))
    }

    fn health(&self) -> Health {
        let healths: Vec<Health> = self.0.iter().map(|engine| engine.health()).collect();
        Health {
            ready: healths.iter().all(|health| health.ready),
            running: healths.iter().map(|health| health.running).sum(),
            queued: healths.iter().map(|health| health.queued).sum(),
            loaded: healths
                .into_iter()
                .flat_map(|health| health.loaded)
                .collect(),
        }
    }
}
