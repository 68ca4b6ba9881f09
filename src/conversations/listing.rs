//! A person's conversations: list, make, look at, change, delete. Every function asks by owner
//! inside its transaction, so a conversation of somebody else's is never seen, let alone changed.

use std::sync::Arc;

use super::Conversations;
use super::forgetting::request_forgetting;
use super::model_choice::{Asker, asked_or_kept};
use super::replies::Gone;
use super::tree::{MessageInTree, Tree};
use crate::accounts::Caller;
use crate::clock::now_ms;
use crate::error::{Error, Reason, Result};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::models::AdapterChoice;
use crate::store::conversations::{
    ConversationRecord, TitleSource, find_conversation, list_conversation_ids, list_conversations,
    put_conversation, remove_conversation,
};
use crate::store::messages::{
    MessageRecord, find_conversation_id_of, find_message, list_messages, remove_messages,
};
use crate::store::search_outbox::{SearchChange, append_search_change};
use crate::store::{Reads, WriteTx};

const TITLE_LIMIT_CHARS: usize = 200;

#[derive(Default)]
pub struct NewConversation {
    pub title: Option<String>,
    pub model: Option<String>,
    /// For what is said in it without naming any.
    pub adapters: Vec<AdapterChoice>,
}

/// None leaves a field as it is.
#[derive(Default, Clone)]
pub struct ConversationChange {
    pub title: Option<String>,
    pub archived: Option<bool>,
    pub pinned: Option<bool>,
    /// Empty: the house's default, whatever it is at the time.
    pub model: Option<String>,
    /// Empty: none.
    pub adapters: Option<Vec<AdapterChoice>>,
    /// Any message: the branch through it to its newest end is shown.
    pub head_id: Option<MessageId>,
}

pub struct ConversationPage {
    pub conversations: Vec<ConversationRecord>,
    pub next_cursor: Option<Vec<u8>>,
}

/// Somebody else's conversation is not found.
pub(super) fn get_conversation_of(
    tx: &impl Reads,
    owner_id: UserId,
    id: ConversationId,
) -> Result<ConversationRecord> {
    find_conversation(tx, &id)?
        .filter(|conversation| conversation.owner_id == owner_id)
        .ok_or_else(|| Error::not_found("conversation"))
}

/// A message with its conversation; None when there is none of the owner's.
pub(super) fn find_message_of(
    tx: &impl Reads,
    owner_id: UserId,
    id: MessageId,
) -> Result<Option<(ConversationRecord, MessageRecord)>> {
    let Some(conversation_id) = find_conversation_id_of(tx, id)? else {
        return Ok(None);
    };
    let conversation = find_conversation(tx, &conversation_id)?
        .filter(|conversation| conversation.owner_id == owner_id);
    Ok(conversation.zip(find_message(tx, conversation_id, id)?))
}

/// `model` is one that can be used.
pub(super) fn new_conversation(
    owner_id: UserId,
    title: Option<&str>,
    model: Option<String>,
) -> Result<ConversationRecord> {
    let title = title.map(valid_title).transpose()?;
    let created_at = now_ms();
    Ok(ConversationRecord {
        id: ConversationId::generate(),
        owner_id,
        titled_by: if title.is_some() {
            TitleSource::Person
        } else {
            TitleSource::FirstWords
        },
        title: title.unwrap_or_default(),
        created_at,
        updated_at: created_at,
        pinned: false,
        archived: false,
        model,
        adapters: Vec::new(),
        head_id: None,
    })
}

/// `asked` None: those it has, which must go with its model.
fn choose_adapters(
    conversation: &mut ConversationRecord,
    asker: &Asker,
    asked: Option<&[AdapterChoice]>,
) -> Result<()> {
    let choices = asked_or_kept(asked, &conversation.adapters);
    conversation.adapters = match choices.is_empty() {
        true => Vec::new(),
        false => {
            let model = asker.model(conversation.model.as_deref())?;
            asker.adapters(&model, &choices)?
        }
    };
    Ok(())
}

fn valid_title(title: &str) -> Result<String> {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = title.chars().count();
    if length == 0 || length > TITLE_LIMIT_CHARS || title.chars().any(char::is_control) {
        return Err(Error::invalid_field(
            "title",
            format!("a title has 1 to {TITLE_LIMIT_CHARS} characters"),
        )
        .with_limits(Reason::NotOneLine, 1, TITLE_LIMIT_CHARS));
    }
    Ok(title)
}

