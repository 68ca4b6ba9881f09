//! Watching a reply: any number of readers, each at its own place, none of whom the writer waits
//! for. A reader sees every event once and in order, or a snapshot in place of those it missed.

use std::sync::Arc;

use tokio::sync::watch;

use super::running_reply::{ReplyEvent, RunningReply};
use super::tree::MessageInTree;

/// Gives events with their ids until the reply has ended.
pub struct ReplyReader {
    source: Source,
}

enum Source {
    Live {
        reply: Arc<RunningReply>,
        changed: watch::Receiver<()>,
        next_id: Option<u64>,
    },
    /// A reply that is in memory no more.
    Over(Option<Box<MessageInTree>>),
}

impl ReplyReader {
    /// `next_id` is the first event not seen yet; None: nothing was seen.
    pub(super) fn live(reply: Arc<RunningReply>, next_id: Option<u64>) -> Self {
        let changed = reply.subscribe();
        Self {
            source: Source::Live {
                reply,
                changed,
                next_id,
            },
        }
    }

    pub(super) fn over(message: MessageInTree) -> Self {
        Self {
            source: Source::Over(Some(Box::new(message))),
        }
    }

    /// Waits for events and adds all there are. False: the reply has ended and everything was given.
    pub async fn next_events(&mut self, events: &mut Vec<(u64, ReplyEvent)>) -> bool {
        match &mut self.source {
            Source::Over(message) => match message.take() {
                Some(message) => {
                    events.extend(events_of_the_past(*message));
                    true
                }
                None => false,
            },
            Source::Live {
                reply,
                changed,
                next_id,
            } => loop {
                changed.mark_unchanged();
                let before = events.len();
                *next_id = Some(match *next_id {
                    Some(id) => reply.collect_since(id, events),
                    None => reply.collect_from_nothing(events),
                });
                if events.len() > before {
                    return true;
                }
                let patience = reply.state().patience();
                let woken = match patience {
                    None => changed.changed().await.is_ok(),
                    Some(left) => matches!(
                        tokio::time::timeout(left, changed.changed()).await,
                        Ok(Ok(()))
                    ),
                };
                if !woken {
                    return false;
                }
            },
        }
    }

    /// Waits for the end and gives the final event.
    pub async fn ending(mut self) -> Option<ReplyEvent> {
        let mut events = Vec::new();
        while self.next_events(&mut events).await {
            for (_, event) in events.drain(..) {
                if matches!(event, ReplyEvent::Done { .. } | ReplyEvent::Failed { .. }) {
                    return Some(event);
                }
            }
        }
        None
    }
}

fn events_of_the_past(message: MessageInTree) -> [(u64, ReplyEvent); 2] {
    let id = message.message.last_event_id;
    let ending = match &message.message.error {
        Some(error) => ReplyEvent::Failed {
            error: error.clone(),
            message: Box::new(message.clone()),
        },
        None => ReplyEvent::Done {
            message: Box::new(message.clone()),
        },
    };
    [
        (
            id.saturating_sub(1),
            ReplyEvent::Snapshot {
                message: Box::new(message),
            },
        ),
        (id, ending),
    ]
}
