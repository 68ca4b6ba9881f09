//! A conversation's title: the first words at once, then the model's after the first exchange.
//!
//! A title a person gave is never overwritten. The model is asked by a job that is queued in the
//! transaction of the first reply's end, so it survives a restart. No title is waited for so long that
//! others wait for it.

use std::sync::Arc;
use std::time::Duration;

use super::Conversations;
use super::promises::lane_of;
use super::tree::Tree;
use crate::engine::prompt::TITLE_REQUEST;
use crate::engine::{
    ChatMessage, EngineEvent, Generate, Priority, Reasoning, Role, Sampling, Usage,
};
use crate::error::{Error, Result};
use crate::ids::{ConversationId, MessageId};
use crate::store::WriteTx;
use crate::store::conversations::{
    ConversationRecord, TitleSource, find_conversation, put_conversation,
};
use crate::store::jobs::{JobRecord, JobTask, put_job};
use crate::store::messages::{MessageRecord, MessageStatus, find_message, list_messages};
use crate::store::search_outbox::{SearchChange, append_search_change};
use crate::store::usage::add_usage;

const TITLE_LIMIT_CHARS: usize = 60;
const TITLE_LIMIT_TOKENS: u32 = 32;
/// Its turn may never come where models are busy. So long each try waits for it and for the words.
const TITLE_TIMEOUT: Duration = Duration::from_secs(120);
const RETRY_AFTER_S: u32 = 15;
/// Of each message, as much as a title needs.
const EXCERPT_LIMIT_CHARS: usize = 1_000;

