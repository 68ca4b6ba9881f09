//! The only place that knows redb: everything that must not be lost, in one file.
//!
//! `read` and `write` take short synchronous closures over a transaction; `write` returns after
//! the fsync, so what was answered is on disk. The store knows records and keys, never rules: who
//! may do what is decided in the rooms above, which are the only callers. `http` never opens a
//! transaction. After a failed disk operation redb refuses whatever needs the disk until it is
//! opened again, which the writer does by itself; until then callers hear "overloaded".

pub mod adapters;
pub mod allowances;
pub mod api_keys;
pub mod attempts;
pub mod audit;
mod codec;
mod connection;
pub mod conversations;
pub mod counts;
pub mod groups;
pub mod jobs;
mod keys;
pub mod links;
pub mod mails;
pub mod messages;
mod migrations;
pub mod notices;
pub mod plugins;
pub mod registration_keys;
pub mod remote_sources;
pub mod replies;
pub mod requests;
pub mod search_outbox;
pub mod sessions;
pub mod settings;
mod tables;
#[cfg(test)]
mod tests;
mod transaction;
pub mod usage;
pub mod users;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use redb::ReadableDatabase;
use tokio::sync::oneshot;

pub use self::codec::is_damaged;
use self::connection::{Connection, Open, Opened};
pub use self::transaction::{ReadTx, Reads, WriteTx};
use self::writer::{Waiting, WriteJob};
use crate::error::{Error, Result};

/// Closures that may wait for the writer before callers hear "overloaded".
const QUEUE_LIMIT: usize = 4096;

#[derive(Debug, thiserror::Error)]
enum StoreError {
    #[error("{0}")]
    Redb(#[from] redb::Error),
    #[error("a key in {table} is damaged")]
    DamagedKey { table: &'static str },
    #[error("{0}")]
    Broken(String),
    #[error("redb panicked")]
    Panicked,
    #[error("the store is being opened again")]
    Closed,
    #[error("the writer thread has ended; the house must be started again")]
    Stopped,
}

macro_rules! redb_errors {
    ($($kind:ident),*) => {$(
        impl From<redb::$kind> for StoreError {
            fn from(error: redb::$kind) -> Self {
                Self::Redb(error.into())
            }
        }
    )*};
}
redb_errors!(
    StorageError,
    TableError,
    TransactionError,
    CommitError,
    DatabaseError
);

impl StoreError {
    /// Whether a closure failed because the database must be opened again, rather than by its own
    /// decision.
    fn is_cause_of(error: &Error) -> bool {
        let source = error
            .source
            .as_ref()
            .and_then(|source| source.downcast_ref::<Self>());
        matches!(
            source,
            Some(Self::Redb(
                redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseClosed
            ))
        )
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed => unavailable(),
            other => Self::internal(other),
        }
    }
}

/// The answer to reads and writes alike while the database is being opened again.
fn unavailable() -> Error {
    Error::overloaded("the store cannot use its disk at the moment", 2)
}

pub struct Store {
    connection: Arc<Connection>,
    queue: Option<SyncSender<Box<dyn WriteJob>>>,
    writer: Option<JoinHandle<()>>,
}

impl Store {
    /// Opens `path` or makes it, and migrates it. `cache_bytes` is memory for pages.
    pub fn open(path: &Path, cache_bytes: usize) -> Result<Self> {
        let path = path.to_owned();
        Self::open_with(
            connection::create(&path, cache_bytes),
            Box::new(move || connection::find(&path, cache_bytes)),
        )
    }

    fn open_with(opened: Opened, reopen: Open) -> Result<Self> {
        let database = opened.map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => Error::conflict(
                "another chatelaine is already running on this data folder; stop it first",
            ),
            other => StoreError::from(other).into(),
        })?;
        migrations::run(&database)?;
        let connection = Arc::new(Connection::new(database, reopen));
        let (queue, jobs) = sync_channel(QUEUE_LIMIT);
        let for_writer = Arc::clone(&connection);
        let writer = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer::run(&for_writer, &jobs))
            .map_err(Error::internal)?;
        Ok(Self {
            connection,
            queue: Some(queue),
            writer: Some(writer),
        })
    }

    /// Looks at one consistent state. The closure must be short: it pins old pages while it runs.
    pub async fn read<T, F>(&self, closure: F) -> Result<T>
    where
        F: FnOnce(&ReadTx) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        let outcome = tokio::task::spawn_blocking(move || {
            let database = connection.database().ok_or(StoreError::Closed)?;
            let transaction = database.begin_read().map_err(StoreError::from)?;
            closure(&ReadTx(transaction))
        })
        .await
        .map_err(Error::internal)?;
        match outcome {
            Err(error) if StoreError::is_cause_of(&error) => {
                tracing::error!(%error, "the store cannot read");
                self.wake_writer();
                Err(unavailable())
            }
            outcome => outcome,
        }
    }

    /// Makes the writer find out whether the database must be opened again. It cannot be left to
    /// the next write: whoever writes reads first.
    fn wake_writer(&self) {
        let (caller, _) = oneshot::channel();
        // A queue that is full wakes it as well.
        let _ = self.hand_in(Box::new(Waiting {
            closure: |_: &WriteTx| Ok(()),
            value: None,
            caller,
        }));
    }

    /// Writes what the closure does, whole or not at all, and returns when it is on disk. The
    /// closure may run more than once and must have no other effect.
    pub async fn write<T, F>(&self, closure: F) -> Result<T>
    where
        F: Fn(&WriteTx) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        self.hand_in(Box::new(Waiting {
            closure,
            value: None,
            caller,
        }))?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }

    fn hand_in(&self, job: Box<dyn WriteJob>) -> Result<()> {
        let queue = self
            .queue
            .as_ref()
            .expect("the queue is there until the store is dropped");
        queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => {
                Error::overloaded("too much is being written at the moment", 1)
            }
            TrySendError::Disconnected(_) => StoreError::Stopped.into(),
        })
    }

    /// Whether reads and writes are taken at the moment.
    pub fn is_open(&self) -> bool {
        let writes = self.writer.as_ref().is_some_and(|it| !it.is_finished());
        writes && self.connection.database().is_some()
    }
}

impl Drop for Store {
    /// Waits until everything that was handed in is written, or refused by a disk that is away.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the writer thread panicked");
        }
    }
}
