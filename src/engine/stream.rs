//! The stream an engine answers with: a bounded channel whose reader can walk away.
//!
//! Dropping the [`TokenStream`] is how work is cancelled, so an engine must watch
//! [`EventSender::closed`] (or a failed send) and free what the request holds.

use tokio::sync::mpsc;

use super::{EngineError, EngineEvent};

/// Ends after `Finished` or after the first error; ending without either means the engine is gone.
pub struct TokenStream {
    events: mpsc::Receiver<Result<EngineEvent, EngineError>>,
}

pub type EventSender = mpsc::Sender<Result<EngineEvent, EngineError>>;

/// Makes both ends. `capacity` events may wait before the sender has to.
pub fn token_stream(capacity: usize) -> (EventSender, TokenStream) {
    let (sender, events) = mpsc::channel(capacity);
    (sender, TokenStream { events })
}

impl TokenStream {
    pub async fn next_event(&mut self) -> Option<Result<EngineEvent, EngineError>> {
        self.events.recv().await
    }

    /// Waits for at least one event, then takes up to `limit` that are there already. Returns how
    /// many were added to `events`; 0 means the stream has ended.
    pub async fn next_events(
        &mut self,
        events: &mut Vec<Result<EngineEvent, EngineError>>,
        limit: usize,
    ) -> usize {
        self.events.recv_many(events, limit).await
    }
}
