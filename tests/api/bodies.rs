//! The bodies of requests: where none is taken none is read, strangers send little, and all of them
//! together take bounded memory.
//! Bodies that do not end are written byte by byte.

use std::time::Duration;

use futures_util::future::select_all;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, House, Options, Person, connect};

const ROOM: &str = "CHATELAINE_HTTP__BODIES_LIMIT_BYTES";
const BODY_LIMIT: &str = "CHATELAINE_HTTP__BODY_LIMIT_BYTES";
const PATIENCE: Duration = Duration::from_secs(30);

/// A request whose body is announced and not sent whole.
async fn begin(house: &House, path: &str, token: Option<&str>, sent: usize) -> TcpStream {
    let mut socket = connect(house).await;
    let credential = token.map_or_else(String::new, |it| format!("authorization: Bearer {it}\r\n"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{credential}content-type: application/json\r\ncontent-length: 1000000\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.expect("it is sent");
    // The house may have answered and closed by now.
    let _ = socket.write_all(&vec![b' '; sent]).await;
    socket
}

/// What comes before the connection ends, or an answer's envelope is whole.
async fn answer(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = socket.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..count]);
            if answer.windows(2).any(|pair| pair == b"}}") {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(PATIENCE, reading).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn token_of(person: &Person) -> &str {
    person.access_token.as_deref().expect("a token")
}

#[tokio::test]
async fn where_nothing_is_taken_no_body_is_read() {
    let options = Options::default().with("CHATELAINE_HTTP__BODY_TIMEOUT_MS", "600000");
    let house = House::start_with(options).await;
    for path in ["/", "/nothing", "/health", "/c/x", "/assets/x.js"] {
        let mut socket = begin(&house, path, None, 10).await;
        let answer = answer(&mut socket).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{path}: {answer}");
        assert!(answer.contains("method_not_allowed"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn two_hundred_bodies_that_nobody_takes_take_no_memory() {
    let house = House::start().await;
    let memory = || {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", house.process_id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    let before = memory();
    let sockets = (0..200).map(|_| begin(&house, "/nothing", None, 999_000));
    let sockets = futures_util::future::join_all(sockets).await;
    house.stranger().get("/health").await.ok(200);
    if let (Some(before), Some(after)) = (before, memory()) {
        let grown = after.saturating_sub(before) / 1024;
        println!("memory grew by {grown} MiB");
        assert!(grown < 100, "{grown} MiB");
    }
    drop(sockets);
}

#[tokio::test]
async fn who_is_not_known_sends_little_and_whose_session_ended_hears_that() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let large = json!({"title": "x", "padding": "x".repeat(40_000)});
    let stranger = house.stranger();
    let refused = stranger.post("/api/v1/auth/login", large.clone()).await;
    let error = refused.refused(413, "payload_too_large");
    assert_eq!(error["details"]["limit_bytes"], 32 * 1024);
    let stale = stranger.with_token("nonsense");
    let answer = stale.post("/api/v1/conversations", large.clone()).await;
    answer.refused(401, "unauthenticated");
    let known = ada.post("/api/v1/conversations", large).await;
    assert_ne!(known.status, 413, "{}", known.text);
}

#[tokio::test]
async fn all_bodies_together_have_so_much_room_and_strangers_half_of_it() {
    let options = Options::default().with(ROOM, "100000");
    let house = House::start_with(options.with(BODY_LIMIT, "45000")).await;
    let ada = house.set_up().await;
    let path = "/api/v1/conversations";
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(begin(&house, "/api/v1/auth/login", None, 20_000).await);
    }
    // There is room for two, whichever the house reads first.
    one_is_refused(&mut waiting).await;
    ada.post(path, json!({})).await.ok(201);

    let mut known = Vec::new();
    for _ in 0..2 {
        known.push(begin(&house, path, Some(token_of(&ada)), 40_000).await);
    }
    // Beside the strangers' there is room for one.
    one_is_refused(&mut known).await;
    drop((waiting, known));
    for _ in 0..200 {
        let body = json!({"login": "ada", "password": "x".repeat(30_000)});
        let request = house.stranger().request(Method::POST, "/api/v1/auth/login");
        if Answer::of(request.json(&body)).await.status != 503 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("what broke off still takes room");
}

/// For want of room, before the others are.
async fn one_is_refused(sockets: &mut [TcpStream]) {
    let answers = sockets.iter_mut().map(|socket| Box::pin(answer(socket)));
    let (said, _, _) = select_all(answers).await;
    assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
    assert!(said.contains("retry-after: "), "{said}");
    assert!(said.contains("overloaded"), "{said}");
}

#[tokio::test]
async fn a_room_that_is_too_small_for_one_body_is_taken_for_more_and_the_log_says_so() {
    let options = Options::default().with(ROOM, "0");
    let house = House::start_with(options).await;
    let ada = house.set_up().await;
    let large = json!({"title": "x", "padding": "x".repeat(900_000)});
    let answer = ada.post("/api/v1/conversations", large).await;
    assert!(![413, 503].contains(&answer.status), "{}", answer.text);
    house.logs("bodies_limit_bytes has no room").await;
}
