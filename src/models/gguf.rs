//! Reads what stands before the weights of a GGUF file, whoever wrote it.
//!
//! Every length is held against what is left of the file before anything is made of it, so that no
//! file costs more memory than it has bytes; damage is told in a sentence and nothing panics.
//! What the numbers mean is asked elsewhere: `model_check` and `adapter_check`, which alone call this.

mod tensor;
mod value;

#[cfg(test)]
mod gguf_tests;
#[cfg(test)]
pub(super) mod writer_tests;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

pub(super) use self::tensor::Tensor;
pub(super) use self::value::{Kind, List, Value};
use super::header::{self, MAX_METADATA, MAX_TENSORS};
use crate::engine::ProbeFailure;

const MAX_KEY_BYTES: u64 = 64 * 1024 - 1;
/// llama.cpp's own, with its final NUL.
const MAX_TENSOR_NAME_BYTES: u64 = 63;
/// A longer text is counted and not kept.
const MAX_KEPT_BYTES: u64 = 1024 * 1024;
/// Numbers of a list that are kept; one for each layer is usual.
const MAX_KEPT_NUMBERS: u64 = 4096;
const DEFAULT_ALIGNMENT: u64 = 32;
/// llama.cpp ends its process when weights in memory begin elsewhere.
const MEMORY_ALIGNMENT: u64 = 32;

/// Why a file could not be read to its weights.
#[derive(Debug)]
pub(super) enum Fault {
    /// Another try may succeed.
    Unreadable(io::Error),
    /// A plain sentence about the file, without its name.
    Damaged(String),
}

impl Fault {
    pub(super) fn damaged(what: impl AsRef<str>) -> Self {
        Self::Damaged(format!("it is damaged: {}", what.as_ref()))
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Damaged("it is incomplete".into()),
            _ => Self::Unreadable(error),
        }
    }
}

impl From<Fault> for ProbeFailure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreadable(error) => Self::passing(format!("it cannot be read: {error}")),
            Fault::Damaged(reason) => Self::lasting(reason),
        }
    }
}

/// A GGUF file without its weights.
#[derive(Debug)]
pub(super) struct Gguf {
    metadata: HashMap<String, Value>,
    /// In the order of the file, each name once.
    pub(super) tensors: Vec<Tensor>,
}

impl Gguf {
    pub(super) fn open(path: &Path) -> Result<Self, ProbeFailure> {
        header::check(path)?;
        let file = File::open(path).map_err(Fault::from)?;
        Ok(Self::read(BufReader::new(file))?)
    }

    pub(super) fn read(mut file: impl Read + Seek) -> Result<Self, Fault> {
        let length = file.seek(io::SeekFrom::End(0))?;
        file.seek(io::SeekFrom::Start(0))?;
        let mut reader = Reader {
            left: length,
            length,
            file,
        };
        let mut beginning = [0; header::HEADER_BYTES as usize];
        reader.fill(&mut beginning)?;
        let counts = header::check_header(&beginning, length).map_err(Fault::Damaged)?;
        let metadata = reader.metadata(counts.metadata)?;
        let alignment = alignment_of(&metadata)?;
        let tensors = reader.tensors(counts.tensors)?;
        reader.check_layout(&tensors, alignment)?;
        Ok(Self { metadata, tensors })
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// Empty where there is none, or something else.
    pub(super) fn text(&self, key: &str) -> &str {
        match self.get(key) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// None where there is none, or something else than a whole number.
    pub(super) fn whole(&self, key: &str) -> Option<i128> {
        match self.get(key) {
            Some(Value::Whole(_, number)) => Some(*number),
            _ => None,
        }
    }
}

fn alignment_of(metadata: &HashMap<String, Value>) -> Result<u64, Fault> {
    match metadata.get("general.alignment") {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(Value::Whole(Kind::U32, alignment)) => u64::try_from(*alignment)
            .ok()
            .filter(|alignment| alignment.is_power_of_two())
            .ok_or_else(|| Fault::damaged("its alignment is no power of two")),
        Some(_) => Err(Fault::damaged(
            "its alignment is not a number of the right kind",
        )),
    }
}

struct Reader<R> {
    file: R,
    left: u64,
    length: u64,
}

impl<R: Read> Reader<R> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.expect(bytes.len() as u64)?;
        self.file.read_exact(bytes)?;
        self.left -= bytes.len() as u64;
        Ok(())
    }

