//! Sending, editing, regenerating, continuing: each is one transaction that writes what was said
//! and promises a reply, and only then does the engine hear of it.
//!
//! A message that was acknowledged is on disk. Sending with the same `client_id` again gives the
//! first exchange again and writes nothing.

use std::sync::Arc;

use super::Conversations;
use super::charges::Payer;
use super::listing::{find_message_of, get_conversation_of, new_conversation};
use super::model_choice::asked_or_kept;
use super::policies::{MOST_ASKED, Rules, VerdictNeeded};
use super::promises::{
    Promise, Wanted, find_earlier, promise_exchange, promise_reply, promise_rest,
};
use super::reply_reader::ReplyReader;
use super::tree::{MessageInTree, Tree};
use crate::accounts::Caller;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::models::AdapterChoice;
use crate::store::conversations::ConversationRecord;
use crate::store::messages::{Author, MessageRecord, ReplySettings, list_messages};
use crate::store::{Reads, WriteTx};

pub(super) const CONTENT_LIMIT_BYTES: usize = 256 * 1024;
const CLIENT_ID_LIMIT_BYTES: usize = 64;

pub struct SendMessage {
    pub content: String,
    /// None: the end of the shown branch.
    pub parent_id: Option<MessageId>,
    pub model: Option<String>,
    /// None: the conversation's.
    pub adapters: Option<Vec<AdapterChoice>>,
    pub settings: ReplySettings,
    pub client_id: Option<String>,
}

pub struct EditMessage {
    pub content: String,
    pub model: Option<String>,
    /// None: the conversation's.
    pub adapters: Option<Vec<AdapterChoice>>,
    pub settings: ReplySettings,
    pub client_id: Option<String>,
}

/// What somebody said, and the reply to it.
#[derive(Clone)]
pub struct Exchange {
    pub conversation: ConversationRecord,
    pub message: MessageInTree,
    pub reply: MessageInTree,
}

/// An exchange that is on disk, and the way to watch its reply.
pub struct StartedReply {
    pub exchange: Exchange,
    pub reader: ReplyReader,
}

impl Conversations {
    pub async fn send(
        &self,
        caller: &Caller,
        id: ConversationId,
        message: SendMessage,
    ) -> Result<StartedReply> {
        validate(&message.content, message.client_id.as_deref())?;
        let (owner_id, asker) = (caller.user_id(), self.asker(caller).await?);
        let (payer, rules) = (asker.payer().clone(), asker.rules().clone());
        let write = move |tx: &WriteTx| {
            let (content, client_id) = (&message.content, message.client_id.as_deref());
            if let Some(promise) = find_earlier(tx, &asker, client_id, Some(id), content)? {
                return Ok(promise);
            }
            let conversation = get_conversation_of(tx, owner_id, id)?;
            let model = message.model.as_deref().or(conversation.model.as_deref());
            let adapters = asked_or_kept(message.adapters.as_deref(), &conversation.adapters);
            let wanted = Wanted::new(&asker, model, &adapters, &message.settings)?;
            let parent_id = message.parent_id.or(conversation.head_id);
            promise_exchange(tx, conversation, parent_id, content, client_id, &wanted)
        };
        self.promise(payer, rules, write).await
    }

    /// The same in a conversation that is made for it.
    pub async fn send_in_new(&self, caller: &Caller, message: SendMessage) -> Result<StartedReply> {
        validate(&message.content, message.client_id.as_deref())?;
        if message.parent_id.is_some() {
            return Err(Error::invalid_field(
                "parent_id",
                "a new conversation has no messages to answer",
            ));
        }
        let (owner_id, asker) = (caller.user_id(), self.asker(caller).await?);
        let (payer, rules) = (asker.payer().clone(), asker.rules().clone());
        let new_id = ConversationId::generate();
        let write = move |tx: &WriteTx| {
            let (content, client_id) = (&message.content, message.client_id.as_deref());
            if let Some(promise) = find_earlier(tx, &asker, client_id, None, content)? {
                return Ok(promise);
            }
            let (model, adapters) = (message.model.as_deref(), message.adapters.as_deref());
            let adapters = asked_or_kept(adapters, &[]);
            let wanted = Wanted::new(&asker, model, &adapters, &message.settings)?;
            let mut conversation = new_conversation(owner_id, None, message.model.clone())?;
            // However often this runs, the rules are asked about the same one.
            conversation.id = new_id;
            conversation.adapters = wanted.adapters().to_vec();
            promise_exchange(tx, conversation, None, content, client_id, &wanted)
        };
        self.promise(payer, rules, write).await
    }

    /// Says a message differently: a sibling of it, with a reply of its own.
    pub async fn edit(
        &self,
        caller: &Caller,
        id: MessageId,
        edit: EditMessage,
    ) -> Result<StartedReply> {
        validate(&edit.content, edit.client_id.as_deref())?;
        let (owner_id, asker) = (caller.user_id(), self.asker(caller).await?);
        let (payer, rules) = (asker.payer().clone(), asker.rules().clone());
        let write = move |tx: &WriteTx| {
            let (content, client_id) = (&edit.content, edit.client_id.as_deref());
            let (conversation, old) = get_message_by(tx, owner_id, id, Author::User)?;
            let within = Some(conversation.id);
            if let Some(promise) = find_earlier(tx, &asker, client_id, within, content)? {
                return Ok(promise);
            }
            let model = edit.model.as_deref().or(conversation.model.as_deref());
            let adapters = asked_or_kept(edit.adapters.as_deref(), &conversation.adapters);
            let wanted = Wanted::new(&asker, model, &adapters, &edit.settings)?;
            promise_exchange(tx, conversation, old.parent_id, content, client_id, &wanted)
        };
        self.promise(payer, rules, write).await
    }

