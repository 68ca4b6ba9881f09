//! How a token is chosen, and how likely it was: chances, biases, penalties, seeds, and no end.
//!
//! Chances are as the model saw them, whatever was done to them before one was chosen.

use chatelaine::engine::{
    Engine, EngineError, EngineEvent, FinishReason, Finished, Generate, Sampling, TokenChance,
};

use crate::tiny_gguf::TinyModel;
use crate::{House, ask, kill, options, slow_model, slow_options};

/// The token of a printable character: four special ones come before all bytes.
fn token(character: char) -> i32 {
    4 + character as i32
}

fn sampled(sampling: Sampling) -> Generate {
    Generate {
        sampling,
        ..ask("hello")
    }
}

fn greedy() -> Sampling {
    Sampling {
        temperature: Some(0.0),
        ..Sampling::default()
    }
}

/// Text, chances, and the end. Kills the worker on the way where that is wanted.
async fn with_chances(
    house: &House,
    request: Generate,
    kill_after: Option<usize>,
) -> (String, Vec<TokenChance>, Finished) {
    let mut stream = house.engine.generate(request).unwrap();
    let (mut text, mut chances) = (String::new(), Vec::new());
    let mut kill_after = kill_after;
    loop {
        match stream.next_event().await.unwrap().unwrap() {
            EngineEvent::Delta(delta) => text.push_str(&delta),
            EngineEvent::Chances(some) => chances.extend(some),
            EngineEvent::Finished(finished) => return (text, chances, finished),
            _ => {}
        }
        if kill_after.is_some_and(|count| chances.len() >= count) {
            kill_after = None;
            kill(house.engine.worker_process_id("tiny").unwrap());
        }
    }
}

