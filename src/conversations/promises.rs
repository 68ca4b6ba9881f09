//! What each way of beginning a reply writes: the promise, in one transaction.
//!
//! A promise is the user's message, an empty reply in state `running`, and the row that start-up
//! looks for should the house go dark. Nothing here talks to the engine; `messages` does, once the
//! promise is on disk.

use super::charges::{Charge, Payer, Size, Terms};
use super::history::chat_messages;
use super::listing::find_message_of;
use super::messages::{CONTENT_LIMIT_BYTES, Exchange};
use super::model_choice::{Asker, asked_or_kept};
use super::titles;
use super::tree::Tree;
use crate::accounts::check_is_here;
use crate::clock::now_ms;
use crate::engine::{AdapterUse, FinishReason, Generate};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::models::AdapterChoice;
use crate::plugins::{ConversationFacts, RequestFacts};
use crate::store::WriteTx;
use crate::store::conversations::{ConversationRecord, put_conversation};
use crate::store::messages::{
    Author, MessageRecord, MessageStatus, ReplyError, ReplySettings, find_message,
    find_message_id_by_client_id, list_messages, put_client_id, put_message,
};
use crate::store::replies::{ReplyRecord, put_reply};
use crate::store::search_outbox::{SearchChange, append_search_change};

/// What the transaction decided: an exchange, and what to ask of the engine unless it was there before.
pub(super) struct Promise {
    pub(super) exchange: Exchange,
    pub(super) work: Option<Work>,
}

/// What is asked of the engine, and what is set aside for it.
pub(super) struct Work {
    pub(super) request: Generate,
    pub(super) charge: Option<Charge>,
    /// What is counted of the prompt where the engine does not say.
    pub(super) estimated_prompt_tokens: u32,
}

/// What is asked of the next reply, as far as it could be kept.
pub(super) struct Wanted<'a> {
    asker: &'a Asker,
    owner_id: UserId,
    payer: Payer,
    context_tokens: u32,
    model: String,
    adapters: Vec<AdapterUse>,
    settings: ReplySettings,
}

impl<'a> Wanted<'a> {
    /// `model` None: the house's default.
    pub(super) fn new(
        asker: &'a Asker,
        model: Option<&str>,
        adapters: &[AdapterChoice],
        settings: &ReplySettings,
    ) -> Result<Self> {
        settings.sampling.validate()?;
        if settings.max_tokens == Some(0) {
            return Err(Error::invalid_field(
                "max_tokens",
                "max_tokens is at least 1",
            ));
        }
        let prompt = settings.system_prompt.as_deref().unwrap_or_default();
        if prompt.len() > CONTENT_LIMIT_BYTES {
            return Err(
                Error::new(ErrorKind::PayloadTooLarge, "this system prompt is too long")
                    .with_details(serde_json::json!({ "limit_bytes": CONTENT_LIMIT_BYTES }))
                    .with_reason(Reason::PromptTooLong),
            );
        }
        let model = asker.model(model)?;
        Ok(Self {
            asker,
            owner_id: asker.user_id(),
            payer: asker.payer().clone(),
            context_tokens: asker.context_tokens(&model),
            adapters: asker.adapters(&model, adapters)?,
            model,
            settings: settings.clone(),
        })
    }

    /// As the house's rules have it. Of a reply that has begun the model stays.
    fn after_rules(
        &self,
        conversation: &ConversationRecord,
        tree: &Tree,
        reply: &MessageRecord,
    ) -> Result<Self> {
        let change = self.asker.rules().change(|| {
            let question = reply.parent_id.and_then(|id| tree.find(id));
            self.facts(conversation, tree.all().count(), question)
        })?;
        let mut settings = self.settings.clone();
        settings.max_tokens = change.max_tokens.or(settings.max_tokens);
        settings.sampling.temperature = change.temperature.or(settings.sampling.temperature);
        let is_begun = !reply.content.is_empty() || !reply.reasoning.is_empty();
        let model = change
            .model
            .filter(|model| *model != self.model && !is_begun);
        let adapters = match model {
            // They are made for the other one.
            Some(_) => Vec::new(),
            None => asked_or_kept(None, &self.adapters),
        };
        let model = model.as_deref().unwrap_or(&self.model);
        Self::new(self.asker, Some(model), &adapters, &settings)
    }

    fn facts(
        &self,
        conversation: &ConversationRecord,
        message_count: usize,
        question: Option<&MessageRecord>,
    ) -> (ConversationFacts, RequestFacts) {
        let chars = |text: &str| text.chars().count() as u64;
        let prompt = self.settings.system_prompt.as_deref();
        let conversation = ConversationFacts {
            id: Some(conversation.id.to_string()),
            message_count: message_count as u64,
        };
        let request = RequestFacts {
            model: self.model.clone(),
            max_tokens: self.settings.max_tokens,
            temperature: self.settings.sampling.temperature,
            system_prompt_chars: prompt.map_or(0, chars),
            content_chars: question.map_or(0, |question| chars(&question.content)),
            adapters: self.adapters.iter().map(|used| used.id.clone()).collect(),
        };
        (conversation, request)
    }

    pub(super) fn adapters(&self) -> &[AdapterUse] {
        &self.adapters
    }

    /// What the engine is asked: to go on behind what there is of `reply`, at the end of `branch`.
    fn request(&self, branch: &[&MessageRecord], reply: &MessageRecord) -> Generate {
        let messages = chat_messages(self.settings.system_prompt.as_deref(), branch);
        Generate {
            adapters: self.adapters.clone(),
            thought: reply.reasoning.clone(),
            written: reply.content.clone(),
            reasoning: self.settings.reasoning,
            sampling: self.settings.sampling.clone(),
            max_tokens: self.settings.max_tokens,
            trim_history: true,
            lane: lane_of(self.owner_id),
            ..Generate::new(&self.model, messages)
        }
    }
}

