//! How much of everything a loaded model gets: context, slots, threads.
//!
//! All sequences share one memory for tokens: enough for a whole conversation in each slot where
//! that is at most an eighth of what the process may take, otherwise that eighth. The scheduler
//! admits by what is left of it.

use llama_cpp_2::model::LlamaModel;

use super::super::protocol::Load;
use super::context::ContextSize;
use crate::engine::ModelMemory;
use crate::machine::memory_bytes;

const BATCH_TOKENS: u32 = 512;
const MIN_CONTEXT_TOKENS: u32 = 64;
const MAX_SLOTS: u32 = 64;
/// Of so many rows of activations at once a step is made, roughly.
const ACTIVATIONS: u64 = 12;
const IDLE_SEQUENCES: u32 = 64;
/// The part of all memory that is taken for tokens, at most.
const MEMORY_PART: u64 = 8;
/// Below so many weights a step is over before threads have met, and on a busy machine their
/// spinning costs more than all the rest.
const SMALL_MODEL_PARAMETERS: u64 = 50_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    /// What one conversation may hold.
    pub(super) context_tokens: u32,
    pub(super) slots: u32,
    /// What all slots together may hold.
    pub(super) memory_tokens: u32,
    pub(super) batch_tokens: u32,
    pub(super) threads: i32,
    /// Sequences there can be, those nobody is writing included.
    pub(super) sequences: u32,
    /// A sequence can begin with a part of another: not so where the model keeps no single tokens.
    pub(super) shares_prefixes: bool,
    pub(super) step_target_ms: u32,
}

impl Setting {
    pub(super) fn choose(model: &LlamaModel, load: &Load) -> Self {
        let context_tokens = model
            .n_ctx_train()
            .min(load.context_tokens)
            .max(MIN_CONTEXT_TOKENS);
        let slots = load.parallel_replies.clamp(1, MAX_SLOTS);
        let budget_tokens = memory_bytes() / MEMORY_PART / bytes_per_token(model).max(1);
        let budget_tokens = u32::try_from(budget_tokens).unwrap_or(u32::MAX);
        let memory_tokens = context_tokens
            .saturating_mul(slots)
            .min(budget_tokens)
            .max(context_tokens);
        let slots = slots.min(memory_tokens / 2);
        let shares_prefixes = !model.is_recurrent() && !model.is_hybrid();
        Self {
            context_tokens,
            slots,
            sequences: if shares_prefixes {
                slots + IDLE_SEQUENCES
            } else {
                slots
            },
            shares_prefixes,
            step_target_ms: load.step_target_ms,
            memory_tokens,
            // llama.cpp takes no larger batch than its memory.
            batch_tokens: BATCH_TOKENS.min(memory_tokens),
            threads: threads(load.threads, model.n_params()),
        }
    }

    /// For a machine on which the first choice did not fit.
    pub(super) fn smallest(self) -> Self {
        Self {
            slots: 1,
            sequences: if self.shares_prefixes {
                1 + IDLE_SEQUENCES
            } else {
                1
            },
            memory_tokens: self.context_tokens,
            batch_tokens: self.batch_tokens.min(self.context_tokens),
            ..self
        }
    }

    /// What the model takes now. That of computing cannot be asked for: it is mostly a few rows of
    /// activations, and the logits.
    pub(super) fn memory_of(self, model: &LlamaModel) -> ModelMemory {
        let width = u64::try_from(model.n_embd()).unwrap_or(0);
        let vocabulary = u64::try_from(model.n_vocab()).unwrap_or(0);
        let rows = u64::from(self.batch_tokens);
        ModelMemory {
            weights_bytes: model.size(),
            tokens_bytes: u64::from(self.memory_tokens) * bytes_per_token(model),
            compute_bytes: rows * width * 4 * ACTIVATIONS + u64::from(self.slots) * vocabulary * 4,
        }
    }

    pub(super) fn context_size(self) -> ContextSize {
        ContextSize {
            memory_tokens: self.memory_tokens,
            batch_tokens: self.batch_tokens,
            sequences: self.sequences,
            threads: self.threads,
            embeddings: false,
        }
    }
}

fn bytes_per_token(model: &LlamaModel) -> u64 {
    let architecture = model
        .meta_val_str("general.architecture")
        .unwrap_or_default();
    let number = |key: &str| {
        model
            .meta_val_str(&format!("{architecture}.{key}"))
            .ok()?
            .parse::<u64>()
            .ok()
    };
    let heads = u64::from(model.n_head()).max(1);
    let width = u64::try_from(model.n_embd()).unwrap_or(0) / heads;
    let key = number("attention.key_length").unwrap_or(width);
    let value = number("attention.value_length").unwrap_or(width);
    // Two bytes a number.
    u64::from(model.n_layer()) * u64::from(model.n_head_kv()) * (key + value) * 2
}

/// llama.cpp's threads spin while they wait for each other, so one core stays free where there are several.
fn threads(wanted: u32, parameters: u64) -> i32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let chosen = match wanted {
        0 if parameters < SMALL_MODEL_PARAMETERS => 1,
        0 if cores > 2 => cores - 1,
        0 => cores,
        wanted => (wanted as usize).min(cores * 4),
    };
    i32::try_from(chosen).unwrap_or(1)
}
