//! What the model is shown of a branch: the system prompt, then what was said, alternating.
//!
//! A message whose reply failed before its first word is left out with it: it may be why, and
//! would be again. A reply that was stopped that early is left out alone; templates demand that user
//! and assistant alternate, so what then stands together is joined.

use crate::engine::{ChatMessage, Role};
use crate::store::messages::{Author, MessageRecord, MessageStatus};

pub(super) fn chat_messages(
    system_prompt: Option<&str>,
    branch: &[&MessageRecord],
) -> Vec<ChatMessage> {
    let mut messages: Vec<ChatMessage> = Vec::with_capacity(branch.len() + 1);
    if let Some(prompt) = system_prompt.filter(|prompt| !prompt.trim().is_empty()) {
        messages.push(ChatMessage::new(Role::System, prompt));
    }
    for (index, message) in branch.iter().enumerate() {
        let answer = branch.get(index + 1);
        let role = match message.author {
            Author::User if answer.is_some_and(|answer| failed_empty(answer)) => continue,
            Author::User => Role::User,
            Author::Assistant if message.content.is_empty() => continue,
            Author::Assistant => Role::Assistant,
        };
        match messages.last_mut().filter(|last| last.role == role) {
            Some(last) => {
                last.content.push_str("\n\n");
                last.content.push_str(&message.content);
            }
            None => messages.push(ChatMessage::new(role, &*message.content)),
        }
    }
    messages
}

fn failed_empty(reply: &MessageRecord) -> bool {
    reply.status == MessageStatus::Failed && reply.content.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ConversationId;

    fn said(author: Author, content: &str, status: MessageStatus) -> MessageRecord {
        let conversation_id = ConversationId::from_bytes([0; 16]);
        MessageRecord {
            content: content.into(),
            status,
            ..MessageRecord::new(conversation_id, None, author)
        }
    }

    #[test]
    fn what_made_a_reply_fail_is_not_shown_again() {
        let branch = [
            said(Author::User, "far too long", MessageStatus::Complete),
            said(Author::Assistant, "", MessageStatus::Failed),
            said(Author::User, "first", MessageStatus::Complete),
            said(Author::Assistant, "", MessageStatus::Stopped),
            said(Author::User, "second", MessageStatus::Complete),
        ];
        let shown = chat_messages(Some("Be brief."), &branch.iter().collect::<Vec<_>>());
        let contents: Vec<_> = shown
            .iter()
            .map(|message| message.content.as_str())
            .collect();
        assert_eq!(contents, ["Be brief.", "first\n\nsecond"]);
    }
}
