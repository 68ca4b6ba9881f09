//! One request and what its reader already has.
//!
//! Holds enough to begin again in another worker without the reader seeing a word twice or missing
//! one. Never waits for the reader.

use std::time::Instant;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::{mpsc, oneshot};

use super::super::protocol::{AdapterLoad, Command, ReplyEvent, Resume};
use crate::engine::parse::{Dialect, ParsedEvent, ParserOptions, ReplyParser, ReplyStart};
use crate::engine::{
    Embed, Embeddings, EngineError, EngineEvent, EventSender, FinishReason, Finished, Generate,
};

/// A request that this many deaths of the worker are counted against is given up.
const MAX_DEATHS: u32 = 3;

/// What is wanted, and where the answer goes.
pub(super) enum Work {
    Text {
        request: Box<Generate>,
        adapters: Vec<AdapterLoad>,
        events: EventSender,
    },
    Vectors {
        request: Embed,
        answer: mpsc::Sender<Result<Embeddings, EngineError>>,
    },
}

pub(super) struct Ticket {
    pub(super) id: u64,
    work: Work,
    submitted: Instant,
    started: Option<Instant>,
    /// The worker that has it now has begun with it.
    running: bool,
    /// The worker is making its prompt or computing its first step: should it die now, this
    /// request is the likeliest cause.
    suspect: bool,
    /// The worker that has it now has said that it computes it.
    was_admitted: bool,
    resume: Resume,
    /// Made with the first prompt.
    parser: Option<ReplyParser>,
    reasoning_tokens: u32,
    deaths: u32,
    /// Dropped with the ticket, which ends the watch over its reader.
    watch: Option<oneshot::Sender<()>>,
}

/// What becomes of a ticket after an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    GoesOn,
    Ended,
    /// The reader is gone or hopelessly behind.
    Unread,
}

impl Ticket {
    pub(super) fn new(id: u64, work: Work, submitted: Instant) -> Self {
        Self {
            id,
            work,
            submitted,
            started: None,
            running: false,
            suspect: false,
            was_admitted: false,
            resume: Resume::default(),
            parser: None,
            reasoning_tokens: 0,
            deaths: 0,
            watch: None,
        }
    }

