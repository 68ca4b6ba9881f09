//! The library as an engine to its callers, and what an administrator does with it.
//!
//! It lists every file with its state and hands requests to whoever runs them; in a build without
//! llama.cpp nobody does. What changes something takes the caller first.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Library, NO_RUNNER};
use crate::accounts::Caller;
use crate::engine::{
    Embed, Embeddings, Engine, EngineError, Generate, Health, ModelInfo, ModelState, TokenStream,
};
use crate::error::{Error, Result};

impl Library {
    /// Brings a model into memory before anybody asks it. Returns at once.
    pub fn load(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.require_admin()?;
        let models = self.list();
        let model = models.iter().find(|model| model.id == id);
        match &model.ok_or_else(|| Error::not_found("model"))?.state {
            ModelState::Unusable(reason) => Err(EngineError::ModelUnusable(reason.clone()).into()),
            _ => {
                if let Some(runner) = &self.runner {
                    runner.load_model(id);
                }
                Ok(())
            }
        }
    }

    /// Takes a model out of memory, once it has answered what it was asked. Returns at once.
    pub fn unload(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.require_admin()?;
        if self.list().iter().all(|model| model.id != id) {
            return Err(Error::not_found("model"));
        }
        if let Some(runner) = &self.runner {
            runner.unload_model(id);
        }
        Ok(())
    }

    /// Deletes a model's files, or the link to one that lies elsewhere.
    pub async fn delete(self: &Arc<Self>, caller: &Caller, id: &str) -> Result<()> {
        caller.require_admin()?;
        let (library, id) = (Arc::clone(self), id.to_owned());
        tokio::task::spawn_blocking(move || library.remove(&id))
            .await
            .map_err(Error::internal)?
    }
}

impl Engine for Library {
    fn models(&self) -> Vec<ModelInfo> {
        self.list()
    }

    fn generate(&self, request: Generate) -> std::result::Result<TokenStream, EngineError> {
        match &self.runner {
            Some(runner) => runner.generate(request),
            None => Err(EngineError::ModelUnusable(NO_RUNNER.into())),
        }
    }

    fn embed(
        &self,
        request: Embed,
    ) -> BoxFuture<'static, std::result::Result<Embeddings, EngineError>> {
        match &self.runner {
            Some(runner) => runner.embed(request),
            None => {
                let refused = EngineError::ModelUnusable(NO_RUNNER.into());
                std::future::ready(Err(refused)).boxed()
            }
        }
    }

    fn forget(&self, lane: u64) -> BoxFuture<'static, std::result::Result<(), EngineError>> {
        match &self.runner {
            Some(runner) => runner.forget(lane),
            None => std::future::ready(Ok(())).boxed(),
        }
    }

    fn health(&self) -> Health {
        let idle = Health {
            ready: true,
            loaded: Vec::new(),
            running: 0,
            queued: 0,
        };
        self.runner.as_ref().map_or(idle, |runner| runner.health())
    }
}
