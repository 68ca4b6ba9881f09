//! Makes the table of attempts to guess.

use redb::WriteTransaction;

use super::make_tables;
use crate::error::Result;

pub(super) fn run(transaction: &WriteTransaction) -> Result<()> {
    make_tables(transaction, &["attempts_by_hash"])
}
