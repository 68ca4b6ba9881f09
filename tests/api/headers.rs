//! The headers that protect, on every kind of answer there is: what succeeds, what is refused by
//! whomever, what streams, and the page.
//! A new kind of answer belongs into these lists.

use reqwest::header::{CONTENT_TYPE, HOST, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{House, Options, PASSWORD, Person, SLOW, raw};

/// What is asked, and the status of its answer.
type Kind = (RequestBuilder, u16);

fn good(ada: &Person, nobody: &Person) -> Vec<Kind> {
    let get = |path: &str| nobody.request(Method::GET, path);
    let post = |path: &str, body: Value| ada.request(Method::POST, path).json(&body);
    let login = json!({"login": "ada", "password": PASSWORD, "cookie": true});
    let messages = json!([{"role": "user", "content": "Hello"}]);
    let completion = json!({"messages": messages, "stream": true});
    let stream = json!({"content": SLOW, "stream": true});
    let login = nobody
        .request(Method::POST, "/api/v1/auth/login")
        .json(&login);
    vec![
        (get("/health"), 200),
        (get("/ready"), 200),
        (get("/api/v1/setup"), 200),
        (get("/api/v1/openapi.json"), 200),
        (nobody.request(Method::HEAD, "/health"), 200),
        (login, 200),
        (post("/api/v1/conversations", json!({})), 201),
        (post("/api/v1/chat", stream), 200),
        (post("/v1/chat/completions", completion), 200),
        (ada.request(Method::GET, "/v1/models"), 200),
        (ada.request(Method::GET, "/api/v1/auth/me"), 200),
    ]
}

fn refused(ada: &Person, bob: &Person, nobody: &Person) -> Vec<Kind> {
    let get = |path: &str| nobody.request(Method::GET, path);
    let post = |path: &str, body: Value| ada.request(Method::POST, path).json(&body);
    let chats = "/api/v1/conversations";
    let elsewhere = nobody.request(Method::POST, chats);
    let elsewhere = elsewhere.header("sec-fetch-site", "cross-site");
    let options = nobody.request(Method::OPTIONS, "/api/v1/auth/login");
    let large = json!({"content": "x".repeat(2 * 1024 * 1024)});
    let unsupported = ada.request(Method::POST, "/api/v1/chat");
    let unsupported = unsupported.header(CONTENT_TYPE, "text/plain").body("x");
    vec![
        (post("/api/v1/chat", json!({"colour": 1})), 400),
        (post("/v1/chat/completions", json!({"messages": 1})), 400),
        (get("/api/v1/auth/me"), 401),
        (get("/v1/models"), 401),
        (get(chats).header("authorization", "Basic eDp5"), 401),
        (
            ada.request(Method::GET, chats)
                .header("authorization", "Bearer x"),
            401,
        ),
        (bob.request(Method::GET, "/api/v1/admin/settings"), 403),
        (get("/").header(HOST, "evil.example"), 403),
        (get("/api/v1/setup").header(HOST, "evil.example"), 403),
        (elsewhere, 403),
        (get("/api/v1/nothing"), 404),
        (get("/v1/nothing"), 404),
        (get("/nothing.js"), 404),
        (ada.request(Method::GET, "/api/v1/conversations/x"), 404),
        (nobody.request(Method::DELETE, "/api/v1/setup"), 405),
        (nobody.request(Method::POST, "/"), 405),
        (options, 405),
        (post("/api/v1/chat", large), 413),
        (get("/health").header("x-long", "x".repeat(20_000)), 413),
        (unsupported, 415),
    ]
}

fn check(headers: &HeaderMap, path: &str, has_tls: bool) {
    let text = |name: &str| {
        headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    };
    assert_eq!(text("x-request-id").len(), 32, "{path}");
    for (name, expected) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("access-control-allow-origin", ""),
        ("server", ""),
    ] {
        assert_eq!(text(name), expected, "{name} of {path}");
        assert!(
            headers.get_all(name).iter().count() <= 1,
            "{name} of {path}"
        );
    }
    let policy = text("content-security-policy");
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{path}: {policy}");
    }
    assert!(
        !policy.contains("unsafe") || path == "/api/docs",
        "{path}: {policy}"
    );
    assert!(text("permissions-policy").contains("camera=()"), "{path}");
    let is_api = path.starts_with("/api/") || path.starts_with("/v1/");
    assert!(!is_api || text("cache-control") == "no-store", "{path}");
    let transport = text("strict-transport-security");
    assert_eq!(
        transport.starts_with("max-age="),
        has_tls,
        "{path}: {transport}"
    );
}

#[tokio::test]
async fn every_kind_of_answer_has_them() {
    let house = House::start().await;
    let (ada, nobody) = (house.set_up().await, house.stranger());
    let bob = house.add_user(&ada, "bob").await;
    let mut kinds = good(&ada, &nobody);
    kinds.extend(refused(&ada, &bob, &nobody));
    let leaving = bob.request(Method::POST, "/api/v1/auth/logout");
    kinds.push((leaving, 204));
    for (request, status) in kinds {
        let path = request.try_clone().and_then(|request| request.build().ok());
        let path = path.map_or_else(String::new, |request| request.url().path().to_owned());
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), status, "{path}");
        check(response.headers(), &path, false);
    }
}

#[tokio::test]
async fn the_page_and_the_documentation_have_them_too() {
    let house = House::start().await;
    for path in ["/", "/login", "/c/x", "/api/docs"] {
        let answer = house.stranger().get(path).await;
        check(&answer.headers, path, false);
    }
}

#[tokio::test]
async fn what_is_no_request_is_answered_with_them() {
    let house = House::start().await;
    let long = format!(
        "GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "x".repeat(70_000)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n",
        "x: y\r\n".repeat(200)
    );
    for (request, status) in [("nonsense\r\n\r\n", 400), (&long, 414), (&many, 431)] {
        let answer = raw(&house, request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        for line in [
            "x-content-type-options: nosniff\r\n",
            "x-frame-options: DENY\r\n",
            "referrer-policy: no-referrer\r\n",
            "content-security-policy: default-src 'none'",
            "cache-control: no-store\r\n",
        ] {
            assert!(answer.contains(line), "{line}: {answer}");
        }
    }
}

#[tokio::test]
async fn what_is_refused_for_coming_too_often_has_them() {
    let name = "CHATELAINE_LIMITS__ANONYMOUS_REQUESTS_PER_MINUTE";
    let house = House::start_with(Options::default().with(name, "5")).await;
    for _ in 0..100 {
        let answer = house.stranger().get("/api/v1/setup").await;
        check(&answer.headers, "/api/v1/setup", false);
        if answer.status == 429 {
            return;
        }
    }
    panic!("there is no limit");
}

#[tokio::test]
async fn browsers_are_held_to_tls_where_people_come_by_tls() {
    let name = "CHATELAINE_HTTP__PUBLIC_URL";
    for (url, has_tls) in [
        ("https://chat.example.org", true),
        ("http://attic.lan", false),
    ] {
        let house = House::start_with(Options::default().with(name, url)).await;
        for path in ["/", "/health", "/api/v1/setup", "/v1/models", "/nothing.js"] {
            let answer = house.stranger().get(path).await;
            check(&answer.headers, path, has_tls);
        }
    }
}
