//! What the scripted engine says in tests: a message that begins with one of these phrases gets the
//! reply that goes with it, anything else is repeated. The format is that of `src/engine/scripted.rs`.

use std::path::Path;

use serde_json::{Value, json};

/// Some forty words, one each 25 ms: long enough to leave and come back.
pub(crate) const SLOW: &str = "Tell me slowly";
/// Goes on for longer than any test waits.
pub(crate) const ENDLESS: &str = "Talk for ever";
/// Fails after a few words.
pub(crate) const BROKEN: &str = "Break off";
/// Says nothing for longer than the keep-alive's pause.
pub(crate) const SILENT: &str = "Think first";
/// The engine finds it longer than the context.
pub(crate) const TOO_LONG: &str = "Too long";

/// The engine has too many waiting.
pub(crate) const FULL: &str = "Crowd in";
/// So many events that not all are remembered.
pub(crate) const FLOOD: &str = "Flood";

const SLOW_REPLY: &str = "A chatelaine was the lady of a large house, and also the chain of keys that hung \
    from her belt; with it went scissors, a thimble, a watch and whatever else would be wanted at \
    once — whoever held it held the house. 🗝️ End.";

#[derive(Clone)]
pub(crate) struct Script(Value);

impl Default for Script {
    fn default() -> Self {
        Self(json!({
            "models": ["scripted", "scripted-two"],
            "rules": [
                {"when": format!("^{SLOW}"), "reply": SLOW_REPLY, "delay_ms": 25, "queued": [1, 0], "prefill": 8},
                {"when": format!("^{ENDLESS}"), "reply": "and on ", "repeat": 6000, "delay_ms": 20},
                {"when": format!("^{BROKEN}"), "reply": "this comes to its end only the second time", "fail_after": 4},
                {"when": format!("^{SILENT}"), "reply": "yes", "first_delay_ms": 2600},
                {"when": format!("^{FULL}"), "error": "queue_full"},
                {"when": format!("^{FLOOD}"), "reply": ["a ", "b ", "c ", "d ", "e "], "repeat": 5000},
                {"when": format!("^{TOO_LONG}"), "error": {"context_too_long": {"tokens": 9000, "limit": 4096}}},
            ],
        }))
    }
}

impl Script {
    /// Puts a rule before the others.
    pub(crate) fn rule(mut self, rule: Value) -> Self {
        self.0["rules"]
            .as_array_mut()
            .expect("a list of rules")
            .insert(0, rule);
        self
    }

    /// Has vectors take so long.
    pub(crate) fn embed_delay_ms(mut self, delay_ms: u64) -> Self {
        self.0["embed_delay_ms"] = delay_ms.into();
        self
    }

    pub(super) fn write(&self, path: &Path) {
        std::fs::write(path, self.0.to_string()).expect("a script can be written");
    }
}
