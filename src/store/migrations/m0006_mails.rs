//! Makes the tables of the mails.

use redb::WriteTransaction;

use super::make_tables;
use crate::error::Result;

pub(super) fn run(transaction: &WriteTransaction) -> Result<()> {
    make_tables(
        transaction,
        &["mail_by_id", "mail_by_due", "mail_of_recipient"],
    )
}
