//! Text for a program that keeps its own conversation. Nothing is stored, and when the program
//! goes away the work is cancelled, since it could not come back for the rest.

use super::Conversations;
use super::promises::lane_of;
use crate::accounts::Caller;
use crate::engine::{ChatMessage, Generate, Sampling, TokenStream};
use crate::error::Result;
use crate::models::AdapterChoice;

pub struct CompletionRequest {
    /// None: the house's default.
    pub model: Option<String>,
    pub adapters: Vec<AdapterChoice>,
    pub messages: Vec<ChatMessage>,
    pub sampling: Sampling,
    pub stop: Vec<String>,
    pub max_tokens: Option<u32>,
}

pub struct Completion {
    /// The model that answers.
    pub model: String,
    pub stream: TokenStream,
}

impl Conversations {
    pub fn complete(&self, caller: &Caller, request: CompletionRequest) -> Result<Completion> {
        let asker = self.asker(caller);
        let model = asker.model(request.model.as_deref())?;
        let adapters = asker.adapters(&model, &request.adapters)?;
        let stream = self.engine.generate(Generate {
            adapters,
            sampling: request.sampling,
            stop: request.stop,
            max_tokens: request.max_tokens,
            lane: lane_of(caller.user_id()),
            ..Generate::new(&model, request.messages)
        })?;
        Ok(Completion { model, stream })
    }
}
