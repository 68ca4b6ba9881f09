//! What has come of a file, and which pieces of it are whole: `NAME.part` and `NAME.part.json`.
//!
//! A piece is written down, with its checksum, after its bytes; what is written down is compared
//! with the bytes before it is believed. So a house that goes dark loses the pieces that were on
//! their way, and nothing else. A list that cannot be read, or is about another version of the
//! file, is as if it were not there. Everything here blocks.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

const READ_BYTES: usize = 256 << 10;
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Which version of which file. Pieces of different ones are never put together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Without a query.
    pub(super) source: String,
    pub(super) size_bytes: u64,
    /// What the server or the hub calls this version.
    pub(super) version: Option<String>,
    pub(super) sha256: Option<String>,
}

impl Identity {
    /// Whether bytes of an earlier attempt can be told to be of the same file.
    fn is_certain(&self) -> bool {
        self.version.is_some() || self.sha256.is_some()
    }
}

#[derive(Serialize, Deserialize)]
struct Pieces {
    identity: Identity,
    piece_bytes: u64,
    /// The CRC-32 of each that is whole.
    whole: Vec<Option<u32>>,
}

/// Held by one pull at a time, of all processes.
pub(super) struct PartFile {
    path: PathBuf,
    list_path: PathBuf,
    file: File,
    pieces: Mutex<Option<Pieces>>,
}

pub(super) fn part_path(target: &Path) -> PathBuf {
    with_ending(target, ".part")
}

fn list_path(target: &Path) -> PathBuf {
    with_ending(target, ".part.json")
}

fn with_ending(target: &Path, ending: &str) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// How much of a file came in earlier attempts, as far as the list says.
pub(super) fn kept_bytes(target: &Path) -> u64 {
    read_list(&list_path(target)).map_or(0, |pieces| pieces.done_bytes())
}

/// Forgets what came of a file, unless somebody is at it.
pub(super) fn discard(target: &Path) -> Result<()> {
    if part_path(target).exists() || list_path(target).exists() {
        PartFile::lock(target)?.remove();
    }
    Ok(())
}

fn open(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default(),
    );
    options
        .open(path)
        .map_err(|error| Error::invalid(format!("the models folder cannot be written: {error}")))
}

/// A pull that was cancelled may take a moment to let go.
fn lock_soon(file: &File) -> Result<()> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Error::conflict("this file is being pulled at the moment"));
            }
            Err(TryLockError::Error(error)) => return Err(Error::internal(error)),
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(there)) => same(held, there),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

fn read_list(path: &Path) -> Option<Pieces> {
    let pieces: Pieces = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    if pieces.piece_bytes == 0 {
        return None;
    }
    let count = pieces.identity.size_bytes.div_ceil(pieces.piece_bytes);
    (u64::try_from(pieces.whole.len()).ok()? == count).then_some(pieces)
}

impl Pieces {
    fn new(identity: Identity, piece_bytes: u64) -> Result<Self> {
        let count = usize::try_from(identity.size_bytes.div_ceil(piece_bytes))
            .ok()
            .filter(|count| *count < 1 << 24)
            .ok_or_else(|| Error::invalid("this file is far too large"))?;
        Ok(Self {
            identity,
            piece_bytes,
            whole: vec![None; count],
        })
    }

    /// First byte and length.
    fn span(&self, index: usize) -> (u64, u64) {
        let first = index as u64 * self.piece_bytes;
        let length = self.piece_bytes.min(self.identity.size_bytes - first);
        (first, length)
    }

    fn done_bytes(&self) -> u64 {
        let whole = self
            .whole
            .iter()
            .enumerate()
            .filter(|(_, crc)| crc.is_some());
        whole.map(|(index, _)| self.span(index).1).sum()
    }
}

/// A stretch of the file that has yet to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) index: usize,
    pub(super) first: u64,
    pub(super) length: u64,
}

impl PartFile {
    /// Makes the file where it is not there. A conflict where another process is at it.
    pub(super) fn lock(target: &Path) -> Result<Self> {
        let path = part_path(target);
        loop {
            let file = open(&path)?;
            lock_soon(&file)?;
            // Whoever held it may have given it its name, or thrown it away, in the meantime.
            if is_at(&file, &path) {
                return Ok(Self {
                    list_path: list_path(target),
                    path,
                    file,
                    pieces: Mutex::new(None),
                });
            }
        }
    }