/// What stands in the list until there is better.
pub(super) fn first_words(content: &str) -> String {
    shorten(&content.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= TITLE_LIMIT_CHARS {
        return text.to_owned();
    }
    let head: String = text.chars().take(TITLE_LIMIT_CHARS).collect();
    let whole_words = head
        .rsplit_once(' ')
        .map_or(head.as_str(), |(words, _)| words);
    format!("{}…", whole_words.trim_end_matches([',', '.', ';', ':']))
}

/// Queues the job when `reply` ends the first exchange. True when it does.
pub(super) fn request_title(tx: &WriteTx, reply: &MessageRecord) -> Result<bool> {
    if reply.status != MessageStatus::Complete || reply.content.is_empty() {
        return Ok(false);
    }
    let conversation = find_conversation(tx, &reply.conversation_id)?;
    if !conversation.is_some_and(|conversation| conversation.titled_by == TitleSource::FirstWords) {
        return Ok(false);
    }
    let question = match reply.parent_id {
        Some(id) => find_message(tx, reply.conversation_id, id)?,
        None => None,
    };
    if question.is_none_or(|question| question.parent_id.is_some()) {
        return Ok(false);
    }
    let task = JobTask::WriteConversationTitle {
        conversation_id: reply.conversation_id,
        reply_id: reply.id,
    };
    put_job(tx, &JobRecord::new(task))?;
    Ok(true)
}

impl Conversations {
    /// The job. An error means: try again later.
    pub async fn write_title(
        &self,
        conversation_id: ConversationId,
        reply_id: MessageId,
    ) -> Result<()> {
        let named = self.try_write_title(conversation_id, reply_id).await;
        let conversation = named.as_ref().ok().cloned().flatten();
        self.replies.announce_title(reply_id, conversation);
        named.map(drop)
    }

    async fn try_write_title(
        &self,
        conversation_id: ConversationId,
        reply_id: MessageId,
    ) -> Result<Option<ConversationRecord>> {
        let Some(request) = self.title_request(conversation_id, reply_id).await? else {
            return Ok(None);
        };
        let model = request.model.clone();
        let naming = self.name(request);
        let (answer, used) = within(TITLE_TIMEOUT, naming).await?;
        let title = title_in(&answer);
        self.store
            .write(move |tx| {
                if let Some(usage) = used {
                    add_usage(tx, &model, usage)?;
                }
                let Some(title) = &title else {
                    return Ok(None);
                };
                let conversation = find_conversation(tx, &conversation_id)?;
                let untitled =
                    conversation.filter(|found| found.titled_by == TitleSource::FirstWords);
                let Some(mut conversation) = untitled else {
                    return Ok(None);
                };
                conversation.title.clone_from(title);
                conversation.titled_by = TitleSource::Model;
                put_conversation(tx, &conversation)?;
                append_search_change(tx, &SearchChange::ConversationChanged(conversation_id))?;
                Ok(Some(conversation))
            })
            .await
    }

    /// What the model answers, and what was used for it where that is said.
    async fn name(&self, request: Generate) -> Result<(String, Option<Usage>)> {
        let mut answer = String::new();
        let mut stream = Arc::clone(&self.engine).generate(request)?;
        while let Some(event) = stream.next_event().await {
            match event? {
                EngineEvent::Delta(text) => answer.push_str(&text),
                EngineEvent::Finished(finished) => return Ok((answer, Some(finished.usage))),
                _ => {}
            }
        }
        Ok((answer, None))
    }

    /// None when there is nothing to name any more.
    async fn title_request(
        &self,
        conversation_id: ConversationId,
        reply_id: MessageId,
    ) -> Result<Option<Generate>> {
        let found = self
            .store
            .read(move |tx| {
                let conversation = find_conversation(tx, &conversation_id)?
                    .filter(|conversation| conversation.titled_by == TitleSource::FirstWords);
                let tree = Tree::new(list_messages(tx, conversation_id)?);
                let exchange: Vec<_> = tree.branch(reply_id).into_iter().cloned().collect();
                Ok(conversation.map(|conversation| (conversation, exchange)))
            })
            .await?;
        let Some((conversation, exchange)) = found else {
            return Ok(None);
        };
        let [question, reply] = exchange.as_slice() else {
            return Ok(None);
        };
        let excerpt = |text: &str| text.chars().take(EXCERPT_LIMIT_CHARS).collect();
        let say = |role, content| ChatMessage::new(role, content);
        let messages = vec![
            say(Role::User, excerpt(&question.content)),
            say(Role::Assistant, excerpt(&reply.content)),
            say(Role::User, TITLE_REQUEST.to_owned()),
        ];
        Ok(Some(Generate {
            sampling: Sampling {
                temperature: Some(0.2),
                ..Sampling::default()
            },
            reasoning: Some(Reasoning::Off),
            max_tokens: Some(TITLE_LIMIT_TOKENS),
            lane: lane_of(conversation.owner_id),
            priority: match reply.slow_lane {
                true => Priority::Batch,
                false => Priority::Interactive,
            },
            ..Generate::new(reply.model.clone().unwrap_or_default(), messages)
        }))
    }
}

async fn within<T>(limit: Duration, naming: impl Future<Output = Result<T>>) -> Result<T> {
    let named = tokio::time::timeout(limit, naming).await;
    named.unwrap_or_else(|_| {
        let message = "the model had no time to name this conversation";
        Err(Error::overloaded(message, RETRY_AFTER_S))
    })
}

/// The title in what a model answered; None when there is none worth showing.
fn title_in(answer: &str) -> Option<String> {
    let answer = match (answer.rsplit_once("</think>"), answer.contains("<think>")) {
        (Some((_, after)), _) => after,
        (None, true) => return None,
        (None, false) => answer,
    };
    let line = answer
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())?;
    let line = line
        .trim_start_matches("Title:")
        .trim_matches(['"', '“', '”', '\'', '*', '#', '`', ' ']);
    let line = line.trim_end_matches('.').trim();
    let plain: String = line.chars().filter(|c| !c.is_control()).collect();
    (plain.chars().any(char::is_alphanumeric)).then(|| shorten(&plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_model_that_has_no_time_is_not_waited_for() {
        let limit = Duration::from_millis(10);
        let waited = within(limit, std::future::pending::<Result<()>>()).await;
        assert_eq!(waited.unwrap_err().code(), "overloaded");
        let named = within(Duration::from_secs(60), async { Ok("Garden plan") }).await;
        assert_eq!(named.unwrap(), "Garden plan");
    }

    #[test]
    fn a_title_is_one_plain_line() {
        assert_eq!(
            title_in("\"How sourdough rises.\"\n\nBecause…"),
            Some("How sourdough rises".into())
        );
        assert_eq!(
            title_in("<think>hm</think>\n**Garden plan**"),
            Some("Garden plan".into())
        );
        assert_eq!(title_in("<think>hm"), None);
        assert_eq!(title_in(" \n …"), None);
    }

    #[test]
    fn first_words_end_between_words() {
        let title = first_words(
            "Why does my sourdough   rise less in winter than it does in the summer months?",
        );
        assert_eq!(
            title,
            "Why does my sourdough rise less in winter than it does in…"
        );
    }
}
