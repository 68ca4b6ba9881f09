//! The replies being written now, by id: begin, find, stop, and what start-up finds cut off.
//!
//! A reply that has ended stays here for a minute, so that a reader who was away for a moment
//! resumes exactly where it was.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Conversations;
use super::listing::find_message_of;
use super::promises::Work;
use super::reply_reader::ReplyReader;
use super::reply_writer::ReplyWriter;
use super::running_reply::RunningReply;
use super::tally::Tally;
use super::tree::{MessageInTree, Tree};
use crate::accounts::Caller;
use crate::accounts::allowance::{release, release_all};
use crate::clock::{UnixMs, now_ms};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::jobs::Jobs;
use crate::store::conversations::ConversationRecord;
use crate::store::messages::{Author, MessageStatus, find_message, list_messages, put_message};
use crate::store::replies::{find_reply, list_replies, remove_reply};
use crate::store::search_outbox::{SearchChange, append_search_change};
use crate::store::usage::add_reply;
use crate::store::{Reads, Store, WriteTx};

/// How long an ended reply is remembered.
const MEMORY_MS: UnixMs = 60_000;
/// A reply that was cut off may have sent events its last checkpoint does not know; nobody reads
/// half a million of them in the time between two checkpoints.
const EVENT_IDS_SKIPPED_AFTER_A_CUT: u64 = 1_000_000;

/// Between the promise in the store and the task that keeps it lies a moment.
const BEGINNING_ATTEMPTS: u32 = 50;
const BEGINNING_PAUSE: Duration = Duration::from_millis(20);

/// What was deleted, with all that was promised there.
#[derive(Clone, Copy)]
pub(super) enum Gone {
    Conversation(ConversationId),
    Owner(UserId),
}

impl Gone {
    fn includes(self, conversation_id: ConversationId, owner_id: UserId) -> bool {
        match self {
            Self::Conversation(id) => id == conversation_id,
            Self::Owner(id) => id == owner_id,
        }
    }
}

pub(super) struct Replies {
    store: Arc<Store>,
    engine: Arc<dyn Engine>,
    jobs: Arc<Jobs>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    by_id: Mutex<HashMap<MessageId, Arc<RunningReply>>>,
}

