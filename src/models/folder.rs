//! What lies in the models folder: files, their ids, and putting one there or taking it away.
//!
//! Only names and metadata are looked at here, so a scan is cheap. A link is followed; one that
//! leads nowhere is as if it were not there.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::clock::UnixMs;
use crate::error::{Error, Result};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct FoundFile {
    pub(super) id: String,
    pub(super) path: PathBuf,
    pub(super) size_bytes: u64,
    pub(super) modified_ms: UnixMs,
}

/// Model files, the latest first. Of a model in several files the first stands for all.
pub(super) fn scan(folder: &Path) -> io::Result<Vec<FoundFile>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !is_model_name(&path) {
            continue;
        }
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        if !metadata.is_file() {
            continue;
        }
        let modified = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        found.push(FoundFile {
            id: id_of(&path),
            size_bytes: metadata.len(),
            modified_ms: modified.map_or(0, |since| {
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }),
            path,
        });
    }
    found.sort_by(|left, right| {
        (right.modified_ms, &left.path).cmp(&(left.modified_ms, &right.path))
    });
    let mut taken = HashSet::new();
    for file in &mut found {
        let base = file.id.clone();
        let mut number = 2;
        while !taken.insert(file.id.clone()) {
            file.id = format!("{base}-{number}");
            number += 1;
        }
    }
    Ok(found)
}

fn is_model_name(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    let Some(stem) = name.strip_suffix(".gguf") else {
        return false;
    };
    !name.starts_with('.') && !is_later_part(stem)
}

/// `model-00002-of-00003`.
fn is_later_part(stem: &str) -> bool {
    let Some((rest, total)) = stem.rsplit_once("-of-") else {
        return false;
    };
    let Some((_, number)) = rest.rsplit_once('-') else {
        return false;
    };
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(total) && digits(number) && number != "00001"
}

/// The file's stem, safe in a URL.
fn id_of(path: &Path) -> String {
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
            c
        } else {
            '-'
        }
    };
    stem.chars().map(safe).collect()
}

/// Links `file` into the folder, under its own name.
pub(super) fn link(folder: &Path, file: &Path) -> Result<PathBuf> {
    let name = file
        .file_name()
        .ok_or_else(|| Error::invalid("this is not a file"))?;
    let link = folder.join(name);
    if !is_model_name(&link) {
        return Err(Error::invalid("the name of a model file ends in .gguf"));
    }
    if fs::symlink_metadata(&link).is_ok() {
        return Err(Error::conflict(format!(
            "there already is a model file named {}",
            name.to_string_lossy()
        )));
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(file, &link).map_err(Error::internal)?;
    #[cfg(not(unix))]
    return Err(Error::invalid(
        "put the file into the models folder instead",
    ));
    #[cfg(unix)]
    Ok(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_model_files_are_found_and_each_has_its_own_id() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "Qwen3 8B.gguf",
            "qwen3-8b.gguf",
            "notes.txt",
            ".hidden.gguf",
            "big-00001-of-00002.gguf",
        ];
        for name in names.iter().chain(&["big-00002-of-00002.gguf"]) {
            fs::write(folder.path().join(name), "GGUF").unwrap();
        }
        fs::create_dir(folder.path().join("folder.gguf")).unwrap();
        let mut ids: Vec<_> = scan(folder.path())
            .unwrap()
            .into_iter()
            .map(|file| file.id)
            .collect();
        ids.sort();
        assert_eq!(ids, ["big-00001-of-00002", "qwen3-8b", "qwen3-8b-2"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_linked_file_is_used_where_it_lies() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = elsewhere.path().join("model.gguf");
        fs::write(&file, "GGUF and more").unwrap();
        link(folder.path(), &file).unwrap();
        assert_eq!(scan(folder.path()).unwrap()[0].size_bytes, 13);
        assert!(
            link(folder.path(), &file)
                .unwrap_err()
                .message
                .contains("already")
        );
        fs::remove_file(&file).unwrap();
        assert!(scan(folder.path()).unwrap().is_empty());
    }
}
