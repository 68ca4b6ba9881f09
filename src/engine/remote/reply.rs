//! Writing one reply with another server: wait for a turn, choose an address, send, pass on what comes.
//!
//! Until something was passed on, another address may be tried; afterwards never, since the reader
//! would see two replies. Each piece is passed on as it comes. The request ends with its reader: a
//! stream that is dropped closes the connection at once, which is how such servers are told to stop.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response};
use tokio::time::timeout_at;

use super::super::prompt::fit_history;
use super::super::{
    ChatMessage, EngineError, EngineEvent, EventSender, Finished, Generate, Role, Timings,
};
use super::addresses::{Pick, Place};
use super::answer::AnswerReader;
use super::failure::{Failure, Mark, Next};
use super::question;
use super::queue::Ticket;
use super::upstream::{Upstream, read_limited};
use super::words::Sizes;

const MAX_ATTEMPTS: u32 = 24;
const MAX_RESTS: u32 = 3;
/// A busy server is waited for no longer than this at a time.
const LONGEST_REST: Duration = Duration::from_secs(20);
const MAX_SHORTENINGS: u32 = 4;
/// What is said of its size is about the whole prompt, and only an estimate for a part of it.
const MARGIN: f64 = 0.9;
const BYTES_OF_A_MESSAGE: usize = 16;
const BYTES_OF_A_TOKEN: usize = 4;
/// What may still come behind the end of the text, and is not worth more.
const WAIT_FOR_USAGE: Duration = Duration::from_secs(5);
const WAIT_FOR_THE_END: Duration = Duration::from_millis(100);
const MAX_WORDS_BYTES: usize = 64 * 1024;

pub(super) struct Reply {
    pub(super) upstream: Arc<Upstream>,
    /// The server's own name.
    pub(super) model: String,
    pub(super) request: Generate,
    pub(super) ticket: Ticket,
    pub(super) sender: EventSender,
}

/// What was passed on so far.
#[derive(Default)]
struct Progress {
    queued: Duration,
    left_out_messages: u32,
    first_piece_at: Option<Instant>,
}

impl Reply {
    pub(super) async fn run(self) {
        tokio::select! {
            () = self.sender.closed() => {}
            outcome = self.write() => {
                if let Err(error) = outcome {
                    // A reader that left wants no reason.
                    let _ = self.sender.send(Err(error)).await;
                }
            }
        }
    }

    async fn send(&self, event: EngineEvent) {
        if self.sender.send(Ok(event)).await.is_err() {
            // `run` is about to see that the reader has left.
            std::future::pending::<()>().await;
        }
    }

    async fn write(&self) -> Result<(), EngineError> {
        let begun = Instant::now();
        self.wait_for_turn().await;
        let mut progress = Progress {
            queued: begun.elapsed(),
            ..Progress::default()
        };
        let mut history = self.request.messages.clone();
        let (mut tried, mut rests, mut shortenings) = (Vec::new(), 0, 0);
        let mut hung_up = false;
        let mut last = None;
        for _ in 0..MAX_ATTEMPTS {
            let Some(place) = self.choose(&tried, &mut rests).await else {
                break;
            };
            let failure = match self.attempt(&place, &history, &mut progress).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            self.upstream.note(place.index, &failure);
            if progress.first_piece_at.is_some() {
                return Err(failure.error);
            }
            match failure.next {
                Next::GiveUp => return Err(failure.error),
                Next::Elsewhere(Mark::Busy(_)) => {}
                // A new connection may be all that is wanted.
                Next::Elsewhere(Mark::HungUp) if !hung_up => hung_up = true,
                Next::Elsewhere(_) => tried.push(place.index),
                Next::Reword(dialect) => self.upstream.learn(dialect),
                Next::Shorten(sizes) => {
                    shortenings += 1;
                    let allowed = self.request.trim_history && shortenings <= MAX_SHORTENINGS;
                    match shorten(&history, sizes).filter(|_| allowed) {
                        Some(shorter) => history = shorter,
                        None => return Err(failure.error),
                    }
                    let left_out = self.request.messages.len() - history.len();
                    progress.left_out_messages = u32::try_from(left_out).unwrap_or(u32::MAX);
                }
            }
            last = Some(failure.error);
        }
        let nobody = || EngineError::ModelUnusable("none of its servers can be asked now".into());
        Err(last.unwrap_or_else(nobody))
    }

    async fn wait_for_turn(&self) {
        let mut changes = self.ticket.changes();
        let mut told = None;
        while let Some(position) = self.ticket.position() {
            if told.replace(position) != Some(position) {
                let eta_ms = None;
                self.send(EngineEvent::Queued { position, eta_ms }).await;
            }
            // The queue lives as long as the ticket.
            let _ = changes.changed().await;
        }
    }

