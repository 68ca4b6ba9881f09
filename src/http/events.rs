//! Replies as server-sent events: framing, keep-alive, ending.
//!
//! A reader takes all events that are there in one write, so a fast reply costs few system calls.
//! A silent stream sends a comment every two seconds, which is also how a reader that left is
//! noticed; it never stops the reply.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use poem::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use poem::{Body, IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use tokio_util::sync::CancellationToken;

use super::api::messages::Exchange;
use super::api::replies::{
    DeltaEvent, DoneEvent, FailedEvent, PrefillEvent, QueuedEvent, ReasoningEvent, SnapshotEvent,
    TitleEvent,
};
use crate::appliance::Appliance;
use crate::conversations::{MessageInTree, ReplyError, ReplyEvent, ReplyReader, StartedReply};
use crate::error::{Error, ErrorKind, Result};

/// How long a stream may be silent before it says that it is alive.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(2);
pub(super) const EVENT_STREAM: &str = "text/event-stream";
pub(super) const STILL_HERE: &str = ": still here\n\n";

/// The event stream of one reply.
pub(super) struct ReplyEvents {
    /// Sent before anything else.
    first: Option<String>,
    reader: ReplyReader,
    events: Vec<(u64, ReplyEvent)>,
    stopping: CancellationToken,
}

/// Waits for the end of a reply. One that failed before its first word is an error, whose details
/// say where it stands.
pub(super) async fn finished_exchange(
    started: StartedReply,
    house: &Appliance,
) -> Result<Exchange> {
    let StartedReply {
        mut exchange,
        reader,
    } = started;
    match reader.ending().await {
        Some(ReplyEvent::Done { message }) => exchange.reply = *message,
        Some(ReplyEvent::Failed { message, error }) if message.message.content.is_empty() => {
            return Err(failed_reply(&message, &error));
        }
        Some(ReplyEvent::Failed { message, .. }) => exchange.reply = *message,
        _ => {
            return Err(Error::overloaded(
                "the house is stopping; the reply can be continued",
                5,
            ));
        }
    }
    Ok(Exchange::new(exchange, house))
}

fn failed_reply(message: &MessageInTree, error: &ReplyError) -> Error {
    let kind = match error.code.as_str() {
        "context_too_long" => ErrorKind::ContextTooLong,
        "model_unavailable" => ErrorKind::ModelUnavailable,
        "overloaded" => ErrorKind::Overloaded { retry_after_s: 5 },
        "invalid_request" => ErrorKind::InvalidRequest,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, error.message.clone()).with_details(serde_json::json!({
        "conversation_id": message.message.conversation_id.to_string(),
        "message_id": message.message.parent_id.map(|id| id.to_string()),
        "reply_id": message.message.id.to_string(),
    }))
}

impl ReplyEvents {
    pub(super) fn of(reader: ReplyReader, house: &Appliance) -> Self {
        Self {
            first: None,
            reader,
            events: Vec::new(),
            stopping: house.stopping(),
        }
    }

    /// Begins with the exchange, under the id before the reply's first event.
    pub(super) fn of_started(started: StartedReply, house: &Appliance) -> Self {
        let id = started.exchange.reply.message.last_event_id;
        let exchange = Exchange::new(started.exchange, house).to_json_string();
        let mut first = String::new();
        push_frame(&mut first, id, "started", &exchange);
        Self {
            first: Some(first),
            ..Self::of(started.reader, house)
        }
    }

    async fn next_frame(&mut self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        self.events.clear();
        tokio::select! {
            biased;
            more = self.reader.next_events(&mut self.events) => {
                if !more {
                    return None;
                }
                let mut frame = String::with_capacity(self.events.len() * 64);
                for (id, event) in self.events.drain(..) {
                    push_event(&mut frame, id, event);
                }
                Some(frame)
            }
            () = tokio::time::sleep(KEEP_ALIVE) => {
                // Replies save themselves and end when the house stops; this is for one that cannot.
                (!self.stopping.is_cancelled()).then(|| STILL_HERE.to_owned())
            }
        }
    }
}

