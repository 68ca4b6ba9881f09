//! The life of a request: queued, cancelled, refused, and carried over the death of a worker.
//!
//! The worker is killed as a crash would end it, in the middle of its work.

use std::time::Instant;

use chatelaine::engine::{Engine, EngineError, EngineEvent, FinishReason, Generate, Sampling};

use crate::{House, ask, eventually, kill, read};

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_stream_frees_what_it_held() {
    let house = House::with(2, 64).await;
    let endless = || {
        house
            .engine
            .generate(Generate {
                max_tokens: None,
                ..ask("hello")
            })
            .unwrap()
    };
    for _ in 0..8 {
        let mut streams = [endless(), endless(), endless()];
        while !matches!(
            streams[0].next_event().await,
            Some(Ok(EngineEvent::Delta(_)))
        ) {}
        drop(streams);
    }
    house.settles().await;
    assert_eq!(
        read(endless()).await.unwrap().1.reason,
        FinishReason::Length
    );
    house.settles().await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_of_those_who_left_are_not_made() {
    let house = House::open().await;
    let far_too_long = || {
        let content = "many words ".repeat(20_000);
        house.engine.generate(ask(&content)).unwrap()
    };
    house.text(ask("hello")).await;
    let began = Instant::now();
    read(far_too_long()).await.unwrap_err();
    let one = began.elapsed();
    let mut streams: Vec<_> = (0..40).map(|_| far_too_long()).collect();
    read(streams.remove(0)).await.unwrap_err();
    drop(streams);
    let began = Instant::now();
    house.text(ask("hello")).await;
    let waited = began.elapsed();
    assert!(waited < one * 20, "{waited:?}, and one takes {one:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_is_only_a_pause() {
    let house = House::slow().await;
    let request = || Generate {
        max_tokens: Some(200),
        ..ask("hi")
    };
    let whole = house.text(request()).await;
    let mut streams: Vec<_> = (0..3)
        .map(|_| house.engine.generate(request()).unwrap())
        .collect();
    let mut text = String::new();
    while text.chars().count() < 20 {
        if let EngineEvent::Delta(delta) = streams[0].next_event().await.unwrap().unwrap() {
            text.push_str(&delta);
        }
    }
    kill(house.engine.worker_process_id("tiny").unwrap());
    let first = streams.remove(0);
    let (rest, finished) = read(first).await.unwrap();
    assert_eq!(text + &rest, whole);
    assert_eq!(finished.usage.completion_tokens, 200);
    for stream in streams {
        assert_eq!(read(stream).await.unwrap().0, whole);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_saw_three_deaths_is_given_up() {
    let house = House::slow().await;
    let mut stream = house
        .engine
        .generate(Generate {
            max_tokens: None,
            ..ask("hi")
        })
        .unwrap();
    let mut killed = Vec::new();
    while killed.len() < 3 {
        // Each worker once, after it has begun with the reply.
        eventually(|| {
            let worker = house.engine.worker_process_id("tiny");
            house.engine.health().running == 1 && worker.is_some_and(|id| !killed.contains(&id))
        })
        .await;
        killed.push(house.engine.worker_process_id("tiny").unwrap());
        kill(killed[killed.len() - 1]);
    }
    let error = loop {
        match stream.next_event().await.unwrap() {
            Ok(EngineEvent::Finished(_)) => panic!("it finished all the same"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error, EngineError::Crashed);
    assert!(!house.text(ask("hello")).await.is_empty());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn models_take_turns() {
    let house = House::open().await;
    let of = |model: &str| Generate {
        model: model.into(),
        ..ask("hello")
    };
    let alone = (house.text(of("tiny")).await, house.text(of("other")).await);
    assert_ne!(alone.0, alone.1);
    let streams: Vec<_> = ["tiny", "other", "tiny", "other"]
        .iter()
        .map(|model| house.engine.generate(of(model)).unwrap())
        .collect();
    for (index, stream) in streams.into_iter().enumerate() {
        let expected = if index % 2 == 0 { &alone.0 } else { &alone.1 };
        assert_eq!(&read(stream).await.unwrap().0, expected);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_so_and_positions_are_told() {
    let house = House::with(1, 3).await;
    let long = || Generate {
        max_tokens: Some(200),
        ..ask("hi")
    };
    let mut streams = vec![house.engine.generate(long()).unwrap()];
    while !matches!(
        streams[0].next_event().await,
        Some(Ok(EngineEvent::Delta(_)))
    ) {}
    eventually(|| house.engine.health().running == 1).await;
    streams.extend((0..3).map(|_| house.engine.generate(long()).unwrap()));
    assert!(matches!(
        house.engine.generate(long()),
        Err(EngineError::QueueFull)
    ));
    let mut last = streams.pop().unwrap();
    let first_event = last.next_event().await.unwrap().unwrap();
    assert!(
        matches!(first_event, EngineEvent::Queued { position, .. } if position > 0),
        "{first_event:?}"
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_or_makes_no_sense_is_refused_at_once() {
    let house = House::open().await;
    let unknown = house.engine.generate(Generate {
        model: "nobody".into(),
        ..ask("hi")
    });
    assert!(matches!(unknown, Err(EngineError::UnknownModel(_))));
    let sampling = Sampling {
        temperature: Some(f32::NAN),
        ..Sampling::default()
    };
    let absurd = house.engine.generate(Generate {
        sampling,
        ..ask("hi")
    });
    assert!(matches!(absurd, Err(EngineError::InvalidRequest(_))));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_the_worker_and_every_stream() {
    let house = House::open().await;
    let mut stream = house
        .engine
        .generate(Generate {
            max_tokens: None,
            ..ask("hi")
        })
        .unwrap();
    while !matches!(stream.next_event().await, Some(Ok(EngineEvent::Delta(_)))) {}
    let worker = house.engine.worker_process_id("tiny").unwrap();
    house.stop.cancel();
    while stream.next_event().await.is_some() {}
    house.tracker.close();
    house.tracker.wait().await;
    assert!(!std::path::Path::new(&format!("/proc/{worker}/exe")).exists());
    assert!(house.engine.generate(ask("hi")).is_err());
}
