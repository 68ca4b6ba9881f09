//! One reply while it is written, in memory: its text so far, its latest events, who waits.
//!
//! Events carry ids that grow by one. The ring holds the latest of them, so a reader that was
//! away resumes exactly; one that was away longer gets the whole text as a snapshot. The lock is held for
//! moments and never across an await. `reply_writer` writes here, `reply_reader` reads.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::tally::Tally;
use super::tree::MessageInTree;
use crate::clock::{UnixMs, now_ms};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::store::conversations::ConversationRecord;
use crate::store::messages::ReplyError;

/// Events kept for readers that come back.
const RING_LIMIT: usize = 8192;

/// How long after the end a reader waits for the title.
const TITLE_PATIENCE_MS: UnixMs = 20_000;

/// What a reader of a reply sees.
#[derive(Debug, Clone)]
pub enum ReplyEvent {
    Queued {
        position: u32,
        eta_ms: Option<u64>,
    },
    Prefill {
        done: u32,
        total: u32,
    },
    /// What is thought before the answer.
    Reasoning {
        text: String,
    },
    Delta {
        text: String,
    },
    /// Replaces what the reader has.
    Snapshot {
        message: Box<MessageInTree>,
    },
    /// Final, whatever the status.
    Done {
        message: Box<MessageInTree>,
    },
    /// Final; the text so far is kept.
    Failed {
        message: Box<MessageInTree>,
        error: ReplyError,
    },
    Title {
        conversation: Box<ConversationRecord>,
    },
}

pub(super) struct RunningReply {
    pub(super) id: MessageId,
    pub(super) conversation_id: ConversationId,
    pub(super) owner_id: UserId,
    pub(super) stop: CancellationToken,
    /// Its reader wants the answer, however far the thinking has come.
    pub(super) answer_now: CancellationToken,
    state: Mutex<ReplyState>,
    changed: watch::Sender<()>,
}

pub(super) struct ReplyState {
    pub(super) reply: MessageInTree,
    ring: VecDeque<ReplyEvent>,
    /// The id of the ring's first event, or of the next one when it is empty.
    first_id: u64,
    pub(super) ended_at: Option<UnixMs>,
    pub(super) tally: Tally,
    title: Title,
}

/// The title is written by a job that may be done before the reply's end is told.
enum Title {
    NotDue,
    Awaited,
    Early(Option<ConversationRecord>),
}

impl ReplyState {
    pub(super) fn next_id(&self) -> u64 {
        self.first_id + self.ring.len() as u64
    }

    /// How long a reader that has everything should wait for more. None: until it comes.
    pub(super) fn patience(&self) -> Option<Duration> {
        let ended_at = self.ended_at?;
        let left_ms = match self.title {
            Title::Awaited => ended_at + TITLE_PATIENCE_MS - now_ms(),
            Title::NotDue | Title::Early(_) => 0,
        };
        Some(Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)))
    }

    pub(super) fn push(&mut self, event: ReplyEvent) {
        match &event {
            ReplyEvent::Delta { text } => self.reply.message.content.push_str(text),
            ReplyEvent::Reasoning { text } => self.reply.message.reasoning.push_str(text),
            _ => {}
        }
        if self.ring.len() == RING_LIMIT {
            self.ring.pop_front();
            self.first_id += 1;
        }
        self.ring.push_back(event);
        self.reply.message.last_event_id = self.next_id() - 1;
    }

    /// What the title's job came to; None: there will be no title. Told behind the end.
    pub(super) fn take_title(&mut self, conversation: Option<ConversationRecord>) {
        if self.ended_at.is_none() {
            self.title = Title::Early(conversation);
            return;
        }
        self.title = Title::NotDue;
        if let Some(conversation) = conversation {
            self.push(ReplyEvent::Title {
                conversation: Box::new(conversation),
            });
        }
    }

    /// The events from `id` on; None when the ring no longer, or not yet, has them.
    fn since(&self, id: u64) -> Option<impl Iterator<Item = (u64, &ReplyEvent)>> {
        let skip = usize::try_from(id.checked_sub(self.first_id)?).ok()?;
        (skip <= self.ring.len()).then(|| (id..).zip(self.ring.iter().skip(skip)))
    }
}

impl RunningReply {
    /// Its first event takes the id behind the last one the message knows.
    pub(super) fn new(reply: MessageInTree, owner_id: UserId, tally: Tally) -> Self {
        Self {
            id: reply.message.id,
            conversation_id: reply.message.conversation_id,
            owner_id,
            stop: CancellationToken::new(),
            answer_now: CancellationToken::new(),
            state: Mutex::new(ReplyState {
                first_id: reply.message.last_event_id + 1,
                reply,
                ring: VecDeque::new(),
                ended_at: None,
                tally,
                title: Title::NotDue,
            }),
            changed: watch::Sender::new(()),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, ReplyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes the readers.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut ReplyState) -> T) -> T {
        let value = change(&mut self.state());
        self.changed.send_replace(());
        value
    }

    pub(super) fn end(&self, event: ReplyEvent, title_due: bool) {
        self.update(|state| {
            if let ReplyEvent::Done { message } | ReplyEvent::Failed { message, .. } = &event {
                state.reply = (**message).clone();
            }
            state.push(event);
            state.ended_at = Some(now_ms());
            match std::mem::replace(&mut state.title, Title::NotDue) {
                Title::Early(conversation) => state.take_title(conversation),
                Title::NotDue | Title::Awaited if title_due => state.title = Title::Awaited,
                Title::NotDue | Title::Awaited => {}
            }
        });
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state().ended_at.is_some()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Adds what a reader who has everything before `next_id` has not seen; gives the id to ask for
    /// next. A reader that was away too long gets a snapshot.
    pub(super) fn collect_since(&self, next_id: u64, events: &mut Vec<(u64, ReplyEvent)>) -> u64 {
        let state = self.state();
        match state.since(next_id) {
            Some(missing) => events.extend(missing.map(|(id, event)| (id, event.clone()))),
            None => collect_snapshot(&state, events),
        }
        state.next_id()
    }

    /// For a reader that has nothing yet.
    pub(super) fn collect_from_nothing(&self, events: &mut Vec<(u64, ReplyEvent)>) -> u64 {
        let state = self.state();
        collect_snapshot(&state, events);
        state.next_id()
    }
}

/// The text as it stands, and the end, should it have come.
fn collect_snapshot(state: &ReplyState, events: &mut Vec<(u64, ReplyEvent)>) {
    let ending = state
        .ring
        .iter()
        .rposition(|event| matches!(event, ReplyEvent::Done { .. } | ReplyEvent::Failed { .. }));
    let position = ending.unwrap_or(state.ring.len());
    let id = (state.first_id + position as u64).saturating_sub(1);
    events.push((
        id,
        ReplyEvent::Snapshot {
            message: Box::new(state.reply.clone()),
        },
    ));
    let tail = state.ring.iter().enumerate().skip(position);
    events.extend(tail.map(|(index, event)| (state.first_id + index as u64, event.clone())));
}
