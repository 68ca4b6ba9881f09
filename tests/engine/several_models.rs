//! Several models at once: as many as the memory holds, each in its own worker, and nobody starves.
//!
//! Models come on first use or when told, and leave when idle, when told, or when others need the room.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use chatelaine::engine::llama::EngineOptions;
use chatelaine::engine::{
    Engine, EngineError, EngineEvent, Generate, ModelRunner, ModelState, TokenStream,
};
use rustix::process::Signal;

use crate::tiny_gguf::TinyModel;
use crate::{House, ask, eventually, options, read, signal, slow_model, slow_options};

fn of(model: &str) -> Generate {
    Generate {
        model: model.into(),
        ..ask("hello")
    }
}

fn state(house: &House, model: &str) -> ModelState {
    let models = house.engine.models();
    let found = models.into_iter().find(|known| known.id == model);
    found.unwrap().state
}

/// Until the first words are there.
async fn begins(stream: &mut TokenStream) -> String {
    loop {
        if let EngineEvent::Delta(text) = stream.next_event().await.unwrap().unwrap()
            && !text.is_empty()
        {
            return text;
        }
    }
}

async fn house_for_one() -> House {
    let options = EngineOptions {
        memory_bytes: 1,
        ..options(4, 64)
    };
    House::of(options, TinyModel::default()).await
}

