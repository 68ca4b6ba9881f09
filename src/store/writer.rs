//! The one thread that writes: waiting closures share a transaction, and so an fsync (group commit).
//!
//! The outcome is as if every closure had run by itself, in the order of arrival: when one fails,
//! the transaction is rolled back, those before it are committed together, it is run alone (so
//! that its error is its own), and those behind it go on. Closures can therefore run again and
//! must have no effect but on the transaction. Nobody is answered before the fsync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{Connection, StoreError, WriteTx};
use crate::error::{Error, Result};

/// How many closures one transaction takes at most.
const BATCH_LIMIT: usize = 512;

pub(super) trait WriteJob: Send {
    fn run(&mut self, tx: &WriteTx) -> Result<()>;
    fn answer(self: Box<Self>, outcome: Result<()>);
}

/// A closure, what it gave in its latest run, and who waits for it.
pub(super) struct Waiting<F, T> {
    pub(super) closure: F,
    pub(super) value: Option<T>,
    pub(super) caller: oneshot::Sender<Result<T>>,
}

impl<F, T> WriteJob for Waiting<F, T>
where
    F: Fn(&WriteTx) -> Result<T> + Send,
    T: Send,
{
    fn run(&mut self, tx: &WriteTx) -> Result<()> {
        self.value = None;
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.closure)(tx)));
        self.value =
            Some(outcome.unwrap_or_else(|_| Err(Error::internal("a write closure panicked")))?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<()>) {
        let Self { value, caller, .. } = *self;
        let answer =
            outcome.and_then(|()| value.ok_or_else(|| Error::internal("a write gave no value")));
        // The caller may have gone; what was written stays written.
        let _ = caller.send(answer);
    }
}

pub(super) type Queue = mpsc::Receiver<Box<dyn WriteJob>>;

/// Runs until the last sender is gone and the queue is empty.
pub(super) fn run(connection: &Arc<Connection>, mut queue: Queue) {
    let mut batch = Vec::new();
    while let Some(first) = queue.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH_LIMIT {
            match queue.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        write_batch(connection, &mut batch);
    }
}

fn write_batch(connection: &Arc<Connection>, batch: &mut Vec<Box<dyn WriteJob>>) {
    while !batch.is_empty() {
        let failed_at = match try_commit(connection, batch) {
            Attempt::Committed => batch.len(),
            Attempt::Failed { index: 0, error } => {
                batch.remove(0).answer(Err(error));
                continue;
            }
            Attempt::Failed { index, .. } => match try_commit(connection, &mut batch[..index]) {
                Attempt::Committed => index,
                Attempt::Failed { .. } => continue,
                Attempt::Broken => 0,
            },
            Attempt::Broken => 0,
        };
        if failed_at == 0 {
            for job in batch.drain(..) {
                job.answer(Err(unavailable()));
            }
            connection.reopen();
            return;
        }
        for job in batch.drain(..failed_at) {
            job.answer(Ok(()));
        }
    }
}

enum Attempt {
    Committed,
    /// The closure at `index` failed; nothing was written.
    Failed {
        index: usize,
        error: Error,
    },
    /// The database refuses; it must be opened again.
    Broken,
}

fn try_commit(connection: &Arc<Connection>, batch: &mut [Box<dyn WriteJob>]) -> Attempt {
    match commit(connection, batch) {
        Ok(attempt) => attempt,
        Err(error) => {
            tracing::error!(%error, "the store cannot write");
            Attempt::Broken
        }
    }
}

fn commit(
    connection: &Arc<Connection>,
    batch: &mut [Box<dyn WriteJob>],
) -> Result<Attempt, StoreError> {
    let database = connection.database().ok_or(StoreError::Closed)?;
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    for (index, job) in batch.iter_mut().enumerate() {
        if let Err(error) = job.run(&WriteTx(&transaction)) {
            transaction.abort()?;
            return match StoreError::is_cause_of(&error) {
                true => Err(StoreError::Broken(error.to_string())),
                false => Ok(Attempt::Failed { index, error }),
            };
        }
    }
    transaction.commit()?;
    Ok(Attempt::Committed)
}

pub(super) fn unavailable() -> Error {
    Error::overloaded("the disk does not take writes at the moment", 2)
}
