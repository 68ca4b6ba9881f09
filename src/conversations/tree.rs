//! The message tree, as pure functions: every edit or retry is a sibling, and what is shown is the
//! branch from the root to the head. Used by this room alone.

use std::collections::HashMap;

use crate::ids::MessageId;
use crate::store::messages::MessageRecord;

/// A message with all that answer the same parent, itself included, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageInTree {
    pub message: MessageRecord,
    pub sibling_ids: Vec<MessageId>,
}

pub(super) struct Tree {
    by_id: HashMap<MessageId, MessageRecord>,
    children: HashMap<Option<MessageId>, Vec<MessageId>>,
    oldest_first: Vec<MessageId>,
}

impl Tree {
    /// `messages` oldest first.
    pub(super) fn new(messages: Vec<MessageRecord>) -> Self {
        let mut tree = Self {
            by_id: HashMap::new(),
            children: HashMap::new(),
            oldest_first: Vec::new(),
        };
        for message in messages {
            tree.put(message);
        }
        tree
    }

    /// Adds the newest message, or one that is there already as it is now.
    pub(super) fn put(&mut self, message: MessageRecord) {
        let (id, parent_id) = (message.id, message.parent_id);
        if self.by_id.insert(id, message).is_none() {
            self.children.entry(parent_id).or_default().push(id);
            self.oldest_first.push(id);
        }
    }

    pub(super) fn find(&self, id: MessageId) -> Option<&MessageRecord> {
        self.by_id.get(&id)
    }

    fn children_of(&self, parent: Option<MessageId>) -> &[MessageId] {
        self.children
            .get(&parent)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// The replies to a user's message, oldest first.
    pub(super) fn replies_to(&self, id: MessageId) -> &[MessageId] {
        self.children_of(Some(id))
    }

    /// From the root to `head`.
    pub(super) fn branch(&self, head: MessageId) -> Vec<&MessageRecord> {
        let mut branch = Vec::new();
        let mut next = self.find(head);
        while let Some(message) = next {
            branch.push(message);
            next = message.parent_id.and_then(|parent| self.find(parent));
        }
        branch.reverse();
        branch
    }

    /// The end of the branch one sees by stepping to `id`: always the newest child.
    pub(super) fn newest_leaf_below(&self, id: MessageId) -> MessageId {
        let mut leaf = id;
        while let Some(&newest) = self.children_of(Some(leaf)).last() {
            leaf = newest;
        }
        leaf
    }

    pub(super) fn with_siblings(&self, message: &MessageRecord) -> MessageInTree {
        MessageInTree {
            message: message.clone(),
            sibling_ids: self.children_of(message.parent_id).to_vec(),
        }
    }

    /// Every message, oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &MessageRecord> {
        self.oldest_first.iter().filter_map(|id| self.find(*id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ConversationId;
    use crate::store::messages::Author;

    fn message(parent_id: Option<MessageId>) -> MessageRecord {
        MessageRecord::new(ConversationId::from_bytes([0; 16]), parent_id, Author::User)
    }

    #[test]
    fn what_is_there_already_stays_in_its_place() {
        let root = message(None);
        let (first, second) = (message(Some(root.id)), message(Some(root.id)));
        let all = [&root, &first, &second].map(Clone::clone);
        let mut tree = Tree::new(all.to_vec());
        let changed = MessageRecord {
            content: "else".into(),
            ..first.clone()
        };
        tree.put(changed.clone());
        assert_eq!(tree.replies_to(root.id), [first.id, second.id]);
        assert_eq!(tree.all().count(), 3);
        assert_eq!(tree.find(first.id), Some(&changed));
    }

    #[test]
    fn stepping_to_a_sibling_shows_its_newest_end() {
        let root = message(None);
        let first = message(Some(root.id));
        let second = message(Some(root.id));
        let under_first = message(Some(first.id));
        let newer_under_first = message(Some(first.id));
        let all = [&root, &first, &second, &under_first, &newer_under_first].map(Clone::clone);
        let tree = Tree::new(all.to_vec());

        assert_eq!(tree.newest_leaf_below(first.id), newer_under_first.id);
        assert_eq!(tree.newest_leaf_below(second.id), second.id);
        assert_eq!(
            tree.with_siblings(&second).sibling_ids,
            [first.id, second.id]
        );
        let branch: Vec<_> = tree
            .branch(newer_under_first.id)
            .iter()
            .map(|message| message.id)
            .collect();
        assert_eq!(branch, [root.id, first.id, newer_under_first.id]);
    }
}
