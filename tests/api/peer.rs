//! Another server of OpenAI's API, on this machine, that does exactly what a test says, however bad.
//!
//! It answers `/v1/models` with one model, `m`; each chat completion does the next act, and the last
//! act again and again. Requests for titles are answered and not counted. It notes what it was asked
//! and whether somebody hung up on it. One request a connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::support::Person;

#[derive(Clone)]
pub(crate) enum Act {
    /// Status line, further headers (each with its line end), body.
    Answer(&'static str, String, String),
    /// An event stream of these parts, and then the connection ends.
    Stream(Vec<Part>),
}

#[derive(Clone)]
pub(crate) enum Part {
    Bytes(String),
    /// Until the test says so.
    Wait(Arc<Notify>),
    /// Until the other side hangs up.
    Hold,
    /// The same bytes until the other side hangs up.
    Flood(&'static str),
}

impl Act {
    pub(crate) fn says(words: &[&str]) -> Self {
        let words = words.iter().map(|word| Part::text(word));
        Self::Stream(words.chain([Part::end()]).collect())
    }

    pub(crate) fn fails(status: &'static str, error: &Value) -> Self {
        Self::Answer(status, String::new(), json!({ "error": error }).to_string())
    }
}

impl Part {
    fn chunk(chunk: &Value) -> Self {
        Self::Bytes(format!("data: {chunk}\n\n"))
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::chunk(&json!({"choices": [{"index": 0, "delta": {"content": text}}]}))
    }

    /// The reason, the usage, and the end.
    pub(crate) fn end() -> Self {
        let reason = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
        let usage = json!({"choices": [], "usage": {"prompt_tokens": 21, "completion_tokens": 7}});
        Self::Bytes(format!(
            "data: {reason}\n\ndata: {usage}\n\ndata: [DONE]\n\n"
        ))
    }
}

#[derive(Clone)]
pub(crate) struct Asked {
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: Value,
}

struct State {
    acts: VecDeque<Act>,
    asked: Vec<Asked>,
    healthy: bool,
}

pub(crate) struct Peer {
    /// Without a path.
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
    /// Somebody hung up while being answered.
    pub(crate) left: Arc<Notify>,
    serving: AbortHandle,
}

impl Peer {
    pub(crate) async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = State {
            acts: acts.into_iter().collect(),
            asked: Vec::new(),
            healthy: true,
        };
        let (state, left) = (Arc::new(Mutex::new(state)), Arc::default());
        let serving = tokio::spawn(serve(listener, Arc::clone(&state), Arc::clone(&left)));
        Self {
            address: format!("http://{address}"),
            state,
            left,
            serving: serving.abort_handle(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the peer's state")
    }

    /// What it was asked to say, titles apart, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// Whether its list of models can be had.
    pub(crate) fn set_healthy(&self, healthy: bool) {
        self.state().healthy = healthy;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>, left: Arc<Notify>) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let (state, left) = (Arc::clone(&state), Arc::clone(&left));
        tokio::spawn(async move {
            if answer(stream, &state).await.is_none() {
                left.notify_one();
            }
        });
    }
}

/// None: the other side hung up.
async fn answer(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let asked = read_request(&mut stream).await?;
    let act = if asked.head.starts_with("get ") {
        let list = json!({"object": "list", "data": [{"id": "m", "object": "model"}]});
        match state.lock().expect("the peer's state").healthy {
            true => Act::Answer("200 OK", String::new(), list.to_string()),
            false => Act::fails(
                "500 Internal Server Error",
                &json!({"message": "not today"}),
            ),
        }
    } else if asked.body.to_string().contains("Write a title") {
        Act::says(&["A title"])
    } else {
        let mut state = state.lock().expect("the peer's state");
        state.asked.push(asked);
        match state.acts.len() {
            1 => state.acts[0].clone(),
            _ => state.acts.pop_front().expect("there is an act left"),
        }
    };
    match act {
        Act::Answer(status, headers, body) => {
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            stream.write_all(text.as_bytes()).await.ok()?;
        }
        Act::Stream(parts) => {
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            stream.write_all(head.as_bytes()).await.ok()?;
            for part in parts {
                play(&mut stream, part).await?;
            }
        }
    }
    stream.shutdown().await.ok()
}

async fn play(stream: &mut TcpStream, part: Part) -> Option<()> {
    match part {
        Part::Bytes(bytes) => stream.write_all(bytes.as_bytes()).await.ok(),
        Part::Wait(gate) => {
            gate.notified().await;
            Some(())
        }
        Part::Hold => {
            let mut byte = [0; 1];
            // Whatever comes, nothing more is expected but the end.
            let _ = stream.read(&mut byte).await;
            None
        }
        Part::Flood(bytes) => {
            let bytes = bytes.repeat(1024);
            while stream.write_all(bytes.as_bytes()).await.is_ok() {}
            None
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let count = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
    };
    let head = String::from_utf8(bytes[..end].to_vec())
        .ok()?
        .to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
    while bytes.len() < end + length {
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut buffer)).await;
        let count = read.ok()?.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
    }
    let body = serde_json::from_slice(&bytes[end..]).unwrap_or(Value::Null);
    Some(Asked { head, body })
}

/// Adds a remote source to a house.
pub(crate) async fn offer(admin: &Person, new: Value) -> Value {
    admin
        .post("/api/v1/admin/remote-sources", new)
        .await
        .ok(201)
}

/// The model once it is in this state.
pub(crate) async fn wait_for_model(person: &Person, id: &str, state: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let list = person.get("/api/v1/models").await.ok(200);
        let models = list["items"].as_array().expect("a list");
        let found = models.iter().find(|model| model["id"] == id);
        if let Some(model) = found.filter(|model| model["state"] == state) {
            return model.clone();
        }
        assert!(Instant::now() < deadline, "{id} is not {state}: {list}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
