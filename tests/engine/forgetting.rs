//! What was computed of a lane's words goes when it is asked to go: from memory, from disk, and from
//! what is just being written. What was computed for others stays.

use chatelaine::engine::{Engine, EngineEvent, Generate};

use crate::ask;
use crate::saved::{PLENTY, answer_and_save, files, house_on, leaves_memory, long};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_is_on_no_disk_and_in_no_memory_and_others_keep_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_on(folder.path(), PLENTY).await;
    let of = |lane, number| Generate {
        lane,
        ..long(number)
    };
    for (lane, number) in [(1, 1), (2, 2), (1, 3)] {
        answer_and_save(&house, folder.path(), of(lane, number)).await;
    }
    // Of a model that is in no memory now.
    let elsewhere = Generate {
        model: "other".into(),
        ..of(1, 4)
    };
    answer_and_save(&house, folder.path(), elsewhere.clone()).await;
    leaves_memory(&house, "other").await;
    assert_eq!(files(folder.path()).len(), 4);
    let opening = house.answer(Generate { lane: 9, ..ask("") }).await;
    let opening = opening.1.usage.prompt_tokens;

    house.engine.forget(1).await.unwrap();
    assert_eq!(files(folder.path()).len(), 1);
    for request in [of(1, 1), of(1, 3), elsewhere] {
        let usage = house.answer(request).await.1.usage;
        assert!(usage.cached_tokens <= opening, "{usage:?}");
    }
    let kept = house.answer(of(2, 2)).await.1.usage;
    assert_eq!(kept.cached_tokens, kept.prompt_tokens - 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_written_when_it_is_forgotten_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_on(folder.path(), PLENTY).await;
    let mut reply = house.engine.generate(long(1)).unwrap();
    // Only then is anything computed.
    while !matches!(reply.next_event().await, Some(Ok(EngineEvent::Delta(_)))) {}
    house.engine.forget(0).await.unwrap();
    while let Some(event) = reply.next_event().await {
        event.unwrap();
    }
    // Time enough to be saved.
    answer_and_save(&house, folder.path(), Generate { lane: 1, ..long(2) }).await;
    assert_eq!(files(folder.path()).len(), 1);
    house.close().await;
}
