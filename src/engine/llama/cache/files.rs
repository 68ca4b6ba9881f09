//! Computed sequences on disk: a folder of files under a budget of bytes, for after a restart or an
//! eviction.
//!
//! Whatever is torn, foreign or from another version is ignored, and deleted where it is plainly
//! broken. Nothing here is ever needed: every file can be deleted at any time. Several workers may
//! share the folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::saved_file::{ENDING, SavedHeader, UNFINISHED, read_header};
use super::{Scope, common_tokens};

/// A worker that writes for so long has died of it.
const ABANDONED_AFTER: Duration = Duration::from_secs(600);
/// What is not used for so long belongs to conversations nobody comes back to.
const KEPT_FOR: Duration = Duration::from_secs(14 * 24 * 3600);

#[derive(Debug, Clone)]
struct Known {
    path: PathBuf,
    size_bytes: u64,
    used: SystemTime,
    /// None: of another model.
    header: Option<SavedHeader>,
}

/// The files of one folder, which several workers may share.
#[derive(Debug)]
pub(in super::super) struct SavedFiles {
    folder: PathBuf,
    budget_bytes: u64,
    known: Vec<Known>,
}

/// A file that would serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Found {
    pub(in super::super) path: PathBuf,
    pub(in super::super) size_bytes: u64,
    /// How many of the request's first tokens it has.
    pub(in super::super) tokens: u32,
}

impl SavedFiles {
    /// Looks at what is there for `model`, and removes what is broken or forgotten.
    pub(in super::super) fn open(
        folder: &Path,
        budget_bytes: u64,
        model: &[u8; 32],
    ) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder)?;
        let mut files = Self {
            folder: folder.to_owned(),
            budget_bytes,
            known: Vec::new(),
        };
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if let Some(known) = look_at(&path, model) {
                files.known.push(known);
            }
        }
        files.keep_within_budget();
        Ok(files)
    }

    /// The file with the longest beginning in common with `tokens` that may serve `scope`.
    pub(in super::super) fn find(&self, scope: Scope, tokens: &[i32]) -> Option<Found> {
        let usable = &tokens[..tokens.len().saturating_sub(1)];
        let found = self.known.iter().filter_map(|known| {
            let header = known.header.as_ref()?;
            Some(Found {
                path: known.path.clone(),
                size_bytes: known.size_bytes,
                tokens: common_tokens(header.scope(), &header.tokens, scope, usable),
            })
        });
        found
            .max_by_key(|found| found.tokens)
            .filter(|found| found.tokens > 0)
    }

    /// It was of use just now.
    pub(in super::super) fn used(&mut self, path: &Path) {
        let now = SystemTime::now();
        if let Some(known) = self.known.iter_mut().find(|known| known.path == path) {
            known.used = now;
        }
        // Only for the order after the next start.
        let _untouched = File::options()
            .append(true)
            .open(path)
            .and_then(|file| file.set_modified(now));
    }

    /// Deletes one that turned out to be of no use.
    pub(in super::super) fn delete(&mut self, path: &Path) {
        self.known.retain(|known| known.path != path);
        // Gone already is as good.
        let _gone = fs::remove_file(path);
    }

    /// A file was written: it replaces those that hold only a beginning of it.
    pub(in super::super) fn written(
        &mut self,
        path: PathBuf,
        size_bytes: u64,
        header: SavedHeader,
    ) {
        let within = |known: &&Known| {
            let of_same = known.header.as_ref();
            of_same.is_some_and(|other| {
                other.scope() == header.scope() && header.tokens.starts_with(&other.tokens)
            })
        };
        let replaced: Vec<PathBuf> = self
            .known
            .iter()
            .filter(within)
            .map(|known| known.path.clone())
            .collect();
        for replaced in replaced.iter().filter(|replaced| **replaced != path) {
            self.delete(replaced);
        }
        self.known.retain(|known| known.path != path);
        self.known.push(Known {
            path,
            size_bytes,
            used: SystemTime::now(),
            header: Some(header),
        });
        self.look_for_others();
        self.keep_within_budget();
    }

    /// Other workers write here as well, and delete.
    fn look_for_others(&mut self) {
        self.known.retain(|known| known.path.exists());
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let is_known = self.known.iter().any(|known| known.path == path);
            let is_saved = path.extension().is_some_and(|ending| ending == ENDING);
            let metadata = fs::metadata(&path).ok().filter(|_| is_saved && !is_known);
            let Some(metadata) = metadata else { continue };
            self.known.push(Known {
                used: metadata.modified().unwrap_or_else(|_| SystemTime::now()),
                size_bytes: metadata.len(),
                header: None,
                path,
            });
        }
    }

    /// It does not serve in this process; another one may know better.
    pub(in super::super) fn forget(&mut self, path: &Path) {
        if let Some(known) = self.known.iter_mut().find(|known| known.path == path) {
            known.header = None;
        }
    }

    /// Deletes what was computed for a lane.
    pub(in super::super) fn forget_lane(&mut self, lane: u64) {
        let of_lane = |known: &&Known| {
            let header = known.header.as_ref();
            header.is_some_and(|header| header.scope().lane == lane)
        };
        let theirs = self.known.iter().filter(of_lane);
        let paths: Vec<PathBuf> = theirs.map(|known| known.path.clone()).collect();
        for path in paths {
            self.delete(&path);
        }
    }

    /// Whether so much is worth writing at all.
    pub(in super::super) fn has_room_for(&self, bytes: u64) -> bool {
        bytes <= self.budget_bytes
    }

    pub(in super::super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn keep_within_budget(&mut self) {
        self.known.sort_by_key(|known| known.used);
        let forgotten = SystemTime::now().checked_sub(KEPT_FOR);
        loop {
            let total: u64 = self.known.iter().map(|known| known.size_bytes).sum();
            let Some(oldest) = self.known.first() else {
                return;
            };
            let is_old = forgotten.is_some_and(|forgotten| oldest.used < forgotten);
            if total <= self.budget_bytes && !is_old {
                return;
            }
            let path = oldest.path.clone();
            self.delete(&path);
        }
    }
}

