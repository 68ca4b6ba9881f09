//! Where the bytes of one connection go: into a part, from a place onwards. They are counted and
//! checksummed on the way.

use bytes::Bytes;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::part_file::PartFile;
use crate::error::{Error, Result};

pub(super) struct Sink {
    file: File,
    hasher: crc32fast::Hasher,
    pub(super) written: u64,
}

impl Sink {
    pub(super) async fn open(part: &PartFile, first: u64) -> Result<Self> {
        let mut options = File::options();
        let mut file = options
            .write(true)
            .open(part.path())
            .await
            .map_err(Error::internal)?;
        file.seek(std::io::SeekFrom::Start(first))
            .await
            .map_err(Error::internal)?;
        Ok(Self {
            file,
            hasher: crc32fast::Hasher::new(),
            written: 0,
        })
    }

    pub(super) async fn write(&mut self, bytes: &Bytes) -> Result<()> {
        self.file.write_all(bytes).await.map_err(not_written)?;
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<u32> {
        self.file.flush().await.map_err(not_written)?;
        Ok(self.hasher.finalize())
    }
}

fn not_written(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            Error::conflict("the disk is full; make room and pull again to go on where it ended")
        }
        _ => Error::internal(error),
    }
}
