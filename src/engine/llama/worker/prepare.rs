//! From a request to the tokens to compute: render, tokenise, make it fit, choose how to choose.
//!
//! Everything is checked again here, on the side where a wrong number would end the process.

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;

use super::super::cache::Scope;
use super::super::protocol::Resume;
use super::chooser::Chooser;
use super::reply::{Reply, count};
use super::vocabulary::Vocabulary;
use crate::engine::grammar::grammar_of;
use crate::engine::prompt::{PromptRequest, fit_history};
use crate::engine::{EngineError, Generate, Sampling, validity};

/// What of the model and its setting a request is prepared with.
pub(super) struct Kitchen<'a, 'model> {
    pub(super) model: &'model LlamaModel,
    pub(super) vocabulary: &'a Vocabulary<'model>,
    pub(super) context_tokens: u32,
    /// What the model file recommends.
    pub(super) recommended: &'a Sampling,
    /// All tokens that end a reply.
    pub(super) ends: &'a [i32],
    pub(super) shares_prefixes: bool,
}

impl Kitchen<'_, '_> {
    /// `set` names the adapters it runs under.
    pub(super) fn prepare(
        &self,
        request: &Generate,
        set: u64,
        resume: &Resume,
    ) -> Result<Reply, EngineError> {
        validity::check(request)?;
        let vocabulary = self.vocabulary;
        let room_for_reply = request
            .max_tokens
            .unwrap_or(256)
            .min(self.context_tokens / 4)
            .max(1);
        // What is written already came after this prompt, so it must not change which messages fit.
        let count = |messages: &[_]| {
            let prompt = PromptRequest::of(request, messages).without_reply();
            Ok(count(vocabulary.prompt(&prompt)?.len()))
        };
        let limit = self.context_tokens - room_for_reply;
        let (messages, left_out) =
            fit_history(&request.messages, limit, request.trim_history, count)?;
        let tokens = vocabulary.prompt(&PromptRequest::of(request, &messages))?;
        if tokens.is_empty() {
            return Err(EngineError::InvalidRequest(
                "there is nothing to answer".into(),
            ));
        }
        let house = (request.house_messages as usize).min(messages.len());
        let scope = Scope {
            set,
            lane: request.lane,
            house_tokens: vocabulary
                .house_tokens(&messages[..house], &tokens)
                .unwrap_or(0),
        };
        let reuses = request.reuse_prefix && self.shares_prefixes;
        let mut reply = Reply::new(
            tokens,
            scope,
            self.chooser(request)?,
            request,
            left_out,
            reuses,
        );
        reply.resume(vocabulary, resume, self.context_tokens);
        Ok(reply)
    }

    fn chooser(&self, request: &Generate) -> Result<Chooser, EngineError> {
        let sampling = validity::resolve(&request.sampling, self.recommended);
        let seed = match sampling.seed {
            Some(seed) => seed,
            None => getrandom::u32().map_err(|error| EngineError::Failed(error.to_string()))?,
        };
        let forbidden = match request.ignore_end {
            true => self.ends.to_vec(),
            false => Vec::new(),
        };
        let grammar = match grammar_of(&request.format)? {
            Some(text) => Some(self.grammar(&text)?),
            None => None,
        };
        Ok(Chooser::new(&sampling, seed, grammar, forbidden))
    }

    /// llama.cpp's own reading of a grammar that was checked.
    fn grammar(&self, text: &str) -> Result<LlamaSampler, EngineError> {
        let refused = |error| EngineError::Failed(format!("llama.cpp refuses a grammar: {error}"));
        LlamaSampler::grammar(self.model, text, "root").map_err(refused)
    }
}
