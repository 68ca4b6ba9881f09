//! Whose turn it is: lanes share, batch work stands back, and those who wait are told where they stand.
//!
//! Only the order of things is looked at, never how long they take.

use std::sync::Mutex;

use chatelaine::engine::llama::EngineOptions;
use chatelaine::engine::{Engine, EngineEvent, Generate, Priority};
use futures_util::future::join_all;

use crate::{House, ask, eventually, read, slow_model, slow_options};

async fn house(parallel_replies: u32) -> House {
    let options = EngineOptions {
        parallel_replies,
        ..slow_options()
    };
    House::of(options, slow_model()).await
}

fn request(lane: u64, number: usize, max_tokens: u32) -> Generate {
    Generate {
        lane,
        max_tokens: Some(max_tokens),
        ..ask(&format!("question {number}"))
    }
}

/// In which order these end, by their places.
async fn order_of_ends(house: &House, requests: Vec<Generate>) -> Vec<usize> {
    let order = Mutex::new(Vec::new());
    let streams = requests
        .into_iter()
        .map(|request| house.engine.generate(request).unwrap());
    let streams: Vec<_> = streams.collect();
    let reading = streams.into_iter().enumerate().map(|(at, stream)| {
        let order = &order;
        async move {
            read(stream).await.unwrap();
            order.lock().unwrap().push(at);
        }
    });
    join_all(reading).await;
    order.into_inner().unwrap()
}

fn place(order: &[usize], which: usize) -> usize {
    order.iter().position(|&at| at == which).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_question_does_not_wait_for_ten_long_ones() {
    let house = house(2).await;
    let mut requests: Vec<_> = (0..10).map(|number| request(0, number, 80)).collect();
    requests.push(request(1, 10, 8));
    let order = order_of_ends(&house, requests).await;
    assert!(place(&order, 10) <= 2, "{order:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_take_turns() {
    let house = house(1).await;
    // Of one lane many, and then of two others a few.
    let mut requests: Vec<_> = (0..6).map(|number| request(0, number, 30)).collect();
    requests.extend((6..8).map(|number| request(1, number, 30)));
    requests.extend((8..10).map(|number| request(2, number, 30)));
    let order = order_of_ends(&house, requests).await;
    for late in 6..10 {
        assert!(place(&order, late) <= 7, "{late} in {order:?}");
    }
    assert!(order[7..].iter().all(|&at| at < 6), "{order:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_work_waits_for_those_who_are_waiting_and_loses_nothing() {
    let house = house(1).await;
    let batch = |number: usize| Generate {
        priority: Priority::Batch,
        ..request(0, number, 60)
    };
    let clear = house.clear(2, batch).await;
    let mut first = house.engine.generate(clear[0].0.clone()).unwrap();
    let mut begun = String::new();
    while begun.is_empty() {
        if let EngineEvent::Delta(text) = first.next_event().await.unwrap().unwrap() {
            begun.push_str(&text);
        }
    }
    let second = house.engine.generate(clear[1].0.clone()).unwrap();
    let ended = Mutex::new(Vec::new());
    let interactive = (0..4).map(|number| house.engine.generate(request(1, 50 + number, 20)));
    let interactive: Vec<_> = interactive.map(Result::unwrap).collect();
    let batch = async {
        let rest = read(first).await.unwrap().0;
        assert_eq!(begun + &rest, clear[0].1);
        assert_eq!(read(second).await.unwrap().0, clear[1].1);
        ended.lock().unwrap().push("batch");
    };
    let interactive = async {
        for stream in interactive {
            read(stream).await.unwrap();
        }
        ended.lock().unwrap().push("interactive");
    };
    tokio::join!(batch, interactive);
    assert_eq!(*ended.lock().unwrap(), ["interactive", "batch"]);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_comes_nearer_and_is_told_how_long_it_may_take() {
    let house = house(1).await;
    house.answer(request(0, 90, 4)).await;
    let streams = (0..5).map(|number| house.engine.generate(request(0, number, 40)).unwrap());
    let waiting = streams.map(async |mut stream| {
        let mut told = Vec::new();
        loop {
            match stream.next_event().await.unwrap().unwrap() {
                EngineEvent::Queued { position, eta_ms } => told.push((position, eta_ms)),
                EngineEvent::Finished(_) => break told,
                _ => {}
            }
        }
    });
    let told = join_all(waiting).await;
    let positions: Vec<u32> = told[4].iter().map(|told| told.0).collect();
    assert!(positions.is_sorted_by(|one, next| one >= next), "{told:?}");
    assert_eq!(
        (positions.first(), positions.last()),
        (Some(&3), Some(&0)),
        "{told:?}"
    );
    // Of one moment: later the house may have learnt that it is slower than it thought.
    let [next, .., last] = [&told[1], &told[2], &told[3], &told[4]].map(|told| told[0].1);
    assert!(next.is_some() && next < last, "{told:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_leave_the_queue_let_others_forward() {
    let house = house(1).await;
    let running = house.engine.generate(request(0, 0, 2000)).unwrap();
    eventually(|| house.engine.health().running == 1).await;
    let streams = (1..5).map(|number| house.engine.generate(request(0, number, 4)).unwrap());
    let mut streams: Vec<_> = streams.collect();
    let mut last = streams.pop().unwrap();
    eventually(|| house.engine.health().queued == 4).await;
    drop(streams);
    loop {
        if let EngineEvent::Queued { position: 0, .. } = last.next_event().await.unwrap().unwrap() {
            break;
        }
    }
    drop(running);
    read(last).await.unwrap();
    house.close().await;
}
