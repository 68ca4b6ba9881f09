//! Conversations as an administrator sees them who opens them, where the house allows it. Nothing is
//! read but behind [`Opening::write_down`], in the same transaction.

use super::Conversations;
use super::tree::{MessageInTree, Tree};
use crate::accounts::{Opened, Opening};
use crate::error::{Error, Result};
use crate::ids::{ConversationId, UserId};
use crate::store::conversations::{ConversationRecord, find_conversation, list_conversations};
use crate::store::messages::list_messages;

impl Conversations {
    /// Somebody's conversations, those in the archive last.
    pub async fn open_list(
        &self,
        opening: Opening,
        owner_id: UserId,
    ) -> Result<Vec<ConversationRecord>> {
        let written = opening.clone();
        let list = self.store.write(move |tx| {
            written.write_down(tx, owner_id, Opened::List)?;
            let mut all = Vec::new();
            for archived in [false, true] {
                all.extend(list_conversations(tx, owner_id, archived, None, usize::MAX - 1)?.0);
            }
            Ok(all)
        });
        let list = list.await?;
        opening.send_mails();
        Ok(list)
    }

    /// The whole tree of a conversation, oldest first.
    pub async fn open_messages(
        &self,
        opening: Opening,
        id: ConversationId,
    ) -> Result<Vec<MessageInTree>> {
        let written = opening.clone();
        let messages = self.store.write(move |tx| {
            // Whether there is such a one is not told to who may not look.
            written.check_allowed(tx)?;
            let conversation =
                find_conversation(tx, &id)?.ok_or_else(|| Error::not_found("conversation"))?;
            let title = conversation.title;
            written.write_down(
                tx,
                conversation.owner_id,
                Opened::Conversation { id, title },
            )?;
            let tree = Tree::new(list_messages(tx, id)?);
            let messages: Vec<_> = tree
                .all()
                .map(|message| tree.with_siblings(message))
                .collect();
            Ok(messages)
        });
        let messages = messages.await?;
        opening.send_mails();
        Ok(messages)
    }
}
