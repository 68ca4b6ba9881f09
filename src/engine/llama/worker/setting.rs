//! How much of everything a loaded model gets: context, slots, threads, memory for tokens.
//!
//! On processors each sequence has room of its own for a whole conversation, where a quarter of the
//! memory is enough for several: then nobody looks past the tokens of others. Otherwise all share
//! one memory of at most an eighth, and the scheduler admits by what is left of it.

use llama_cpp_2::model::LlamaModel;

use super::super::cache::Layout;
use super::super::protocol::Load;
use super::context::{ContextSize, STREAM_BATCH_TOKENS, computes_bf16};
use crate::engine::ModelMemory;
use crate::machine::memory_bytes;

const BATCH_TOKENS: u32 = 512;
const MIN_CONTEXT_TOKENS: u32 = 64;
const MAX_SLOTS: u32 = 64;
/// Of so many rows of activations at once a step is made, roughly.
const ACTIVATIONS: u64 = 12;
const IDLE_SEQUENCES: u32 = 64;
/// The part of all memory that is taken for tokens, at most, where all share it.
const UNIFIED_PART: u64 = 8;
/// And where each has room of its own, which is only worth it when so many can be written at once.
const STREAMS_PART: u64 = 4;
const LEAST_STREAMS: u32 = 4;
/// One more sequence nobody writes for so many slots, and at least some.
const SLOTS_PER_IDLE: u32 = 4;
const LEAST_IDLE: u32 = 2;
/// llama.cpp gives each stream a whole multiple of so many tokens.
const STREAM_GRAIN: u32 = 256;
/// With flash attention processors compute attention in squares of this side, without it in far
/// smaller ones.
const SQUARE: u32 = 64;
const STREAM_PROMPT_GRAIN: u32 = 4;
/// To attend to a token is memory traffic, to multiply by weights is arithmetic.
const ATTENTION_DEARER: u64 = 3;
/// Below so many weights a step is over before threads have met, and on a busy machine their
/// spinning costs more than all the rest.
const SMALL_MODEL_PARAMETERS: u64 = 50_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    /// What one conversation may hold.
    pub(super) context_tokens: u32,
    pub(super) slots: u32,
    pub(super) layout: Layout,
    pub(super) bf16_kv: bool,
    pub(super) batch_tokens: u32,
    /// To look at so many tokens costs as much as to multiply a row by all weights.
    pub(super) row_tokens: u32,
    pub(super) threads: i32,
    /// Sequences there can be, those nobody is writing included.
    pub(super) sequences: u32,
    /// A sequence can begin with a part of another: not so where the model keeps no single tokens.
    pub(super) shares_prefixes: bool,
    pub(super) step_target_ms: u32,
}

impl Setting {
    /// `has_gpu`: llama.cpp found something else than processors to compute on.
    pub(super) fn choose(model: &LlamaModel, load: &Load, has_gpu: bool) -> Self {
        let context_tokens = model
            .n_ctx_train()
            .min(load.context_tokens)
            .max(MIN_CONTEXT_TOKENS);
        let wanted = load.parallel_replies.clamp(1, MAX_SLOTS);
        let shares_prefixes = !model.is_recurrent() && !model.is_hybrid();
        let on_gpu = has_gpu && load.gpu_layers != Some(0);
        let apart = shares_prefixes && !load.unified_kv.unwrap_or(on_gpu);
        let streams = apart
            .then(|| streams(model, context_tokens, wanted))
            .flatten();
        let (layout, slots, sequences) =
            streams.unwrap_or_else(|| unified(model, context_tokens, wanted, shares_prefixes));
        Self {
            context_tokens,
            slots,
            sequences,
            shares_prefixes,
            step_target_ms: load.step_target_ms,
            layout,
            bf16_kv: load
                .bf16_kv
                .unwrap_or_else(|| quicker_in_bf16(layout, on_gpu)),
            // llama.cpp takes no larger batch than its memory.
            batch_tokens: BATCH_TOKENS.min(context_tokens.max(tokens_in(layout, 1))),
            row_tokens: row_tokens(model),
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
            layout: Layout::Unified {
                tokens: self.context_tokens,
            },
            // What every kernel has.
            bf16_kv: false,
            batch_tokens: self.batch_tokens.min(self.context_tokens),
            ..self
        }
    }

