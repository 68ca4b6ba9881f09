//! Who may write remote sources is asked where they are written. What else holds of them is proven on
//! the real binary, in `tests/api/remote_sources.rs`.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::error::ErrorKind;

fn new(name: &str) -> NewRemoteSource {
    NewRemoteSource {
        name: name.into(),
        addresses: vec!["http://127.0.0.1:9".into()],
        key: None,
        models: Vec::new(),
        prefix: None,
        options: RemoteOptionsChange::default(),
    }
}

#[tokio::test]
async fn an_administrator_who_left_writes_no_source() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(&folder.path().join("store.redb"), 1 << 20).unwrap());
    let engine = RemoteEngine::new(4, TaskTracker::new(), CancellationToken::new());
    let sources = RemoteSources::open(Arc::clone(&store), engine, b"house").await;
    let sources = sources.unwrap();
    let kept = RemoteSourceRecord {
        id: RemoteSourceId::generate(),
        name: "kept".into(),
        addresses: vec!["http://127.0.0.1:9".into()],
        sealed_key: None,
        models: Vec::new(),
        prefix: "kept/".into(),
        options: RemoteOptions::default(),
        created_at: 0,
    };
    let (id, record) = (kept.id.to_string(), kept.clone());
    let written = store.write(move |tx| put_remote_source(tx, &record));
    written.await.unwrap();

    let left = Caller::administrator_who_left();
    let renamed = RemoteSourceChange {
        name: Some("renamed".into()),
        ..RemoteSourceChange::default()
    };
    let refusals = [
        sources.create(&left, new("more")).await.err(),
        sources.change(&left, &id, renamed).await.err(),
        sources.delete(&left, &id).await.err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.unwrap().kind, ErrorKind::Unauthenticated);
    }
    let names: Vec<String> = store
        .read(list_remote_sources)
        .await
        .unwrap()
        .into_iter()
        .map(|record| record.name)
        .collect();
    assert_eq!(names, ["kept"]);
}