    /// None: there is nobody left to ask.
    async fn choose(&self, tried: &[usize], rests: &mut u32) -> Option<Place> {
        let addresses = &self.upstream.addresses;
        let beginning = beginning_of(&self.model, &self.request.messages);
        loop {
            let patience = match *rests < MAX_RESTS {
                true => LONGEST_REST,
                false => Duration::ZERO,
            };
            let now = Instant::now();
            match addresses.pick(&self.model, beginning, tried, now, patience) {
                Pick::Use(place) => return Some(place),
                Pick::Nobody => return None,
                Pick::Rest(until) => {
                    *rests += 1;
                    let rest = until.saturating_duration_since(now);
                    let eta_ms = u64::try_from(rest.as_millis()).ok();
                    let position = 0;
                    self.send(EngineEvent::Queued { position, eta_ms }).await;
                    tokio::time::sleep(rest).await;
                }
            }
        }
    }

    async fn attempt(
        &self,
        place: &Place,
        history: &[ChatMessage],
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let patience = self.first_token_timeout();
        let asked = timeout_at((started + patience).into(), self.ask(place, history)).await;
        let mut response = asked.unwrap_or_else(|_| Err(Failure::timed_out(patience)))?;
        let mut reader = AnswerReader::default();
        self.pass_on(&mut response, &mut reader, started, progress)
            .await?;
        let prompt_tokens = u32::try_from(size_of(history) / BYTES_OF_A_TOKEN).unwrap_or(u32::MAX);
        let Some((reason, usage)) = reader.end(prompt_tokens) else {
            return Err(Failure::broke_off("the answer ended without its end"));
        };
        self.upstream.addresses.praise(place.index);
        let first_piece_at = progress.first_piece_at.unwrap_or_else(Instant::now);
        let finished = Finished {
            reason,
            usage,
            timings: Timings {
                queued_ms: milliseconds(progress.queued),
                prefill_ms: milliseconds(first_piece_at.saturating_duration_since(started)),
                decode_ms: milliseconds(first_piece_at.elapsed()),
            },
            left_out_messages: progress.left_out_messages,
        };
        self.send(EngineEvent::Finished(finished)).await;
        // Read to its end, the connection serves the next request.
        let _ = tokio::time::timeout(WAIT_FOR_THE_END, response.chunk()).await;
        Ok(())
    }

    fn first_token_timeout(&self) -> Duration {
        Duration::from_millis(self.upstream.source.options.first_token_timeout_ms)
    }

    /// Passes on each piece as it comes, until the answer or the connection ends.
    async fn pass_on(
        &self,
        response: &mut Response,
        reader: &mut AnswerReader,
        started: Instant,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let patience = self.first_token_timeout();
        let pause = self.upstream.source.options.between_tokens_timeout_ms;
        let pause = Duration::from_millis(pause);
        let mut heard_at = started;
        let mut events = Vec::new();
        while !reader.done {
            let begun = progress.first_piece_at.is_some();
            let limit = match (reader.is_complete(), begun) {
                (true, _) => Instant::now() + pause.min(WAIT_FOR_USAGE),
                (false, true) => heard_at + pause,
                (false, false) => started + patience,
            };
            let read = match timeout_at(limit.into(), response.chunk()).await {
                Ok(Ok(Some(bytes))) => reader.read(&bytes, &mut events),
                Ok(Ok(None)) => break,
                _ if reader.is_complete() => break,
                Ok(Err(error)) => return Err(cut_off(error)),
                Err(_) if begun => return Err(Failure::fell_silent(pause)),
                Err(_) => return Err(Failure::timed_out(patience)),
            };
            for event in events.drain(..) {
                progress.first_piece_at.get_or_insert_with(Instant::now);
                self.send(event).await;
                // A reader that takes its time is not the server's silence.
                heard_at = Instant::now();
            }
            let key = self.upstream.source.key.as_ref();
            read.map_err(|fault| Failure::of_answer(fault, key))?;
        }
        Ok(())
    }