fn push_event(frame: &mut String, id: u64, event: ReplyEvent) {
    let (name, data) = match event {
        ReplyEvent::Delta { text } => return push_text(frame, id, "delta", &text),
        ReplyEvent::Reasoning { text } => return push_text(frame, id, "reasoning", &text),
        ReplyEvent::Queued { position, eta_ms } => {
            let queued = QueuedEvent { position, eta_ms };
            ("queued", queued.to_json_string())
        }
        ReplyEvent::Prefill { done, total } => {
            ("prefill", PrefillEvent { done, total }.to_json_string())
        }
        ReplyEvent::Snapshot { message } => (
            "snapshot",
            SnapshotEvent {
                message: (*message).into(),
            }
            .to_json_string(),
        ),
        ReplyEvent::Done { message } => (
            "done",
            DoneEvent {
                message: (*message).into(),
            }
            .to_json_string(),
        ),
        ReplyEvent::Failed { message, error } => {
            let failed = FailedEvent {
                message: (*message).into(),
                error: error.into(),
            };
            ("failed", failed.to_json_string())
        }
        ReplyEvent::Title { conversation } => (
            "title",
            TitleEvent {
                conversation: (*conversation).into(),
            }
            .to_json_string(),
        ),
    };
    push_frame(frame, id, name, &data);
}

/// As a [`DeltaEvent`] or [`ReasoningEvent`], without the tree of values in between: there is one
/// for every token.
fn push_text(frame: &mut String, id: u64, name: &str, text: &str) {
    let text = serde_json::to_string(text).expect("a text is always JSON");
    write!(
        frame,
        "id: {id}\nevent: {name}\ndata: {{\"text\":{text}}}\n\n"
    )
    .expect("a String takes every write");
}

/// `data` is JSON and so holds no line break.
pub(super) fn push_frame(frame: &mut String, id: u64, name: &str, data: &str) {
    write!(frame, "id: {id}\nevent: {name}\ndata: {data}\n\n").expect("a String takes every write");
}

impl IntoResponse for ReplyEvents {
    fn into_response(self) -> Response {
        event_stream(futures_util::stream::unfold(self, |mut events| async {
            let frame = events.next_frame().await?;
            Some((frame, events))
        }))
    }
}

/// An answer that goes on as long as there are frames.
pub(super) fn event_stream(frames: impl Stream<Item = String> + Send + 'static) -> Response {
    let bytes = frames.map(|frame| Ok::<_, std::io::Error>(Bytes::from(frame)));
    Response::builder()
        .header(CONTENT_TYPE, EVENT_STREAM)
        .header(CACHE_CONTROL, "no-cache")
        // nginx would otherwise keep events back.
        .header("x-accel-buffering", "no")
        .body(Body::from_bytes_stream(bytes))
}

/// An array stands for the stream, as OpenAPI 3.0 has no better word.
pub(super) fn stream_schema(events: Vec<MetaSchemaRef>) -> MetaSchemaRef {
    let event = MetaSchema {
        any_of: events,
        ..MetaSchema::ANY
    };
    MetaSchemaRef::Inline(Box::new(MetaSchema {
        items: Some(Box::new(MetaSchemaRef::Inline(Box::new(event)))),
        ..MetaSchema::new_with_format("array", "event-stream")
    }))
}

impl Payload for ReplyEvents {
    const CONTENT_TYPE: &'static str = EVENT_STREAM;

    /// `started` is an exchange.
    fn schema_ref() -> MetaSchemaRef {
        stream_schema(vec![
            Exchange::schema_ref(),
            QueuedEvent::schema_ref(),
            PrefillEvent::schema_ref(),
            ReasoningEvent::schema_ref(),
            DeltaEvent::schema_ref(),
            SnapshotEvent::schema_ref(),
            DoneEvent::schema_ref(),
            FailedEvent::schema_ref(),
            TitleEvent::schema_ref(),
        ])
    }

    fn register(registry: &mut Registry) {
        Exchange::register(registry);
        QueuedEvent::register(registry);
        PrefillEvent::register(registry);
        ReasoningEvent::register(registry);
        DeltaEvent::register(registry);
        SnapshotEvent::register(registry);
        DoneEvent::register(registry);
        FailedEvent::register(registry);
        TitleEvent::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_writes_what_the_schema_says() {
        for text in ["word ", "\"quoted\"\n", "ünï 🔑 \u{2028}"] {
            let (mut short, mut long) = (String::new(), String::new());
            push_text(&mut short, 7, "delta", text);
            push_text(&mut short, 8, "reasoning", text);
            let delta = DeltaEvent { text: text.into() };
            let reasoning = ReasoningEvent { text: text.into() };
            push_frame(&mut long, 7, "delta", &delta.to_json_string());
            push_frame(&mut long, 8, "reasoning", &reasoning.to_json_string());
            assert_eq!(short, long);
        }
    }
}
