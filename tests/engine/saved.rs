//! Computed conversations on disk: they serve after a restart, only their owner, and never wrongly.
//!
//! A file may be gone, torn, foreign or forged by chance at any time; the reply is the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chatelaine::engine::llama::{EngineOptions, SavedSequences};
use chatelaine::engine::{Engine, EngineEvent, Generate, ModelRunner, Role};
use futures_util::future::join_all;
use tempfile::TempDir;

use crate::tiny_gguf::TinyModel;
use crate::{House, KV_WAYS, ask, eventually, kill, laid_out, message, options, read, slow_model};

pub(crate) const PLENTY: u64 = 64 << 20;

fn saving(folder: &Path, budget_bytes: u64) -> EngineOptions {
    EngineOptions {
        context_tokens: 1024,
        saved: Some(SavedSequences {
            folder: folder.into(),
            budget_bytes,
        }),
        ..options(2, 16)
    }
}

pub(crate) async fn house_on(folder: &Path, budget_bytes: u64) -> House {
    House::of(saving(folder, budget_bytes), TinyModel::default()).await
}

async fn house_laid_out(folder: &Path, way: (bool, bool)) -> House {
    let options = laid_out(way, saving(folder, PLENTY));
    House::of(options, TinyModel::default()).await
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "kv"))
        .collect();
    paths.sort();
    paths
}

fn total_bytes(folder: &Path) -> u64 {
    let files = files(folder).into_iter();
    // One may be deleted meanwhile.
    files
        .filter_map(|path| Some(path.metadata().ok()?.len()))
        .sum()
}

pub(crate) fn long(number: usize) -> Generate {
    ask(&format!(
        "{number} {}",
        "long words of somebody ".repeat(12)
    ))
}

/// Answers, and waits until that is on disk as another file than those before.
pub(crate) async fn answer_and_save(house: &House, folder: &Path, request: Generate) {
    let before = files(folder);
    house.answer(request).await;
    eventually(|| files(folder).iter().any(|path| !before.contains(path))).await;
}

