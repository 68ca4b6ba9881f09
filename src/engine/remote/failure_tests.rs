//! That what servers say of their errors is understood, whoever made them, and what is done then. Words
//! that go to people are short and hold no key.

use serde_json::{Value, json};

use super::*;

fn status(status: u16, body: &Value) -> Failure {
    let status = StatusCode::from_u16(status).unwrap();
    let body = body.to_string();
    Failure::of_status(status, None, body.as_bytes(), None, Dialect::default())
}

#[test]
fn a_history_that_is_too_long_is_understood_from_every_server() {
    let sizes = |tokens, limit| Next::Shorten(Some(Sizes { tokens, limit }));
    for (code, error, next) in [
        (
            400,
            json!({"message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.", "code": "context_length_exceeded"}),
            sizes(9000, 8192),
        ),
        (
            400,
            json!({"message": "the request exceeds the available context size", "type": "exceed_context_size_error", "n_prompt_tokens": 600, "n_ctx": 512}),
            sizes(600, 512),
        ),
        (
            422,
            json!({"message": "the message is too long for this model: 9000 tokens, and it holds 4096", "code": "context_too_long"}),
            sizes(9000, 4096),
        ),
        (
            400,
            json!({"message": "prompt is too long: 210,000 tokens > 200,000 maximum"}),
            sizes(210_000, 200_000),
        ),
        (
            400,
            json!({"message": "input is too long"}),
            Next::Shorten(None),
        ),
    ] {
        assert_eq!(
            status(code, &json!({ "error": error })).next,
            next,
            "{error}"
        );
    }
    let error = json!({"object": "error", "message": "maximum context length is 10 tokens, you requested 20"});
    assert_eq!(status(400, &error).next, sizes(20, 10));
}

#[test]
fn only_what_another_address_may_do_better_is_asked_elsewhere() {
    let words = json!({"error": "no"});
    for code in [500, 502, 503, 504, 408, 307] {
        assert_eq!(
            status(code, &words).next,
            Next::Elsewhere(Mark::Failed),
            "{code}"
        );
    }
    for code in [400, 401, 402, 403, 404, 422] {
        assert_eq!(status(code, &words).next, Next::GiveUp, "{code}");
    }
    let quota = json!({"error": {"code": "insufficient_quota", "message": "pay"}});
    assert_eq!(status(429, &quota).next, Next::GiveUp);
}

#[test]
fn a_busy_server_rests_for_as_long_as_it_says() {
    let rest = |status: u16, header| {
        let status = StatusCode::from_u16(status).unwrap();
        Failure::of_status(status, header, b"", None, Dialect::default()).next
    };
    let busy = |seconds| Next::Elsewhere(Mark::Busy(Duration::from_secs(seconds)));
    assert_eq!(rest(429, Some("7")), busy(7));
    assert_eq!(rest(503, Some(" 1 ")), busy(1));
    assert_eq!(rest(429, Some("999999999")), busy(3600));
    assert_eq!(rest(429, None), busy(2));
    assert_eq!(rest(429, Some("Wed, 21 Oct 2026 07:28:00 GMT")), busy(2));
}

#[test]
fn a_server_that_wants_other_words_is_asked_again_once() {
    let words = json!({"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "param": "max_tokens"}});
    let Next::Reword(dialect) = status(400, &words).next else {
        panic!("it is not reworded");
    };
    assert!(dialect.new_max_tokens);
    let body = words.to_string();
    let again = Failure::of_status(
        StatusCode::BAD_REQUEST,
        None,
        body.as_bytes(),
        None,
        dialect,
    );
    assert_eq!(again.next, Next::GiveUp);
    assert!(
        matches!(again.error, EngineError::InvalidField { field, .. } if field == "max_tokens")
    );
}

#[test]
fn words_are_short_and_hold_no_key() {
    let key = ApiKey::new("sk-geheim").unwrap();
    let long = format!("bad key sk-geheim\n\u{1b}[31m{}", "x ".repeat(5000));
    for body in [
        long.clone(),
        json!({"error": {"message": long}}).to_string(),
        json!({"x": long}).to_string(),
    ] {
        let failure = Failure::of_status(
            StatusCode::UNAUTHORIZED,
            None,
            body.as_bytes(),
            Some(&key),
            Dialect::default(),
        );
        assert!(!failure.detail.contains("geheim"), "{}", failure.detail);
        assert!(!failure.detail.contains(['\n', '\u{1b}']));
        assert!(failure.detail.chars().count() < 500);
        assert!(!failure.error.to_string().contains("bad key"));
    }
}
