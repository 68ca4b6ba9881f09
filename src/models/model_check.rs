//! May llama.cpp see this model file? Asked in Rust, before any worker opens it.
//!
//! Refused is what is damaged, and the numbers that llama.cpp answers by ending its process; what
//! it answers with an error is left to the probing worker, and so are architectures, keys and types
//! that nobody here knows. Called by `library` for every file, and by `adapter_check` for the
//! tensors of a model.

use std::collections::HashSet;
use std::path::Path;

use super::folder::later_parts;
use super::gguf::{Fault, Gguf, Kind, List, Tensor, Value};
use crate::engine::ProbeFailure;

/// llama.cpp's own.
const MAX_LAYERS: i128 = 512;
const MAX_EXPERTS: i128 = 1024;
/// Beyond what any model has.
const MAX_LENGTH: i128 = 1 << 30;
/// 6 is the greatest that is known.
const MAX_TOKEN_TYPE: i128 = 31;
const ROPE_SCALINGS: [&str; 4] = ["none", "linear", "yarn", "longrope"];

/// What a model's file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModelHeader {
    /// Empty when it gives none.
    pub(super) architecture: String,
    /// Empty when it gives none.
    pub(super) name: String,
    /// How many files it lies in.
    pub(super) parts: u32,
    /// Of all parts.
    pub(super) tensors: u64,
}

/// The reason is a plain sentence about the file, without its name. Blocking.
pub(super) fn check_model(path: &Path) -> Result<ModelHeader, ProbeFailure> {
    let (model, parts) = open_model(path)?;
    Ok(ModelHeader {
        architecture: model.text("general.architecture").to_owned(),
        name: model.text("general.name").to_owned(),
        parts,
        tensors: model.tensors.len() as u64,
    })
}

/// A checked model with the tensors of all its parts, and how many these are.
pub(super) fn open_model(path: &Path) -> Result<(Gguf, u32), ProbeFailure> {
    let mut model = Gguf::open(path)?;
    check_metadata(&model).map_err(Fault::damaged)?;
    if model.text("general.type") == "adapter" {
        return Err(ProbeFailure::lasting("it is an adapter, and no model"));
    }
    let parts = open_parts(path, &mut model)?;
    Ok((model, parts))
}

/// What is wrong with a model's numbers, as half a sentence.
pub(super) fn check_metadata(model: &Gguf) -> Result<(), String> {
    let architecture = model.text("general.architecture");
    // It has no layers of its own: it is loaded beside a model.
    if architecture != "clip" {
        let keys = Keys {
            model,
            architecture,
        };
        keys.check_lengths()?;
        keys.check_heads()?;
        keys.check_experts()?;
    }
    check_vocabulary(model)
}

/// The keys that begin with the architecture's name.
struct Keys<'a> {
    model: &'a Gguf,
    architecture: &'a str,
}

