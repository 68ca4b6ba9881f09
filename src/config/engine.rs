//! `[engine]`: how models run.
//!
//! Whatever is not said is chosen for the model and the machine.

use std::path::PathBuf;

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// The most one conversation may hold, in tokens; a model trained for less holds less.
    pub context_tokens: u32,
    /// How many replies are written at once, at most; others wait. Fewer where each has room of its own
    /// in a small memory: see `unified_kv`.
    pub parallel_replies: u32,
    /// Threads for computing; 0 chooses by the number of cores.
    pub threads: u32,
    /// Whether conversations share one memory for tokens (true), which holds more of them, or each has
    /// room of its own (false), which is quicker on processors; absent chooses by the machine.
    pub unified_kv: Option<bool>,
    /// Whether the memory for tokens is in bf16 (true), which some processors compute with more quickly,
    /// or in f16 (false), which is more exact; absent chooses by the machine.
    pub bf16_kv: Option<bool>,
    /// How long a reply that is being written may wait for its next word while prompts are read.
    pub step_target_ms: u32,
    /// How much of the disk computed conversations may take, so that they go on quickly after a
    /// restart; 0 keeps none.
    pub saved_mib: u64,
    /// How many requests may wait, in all.
    pub queue_limit: u32,
    /// How many requests of one person may wait.
    pub queue_limit_per_user: u32,
    /// How many layers of a model go to graphics cards; absent for as many as fit.
    pub gpu_layers: Option<u32>,
    /// What all loaded models together may take; absent for all the machine has, less a fifth.
    pub memory_mib: Option<u64>,
    /// A model that was asked nothing for so long leaves the memory; 0 for never.
    pub unload_after_s: u64,
    /// A model's process that was asked and says nothing for so long is ended and started again.
    pub silence_limit_s: u64,
    /// A script that answers instead of a model, for tests and demonstrations: see `engine/scripted/mod.rs`.
    pub script: Option<PathBuf>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            context_tokens: 8192,
            parallel_replies: 16,
            threads: 0,
            unified_kv: None,
            bf16_kv: None,
            step_target_ms: 240,
            saved_mib: 4096,
            queue_limit: 256,
            queue_limit_per_user: 64,
            gpu_layers: None,
            memory_mib: None,
            unload_after_s: 900,
            silence_limit_s: 600,
            script: None,
        }
    }
}
