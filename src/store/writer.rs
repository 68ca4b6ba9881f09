//! The one thread that writes: waiting closures share a transaction, and so an fsync (group commit).
//!
//! The outcome is as if every closure had run by itself, in the order of arrival: when one fails,
//! the transaction is rolled back, those before it are committed together, it is run alone (so
//! that its error is its own), and those behind it go on. Closures can therefore run again and
//! must have no effect but on the transaction. Nobody is answered before the fsync.
//! A database that fails is opened again here; nobody waits long for that, the end of the house
//! least of all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::connection::{Connection, catch_panic};
use super::{StoreError, WriteTx, unavailable};
use crate::error::{Error, Result};

/// How many closures one transaction takes at most.
const BATCH_LIMIT: usize = 512;

/// How long those in the queue wait for the database to be opened again before they are refused.
const PATIENCE: Duration = Duration::from_millis(200);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

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

pub(super) type Queue = Receiver<Box<dyn WriteJob>>;

/// Runs until the last sender is gone and everybody in the queue was answered.
pub(super) fn run(connection: &Connection, queue: &Queue) {
    let mut batch = Vec::new();
    while let Ok(first) = queue.recv() {
        batch.push(first);
        batch.extend(queue.try_iter().take(BATCH_LIMIT - 1));
        if write_batch(connection, &mut batch).is_err() {
            for job in batch.drain(..) {
                job.answer(Err(unavailable()));
            }
            if !reopen(connection, queue) {
                return;
            }
        }
    }
}

/// Opens the database again, however long that takes. False when the house ends first.
fn reopen(connection: &Connection, queue: &Queue) -> bool {
    let begun = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        match connection.reopen() {
            Ok(()) => {
                tracing::info!("the store was opened again");
                return true;
            }
            Err(error) => tracing::warn!(%error, "the store cannot be opened again yet"),
        }
        if begun.elapsed() < PATIENCE {
            std::thread::sleep(pause);
        } else if !refuse_for(pause, queue) {
            return false;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Refuses whoever is in the queue or comes to it. False when nobody can come any more.
fn refuse_for(pause: Duration, queue: &Queue) -> bool {
    let end = Instant::now() + pause;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        match queue.recv_timeout(left) {
            Ok(job) => job.answer(Err(unavailable())),
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    true
}

/// The database refuses; it must be opened again.
struct Broken;

/// Leaves those in the batch who were not answered.
fn write_batch(connection: &Connection, batch: &mut Vec<Box<dyn WriteJob>>) -> Result<(), Broken> {
    while !batch.is_empty() {
        let written = match try_commit(connection, batch)? {
            Attempt::Committed => batch.len(),
            Attempt::Failed { index: 0, error } => {
                batch.remove(0).answer(Err(error));
                continue;
            }
            Attempt::Failed { index, .. } => match try_commit(connection, &mut batch[..index])? {
                Attempt::Committed => index,
                Attempt::Failed { .. } => continue,
            },
        };
        for job in batch.drain(..written) {
            job.answer(Ok(()));
        }
    }
    Ok(())
}

enum Attempt {
    Committed,
    /// The closure at `index` failed; nothing was written.
    Failed {
        index: usize,
        error: Error,
    },
}

fn try_commit(connection: &Connection, batch: &mut [Box<dyn WriteJob>]) -> Result<Attempt, Broken> {
    catch_panic(|| commit(connection, batch)).map_err(|error| {
        tracing::error!(%error, "the store cannot write");
        Broken
    })
}

fn commit(connection: &Connection, batch: &mut [Box<dyn WriteJob>]) -> Result<Attempt, StoreError> {
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