fn long(model: &str) -> Generate {
    Generate {
        max_tokens: Some(400),
        ..of(model)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_models_answer_at_the_same_time() {
    let house = House::of(slow_options(), slow_model()).await;
    let infos = house.engine.models();
    assert!(infos.iter().all(|info| info.memory.is_none()));
    let mut streams = [
        house.engine.generate(long("tiny")).unwrap(),
        house.engine.generate(long("other")).unwrap(),
    ];
    for stream in &mut streams {
        begins(stream).await;
    }
    assert_eq!(house.engine.health().running, 2);
    let mut loaded = house.engine.health().loaded;
    loaded.sort();
    assert_eq!(loaded, ["other", "tiny"]);
    for info in house.engine.models() {
        let memory = info.memory.unwrap();
        assert!(memory.weights_bytes > info.size_bytes / 2);
        assert!(memory.tokens_bytes > 0 && memory.compute_bytes > 0);
        assert_eq!(info.state, ModelState::Loaded);
    }
    let worker = |model| house.engine.worker_process_id(model).unwrap();
    assert_ne!(worker("tiny"), worker("other"));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_death_of_one_models_worker_is_no_matter_to_the_other() {
    let house = House::of(slow_options(), slow_model()).await;
    let whole = house.text(long("tiny")).await;
    let mut tiny = house.engine.generate(long("tiny")).unwrap();
    let mut other = house.engine.generate(long("other")).unwrap();
    let text = begins(&mut tiny).await;
    begins(&mut other).await;
    let worker = house.engine.worker_process_id("tiny");
    crate::kill(house.engine.worker_process_id("other").unwrap());
    assert_eq!(text + &read(tiny).await.unwrap().0, whole);
    assert_eq!(read(other).await.unwrap().1.usage.completion_tokens, 400);
    assert_eq!(house.engine.worker_process_id("tiny"), worker);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_room_for_one_nobody_starves_beside_a_busy_model() {
    let house = house_for_one().await;
    let alone = house.text(of("other")).await;
    let busy = async {
        let mut streams: VecDeque<_> = (0..3)
            .map(|_| house.engine.generate(of("tiny")).unwrap())
            .collect();
        for _ in 0..3000 {
            streams.push_back(house.engine.generate(of("tiny")).unwrap());
            read(streams.pop_front().unwrap()).await.unwrap();
            assert!(house.engine.health().loaded.len() <= 1);
        }
    };
    let patient = async {
        for _ in 0..3 {
            assert_eq!(house.text(of("other")).await, alone);
        }
    };
    tokio::select! {
        () = patient => {}
        () = busy => panic!("three thousand were answered before three"),
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_room_for_one_both_are_answered_in_the_end() {
    let house = house_for_one().await;
    let alone = (house.text(of("tiny")).await, house.text(of("other")).await);
    let models = (0..12).map(|at| if at % 2 == 0 { "tiny" } else { "other" });
    let answers = house.answers(models.map(of)).await;
    for (at, (text, _)) in answers.iter().enumerate() {
        assert_eq!(text, if at % 2 == 0 { &alone.0 } else { &alone.1 });
    }
    house.close().await;
}

/// What a tiny model takes, and what it is expected to take before it is loaded.
async fn sizes() -> (u64, u64) {
    let house = House::open().await;
    house.text(of("tiny")).await;
    let each = house.engine.models()[0].memory.unwrap().total_bytes();
    let file = house.file("tiny", 1, &TinyModel::default()).await;
    house.close().await;
    (each, file.expected_memory_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_loaded_never_takes_more_than_it_may() {
    let (each, _) = sizes().await;
    let options = EngineOptions {
        memory_bytes: each * 3 / 2,
        ..options(4, 64)
    };
    let house = House::of(options, TinyModel::default()).await;
    for model in ["tiny", "other", "tiny", "other"] {
        house.text(of(model)).await;
    }
    eventually(|| house.engine.health().loaded.len() == 1).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_idle_longest_makes_room() {
    let third = TinyModel::default();
    let (each, expected) = sizes().await;
    // Room for two, and a byte too little for the third.
    let options = EngineOptions {
        memory_bytes: each * 2 + expected - 1,
        ..options(4, 64)
    };
    let house = House::of(options, third.clone()).await;
    let files = vec![
        house.file("tiny", 1, &third).await,
        house.file("other", 2, &third).await,
        house.file("third", 3, &third).await,
    ];
    house.engine.set_models(files);
    for (model, expected) in [
        ("tiny", ["tiny", ""]),
        ("other", ["other", "tiny"]),
        ("tiny", ["other", "tiny"]),
        ("third", ["third", "tiny"]),
        ("other", ["other", "third"]),
    ] {
        house.text(of(model)).await;
        let mut loaded = house.engine.health().loaded;
        loaded.sort();
        let expected: Vec<_> = expected.into_iter().filter(|id| !id.is_empty()).collect();
        assert_eq!(loaded, expected, "after {model}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_model_leaves_and_comes_back() {
    let options = EngineOptions {
        unload_after: Some(Duration::from_millis(300)),
        ..slow_options()
    };
    let house = House::of(options, slow_model()).await;
    let text = house.text(long("tiny")).await;
    let worker = house.engine.worker_process_id("tiny").unwrap();
    eventually(|| house.engine.worker_process_id("tiny").is_none()).await;
    assert!(!Path::new(&format!("/proc/{worker}/exe")).exists());
    assert_eq!(state(&house, "tiny"), ModelState::Available);
    assert_eq!(house.engine.models()[0].memory, None);
    // It takes longer than that, and is not idle meanwhile.
    let (again, finished) = house.answer(long("tiny")).await;
    assert_eq!(again, text);
    assert!(finished.timings.decode_ms > 300);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_model_leaves_while_readers_of_another_come_and_go() {
    let options = EngineOptions {
        unload_after: Some(Duration::from_secs(2)),
        ..options(4, 64)
    };
    let house = House::of(options, TinyModel::default()).await;
    house.text(of("other")).await;
    eventually(|| {
        let _left_at_once = house.engine.generate(of("tiny")).unwrap();
        house.engine.worker_process_id("other").is_none()
    })
    .await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_comes_and_goes_when_told() {
    let house = House::of(slow_options(), slow_model()).await;
    house.engine.load_model("nobody");
    house.engine.load_model("tiny");
    eventually(|| state(&house, "tiny") == ModelState::Loaded).await;
    assert_eq!(house.engine.health().loaded, ["tiny"]);
    let whole = house.text(long("tiny")).await;
    let worker = house.engine.worker_process_id("tiny");
    let mut stream = house.engine.generate(long("tiny")).unwrap();
    let text = begins(&mut stream).await;
    house.engine.unload_model("tiny");
    // Who comes now waits for the next worker.
    let next = house.engine.generate(long("tiny")).unwrap();
    assert_eq!(text + &read(stream).await.unwrap().0, whole);
    assert_eq!(read(next).await.unwrap().0, whole);
    assert_ne!(house.engine.worker_process_id("tiny"), worker);
    house.engine.unload_model("tiny");
    eventually(|| state(&house, "tiny") == ModelState::Available).await;
    assert!(house.engine.health().loaded.is_empty());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_told_to_come_takes_the_room_of_an_idle_one() {
    let house = house_for_one().await;
    house.text(of("tiny")).await;
    house.engine.load_model("other");
    eventually(|| house.engine.health().loaded == ["other"]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_falls_silent_is_replaced() {
    let options = EngineOptions {
        silence_limit: Duration::from_secs(3),
        ..slow_options()
    };
    let house = House::of(options, slow_model()).await;
    let whole = house.text(long("tiny")).await;
    let mut stream = house.engine.generate(long("tiny")).unwrap();
    let text = begins(&mut stream).await;
    let worker = house.engine.worker_process_id("tiny").unwrap();
    signal(worker, Signal::STOP);
    let rest = tokio::time::timeout(Duration::from_secs(120), read(stream));
    assert_eq!(text + &rest.await.unwrap().unwrap().0, whole);
    assert_ne!(house.engine.worker_process_id("tiny"), Some(worker));
    eventually(|| !Path::new(&format!("/proc/{worker}/exe")).exists()).await;
    house.close().await;
}

fn endless(lane: u64) -> Generate {
    Generate {
        lane,
        max_tokens: None,
        ..ask("hi")
    }
}

/// One reply is written at a time, and so many of a lane may wait.
async fn narrow_house(lane_queue_limit: u32) -> (House, TokenStream) {
    let options = EngineOptions {
        parallel_replies: 1,
        queue_limit: 10_000,
        lane_queue_limit,
        ..slow_options()
    };
    let house = House::of(options, slow_model()).await;
    let mut running = house.engine.generate(endless(0)).unwrap();
    begins(&mut running).await;
    eventually(|| house.engine.health().queued == 0).await;
    (house, running)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lane_fills_its_own_queue_and_no_other() {
    let (house, running) = narrow_house(2).await;
    let waiting = [0, 0].map(|lane| house.engine.generate(endless(lane)).unwrap());
    eventually(|| house.engine.health().queued == 2).await;
    let refused = house.engine.generate(endless(0));
    assert!(matches!(refused, Err(EngineError::QueueFull)));
    let other = house.engine.generate(endless(1)).unwrap();
    drop(waiting);
    eventually(|| house.engine.health().queued == 1).await;
    let again = house.engine.generate(endless(0)).unwrap();
    drop((running, again));
    let mut other = other;
    begins(&mut other).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_asks_very_quickly_gets_no_more_places() {
    let (house, running) = narrow_house(50).await;
    let mut accepted = Vec::new();
    for _ in 0..300 {
        let asked = (0..20).map(|_| house.engine.generate(endless(0)));
        accepted.extend(asked.filter_map(Result::ok));
        tokio::time::sleep(Duration::from_micros(50)).await;
    }
    assert_eq!(accepted.len(), 50);
    drop(running);
    house.close().await;
}
