//! The store's promises, held against a disk that fails. Kept beside the store because they open
//! it on a disk of their own: group commit is as if each closure ran alone; nothing acknowledged is
//! lost whichever disk operation fails; a newer file and a second process are refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::backends::InMemoryBackend;
use redb::{Database, StorageBackend};

use super::*;
use crate::clock::now_ms;
use crate::error::ErrorKind;
use crate::ids::UserId;
use crate::store::users::{UserRecord, UserRole, find_user, list_users, put_user};

fn user(name: &str) -> UserRecord {
    UserRecord {
        id: UserId::generate(),
        username: name.into(),
        display_name: None,
        email: None,
        role: UserRole::User,
        password_hash: String::new(),
        created_at: now_ms(),
    }
}

#[tokio::test]
async fn what_was_written_is_read_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let ada = user("ada");
    let store = Store::open(&path, 1 << 20).unwrap();
    let written = ada.clone();
    store.write(move |tx| put_user(tx, &written)).await.unwrap();
    drop(store);
    let store = Store::open(&path, 1 << 20).unwrap();
    let id = ada.id;
    assert_eq!(
        store.read(move |tx| find_user(tx, &id)).await.unwrap(),
        Some(ada)
    );
}

#[tokio::test]
async fn a_closure_that_fails_takes_nobody_along() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(&folder.path().join("store.redb"), 1 << 20).unwrap());
    let writes = (0..200).map(|number| {
        let store = Arc::clone(&store);
        async move {
            // Every tenth wants the same name, so all but one of them must fail.
            let name = if number % 10 == 0 {
                "wanted".into()
            } else {
                format!("user-{number}")
            };
            let record = user(&name);
            store.write(move |tx| put_user(tx, &record)).await
        }
    });
    let outcomes = futures_util::future::join_all(writes).await;
    let conflicts = outcomes
        .iter()
        .filter(|o| matches!(o, Err(e) if e.kind == ErrorKind::Conflict))
        .count();
    assert_eq!(conflicts, 19);
    assert_eq!(store.read(list_users).await.unwrap().len(), 181);
}

#[tokio::test]
async fn a_closure_that_panics_is_an_error_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.redb"), 1 << 20).unwrap();
    let outcome: Result<()> = store.write(|_| panic!("a bug")).await;
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Internal);
    store.write(|tx| put_user(tx, &user("ada"))).await.unwrap();
}

#[test]
fn a_second_store_on_the_same_file_is_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let _first = Store::open(&path, 1 << 20).unwrap();
    let error = Store::open(&path, 1 << 20).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(
        error.message.contains("already running"),
        "{}",
        error.message
    );
}

/// A disk that fails one operation, and is well again after.
#[derive(Debug)]
struct FaultyDisk {
    memory: Arc<InMemoryBackend>,
    faults: Arc<Faults>,
}

#[derive(Debug, Default)]
struct Faults {
    operations: AtomicU64,
    fail_at: AtomicU64,
}

impl Faults {
    fn step(&self) -> std::io::Result<()> {
        let operation = self.operations.fetch_add(1, Ordering::SeqCst);
        if operation == self.fail_at.load(Ordering::SeqCst) {
            return Err(std::io::Error::other("the disk failed"));
        }
        Ok(())
    }
}

impl StorageBackend for FaultyDisk {
    fn len(&self) -> std::io::Result<u64> {
        self.memory.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
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

/// Opens a store on a memory that outlives it, with a disk that can be told to fail.
fn store_on_faulty_disk() -> (Store, Arc<Faults>) {
    let memory = Arc::new(InMemoryBackend::new());
    let faults = Arc::new(Faults {
        fail_at: AtomicU64::new(u64::MAX),
        ..Faults::default()
    });
    let disk = (Arc::clone(&memory), Arc::clone(&faults));
    let store = Store::open_with(Box::new(move || {
        let backend = FaultyDisk {
            memory: Arc::clone(&disk.0),
            faults: Arc::clone(&disk.1),
        };
        Database::builder().create_with_backend(backend)
    }));
    (store.unwrap(), faults)
}

/// The names that were acknowledged.
async fn write_four(store: &Store) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0..4 {
        let record = user(&format!("user-{number}"));
        let name = record.username.clone();
        if store.write(move |tx| put_user(tx, &record)).await.is_ok() {
            acknowledged.push(name);
        }
    }
    acknowledged
}

async fn wait_until_it_writes_again(store: &Store, operation: u64) {
    for _ in 0..200 {
        let record = user("after");
        match store.write(move |tx| put_user(tx, &record)).await {
            Ok(()) => return,
            // It was written the time before, although the commit was reported as failed.
            Err(error) if error.kind == ErrorKind::Conflict => return,
            Err(error) => assert!(
                matches!(error.kind, ErrorKind::Overloaded { .. }),
                "{error}"
            ),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the store did not come back after operation {operation} failed");
}

#[tokio::test]
async fn whichever_disk_operation_fails_nothing_acknowledged_is_lost() {
    for operation in 0.. {
        let (store, faults) = store_on_faulty_disk();
        let begun = faults.operations.load(Ordering::SeqCst);
        faults.fail_at.store(begun + operation, Ordering::SeqCst);
        let acknowledged = write_four(&store).await;
        wait_until_it_writes_again(&store, operation).await;
        let users = store.read(list_users).await.unwrap();
        let names: Vec<_> = users.into_iter().map(|user| user.username).collect();
        for name in acknowledged {
            assert!(
                names.contains(&name),
                "{name} was acknowledged, operation {operation} failed"
            );
        }
        if faults.operations.load(Ordering::SeqCst) < begun + operation {
            assert!(
                operation > 10,
                "the loop must have failed some operations: {operation}"
            );
            return;
        }
    }
}
