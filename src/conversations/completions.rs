//! Text and vectors for a program that keeps its own conversation. Nothing is stored, and when the
//! program goes away the work is cancelled, since it could not come back for the rest.

use super::Conversations;
use super::promises::lane_of;
use crate::accounts::Caller;
use crate::engine::{Embed, Embeddings, Generate, Priority, TokenStream};
use crate::error::Result;
use crate::models::AdapterChoice;

pub struct CompletionRequest {
    /// None: the house's default.
    pub model: Option<String>,
    pub adapters: Vec<AdapterChoice>,
    /// What is asked. Its model, adapters and lane are filled in here.
    pub generate: Generate,
}

pub struct Completion {
    /// The model that answers.
    pub model: String,
    pub stream: TokenStream,
}

pub struct EmbeddingRequest {
    /// None: the house's default.
    pub model: Option<String>,
    pub texts: Vec<String>,
    pub priority: Priority,
}

pub struct CompletedEmbedding {
    /// The model that made the vectors.
    pub model: String,
    pub embeddings: Embeddings,
}

impl Conversations {
    pub async fn complete(
        &self,
        caller: &Caller,
        request: CompletionRequest,
    ) -> Result<Completion> {
        let asker = self.asker(caller).await?;
        asker.check_completions()?;
        let model = asker.model(request.model.as_deref())?;
        let adapters = asker.adapters(&model, &request.adapters)?;
        let stream = self.engine.generate(Generate {
            model: model.clone(),
            adapters,
            lane: lane_of(caller.user_id()),
            ..request.generate
        })?;
        Ok(Completion { model, stream })
    }

    pub async fn embed(
        &self,
        caller: &Caller,
        request: EmbeddingRequest,
    ) -> Result<CompletedEmbedding> {
        let asker = self.asker(caller).await?;
        asker.check_completions()?;
        let model = asker.embedding_model(request.model.as_deref())?;
        let wanted = Embed {
            model: model.clone(),
            texts: request.texts,
            priority: request.priority,
            lane: lane_of(caller.user_id()),
        };
        let embeddings = self.engine.embed(wanted).await?;
        Ok(CompletedEmbedding { model, embeddings })
    }
}
