//! What plugins decided, on its way to the store: written in batches, so that no decision waits for
//! the disk. Whoever reads the log first has what is still on its way written.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::Result;
use crate::store::plugins::{PluginLogRecord, append_plugin_log, find_plugin, list_plugin_log};
use crate::store::{Store, WriteTx};

/// Entries that a plugin's log holds.
const MOST: u64 = 1_000;
/// Entries that may wait, and what they may hold; what comes beyond is lost, and said so.
const WAITING: usize = 4_096;
const WAITING_BYTES: usize = 4 << 20;
const BATCH: usize = 256;

enum Entry {
    Decision(String, Box<PluginLogRecord>),
    /// Told when all before it is on disk.
    Written(oneshot::Sender<()>),
}

pub(super) struct Journal {
    store: Arc<Store>,
    entries: mpsc::Sender<Entry>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// About.
fn size_of(entry: &PluginLogRecord) -> usize {
    let texts = [
        &entry.reason,
        &entry.error,
        &entry.subject,
        &entry.applicant,
    ];
    let texts = texts.into_iter().flatten().chain(&entry.lines);
    size_of_val(entry) + texts.map(String::len).sum::<usize>()
}

impl Journal {
    pub(super) fn open(store: Arc<Store>, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let (entries, waiting) = mpsc::channel(WAITING);
        let waiting_bytes = Arc::default();
        let bytes = Arc::clone(&waiting_bytes);
        tasks.spawn(write(Arc::clone(&store), waiting, bytes, stop));
        Self {
            store,
            entries,
            waiting_bytes,
        }
    }

    pub(super) fn append(&self, plugin: &str, entry: PluginLogRecord) {
        let bytes = size_of(&entry);
        let waiting = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let entry = Entry::Decision(plugin.to_owned(), Box::new(entry));
        let sent = match waiting + bytes > WAITING_BYTES {
            true => Err(TrySendError::Full(entry)),
            false => self.entries.try_send(entry),
        };
        let Err(error) = sent else { return };
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        let why = match error {
            TrySendError::Full(_) => "too many wait",
            TrySendError::Closed(_) => "the house ends",
        };
        tracing::warn!(plugin, why, "an entry of a plugin's log was lost");
    }

    /// The latest first, those before `before`, each with its number.
    pub(super) async fn list(
        &self,
        plugin: String,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, PluginLogRecord)>> {
        self.flush().await;
        self.store
            .read(move |tx| list_plugin_log(tx, &plugin, before, limit))
            .await
    }

    pub(super) async fn flush(&self) {
        let (written, all) = oneshot::channel();
        if self.entries.send(Entry::Written(written)).await.is_ok() {
            // It ends with the house.
            let _ended = all.await;
        }
    }
}

async fn write(
    store: Arc<Store>,
    mut waiting: mpsc::Receiver<Entry>,
    waiting_bytes: Arc<AtomicUsize>,
    stop: CancellationToken,
) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            received = waiting.recv_many(&mut batch, BATCH) => if received == 0 { return },
            () = stop.cancelled() => waiting.close(),
        }
        // Closed, it gives what was waiting, and then nothing.
        let mut decisions = Vec::new();
        let mut readers = Vec::new();
        for entry in batch.drain(..) {
            match entry {
                Entry::Decision(plugin, entry) => decisions.push((plugin, *entry)),
                Entry::Written(reader) => readers.push(reader),
            }
        }
        let bytes: usize = decisions.iter().map(|(_, entry)| size_of(entry)).sum();
        if !decisions.is_empty() {
            let written = store.write(move |tx| write_batch(tx, &decisions)).await;
            if let Err(error) = written {
                tracing::error!(%error, "entries of plugins' logs were lost");
            }
        }
        waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        for reader in readers {
            // Somebody who no longer waits has left.
            let _left = reader.send(());
        }
        if stop.is_cancelled() && waiting.is_empty() {
            return;
        }
    }
}

fn write_batch(tx: &WriteTx, decisions: &[(String, PluginLogRecord)]) -> Result<()> {
    for (plugin, entry) in decisions {
        // Nothing is kept of a plugin that was deleted meanwhile.
        if find_plugin(tx, plugin)?.is_some() {
            append_plugin_log(tx, plugin, entry, MOST)?;
        }
    }
    Ok(())
}
