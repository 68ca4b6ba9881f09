//! What is computed once and used again: as much as may be, for whom it may be, without changing a word.
//!
//! Replies that are compared are clear ones: no token was chosen so narrowly that rounding decides.

use chatelaine::engine::llama::EngineOptions;
use chatelaine::engine::{ChatMessage, Engine, EngineEvent, Generate, Role};

use crate::tiny_gguf::TinyModel;
use crate::{House, ask, message, options, read, slow_model, slow_options};

/// Room for conversations of more than a few words.
fn roomy(parallel_replies: u32) -> EngineOptions {
    EngineOptions {
        context_tokens: 1024,
        ..options(parallel_replies, 64)
    }
}

async fn house() -> House {
    House::of(roomy(4), TinyModel::default()).await
}

/// Where all sequences share one memory, so that every beginning stays for itself.
async fn unified_house() -> House {
    let options = EngineOptions {
        unified_kv: Some(true),
        ..roomy(4)
    };
    House::of(options, TinyModel::default()).await
}

fn talk(messages: &[(Role, &str)]) -> Generate {
    let messages = messages.iter();
    Generate {
        messages: messages.map(|(role, text)| message(*role, text)).collect(),
        ..ask("")
    }
}

fn long_text(words: usize) -> String {
    let words: Vec<_> = (0..words).map(|word| format!("word{word}")).collect();
    words.join(" ")
}

