//! Writing one reply: from the engine's stream into memory, and from there to the store.
//!
//! The text is checkpointed at most every 500 ms, without holding up the stream; the last word,
//! the usage and what follows from it are one transaction, and readers hear of the end only after
//! it is on disk. Runs as one task for each reply, begun by `replies`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::charges::{Charge, Settlement};
use super::running_reply::{ReplyEvent, RunningReply};
use super::titles;
use crate::engine::{Engine, EngineError, EngineEvent, Finished, Generate, TokenStream, Usage};
use crate::error::{Error, ErrorKind, Result};
use crate::jobs::Jobs;
use crate::store::messages::{MessageRecord, MessageStatus, ReplyError, find_message, put_message};
use crate::store::replies::remove_reply;
use crate::store::search_outbox::{SearchChange, append_search_change};
use crate::store::usage::add_reply;
use crate::store::{Store, WriteTx};

const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(500);
/// Engine events taken in one go.
const BATCH_LIMIT: usize = 256;
/// Between two tries to write the end while the disk does not take it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const ATTEMPTS_WHEN_STOPPING: u32 = 5;

enum Ending {
    Finished(Finished),
    Failed(Error),
    Stopped,
    Interrupted,
}

type Checkpoint = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

pub(super) struct ReplyWriter {
    pub(super) store: Arc<Store>,
    pub(super) jobs: Arc<Jobs>,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) request: Generate,
    /// None: nothing is charged.
    pub(super) charge: Option<Charge>,
    pub(super) reply: Arc<RunningReply>,
    pub(super) stopping: CancellationToken,
}

impl ReplyWriter {
    pub(super) async fn run(self) {
        let stream = self.engine.generate(self.request.clone());
        let ending = match stream {
            Ok(stream) => self.follow(stream).await,
            Err(error) => Ending::Failed(error.into()),
        };
        self.finish(ending).await;
    }

    async fn follow(&self, mut stream: TokenStream) -> Ending {
        let mut events = Vec::with_capacity(BATCH_LIMIT);
        let mut checkpoint: Option<Checkpoint> = None;
        let mut checkpointed_at = Instant::now();
        let mut is_hurried = false;
        loop {
            tokio::select! {
                biased;
                () = self.reply.stop.cancelled() => return Ending::Stopped,
                () = self.stopping.cancelled() => return Ending::Interrupted,
                () = self.reply.answer_now.cancelled(), if !is_hurried => {
                    is_hurried = true;
                    if let Some(answer) = self.end_thinking() {
                        stream = answer;
                    }
                }
                outcome = async { checkpoint.as_mut().expect("guarded below").await }, if checkpoint.is_some() => {
                    checkpoint = None;
                    if let Err(error) = outcome {
                        tracing::warn!(reply = %self.reply.id, %error, "a checkpoint was not written");
                    }
                }
                count = stream.next_events(&mut events, BATCH_LIMIT) => {
                    if let Some(ending) = self.take(count, &mut events) {
                        return ending;
                    }
                    if checkpoint.is_none() && checkpointed_at.elapsed() >= CHECKPOINT_INTERVAL {
                        checkpoint = Some(self.checkpoint());
                        checkpointed_at = Instant::now();
                    }
                }
            }
        }
    }

    /// The answer to what was thought so far. None where it has begun already, or where the engine
    /// is too busy to begin anew: then the thinking goes on.
    fn end_thinking(&self) -> Option<TokenStream> {
        let thought = {
            let state = self.reply.state();
            let message = &state.reply.message;
            message
                .content
                .is_empty()
                .then(|| message.reasoning.clone())
        };
        let mut tally = self.reply.state().tally;
        let thought_tokens = tally.begin_answer();
        let limit = self.request.max_tokens;
        let request = Generate {
            thought: thought?,
            answer_now: true,
            // Both are one reply.
            max_tokens: limit.map(|limit| limit.saturating_sub(thought_tokens).max(1)),
            ..self.request.clone()
        };
        let answer = self.engine.generate(request);
        match &answer {
            Ok(_) => self.reply.update(|state| state.tally = tally),
            Err(error) => {
                tracing::warn!(reply = %self.reply.id, %error, "the thinking could not be ended");
            }
        }
        answer.ok()
    }

    fn take(
        &self,
        count: usize,
        events: &mut Vec<Result<EngineEvent, EngineError>>,
    ) -> Option<Ending> {
        if count == 0 {
            return Some(Ending::Failed(
                EngineError::Failed("the engine went away".into()).into(),
            ));
        }
        self.reply.update(|state| {
            for event in events.drain(..) {
                if let Ok(event) = &event {
                    state.tally.take(event);
                }
                state.push(match event {
                    Ok(EngineEvent::Queued { position, eta_ms }) => {
                        ReplyEvent::Queued { position, eta_ms }
                    }
                    Ok(EngineEvent::Prefill { done, total }) => ReplyEvent::Prefill { done, total },
                    Ok(EngineEvent::Delta(text)) => ReplyEvent::Delta { text },
                    Ok(EngineEvent::Reasoning(text)) => ReplyEvent::Reasoning { text },
                    Ok(EngineEvent::ToolCall(_) | EngineEvent::Chances(_)) => continue,
                    Ok(EngineEvent::Finished(finished)) => return Some(Ending::Finished(finished)),
                    Err(error) => return Some(Ending::Failed(error.into())),
                });
            }
            None
        })
    }