    /// Completes with the id when the reader is gone, or with nothing when the ticket is. Until then
    /// it keeps the stream open.
    pub(super) fn watch_reader(&mut self) -> BoxFuture<'static, Option<u64>> {
        let (watch, ended) = oneshot::channel();
        self.watch = Some(watch);
        let id = self.id;
        let closed = match &self.work {
            Work::Text { events, .. } => closed(events.clone()),
            Work::Vectors { answer, .. } => closed(answer.clone()),
        };
        async move {
            tokio::select! {
                () = closed => Some(id),
                _ = ended => None,
            }
        }
        .boxed()
    }

    pub(super) fn model(&self) -> &str {
        match &self.work {
            Work::Text { request, .. } => &request.model,
            Work::Vectors { request, .. } => &request.model,
        }
    }

    pub(super) fn lane(&self) -> u64 {
        match &self.work {
            Work::Text { request, .. } => request.lane,
            Work::Vectors { request, .. } => request.lane,
        }
    }

    pub(super) fn command(&self) -> Command {
        let id = self.id;
        match &self.work {
            Work::Text {
                request, adapters, ..
            } => Command::Generate {
                id,
                request: request.clone(),
                adapters: adapters.clone(),
                resume: self.resume.clone(),
            },
            Work::Vectors { request, .. } => Command::Embed {
                id,
                request: request.clone(),
            },
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    pub(super) fn is_suspect(&self) -> bool {
        self.suspect
    }

    fn has_started(&self) -> bool {
        self.started.is_some()
    }

    fn begin(&mut self) {
        self.running = true;
        self.started.get_or_insert_with(Instant::now);
    }

    pub(super) fn tell_position(&self, position: u32) {
        if !self.has_started() {
            // A reader that is gone is noticed elsewhere.
            let _gone = self.send(EngineEvent::Queued {
                position,
                eta_ms: None,
            });
        }
    }

    /// Whether after this event the worker makes its prompt or computes its first step.
    fn is_newly_begun(&mut self, event: &ReplyEvent) -> bool {
        match event {
            ReplyEvent::Begun => {
                self.was_admitted = false;
                true
            }
            ReplyEvent::Opened { .. } => true,
            // The first one is said before the first step.
            ReplyEvent::Prefill { .. } => !std::mem::replace(&mut self.was_admitted, true),
            _ => false,
        }
    }

    /// Passes on what the worker reports.
    pub(super) fn pass_on(&mut self, event: ReplyEvent) -> Outcome {
        self.suspect = self.is_newly_begun(&event);
        match event {
            ReplyEvent::Begun => Outcome::GoesOn,
            ReplyEvent::Opened { dialect, start } => {
                self.open(&dialect, start);
                Outcome::GoesOn
            }
            ReplyEvent::Queued { position, eta_ms } if !self.has_started() => {
                self.send(EngineEvent::Queued { position, eta_ms })
            }
            ReplyEvent::Queued { .. } => Outcome::GoesOn,
            ReplyEvent::Prefill { done, total } => {
                self.begin();
                // Reading the prompt again after a death is nothing to show.
                if !self.resume.tokens.is_empty() {
                    return Outcome::GoesOn;
                }
                self.send(EngineEvent::Prefill { done, total })
            }
            ReplyEvent::Delta {
                text,
                token,
                chance,
            } => {
                self.begin();
                if let Some(chance) = chance
                    && self.send(EngineEvent::Chances(vec![chance])) == Outcome::Unread
                {
                    return Outcome::Unread;
                }
                self.resume.tokens.push(token);
                self.resume.sent_bytes += text.len();
                let parser = self.parser.as_ref();
                let thinks = parser.is_some_and(ReplyParser::is_reasoning);
                self.reasoning_tokens += u32::from(thinks);
                self.send_text(&text)
            }
            ReplyEvent::Finished { text, finished } => self.finish(&text, finished),
            ReplyEvent::Embedded(embeddings) => {
                if let Work::Vectors { answer, .. } = &self.work {
                    // Whoever asked may be gone.
                    let _gone = answer.try_send(Ok(embeddings));
                }
                Outcome::Ended
            }
            ReplyEvent::Failed(error) => {
                self.fail(error);
                Outcome::Ended
            }
        }
    }

    fn finish(&mut self, text: &str, mut finished: Finished) -> Outcome {
        if self.send_text(text) == Outcome::Unread
            || self.send_rest(&mut finished) == Outcome::Unread
        {
            return Outcome::Unread;
        }
        let waited = self.started.map(|started| started - self.submitted);
        let queued_ms = waited.unwrap_or_default().as_millis();
        finished.timings.queued_ms = u64::try_from(queued_ms).unwrap_or(u64::MAX);
        self.send(EngineEvent::Finished(finished));
        Outcome::Ended
    }

    pub(super) fn fail(&self, error: EngineError) {
        // Full or gone: the stream ends all the same.
        match &self.work {
            Work::Text { events, .. } => drop(events.try_send(Err(error))),
            Work::Vectors { answer, .. } => drop(answer.try_send(Err(error))),
        }
    }

    /// The worker died while it had this request; `counts` says whether that may be its doing.
    /// False: it is given up, and the reader was told.
    pub(super) fn survives_death(&mut self, counts: bool) -> bool {
        self.running = false;
        self.suspect = false;
        self.deaths += u32::from(counts);
        if self.deaths >= MAX_DEATHS {
            self.fail(EngineError::Crashed);
        }
        self.deaths < MAX_DEATHS
    }

    /// From the first worker that has it; another one's text goes on where that stopped.
    fn open(&mut self, dialect: &Dialect, start: ReplyStart) {
        if let (None, Work::Text { request, .. }) = (&self.parser, &self.work) {
            let options = ParserOptions::of(request, start);
            self.parser = Some(ReplyParser::new(dialect, options));
        }
    }

    fn send_text(&mut self, text: &str) -> Outcome {
        match &mut self.parser {
            Some(parser) => {
                let parsed = parser.push(text);
                self.send_all(parsed)
            }
            None if text.is_empty() => Outcome::GoesOn,
            None => self.send(EngineEvent::Delta(text.to_owned())),
        }
    }

    /// What was held back until the end.
    fn send_rest(&mut self, finished: &mut Finished) -> Outcome {
        let Some(parser) = &mut self.parser else {
            return Outcome::GoesOn;
        };
        let rest = parser.finish();
        if parser.calls() > 0 && finished.reason == FinishReason::Stop {
            finished.reason = FinishReason::ToolCalls;
        }
        finished.usage.reasoning_tokens = self.reasoning_tokens;
        self.send_all(rest)
    }

    fn send_all(&self, parsed: Vec<ParsedEvent>) -> Outcome {
        for event in parsed {
            let event = match event {
                ParsedEvent::Text(text) => EngineEvent::Delta(text),
                ParsedEvent::Reasoning(text) => EngineEvent::Reasoning(text),
                ParsedEvent::ToolCall(call) => EngineEvent::ToolCall(call),
            };
            if self.send(event) == Outcome::Unread {
                return Outcome::Unread;
            }
        }
        Outcome::GoesOn
    }

    fn send(&self, event: EngineEvent) -> Outcome {
        match &self.work {
            Work::Text { events, .. } if events.try_send(Ok(event)).is_err() => Outcome::Unread,
            _ => Outcome::GoesOn,
        }
    }
}

fn closed<T: Send + 'static>(sender: mpsc::Sender<T>) -> BoxFuture<'static, ()> {
    async move { sender.closed().await }.boxed()
}