impl Keys<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.model.get(&format!("{}.{key}", self.architecture))
    }

    fn whole(&self, key: &str) -> Option<i128> {
        self.model.whole(&format!("{}.{key}", self.architecture))
    }

    /// One number for all layers, or one for each.
    fn each_layer(&self, key: &str) -> Vec<i128> {
        match self.get(key) {
            Some(Value::Whole(_, number)) => vec![*number],
            Some(Value::List(List { numbers, .. })) => numbers.clone(),
            _ => Vec::new(),
        }
    }

    fn check_lengths(&self) -> Result<(), String> {
        for (key, most) in [
            ("block_count", MAX_LAYERS),
            ("context_length", MAX_LENGTH),
            ("embedding_length", MAX_LENGTH),
        ] {
            if let Some(number) = self.whole(key).filter(|it| !(1..=most).contains(it)) {
                return Err(format!("its {key} is {number}"));
            }
        }
        let layers = self.whole("block_count").unwrap_or(MAX_LAYERS);
        if let Some(more) = self.whole("nextn_predict_layers").filter(|it| *it > layers) {
            return Err(format!("its nextn_predict_layers is {more}"));
        }
        match self.get("rope.scaling.type") {
            Some(Value::Text(name)) if !ROPE_SCALINGS.contains(&name.as_str()) => {
                Err("its rope.scaling.type is unknown".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn check_heads(&self) -> Result<(), String> {
        let embedding = self.whole("embedding_length").unwrap_or(MAX_LENGTH);
        let heads = self.each_layer("attention.head_count");
        // Layers without attention have none.
        if let Some(count) = heads.iter().find(|it| !(0..=embedding).contains(*it)) {
            return Err(format!("its attention.head_count is {count}"));
        }
        let most = heads.iter().copied().max().unwrap_or(embedding);
        let groups = self.each_layer("attention.head_count_kv");
        let fits = |count: &i128| match (&heads[..], &groups[..]) {
            // Each group of heads has as many of them.
            ([heads], [_]) if *heads > 0 && *count > 0 => heads % count == 0,
            _ => (0..=most).contains(count),
        };
        match groups.iter().find(|count| !fits(count)) {
            Some(count) => Err(format!("its attention.head_count_kv is {count}")),
            None => Ok(()),
        }
    }

    fn check_experts(&self) -> Result<(), String> {
        let mut experts = self.whole("expert_count").unwrap_or(0);
        let mut used = self
            .each_layer("expert_used_count")
            .into_iter()
            .max()
            .unwrap_or(0);
        if self.architecture.starts_with("hunyuan") && experts <= 1 {
            (experts, used) = (0, 0);
        }
        let groups = self.whole("expert_group_count").unwrap_or(0);
        let group_used = self.whole("expert_group_used_count").unwrap_or(0);
        if !(0..=MAX_EXPERTS).contains(&experts) {
            return Err(format!("its expert_count is {experts}"));
        }
        let least = i128::from(experts > 0);
        if !(least..=experts).contains(&used) {
            return Err(format!("its expert_used_count is {used}"));
        }
        let grouped = match experts {
            0 => groups == 0,
            _ => {
                (0..experts).contains(&groups)
                    && (groups < 2 || (experts % groups == 0 && (1..groups).contains(&group_used)))
            }
        };
        match grouped {
            true => Ok(()),
            false => Err(format!("its expert_group_count is {groups}")),
        }
    }
}

fn check_vocabulary(model: &Gguf) -> Result<(), String> {
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    if ["none", "no_vocab"].contains(&model.text(&key("model"))) {
        return Ok(());
    }
    let list = |name: &str| match model.get(&key(name)) {
        None => Ok(None),
        Some(Value::List(list)) => Ok(Some(list)),
        Some(_) => Err(format!("its tokenizer.ggml.{name} is not a list")),
    };
    let Some(tokens) = list("tokens")? else {
        return Ok(());
    };
    let kinds = [
        ("tokens", &[Kind::Text][..]),
        ("merges", &[Kind::Text]),
        ("scores", &[Kind::F32, Kind::I32]),
        ("token_type", &[Kind::I32, Kind::U32]),
    ];
    for (name, kinds) in kinds {
        let Some(found) = list(name)? else { continue };
        if !kinds.contains(&found.kind) {
            return Err(format!("its tokenizer.ggml.{name} is of a wrong kind"));
        }
        if ["scores", "token_type"].contains(&name) && found.count < tokens.count {
            return Err(format!(
                "its tokenizer.ggml.{name} is shorter than its vocabulary"
            ));
        }
    }
    if tokens.count == 0 || i32::try_from(tokens.count).is_err() {
        return Err("its vocabulary is empty or absurdly large".to_owned());
    }
    if let Some(index) = tokens.repeated {
        return Err(format!(
            "the token {index} of its vocabulary is there twice"
        ));
    }
    let bounds = list("token_type")?.and_then(|types| types.bounds);
    match bounds {
        Some((low, high)) if low < 0 || high > MAX_TOKEN_TYPE => {
            Err("a token of its vocabulary is of an unknown type".to_owned())
        }
        _ => Ok(()),
    }
}

/// Opens the parts after the first, adds their tensors, and tells how many parts there are.
fn open_parts(path: &Path, model: &mut Gguf) -> Result<u32, ProbeFailure> {
    let count = match model.get("split.count") {
        None => return Ok(1),
        Some(Value::Whole(Kind::U16, count)) => u32::try_from(*count).unwrap_or(0),
        Some(_) => return Err(Fault::damaged("its split.count is of a wrong kind").into()),
    };
    if count <= 1 {
        return Ok(1);
    }
    if model.whole("split.no") != Some(0) {
        let reason = "it is a later part of a model; the first stands for all";
        return Err(ProbeFailure::lasting(reason));
    }
    let unreadable = |error| ProbeFailure::from(Fault::Unreadable(error));
    let parts = later_parts(&std::fs::canonicalize(path).map_err(unreadable)?);
    if parts.len() as u64 + 1 != u64::from(count) {
        let reason = format!(
            "it is a model in {count} parts, and its name must end in -00001-of-{count:05}.gguf"
        );
        return Err(ProbeFailure::lasting(reason));
    }
    let mut names: HashSet<String> = model.tensors.iter().map(|it| it.name.clone()).collect();
    for (number, part) in (1_u32..).zip(&parts) {
        let tensors = open_part(part, number).map_err(|failure| about_part(part, failure))?;
        for tensor in tensors {
            if !names.insert(tensor.name.clone()) {
                let reason = format!("the tensor {} is in two of its parts", tensor.name);
                return Err(Fault::damaged(reason).into());
            }
            model.tensors.push(tensor);
        }
    }
    let declared = model.whole("split.tensors.count");
    match declared.is_none_or(|declared| declared == model.tensors.len() as i128) {
        true => Ok(count),
        false => Err(Fault::damaged("its parts do not hold the tensors they should").into()),
    }
}

fn open_part(part: &Path, number: u32) -> Result<Vec<Tensor>, ProbeFailure> {
    if !part.exists() {
        return Err(ProbeFailure::lasting("it is missing"));
    }
    let found = Gguf::open(part)?;
    match found.get("split.no") {
        Some(Value::Whole(Kind::U16, is)) if *is == i128::from(number) => Ok(found.tensors),
        _ => Err(ProbeFailure::lasting("it is the part of another model")),
    }
}

fn about_part(part: &Path, failure: ProbeFailure) -> ProbeFailure {
    let name = part.file_name().unwrap_or_default().to_string_lossy();
    ProbeFailure {
        reason: format!("of its part {name}: {}", failure.reason),
        ..failure
    }
}

#[cfg(test)]
#[path = "model_check_tests.rs"]
mod tests;