    /// That so many bytes are left.
    fn expect(&self, bytes: u64) -> Result<(), Fault> {
        match bytes <= self.left {
            true => Ok(()),
            false => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn bytes(&mut self, length: u64) -> Result<Vec<u8>, Fault> {
        self.expect(length)?;
        let mut bytes = Vec::new();
        let read = (&mut self.file).take(length).read_to_end(&mut bytes)?;
        self.left -= read as u64;
        match read as u64 == length {
            true => Ok(bytes),
            false => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }

    fn skip(&mut self, length: u64) -> Result<(), Fault> {
        self.expect(length)?;
        let skipped = io::copy(&mut (&mut self.file).take(length), &mut io::sink())?;
        self.left -= skipped;
        match skipped == length {
            true => Ok(()),
            false => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }

    /// A name, as far as that is permitted.
    fn name(&mut self, max_bytes: u64, what: &str) -> Result<String, Fault> {
        let length = self.u64()?;
        if length > max_bytes {
            return Err(Fault::damaged(format!("{what} is too long")));
        }
        let bytes = self.bytes(length)?;
        String::from_utf8(bytes).map_err(|_| Fault::damaged(format!("{what} is not text")))
    }

    fn metadata(&mut self, count: u64) -> Result<HashMap<String, Value>, Fault> {
        let mut metadata = HashMap::new();
        for _ in 0..count.min(MAX_METADATA) {
            let key = self.name(MAX_KEY_BYTES, "a key")?;
            let value = self.value()?;
            if key.is_empty() || metadata.contains_key(&key) {
                return Err(Fault::damaged(format!(
                    "the key \"{key}\" is empty or there twice"
                )));
            }
            metadata.insert(key, value);
        }
        Ok(metadata)
    }

    fn kind(&mut self) -> Result<Kind, Fault> {
        let code = self.u32()?;
        Kind::from_code(code)
            .ok_or_else(|| Fault::damaged(format!("there is no kind of value {code}")))
    }

    fn value(&mut self) -> Result<Value, Fault> {
        Ok(match self.kind()? {
            Kind::Text => {
                let length = self.u64()?;
                match length <= MAX_KEPT_BYTES {
                    true => Value::Text(String::from_utf8_lossy(&self.bytes(length)?).into_owned()),
                    false => {
                        self.skip(length)?;
                        Value::LongText
                    }
                }
            }
            Kind::List => Value::List(self.list()?),
            kind => {
                let mut bytes = [0; 8];
                let size = kind.size_bytes() as usize;
                self.fill(&mut bytes[..size])?;
                kind.value_of(bytes)
            }
        })
    }

    fn list(&mut self) -> Result<List, Fault> {
        let kind = self.kind()?;
        let count = self.u64()?;
        let least = count.checked_mul(kind.size_bytes());
        match (kind, least) {
            (Kind::List, _) => Err(Fault::damaged("there is a list in a list")),
            (_, None) => Err(Fault::damaged("a list is too long")),
            (Kind::Text, Some(least)) => {
                self.expect(least)?;
                self.texts(count)
            }
            (kind, Some(bytes)) => {
                self.expect(bytes)?;
                self.numbers(kind, count)
            }
        }
    }

    fn texts(&mut self, count: u64) -> Result<List, Fault> {
        let mut seen = HashSet::new();
        let mut repeated = None;
        for index in 0..count {
            let length = self.u64()?;
            // Nothing tells two empty texts apart, and nothing needs to.
            if length > 0 && !seen.insert(self.bytes(length)?) {
                repeated = repeated.or(Some(index));
            }
        }
        Ok(List {
            kind: Kind::Text,
            count,
            repeated,
            ..List::default()
        })
    }

    fn numbers(&mut self, kind: Kind, count: u64) -> Result<List, Fault> {
        let mut list = List {
            kind,
            count,
            ..List::default()
        };
        let size = kind.size_bytes() as usize;
        for index in 0..count {
            let mut bytes = [0; 8];
            self.fill(&mut bytes[..size])?;
            if let Value::Whole(_, number) = kind.value_of(bytes) {
                list.see(number, index < MAX_KEPT_NUMBERS);
            }
        }
        Ok(list)
    }

    fn tensors(&mut self, count: u64) -> Result<Vec<Tensor>, Fault> {
        let mut tensors = Vec::new();
        let mut names = HashSet::new();
        for _ in 0..count.min(MAX_TENSORS) {
            let name = self.name(MAX_TENSOR_NAME_BYTES, "the name of a tensor")?;
            if !names.insert(name.clone()) {
                return Err(Fault::damaged(format!("the tensor {name} is there twice")));
            }
            let dimensions = self.u32()?;
            let mut sizes = [1; 4];
            let Some(sizes_read) = sizes.get_mut(..dimensions as usize) else {
                let reason = format!("the tensor {name} has {dimensions} dimensions");
                return Err(Fault::damaged(reason));
            };
            for size in sizes_read {
                *size = self.u64()?;
            }
            let (kind, offset) = (self.u32()?, self.u64()?);
            tensors.push(Tensor::new(name, sizes, kind, offset).map_err(Fault::damaged)?);
        }
        Ok(tensors)
    }

    /// The weights follow one another without a gap, and all of them are in the file.
    fn check_layout(&self, tensors: &[Tensor], alignment: u64) -> Result<(), Fault> {
        let padded = |bytes: u64| bytes.checked_next_multiple_of(alignment);
        let too_large = || Fault::damaged("its tensors are larger than any file");
        let start = padded(self.length - self.left).ok_or_else(too_large)?;
        if !tensors.is_empty() && !start.is_multiple_of(MEMORY_ALIGNMENT) {
            return Err(Fault::damaged("its tensors begin at an odd place"));
        }
        let mut expected = 0_u64;
        for tensor in tensors {
            if tensor.offset != expected {
                let name = &tensor.name;
                return Err(Fault::damaged(format!(
                    "the tensor {name} lies in a wrong place"
                )));
            }
            let end = start
                .checked_add(expected)
                .and_then(|begin| begin.checked_add(tensor.size_bytes))
                .ok_or_else(too_large)?;
            if end > self.length {
                let reason = format!("it is incomplete: the tensor {} is cut off", tensor.name);
                return Err(Fault::Damaged(reason));
            }
            let padded = padded(tensor.size_bytes).ok_or_else(too_large)?;
            expected = expected.checked_add(padded).ok_or_else(too_large)?;
        }
        Ok(())
    }
}
