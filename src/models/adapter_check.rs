//! Is this file an adapter, and does it fit its model? Asked in Rust, before any worker opens it.
//!
//! llama.cpp ends its process at an alpha of the wrong kind, and computes nonsense, or ends, with
//! matrices that do not fit. So all of them are held against the model's own tensors here. Called by
//! `adapters` for what is added.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::gguf::{Fault, Gguf, Tensor, Value};
use super::model_check::open_model;
use crate::engine::ProbeFailure;

const MAX_RANK: u64 = 4096;

/// What an adapter's file says of itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AdapterHeader {
    pub(super) architecture: String,
    pub(super) alpha: f32,
    /// Of its largest pair of matrices.
    pub(super) rank: u32,
    /// Matrices of the model that it changes.
    pub(super) tensors: u32,
    /// Empty when it gives none.
    pub(super) name: String,
}

/// `model` is None for what only pretends to be a model.
pub(super) fn check(adapter: &Path, model: Option<&Path>) -> Result<AdapterHeader, ProbeFailure> {
    match model {
        Some(model) => check_adapter(adapter, model),
        None => Ok(Adapter::open(adapter)?.header()?),
    }
}

/// The reason is a plain sentence about the adapter's file, without its name. Blocking.
pub(super) fn check_adapter(adapter: &Path, model: &Path) -> Result<AdapterHeader, ProbeFailure> {
    let adapter = Adapter::open(adapter)?;
    let header = adapter.header()?;
    let (model, _) = open_model(model).map_err(|failure| ProbeFailure {
        reason: format!("its model cannot be read: {}", failure.reason),
        ..failure
    })?;
    adapter.check_fit(&model).map_err(ProbeFailure::lasting)?;
    Ok(header)
}

struct Adapter {
    file: Gguf,
}

/// The two matrices that stand for one of the model's.
struct Pair<'a> {
    a: &'a Tensor,
    b: &'a Tensor,
}

impl Pair<'_> {
    /// For the table of tokens the two are kept the other way round.
    fn ranks(&self, of: &str) -> (u64, u64) {
        match is_token_table(of) {
            true => (self.a.sizes[0], self.b.sizes[0]),
            false => (self.a.sizes[1], self.b.sizes[0]),
        }
    }

    fn fits(&self, of: &Tensor) -> bool {
        let (a, b) = (self.a.sizes, self.b.sizes);
        let outer = match is_token_table(&of.name) {
            true => [b[1], a[1]],
            false => [a[0], b[1]],
        };
        let inner = |sizes: &[u64; 4]| sizes[2..] == of.sizes[2..];
        outer == of.sizes[..2] && inner(&a) && inner(&b)
    }
}

fn is_token_table(name: &str) -> bool {
    name.ends_with("token_embd.weight")
}

impl Adapter {
    fn open(path: &Path) -> Result<Self, ProbeFailure> {
        let file = Gguf::open(path)?;
        Ok(Self { file })
    }

    fn header(&self) -> Result<AdapterHeader, ProbeFailure> {
        let text = |key: &str| self.file.text(key);
        if text("general.type") != "adapter" || text("adapter.type") != "lora" {
            let reason = "it is a GGUF file, and no LoRA adapter";
            return Err(ProbeFailure::lasting(reason));
        }
        // llama.cpp asks for exactly this kind, and ends where it finds another.
        let alpha = match self.file.get("adapter.lora.alpha") {
            Some(Value::F32(alpha)) => *alpha,
            _ => {
                return Err(Fault::damaged("its alpha is not a number of the right kind").into());
            }
        };
        if !alpha.is_finite() {
            return Err(Fault::damaged("its alpha is not a number").into());
        }
        let pairs = self.pairs().map_err(ProbeFailure::lasting)?;
        let ranks = pairs.iter().map(|(name, pair)| pair.ranks(name).1);
        Ok(AdapterHeader {
            architecture: text("general.architecture").to_owned(),
            alpha,
            rank: u32::try_from(ranks.max().unwrap_or(0)).unwrap_or(u32::MAX),
            tensors: u32::try_from(pairs.len()).unwrap_or(u32::MAX),
            name: text("general.name").to_owned(),
        })
    }

    /// The pairs by the names of what they change; at least one, each of one rank.
    fn pairs(&self) -> Result<BTreeMap<&str, Pair<'_>>, String> {
        let mut halves: BTreeMap<&str, [Option<&Tensor>; 2]> = BTreeMap::new();
        for tensor in &self.file.tensors {
            let name = tensor.name.as_str();
            let (of, half) = match (name.strip_suffix(".lora_a"), name.strip_suffix(".lora_b")) {
                (Some(of), _) => (of, 0),
                (_, Some(of)) => (of, 1),
                // llama.cpp passes over these.
                _ if name.ends_with("_norm.weight") => continue,
                _ => return Err(format!("its tensor {name} is none of a LoRA adapter")),
            };
            if !tensor.kind.fits_adapter() {
                return Err(format!(
                    "its tensor {name} is stored in a way adapters are not"
                ));
            }
            halves.entry(of).or_default()[half] = Some(tensor);
        }
        let mut pairs = BTreeMap::new();
        for (of, halves) in halves {
            let [Some(a), Some(b)] = halves else {
                let lacks = if halves[0].is_some() {
                    "lora_b"
                } else {
                    "lora_a"
                };
                return Err(format!("it is damaged: {of} has no {lacks}"));
            };
            let pair = Pair { a, b };
            let (left, right) = pair.ranks(of);
            if left != right || !(1..=MAX_RANK).contains(&left) {
                return Err(format!(
                    "it is damaged: the two tensors of {of} do not belong together"
                ));
            }
            pairs.insert(of, pair);
        }
        match pairs.is_empty() {
            true => Err("it changes nothing: there are no tensors in it".to_owned()),
            false => Ok(pairs),
        }
    }

    fn check_fit(&self, model: &Gguf) -> Result<(), String> {
        let (own, wanted) = ("general.architecture", model.text("general.architecture"));
        if self.file.text(own) != wanted {
            return Err(format!(
                "it is made for models of the kind {}, and this one is {wanted}",
                self.file.text(own)
            ));
        }
        let by_name: HashMap<&str, &Tensor> = model
            .tensors
            .iter()
            .map(|it| (it.name.as_str(), it))
            .collect();
        for (name, pair) in self.pairs()? {
            let Some(tensor) = by_name.get(name) else {
                return Err(format!(
                    "it is made for another model: this one has no {name}"
                ));
            };
            if !pair.fits(tensor) {
                return Err(format!(
                    "it is made for another model: {name} has other sizes in this one"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "adapter_check_tests.rs"]
pub(super) mod tests;
