//! Adapters: each changes what the model says, for those who ask for it and for nobody else.
//!
//! The same words under different adapters, many at once, would show any leak between them.

use std::fs;

use chatelaine::engine::llama::{EngineOptions, SavedSequences};
use chatelaine::engine::{
    AdapterFile, AdapterUse, Engine, EngineError, EngineEvent, Generate, ModelRunner,
};

use crate::tiny_gguf::{Random, TinyAdapter, TinyModel};
use crate::{
    House, KV_WAYS, ask, eventually, kill, laid_out, options, read, slow_model, slow_options,
};

/// With so many adapters, named by their numbers.
async fn house_with(count: u64) -> House {
    house_of(count, options(4, 128)).await
}

async fn house_of(count: u64, options: EngineOptions) -> House {
    let house = House::of(options, TinyModel::default()).await;
    offer(&house, count);
    house
}

fn offer(house: &House, count: u64) {
    house
        .engine
        .set_adapters((1..=count).map(|seed| file(house, seed)).collect());
}

fn file(house: &House, seed: u64) -> AdapterFile {
    let bytes = TinyAdapter {
        seed,
        ..TinyAdapter::default()
    }
    .bytes();
    file_of(house, &seed.to_string(), &bytes)
}

fn file_of(house: &House, id: &str, bytes: &[u8]) -> AdapterFile {
    let path = house.folder.path().join(format!("adapter-{id}.gguf"));
    fs::write(&path, bytes).unwrap();
    AdapterFile {
        id: id.into(),
        path,
        size_bytes: bytes.len() as u64,
        modified_ms: 1,
        sha256: format!("{id:0>64}"),
    }
}

