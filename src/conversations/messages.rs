//! Sending, editing, regenerating, continuing: each is one transaction that writes what was said
//! and promises a reply, and only then does the engine hear of it.
//!
//! A message that was acknowledged is on disk. Sending with the same `client_id` again gives the
//! first exchange again and writes nothing.

use std::sync::Arc;

use super::Conversations;
use super::listing::{NewConversation, get_conversation_of, new_conversation};
use super::model_choice::get_usable_model;
use super::promises::{
    Promise, Wanted, find_earlier, promise_exchange, promise_reply, promise_rest,
};
use super::reply_reader::ReplyReader;
use super::titles;
use super::tree::MessageInTree;
use crate::accounts::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::store::WriteTx;
use crate::store::conversations::ConversationRecord;
use crate::store::messages::{
    Author, MessageRecord, ReplySettings, find_conversation_id_of, find_message,
};

const CONTENT_LIMIT_BYTES: usize = 256 * 1024;
const CLIENT_ID_LIMIT_BYTES: usize = 64;

pub struct SendMessage {
    pub content: String,
    /// None: the end of the shown branch.
    pub parent_id: Option<MessageId>,
    pub model: Option<String>,
    pub settings: ReplySettings,
    pub client_id: Option<String>,
}

pub struct EditMessage {
    pub content: String,
    pub model: Option<String>,
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
        let owner_id = caller.user_id();
        let conversation = self.get(caller, id).await?;
        let wanted = self.wanted(
            owner_id,
            message.model.or(conversation.model),
            message.settings,
        )?;
        let (content, client_id, parent_id) =
            (message.content, message.client_id, message.parent_id);
        let write = move |tx: &WriteTx| {
            if let Some(promise) = find_earlier(tx, owner_id, client_id.as_deref())? {
                return Ok(promise);
            }
            let conversation = get_conversation_of(tx, owner_id, id)?;
            let parent_id = parent_id.or(conversation.head_id);
            promise_exchange(
                tx,
                conversation,
                parent_id,
                &content,
                client_id.as_deref(),
                &wanted,
            )
        };
        self.promise(owner_id, write).await
    }

    /// The same in a conversation that is made for it.
    pub async fn send_in_new(&self, caller: &Caller, message: SendMessage) -> Result<StartedReply> {
        validate(&message.content, message.client_id.as_deref())?;
        let owner_id = caller.user_id();
        if message.parent_id.is_some() {
            return Err(Error::invalid_field(
                "parent_id",
                "a new conversation has no messages to answer",
            ));
        }
        let mut conversation = new_conversation(
            owner_id,
            &NewConversation {
                title: None,
                model: message.model.clone(),
            },
        )?;
        conversation.title = titles::first_words(&message.content);
        let wanted = self.wanted(owner_id, message.model, message.settings)?;
        let (content, client_id) = (message.content, message.client_id);
        let write = move |tx: &WriteTx| {
            if let Some(promise) = find_earlier(tx, owner_id, client_id.as_deref())? {
                return Ok(promise);
            }
            promise_exchange(
                tx,
                conversation.clone(),
                None,
                &content,
                client_id.as_deref(),
                &wanted,
            )
        };
        self.promise(owner_id, write).await
    }

    /// Says a message differently: a sibling of it, with a reply of its own.
    pub async fn edit(
        &self,
        caller: &Caller,
        id: MessageId,
        edit: EditMessage,
    ) -> Result<StartedReply> {
        validate(&edit.content, edit.client_id.as_deref())?;
        let owner_id = caller.user_id();
        let (conversation, old) = self.message_of(owner_id, id, Author::User).await?;
        let wanted = self.wanted(owner_id, edit.model.or(conversation.model), edit.settings)?;
        let (content, client_id) = (edit.content, edit.client_id);
        let write = move |tx: &WriteTx| {
            if let Some(promise) = find_earlier(tx, owner_id, client_id.as_deref())? {
                return Ok(promise);
            }
            let conversation = get_conversation_of(tx, owner_id, old.conversation_id)?;
            promise_exchange(
                tx,
                conversation,
                old.parent_id,
                &content,
                client_id.as_deref(),
                &wanted,
            )
        };
        self.promise(owner_id, write).await
    }

    /// Another reply to the same message.
    pub async fn regenerate(
        &self,
        caller: &Caller,
        id: MessageId,
        model: Option<String>,
        settings: Option<ReplySettings>,
    ) -> Result<StartedReply> {
        let owner_id = caller.user_id();
        let (conversation, old) = self.message_of(owner_id, id, Author::Assistant).await?;
        let model = model.or(conversation.model).or(old.model);
        let wanted = self.wanted(owner_id, model, settings.unwrap_or(old.settings))?;
        let question_id = old.parent_id.ok_or_else(|| Error::not_found("message"))?;
        let write = move |tx: &WriteTx| {
            let conversation = get_conversation_of(tx, owner_id, old.conversation_id)?;
            promise_reply(tx, conversation, question_id, &wanted)
        };
        self.promise(owner_id, write).await
    }

    /// Goes on with a reply that was cut short, in place.
    pub async fn continue_reply(
        &self,
        caller: &Caller,
        id: MessageId,
        settings: Option<ReplySettings>,
    ) -> Result<StartedReply> {
        let owner_id = caller.user_id();
        let (_, old) = self.message_of(owner_id, id, Author::Assistant).await?;
        let wanted = self.wanted(
            owner_id,
            old.model.clone(),
            settings.unwrap_or(old.settings),
        )?;
        let write = move |tx: &WriteTx| promise_rest(tx, old.conversation_id, id, &wanted);
        self.promise(owner_id, write).await
    }

    /// Writes a promise and hands it to the engine, or finds the reader of what was promised before.
    /// In a task of its own: a caller that leaves in the middle must not leave a promise unkept.
    async fn promise<F>(&self, owner_id: UserId, write: F) -> Result<StartedReply>
    where
        F: Fn(&WriteTx) -> Result<Promise> + Send + 'static,
    {
        let replies = Arc::clone(&self.replies);
        let (store, tasks) = (Arc::clone(&self.store), self.tasks.clone());
        let kept = tasks.spawn(async move {
            let Promise { exchange, request } = store.write(write).await?;
            let reader =
                request.map(|request| replies.begin(exchange.reply.clone(), owner_id, request));
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

    fn wanted(
        &self,
        owner_id: UserId,
        model: Option<String>,
        settings: ReplySettings,
    ) -> Result<Wanted> {
        settings.sampling.validate()?;
        if settings.max_tokens == Some(0) {
            return Err(Error::invalid_field(
                "max_tokens",
                "max_tokens is at least 1",
            ));
        }
        if settings
            .system_prompt
            .as_ref()
            .is_some_and(|prompt| prompt.len() > CONTENT_LIMIT_BYTES)
        {
            return Err(Error::new(
                ErrorKind::PayloadTooLarge,
                "this system prompt is too long",
            ));
        }
        let models = self.engine.models();
        let model = get_usable_model(&models, model.as_deref())?.id.clone();
        Ok(Wanted {
            owner_id,
            model,
            settings,
        })
    }

    async fn message_of(
        &self,
        owner_id: UserId,
        id: MessageId,
        author: Author,
    ) -> Result<(ConversationRecord, MessageRecord)> {
        let not_found = || Error::not_found("message");
        self.store
            .read(move |tx| {
                let conversation_id = find_conversation_id_of(tx, id)?.ok_or_else(not_found)?;
                let conversation =
                    get_conversation_of(tx, owner_id, conversation_id).map_err(|_| not_found())?;
                let message = find_message(tx, conversation_id, id)?.ok_or_else(not_found)?;
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
            })
            .await
    }
}

fn validate(content: &str, client_id: Option<&str>) -> Result<()> {
    if content.trim().is_empty() {
        return Err(Error::invalid_field("content", "a message needs some text"));
    }
    if content.len() > CONTENT_LIMIT_BYTES {
        return Err(
            Error::new(ErrorKind::PayloadTooLarge, "a message has at most 256 KiB").with_details(
                serde_json::json!({ "field": "content", "limit_bytes": CONTENT_LIMIT_BYTES }),
            ),
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