/// Deletes the files of all models that were computed for a lane. An error means that some may be
/// left.
pub(in super::super) fn delete_files_of(folder: &Path, lane: u64) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let is_saved = path.extension().is_some_and(|ending| ending == ENDING);
        // What cannot be read is deleted by the next worker that looks.
        let header = read_header(&path).ok().filter(|_| is_saved);
        if header.is_some_and(|(header, _)| header.scope().lane == lane) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// None: it is nothing of ours, or broken and deleted.
fn look_at(path: &Path, model: &[u8; 32]) -> Option<Known> {
    let ending = path.extension()?.to_str()?;
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let used = metadata.modified().ok()?;
    if ending == UNFINISHED {
        let age = used.elapsed().unwrap_or_default();
        if age > ABANDONED_AFTER {
            let _gone = fs::remove_file(path);
        }
        return None;
    }
    if ending != ENDING {
        return None;
    }
    match read_header(path) {
        Ok((header, _)) => Some(Known {
            path: path.to_owned(),
            size_bytes: metadata.len(),
            used,
            header: Some(header).filter(|header| header.model == *model),
        }),
        Err(_) => {
            let _gone = fs::remove_file(path);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::saved_file::{model_key, read, write};
    use super::*;

    const MODEL: [u8; 32] = [7; 32];

    fn scope(lane: u64) -> Scope {
        Scope {
            set: 0,
            lane,
            house_tokens: 0,
        }
    }

    fn save(files: &mut SavedFiles, scope: Scope, tokens: std::ops::Range<i32>) -> PathBuf {
        let state = vec![9; 1000];
        let header = SavedHeader::new(MODEL, scope, tokens.collect(), &state);
        let (path, size_bytes) = write(files.folder(), &header, &state).unwrap();
        files.written(path.clone(), size_bytes, header);
        path
    }

    fn tokens(range: std::ops::Range<i32>) -> Vec<i32> {
        range.collect()
    }

    #[test]
    fn what_was_saved_is_found_after_a_restart_by_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SavedFiles::open(folder.path(), 1 << 20, &MODEL).unwrap();
        let path = save(&mut open(), scope(1), 0..100);
        let files = open();
        let found = files.find(scope(1), &tokens(0..200)).unwrap();
        assert_eq!((found.tokens, &found.path), (100, &path));
        let (header, state) = read(&path).unwrap();
        assert_eq!((header.tokens, state), (tokens(0..100), vec![9; 1000]));
        assert_eq!(files.find(scope(2), &tokens(0..200)), None);
        let other = SavedFiles::open(folder.path(), 1 << 20, &[8; 32]).unwrap();
        assert_eq!(other.find(scope(1), &tokens(0..200)), None);
        assert!(path.exists(), "it is another model's");
    }

    #[test]
    fn a_torn_file_is_ignored_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SavedFiles::open(folder.path(), 1 << 20, &MODEL).unwrap();
        let whole = fs::read(save(&mut open(), scope(1), 0..100)).unwrap();
        for cut in [0, 5, 17, 60, whole.len() - 1] {
            let path = folder.path().join("torn.kv");
            fs::write(&path, &whole[..cut]).unwrap();
            open();
            assert!(!path.exists(), "cut at {cut}");
        }
        for flipped in [3, 9, 13, 40, whole.len() - 3] {
            let path = folder.path().join("flipped.kv");
            let mut bytes = whole.clone();
            bytes[flipped] ^= 1;
            fs::write(&path, &bytes).unwrap();
            open();
            assert!(
                !path.exists() || read(&path).is_err(),
                "flipped at {flipped}"
            );
            let _gone = fs::remove_file(path);
        }
    }

    #[test]
    fn the_longer_replaces_the_shorter_and_the_oldest_go_over_budget() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = SavedFiles::open(folder.path(), 4500, &MODEL).unwrap();
        let short = save(&mut files, scope(1), 0..100);
        let long = save(&mut files, scope(1), 0..150);
        assert!(!short.exists() && long.exists());
        let others: Vec<PathBuf> = (2..5)
            .map(|lane| save(&mut files, scope(lane), 0..100))
            .collect();
        assert!(!long.exists(), "it is the oldest");
        assert!(others.iter().all(|path| path.exists()));
        files.used(&others[0]);
        save(&mut files, scope(9), 0..100);
        assert!(others[0].exists() && !others[1].exists());
        assert!(!files.has_room_for(4501));
    }

    #[test]
    fn models_differ_by_what_is_in_them_and_by_how_they_are_computed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        fs::write(&path, vec![1; 100_000]).unwrap();
        let key = model_key(&path, "f16").unwrap();
        assert_eq!(model_key(&path, "f16").unwrap(), key);
        assert_ne!(model_key(&path, "q8").unwrap(), key);
        let mut bytes = vec![1; 100_000];
        bytes[99_000] = 2;
        fs::write(&path, bytes).unwrap();
        assert_ne!(model_key(&path, "f16").unwrap(), key);
    }
}
