//! The demo model: inside the program, unpacked into the models folder once.
//!
//! A small file remembers which one was unpacked. The same one is never unpacked again, so deleting
//! it is respected; a newer one replaces what is still there.

use std::fs;
use std::io;
use std::path::Path;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "assets/models/"]
#[allow_missing = true]
struct EmbeddedModels;

const FILE_NAME: &str = "chatelaine-demo.gguf";
const MEMORY_NAME: &str = ".demo-unpacked";

/// Blocking; some megabytes at the first start, nothing after.
pub(super) fn unpack(folder: &Path) -> io::Result<()> {
    let Some(embedded) = EmbeddedModels::get(FILE_NAME) else {
        return Ok(());
    };
    unpack_file(
        folder,
        &embedded.data,
        &hex::encode(embedded.metadata.sha256_hash()),
    )
}

fn unpack_file(folder: &Path, data: &[u8], checksum: &str) -> io::Result<()> {
    let (file, memory) = (folder.join(FILE_NAME), folder.join(MEMORY_NAME));
    let unpacked = fs::read_to_string(&memory).ok();
    if unpacked.as_deref() == Some(checksum) {
        return Ok(());
    }
    let deleted_on_purpose = unpacked.is_some() && !file.exists();
    if !deleted_on_purpose {
        // Whole or not at all: half a model would be probed and called damaged.
        let temporary = folder.join(".chatelaine-demo.new");
        fs::write(&temporary, data)?;
        fs::rename(&temporary, &file)?;
    }
    fs::write(memory, checksum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_unpacked_once_replaced_by_a_newer_one_and_stays_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE_NAME);
        unpack_file(folder.path(), b"one", "1").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"one");
        unpack_file(folder.path(), b"two", "2").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        fs::remove_file(&file).unwrap();
        unpack_file(folder.path(), b"two", "2").unwrap();
        unpack_file(folder.path(), b"three", "3").unwrap();
        assert!(!file.exists());
    }
}