impl Conversations {
    /// Pinned first, then the latest.
    pub async fn list(
        &self,
        caller: &Caller,
        archived: bool,
        cursor: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<ConversationPage> {
        let owner_id = caller.user_id();
        let (conversations, next_cursor) = self
            .store
            .read(move |tx| list_conversations(tx, owner_id, archived, cursor.as_deref(), limit))
            .await?;
        Ok(ConversationPage {
            conversations,
            next_cursor,
        })
    }

    /// All of them, archived or not, the oldest first: for going through them while they change.
    pub async fn list_ids(&self, caller: &Caller) -> Result<Vec<ConversationId>> {
        let owner_id = caller.user_id();
        self.store
            .read(move |tx| list_conversation_ids(tx, owner_id))
            .await
    }

    pub async fn create(
        &self,
        caller: &Caller,
        new: NewConversation,
    ) -> Result<ConversationRecord> {
        let asker = self.asker(caller).await?;
        let model = new.model.map(|model| asker.model(Some(&model)));
        let model = model.transpose()?;
        let mut conversation =
            new_conversation(caller.user_id(), new.title.as_deref(), model.clone())?;
        if !new.adapters.is_empty() {
            let model = asker.model(model.as_deref())?;
            conversation.adapters = asker.adapters(&model, &new.adapters)?;
        }
        let record = conversation.clone();
        self.store
            .write(move |tx| {
                put_conversation(tx, &record)?;
                append_search_change(tx, &SearchChange::ConversationChanged(record.id))
            })
            .await?;
        Ok(conversation)
    }

    pub async fn get(&self, caller: &Caller, id: ConversationId) -> Result<ConversationRecord> {
        let owner_id = caller.user_id();
        self.store
            .read(move |tx| get_conversation_of(tx, owner_id, id))
            .await
    }

    pub async fn change(
        &self,
        caller: &Caller,
        id: ConversationId,
        change: ConversationChange,
    ) -> Result<ConversationRecord> {
        let (owner_id, asker) = (caller.user_id(), self.asker(caller).await?);
        let title = change.title.as_deref().map(valid_title).transpose()?;
        let model = match change.model.as_deref() {
            None => None,
            Some("") => Some(None),
            Some(model) => Some(Some(asker.model(Some(model))?)),
        };
        self.store
            .write(move |tx| {
                let mut conversation = get_conversation_of(tx, owner_id, id)?;
                if let Some(title) = &title {
                    conversation.title.clone_from(title);
                    conversation.titled_by = TitleSource::Person;
                }
                conversation.archived = change.archived.unwrap_or(conversation.archived);
                conversation.pinned = change.pinned.unwrap_or(conversation.pinned);
                if let Some(model) = &model {
                    conversation.model.clone_from(model);
                }
                if model.is_some() || change.adapters.is_some() {
                    choose_adapters(&mut conversation, &asker, change.adapters.as_deref())?;
                }
                if let Some(head_id) = change.head_id {
                    let tree = Tree::new(list_messages(tx, id)?);
                    tree.find(head_id)
                        .ok_or_else(|| Error::not_found("message"))?;
                    conversation.head_id = Some(tree.newest_leaf_below(head_id));
                }
                put_conversation(tx, &conversation)?;
                append_search_change(tx, &SearchChange::ConversationChanged(id))?;
                Ok(conversation)
            })
            .await
    }

    /// With everything in it. A reply being written there is stopped, and what was used of it is paid
    /// for. In a task of its own: a caller that leaves in the middle must not leave a reply that is
    /// written for nobody.
    pub async fn delete(&self, caller: &Caller, id: ConversationId) -> Result<()> {
        let owner_id = caller.user_id();
        let (store, replies) = (Arc::clone(&self.store), Arc::clone(&self.replies));
        let jobs = Arc::clone(&self.jobs);
        let deleted = self.tasks.spawn(async move {
            store
                .write(move |tx| {
                    let conversation = get_conversation_of(tx, owner_id, id)?;
                    remove(tx, &conversation)?;
                    request_forgetting(tx, owner_id)
                })
                .await?;
            replies.forget(Gone::Conversation(id)).await;
            jobs.wake();
            Ok::<_, Error>(())
        });
        deleted.await.map_err(Error::internal)?
    }

    /// Stops what is being written for somebody whose conversations are gone.
    pub async fn forget_replies_of(&self, owner_id: UserId) {
        self.replies.forget(Gone::Owner(owner_id)).await;
        self.jobs.wake();
    }

    /// The shown branch, or the whole tree; oldest first.
    pub async fn messages(
        &self,
        caller: &Caller,
        id: ConversationId,
        all: bool,
    ) -> Result<Vec<MessageInTree>> {
        let owner_id = caller.user_id();
        let messages = self
            .store
            .read(move |tx| {
                let conversation = get_conversation_of(tx, owner_id, id)?;
                let tree = Tree::new(list_messages(tx, id)?);
                let shown: Vec<_> = match conversation.head_id {
                    _ if all => tree.all().collect(),
                    Some(head_id) => tree.branch(head_id),
                    None => Vec::new(),
                };
                Ok(shown
                    .into_iter()
                    .map(|message| tree.with_siblings(message))
                    .collect::<Vec<_>>())
            })
            .await?;
        Ok(self.replies.with_latest_text(messages))
    }

    /// The reply being written in a conversation, if any.
    pub fn running_reply_in(&self, id: ConversationId) -> Option<MessageId> {
        self.replies.running_in(id)
    }
}

/// What is promised there stays, until whoever writes it has settled it.
fn remove(tx: &WriteTx, conversation: &ConversationRecord) -> Result<()> {
    remove_messages(tx, conversation.owner_id, conversation.id)?;
    remove_conversation(tx, conversation)?;
    append_search_change(tx, &SearchChange::ConversationDeleted(conversation.id))
}

/// Removes every conversation of somebody who goes. [`Conversations::forget_replies_of`] must follow.
pub fn remove_conversations_of(tx: &WriteTx, owner_id: UserId) -> Result<()> {
    for archived in [false, true] {
        let (conversations, _) = list_conversations(tx, owner_id, archived, None, usize::MAX - 1)?;
        for conversation in conversations {
            remove(tx, &conversation)?;
        }
    }
    request_forgetting(tx, owner_id)
}
