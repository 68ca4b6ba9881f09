//! A disk that can be told to fail, by an error or by a panic. Nothing is cached above it, so that
//! every look at the store is an operation of the disk.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use redb::backends::InMemoryBackend;
use redb::{Database, StorageBackend};

use super::Store;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Error,
    Panic,
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    operations: AtomicU64,
    planned: Mutex<Option<(Range<u64>, Trouble)>>,
}

impl Faults {
    /// Fails the operations of this range; the next one is 0.
    pub(super) fn plan(&self, ahead: Range<u64>, trouble: Trouble) {
        let next = self.operations.load(Ordering::SeqCst);
        let range = next + ahead.start..next.saturating_add(ahead.end);
        *self.planned.lock().unwrap() = Some((range, trouble));
    }

    /// The disk is well from here on. True when the planned trouble had begun.
    pub(super) fn heal(&self) -> bool {
        let planned = self.planned.lock().unwrap().take();
        planned.is_some_and(|(range, _)| self.operations.load(Ordering::SeqCst) > range.start)
    }

    fn step(&self) -> std::io::Result<()> {
        let operation = self.operations.fetch_add(1, Ordering::SeqCst);
        let planned = self.planned.lock().unwrap().clone();
        match planned.filter(|(range, _)| range.contains(&operation)) {
            None => Ok(()),
            Some((_, Trouble::Error)) => Err(std::io::Error::other("the disk failed")),
            Some((_, Trouble::Panic)) => panic!("the disk panicked"),
        }
    }
}

#[derive(Debug)]
struct FaultyDisk {
    memory: Arc<InMemoryBackend>,
    faults: Arc<Faults>,
}

impl StorageBackend for FaultyDisk {
    fn len(&self) -> std::io::Result<u64> {
        self.memory.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.faults.step()?;
        self.memory.read(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.faults.step()?;
        self.memory.set_len(len)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        self.faults.step()?;
        self.memory.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.faults.step()?;
        self.memory.write(offset, data)
    }
}

/// A store on a memory that outlives its database.
pub(super) fn store_on_faulty_disk() -> (Store, Arc<Faults>) {
    let memory = Arc::new(InMemoryBackend::new());
    let faults = Arc::new(Faults::default());
    let disk = (memory, Arc::clone(&faults));
    let open = move || {
        let backend = FaultyDisk {
            memory: Arc::clone(&disk.0),
            faults: Arc::clone(&disk.1),
        };
        Database::builder()
            .set_cache_size(0)
            .create_with_backend(backend)
    };
    let store = Store::open_with(open(), Box::new(open)).unwrap();
    (store, faults)
}
