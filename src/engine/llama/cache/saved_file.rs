//! One computed sequence in a file: what it says of itself, how it is written and read.
//!
//! The header names model, adapters, person and tokens; sums tell what is torn. A file has its name
//! only once it is whole. Called by [`super::files`] and by the worker's thread for files.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Scope;

const MAGIC: &[u8; 8] = b"chatkv01";
pub(super) const ENDING: &str = "kv";
/// Written under this ending first.
pub(super) const UNFINISHED: &str = "part";
const MAX_HEADER_BYTES: u32 = 16 << 20;

/// What a file says about what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct SavedHeader {
    /// [`model_key`].
    pub(in super::super) model: [u8; 32],
    set: u64,
    lane: u64,
    house_tokens: u32,
    pub(in super::super) tokens: Vec<i32>,
    state_bytes: u64,
    state_sum: u32,
}

impl SavedHeader {
    pub(in super::super) fn new(
        model: [u8; 32],
        scope: Scope,
        tokens: Vec<i32>,
        state: &[u8],
    ) -> Self {
        Self {
            model,
            set: scope.set,
            lane: scope.lane,
            house_tokens: scope.house_tokens,
            tokens,
            state_bytes: state.len() as u64,
            state_sum: crc32fast::hash(state),
        }
    }

    /// The size of a file that begins with this.
    pub(in super::super) fn file_bytes(&self) -> u64 {
        let header_bytes = postcard::to_stdvec(self).map_or(0, |bytes| bytes.len());
        16 + header_bytes as u64 + self.state_bytes
    }

    pub(in super::super) fn scope(&self) -> Scope {
        Scope {
            set: self.set,
            lane: self.lane,
            house_tokens: self.house_tokens,
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

pub(super) fn read_header(path: &Path) -> io::Result<(SavedHeader, BufReader<File>)> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let mut start = [0; 16];
    reader.read_exact(&mut start)?;
    let number = |at: usize| {
        let bytes = start[at..at + 4].iter().rev();
        bytes.fold(0_u32, |sum, &byte| sum << 8 | u32::from(byte))
    };
    let (header_bytes, sum) = (number(8), number(12));
    if &start[..8] != MAGIC || header_bytes > MAX_HEADER_BYTES {
        return Err(broken("it is no saved sequence"));
    }
    let mut bytes = vec![0; header_bytes as usize];
    reader.read_exact(&mut bytes)?;
    if crc32fast::hash(&bytes) != sum {
        return Err(broken("its header is torn"));
    }
    let header: SavedHeader =
        postcard::from_bytes(&bytes).map_err(|_| broken("its header is of another version"))?;
    if length != 16 + u64::from(header_bytes) + header.state_bytes {
        return Err(broken("it is torn"));
    }
    Ok((header, reader))
}

/// The state in a file, with what it says of itself; an error means that it is of no use.
pub(in super::super) fn read(path: &Path) -> io::Result<(SavedHeader, Vec<u8>)> {
    let (header, mut reader) = read_header(path)?;
    let length = usize::try_from(header.state_bytes).map_err(|_| broken("it is too large"))?;
    let mut state = vec![0; length];
    reader.read_exact(&mut state)?;
    if crc32fast::hash(&state) != header.state_sum {
        return Err(broken("what it holds is torn"));
    }
    Ok((header, state))
}

/// Writes a file beside the others; it has its name only once it is whole. Its path and size.
pub(in super::super) fn write(
    folder: &Path,
    header: &SavedHeader,
    state: &[u8],
) -> io::Result<(PathBuf, u64)> {
    let bytes = postcard::to_stdvec(header).map_err(io::Error::other)?;
    let header_bytes = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let name = hex::encode(&Sha256::digest(&bytes)[..16]);
    let unfinished = folder.join(format!("{name}.{UNFINISHED}"));
    let path = folder.join(format!("{name}.{ENDING}"));
    let result = (|| {
        let mut file = File::create(&unfinished)?;
        file.write_all(MAGIC)?;
        file.write_all(&header_bytes.to_le_bytes())?;
        file.write_all(&crc32fast::hash(&bytes).to_le_bytes())?;
        file.write_all(&bytes)?;
        file.write_all(state)?;
        // Not synchronised: the sums tell what did not reach the disk.
        fs::rename(&unfinished, &path)
    })();
    if result.is_err() {
        let _gone = fs::remove_file(&unfinished);
    }
    result?;
    Ok((path, 16 + bytes.len() as u64 + state.len() as u64))
}

/// Tells one model file from another without reading all of it, and one way of computing from
/// another.
pub(in super::super) fn model_key(path: &Path, way: &str) -> io::Result<[u8; 32]> {
    use std::io::{Seek, SeekFrom};

    const SAMPLES: u64 = 64;
    const SAMPLE_BYTES: u64 = 64 << 10;
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut hash = Sha256::new();
    hash.update(way.as_bytes());
    hash.update(length.to_le_bytes());
    let mut sample = Vec::new();
    for at in 0..SAMPLES {
        file.seek(SeekFrom::Start(length / SAMPLES * at))?;
        sample.clear();
        (&mut file).take(SAMPLE_BYTES).read_to_end(&mut sample)?;
        hash.update(&sample);
    }
    Ok(hash.finalize().into())
}
