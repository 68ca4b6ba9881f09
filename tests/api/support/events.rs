//! A reader of server-sent events, as strict as the contract: every event has a numeric id, a name
//! and one JSON object. Comments (the keep-alive) are counted and otherwise passed over.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use super::client::text;

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Event {
    /// The text of a `delta`; of anything else none.
    pub(crate) fn text(&self) -> &str {
        match self.name.as_str() {
            "delta" => self.data["text"].as_str().expect("a delta has text"),
            _ => "",
        }
    }

    /// Which reply a `started` began.
    pub(crate) fn reply_id(&self) -> &str {
        text(&self.data, "/reply/id")
    }

    pub(crate) fn is_final(&self) -> bool {
        self.name == "done" || self.name == "failed"
    }
}

pub(crate) struct Events {
    response: Response,
    buffer: Vec<u8>,
    pub(crate) comments: usize,
}

impl Events {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the house answers");
        if response.status() != 200 {
            panic!(
                "no stream but {}: {}",
                response.status(),
                response.text().await.unwrap_or_default()
            );
        }
        let kind = &response.headers()["content-type"];
        assert_eq!(
            kind, "text/event-stream",
            "an event stream has its media type"
        );
        Self {
            response,
            buffer: Vec::new(),
            comments: 0,
        }
    }

    /// None at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let frame: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let frame = String::from_utf8(frame).expect("events are UTF-8");
                match parse(&frame) {
                    Some(event) => return Some(event),
                    None => self.comments += 1,
                }
                continue;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("a stream is not silent for so long");
            match chunk.expect("a stream does not break") {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None => {
                    assert!(self.buffer.is_empty(), "the stream ended inside an event");
                    return None;
                }
            }
        }
    }

    /// Reads up to and with the first event of this name.
    pub(crate) async fn until(&mut self, name: &str) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            let found = event.name == name;
            events.push(event);
            if found {
                return events;
            }
        }
        panic!("the stream ended without {name:?}: {events:?}");
    }

    /// Reads so many deltas and what stands between them.
    pub(crate) async fn deltas(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.extend(self.until("delta").await);
        }
        events
    }

    /// Reads to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn parse(frame: &str) -> Option<Event> {
    let mut lines = frame.trim_end().lines();
    let first = lines.next()?;
    if first.starts_with(':') {
        return None;
    }
    let field = |name: &str, line: Option<&str>| {
        let text = line
            .and_then(|line| line.strip_prefix(name))
            .map(str::trim_start);
        text.unwrap_or_else(|| panic!("an event lacks {name:?}: {frame:?}"))
            .to_owned()
    };
    let id = field("id:", Some(first))
        .parse()
        .expect("an event's id is a number");
    let name = field("event:", lines.next());
    let data = field("data:", lines.next());
    let data = serde_json::from_str(&data).expect("an event's data is JSON");
    Some(Event { id, name, data })
}

/// What a reader of these events has before it at the end.
pub(crate) fn text_of(events: &[Event]) -> String {
    let mut text = String::new();
    for event in events {
        match event.name.as_str() {
            "snapshot" => {
                text = event.data["message"]["content"]
                    .as_str()
                    .expect("a text")
                    .to_owned();
            }
            _ => text.push_str(event.text()),
        }
    }
    text
}

/// Checks that ids grow by one and gives the last.
#[track_caller]
pub(crate) fn grow_by_one(events: &[Event]) -> u64 {
    for pair in events.windows(2) {
        assert_eq!(pair[1].id, pair[0].id + 1, "between {pair:?}");
    }
    events.last().expect("there are events").id
}
