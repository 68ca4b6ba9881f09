//! `[engine]`: how models run.

use std::path::PathBuf;

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// The most one conversation may hold, in tokens; a model trained for less holds less.
    pub context_tokens: u32,
    /// How many replies are written at once; others wait.
    pub parallel_replies: u32,
    /// Threads for computing; 0 chooses by the number of cores.
    pub threads: u32,
    /// How long a reply that is being written may wait for its next word while prompts are read.
    pub step_target_ms: u32,
    /// How much of the disk computed conversations may take, so that they go on quickly after a
    /// restart; 0 keeps none.
    pub saved_mib: u64,
    /// How many requests may wait, in all.
    pub queue_limit: u32,
    /// A script that answers instead of a model, for tests and demonstrations: see `engine/scripted/mod.rs`.
    pub script: Option<PathBuf>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            context_tokens: 8192,
            parallel_replies: 16,
            threads: 0,
            step_target_ms: 200,
            saved_mib: 4096,
            queue_limit: 256,
            script: None,
        }
    }
}
