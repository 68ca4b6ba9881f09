//! The open database, which can be closed and opened again under those who hold the store.
//!
//! The first opening makes the file where there is none, for its owner alone. Every later one only
//! finds it: when the disk is away so is the file, and an empty one in its place would be taken
//! for the house's own. Used by `Store` and its writer.

use std::fs::{File, OpenOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use redb::{Database, DatabaseError};

use super::StoreError;

pub(super) type Opened = Result<Database, DatabaseError>;
pub(super) type Open = Box<dyn Fn() -> Opened + Send + Sync>;

/// The database, or none while it is being opened again.
pub(super) struct Connection {
    database: RwLock<Option<Arc<Database>>>,
    open: Open,
}

impl Connection {
    /// `open` is for every time but the first.
    pub(super) fn new(database: Database, open: Open) -> Self {
        Self {
            database: RwLock::new(Some(Arc::new(database))),
            open,
        }
    }

    pub(super) fn database(&self) -> Option<Arc<Database>> {
        self.database
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_database(&self, database: Option<Arc<Database>>) -> Option<Arc<Database>> {
        std::mem::replace(
            &mut *self
                .database
                .write()
                .unwrap_or_else(PoisonError::into_inner),
            database,
        )
    }

    /// Tries once. It fails while a reader still holds the old database, and with it the file.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        catch_panic(|| {
            drop(self.set_database(None));
            let database = (self.open)()?;
            self.set_database(Some(Arc::new(database)));
            Ok(())
        })
    }
}

/// A panic in redb is one more way for it to fail.
pub(super) fn catch_panic<T>(
    work: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(StoreError::Panicked))
}

fn builder(cache_bytes: usize) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(cache_bytes);
    builder
}

/// Opens the database, and makes it where there is none.
pub(super) fn create(path: &Path, cache_bytes: usize) -> Opened {
    builder(cache_bytes).create_file(owners_file(path)?)
}

/// Opens the database that is there.
pub(super) fn find(path: &Path, cache_bytes: usize) -> Opened {
    builder(cache_bytes).open(path)
}

/// The folder may be open to others, and may have been so when an earlier version made the file.
fn owners_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    if let Err(error) = close_to_others(&file) {
        // Some file systems know no owners; the house is no worse off there than before.
        tracing::warn!(%error, "others on this machine may be able to read the database");
    }
    Ok(file)
}

#[cfg(unix)]
fn close_to_others(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let mut permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o600);
        file.set_permissions(permissions)?;
    }
    Ok(())
}
