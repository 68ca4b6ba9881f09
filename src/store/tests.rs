//! The store's promises, held against a disk that fails. Kept beside the store because they open
//! it on a disk of their own: group commit is as if each closure ran alone; nothing acknowledged is
//! lost whichever disk operation fails; the store comes back by itself, and nobody waits for a disk
//! that does not; a second process is refused.

mod faulty_disk;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use self::faulty_disk::{Trouble, store_on_faulty_disk};
use super::*;
use crate::clock::now_ms;
use crate::error::ErrorKind;
use crate::ids::{ConversationId, UserId};
use crate::store::conversations::{ConversationRecord, TitleSource};
use crate::store::messages::{Author, MessageRecord};
use crate::store::users::{UserRecord, find_user, list_users, put_user};

fn user(name: &str) -> UserRecord {
    UserRecord {
        email: None,
        created_at: now_ms(),
        ..UserRecord::example(name)
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
    let outcomes = join_all(writes).await;
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

#[test]
fn what_was_written_before_there_were_adapters_is_read() {
    fn without_adapters<R: serde::Serialize + serde::de::DeserializeOwned>(record: &R) -> R {
        let mut old = serde_json::to_value(record).unwrap();
        old.as_object_mut().unwrap().remove("adapters").unwrap();
        serde_json::from_value(old).unwrap()
    }
    let conversation = ConversationRecord {
        id: ConversationId::generate(),
        owner_id: UserId::generate(),
        title: String::new(),
        titled_by: TitleSource::FirstWords,
        created_at: 1,
        updated_at: 1,
        pinned: false,
        archived: false,
        model: None,
        adapters: Vec::new(),
        head_id: None,
    };
    assert_eq!(without_adapters(&conversation), conversation);
    let message = MessageRecord::new(conversation.id, None, Author::User);
    assert_eq!(without_adapters(&message), message);
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

fn is_overloaded(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Overloaded { .. })
}

async fn wait_until_it_writes_again(store: &Store, what_failed: &str) {
    for _ in 0..2000 {
        let record = user("after");
        match store.write(move |tx| put_user(tx, &record)).await {
            Ok(()) => return,
            // It was written the time before, although the commit was reported as failed.
            Err(error) if error.kind == ErrorKind::Conflict => return,
            // The panic came inside the closure.
            Err(error) if error.kind == ErrorKind::Internal && what_failed.contains("Panic") => {}
            Err(error) => assert!(is_overloaded(&error), "{error}, after {what_failed}"),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the store did not come back after {what_failed}");
}

#[tokio::test]
async fn whichever_disk_operation_fails_nothing_acknowledged_is_lost() {
    for trouble in [Trouble::Error, Trouble::Panic] {
        for operation in 0.. {
            let what_failed = format!("{trouble:?} in operation {operation}");
            let (store, faults) = store_on_faulty_disk();
            faults.plan(operation..operation + 1, trouble);
            let acknowledged = write_four(&store).await;
            wait_until_it_writes_again(&store, &what_failed).await;
            let failed = faults.heal();
            let users = store.read(list_users).await.unwrap();
            let names: Vec<_> = users.into_iter().map(|user| user.username).collect();
            for name in acknowledged {
                assert!(names.contains(&name), "{name} is lost, after {what_failed}");
            }
            if !failed {
                assert!(operation > 10, "the disk was hardly used: {operation}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_read_that_fails_is_mended_without_a_write() {
    let (store, faults) = store_on_faulty_disk();
    store.write(|tx| put_user(tx, &user("ada"))).await.unwrap();
    faults.plan(0..1, Trouble::Error);
    let error = store.read(list_users).await.unwrap_err();
    assert!(is_overloaded(&error), "{error}");
    for _ in 0..2000 {
        match store.read(list_users).await {
            Ok(users) => return assert_eq!(users.len(), 1),
            Err(error) => assert!(is_overloaded(&error), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the store did not come back");
}

#[tokio::test]
async fn a_file_that_is_gone_is_waited_for_and_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, elsewhere) = (folder.path().join("a.redb"), folder.path().join("b.redb"));
    let store = Store::open(&path, 1 << 20).unwrap();
    store.write(|tx| put_user(tx, &user("ada"))).await.unwrap();
    std::fs::rename(&path, &elsewhere).unwrap();
    assert!(store.connection.reopen().is_err());
    assert!(!store.is_open());
    let error = store.read(list_users).await.unwrap_err();
    assert!(is_overloaded(&error), "{error}");
    let write = store.write(|tx| put_user(tx, &user("lost"))).await;
    assert!(is_overloaded(&write.unwrap_err()));
    assert!(!path.exists());
    std::fs::rename(&elsewhere, &path).unwrap();
    wait_until_it_writes_again(&store, "the file was gone").await;
    assert_eq!(store.read(list_users).await.unwrap()[0].username, "ada");
}

#[tokio::test]
async fn nobody_waits_for_a_disk_that_stays_away() {
    let (store, faults) = store_on_faulty_disk();
    faults.plan(0..u64::MAX, Trouble::Error);
    let writes = (0..20).map(async |_| store.write(|tx| put_user(tx, &user("ada"))).await);
    let first = store.write(|tx| put_user(tx, &user("ada"))).await;
    let outcomes = tokio::time::timeout(Duration::from_secs(5), join_all(writes)).await;
    // A store that cannot end must not hold up the test that says so.
    let ending = std::thread::spawn(move || drop(store));
    let begun = Instant::now();
    while !ending.is_finished() && begun.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let ended = ending.is_finished();
    faults.heal();
    ending.join().unwrap();
    assert!(is_overloaded(&first.unwrap_err()));
    for outcome in outcomes.expect("those in the queue are answered") {
        assert!(is_overloaded(&outcome.unwrap_err()));
    }
    assert!(ended, "the store ends while its disk is away");
}

/// A write that keeps the writer busy until it is released, and its answer.
async fn hold_writer(store: &Store) -> (Arc<AtomicBool>, oneshot::Receiver<Result<()>>) {
    let (begun, released) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let flags = (Arc::clone(&begun), Arc::clone(&released));
    let closure = move |tx: &WriteTx| {
        flags.0.store(true, Ordering::SeqCst);
        while !flags.1.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        put_user(tx, &user("holder"))
    };
    let (caller, answer) = oneshot::channel();
    let job = Box::new(Waiting {
        closure,
        value: None,
        caller,
    });
    store.hand_in(job).unwrap();
    while !begun.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (released, answer)
}

#[tokio::test]
async fn a_short_trouble_loses_nobody_in_the_queue() {
    let (store, faults) = store_on_faulty_disk();
    let (released, holder) = hold_writer(&store).await;
    let release = async {
        // The first fails the write, the others the first two attempts to open again.
        faults.plan(0..3, Trouble::Error);
        released.store(true, Ordering::SeqCst);
    };
    let writes = join_all((0..20).map(async |number| {
        let record = user(&format!("user-{number}"));
        store.write(move |tx| put_user(tx, &record)).await
    }));
    // Polled in this order: all are in the queue before the disk fails.
    let (outcomes, ()) = tokio::join!(biased; writes, release);
    assert!(is_overloaded(&holder.await.unwrap().unwrap_err()));
    for outcome in outcomes {
        outcome.unwrap();
    }
}

#[tokio::test]
async fn a_full_queue_says_that_too_much_is_written() {
    let (store, _faults) = store_on_faulty_disk();
    let (released, holder) = hold_writer(&store).await;
    let refusal = (0..=QUEUE_LIMIT).find_map(|_| store.hand_in(Box::new(Fatal)).err());
    released.store(true, Ordering::SeqCst);
    holder.await.unwrap().unwrap();
    assert!(refusal.unwrap().message.contains("too much"));
}

/// Ends the writer thread.
struct Fatal;

impl WriteJob for Fatal {
    fn run(&mut self, _tx: &WriteTx) -> Result<()> {
        Ok(())
    }
    fn answer(self: Box<Self>, _outcome: Result<()>) {
        panic!("nobody catches this");
    }
}

#[tokio::test]
async fn a_writer_that_has_ended_is_not_called_busy() {
    let (store, _faults) = store_on_faulty_disk();
    assert!(store.is_open());
    store.hand_in(Box::new(Fatal)).unwrap();
    while !store.writer.as_ref().unwrap().is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!store.is_open());
    let error = store.write(|_| Ok(())).await.unwrap_err();
    assert!(error.to_string().contains("has ended"), "{error}");
}