pub(crate) async fn leaves_memory(house: &House, model: &str) {
    house.engine.unload_model(model);
    eventually(|| house.engine.worker_process_id(model).is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_on(folder.path(), PLENTY).await;
    let (request, expected) = house.clear(1, long).await.remove(0);
    answer_and_save(&house, folder.path(), request.clone()).await;
    house.close().await;

    let house = house_on(folder.path(), PLENTY).await;
    let (text, finished) = house.answer(request.clone()).await;
    let prompt_tokens = finished.usage.prompt_tokens;
    assert_eq!(text, expected);
    assert_eq!(finished.usage.cached_tokens, prompt_tokens - 1);
    house.close().await;

    let house = house_on(folder.path(), PLENTY).await;
    let mut messages = request.messages.clone();
    messages.push(message(Role::Assistant, &expected));
    messages.push(message(Role::User, "and then?"));
    let next = Generate {
        messages,
        ..request.clone()
    };
    let alone = house.clear_text(&next).await;
    let (text, finished) = house.answer(next).await;
    assert!(finished.usage.cached_tokens >= prompt_tokens);
    assert!(alone.is_none_or(|alone| alone == text));
    house.close().await;
}

/// One whose reply is clear however the memory lies, so that all are asked the same.
async fn clear_in_all_ways() -> Generate {
    let nowhere = tempfile::tempdir().unwrap();
    let mut houses = Vec::new();
    for way in KV_WAYS {
        let options = laid_out(way, saving(nowhere.path(), 0));
        houses.push(House::of(options, TinyModel::default()).await);
    }
    let mut clear = None;
    for number in 0..100 {
        let texts = houses.iter().map(|house| async {
            let request = long(number);
            house.clear_text(&request).await
        });
        if join_all(texts).await.iter().all(Option::is_some) {
            clear = Some(long(number));
            break;
        }
    }
    for house in houses {
        house.close().await;
    }
    clear.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_layout_of_the_memory_saved_serves_that_layout_alone() {
    let folder = tempfile::tempdir().unwrap();
    let request = clear_in_all_ways().await;
    for (before, way) in KV_WAYS.into_iter().enumerate() {
        let house = house_laid_out(folder.path(), way).await;
        let expected = house.clear_text(&request).await.unwrap();
        // Another one's file is of no use, and is left alone.
        let (text, finished) = house.answer(request.clone()).await;
        assert_eq!((&text, finished.usage.cached_tokens), (&expected, 0));
        eventually(|| files(folder.path()).len() == before + 1).await;
        house.close().await;
        let house = house_laid_out(folder.path(), way).await;
        let (text, finished) = house.answer(request.clone()).await;
        assert_eq!(text, expected);
        let usage = finished.usage;
        assert_eq!(usage.cached_tokens, usage.prompt_tokens - 1, "{way:?}");
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_disk_serves_its_owner_and_its_model_alone() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_on(folder.path(), PLENTY).await;
    answer_and_save(&house, folder.path(), long(1)).await;
    house.close().await;
    let house = house_on(folder.path(), PLENTY).await;
    let opening = Generate { lane: 9, ..ask("") };
    let opening = house.answer(opening).await.1.usage.prompt_tokens;
    let other_lane = Generate { lane: 1, ..long(1) };
    let usage = house.answer(other_lane).await.1.usage;
    assert!(usage.cached_tokens <= opening, "{usage:?}");
    let other_model = Generate {
        model: "other".into(),
        ..long(1)
    };
    assert_eq!(house.answer(other_model).await.1.usage.cached_tokens, 0);
    let alone = Generate {
        reuse_prefix: false,
        ..long(1)
    };
    assert_eq!(house.answer(alone).await.1.usage.cached_tokens, 0);
    let own = house.answer(long(1)).await.1.usage;
    assert_eq!(own.cached_tokens, own.prompt_tokens - 1);
    house.close().await;
}

type Damage = fn(&mut Vec<u8>);

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_deleted_and_changes_no_word() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_on(folder.path(), PLENTY).await;
    let (request, expected) = house.clear(1, long).await.remove(0);
    answer_and_save(&house, folder.path(), request.clone()).await;
    let path = files(folder.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let damages: [(&str, Damage); 10] = [
        ("empty", Vec::clear),
        ("head alone", |bytes| bytes.truncate(10)),
        ("half", |bytes| bytes.truncate(bytes.len() / 2)),
        ("one byte less", |bytes| bytes.truncate(bytes.len() - 1)),
        ("more", |bytes| bytes.extend([0; 100])),
        ("magic", |bytes| bytes[0] ^= 1),
        ("header", |bytes| bytes[40] ^= 4),
        ("a token", |bytes| bytes[120] ^= 1),
        ("the state", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 64;
        }),
        ("noise", |bytes| bytes.fill(0xa5)),
    ];
    for (name, damage) in damages {
        leaves_memory(&house, "tiny").await;
        for other in files(folder.path()) {
            fs::remove_file(other).unwrap();
        }
        let mut damaged = whole.clone();
        damage(&mut damaged);
        fs::write(&path, &damaged).unwrap();
        let (text, finished) = house.answer(request.clone()).await;
        assert_eq!(text, expected, "{name}");
        assert_eq!(finished.usage.cached_tokens, 0, "{name}");
        // A new one may be there already.
        eventually(|| !fs::read(&path).is_ok_and(|bytes| bytes == damaged)).await;
    }
    leaves_memory(&house, "tiny").await;
    fs::write(&path, &whole).unwrap();
    let (text, finished) = house.answer(request).await;
    assert_eq!(text, expected);
    assert!(finished.usage.cached_tokens > 100, "the whole one serves");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_goes_while_the_worker_lives_is_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_on(folder.path(), PLENTY).await;
    let (request, expected) = house.clear(1, long).await.remove(0);
    answer_and_save(&house, folder.path(), request.clone()).await;
    leaves_memory(&house, "tiny").await;
    // The new worker knows the file, and then it is gone.
    house.answer(ask("hello")).await;
    fs::remove_dir_all(folder.path()).unwrap();
    let worker = house.engine.worker_process_id("tiny");
    let (text, finished) = house.answer(request).await;
    assert_eq!((text, finished.usage.cached_tokens < 20), (expected, true));
    assert_eq!(house.engine.worker_process_id("tiny"), worker);
    house.close().await;
}

/// The size of one file of [`long`].
async fn size_of_one() -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let house = house_on(folder.path(), PLENTY).await;
    answer_and_save(&house, folder.path(), long(1)).await;
    house.close().await;
    total_bytes(folder.path())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_stay_within_the_budget() {
    let one = size_of_one().await;
    let budget = one * 5 / 2;
    let folder = tempfile::tempdir().unwrap();
    let house = house_on(folder.path(), budget).await;
    for number in 1..6 {
        answer_and_save(&house, folder.path(), long(number)).await;
        // The file is there a moment before the oldest goes.
        eventually(|| total_bytes(folder.path()) <= budget).await;
    }
    assert_eq!(files(folder.path()).len(), 2);
    leaves_memory(&house, "tiny").await;
    for (number, is_there) in [(1, false), (4, true), (5, true)] {
        let usage = house.answer(long(number)).await.1.usage;
        assert_eq!(usage.cached_tokens > 100, is_there, "{number}: {usage:?}");
    }
    house.close().await;
    let house = house_on(folder.path(), one).await;
    house.answer(ask("hello")).await;
    assert!(
        total_bytes(folder.path()) <= one,
        "a smaller budget holds at once"
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn models_that_share_a_folder_share_its_budget() {
    let one = size_of_one().await;
    let budget = one * 5 / 2;
    let folder = tempfile::tempdir().unwrap();
    let house = house_on(folder.path(), budget).await;
    house.answer(ask("hello")).await;
    for (number, model) in ["other", "tiny", "other", "tiny"].into_iter().enumerate() {
        let request = Generate {
            model: model.into(),
            ..long(number)
        };
        answer_and_save(&house, folder.path(), request).await;
        eventually(|| total_bytes(folder.path()) <= budget).await;
    }
    house.close().await;
}

/// Long enough for whatever would be saved.
async fn rests() {
    tokio::time::sleep(Duration::from_millis(1500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_budget_has_no_room_for_is_left_out_in_peace() {
    let one = size_of_one().await;
    for budget in [0, 1, 1000, one - 300, one - 1] {
        let folder = tempfile::tempdir().unwrap();
        let house = house_on(folder.path(), budget).await;
        house.answer(long(1)).await;
        let worker = house.engine.worker_process_id("tiny");
        rests().await;
        assert_eq!(house.answer(long(1)).await.1.usage.completion_tokens, 24);
        assert_eq!(
            house.engine.worker_process_id("tiny"),
            worker,
            "{budget} of {one}"
        );
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_only_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "no folder").unwrap();
    let house = house_on(&file, PLENTY).await;
    let first = house.text(long(1)).await;
    let worker = house.engine.worker_process_id("tiny");
    rests().await;
    assert_eq!(house.text(long(1)).await, first);
    assert_eq!(house.engine.worker_process_id("tiny"), worker);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_mid_reply_goes_on_from_what_is_on_disk() {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        context_tokens: 2048,
        ..saving(folder.path(), PLENTY)
    };
    let house = House::of(options, slow_model()).await;
    let request = |number| Generate {
        max_tokens: Some(60),
        ..long(number)
    };
    let (request, whole) = house.clear(1, request).await.remove(0);
    answer_and_save(&house, folder.path(), request.clone()).await;
    for _ in 0..2 {
        let mut stream = house.engine.generate(request.clone()).unwrap();
        let mut text = String::new();
        while text.chars().count() < 10 {
            if let EngineEvent::Delta(delta) = stream.next_event().await.unwrap().unwrap() {
                text.push_str(&delta);
            }
        }
        kill(house.engine.worker_process_id("tiny").unwrap());
        assert_eq!(text + &read(stream).await.unwrap().0, whole);
    }
    house.close().await;
}