    /// Another reply to the same message. `adapters` None: as the first time where the same model
    /// answers, otherwise the conversation's.
    pub async fn regenerate(
        &self,
        caller: &Caller,
        id: MessageId,
        model: Option<String>,
        adapters: Option<Vec<AdapterChoice>>,
        settings: Option<ReplySettings>,
    ) -> Result<StartedReply> {
        let (owner_id, asker) = (caller.user_id(), self.asker(caller).await?);
        let (payer, rules) = (asker.payer().clone(), asker.rules().clone());
        let write = move |tx: &WriteTx| {
            let (conversation, old) = get_message_by(tx, owner_id, id, Author::Assistant)?;
            let kept = conversation.model.as_deref().or(old.model.as_deref());
            let model = model.as_deref().or(kept);
            let kept = match model == old.model.as_deref() {
                true => &old.adapters,
                false => &conversation.adapters,
            };
            let adapters = asked_or_kept(adapters.as_deref(), kept);
            let settings = settings.as_ref().unwrap_or(&old.settings);
            let wanted = Wanted::new(&asker, model, &adapters, settings)?;
            let question_id = old.parent_id.ok_or_else(|| Error::not_found("message"))?;
            promise_reply(tx, conversation, question_id, &wanted)
        };
        self.promise(payer, rules, write).await
    }

    /// Goes on with a reply that was cut short, in place. `adapters` None: as before.
    pub async fn continue_reply(
        &self,
        caller: &Caller,
        id: MessageId,
        adapters: Option<Vec<AdapterChoice>>,
        settings: Option<ReplySettings>,
    ) -> Result<StartedReply> {
        let (owner_id, asker) = (caller.user_id(), self.asker(caller).await?);
        let (payer, rules) = (asker.payer().clone(), asker.rules().clone());
        let write = move |tx: &WriteTx| {
            let (conversation, old) = get_message_by(tx, owner_id, id, Author::Assistant)?;
            let settings = settings.as_ref().unwrap_or(&old.settings);
            let adapters = asked_or_kept(adapters.as_deref(), &old.adapters);
            let wanted = Wanted::new(&asker, old.model.as_deref(), &adapters, settings)?;
            let tree = Tree::new(list_messages(tx, conversation.id)?);
            promise_rest(tx, conversation, tree, old, &wanted)
        };
        self.promise(payer, rules, write).await
    }

    /// Writes a promise and hands it to the engine, or finds the reader of what was promised before.
    /// In a task of its own: a caller that leaves in the middle must not leave a promise unkept.
    async fn promise<F>(&self, payer: Payer, rules: Rules, write: F) -> Result<StartedReply>
    where
        F: Fn(&WriteTx) -> Result<Promise> + Send + Sync + 'static,
    {
        let owner_id = payer.user_id();
        let replies = Arc::clone(&self.replies);
        let (store, tasks) = (Arc::clone(&self.store), self.tasks.clone());
        let kept = tasks.spawn(async move {
            let write = Arc::new(write);
            let again = Arc::clone(&write);
            let mut written = payer.write(&store, move |tx| write(tx)).await;
            for asked in 0.. {
                let needed = written.as_ref().err().and_then(VerdictNeeded::find_in);
                let Some(question) = needed else { break };
                if asked == MOST_ASKED {
                    return Err(Error::conflict(
                        "this conversation changed while the rules of this house were asked",
                    )
                    .with_reason(Reason::ConversationChanged));
                }
                rules.ask(question).await?;
                let again = Arc::clone(&again);
                written = payer.write(&store, move |tx| again(tx)).await;
            }
            let Promise { exchange, work } = written?;
            let reader = work.map(|work| replies.begin(exchange.reply.clone(), owner_id, work));
            Ok::<_, Error>((exchange, reader))
        });
        let (exchange, reader) = kept.await.map_err(Error::internal)??;
        let reader = match reader {
            Some(reader) => reader,
            None => {
                self.reader_for(owner_id, exchange.reply.message.id, None)
                    .await?
            }
        };
        Ok(StartedReply { exchange, reader })
    }
}

/// A message of the owner's that this author wrote.
fn get_message_by(
    tx: &impl Reads,
    owner_id: UserId,
    id: MessageId,
    author: Author,
) -> Result<(ConversationRecord, MessageRecord)> {
    let found = find_message_of(tx, owner_id, id)?;
    let (conversation, message) = found.ok_or_else(|| Error::not_found("message"))?;
    if message.author != author {
        let who = match author {
            Author::User => "you said",
            Author::Assistant => "the model said",
        };
        return Err(Error::invalid(format!(
            "this can be done only with what {who}"
        )));
    }
    Ok((conversation, message))
}

fn validate(content: &str, client_id: Option<&str>) -> Result<()> {
    if content.trim().is_empty() {
        let empty = Error::invalid_field("content", "a message needs some text");
        return Err(empty.with_reason(Reason::MessageEmpty));
    }
    if content.len() > CONTENT_LIMIT_BYTES {
        return Err(
            Error::new(ErrorKind::PayloadTooLarge, "a message has at most 256 KiB")
                .with_details(
                    serde_json::json!({ "field": "content", "limit_bytes": CONTENT_LIMIT_BYTES }),
                )
                .with_reason(Reason::MessageTooLong),
        );
    }
    if client_id.is_some_and(|id| id.is_empty() || id.len() > CLIENT_ID_LIMIT_BYTES) {
        return Err(Error::invalid_field(
            "client_id",
            "a client_id has 1 to 64 characters",
        ));
    }
    Ok(())
}
