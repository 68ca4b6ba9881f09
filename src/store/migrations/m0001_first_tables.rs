//! Makes the tables of the first release.

use redb::{TableDefinition, WriteTransaction};

use crate::error::Result;
use crate::store::StoreError;
use crate::store::transaction::Definition;

const NAMES: &[&str] = &[
    "user_by_id",
    "user_id_by_username",
    "user_id_by_email",
    "session_by_id",
    "session_of_user",
    "conversation_by_id",
    "conversation_by_place",
    "message_by_conversation",
    "conversation_id_by_message",
    "message_id_by_client_id",
    "reply_by_id",
    "setting_by_name",
    "job_by_id",
    "search_change_by_sequence",
];

pub(super) fn run(transaction: &WriteTransaction) -> Result<()> {
    for name in NAMES {
        let definition: Definition = TableDefinition::new(name);
        transaction
            .open_table(definition)
            .map_err(StoreError::from)?;
    }
    Ok(())
}