/// The exchange that was begun with this `client_id` before, when it is the same message: said in
/// `conversation_id` (None: in one made for it), in the same words. A reply that the house was too
/// busy for is promised anew.
pub(super) fn find_earlier(
    tx: &WriteTx,
    asker: &Asker,
    client_id: Option<&str>,
    conversation_id: Option<ConversationId>,
    content: &str,
) -> Result<Option<Promise>> {
    let Some(client_id) = client_id else {
        return Ok(None);
    };
    let owner_id = asker.user_id();
    let Some(id) = find_message_id_by_client_id(tx, owner_id, client_id)? else {
        return Ok(None);
    };
    let (conversation, message) =
        find_message_of(tx, owner_id, id)?.ok_or_else(|| Error::not_found("message"))?;
    if message.content != content || conversation_id.is_some_and(|id| id != conversation.id) {
        return Err(Error::conflict(
            "this client_id was used for another message",
        ));
    }
    let tree = Tree::new(list_messages(tx, conversation.id)?);
    let reply = tree.replies_to(id).first().and_then(|id| tree.find(*id));
    let reply = reply.ok_or_else(|| Error::not_found("reply"))?;
    if reply.content.is_empty() && reply.error.as_ref().is_some_and(may_pass) {
        let adapters = asked_or_kept(None, &reply.adapters);
        let wanted = Wanted::new(asker, reply.model.as_deref(), &adapters, &reply.settings)?;
        let reply = reply.clone();
        return promise_rest(tx, conversation, tree, reply, &wanted).map(Some);
    }
    let exchange = Exchange {
        conversation,
        message: tree.with_siblings(&message),
        reply: tree.with_siblings(reply),
    };
    Ok(Some(Promise {
        exchange,
        work: None,
    }))
}

fn may_pass(error: &ReplyError) -> bool {
    matches!(error.code.as_str(), "overloaded" | "model_unavailable")
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
    if let Some(parent) = parent_id {
        let parent = find_message(tx, conversation.id, parent)?
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
            )
            .with_reason(Reason::ReplyRunning));
        }
    }
    if conversation.head_id.is_none() && conversation.title.is_empty() {
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
        &SearchChange::MessageChanged(conversation.id, message.id),
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
    let reply = MessageRecord::new(conversation.id, Some(question_id), Author::Assistant);
    let tree = Tree::new(list_messages(tx, conversation.id)?);
    promise(tx, conversation, tree, reply, wanted)
}

/// Promises the rest of a reply that was cut short, in the tree of its conversation.
pub(super) fn promise_rest(
    tx: &WriteTx,
    conversation: ConversationRecord,
    tree: Tree,
    mut reply: MessageRecord,
    wanted: &Wanted,
) -> Result<Promise> {
    match reply.status {
        MessageStatus::Running => {
            let running = Error::conflict("this reply is being written");
            return Err(running.with_reason(Reason::ReplyRunning));
        }
        MessageStatus::Complete if reply.finish_reason != Some(FinishReason::Length) => {
            let complete = Error::conflict("this reply is complete");
            return Err(complete.with_reason(Reason::ReplyComplete));
        }
        _ => {}
    }
    reply.error = None;
    reply.finish_reason = None;
    // What was used is of each run; only the cost is of all.
    (reply.usage, reply.timings) = (None, None);
    // The title may have had the id behind the end.
    reply.last_event_id += 1;
    promise(tx, conversation, tree, reply, wanted)
}

/// `tree` is the conversation's, as it was before.
fn promise(
    tx: &WriteTx,
    mut conversation: ConversationRecord,
    mut tree: Tree,
    mut reply: MessageRecord,
    wanted: &Wanted,
) -> Result<Promise> {
    check_is_here(tx, wanted.owner_id)?;
    let wanted = wanted.after_rules(&conversation, &tree, &reply)?;
    let Wanted {
        model, adapters, ..
    } = &wanted;
    wanted.asker.check_still_may_use(tx, model, adapters)?;
    reply.model = Some(wanted.model.clone());
    reply.adapters = wanted.adapters.clone();
    reply.settings = wanted.settings.clone();
    reply.status = MessageStatus::Running;
    reply.slow_lane = false;
    put_message(tx, &reply)?;
    put_reply(
        tx,
        &ReplyRecord {
            id: reply.id,
            conversation_id: conversation.id,
            owner_id: wanted.owner_id,
        },
    )?;
    tree.put(reply.clone());
    conversation.head_id = Some(tree.newest_leaf_below(reply.id));
    conversation.updated_at = now_ms();
    put_conversation(tx, &conversation)?;
    append_search_change(tx, &SearchChange::ConversationChanged(conversation.id))?;

    let question = reply
        .parent_id
        .and_then(|id| tree.find(id))
        .ok_or_else(|| Error::not_found("message"))?;
    let mut request = wanted.request(&tree.branch(question.id), &reply);
    let size = Size::of(&request, wanted.context_tokens);
    let terms = wanted.payer.reserve(tx, reply.id, &mut request, size)?;
    if let Terms::SlowLane = terms {
        reply.slow_lane = true;
        put_message(tx, &reply)?;
    }
    let (message, reply) = (tree.with_siblings(question), tree.with_siblings(&reply));
    Ok(Promise {
        exchange: Exchange {
            conversation,
            message,
            reply,
        },
        work: Some(Work {
            request,
            charge: terms.into_charge(),
            estimated_prompt_tokens: size.prompt_tokens,
        }),
    })
}

/// The engine shares its time between lanes; a person is one, whatever they open.
pub(super) fn lane_of(owner_id: UserId) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = *owner_id.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