fn under(adapters: &[(&str, f32)], request: Generate) -> Generate {
    let adapters = adapters.iter().map(|(id, scale)| AdapterUse {
        id: (*id).into(),
        scale: *scale,
    });
    Generate {
        adapters: adapters.collect(),
        ..request
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adapters_change_what_is_said_as_strongly_as_asked() {
    let house = house_with(2).await;
    let none = house.text(ask("hello")).await;
    let mut texts = vec![none.clone()];
    for adapters in [
        &[("1", 1.0)][..],
        &[("2", 1.0)],
        &[("1", 1.0), ("2", 1.0)],
        &[("1", -1.0)],
        &[("1", 0.5), ("2", 1.0)],
    ] {
        texts.push(house.text(under(adapters, ask("hello"))).await);
    }
    for (at, text) in texts.iter().enumerate() {
        assert!(!texts[..at].contains(text), "{at} is like an earlier one");
    }
    for nothing in [&[("1", 0.0)][..], &[("1", 0.0), ("2", 0.0)]] {
        assert_eq!(house.text(under(nothing, ask("hello"))).await, none);
    }
    let [one, other] = [("1", 1.0), ("2", 1.0)];
    assert_eq!(
        house.text(under(&[other, one], ask("hello"))).await,
        texts[3]
    );
    assert_eq!(
        house.text(under(&[one, ("2", 0.0)], ask("hello"))).await,
        texts[1]
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_under_different_adapters_do_not_touch_each_other() {
    for way in KV_WAYS {
        mix_adapters(house_of(2, laid_out(way, options(4, 128))).await).await;
    }
}

async fn mix_adapters(house: House) {
    let sets: [&[(&str, f32)]; 5] = [
        &[],
        &[("1", 1.0)],
        &[("2", 1.0)],
        &[("1", 1.0), ("2", 1.0)],
        &[("1", 0.5)],
    ];
    let mut expected = Vec::new();
    for set in sets {
        let question =
            |number: usize| under(set, ask(&format!("a long beginning for all {number}")));
        expected.extend(house.clear(3, question).await);
    }
    let mut random = Random(7);
    for round in 0..2 {
        let mut order: Vec<usize> = (0..45).map(|at| at % expected.len()).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, (random.next() % (at as u64 + 1)) as usize);
        }
        let requests = order.iter().map(|&at| Generate {
            lane: random.next() % 3,
            ..expected[at].0.clone()
        });
        let requests: Vec<_> = requests.collect();
        let answers = house.answers(requests).await;
        for ((text, _), &at) in answers.iter().zip(&order) {
            let (request, expected) = &expected[at];
            assert_eq!(text, expected, "round {round}: {:?}", request.adapters);
        }
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_computed_under_one_adapter_serves_no_other() {
    let house = house_with(2).await;
    let question = "the same long words for everybody ".repeat(3);
    let sets: [&[(&str, f32)]; 4] = [&[("1", 1.0)], &[], &[("2", 1.0)], &[("1", 0.5)]];
    for set in sets {
        let usage = house.answer(under(set, ask(&question))).await.1.usage;
        assert_eq!(usage.cached_tokens, 0, "{set:?}");
    }
    for set in sets {
        let usage = house.answer(under(set, ask(&question))).await.1.usage;
        assert_eq!(usage.cached_tokens, usage.prompt_tokens - 1, "{set:?}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adapters_come_and_go_while_the_worker_stays() {
    let house = house_with(1).await;
    let none = house.text(ask("hello")).await;
    let worker = house.engine.worker_process_id("tiny");
    let second = || house.engine.generate(under(&[("2", 1.0)], ask("hello")));
    assert!(matches!(second(), Err(EngineError::UnknownAdapter(id)) if id == "2"));
    offer(&house, 2);
    let text = read(second().unwrap()).await.unwrap().0;
    assert_ne!(text, none);
    offer(&house, 1);
    assert!(second().is_err());
    // Another file of the same name is another adapter.
    let bytes = TinyAdapter {
        seed: 77,
        ..TinyAdapter::default()
    }
    .bytes();
    let mut replaced = file_of(&house, "2", &bytes);
    replaced.sha256 = "f".repeat(64);
    house.engine.set_adapters(vec![replaced]);
    assert_ne!(read(second().unwrap()).await.unwrap().0, text);
    assert_eq!(house.engine.worker_process_id("tiny"), worker);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_adapters_than_are_kept_take_turns() {
    let house = house_with(40).await;
    let ids: Vec<String> = (1..=40).map(|seed: u64| seed.to_string()).collect();
    let short = |id: &str| {
        let request = Generate {
            max_tokens: Some(6),
            ..ask("hello")
        };
        under(&[(id, 1.0)], request)
    };
    let mut expected = Vec::new();
    for id in &ids {
        expected.push(house.clear_text(&short(id)).await);
    }
    let worker = house.engine.worker_process_id("tiny");
    for _ in 0..2 {
        let answers = house.answers(ids.iter().map(|id| short(id))).await;
        for (((text, _), expected), id) in answers.iter().zip(&expected).zip(&ids) {
            let same = expected.as_ref().is_none_or(|expected| expected == text);
            assert!(same, "under {id}: {text:?} and not {expected:?}");
        }
    }
    assert!(expected.iter().flatten().count() > 20);
    assert_eq!(house.engine.worker_process_id("tiny"), worker);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_adapter_harms_only_those_who_want_it() {
    let house = house_with(1).await;
    let good = TinyAdapter::default().bytes();
    let other_layers = TinyAdapter {
        layers: 9,
        ..TinyAdapter::default()
    };
    let mut files = vec![file(&house, 1)];
    let mut names = Vec::new();
    for (name, bytes) in [
        ("empty", &[][..]),
        ("words", b"these are words and no adapter"),
        ("head", &good[..40]),
        ("half", &good[..good.len() / 2]),
        ("cut", &good[..good.len() - 4096]),
        ("foreign", &other_layers.bytes()),
        ("model", &TinyModel::default().bytes()),
    ] {
        files.push(file_of(&house, name, bytes));
        names.push(name);
    }
    let lost = house.folder.path().join("adapter-lost.gguf");
    files.push(file_of(&house, "lost", b""));
    fs::remove_file(lost).unwrap();
    names.push("lost");
    house.engine.set_adapters(files);
    let fine = [under(&[("1", 1.0)], ask("hello")), ask("hello")];
    let expected = house.answers(fine.clone()).await;
    let worker = house.engine.worker_process_id("tiny");
    for name in names {
        let others: Vec<_> = fine.iter().cloned().cycle().take(4).collect();
        let streams = others
            .into_iter()
            .map(|request| house.engine.generate(request).unwrap());
        let streams: Vec<_> = streams.collect();
        let broken = under(&[("1", 1.0), (name, 1.0)], ask("hello"));
        let refused = read(house.engine.generate(broken).unwrap()).await;
        assert!(
            matches!(&refused, Err(EngineError::InvalidRequest(reason)) if reason.contains(name)),
            "{name}: {refused:?}"
        );
        for (at, stream) in streams.into_iter().enumerate() {
            assert_eq!(read(stream).await.unwrap().0, expected[at % 2].0, "{name}");
        }
    }
    assert_eq!(house.engine.worker_process_id("tiny"), worker);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_goes_on_under_the_same_adapter() {
    let house = House::of(slow_options(), slow_model()).await;
    let adapter = TinyAdapter {
        layers: slow_model().layers,
        ..TinyAdapter::default()
    };
    house
        .engine
        .set_adapters(vec![file_of(&house, "a", &adapter.bytes())]);
    let request = |number: usize| {
        let request = Generate {
            max_tokens: Some(60),
            ..ask(&format!("hi {number}"))
        };
        under(&[("a", 1.0)], request)
    };
    let (request, whole) = house.clear(1, request).await.remove(0);
    let none = Generate {
        adapters: Vec::new(),
        ..request.clone()
    };
    assert_ne!(house.text(none).await, whole);
    let mut stream = house.engine.generate(request).unwrap();
    let mut text = String::new();
    while text.chars().count() < 10 {
        if let EngineEvent::Delta(delta) = stream.next_event().await.unwrap().unwrap() {
            text.push_str(&delta);
        }
    }
    kill(house.engine.worker_process_id("tiny").unwrap());
    assert_eq!(text + &read(stream).await.unwrap().0, whole);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_under_an_adapter_serves_nobody_without_it() {
    let saved = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        context_tokens: 1024,
        saved: Some(SavedSequences {
            folder: saved.path().into(),
            budget_bytes: 64 << 20,
        }),
        ..options(2, 16)
    };
    let house = House::of(options, TinyModel::default()).await;
    offer(&house, 2);
    let question = "the same long words for everybody ".repeat(12);
    let first = house
        .answer(under(&[("1", 1.0)], ask(&question)))
        .await
        .1
        .usage;
    eventually(|| {
        let mut files = fs::read_dir(saved.path()).unwrap();
        files.any(|file| {
            file.unwrap()
                .path()
                .extension()
                .is_some_and(|end| end == "kv")
        })
    })
    .await;
    kill(house.engine.worker_process_id("tiny").unwrap());
    let second = house
        .answer(under(&[("2", 1.0)], ask(&question)))
        .await
        .1
        .usage;
    let none = house.answer(ask(&question)).await.1.usage;
    assert_eq!((second.cached_tokens, none.cached_tokens), (0, 0));
    let again = house
        .answer(under(&[("1", 1.0)], ask(&question)))
        .await
        .1
        .usage;
    assert_eq!(again.cached_tokens, first.prompt_tokens - 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_is_probed_on_top_of_its_model() {
    let house = house_with(1).await;
    let model = house.folder.path().join("tiny.gguf");
    let probe = |file: AdapterFile| house.engine.probe_adapter(file.path, model.clone());
    assert_eq!(probe(file(&house, 1)).await, Ok(()));
    let good = TinyAdapter::default().bytes();
    for (name, bytes) in [
        ("words", &b"these are words and no adapter"[..]),
        ("head", &good[..40]),
        ("half", &good[..good.len() / 2]),
        ("model", &TinyModel::default().bytes()),
    ] {
        let failure = probe(file_of(&house, name, bytes)).await.unwrap_err();
        assert!(
            failure.lasting && !failure.reason.is_empty(),
            "{name}: {failure:?}"
        );
    }
    house.close().await;
}
