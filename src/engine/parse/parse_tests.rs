//! However a text is cut and whatever it is, the events together are the same and nothing panics.
//! The texts are made at random of what replies are made of.

use proptest::prelude::*;

use super::golden_tests::{events_of, tools};
use super::*;

const STYLES: [CallStyle; 10] = [
    CallStyle::Plain,
    CallStyle::Hermes,
    CallStyle::QwenXml,
    CallStyle::Llama,
    CallStyle::Mistral,
    CallStyle::MistralArgs,
    CallStyle::DeepSeekR1,
    CallStyle::DeepSeek,
    CallStyle::Gemma,
    CallStyle::Harmony,
];

/// Pieces that replies in the dialects are made of.
fn fragment() -> impl Strategy<Value = String> {
    let markers = prop::sample::select(vec![
        "<think>",
        "</think>",
        "[THINK]",
        "[/THINK]",
        "<tool_call>",
        "</tool_call>",
        "<function=f>",
        "<parameter=a>",
        "</parameter>",
        "</function>",
        "<|python_tag|>",
        "[TOOL_CALLS]",
        "[ARGS]",
        "[CALL_ID]",
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁end｜>",
        "<｜tool▁call▁begin｜>",
        "<｜tool▁call▁end｜>",
        "<｜tool▁sep｜>",
        "```json",
        "```tool_code",
        "```",
        "<|start|>assistant",
        "<|channel|>analysis",
        "<|channel|>final",
        "<|channel|>commentary to=functions.f",
        "<|message|>",
        "<|constrain|>json",
        "<|end|>",
        "<|call|>",
        "<|return|>",
        "function",
        "f(a=1)",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "\\",
        ",",
        ";",
        "\n",
        " ",
        "ü",
        "名",
        "{\"name\": \"f\", \"arguments\": {\"a\": \"<tool_call>\"}}",
        "{\"name\": \"f\", \"parameters\": ",
        "{\"arguments\": {\"a\": 1}, \"name\": \"f\"}",
        "{\"a\": [1, {}]}",
    ]);
    prop_oneof![
        4 => markers.prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ]
}

fn start() -> impl Strategy<Value = ReplyStart> {
    prop::sample::select(vec![
        ReplyStart::Anew,
        ReplyStart::Thought,
        ReplyStart::WithinThought,
        ReplyStart::WithinAnswer,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn cutting_changes_nothing(
        style in prop::sample::select(STYLES.to_vec()),
        start in start(),
        has_tools in any::<bool>(),
        parts in prop::collection::vec(fragment(), 0..14),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let text: String = parts.concat();
        let dialect = Dialect { calls: style, ..Dialect::PLAIN };
        let tools = if has_tools { tools() } else { Vec::new() };
        let whole = events_of(&dialect, start, &tools, &[&text]);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.retain(|cut| text.is_char_boundary(*cut));
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([text.len()]) {
            pieces.push(&text[from..cut]);
            from = cut;
        }
        prop_assert_eq!(&events_of(&dialect, start, &tools, &pieces), &whole, "{:?}", pieces);
        let chars: Vec<String> = text.chars().map(String::from).collect();
        let chars: Vec<&str> = chars.iter().map(String::as_str).collect();
        prop_assert_eq!(&events_of(&dialect, start, &tools, &chars), &whole, "{:?}", text);
    }

    #[test]
    fn a_quotation_mark_is_no_name_whenever_it_comes(
        cut in 0..64_usize,
    ) {
        let text = "[TOOL_CALLS]\"{\"name\": \"f\", \"arguments\": {\"a\": 1}}";
        let dialect = Dialect { calls: CallStyle::Mistral, ..Dialect::PLAIN };
        let cut = cut.min(text.len());
        let events = events_of(&dialect, ReplyStart::WithinAnswer, &tools(), &[&text[..cut], &text[cut..]]);
        prop_assert_eq!(events, vec![ParsedEvent::Text(text.into())]);
    }

    #[test]
    fn without_tools_and_thoughts_a_reply_is_its_text(
        style in prop::sample::select(STYLES[..9].to_vec()),
        parts in prop::collection::vec(fragment(), 0..14),
    ) {
        let text: String = parts.concat();
        let dialect = Dialect { calls: style, ..Dialect::PLAIN };
        let events = events_of(&dialect, ReplyStart::WithinAnswer, &[], &[&text]);
        let expected = if text.is_empty() { vec![] } else { vec![ParsedEvent::Text(text)] };
        prop_assert_eq!(events, expected);
    }
}

#[test]
fn what_looks_like_a_call_for_too_long_is_text() {
    for text in [
        format!(
            "<tool_call>{{\"arguments\": {{\"a\": \"{}\"",
            "x".repeat(200_000)
        ),
        format!("<tool_call>{{\"name\": \"{}", "x".repeat(200_000)),
        format!("<tool_call>{}", " ".repeat(200_000)),
    ] {
        let dialect = Dialect::PLAIN.with_hermes_calls();
        let mut parser = ReplyParser::new(
            &dialect,
            ParserOptions {
                tools: tools(),
                ..ParserOptions::new(ReplyStart::Anew)
            },
        );
        let mut told = String::new();
        let bytes = text.as_bytes();
        for piece in bytes.chunks(100) {
            for event in parser.push(std::str::from_utf8(piece).unwrap()) {
                let ParsedEvent::Text(piece) = event else {
                    panic!("{event:?}");
                };
                told.push_str(&piece);
            }
        }
        assert!(
            !told.is_empty() || text.ends_with(' '),
            "it is told before its end"
        );
        for event in parser.finish() {
            let ParsedEvent::Text(piece) = event else {
                panic!("{event:?}");
            };
            told.push_str(&piece);
        }
        assert_eq!(told, text);
    }
}

#[test]
fn calls_have_ids_of_their_own() {
    let mut parser = ReplyParser::new(
        &Dialect::PLAIN.with_hermes_calls(),
        ParserOptions {
            tools: tools(),
            ..ParserOptions::new(ReplyStart::Anew)
        },
    );
    let call = r#"<tool_call>{"name": "f", "arguments": {}}</tool_call>"#;
    let events = parser.push(&format!("{call}{call}"));
    let ids: Vec<&String> = events
        .iter()
        .filter_map(|event| match event {
            ParsedEvent::ToolCall(delta) => delta.id.as_ref(),
            _ => None,
        })
        .collect();
    assert_eq!(ids.len(), 2);
    assert!(ids[0] != ids[1] && ids.iter().all(|id| id.starts_with("call_")));
    assert_eq!(parser.calls(), 2);
}
