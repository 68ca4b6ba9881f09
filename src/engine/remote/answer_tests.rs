//! What becomes of the answers servers really give, and of what is none. Where their bytes are cut
//! changes nothing.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn stream(chunks: &[Value]) -> String {
    let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
    events.collect::<String>() + "data: [DONE]\n\n"
}

fn delta(delta: Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta}]})
}

fn finish(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

type Outcome = (Vec<EngineEvent>, Option<(FinishReason, Usage)>);

fn read(text: &str) -> Result<Outcome, AnswerFault> {
    let mut reader = AnswerReader::default();
    let mut events = Vec::new();
    reader.read(text.as_bytes(), &mut events)?;
    let end = reader.end(11);
    Ok((events, end))
}

fn text(text: &str) -> EngineEvent {
    EngineEvent::Delta(text.into())
}

#[test]
fn text_and_thoughts_and_usage_come_out() {
    let usage = json!({"choices": [], "usage": {
        "prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 2}}});
    let chunks = [
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"reasoning_content": "hm"})),
        delta(json!({"reasoning": "mm", "content": null})),
        delta(json!({"content": "Good "})),
        delta(json!({"content": "day"})),
        finish("stop"),
        usage,
    ];
    let (events, end) = read(&stream(&chunks)).unwrap();
    let thought = |text: &str| EngineEvent::Reasoning(text.into());
    assert_eq!(
        events,
        [thought("hm"), thought("mm"), text("Good "), text("day")]
    );
    let usage = Usage {
        prompt_tokens: 9,
        cached_tokens: 8,
        completion_tokens: 4,
        reasoning_tokens: 2,
    };
    assert_eq!(end, Some((FinishReason::Stop, usage)));
}

#[test]
fn a_server_that_does_not_count_is_counted_for() {
    let chunks = [
        delta(json!({"content": "a"})),
        delta(json!({"content": "b"})),
        finish("length"),
    ];
    let (reason, usage) = read(&stream(&chunks)).unwrap().1.unwrap();
    assert_eq!(reason, FinishReason::Length);
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (11, 2));
}

#[test]
fn calls_of_tools_come_with_an_id_and_a_name_in_their_first_piece_only() {
    let piece = |piece: Value| delta(json!({ "tool_calls": [piece] }));
    let chunks = [
        piece(json!({"index": 0, "id": "c1", "function": {"name": "add", "arguments": "{\"a\""}})),
        piece(json!({"index": 0, "id": "c1", "function": {"name": "add", "arguments": ":1}"}})),
        piece(json!({"index": 1, "function": {"name": "sub", "arguments": {"b": 2}}})),
        finish("stop"),
    ];
    let (events, end) = read(&stream(&chunks)).unwrap();
    let calls: Vec<ToolCallDelta> = events
        .into_iter()
        .map(|event| match event {
            EngineEvent::ToolCall(call) => call,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        (calls[0].id.as_deref(), calls[0].name.as_deref()),
        (Some("c1"), Some("add"))
    );
    assert_eq!(
        (calls[1].id.as_deref(), calls[1].name.as_deref()),
        (None, None)
    );
    assert_eq!(calls[1].arguments, ":1}");
    assert!(calls[2].id.as_ref().is_some_and(|id| !id.is_empty()));
    assert_eq!(calls[2].arguments, r#"{"b":2}"#);
    assert_eq!(end.unwrap().0, FinishReason::ToolCalls);
}

#[test]
fn chances_come_before_the_text_they_are_of() {
    let chunk = json!({"choices": [{"delta": {"content": "x"}, "logprobs": {"content": [
        {"token": "x", "bytes": [120], "logprob": -0.5, "top_logprobs": [{"token": "y", "logprob": -1.0}]}]}}]});
    let (events, _) = read(&stream(&[chunk])).unwrap();
    let chance = TokenChance {
        bytes: b"x".to_vec(),
        logprob: -0.5,
        likeliest: vec![(b"y".to_vec(), -1.0)],
    };
    assert_eq!(events, [EngineEvent::Chances(vec![chance]), text("x")]);
}

#[test]
fn an_answer_without_an_end_has_none() {
    let whole = stream(&[delta(json!({"content": "a"})), finish("stop")]);
    let cut = whole
        .split("data: {\"choices\":[{\"delta\":{},")
        .next()
        .unwrap();
    let (events, end) = read(cut).unwrap();
    assert_eq!((events, end), (vec![text("a")], None));
    let unfinished = stream(&[delta(json!({"content": "a"}))]);
    assert_eq!(
        read(&unfinished).unwrap().1.unwrap().0,
        FinishReason::Stop,
        "[DONE] is an end"
    );
}

#[test]
fn what_is_no_answer_is_a_fault_and_what_came_before_it_counts() {
    for garbage in [
        "data: {\n\n",
        "data: <html>\n\n",
        "data: [1]\n\n",
        "data: \u{0}\n\n",
    ] {
        let begun = format!("data: {}\n\n{garbage}", delta(json!({"content": "a"})));
        let mut events = Vec::new();
        let fault = AnswerReader::default().read(begun.as_bytes(), &mut events);
        assert!(matches!(fault, Err(AnswerFault::NoAnswer(_))), "{garbage}");
        assert_eq!(events, [text("a")]);
    }
    let said = stream(&[json!({"error": {"message": "out of memory"}})]);
    assert!(matches!(read(&said), Err(AnswerFault::Said(_))));
}

#[test]
fn only_the_first_answer_counts() {
    let chunk = json!({"choices": [{"index": 1, "delta": {"content": "b"}}, {"index": 0, "delta": {"content": "a"}}]});
    assert_eq!(read(&stream(&[chunk])).unwrap().0, [text("a")]);
}

proptest! {
    #[test]
    fn the_events_are_the_same_however_the_bytes_are_cut(
        texts in prop::collection::vec("[a-zé🗝\\n\"]{1,6}", 1..8),
        size in 1_usize..40,
    ) {
        let chunks: Vec<Value> = texts.iter().map(|text| delta(json!({ "content": text }))).collect();
        let whole = stream(&chunks);
        let mut reader = AnswerReader::default();
        let mut events = Vec::new();
        for piece in whole.as_bytes().chunks(size) {
            reader.read(piece, &mut events).unwrap();
        }
        let expected: Vec<EngineEvent> = texts.iter().map(|it| text(it)).collect();
        prop_assert_eq!(events, expected);
    }
}
