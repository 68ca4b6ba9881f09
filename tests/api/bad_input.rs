//! What is wrong with a request is said in one envelope, whoever found it, and the house lives on.
//! Wrong values of one field are tested with the resource the field belongs to.

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method};
use serde_json::json;

use crate::support::{Answer, FULL, House, Options, Script, raw, text};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_body_that_is_not_what_it_should_be_is_an_invalid_request() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let bodies = [
        "",
        "{",
        "nonsense",
        "[]",
        "\"x\"",
        "null",
        "{}",
        "{\"content\": [5]}",
        "{\"content\": null}",
        "{\"content\": \"x\", \"colour\": 1}",
        "{\"content\": \"x\", \"stream\": \"yes\"}",
        "{\"content\": \"x\"} {\"content\": \"y\"}",
        "{\"content\": \"\\ud800\"}",
        "\u{feff}{}",
    ];
    for body in bodies {
        let request = ada
            .request(Method::POST, "/api/v1/chat")
            .header(CONTENT_TYPE, "application/json");
        Answer::of(request.body(body))
            .await
            .refused(400, "invalid_request");
    }
    let request = ada
        .request(Method::POST, "/api/v1/chat")
        .header(CONTENT_TYPE, "application/json");
    Answer::of(request.body(&b"{\"content\": \"\xff\"}"[..]))
        .await
        .refused(400, "invalid_request");
    let deep = format!(
        "{{\"content\": {}1{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let request = ada
        .request(Method::POST, "/api/v1/chat")
        .header(CONTENT_TYPE, "application/json");
    Answer::of(request.body(deep))
        .await
        .refused(400, "invalid_request");
    assert!(house.is_running());
}

#[tokio::test]
async fn an_unknown_field_is_refused_wherever_it_stands() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let doors = [
        (
            Method::POST,
            "/api/v1/auth/login",
            json!({"login": "ada", "password": "x", "extra": 1}),
        ),
        (
            Method::POST,
            "/api/v1/auth/register",
            json!({"username": "bob", "password": "x", "role": "admin"}),
        ),
        (
            Method::POST,
            "/api/v1/auth/refresh",
            json!({"refresh_token": "x", "extra": 1}),
        ),
        (
            Method::POST,
            "/api/v1/setup",
            json!({"token": "x", "username": "x", "password": "x", "extra": 1}),
        ),
        (
            Method::POST,
            "/api/v1/conversations",
            json!({"owner_id": "x"}),
        ),
        (Method::PATCH, "/api/v1/users/me", json!({"extra": 1})),
        (
            Method::PATCH,
            "/api/v1/admin/settings",
            json!({"registration": {"mode": "open"}, "extra": 1}),
        ),
        (
            Method::POST,
            "/api/v1/admin/models/pull",
            json!({"source": "a/b", "folder": "/etc"}),
        ),
        (
            Method::POST,
            "/api/v1/users/me/password",
            json!({"current_password": "x", "new_password": "x", "extra": 1}),
        ),
    ];
    for (method, path, body) in doors {
        Answer::of(ada.request(method, path).json(&body))
            .await
            .refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_an_unsupported_media_type() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "multipart/form-data; boundary=x",
    ] {
        let request = ada
            .request(Method::POST, "/api/v1/chat")
            .header(CONTENT_TYPE, kind);
        Answer::of(request.body("{\"content\": \"x\"}"))
            .await
            .refused(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn an_address_that_is_not_there_says_so_in_the_envelope() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for path in [
        "/api/v1/nothing",
        "/api/v1",
        "/api",
        "/api/v2/models",
        "/v1/nothing",
        "/v1",
    ] {
        ada.get(path).await.refused(404, "not_found");
    }
    ada.post("/api/v1/nothing", json!({}))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn a_method_that_is_not_taken_says_so_in_the_envelope() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for (method, path) in [
        (Method::DELETE, "/api/v1/models"),
        (Method::PUT, "/api/v1/conversations"),
        (Method::GET, "/api/v1/chat"),
        (Method::GET, "/api/v1/auth/login"),
        (Method::PATCH, "/api/v1/setup"),
        (Method::GET, "/v1/chat/completions"),
        (Method::POST, "/health"),
        (Method::POST, "/"),
    ] {
        Answer::of(ada.request(method, path))
            .await
            .refused(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn an_oversized_body_is_refused_whether_declared_or_not() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let large = format!("{{\"content\": \"{}\"}}", "x".repeat(2 * MIB));
    for path in ["/api/v1/chat", "/v1/chat/completions", "/api/v1/auth/login"] {
        let declared = ada
            .request(Method::POST, path)
            .header(CONTENT_TYPE, "application/json");
        let error = Answer::of(declared.body(large.clone()))
            .await
            .refused(413, "payload_too_large");
        assert_eq!(error.get("type").is_some(), path.starts_with("/v1/"));
        let pieces =
            std::iter::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 64 * 1024])).take(40);
        let chunked = ada
            .request(Method::POST, path)
            .header(CONTENT_TYPE, "application/json");
        let answer = chunked.body(Body::wrap_stream(futures_util::stream::iter(pieces)));
        Answer::of(answer).await.refused(413, "payload_too_large");
    }
    assert!(house.is_running());
    ada.get("/api/v1/auth/me").await.ok(200);
}