fn check(chances: &[TokenChance], likeliest: usize) {
    for one in chances {
        assert!(one.logprob <= 1e-6, "{one:?}");
        assert_eq!(one.likeliest.len(), likeliest);
        assert!(
            one.likeliest.is_sorted_by(|one, next| one.1 >= next.1),
            "{one:?}"
        );
        let sum: f32 = one.likeliest.iter().map(|(_, logprob)| logprob.exp()).sum();
        assert!(sum <= 1.0001, "{one:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_token_has_its_chances() {
    let house = House::open().await;
    for likeliest in [1, 5, 20] {
        let request = Generate {
            chances: Some(likeliest),
            ..ask("hello")
        };
        let (text, chances, finished) = with_chances(&house, request, None).await;
        assert_eq!(chances.len() as u32, finished.usage.completion_tokens);
        check(&chances, likeliest as usize);
        for one in &chances {
            assert_eq!(one.likeliest[0], (one.bytes.clone(), one.logprob));
        }
        let bytes: Vec<u8> = chances.iter().flat_map(|one| one.bytes.clone()).collect();
        assert_eq!(String::from_utf8_lossy(&bytes), text);
    }
    let request = Generate {
        chances: Some(0),
        ..ask("hello")
    };
    check(&with_chances(&house, request, None).await.1, 0);
    assert!(with_chances(&house, ask("hello"), None).await.1.is_empty());
    let too_many = house.engine.generate(Generate {
        chances: Some(21),
        ..ask("hello")
    });
    assert!(matches!(too_many, Err(EngineError::InvalidRequest(_))));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chances_are_those_of_the_model_and_not_of_the_choice() {
    let house = House::open().await;
    let plain = Generate {
        chances: Some(5),
        ..ask("hello")
    };
    let sampling = Sampling {
        temperature: Some(2.0),
        top_k: Some(0),
        logit_bias: vec![(token('a'), 100.0)],
        seed: Some(3),
        ..Sampling::default()
    };
    let bent = Generate {
        sampling,
        ..plain.clone()
    };
    let (_, plain, _) = with_chances(&house, plain, None).await;
    let (_, bent, _) = with_chances(&house, bent, None).await;
    check(&bent, 5);
    assert_eq!(bent[0].likeliest[0].0, plain[0].likeliest[0].0);
    assert!((bent[0].likeliest[0].1 - plain[0].likeliest[0].1).abs() < 1e-3);
    assert!(bent[0].logprob < plain[0].logprob);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_chance_is_told_twice_when_the_worker_dies() {
    let house = House::of(slow_options(), slow_model()).await;
    let request = || Generate {
        chances: Some(3),
        max_tokens: Some(40),
        ..ask("hello")
    };
    let (whole, ..) = with_chances(&house, request(), None).await;
    let (text, chances, _) = with_chances(&house, request(), Some(7)).await;
    assert_eq!((text, chances.len()), (whole, 40));
    check(&chances, 3);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bias_forces_and_forbids() {
    let house = House::open().await;
    let biased = |biases: &[(i32, f32)]| {
        sampled(Sampling {
            logit_bias: biases.to_vec(),
            ..greedy()
        })
    };
    let forced = house.text(biased(&[(token('a'), 100.0)])).await;
    assert_eq!(forced, "a".repeat(24));
    let both = [
        (token('a'), 100.0),
        (token('a'), -100.0),
        (token('b'), 60.0),
    ];
    assert_eq!(house.text(biased(&both)).await, "b".repeat(24));
    let plain = house.text(ask("hello")).await;
    assert_eq!(house.text(biased(&[(1_000_000, 100.0)])).await, plain);
    for refused in [(token('a'), 101.0), (token('a'), f32::NAN), (-1, 1.0)] {
        let refused = house.engine.generate(biased(&[refused]));
        assert!(matches!(refused, Err(EngineError::InvalidRequest(_))));
    }
    let many = vec![(token('a'), 1.0); 1025];
    assert!(house.engine.generate(biased(&many)).is_err());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn penalties_keep_a_reply_from_repeating_itself() {
    let house = House::open().await;
    // Without penalties only the first of these is ever written.
    let with = |sampling: Sampling| {
        sampled(Sampling {
            logit_bias: vec![(token('a'), 90.0), (token('b'), 80.0)],
            ..sampling
        })
    };
    assert_eq!(house.text(with(greedy())).await, "a".repeat(24));
    let frequency = Sampling {
        frequency_penalty: Some(2.0),
        ..greedy()
    };
    let text = house.text(with(frequency)).await;
    assert!(text.contains('b') && text.starts_with("aa"), "{text}");
    let repeat = Sampling {
        repeat_penalty: Some(1.5),
        ..greedy()
    };
    let text = house.text(with(repeat)).await;
    assert!(text.starts_with("ab"), "{text}");
    let close = |presence_penalty| {
        sampled(Sampling {
            logit_bias: vec![(token('a'), 90.0)],
            presence_penalty: Some(presence_penalty),
            ..greedy()
        })
    };
    // Two are nothing beside ninety.
    assert_eq!(house.text(close(2.0)).await, "a".repeat(24));
    for (presence, frequency) in [(2.1, 0.0), (0.0, -2.1), (f32::NAN, 0.0)] {
        let refused = house.engine.generate(sampled(Sampling {
            presence_penalty: Some(presence),
            frequency_penalty: Some(frequency),
            ..greedy()
        }));
        assert!(matches!(refused, Err(EngineError::InvalidRequest(_))));
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_is_a_text_also_in_the_middle_of_others() {
    let house = House::with(6, 64).await;
    let seeded = |seed| {
        sampled(Sampling {
            temperature: Some(1.0),
            seed: Some(seed),
            ..Sampling::default()
        })
    };
    let mut alone = Vec::new();
    for seed in 0..6 {
        alone.push(house.text(seeded(seed)).await);
    }
    for (at, text) in alone.iter().enumerate() {
        assert!(!alone[..at].contains(text));
    }
    let together = house.answers((0..6).map(seeded)).await;
    let same = together.iter().zip(&alone);
    let same = same.filter(|((text, _), alone)| text == *alone).count();
    // Rounding may decide one of so many choices.
    assert!(same >= 5, "{same} of 6");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_may_not_end_goes_on() {
    let model = TinyModel {
        endless: false,
        ..TinyModel::default()
    };
    let house = House::of(options(4, 64), model).await;
    let request = |number: usize| Generate {
        max_tokens: Some(120),
        ..ask(&format!("question {number}"))
    };
    let mut ended = 0;
    for number in 0..60 {
        let (text, finished) = house.answer(request(number)).await;
        if finished.reason != FinishReason::Stop {
            continue;
        }
        ended += 1;
        let endless = Generate {
            ignore_end: true,
            ..request(number)
        };
        let (longer, finished) = house.answer(endless).await;
        assert_eq!(finished.usage.completion_tokens, 120);
        assert_eq!(finished.reason, FinishReason::Length);
        let whole = text.trim_end_matches('\u{fffd}');
        assert!(longer.starts_with(whole), "{text:?} and then {longer:?}");
        if ended == 2 {
            break;
        }
    }
    assert_eq!(ended, 2);
    house.close().await;
}
