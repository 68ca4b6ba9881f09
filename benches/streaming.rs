//! Streamed replies of the real binary with the scripted engine, persistence included: how many
//! events 64 readers get together in a second, and how soon 16 who ask at once see their first.
//! The readers speak HTTP by hand, so that it is the house that is measured and not they.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

#[expect(
    dead_code,
    unused_imports,
    clippy::print_stderr,
    reason = "what the tests use of it"
)]
#[path = "../tests/api/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{House, Person, Script};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const READERS: usize = 64;
const EVENTS_EACH: usize = 20_000;
const ASKING_AT_ONCE: usize = 16;
const ROUNDS: usize = 20;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    let flood = json!({"when": "^flood", "reply": "drop ", "repeat": EVENTS_EACH});
    let house = House::scripted(Script::default().rule(flood)).await;
    let ada = house.set_up().await;
    events_per_second(&ada, 4).await;
    let rate = events_per_second(&ada, READERS).await;
    println!("{READERS} readers together:     {rate:>9.0} events/s");

    let mut delays = Vec::new();
    for _ in 0..ROUNDS {
        delays.extend(first_events(&ada).await);
    }
    delays.sort();
    let median = delays[delays.len() / 2];
    let late = delays[delays.len() * 99 / 100];
    println!(
        "first event, {ASKING_AT_ONCE} at once: {median:>11.1?} at the median, {late:.1?} at the 99th percentile"
    );
}

async fn events_per_second(person: &Person, readers: usize) -> f64 {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..readers {
        let person = person.clone();
        tasks.spawn(async move { Reading::begin(&person, "flood").await.count_to_end().await });
    }
    let events: usize = tasks.join_all().await.into_iter().sum();
    let seconds = begun.elapsed().as_secs_f64();
    let written = readers * EVENTS_EACH;
    // The script waits for nobody: a reader who was passed gets one snapshot for what it missed.
    if events < written {
        println!("{readers} readers got {events} of {written} events, and snapshots for the rest");
    }
    events as f64 / seconds
}

async fn first_events(person: &Person) -> Vec<Duration> {
    let mut tasks = JoinSet::new();
    for _ in 0..ASKING_AT_ONCE {
        let person = person.clone();
        tasks.spawn(async move {
            let begun = Instant::now();
            let mut reading = Reading::begin(&person, "Hello").await;
            reading.first_event().await;
            let delay = begun.elapsed();
            reading.count_to_end().await;
            delay
        });
    }
    tasks.join_all().await
}

/// The answer to a POST, as bytes.
struct Reading {
    socket: TcpStream,
    buffer: Vec<u8>,
    last: u8,
    events: usize,
}

impl Reading {
    async fn begin(person: &Person, content: &str) -> Self {
        let address = person.base.strip_prefix("http://").expect("an address");
        let mut socket = TcpStream::connect(address)
            .await
            .expect("the house is there");
        socket.set_nodelay(true).expect("a socket option");
        let body = json!({"content": content, "stream": true}).to_string();
        let token = person.access_token.as_deref().expect("a token");
        let request = format!(
            "POST /api/v1/chat HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        socket
            .write_all(request.as_bytes())
            .await
            .expect("a request can be sent");
        Self {
            socket,
            buffer: vec![0; 64 * 1024],
            last: 0,
            events: 0,
        }
    }

    /// Reads what is there and counts the ends of events; false at the end.
    async fn read(&mut self) -> bool {
        let count = self
            .socket
            .read(&mut self.buffer)
            .await
            .expect("an answer can be read");
        for byte in &self.buffer[..count] {
            self.events += usize::from(*byte == b'\n' && self.last == b'\n');
            self.last = *byte;
        }
        count > 0
    }

    async fn first_event(&mut self) {
        while self.events == 0 {
            assert!(self.read().await, "the answer ended without an event");
        }
    }

    async fn count_to_end(&mut self) -> usize {
        while self.read().await {}
        self.events
    }
}