#[tokio::test]
async fn a_declared_length_is_refused_before_the_body_is_sent() {
    let house = House::start().await;
    house.set_up().await;
    let answer = raw(
        &house,
        "POST /api/v1/chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("payload_too_large"), "{answer}");
}

#[tokio::test]
async fn a_body_that_never_comes_does_not_hold_the_house() {
    let options = Options::default().with("CHATELAINE_HTTP__BODY_TIMEOUT_MS", "300");
    let house = House::start_with(options).await;
    house.set_up().await;
    let half = "POST /api/v1/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{\"lo";
    let answer = raw(&house, half).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(answer.contains("invalid_request"), "{answer}");
}

#[tokio::test]
async fn oversized_headers_are_refused() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let with_header = |bytes| {
        ada.request(Method::GET, "/api/v1/auth/me")
            .header("x-long", "x".repeat(bytes))
    };
    for bytes in [17_000, 60_000] {
        Answer::of(with_header(bytes))
            .await
            .refused(413, "payload_too_large");
    }
    let far_above = with_header(700_000).send().await;
    let status = far_above.map(|response| response.status().as_u16());
    // The connection may be closed before the answer is read.
    assert!(matches!(status, Ok(413 | 431) | Err(_)), "{status:?}");
    ada.get("/api/v1/auth/me").await.ok(200);
    assert!(house.is_running());
}

#[tokio::test]
async fn what_is_not_http_harms_nobody() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    for bytes in [
        "\0\0\0\0",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\u{16}\u{3}\u{1}",
        "POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    ] {
        raw(&house, bytes).await;
    }
    ada.get("/api/v1/auth/me").await.ok(200);
    assert!(house.is_running());
}

#[tokio::test]
async fn a_message_longer_than_the_context_is_refused_with_the_numbers() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let content = format!("{} {}", crate::support::TOO_LONG, "word ".repeat(40_000));
    let error = ada
        .post("/api/v1/chat", json!({"content": content}))
        .await
        .refused(422, "context_too_long");
    assert!(text(&error, "/message").contains("token"), "{error}");
    ada.chat("Hello").await;
}

#[tokio::test]
async fn a_house_that_is_full_says_when_to_come_back() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let messages = json!([{"role": "user", "content": FULL}]);
    for (path, body) in [
        ("/api/v1/chat", json!({"content": FULL})),
        ("/v1/chat/completions", json!({"messages": messages})),
    ] {
        let answer = ada.post(path, body).await;
        let seconds: u32 = answer
            .header("retry-after")
            .parse()
            .expect("a number of seconds");
        assert!((1..=60).contains(&seconds), "{path}: {seconds}");
        answer.refused(503, "overloaded");
    }
}

#[tokio::test]
async fn who_comes_back_with_the_same_client_id_finds_room() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let body = json!({"content": FULL, "client_id": "patient"});
    for _ in 0..2 {
        ada.post("/api/v1/chat", body.clone())
            .await
            .refused(503, "overloaded");
    }
    house.options.script = Script::default().rule(json!({"when": FULL, "reply": "come in"}));
    house.start_again().await;
    let ada = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    let exchange = ada.post("/api/v1/chat", body).await.ok(200);
    assert_eq!(exchange["reply"]["content"], "come in");
    let list = ada.get("/api/v1/conversations").await.ok(200);
    assert_eq!(list["items"].as_array().expect("a list").len(), 1);
    assert_eq!(
        ada.messages(text(&exchange, "/conversation/id"))
            .await
            .len(),
        2
    );
}

#[tokio::test]
async fn errors_show_nothing_of_the_inside() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let data = house.data();
    for path in [
        "/api/v1/conversations?cursor=x",
        "/api/v1/nothing",
        "/api/v1/conversations?limit=%ff",
    ] {
        let text = ada.get(path).await.text;
        for inside in [
            "src/",
            ".rs",
            "poem",
            "redb",
            "panicked",
            data.to_str().expect("a path"),
        ] {
            assert!(!text.contains(inside), "{inside:?} in {text}");
        }
    }
    let answer = ada
        .request(Method::POST, "/api/v1/chat")
        .header(CONTENT_LENGTH, "0");
    Answer::of(answer.header(CONTENT_TYPE, "application/json"))
        .await
        .refused(400, "invalid_request");
}
