//! A file on its way in: written beside the others under a name of its own, counted and hashed as it
//! comes. Until it is kept it is deleted with the value, so that whatever breaks off leaves nothing.

use std::fs::{self, File};
use std::io::{self, ErrorKind as IoErrorKind};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::files;
use crate::clock::UnixMs;
use crate::error::{Error, ErrorKind, Reason, Result};

const PIECE_BYTES: usize = 128 * 1024;

pub(super) struct Incoming {
    path: PathBuf,
    kept: bool,
    pub(super) size_bytes: u64,
    pub(super) sha256: String,
}

impl Incoming {
    /// Takes all that `file` gives, at most `limit_bytes`, and has it on disk.
    pub(super) async fn receive(
        folder: &Path,
        mut file: impl AsyncRead + Unpin,
        limit_bytes: u64,
    ) -> Result<Self> {
        let name = format!(
            ".{}.{}",
            uuid::Uuid::now_v7().simple(),
            files::UNFINISHED_ENDING
        );
        let mut incoming = Self {
            path: folder.join(name),
            kept: false,
            size_bytes: 0,
            sha256: String::new(),
        };
        let written = tokio::fs::File::create_new(&incoming.path).await;
        let mut written = written.map_err(not_written)?;
        let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE_BYTES]);
        loop {
            let read = file.read(&mut piece).await.map_err(broke_off)?;
            if read == 0 {
                break;
            }
            incoming.size_bytes += read as u64;
            if incoming.size_bytes > limit_bytes {
                return Err(too_large(limit_bytes));
            }
            hash.update(&piece[..read]);
            let outcome = written.write_all(&piece[..read]).await;
            outcome.map_err(not_written)?;
        }
        written.flush().await.map_err(not_written)?;
        written.sync_all().await.map_err(not_written)?;
        incoming.sha256 = hex::encode(hash.finalize());
        Ok(incoming)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, and when it was last written. Blocking.
    pub(super) fn rename(&mut self, path: PathBuf) -> io::Result<UnixMs> {
        fs::rename(&self.path, &path)?;
        self.path = path;
        // The name must be on disk before anything that says so.
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(files::modified_ms(&fs::metadata(&self.path)?))
    }

    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != IoErrorKind::NotFound => {
                tracing::warn!(file = %self.path.display(), %error, "what is left of an upload was not deleted");
            }
            _ => {}
        }
    }
}

pub(super) fn too_large(limit_bytes: u64) -> Error {
    let mebibytes = limit_bytes / (1024 * 1024);
    Error::new(
        ErrorKind::PayloadTooLarge,
        format!("an adapter may have at most {mebibytes} MiB here"),
    )
    .with_details(serde_json::json!({ "field": "file", "limit_bytes": limit_bytes }))
    .with_reason(Reason::AdapterTooLarge)
}

fn broke_off(error: io::Error) -> Error {
    match error.kind() {
        IoErrorKind::TimedOut => {
            Error::invalid_field("file", "the file did not arrive: nothing came for too long")
        }
        _ => Error::invalid_field("file", "the file broke off before its end"),
    }
}

fn not_written(error: io::Error) -> Error {
    match error.kind() {
        IoErrorKind::StorageFull | IoErrorKind::QuotaExceeded => Error::new(
            ErrorKind::PayloadTooLarge,
            "there is not enough room for this file on the disk of the house",
        )
        .with_reason(Reason::DiskFull),
        _ => Error::internal(error),
    }
}
