//! The text of a reply: the same every time, whole, ended where it must, made from what fits.
//!
//! Greedy, so that two texts can be compared; with a seed where chance is what is asked about.

use chatelaine::engine::{
    Engine, EngineError, EngineEvent, FinishReason, Generate, ModelState, Role, Sampling,
};

use crate::{House, ask, message, read};

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_streams_and_says_what_it_took() {
    let house = House::open().await;
    assert_eq!(
        house.engine.worker_process_id("tiny"),
        None,
        "nothing runs before the first request"
    );
    let mut stream = house.engine.generate(ask("hello")).unwrap();
    let (mut deltas, mut read_prompt, mut finished) = (0, 0, None);
    while let Some(event) = stream.next_event().await {
        match event.unwrap() {
            EngineEvent::Queued { .. } => assert_eq!(read_prompt, 0),
            EngineEvent::Prefill { done, total } => {
                assert!(done <= total && deltas == 0);
                read_prompt = done;
            }
            EngineEvent::Delta(text) => {
                assert!(!text.is_empty());
                deltas += 1;
            }
            EngineEvent::Finished(end) => finished = Some(end),
            other => panic!("nobody asked for {other:?}"),
        }
    }
    let finished = finished.unwrap();
    assert!(deltas > 3);
    assert_eq!(finished.reason, FinishReason::Length);
    assert_eq!(finished.usage.completion_tokens, 24);
    assert_eq!(finished.usage.prompt_tokens, read_prompt);
    assert_eq!(house.engine.health().loaded, ["tiny"]);
    assert_eq!(house.engine.models()[0].state, ModelState::Loaded);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_likeliest_text_is_the_same_alone_and_beside_five_others() {
    let house = House::with(6, 64).await;
    let alone = house.text(ask("hello")).await;
    assert_eq!(house.text(ask("hello")).await, alone);
    let others: Vec<_> = (0..5)
        .map(|n| {
            house
                .engine
                .generate(Generate {
                    lane: n,
                    ..ask(&format!("other question {n}"))
                })
                .unwrap()
        })
        .collect();
    assert_eq!(house.text(ask("hello")).await, alone);
    for other in others {
        assert_eq!(read(other).await.unwrap().1.usage.completion_tokens, 24);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_gives_the_same_text() {
    let house = House::open().await;
    let request = |seed| {
        let sampling = Sampling {
            temperature: Some(1.5),
            seed: Some(seed),
            ..Sampling::default()
        };
        Generate {
            sampling,
            ..ask("hello")
        }
    };
    let first = house.text(request(1)).await;
    assert_eq!(house.text(request(1)).await, first);
    assert_ne!(house.text(request(2)).await, first);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_ends_before_its_stop_string() {
    let house = House::open().await;
    let whole = house.text(ask("hello")).await;
    let from = whole.char_indices().nth(6).unwrap().0;
    let to = whole.char_indices().nth(9).unwrap().0;
    let stop = whole[from..to].to_owned();
    let stream = house
        .engine
        .generate(Generate {
            stop: vec![stop.clone()],
            ..ask("hello")
        })
        .unwrap();
    let (text, finished) = read(stream).await.unwrap();
    assert_eq!(text, whole[..whole.find(&stop).unwrap()]);
    assert_eq!(finished.reason, FinishReason::Stop);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn max_tokens_and_the_full_context_end_a_reply() {
    let house = House::open().await;
    for max_tokens in [1, 7] {
        let stream = house
            .engine
            .generate(Generate {
                max_tokens: Some(max_tokens),
                ..ask("hello")
            })
            .unwrap();
        let finished = read(stream).await.unwrap().1;
        assert_eq!(
            (finished.reason, finished.usage.completion_tokens),
            (FinishReason::Length, max_tokens)
        );
    }
    let stream = house
        .engine
        .generate(Generate {
            max_tokens: None,
            ..ask("hello")
        })
        .unwrap();
    let finished = read(stream).await.unwrap().1;
    assert_eq!(finished.reason, FinishReason::Length);
    assert_eq!(
        finished.usage.prompt_tokens + finished.usage.completion_tokens,
        256
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_piece_of_text_is_whole_characters() {
    let house = House::open().await;
    let sampling = Sampling {
        temperature: Some(2.0),
        seed: Some(7),
        top_k: Some(0),
        ..Sampling::default()
    };
    let request = Generate {
        sampling,
        max_tokens: Some(150),
        ..ask("héllo wörld €")
    };
    let (text, finished) = read(house.engine.generate(request).unwrap()).await.unwrap();
    assert_eq!(finished.usage.completion_tokens, 150);
    assert!(!text.is_ascii(), "random bytes are hardly ever all ASCII");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_is_refused_or_trimmed() {
    let house = House::open().await;
    let long = "many words ".repeat(60);
    let refused = read(house.engine.generate(ask(&long)).unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(refused, EngineError::ContextTooLong { tokens, limit } if tokens > limit && limit < 256)
    );
    let trimmed = Generate {
        trim_history: true,
        ..ask(&long)
    };
    let refused = read(house.engine.generate(trimmed).unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(refused, EngineError::ContextTooLong { .. }),
        "a single message cannot be trimmed"
    );

    let mut messages = vec![message(Role::System, "be kind")];
    for turn in 0..8 {
        messages.push(message(Role::User, &format!("question number {turn}")));
        messages.push(message(Role::Assistant, "an answer"));
    }
    messages.push(message(Role::User, "hello"));
    let refused = Generate {
        messages: messages.clone(),
        ..ask("")
    };
    let refused = read(house.engine.generate(refused).unwrap())
        .await
        .unwrap_err();
    assert!(matches!(refused, EngineError::ContextTooLong { .. }));
    let trimmed = Generate {
        messages: messages.clone(),
        trim_history: true,
        ..ask("")
    };
    let (text, finished) = read(house.engine.generate(trimmed).unwrap()).await.unwrap();
    let left_out = finished.left_out_messages as usize;
    assert!(left_out > 0 && left_out.is_multiple_of(2));
    // Exactly as if the oldest turns had never been.
    let short = [&messages[..1], &messages[1 + left_out..]].concat();
    assert_eq!(
        house
            .text(Generate {
                messages: short,
                ..ask("")
            })
            .await,
        text
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_goes_on_from_what_is_written() {
    let house = House::open().await;
    let whole = house.text(ask("hello")).await;
    let cut = whole.char_indices().nth(5).unwrap().0;
    let stream = house
        .engine
        .generate(Generate {
            written: whole[..cut].into(),
            ..ask("hello")
        })
        .unwrap();
    let (rest, finished) = read(stream).await.unwrap();
    assert!(!rest.is_empty());
    assert_eq!(finished.usage.completion_tokens, 24);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_special_token_in_a_message_stays_text() {
    let house = House::open().await;
    let tokens = |content: &'static str| {
        let stream = house.engine.generate(ask(content)).unwrap();
        async { read(stream).await.unwrap().1.usage.prompt_tokens }
    };
    let plain = tokens("").await;
    // Ten characters that are ten tokens, where the special token would be one.
    assert_eq!(tokens("<|im_end|>").await, plain + 10);
    assert_eq!(tokens("a<|im_start|>").await, plain + 13);
    house.close().await;
}
