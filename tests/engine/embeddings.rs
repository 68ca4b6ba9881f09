//! Vectors of texts: of length 1, in order, the same alone and among many, and refused in words.
//!
//! With a model that only makes vectors, and with one of the writing kind that was made to.

use chatelaine::engine::{Embed, Embeddings, Engine, EngineError, Generate, ModelRunner, Priority};

use crate::tiny_bert::tiny_bert;
use crate::tiny_gguf::TinyModel;
use crate::{House, ask, eventually, kill, options, read};

/// With the models `tiny`, which writes, and `bert`, `mean` and `last`, which do not.
async fn house() -> House {
    let house = House::open().await;
    let pooling = |pooling| TinyModel {
        pooling: Some(pooling),
        ..TinyModel::default()
    };
    let files = vec![
        house.file("tiny", 1, &TinyModel::default()).await,
        house.put("bert", &tiny_bert(128, 1)).await,
        house.file("mean", 4, &pooling(1)).await,
        house.file("last", 5, &pooling(3)).await,
    ];
    house.engine.set_models(files);
    house
}

/// Texts that are computed together are added up in another order.
const ROUNDING: f32 = 1e-3;
const MODELS: [&str; 3] = ["bert", "mean", "last"];

fn embed(model: &str, texts: &[String]) -> Embed {
    Embed {
        model: model.into(),
        texts: texts.to_vec(),
        priority: Priority::Interactive,
        lane: 0,
    }
}

async fn vectors(house: &House, model: &str, texts: &[String]) -> Embeddings {
    let answer = house.engine.embed(embed(model, texts)).await.unwrap();
    assert_eq!(answer.vectors.len(), texts.len());
    answer
}

async fn refusal(house: &House, model: &str, texts: &[String]) -> EngineError {
    house.engine.embed(embed(model, texts)).await.unwrap_err()
}

fn texts(count: usize) -> Vec<String> {
    let text = |number: usize| format!("text {number} {}", "more of it ".repeat(number % 7));
    (0..count).map(text).collect()
}

fn distance(one: &[f32], other: &[f32]) -> f32 {
    let pairs = one.iter().zip(other);
    pairs
        .map(|(one, other)| (one - other).abs())
        .fold(0.0, f32::max)
}

