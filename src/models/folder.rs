//! What lies in the models folder: files, their ids, and putting one there or taking it away.
//!
//! Only names and metadata are looked at here, so a scan is cheap. A link is followed; one that
//! leads nowhere is as if it were not there. Of a model in several files the first stands for all.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::clock::UnixMs;
use crate::error::{Error, Result};

/// More than any model comes in; a name that claims more is a name like any other.
const MAX_PARTS: u32 = 1000;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct FoundFile {
    pub(super) id: String,
    pub(super) path: PathBuf,
    /// Of all parts together.
    pub(super) size_bytes: u64,
    /// Of the part that changed last.
    pub(super) modified_ms: UnixMs,
    /// When a link was made, however old the file is; when a file was last written.
    pub(super) added_ms: UnixMs,
}

impl FoundFile {
    /// The same file, seen through a link to it.
    pub(super) fn linked_as(self, link: PathBuf) -> Self {
        Self {
            id: id_of(&link),
            path: link,
            ..self
        }
    }
}

/// Model files, the latest added first.
pub(super) fn scan(folder: &Path) -> io::Result<Vec<FoundFile>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if is_model_name(&path) {
            found.extend(look_at(path));
        }
    }
    found.sort_by(|left, right| (right.added_ms, &left.path).cmp(&(left.added_ms, &right.path)));
    Ok(found)
}

/// None where no file is.
pub(super) fn look_at(path: PathBuf) -> Option<FoundFile> {
    let added_ms = modified_ms(&fs::symlink_metadata(&path).ok()?);
    let real = fs::canonicalize(&path).ok()?;
    let first = fs::metadata(&real).ok().filter(Metadata::is_file)?;
    let later = later_parts(&real);
    // A part that is missing may still be on its way.
    let parts = later.iter().filter_map(|part| fs::metadata(part).ok());
    let (size_bytes, modified_ms) = parts.fold(
        (first.len(), modified_ms(&first)),
        |(size_bytes, latest), part| (size_bytes + part.len(), latest.max(modified_ms(&part))),
    );
    Some(FoundFile {
        id: id_of(&path),
        path,
        size_bytes,
        modified_ms,
        added_ms,
    })
}

fn modified_ms(metadata: &Metadata) -> UnixMs {
    let modified = metadata.modified().ok();
    let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

fn is_model_name(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(OsStr::to_str) else {
        return false;
    };
    let Some(stem) = name.strip_suffix(".gguf") else {
        return false;
    };
    !name.starts_with('.') && part_of(stem).is_none_or(|(_, number, _)| number == 1)
}

/// `model-00002-of-00003` is (`model`, 2, 3).
pub(super) fn part_of(stem: &str) -> Option<(&str, u32, u32)> {
    let (rest, total) = stem.rsplit_once("-of-")?;
    let (model, number) = rest.rsplit_once('-')?;
    let five_digits = |text: &str| {
        let digits = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (number, total) = (five_digits(number)?, five_digits(total)?);
    (total <= MAX_PARTS && (1..=total).contains(&number)).then_some((model, number, total))
}

/// Where the parts after `first` belong; nowhere, where a model is one file.
pub(super) fn later_parts(first: &Path) -> Vec<PathBuf> {
    let stem = first
        .file_stem()
        .and_then(OsStr::to_str)
        .unwrap_or_default();
    let Some((model, 1, total)) = part_of(stem) else {
        return Vec::new();
    };
    let name = |number| format!("{model}-{number:05}-of-{total:05}.gguf");
    (2..=total)
        .map(|number| first.with_file_name(name(number)))
        .collect()
}

/// The file's name without its ending. It says the same of a file whatever is put beside it, and
/// no two names say the same: what is not safe in a URL becomes `~` and its bytes in hex.
pub(super) fn id_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut id = String::with_capacity(stem.len());
    for byte in stem.bytes() {
        match byte {
            b'.' | b'_' | b'-' => id.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => id.push(char::from(byte)),
            _ => id.push_str(&format!("~{byte:02x}")),
        }
    }
    id
}

/// Deletes a file, or the link to one, with its later parts.
pub(super) fn remove(first: &Path) -> io::Result<()> {
    // While the first is there, what could not be deleted is still listed.
    for part in later_parts(first) {
        match fs::remove_file(part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::remove_file(first)
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

    fn ids(folder: &Path) -> Vec<String> {
        let mut ids: Vec<_> = scan(folder)
            .unwrap()
            .into_iter()
            .map(|file| file.id)
            .collect();
        ids.sort();
        ids
    }

    fn put(folder: &Path, name: &str, bytes: &str, modified_s: u64) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        let modified = UNIX_EPOCH + std::time::Duration::from_secs(modified_s);
        file.set_modified(modified).unwrap();
        path
    }

    #[test]
    fn only_model_files_are_found() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "one.gguf",
            "notes.txt",
            ".hidden.gguf",
            "big-00001-of-00002.gguf",
            "big-00002-of-00002.gguf",
            "99999-of-99999.gguf",
        ] {
            put(folder.path(), name, "GGUF", 1);
        }
        fs::create_dir(folder.path().join("folder.gguf")).unwrap();
        assert_eq!(
            ids(folder.path()),
            ["99999-of-99999", "big-00001-of-00002", "one"]
        );
    }

    #[test]
    fn an_id_stays_with_its_file_whatever_is_put_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut before = Vec::new();
        for (age, name) in [
            "Qwen3 8B.gguf",
            "qwen3-8b.gguf",
            "Qwen3-8B.gguf",
            "qwen3~208b.gguf",
            "qwen3 8b.gguf",
            "Größe.gguf",
        ]
        .into_iter()
        .enumerate()
        {
            let file = put(folder.path(), name, "GGUF", 100 - age as u64);
            before.push(look_at(file).unwrap());
            let now = scan(folder.path()).unwrap();
            assert!(before.iter().all(|file| now.contains(file)));
            let mut ids = ids(folder.path());
            ids.dedup();
            assert_eq!(ids.len(), age + 1);
        }
        let ids: Vec<_> = before.iter().map(|file| file.id.as_str()).collect();
        assert_eq!(ids[..3], ["Qwen3~208B", "qwen3-8b", "Qwen3-8B"]);
    }

    #[test]
    fn a_model_in_parts_changes_and_goes_with_each_of_them() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "big-00001-of-00003.gguf", "first", 10);
        let look = || scan(folder.path()).unwrap().remove(0);
        assert_eq!((look().size_bytes, look().modified_ms), (5, 10_000));
        put(folder.path(), "big-00003-of-00003.gguf", "third", 30);
        put(folder.path(), "big-00002-of-00003.gguf", "second", 20);
        assert_eq!((look().size_bytes, look().modified_ms), (16, 30_000));
        let other = put(folder.path(), "big-00001-of-00002.gguf", "another", 1);
        remove(&folder.path().join("big-00001-of-00003.gguf")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        remove(&other).unwrap();
        assert!(remove(&other).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_as_new_as_itself() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        put(folder.path(), "new.gguf", "GGUF", 100);
        let old = put(elsewhere.path(), "old.gguf", "GGUF", 50);
        link(folder.path(), &old).unwrap();
        let found = scan(folder.path()).unwrap();
        assert_eq!(
            (found[0].id.as_str(), found[0].modified_ms),
            ("old", 50_000)
        );
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
