//! What each way of beginning a reply writes: the promise, in one transaction.
//!
//! A promise is the user's message, an empty reply in state `running`, and the row that start-up
//! looks for should the house go dark. Nothing here talks to the engine; `messages` does, once the
//! promise is on disk.

use super::history::chat_messages;
use super::listing::get_conversation_of;
use super::messages::Exchange;
use super::titles;
use super::tree::Tree;
use crate::clock::now_ms;
use crate::engine::{FinishReason, Generate};
use crate::error::{Error, Result};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::store::conversations::{ConversationRecord, put_conversation};
use crate::store::messages::{
    Author, MessageRecord, MessageStatus, ReplySettings, find_conversation_id_of, find_message,
    find_message_id_by_client_id, list_messages, put_client_id, put_message,
};
use crate::store::replies::{ReplyRecord, put_reply};
use crate::store::search_outbox::{OutboxRecord, append_search_change};
use crate::store::{Reads, WriteTx};

/// What the transaction decided: an exchange, and what to ask of the engine unless it was there before.
pub(super) struct Promise {
    pub(super) exchange: Exchange,
    pub(super) request: Option<Generate>,
}

/// What is asked of the next reply.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) owner_id: UserId,
    pub(super) model: String,
    pub(super) settings: ReplySettings,
}

/// The exchange that was begun with this `client_id` before.
pub(super) fn find_earlier(
    tx: &impl Reads,
    owner_id: UserId,
    client_id: Option<&str>,
) -> Result<Option<Promise>> {
    let Some(client_id) = client_id else {
        return Ok(None);
    };
    let Some(id) = find_message_id_by_client_id(tx, owner_id, client_id)? else {
        return Ok(None);
    };
    let conversation_id =
        find_conversation_id_of(tx, id)?.ok_or_else(|| Error::not_found("message"))?;
    let conversation = get_conversation_of(tx, owner_id, conversation_id)?;
    let tree = Tree::new(list_messages(tx, conversation_id)?);
    let found = tree.find(id).zip(
        tree.replies_to(id)
            .first()
            .and_then(|reply| tree.find(*reply)),
    );
    let (message, reply) = found.ok_or_else(|| Error::not_found("message"))?;
    let exchange = Exchange {
        conversation,
        message: tree.with_siblings(message),
        reply: tree.with_siblings(reply),
    };
    Ok(Some(Promise {
        exchange,
        request: None,
    }))
}

/// Writes what was said behind `parent_id` and promises a reply to it.
pub(super) fn promise_exchange(
    tx: &WriteTx,
    mut conversation: ConversationRecord,
    parent_id: Option<MessageId>,
    content: &str,
    client_id: Option<&str>,
    wanted: &Wanted,
) -> Result<Promise> {
    let tree = Tree::new(list_messages(tx, conversation.id)?);
    if let Some(parent) = parent_id {
        let parent = tree
            .find(parent)
            .ok_or_else(|| Error::not_found("message"))?;
        if parent.author == Author::User {
            return Err(Error::invalid_field(
                "parent_id",
                "a message answers a reply, not another message",
            ));
        }
        if parent.status == MessageStatus::Running {
            return Err(Error::conflict(
                "the reply before is still being written; wait for it or stop it",
            ));
        }
    }
    if tree.is_empty() && conversation.title.is_empty() {
        conversation.title = titles::first_words(content);
    }
    let mut message = MessageRecord::new(conversation.id, parent_id, Author::User);
    message.content = content.to_owned();
    message.client_id = client_id.map(str::to_owned);
    put_message(tx, &message)?;
    if let Some(client_id) = client_id {
        put_client_id(tx, wanted.owner_id, client_id, message.id)?;
    }
    append_search_change(
        tx,
        &OutboxRecord::MessageChanged(conversation.id, message.id),
    )?;
    promise_reply(tx, conversation, message.id, wanted)
}

/// Promises a new reply to a message that is written.
pub(super) fn promise_reply(
    tx: &WriteTx,
    conversation: ConversationRecord,
    question_id: MessageId,
    wanted: &Wanted,
) -> Result<Promise> {
    let mut reply = MessageRecord::new(conversation.id, Some(question_id), Author::Assistant);
    reply.model = Some(wanted.model.clone());
    reply.settings = wanted.settings.clone();
    promise(tx, conversation, reply, wanted)
}

/// Promises the rest of a reply that was cut short.
pub(super) fn promise_rest(
    tx: &WriteTx,
    conversation_id: ConversationId,
    id: MessageId,
    wanted: &Wanted,
) -> Result<Promise> {
    let conversation = get_conversation_of(tx, wanted.owner_id, conversation_id)?;
    let reply = find_message(tx, conversation_id, id)?;
    let mut reply = reply.ok_or_else(|| Error::not_found("message"))?;
    match reply.status {
        MessageStatus::Running => return Err(Error::conflict("this reply is being written")),
        MessageStatus::Complete if reply.finish_reason != Some(FinishReason::Length) => {
            return Err(Error::conflict("this reply is complete"));
        }
        _ => {}
    }
    reply.settings = wanted.settings.clone();
    reply.error = None;
    reply.finish_reason = None;
    promise(tx, conversation, reply, wanted)
}

fn promise(
    tx: &WriteTx,
    mut conversation: ConversationRecord,
    mut reply: MessageRecord,
    wanted: &Wanted,
) -> Result<Promise> {
    reply.status = MessageStatus::Running;
    put_message(tx, &reply)?;
    put_reply(
        tx,
        &ReplyRecord {
            id: reply.id,
            conversation_id: conversation.id,
            owner_id: wanted.owner_id,
            started_at: now_ms(),
        },
    )?;
    conversation.head_id = Some(reply.id);
    conversation.updated_at = now_ms();
    put_conversation(tx, &conversation)?;
    append_search_change(tx, &OutboxRecord::ConversationChanged(conversation.id))?;

    let tree = Tree::new(list_messages(tx, conversation.id)?);
    let question = reply
        .parent_id
        .and_then(|id| tree.find(id))
        .ok_or_else(|| Error::not_found("message"))?;
    let messages = chat_messages(
        wanted.settings.system_prompt.as_deref(),
        &tree.branch(question.id),
    );
    let request = Generate {
        written: reply.content.clone(),
        sampling: wanted.settings.sampling.clone(),
        max_tokens: wanted.settings.max_tokens,
        trim_history: true,
        lane: lane_of(wanted.owner_id),
        ..Generate::new(&wanted.model, messages)
    };
    let (message, reply) = (tree.with_siblings(question), tree.with_siblings(&reply));
    Ok(Promise {
        exchange: Exchange {
            conversation,
            message,
            reply,
        },
        request: Some(request),
    })
}

/// The engine shares its time between lanes; a person is one, whatever they open.
pub(super) fn lane_of(owner_id: UserId) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = *owner_id.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