impl Replies {
    pub(super) fn new(
        store: Arc<Store>,
        engine: Arc<dyn Engine>,
        jobs: Arc<Jobs>,
        tasks: TaskTracker,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            store,
            engine,
            jobs,
            tasks,
            stopping,
            by_id: Mutex::default(),
        }
    }

    fn by_id(&self) -> MutexGuard<'_, HashMap<MessageId, Arc<RunningReply>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to write a reply that the store already promises. Gives a reader from its first event.
    pub(super) fn begin(&self, reply: MessageInTree, owner_id: UserId, work: Work) -> ReplyReader {
        let tally = Tally::new(work.estimated_prompt_tokens, work.request.max_tokens);
        let running = Arc::new(RunningReply::new(reply, owner_id, tally));
        {
            let mut by_id = self.by_id();
            let forgotten = now_ms() - MEMORY_MS;
            by_id.retain(|_, reply| {
                reply
                    .state()
                    .ended_at
                    .is_none_or(|ended_at| ended_at > forgotten)
            });
            by_id.insert(running.id, Arc::clone(&running));
        }
        let next_id = running.state().next_id();
        let reader = ReplyReader::live(Arc::clone(&running), Some(next_id));
        let writer = ReplyWriter {
            store: Arc::clone(&self.store),
            jobs: Arc::clone(&self.jobs),
            engine: Arc::clone(&self.engine),
            request: work.request,
            charge: work.charge,
            reply: running,
            stopping: self.stopping.clone(),
        };
        self.tasks.spawn(writer.run());
        reader
    }

    fn find(&self, id: MessageId) -> Option<Arc<RunningReply>> {
        self.by_id().get(&id).cloned()
    }

    fn find_running(&self, matches: impl Fn(&RunningReply) -> bool) -> Vec<Arc<RunningReply>> {
        let mut running: Vec<_> = self
            .by_id()
            .values()
            .filter(|reply| matches(reply) && !reply.has_ended())
            .cloned()
            .collect();
        running.sort_by_key(|reply| reply.id);
        running
    }

    pub(super) fn running_in(&self, id: ConversationId) -> Option<MessageId> {
        self.find_running(|reply| reply.conversation_id == id)
            .last()
            .map(|reply| reply.id)
    }

    /// Stops what is being written of what is gone, so that what was used is paid for, and forgets
    /// what was.
    pub(super) async fn forget(&self, gone: Gone) {
        for reply in self.find_running(|reply| gone.includes(reply.conversation_id, reply.owner_id))
        {
            reply.stop.cancel();
        }
        if let Err(error) = self.end_promised(gone).await {
            tracing::warn!(%error, "what was promised of what is gone ends at the next start");
        }
        self.by_id()
            .retain(|_, reply| !gone.includes(reply.conversation_id, reply.owner_id));
    }

    async fn end_promised(&self, gone: Gone) -> Result<()> {
        let promised = self.store.read(list_replies).await?.into_iter();
        for promise in promised.filter(|it| gone.includes(it.conversation_id, it.owner_id)) {
            self.end_promise(promise.id).await?;
        }
        Ok(())
    }

    /// Returns when nobody writes the reply any more, and what was set aside is settled.
    async fn end_promise(&self, id: MessageId) -> Result<()> {
        for _ in 0..BEGINNING_ATTEMPTS {
            // One that was continued may be remembered as ended before it has begun again.
            if let Some(reply) = self.find(id).filter(|reply| !reply.has_ended()) {
                reply.stop.cancel();
                ReplyReader::live(reply, None).ending().await;
            }
            let promise = self.store.read(move |tx| find_reply(tx, id));
            if promise.await?.is_none() {
                return Ok(());
            }
            tokio::time::sleep(BEGINNING_PAUSE).await;
        }
        self.store
            .write(move |tx| {
                remove_reply(tx, id)?;
                release(tx, id)
            })
            .await
    }

    /// What is being written is further along in memory than in the store.
    pub(super) fn with_latest_text(&self, mut messages: Vec<MessageInTree>) -> Vec<MessageInTree> {
        for message in &mut messages {
            if message.message.status == MessageStatus::Running
                && let Some(reply) = self.find(message.message.id)
            {
                message.message = reply.state().reply.message.clone();
            }
        }
        messages
    }

    /// Tells the readers of a reply its conversation's title, or that none will come.
    pub(super) fn announce_title(&self, id: MessageId, conversation: Option<ConversationRecord>) {
        let Some(reply) = self.find(id) else { return };
        reply.update(|state| state.take_title(conversation));
    }
}

/// An assistant's message of the owner's, with its siblings.
fn get_reply_of(tx: &impl Reads, owner_id: UserId, id: MessageId) -> Result<MessageInTree> {
    let (conversation, message) = find_message_of(tx, owner_id, id)?
        .filter(|(_, message)| message.author == Author::Assistant)
        .ok_or_else(|| Error::not_found("reply"))?;
    Ok(Tree::new(list_messages(tx, conversation.id)?).with_siblings(&message))
}

/// Ends a promise that nobody keeps, with the text of its last checkpoint.
fn interrupt(tx: &WriteTx, conversation_id: ConversationId, id: MessageId) -> Result<()> {
    remove_reply(tx, id)?;
    release(tx, id)?;
    let Some(mut message) = find_message(tx, conversation_id, id)? else {
        return Ok(());
    };
    if let (Some(model), Some(usage)) = (&message.model, message.usage) {
        add_reply(tx, model, usage)?;
    }
    message.status = MessageStatus::Interrupted;
    message.last_event_id += EVENT_IDS_SKIPPED_AFTER_A_CUT;
    put_message(tx, &message)?;
    append_search_change(tx, &SearchChange::MessageChanged(conversation_id, id))
}

