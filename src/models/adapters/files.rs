//! The files of the adapters: where they lie, whether they are still what was checked, and what lies
//! beside them that nobody knows.
//!
//! Only names and metadata are looked at here. Blocking, but for what says otherwise.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Adapter;
use crate::clock::UnixMs;
use crate::error::{Error, Result};
use crate::store::adapters::AdapterRecord;

const ENDING: &str = "gguf";
pub(super) const UNFINISHED_ENDING: &str = "part";
/// A file without a record may be one whose record is about to be written.
const SWEPT_AFTER: Duration = Duration::from_secs(3600);

const GONE: &str = "its file is gone";
const CHANGED: &str = "its file has changed since it was added; delete it and add it again";

pub(super) fn path_in(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.{ENDING}"))
}

pub(super) fn modified_ms(metadata: &Metadata) -> UnixMs {
    let modified = metadata.modified().ok();
    let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Why an adapter cannot be used, if so.
pub(super) fn trouble_with(folder: &Path, record: &AdapterRecord) -> Option<&'static str> {
    let metadata = fs::metadata(path_in(folder, &record.id)).ok();
    let Some(metadata) = metadata.filter(Metadata::is_file) else {
        return Some(GONE);
    };
    let same = metadata.len() == record.size_bytes && modified_ms(&metadata) == record.modified_ms;
    (!same).then_some(CHANGED)
}

/// Makes the folder, throws away what does not belong, and gives the adapters as they are.
pub(super) fn tidy(folder: &Path, records: Vec<AdapterRecord>) -> Result<Vec<Adapter>> {
    fs::create_dir_all(folder).map_err(Error::internal)?;
    let known: Vec<PathBuf> = records.iter().map(|it| path_in(folder, &it.id)).collect();
    for entry in fs::read_dir(folder).map_err(Error::internal)? {
        let path = entry.map_err(Error::internal)?.path();
        if !known.contains(&path) && is_left_over(&path, SystemTime::now()) {
            tracing::warn!(file = %path.display(), "a file that belongs to no adapter is deleted");
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(%error, "it could not be deleted");
            }
        }
    }
    let adapter = |record: AdapterRecord| Adapter {
        trouble: trouble_with(folder, &record),
        record,
    };
    let adapters: Vec<Adapter> = records.into_iter().map(adapter).collect();
    let unusable = adapters.iter().filter(|it| it.trouble.is_some());
    unusable.for_each(super::log_trouble);
    Ok(adapters)
}

/// What was being received when the house went dark is nobody's at once; a whole file later.
fn is_left_over(path: &Path, now: SystemTime) -> bool {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return false;
    };
    let ends_with = |ending: &str| path.extension().is_some_and(|it| it == ending);
    let age = now.duration_since(came_at(&metadata)).unwrap_or_default();
    metadata.is_file() && (ends_with(UNFINISHED_ENDING) || (ends_with(ENDING) && age > SWEPT_AFTER))
}

/// A copy may be as old as what it was copied from; it has been here only since it was made.
fn came_at(metadata: &Metadata) -> SystemTime {
    let written = metadata.modified().unwrap_or_else(|_| SystemTime::now());
    #[cfg(unix)]
    {
        let seconds = std::os::unix::fs::MetadataExt::ctime(metadata);
        let made = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        written.max(UNIX_EPOCH + made)
    }
    #[cfg(not(unix))]
    written
}

/// The first path that is free: `id`, `id-2` and so on. Gives the id with it.
pub(super) fn free_place(folder: &Path, id: &str, taken: &[String]) -> (String, PathBuf) {
    let is_free =
        |id: &String| !taken.contains(id) && fs::symlink_metadata(path_in(folder, id)).is_err();
    let numbered = (2_u32..).map(|number| format!("{id}-{number}"));
    let mut candidates = std::iter::once(id.to_owned()).chain(numbered);
    let id = candidates
        .find(is_free)
        .expect("there are more numbers than files");
    let path = path_in(folder, &id);
    (id, path)
}

/// Not blocking. What cannot be deleted is swept away at a later start.
pub(super) async fn remove(path: PathBuf) {
    match tokio::fs::remove_file(&path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(file = %path.display(), %error, "an adapter's file was not deleted");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_cut_off_and_what_is_old_and_nobodys_is_swept_away() {
        let folder = tempfile::tempdir().unwrap();
        let later = SystemTime::now() + 2 * SWEPT_AFTER;
        let put = |name: &str| {
            let path = folder.path().join(name);
            fs::write(&path, "x").unwrap();
            path
        };
        let (part, file) = (put(".1.part"), put("pirate.gguf"));
        let notes = put("notes.txt");
        assert!(is_left_over(&part, SystemTime::now()));
        assert!(!is_left_over(&file, SystemTime::now()));
        assert!(is_left_over(&file, later));
        assert!(!is_left_over(&notes, later));
    }

    #[test]
    fn a_copy_of_an_old_file_is_new_here() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pirate.gguf");
        fs::write(&path, "x").unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH).unwrap();
        assert!(!is_left_over(&path, SystemTime::now()));
    }

    #[test]
    fn a_taken_place_gets_a_number() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(path_in(folder.path(), "pirate"), "x").unwrap();
        let (id, path) = free_place(folder.path(), "pirate", &["pirate-2".into()]);
        assert_eq!(id, "pirate-3");
        assert_eq!(path, folder.path().join("pirate-3.gguf"));
    }
}