    /// Less of a prompt than this costs as much.
    pub(super) fn prompt_grain(self) -> u32 {
        match self.layout {
            Layout::Unified { .. } => SQUARE,
            Layout::Streams { .. } => STREAM_PROMPT_GRAIN,
        }
    }

    /// What the model takes now. That of computing cannot be asked for: it is mostly a few rows of
    /// activations, the logits, and without flash attention how much each row looks at each token.
    pub(super) fn memory_of(self, model: &LlamaModel) -> ModelMemory {
        let width = u64::try_from(model.n_embd()).unwrap_or(0);
        let vocabulary = u64::try_from(model.n_vocab()).unwrap_or(0);
        let rows = u64::from(self.batch_tokens);
        let attention = match self.layout {
            Layout::Unified { .. } => 0,
            Layout::Streams { tokens_each } => {
                u64::from(tokens_each) * u64::from(STREAM_BATCH_TOKENS) * u64::from(model.n_head())
            }
        };
        ModelMemory {
            weights_bytes: model.size(),
            tokens_bytes: u64::from(tokens_in(self.layout, self.sequences))
                * bytes_per_token(model),
            compute_bytes: rows * width * 4 * ACTIVATIONS
                + u64::from(self.slots) * vocabulary * 4
                + attention * 4,
        }
    }

    pub(super) fn context_size(self) -> ContextSize {
        ContextSize {
            layout: self.layout,
            bf16_kv: self.bf16_kv,
            batch_tokens: self.batch_tokens,
            sequences: self.sequences,
            threads: self.threads,
            embeddings: false,
        }
    }
}

/// Flash attention on processors is not, and on graphics cards not every kernel has it.
fn quicker_in_bf16(layout: Layout, on_gpu: bool) -> bool {
    matches!(layout, Layout::Streams { .. }) && !on_gpu && computes_bf16()
}

/// How many tokens all sequences together may hold.
fn tokens_in(layout: Layout, sequences: u32) -> u32 {
    match layout {
        Layout::Unified { tokens } => tokens,
        Layout::Streams { tokens_each } => tokens_each.saturating_mul(sequences),
    }
}

/// The layout, slots and sequences with room of its own for each; None where it is too little.
fn streams(
    model: &LlamaModel,
    context_tokens: u32,
    wanted_slots: u32,
) -> Option<(Layout, u32, u32)> {
    let tokens_each = context_tokens.next_multiple_of(STREAM_GRAIN);
    let stream_bytes = u64::from(tokens_each) * bytes_per_token(model).max(1);
    let fitting = memory_bytes() / STREAMS_PART / stream_bytes;
    let fitting = u32::try_from(fitting).unwrap_or(u32::MAX);
    let slots = wanted_slots.min(fitting);
    let sequences = (slots + (slots / SLOTS_PER_IDLE).max(LEAST_IDLE)).min(fitting);
    let worthwhile = slots >= wanted_slots.min(LEAST_STREAMS);
    worthwhile.then_some((Layout::Streams { tokens_each }, slots, sequences))
}

fn unified(
    model: &LlamaModel,
    context_tokens: u32,
    wanted_slots: u32,
    shares_prefixes: bool,
) -> (Layout, u32, u32) {
    let budget_tokens = memory_bytes() / UNIFIED_PART / bytes_per_token(model).max(1);
    let budget_tokens = u32::try_from(budget_tokens).unwrap_or(u32::MAX);
    let tokens = context_tokens
        .saturating_mul(wanted_slots)
        .min(budget_tokens)
        .max(context_tokens);
    let slots = wanted_slots.min(tokens / 2);
    let idle = if shares_prefixes { IDLE_SEQUENCES } else { 0 };
    (Layout::Unified { tokens }, slots, slots + idle)
}

fn row_tokens(model: &LlamaModel) -> u32 {
    // Two bytes a number; heads of queries share keys and values, but not the work.
    let shared = u64::from(model.n_head()) / u64::from(model.n_head_kv()).max(1);
    let token = bytes_per_token(model) / 2 * shared.max(1) * ATTENTION_DEARER;
    u32::try_from(model.n_params() / token.max(1)).unwrap_or(u32::MAX)
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