    fn pieces(&self) -> MutexGuard<'_, Option<Pieces>> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is still to come, after what is there was compared with its checksums. An error when it
    /// was stopped.
    pub(super) fn resume(
        &self,
        identity: &Identity,
        piece_bytes: u64,
        stop: &CancellationToken,
    ) -> Result<Vec<Piece>> {
        let kept = read_list(&self.list_path)
            .filter(|kept| kept.identity == *identity && identity.is_certain());
        let mut pieces = match kept {
            Some(kept) => kept,
            None => {
                self.clear()?;
                Pieces::new(identity.clone(), piece_bytes)?
            }
        };
        self.file
            .set_len(identity.size_bytes)
            .map_err(Error::internal)?;
        for index in 0..pieces.whole.len() {
            if stop.is_cancelled() {
                return Err(Error::conflict("the pull was stopped"));
            }
            if let Some(expected) = pieces.whole[index] {
                let found = self.crc_of(pieces.span(index)).map_err(Error::internal)?;
                pieces.whole[index] = (found == expected).then_some(expected);
            }
        }
        let missing = (0..pieces.whole.len()).filter(|&index| pieces.whole[index].is_none());
        let missing = missing.map(|index| {
            let (first, length) = pieces.span(index);
            Piece {
                index,
                first,
                length,
            }
        });
        let missing = missing.collect();
        *self.pieces() = Some(pieces);
        Ok(missing)
    }

    fn crc_of(&self, (first, length): (u64, u64)) -> io::Result<u32> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(first))?;
        let mut hasher = crc32fast::Hasher::new();
        let mut stretch = file.take(length);
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match stretch.read(&mut buffer)? {
                0 => return Ok(hasher.finalize()),
                read => hasher.update(&buffer[..read]),
            }
        }
    }

    /// Writes down that a piece is whole; its bytes are in the file.
    pub(super) fn finish_piece(&self, index: usize, crc: u32) -> Result<()> {
        let mut guard = self.pieces();
        let pieces = guard
            .as_mut()
            .expect("pieces are known before one is whole");
        pieces.whole[index] = Some(crc);
        let json = serde_json::to_vec(pieces).map_err(Error::internal)?;
        // Whole or not at all. A list that reaches the disk before the bytes is found out.
        let new = with_ending(&self.list_path, ".new");
        let mut list = File::create(&new).map_err(Error::internal)?;
        list.write_all(&json)
            .and_then(|()| list.sync_data())
            .and_then(|()| fs::rename(&new, &self.list_path))
            .map_err(Error::internal)
    }

    /// Bytes of pieces that are whole.
    pub(super) fn done_bytes(&self) -> u64 {
        self.pieces().as_ref().map_or(0, Pieces::done_bytes)
    }

    /// Whether another attempt has something to go on with.
    pub(super) fn is_worth_keeping(&self) -> bool {
        match &*self.pieces() {
            Some(pieces) => pieces.done_bytes() > 0,
            // This attempt ended before it looked.
            None => read_list(&self.list_path).is_some_and(|kept| kept.done_bytes() > 0),
        }
    }

    /// Begins with nothing.
    pub(super) fn clear(&self) -> Result<()> {
        *self.pieces() = None;
        let _ = fs::remove_file(&self.list_path);
        self.file.set_len(0).map_err(Error::internal)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn sha256(&self, stop: &CancellationToken) -> io::Result<Option<String>> {
        sha256_of(&self.file, stop)
    }

    /// Gives the file its name, when every byte is on the disk.
    pub(super) fn publish(&self, target: &Path) -> Result<()> {
        (&self.file).flush().map_err(Error::internal)?;
        self.file.sync_all().map_err(Error::internal)?;
        fs::rename(&self.path, target).map_err(Error::internal)?;
        let _ = fs::remove_file(&self.list_path);
        if let Some(folder) = target.parent() {
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(Error::internal)?;
        }
        Ok(())
    }

    pub(super) fn remove(&self) {
        let _ = fs::remove_file(&self.list_path);
        let _ = fs::remove_file(with_ending(&self.list_path, ".new"));
        let _ = fs::remove_file(&self.path);
    }
}

/// In hexadecimal, of the whole file. None when it was stopped.
pub(super) fn sha256_of(mut file: &File, stop: &CancellationToken) -> io::Result<Option<String>> {
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    while !stop.is_cancelled() {
        match file.read(&mut buffer)? {
            0 => return Ok(Some(hex::encode(hasher.finalize()))),
            read => hasher.update(&buffer[..read]),
        }
    }
    Ok(None)
}

#[cfg(test)]
#[path = "part_file_tests.rs"]
mod tests;