/// How many tokens any prompt begins with before somebody's own words come.
async fn opening_tokens(house: &House, lane: u64) -> u32 {
    let empty = Generate { lane, ..ask("") };
    house.answer(empty).await.1.usage.prompt_tokens
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_goes_on_is_not_read_again() {
    let house = house().await;
    let mut messages: Vec<ChatMessage> = vec![message(Role::User, &long_text(20))];
    let mut read_before = 0;
    for turn in 0..4 {
        let request = Generate {
            messages: messages.clone(),
            ..ask("")
        };
        let (text, finished) = house.answer(request).await;
        let usage = finished.usage;
        assert!(usage.cached_tokens >= read_before, "turn {turn}: {usage:?}");
        assert!(usage.cached_tokens < usage.prompt_tokens);
        assert!(turn > 0 || usage.cached_tokens == 0);
        read_before = usage.prompt_tokens;
        messages.push(message(Role::Assistant, &text));
        messages.push(message(Role::User, &format!("and then {turn}?")));
    }
    assert!(read_before > 200);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_try_and_another_branch_begin_where_they_part() {
    let house = unified_house().await;
    let (first, second) = (long_text(15), long_text(10));
    let until = talk(&[(Role::User, &first), (Role::Assistant, "an answer")]);
    let shared = house.answer(until).await.1.usage.prompt_tokens - opening_tokens(&house, 0).await;
    let branch = |question: &str| {
        let messages = [
            (Role::User, first.as_str()),
            (Role::Assistant, "an answer"),
            (Role::User, question),
        ];
        talk(&messages)
    };
    house.answer(branch(&second)).await;
    for again in 0..2 {
        let usage = house.answer(branch(&second)).await.1.usage;
        assert_eq!(usage.cached_tokens, usage.prompt_tokens - 1, "{again}");
    }
    let other = house.answer(branch("Z something else")).await.1.usage;
    assert!(other.cached_tokens >= shared, "{other:?}, {shared}");
    assert!(other.cached_tokens < other.prompt_tokens - 15, "{other:?}");
    // The first branch is still there beside the second.
    let usage = house.answer(branch(&second)).await.1.usage;
    assert_eq!(usage.cached_tokens, usage.prompt_tokens - 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_typed_serves_nobody_else() {
    let house = house().await;
    let opening = opening_tokens(&house, 99).await;
    let (system, question) = (long_text(25), long_text(20));
    let request = |lane, house_messages| Generate {
        lane,
        house_messages,
        ..talk(&[(Role::System, &system), (Role::User, &question)])
    };
    let first = house.answer(request(1, 1)).await.1.usage;
    let own = house.answer(request(1, 1)).await.1.usage;
    assert_eq!(own.cached_tokens, own.prompt_tokens - 1);
    // The house's message serves all, and ends where a person's words begin.
    let other = house.answer(request(2, 1)).await.1.usage;
    let until_question = Generate {
        lane: 98,
        ..talk(&[(Role::System, &system), (Role::User, "")])
    };
    let until_question = house.answer(until_question).await.1.usage.prompt_tokens;
    assert!(other.cached_tokens <= until_question, "{other:?}");
    assert!(other.cached_tokens + opening >= until_question, "{other:?}");
    // Where either says that the message is its own, it stays so.
    let unshared = house.answer(request(3, 0)).await.1.usage;
    assert!(unshared.cached_tokens <= opening, "{unshared:?}");
    house.answer(request(4, 0)).await;
    let own_words = "a message of somebody ".repeat(5);
    let different = |lane, house_messages| Generate {
        lane,
        house_messages,
        ..talk(&[(Role::System, &own_words), (Role::User, &question)])
    };
    house.answer(different(5, 0)).await;
    let usage = house.answer(different(6, 1)).await.1.usage;
    assert!(usage.cached_tokens <= opening, "{usage:?}");
    assert_eq!(first.prompt_tokens, other.prompt_tokens);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_no_reuse_uses_nothing_and_leaves_nothing() {
    let house = house().await;
    let question = long_text(30);
    let alone = || Generate {
        reuse_prefix: false,
        ..ask(&question)
    };
    for _ in 0..2 {
        assert_eq!(house.answer(alone()).await.1.usage.cached_tokens, 0);
    }
    let first = house.answer(ask(&question)).await.1.usage;
    assert_eq!(first.cached_tokens, 0, "nothing was left");
    assert_eq!(house.answer(alone()).await.1.usage.cached_tokens, 0);
    let second = house.answer(ask(&question)).await.1.usage;
    assert_eq!(second.cached_tokens, second.prompt_tokens - 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_used_again_changes_no_word() {
    for house in [house().await, unified_house().await] {
        for beginning in [long_text(5), long_text(40), "x".repeat(300)] {
            let clear = house
                .clear(5, |number| ask(&format!("{beginning} {number}")))
                .await;
            for round in 0..2 {
                for (request, expected) in &clear {
                    let (text, finished) = house.answer(request.clone()).await;
                    assert_eq!(&text, expected, "round {round}: {:?}", finished.usage);
                }
            }
            // At least what all of them have in common; where each lies for itself, all of it.
            let usage = house.answer(clear[0].0.clone()).await.1.usage;
            assert!(usage.cached_tokens + 20 >= usage.prompt_tokens, "{usage:?}");
        }
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beginning_that_many_share_at_once_is_computed_once() {
    let house = house().await;
    let beginning = long_text(80);
    let clear = house
        .clear(8, |number| ask(&format!("{beginning} {number:02}")))
        .await;
    let requests = clear.iter().map(|(request, _)| request.clone());
    let answers = house.answers(requests).await;
    let (mut asked, mut cached) = (0, 0);
    for ((text, finished), (_, expected)) in answers.iter().zip(&clear) {
        assert_eq!(text, expected);
        asked += finished.usage.prompt_tokens;
        cached += finished.usage.cached_tokens;
    }
    let each = asked / 8;
    let computed = asked - cached;
    assert!(
        each > 400 && computed < each + 8 * 40,
        "{computed} of {asked}"
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_memory_forgets_and_answers_all_the_same() {
    let house = House::with(2, 64).await;
    let question = |number: usize| {
        let text = format!("{number:02} {}", "y".repeat(100 + number * 3));
        Generate {
            lane: number as u64,
            max_tokens: Some(12),
            ..ask(&text)
        }
    };
    let clear = house.clear(12, question).await;
    for round in 0..3 {
        let requests = clear.iter().map(|(request, _)| request.clone());
        let answers = house.answers(requests).await;
        for ((text, _), (request, expected)) in answers.iter().zip(&clear) {
            assert_eq!(text, expected, "round {round}, lane {}", request.lane);
        }
    }
    // Of twelve there is room for three or so.
    let mut kept = 0;
    for (request, _) in clear.iter().rev() {
        kept += u32::from(house.answer(request.clone()).await.1.usage.cached_tokens > 50);
    }
    assert!((1..=4).contains(&kept), "{kept} are kept");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_that_outgrow_the_memory_wait_for_each_other() {
    let house = House::with(4, 64).await;
    // Four slots, each with room for all of a conversation, and twelve that want all of it.
    let question = |number: usize| Generate {
        lane: number as u64 % 3,
        max_tokens: None,
        ..ask(&format!("{number:02}{}", "z".repeat(120)))
    };
    let whole: Vec<_> = {
        let mut whole = Vec::new();
        for number in 0..12 {
            let request = Generate {
                reuse_prefix: false,
                ..question(number)
            };
            whole.push(house.answer(request).await.1.usage);
        }
        whole
    };
    let answers = house.answers((0..12).map(question)).await;
    for ((_, finished), alone) in answers.iter().zip(&whole) {
        assert_eq!(finished.usage.completion_tokens, alone.completion_tokens);
        assert_eq!(finished.usage.prompt_tokens, alone.prompt_tokens);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_anothers_beginning_goes_on_when_that_one_leaves() {
    let house = House::of(slow_options(), slow_model()).await;
    let beginning = long_text(100);
    let question = |number: usize| Generate {
        max_tokens: Some(8),
        ..ask(&format!("{beginning} {number}"))
    };
    let clear = house.clear(2, question).await;
    let mut first = house.engine.generate(question(90)).unwrap();
    let total = loop {
        match first.next_event().await.unwrap().unwrap() {
            EngineEvent::Prefill { done, total } if done < total => break total,
            EngineEvent::Prefill { .. } => panic!("it was read in one go"),
            _ => {}
        }
    };
    let waiting: Vec<_> = clear
        .iter()
        .map(|(request, _)| house.engine.generate(request.clone()).unwrap())
        .collect();
    drop(first);
    let mut computed = 0;
    for (stream, (_, expected)) in waiting.into_iter().zip(&clear) {
        let (text, finished) = read(stream).await.unwrap();
        assert_eq!(&text, expected);
        computed += finished.usage.prompt_tokens - finished.usage.cached_tokens;
    }
    assert!(computed < total + 300, "{computed} were read, for {total}");
    house.settles().await;
    house.close().await;
}

/// Between two who are written lies one whom nobody writes: it gets rows that nobody wants.
#[tokio::test(flavor = "multi_thread")]
async fn who_lies_between_two_that_are_written_together_is_not_touched() {
    let options = EngineOptions {
        unified_kv: Some(false),
        ..roomy(4)
    };
    let model = TinyModel {
        layers: 1,
        context_tokens: 1024,
        ..TinyModel::default()
    };
    let house = House::of(options, model).await;
    let (between, expected) = house
        .clear(1, |number| ask(&format!("{} {number}", long_text(20))))
        .await
        .remove(0);
    let long = |words| Generate {
        max_tokens: Some(300),
        ..ask(words)
    };
    let mut streams = Vec::new();
    for request in [long("the first"), between.clone(), long("the last")] {
        let mut stream = house.engine.generate(request).unwrap();
        while !matches!(stream.next_event().await, Some(Ok(EngineEvent::Delta(_)))) {}
        streams.push(stream);
    }
    drop(streams.remove(1));
    for stream in streams {
        let (_, finished) = read(stream).await.unwrap();
        assert_eq!(finished.usage.completion_tokens, 300);
    }
    let (text, finished) = house.answer(between).await;
    assert_eq!(text, expected);
    let usage = finished.usage;
    assert_eq!(usage.cached_tokens, usage.prompt_tokens - 1);
    house.close().await;
}
