//! Is this file an adapter, and of which kind? Asked in Rust, before any worker opens it.
//!
//! Reads what stands before the weights: that it calls itself a LoRA adapter, its numbers, and that
//! its tensors come in pairs of one rank. A model's file, where there is one, must be of the same
//! architecture. Every length is bounded. Called by `adapters` for what is added.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::header;
use crate::engine::ProbeFailure;

const MAX_TEXT_BYTES: u64 = 64 * 1024;
const MAX_ITEMS: u64 = 1 << 20;
const MAX_RANK: u64 = 4096;
const FLOAT: u32 = 6;
const TEXT: u32 = 8;
const LIST: u32 = 9;

/// What an adapter's file says of itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AdapterHeader {
    pub(super) architecture: String,
    pub(super) alpha: f32,
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
        None => read_adapter(adapter),
    }
}

/// The reason is a plain sentence about the file, without its name.
fn check_adapter(adapter: &Path, model: &Path) -> Result<AdapterHeader, ProbeFailure> {
    let found = read_adapter(adapter)?;
    let mut base = Reader::open(model)?;
    let base = base.metadata()?;
    let wanted = base.text("general.architecture");
    if wanted != found.architecture {
        return damaged(format!(
            "it is made for models of the kind {}, and this one is {wanted}",
            found.architecture
        ));
    }
    Ok(found)
}

fn read_adapter(path: &Path) -> Result<AdapterHeader, ProbeFailure> {
    header::check(path)?;
    let mut file = Reader::open(path)?;
    let metadata = file.metadata()?;
    if metadata.text("general.type") != "adapter" || metadata.text("adapter.type") != "lora" {
        return damaged("it is a GGUF file, and no LoRA adapter");
    }
    let Some(&alpha) = metadata.floats.get("adapter.lora.alpha") else {
        return damaged("it is damaged: its alpha is not a number of the right kind");
    };
    if !alpha.is_finite() {
        return damaged("it is damaged: its alpha is not a number");
    }
    let (rank, tensors) = file.pairs()?;
    Ok(AdapterHeader {
        architecture: metadata.text("general.architecture").to_owned(),
        alpha,
        rank,
        tensors,
        name: metadata.text("general.name").to_owned(),
    })
}

fn damaged<T>(reason: impl Into<String>) -> Result<T, ProbeFailure> {
    Err(ProbeFailure::lasting(reason))
}

/// The values that are asked for here.
#[derive(Default)]
struct Metadata {
    texts: HashMap<String, String>,
    floats: HashMap<String, f32>,
}

impl Metadata {
    fn text(&self, key: &str) -> &str {
        self.texts.get(key).map_or("", String::as_str)
    }
}

struct Reader {
    file: BufReader<File>,
    tensors: u64,
    entries: u64,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, ProbeFailure> {
        let file = File::open(path)
            .map_err(|error| ProbeFailure::passing(format!("it cannot be read: {error}")))?;
        let mut reader = Self {
            file: BufReader::new(file),
            tensors: 0,
            entries: 0,
        };
        // The magic and the version were looked at before.
        reader.u64()?;
        reader.tensors = reader.u64()?;
        reader.entries = reader.u64()?;
        Ok(reader)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ProbeFailure> {
        let mut bytes = [0; N];
        match self.file.read_exact(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(_) => damaged("it is incomplete"),
        }
    }

    fn u32(&mut self) -> Result<u32, ProbeFailure> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, ProbeFailure> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<String, ProbeFailure> {
        let length = self.u64()?;
        if length > MAX_TEXT_BYTES {
            return damaged("it is damaged: a text in it is too long");
        }
        let mut bytes = Vec::new();
        match (&mut self.file).take(length).read_to_end(&mut bytes) {
            Ok(read) if read as u64 == length => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            _ => damaged("it is incomplete"),
        }
    }

    fn skip(&mut self, kind: u32, nested: bool) -> Result<(), ProbeFailure> {
        match kind {
            0 | 1 | 7 => self.bytes::<1>().map(drop),
            2 | 3 => self.bytes::<2>().map(drop),
            4..=6 => self.bytes::<4>().map(drop),
            10..=12 => self.bytes::<8>().map(drop),
            TEXT => self.text().map(drop),
            LIST if !nested => {
                let (kind, items) = (self.u32()?, self.u64()?);
                if items > MAX_ITEMS {
                    return damaged("it is damaged: a list in it is too long");
                }
                (0..items).try_for_each(|_| self.skip(kind, true))
            }
            _ => damaged("it is damaged: its header is not understood"),
        }
    }

    fn metadata(&mut self) -> Result<Metadata, ProbeFailure> {
        let mut found = Metadata::default();
        for _ in 0..self.entries {
            let (key, kind) = (self.text()?, self.u32()?);
            match kind {
                TEXT => {
                    let value = self.text()?;
                    found.texts.insert(key, value);
                }
                FLOAT => {
                    let value = f32::from_le_bytes(self.bytes()?);
                    found.floats.insert(key, value);
                }
                _ => self.skip(kind, false)?,
            }
        }
        Ok(found)
    }

    /// The rank of the matrices that follow the metadata, and how many pairs there are.
    fn pairs(&mut self) -> Result<(u32, u32), ProbeFailure> {
        let mut ranks: HashMap<String, [u64; 2]> = HashMap::new();
        for _ in 0..self.tensors {
            let (name, dimensions) = (self.text()?, self.u32()?);
            if dimensions != 2 {
                return damaged("it is damaged: a tensor in it is no matrix");
            }
            let sizes = [self.u64()?, self.u64()?];
            let (_kind, _offset) = (self.u32()?, self.u64()?);
            match (name.strip_suffix(".lora_a"), name.strip_suffix(".lora_b")) {
                (Some(of), _) => ranks.entry(of.to_owned()).or_default()[0] = sizes[1],
                (_, Some(of)) => ranks.entry(of.to_owned()).or_default()[1] = sizes[0],
                _ => return damaged(format!("its tensor {name} is none of a LoRA adapter")),
            }
        }
        let Some(&[rank, _]) = ranks.values().next() else {
            return damaged("it changes nothing: there are no tensors in it");
        };
        let uneven = |pair: &[u64; 2]| pair[0] != pair[1] || !(1..=MAX_RANK).contains(&pair[0]);
        if ranks.values().any(uneven) {
            return damaged("it is damaged: its tensors do not belong together");
        }
        let (rank, pairs) = (u32::try_from(rank), u32::try_from(ranks.len()));
        Ok((rank.unwrap_or(u32::MAX), pairs.unwrap_or(u32::MAX)))
    }
}

#[cfg(test)]
#[path = "adapter_check_tests.rs"]
pub(super) mod tests;