#[tokio::test(flavor = "multi_thread")]
async fn models_say_what_they_are_for() {
    let house = house().await;
    for info in house.engine.models() {
        let writes = info.id == "tiny";
        assert_eq!((info.writes, info.embeds), (writes, !writes), "{}", info.id);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_has_the_same_vector_alone_and_among_fifty() {
    let house = house().await;
    for model in MODELS {
        let texts = texts(50);
        let together = vectors(&house, model, &texts).await;
        let mut tokens = 0;
        for (at, text) in texts.iter().enumerate() {
            let alone = vectors(&house, model, std::slice::from_ref(text)).await;
            let vector = &together.vectors[at];
            assert!(
                distance(&alone.vectors[0], vector) < ROUNDING,
                "{model}: {text}"
            );
            let length = vector.iter().map(|number| number * number).sum::<f32>();
            assert!((length - 1.0).abs() < 1e-4, "{model}: {length}");
            tokens += alone.prompt_tokens;
        }
        assert_eq!(together.prompt_tokens, tokens);
        for (at, one) in together.vectors.iter().enumerate() {
            for other in &together.vectors[..at] {
                assert!(
                    distance(one, other) > 5.0 * ROUNDING,
                    "{model}: {at} is like an earlier one"
                );
            }
        }
        let mut turned = texts.clone();
        turned.reverse();
        let turned = vectors(&house, model, &turned).await;
        for (one, other) in together.vectors.iter().zip(turned.vectors.iter().rev()) {
            assert!(distance(one, other) < ROUNDING);
        }
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_once_get_their_own() {
    let house = house().await;
    let texts = texts(40);
    let expected = vectors(&house, "bert", &texts).await;
    let asked = texts.iter().map(|text| {
        house
            .engine
            .embed(embed("bert", std::slice::from_ref(text)))
    });
    let asked: Vec<_> = asked.collect();
    for (answer, expected) in asked.into_iter().zip(&expected.vectors) {
        assert!(distance(&answer.await.unwrap().vectors[0], expected) < ROUNDING);
    }
    house.settles().await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_as_long_as_the_model_takes_is_the_longest() {
    let house = house().await;
    // Two more than letters, for its beginning and its end.
    let whole = vectors(&house, "bert", &["a".repeat(126)]).await;
    assert_eq!(whole.prompt_tokens, 128);
    let long = || "a".repeat(127);
    let too_long = refusal(&house, "bert", &["fine".into(), long()]).await;
    assert_eq!(
        too_long,
        EngineError::ContextTooLong {
            tokens: 129,
            limit: 128
        }
    );
    for model in ["mean", "last"] {
        let too_long = refusal(&house, model, &["z".repeat(300)]).await;
        assert!(
            matches!(
                too_long,
                EngineError::ContextTooLong {
                    tokens: 300..,
                    limit: 256
                }
            ),
            "{too_long:?}"
        );
        let longest = vectors(&house, model, &["z".repeat(250), "z".repeat(250)]).await;
        assert!(distance(&longest.vectors[0], &longest.vectors[1]) < ROUNDING);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_in_words() {
    let house = house().await;
    let some = texts(1);
    for texts in [&[][..], &[String::new()], &[some[0].clone(), String::new()]] {
        let refused = refusal(&house, "bert", texts).await;
        assert!(matches!(refused, EngineError::InvalidRequest(reason) if !reason.is_empty()));
    }
    let too_many = vec!["a".to_owned(); 2049];
    assert!(matches!(
        refusal(&house, "bert", &too_many).await,
        EngineError::InvalidRequest(_)
    ));
    assert!(matches!(
        refusal(&house, "nobody", &some).await,
        EngineError::UnknownModel(_)
    ));
    assert!(matches!(
        refusal(&house, "tiny", &some).await,
        EngineError::InvalidRequest(_)
    ));
    for model in MODELS {
        let writing = house.engine.generate(Generate {
            model: model.into(),
            ..ask("hello")
        });
        assert!(
            matches!(writing, Err(EngineError::InvalidRequest(_))),
            "{model}"
        );
    }
    assert_eq!(house.engine.health().loaded, Vec::<String>::new());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn special_tokens_in_a_text_stay_text() {
    let house = house().await;
    let plain = vectors(&house, "mean", &["im_start".into()])
        .await
        .prompt_tokens;
    let special = vectors(&house, "mean", &["<|im_start|>".into()]).await;
    assert_eq!(special.prompt_tokens, plain + 4);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_survive_the_death_of_the_worker() {
    let house = house().await;
    let texts = texts(400);
    let expected = vectors(&house, "mean", &texts).await;
    let answer = house.engine.embed(embed("mean", &texts));
    kill(house.engine.worker_process_id("mean").unwrap());
    let answer = answer.await.unwrap();
    for (one, other) in answer.vectors.iter().zip(&expected.vectors) {
        assert!(distance(one, other) < ROUNDING);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_no_longer_wants_vectors_costs_nothing_more() {
    let house = house().await;
    vectors(&house, "mean", &texts(1)).await;
    let many = texts(2048);
    let dropped: Vec<_> = (0..10)
        .map(|_| house.engine.embed(embed("mean", &many)))
        .collect();
    eventually(|| house.engine.health().queued > 0).await;
    drop(dropped);
    house.settles().await;
    vectors(&house, "mean", &texts(1)).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_written_beside_vectors_of_another_model() {
    let house = House::of(options(4, 64), TinyModel::default()).await;
    let files = vec![
        house.file("tiny", 1, &TinyModel::default()).await,
        house.put("bert", &tiny_bert(128, 2)).await,
    ];
    house.engine.set_models(files);
    let alone = house.text(ask("hello")).await;
    let stream = house.engine.generate(ask("hello")).unwrap();
    let texts = texts(100);
    let made = vectors(&house, "bert", &texts).await;
    assert_eq!(read(stream).await.unwrap().0, alone);
    assert_eq!(made.vectors.len(), 100);
    house.close().await;
}