    /// A response that is about to stream.
    async fn ask(&self, place: &Place, history: &[ChatMessage]) -> Result<Response, Failure> {
        let upstream = &self.upstream;
        let give_up = |error: EngineError| Failure {
            detail: error.to_string(),
            next: Next::GiveUp,
            error,
        };
        let listed = upstream.addresses.find_listed(place.index, &self.model);
        let kind = listed.map(|listed| listed.kind).unwrap_or_default();
        let wanted = upstream.source.options.continuation;
        let continuation = question::continuation(&self.request, wanted, kind).map_err(give_up)?;
        let dialect = upstream.dialect();
        let question = question::Question {
            request: &self.request,
            messages: history,
            model: &self.model,
            kind,
            dialect,
            continuation,
        };
        let body = question.body().map_err(give_up)?;
        let request = upstream.request(Method::POST, &place.base, "chat/completions");
        let sent = request.json(&body).send().await;
        let response = sent.map_err(Failure::of_transport)?;
        let response = upstream.expect_success(response, dialect).await?;
        let streams = response.headers().get(CONTENT_TYPE).is_none_or(|kind| {
            let kind = kind.to_str().unwrap_or_default();
            kind.to_ascii_lowercase().starts_with("text/event-stream")
        });
        if streams {
            return Ok(response);
        }
        let body = read_limited(response, MAX_WORDS_BYTES)
            .await
            .unwrap_or_default();
        let words = upstream.words_of(&body);
        Err(Failure::no_answer(&format!(
            "it does not stream; it says: {words}"
        )))
    }
}

/// The connection was there, so the server is not away.
fn cut_off(error: reqwest::Error) -> Failure {
    Failure::broke_off(&Failure::of_transport(error).detail)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Requests with the same one are best answered by the same server: it has read it already.
fn beginning_of(model: &str, messages: &[ChatMessage]) -> u64 {
    let mut hasher = DefaultHasher::new();
    model.hash(&mut hasher);
    for message in messages {
        message.content.hash(&mut hasher);
        if message.role == Role::User {
            break;
        }
    }
    hasher.finish()
}

fn size_of(messages: &[ChatMessage]) -> usize {
    let size = |message: &ChatMessage| message.content.len() + BYTES_OF_A_MESSAGE;
    messages.iter().map(size).sum()
}

/// Without the oldest turns; None when there is none to leave out. Only the server knows tokens, so
/// the share of the text that has to go is taken for the share of the tokens.
fn shorten(history: &[ChatMessage], sizes: Option<Sizes>) -> Option<Vec<ChatMessage>> {
    let share = match sizes {
        Some(Sizes { tokens, limit }) => f64::from(limit) / f64::from(tokens.max(1)) * MARGIN,
        None => 0.5,
    };
    let bytes = |messages: &[ChatMessage]| Ok(u32::try_from(size_of(messages)).unwrap_or(u32::MAX));
    let budget = size_of(history) as f64 * share.clamp(0.0, MARGIN);
    let (shorter, left_out) = match fit_history(history, budget as u32, true, bytes) {
        // Not even the latest turn is said to fit; whether it does, the server knows.
        Err(EngineError::ContextTooLong { tokens, .. }) => {
            fit_history(history, tokens, true, bytes).ok()?
        }
        fitting => fitting.ok()?,
    };
    (left_out > 0).then_some(shorter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(turns: usize) -> Vec<ChatMessage> {
        let mut messages = vec![ChatMessage::new(Role::System, "s".repeat(100))];
        for turn in 0..turns {
            messages.push(ChatMessage::new(
                Role::User,
                format!("{turn} {}", "u".repeat(98)),
            ));
            messages.push(ChatMessage::new(Role::Assistant, "a".repeat(100)));
        }
        messages.push(ChatMessage::new(Role::User, "last"));
        messages
    }

    #[test]
    fn so_much_of_the_history_goes_as_the_server_cannot_hold() {
        let history = conversation(20);
        let sizes = |tokens, limit| Some(Sizes { tokens, limit });
        let kept = shorten(&history, sizes(1000, 800)).unwrap().len();
        assert!((28..=32).contains(&kept), "{kept} of {}", history.len());
        let kept = shorten(&history, None).unwrap();
        assert!((17..=21).contains(&kept.len()));
        assert_eq!(kept[0].role, Role::System);
        assert_eq!(kept.last().unwrap().content, "last");
    }

    #[test]
    fn the_latest_turn_is_tried_before_anything_is_given_up_and_nothing_is_left_out_twice() {
        let history = conversation(3);
        let sizes = Some(Sizes {
            tokens: 1_000_000,
            limit: 1,
        });
        let shortest = shorten(&history, sizes).unwrap();
        assert_eq!(shortest.len(), 2);
        assert_eq!(shorten(&shortest, sizes), None);
    }

    #[test]
    fn requests_begin_alike_up_to_what_the_person_first_said() {
        let (short, long) = (conversation(1), conversation(9));
        assert_eq!(beginning_of("m", &short), beginning_of("m", &long));
        assert_ne!(beginning_of("m", &short), beginning_of("n", &short));
        assert_ne!(beginning_of("m", &short), beginning_of("m", &short[1..]));
    }
}
