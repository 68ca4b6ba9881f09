//! Makes the tables of keys, groups, requests, links, usage and the audit log.

use redb::WriteTransaction;

use super::make_tables;
use crate::error::Result;

pub(super) fn run(transaction: &WriteTransaction) -> Result<()> {
    make_tables(
        transaction,
        &[
            "api_key_by_id",
            "api_key_id_by_hash",
            "api_key_of_user",
            "audit_entry_by_sequence",
            "group_by_id",
            "link_by_hash",
            "link_of_user",
            "notice_of_user",
            "registration_key_by_id",
            "registration_key_id_by_hash",
            "registration_key_use",
            "request_by_id",
            "usage_by_day_and_model",
        ],
    )
}
