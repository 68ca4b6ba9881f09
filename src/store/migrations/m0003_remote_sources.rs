//! Makes the table of the remote sources.

use redb::WriteTransaction;

use super::make_tables;
use crate::error::Result;

pub(super) fn run(transaction: &WriteTransaction) -> Result<()> {
    make_tables(transaction, &["remote_source_by_id"])
}
