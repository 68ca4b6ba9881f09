//! The adapters in memory, and which of them the context computes under.
//!
//! A set is adapters with a scale each; its number is the same for the same files and scales, in
//! every process. An adapter stays in memory as long as a request names it, and after that until
//! many others were loaded. Only the engine's thread calls this.

use std::collections::HashMap;

use llama_cpp_2::model::LlamaModel;
use sha2::{Digest, Sha256};

use super::super::protocol::AdapterLoad;
use super::context::{Adapter, Context};
use crate::engine::EngineError;

const MOST_LOADED: usize = 32;

pub(super) struct Adapters<'model> {
    model: &'model LlamaModel,
    /// The one used last at the end. Boxed: the order changes, the adapters stay.
    loaded: Vec<(String, Adapter<'model>)>,
    sets: HashMap<u64, Set>,
    /// What the context computes under.
    current: u64,
}

struct Set {
    members: Vec<(String, f32)>,
    /// Requests that were not released yet.
    requests: u32,
}

impl<'model> Adapters<'model> {
    pub(super) fn new(model: &'model LlamaModel) -> Self {
        Self {
            model,
            loaded: Vec::new(),
            sets: HashMap::new(),
            current: 0,
        }
    }

    /// The number of a set, with all of it in memory until it is released. 0 is no adapter at all.
    pub(super) fn take(
        &mut self,
        wanted: &[AdapterLoad],
        context: &mut Context<'model>,
    ) -> Result<u64, EngineError> {
        let mut members: Vec<(String, f32)> = Vec::new();
        for adapter in wanted.iter().filter(|adapter| adapter.scale != 0.0) {
            self.load(adapter)?;
            members.push((adapter.sha256.clone(), adapter.scale));
        }
        members.sort_by(|one, other| one.0.cmp(&other.0));
        let set = number_of(&members);
        if set != 0 {
            let known = self.sets.entry(set).or_insert(Set {
                members,
                requests: 0,
            });
            known.requests += 1;
        }
        self.forget_unused(context);
        Ok(set)
    }

    pub(super) fn release(&mut self, set: u64) {
        if let Some(known) = self.sets.get_mut(&set) {
            known.requests = known.requests.saturating_sub(1);
        }
        self.forget_sets();
    }

    /// People choose scales freely, so there is no end of sets.
    fn forget_sets(&mut self) {
        let current = self.current;
        self.sets
            .retain(|&number, set| set.requests > 0 || number == current);
    }

    /// Computes under this set from now on.
    pub(super) fn apply(&mut self, set: u64, context: &mut Context<'model>) {
        if set == self.current {
            return;
        }
        let members = self.sets.get(&set).map(|set| set.members.as_slice());
        let chosen: Vec<(&Adapter<'model>, f32)> = members
            .unwrap_or_default()
            .iter()
            .filter_map(|(sha256, scale)| Some((self.find(sha256)?, *scale)))
            .collect();
        context.set_adapters(&chosen);
        self.current = set;
        self.forget_sets();
    }

    fn find(&self, sha256: &str) -> Option<&Adapter<'model>> {
        let found = self.loaded.iter().find(|(known, _)| known == sha256);
        found.map(|(_, adapter)| adapter)
    }

    fn load(&mut self, wanted: &AdapterLoad) -> Result<(), EngineError> {
        let known = self
            .loaded
            .iter()
            .position(|(known, _)| *known == wanted.sha256);
        if let Some(at) = known {
            let used = self.loaded.remove(at);
            self.loaded.push(used);
            return Ok(());
        }
        let refused = || {
            let name = wanted
                .path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            EngineError::InvalidRequest(format!("the adapter {name} does not fit this model"))
        };
        let adapter = Adapter::load(self.model, &wanted.path).ok_or_else(refused)?;
        self.loaded.push((wanted.sha256.clone(), adapter));
        Ok(())
    }

    fn forget_unused(&mut self, context: &mut Context<'model>) {
        if self.loaded.len() <= MOST_LOADED {
            return;
        }
        // The context must not point to what is freed.
        self.apply(0, context);
        let sets = &self.sets;
        let is_used = |sha256: &String| {
            let mut members = sets.values().flat_map(|set| &set.members);
            members.any(|(member, _)| member == sha256)
        };
        while self.loaded.len() > MOST_LOADED {
            let Some(at) = self.loaded.iter().position(|(sha256, _)| !is_used(sha256)) else {
                return;
            };
            self.loaded.remove(at);
        }
    }
}

fn number_of(members: &[(String, f32)]) -> u64 {
    if members.is_empty() {
        return 0;
    }
    let mut hash = Sha256::new();
    for (sha256, scale) in members {
        hash.update(sha256.as_bytes());
        hash.update(scale.to_le_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    u64::from_le_bytes(first).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_named_by_its_files_and_scales() {
        let of = |members: &[(&str, f32)]| {
            let members = members
                .iter()
                .map(|(name, scale)| ((*name).to_owned(), *scale));
            number_of(&members.collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[("a", 1.0), ("b", 0.5)]), of(&[("a", 1.0), ("b", 0.5)]));
        assert_ne!(of(&[("a", 1.0), ("b", 0.5)]), of(&[("a", 0.5), ("b", 1.0)]));
        assert_ne!(of(&[("a", 1.0)]), of(&[("b", 1.0)]));
    }
}