    fn checkpoint(&self) -> Checkpoint {
        let record = {
            let state = self.reply.state();
            let usage = state.tally.usage();
            MessageRecord {
                usage,
                ..state.reply.message.clone()
            }
        };
        let store = Arc::clone(&self.store);
        Box::pin(async move {
            store
                .write(move |tx| put_if_there(tx, &record).map(drop))
                .await
        })
    }

    /// What was used; None: nothing was.
    fn used(&self, ending: &Ending) -> Option<Usage> {
        let tally = self.reply.state().tally;
        match ending {
            Ending::Finished(finished) => Some(tally.finished(finished.usage)),
            Ending::Stopped | Ending::Failed(_) | Ending::Interrupted => tally.usage(),
        }
    }

    async fn finish(self, ending: Ending) {
        let used = self.used(&ending);
        let is_paid = matches!(ending, Ending::Finished(_) | Ending::Stopped);
        let settlement = match &self.charge {
            Some(charge) => Some(charge.settlement(used.filter(|_| is_paid)).await),
            None => None,
        };
        let mut reply = self.reply.state().reply.clone();
        let record = &mut reply.message;
        record.usage = used;
        record.status = match &ending {
            Ending::Finished(_) => MessageStatus::Complete,
            Ending::Failed(_) => MessageStatus::Failed,
            Ending::Stopped => MessageStatus::Stopped,
            Ending::Interrupted => MessageStatus::Interrupted,
        };
        match ending {
            Ending::Finished(finished) => {
                record.finish_reason = Some(finished.reason);
                record.timings = Some(finished.timings);
                record.left_out_messages = finished.left_out_messages;
            }
            Ending::Failed(error) => {
                if error.kind == ErrorKind::Internal {
                    tracing::error!(reply = %self.reply.id, %error, "a reply failed");
                }
                record.error = Some(ReplyError {
                    code: error.code().into(),
                    message: error.message,
                });
            }
            Ending::Stopped | Ending::Interrupted => {}
        }
        // The final event takes the next id.
        record.last_event_id += 1;
        let title_due = self.write_end(record, settlement).await;
        let message = Box::new(reply);
        let event = match message.message.error.clone() {
            Some(error) => ReplyEvent::Failed { message, error },
            None => ReplyEvent::Done { message },
        };
        self.reply.end(event, title_due);
        if title_due {
            self.jobs.wake();
        }
    }

    /// True when a title is to follow. A disk that takes no writes is waited for, as long as the
    /// house stands; what it never took is called interrupted at the next start.
    async fn write_end(&self, record: &mut MessageRecord, settlement: Option<Settlement>) -> bool {
        let mut pause = FIRST_PAUSE;
        let mut attempts = 0;
        loop {
            let written = record.clone();
            let write = move |tx: &WriteTx| write_end(tx, written.clone(), settlement);
            let error = match self.store.write(write).await {
                Ok(written) => {
                    record.cost = written.cost;
                    return written.title_due;
                }
                Err(error) => error,
            };
            attempts += 1;
            let passes = matches!(error.kind, ErrorKind::Overloaded { .. });
            if !passes || (self.stopping.is_cancelled() && attempts >= ATTEMPTS_WHEN_STOPPING) {
                tracing::error!(reply = %record.id, %error, "the end of a reply was not written");
                return false;
            }
            tracing::warn!(reply = %record.id, %error, "the end of a reply is not written yet");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// False when its conversation was deleted meanwhile.
fn put_if_there(tx: &WriteTx, record: &MessageRecord) -> Result<bool> {
    let there = find_message(tx, record.conversation_id, record.id)?.is_some();
    if there {
        put_message(tx, record)?;
    }
    Ok(there)
}

/// What came of writing the end.
struct Written {
    title_due: bool,
    cost: Option<i64>,
}

fn write_end(
    tx: &WriteTx,
    mut record: MessageRecord,
    settlement: Option<Settlement>,
) -> Result<Written> {
    remove_reply(tx, record.id)?;
    if let Some(settlement) = settlement
        && let Some(cost) = settlement.write(tx)?
    {
        record.cost = Some(record.cost.unwrap_or(0) + cost);
    }
    let cost = record.cost;
    if let (Some(model), Some(usage)) = (&record.model, record.usage) {
        add_reply(tx, model, usage)?;
    }
    if !put_if_there(tx, &record)? {
        return Ok(Written {
            title_due: false,
            cost,
        });
    }
    append_search_change(
        tx,
        &SearchChange::MessageChanged(record.conversation_id, record.id),
    )?;
    let title_due = titles::request_title(tx, &record)?;
    Ok(Written { title_due, cost })
}
