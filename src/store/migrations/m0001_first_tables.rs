//! Makes the tables of the first release.

use redb::WriteTransaction;

use super::make_tables;
use crate::error::Result;

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
    make_tables(transaction, NAMES)
}
