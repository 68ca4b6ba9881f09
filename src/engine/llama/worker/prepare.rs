//! From a request to the tokens to compute: render, tokenise, make it fit, choose a sampler.
//!
//! Everything is checked again here, on the side where a wrong number would end the process.

use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;

use super::super::protocol::Resume;
use super::reply::{Reply, count};
use super::vocabulary::Vocabulary;
use crate::engine::prompt::fit_history;
use crate::engine::{EngineError, Generate, Sampling, validity};

/// How far back a repeated token is punished.
const PENALTY_TOKENS: i32 = 64;

pub(super) fn prepare(
    vocabulary: &Vocabulary<'_>,
    context_tokens: u32,
    recommended: &Sampling,
    request: &Generate,
    resume: &Resume,
) -> Result<Reply, EngineError> {
    validity::check(request)?;
    let room_for_reply = request
        .max_tokens
        .unwrap_or(256)
        .min(context_tokens / 4)
        .max(1);
    // What is written already came after this prompt, so it must not change which messages fit.
    let count = |messages: &[_]| Ok(count(vocabulary.prompt(messages, "")?.len()));
    let limit = context_tokens - room_for_reply;
    let (messages, left_out) = fit_history(&request.messages, limit, request.trim_history, count)?;
    let tokens = vocabulary.prompt(&messages, &request.written)?;
    if tokens.is_empty() {
        return Err(EngineError::InvalidRequest(
            "there is nothing to answer".into(),
        ));
    }
    let sampler = sampler(
        &validity::resolve(&request.sampling, recommended),
        vocabulary.size(),
    )?;
    let mut reply = Reply::new(tokens, sampler, request, left_out);
    reply.resume(vocabulary, resume, context_tokens);
    Ok(reply)
}

fn sampler(sampling: &Sampling, vocabulary_size: i32) -> Result<LlamaSampler, EngineError> {
    let temperature = sampling.temperature.unwrap_or(0.0);
    let penalty = sampling.repeat_penalty.unwrap_or(1.0);
    let mut chain = Vec::new();
    #[expect(clippy::float_cmp, reason = "1 switches it off, and only exactly 1")]
    if penalty != 1.0 {
        chain.push(LlamaSampler::penalties(
            vocabulary_size,
            PENALTY_TOKENS,
            penalty,
            0.0,
            0.0,
        ));
    }
    if temperature <= 0.0 {
        chain.push(LlamaSampler::greedy());
        return Ok(LlamaSampler::chain(chain, true));
    }
    if let Some(top_k) = sampling.top_k.filter(|&top_k| top_k > 0) {
        chain.push(LlamaSampler::top_k(
            i32::try_from(top_k).unwrap_or(i32::MAX),
        ));
    }
    chain.push(LlamaSampler::top_p(sampling.top_p.unwrap_or(1.0), 1));
    chain.push(LlamaSampler::min_p(sampling.min_p.unwrap_or(0.0), 1));
    chain.push(LlamaSampler::temp(temperature));
    let seed = match sampling.seed {
        Some(seed) => seed,
        None => getrandom::u32().map_err(|error| EngineError::Failed(error.to_string()))?,
    };
    chain.push(LlamaSampler::dist(seed));
    Ok(LlamaSampler::chain(chain, true))
}

/// Tokens as they travel.
pub(super) fn to_tokens(ids: &[i32]) -> impl Iterator<Item = LlamaToken> {
    ids.iter().copied().map(LlamaToken)
}