impl Conversations {
    /// Calls every reply that was cut off interrupted, with the text of its last checkpoint. Once,
    /// before anybody is served.
    pub async fn interrupt_cut_off_replies(&self) -> Result<()> {
        let cut_off = self
            .store
            .write(|tx| {
                let replies = list_replies(tx)?;
                for reply in &replies {
                    interrupt(tx, reply.conversation_id, reply.id)?;
                }
                // What programs asked for is kept nowhere else.
                release_all(tx)?;
                Ok(replies.len())
            })
            .await?;
        if cut_off > 0 {
            tracing::warn!(
                replies = cut_off,
                "replies were cut off when the house last stopped; they can be continued"
            );
        }
        Ok(())
    }

    pub fn count_running_replies(&self) -> usize {
        self.replies.find_running(|_| true).len()
    }

    pub fn running_replies(&self, caller: &Caller) -> Vec<MessageInTree> {
        let owner_id = caller.user_id();
        let running = self
            .replies
            .find_running(|reply| reply.owner_id == owner_id);
        running
            .iter()
            .map(|reply| reply.state().reply.clone())
            .collect()
    }

    /// `last_event_id` is the last one its reader saw.
    pub async fn read_reply(
        &self,
        caller: &Caller,
        id: MessageId,
        last_event_id: Option<u64>,
    ) -> Result<ReplyReader> {
        self.reader_for(caller.user_id(), id, last_event_id).await
    }

    pub(super) async fn reader_for(
        &self,
        owner_id: UserId,
        id: MessageId,
        last_event_id: Option<u64>,
    ) -> Result<ReplyReader> {
        let next_id = last_event_id.map(|id| id.saturating_add(1));
        for _ in 0..BEGINNING_ATTEMPTS {
            if let Some(reply) = self
                .replies
                .find(id)
                .filter(|reply| reply.owner_id == owner_id)
            {
                return Ok(ReplyReader::live(reply, next_id));
            }
            let message = self
                .store
                .read(move |tx| get_reply_of(tx, owner_id, id))
                .await?;
            if message.message.status != MessageStatus::Running {
                return Ok(ReplyReader::over(message));
            }
            tokio::time::sleep(BEGINNING_PAUSE).await;
        }
        self.interrupt_abandoned(owner_id, id)
            .await
            .map(ReplyReader::over)
    }

    /// For a reply that is being written as the store has it, and by nobody in truth: the disk
    /// failed at its beginning or at its end.
    async fn interrupt_abandoned(&self, owner_id: UserId, id: MessageId) -> Result<MessageInTree> {
        self.store
            .write(move |tx| {
                let reply = get_reply_of(tx, owner_id, id)?;
                if reply.message.status != MessageStatus::Running {
                    return Ok(reply);
                }
                interrupt(tx, reply.message.conversation_id, id)?;
                get_reply_of(tx, owner_id, id)
            })
            .await
    }

    /// Gives the reply as it stands once it has stopped, which it may have done before.
    pub async fn stop_reply(&self, caller: &Caller, id: MessageId) -> Result<MessageInTree> {
        let owner_id = caller.user_id();
        // Waits for one that is about to begin, and ends one that never will.
        let reader = self.reader_for(owner_id, id, None).await?;
        if let Some(reply) = self.replies.find(id) {
            reply.stop.cancel();
        }
        reader.ending().await;
        self.store
            .read(move |tx| get_reply_of(tx, owner_id, id))
            .await
    }

    /// Ends the thinking of a reply that has not begun its answer, so that it does. Gives the reply
    /// as it stands; on one that is past its thinking nothing is done.
    pub async fn answer_now(&self, caller: &Caller, id: MessageId) -> Result<MessageInTree> {
        let owner_id = caller.user_id();
        // Waits for one that is about to begin.
        drop(self.reader_for(owner_id, id, None).await?);
        if let Some(reply) = self.replies.find(id) {
            reply.answer_now.cancel();
            return Ok(reply.state().reply.clone());
        }
        self.store
            .read(move |tx| get_reply_of(tx, owner_id, id))
            .await
    }
}
