//! Is this a GGUF file at all? Asked in Rust, before any worker opens it.
//!
//! Reads a few bytes. This catches what is plainly something else, cut off, or absurd, and says so
//! in a sentence; `gguf` reads on from here.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::engine::ProbeFailure;

const MAGIC: &[u8; 4] = b"GGUF";
pub(super) const HEADER_BYTES: u64 = 24;
pub(super) const MAX_TENSORS: u64 = 1 << 17;
pub(super) const MAX_METADATA: u64 = 1 << 16;
/// Name, dimensions, type and offset of a tensor take at least this much.
const MIN_TENSOR_BYTES: u64 = 8 + 4 + 8 + 4 + 8;

/// The reason is a plain sentence about the file, without its name.
pub(super) fn check(path: &Path) -> Result<(), ProbeFailure> {
    let unreadable =
        |error: io::Error| ProbeFailure::passing(format!("it cannot be read: {error}"));
    // Asked before opening: to open a pipe is to wait for whoever writes into it.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(ProbeFailure::lasting("it is not a file"));
    }
    let length = metadata.len();
    if length < HEADER_BYTES {
        let reason = "it is not a GGUF model file: it is too short";
        return Err(ProbeFailure::lasting(reason));
    }
    let mut header = [0; HEADER_BYTES as usize];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut header))
        .map_err(unreadable)?;
    check_header(&header, length).map_err(ProbeFailure::lasting)?;
    Ok(())
}

/// How much follows a header.
#[derive(Debug, PartialEq)]
pub(super) struct Counts {
    pub(super) tensors: u64,
    pub(super) metadata: u64,
}

/// The error is a plain sentence about the file, without its name.
pub(super) fn check_header(
    header: &[u8; HEADER_BYTES as usize],
    length: u64,
) -> Result<Counts, String> {
    if &header[..4] != MAGIC {
        return Err("it is not a GGUF model file".into());
    }
    let number = |at: usize| {
        header[at..at + 8]
            .iter()
            .rev()
            .fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte))
    };
    let version = number(4) & 0xffff_ffff;
    if version & 0xffff == 0 {
        return Err("it was written for a machine with another byte order".into());
    }
    if !(2..=3).contains(&version) {
        return Err(format!(
            "it is GGUF version {version}; versions 2 and 3 are supported"
        ));
    }
    let (tensors, metadata) = (number(8), number(16));
    if tensors > MAX_TENSORS || metadata > MAX_METADATA {
        return Err("it is damaged: its header has absurd numbers".into());
    }
    if length < HEADER_BYTES + tensors * MIN_TENSOR_BYTES {
        return Err("it is incomplete".into());
    }
    Ok(Counts { tensors, metadata })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version: u32, tensors: u64, metadata: u64) -> [u8; 24] {
        let mut header = [0; 24];
        header[..4].copy_from_slice(MAGIC);
        header[4..8].copy_from_slice(&version.to_le_bytes());
        header[8..16].copy_from_slice(&tensors.to_le_bytes());
        header[16..].copy_from_slice(&metadata.to_le_bytes());
        header
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_that_nobody_writes_into_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.gguf");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let (sender, checked) = std::sync::mpsc::channel();
        std::thread::spawn(move || sender.send(check(&pipe)));
        let checked = checked.recv_timeout(std::time::Duration::from_secs(10));
        assert_eq!(checked, Ok(Err(ProbeFailure::lasting("it is not a file"))));
    }

    #[test]
    fn what_cannot_be_read_now_may_be_readable_later() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.gguf");
        assert!(!check(&file).unwrap_err().lasting);
        fs::write(&file, header(3, 0, 0)).unwrap();
        assert_eq!(check(&file), Ok(()));
        fs::write(&file, "GGUF").unwrap();
        assert!(check(&file).unwrap_err().lasting);
    }

    #[test]
    fn a_sane_header_passes_and_others_are_named() {
        let counts = |tensors, metadata| Ok(Counts { tensors, metadata });
        assert_eq!(check_header(&header(3, 100, 20), 1 << 20), counts(100, 20));
        assert_eq!(check_header(&header(2, 0, 0), 24), counts(0, 0));
        for (header, length, word) in [
            ([0; 24], 100, "not a GGUF"),
            (header(1, 1, 1), 1 << 20, "version 1"),
            (header(0x0300_0000, 1, 1), 1 << 20, "byte order"),
            (header(3, u64::MAX, 1), 1 << 20, "absurd"),
            (header(3, 1, u64::MAX), 1 << 20, "absurd"),
            (header(3, 1000, 1), 1000, "incomplete"),
        ] {
            let refused = check_header(&header, length).unwrap_err();
            assert!(refused.contains(word), "{refused}");
        }
    }
}
