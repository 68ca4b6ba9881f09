//! Under which names the house answers: to addresses, to its own names, and to nothing that merely
//! leads here, on every path and in both versions of HTTP.
//! What no client sends is written byte by byte.

use reqwest::Method;
use reqwest::header::HOST;
use serde_json::json;

use crate::support::{Answer, House, Options, connect, raw};

const PATHS: [&str; 7] = [
    "/",
    "/health",
    "/ready",
    "/api/v1/setup",
    "/api/docs",
    "/v1/models",
    "/c/anything",
];

async fn ask(house: &House, host: &str, path: &str) -> Answer {
    let request = house.stranger().request(Method::GET, path);
    Answer::of(request.header(HOST, host)).await
}

#[tokio::test]
async fn a_name_that_merely_leads_here_is_refused_on_every_path() {
    let house = House::start().await;
    let port = house.base.rsplit_once(':').expect("a port").1;
    for path in PATHS {
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
        ] {
            let error = ask(&house, &format!("{host}:{port}"), path).await;
            let error = error.refused(403, "forbidden");
            let message = error["message"].as_str().expect("a sentence");
            assert!(message.contains("allowed_hosts"), "{message}");
        }
        for host in [
            "localhost",
            "LOCALHOST:1",
            "chat.localhost",
            "127.0.0.1",
            "[::1]:80",
            "10.1.2.3",
        ] {
            assert_ne!(ask(&house, host, path).await.status, 403, "{host} {path}");
        }
    }
}

#[tokio::test]
async fn names_are_added_by_the_configuration() {
    let options = Options::default()
        .with("CHATELAINE_HTTP__PUBLIC_URL", "https://chat.example.org")
        .with("CHATELAINE_HTTP__ALLOWED_HOSTS", "attic.lan, *.example.net");
    let house = House::start_with(options).await;
    for host in [
        "chat.example.org",
        "attic.lan:2428",
        "ATTIC.lan.",
        "a.example.net",
    ] {
        ask(&house, host, "/api/v1/setup").await.ok(200);
    }
    for host in [
        "example.org",
        "b.attic.lan",
        "example.net",
        "evilexample.net",
    ] {
        ask(&house, host, "/api/v1/setup")
            .await
            .refused(403, "forbidden");
    }
}

#[tokio::test]
async fn what_names_no_host_or_more_than_one_is_refused() {
    let house = House::start().await;
    for (head, status) in [
        ("GET /api/v1/setup HTTP/1.1\r\n", "400"),
        (
            "GET /api/v1/setup HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n",
            "400",
        ),
        (
            "GET /api/v1/setup HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n",
            "400",
        ),
        (
            "GET /api/v1/setup HTTP/1.1\r\nhost: ada@localhost\r\n",
            "400",
        ),
        ("GET /api/v1/setup HTTP/1.1\r\nhost: \r\n", "400"),
        ("GET /api/v1/setup HTTP/1.1\r\nhost: localhost:x\r\n", "400"),
        (
            "GET http://evil.example/api/v1/setup HTTP/1.1\r\nhost: localhost\r\n",
            "400",
        ),
        (
            "GET http://localhost/api/v1/setup HTTP/1.1\r\nhost: evil.example\r\n",
            "400",
        ),
        ("GET http://localhost/api/v1/setup HTTP/1.1\r\n", "400"),
        (
            "GET http://evil.example/api/v1/setup HTTP/1.1\r\nhost: evil.example\r\n",
            "403",
        ),
        (
            "GET http://localhost/api/v1/setup HTTP/1.1\r\nhost: LOCALHOST\r\n",
            "200",
        ),
        ("GET /api/v1/setup HTTP/1.0\r\n", "200"),
        (
            "GET /api/v1/setup HTTP/1.0\r\nhost: evil.example\r\n",
            "403",
        ),
    ] {
        let answer = raw(&house, &format!("{head}connection: close\r\n\r\n")).await;
        let found = answer.split(' ').nth(1).unwrap_or_default();
        assert_eq!(found, status, "{head:?}: {answer}");
    }
}

#[tokio::test]
async fn http_2_is_held_to_the_same() {
    let house = House::start().await;
    for (authority, host, status) in [
        ("localhost", None, 200),
        ("127.0.0.1:1", None, 200),
        ("localhost", Some("localhost"), 200),
        ("evil.example", None, 403),
        ("localhost", Some("evil.example"), 400),
        ("evil.example", Some("localhost"), 400),
        ("localhost:80", Some("localhost:81"), 400),
    ] {
        let socket = connect(&house).await;
        let (mut client, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
        let driving = tokio::spawn(connection);
        let mut request = http::Request::get(format!("http://{authority}/api/v1/setup"));
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let request = request.body(()).expect("a request");
        let (answer, _) = client.send_request(request, true).expect("it is sent");
        let answer = answer.await.expect("an answer");
        assert_eq!(answer.status(), status, "{authority} {host:?}");
        driving.abort();
    }
}

#[tokio::test]
async fn a_name_that_is_refused_reaches_no_handler() {
    let house = House::start().await;
    let token = house.setup_token();
    let body = json!({"token": token, "username": "eve", "password": crate::support::PASSWORD});
    let request = house.stranger().request(Method::POST, "/api/v1/setup");
    let request = request.header(HOST, "evil.example").json(&body);
    Answer::of(request).await.refused(403, "forbidden");
    let state = house.stranger().get("/api/v1/setup").await.ok(200);
    assert_eq!(state["needed"], true);
}
