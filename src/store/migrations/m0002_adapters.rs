//! Makes the table of the adapters.

use redb::WriteTransaction;

use super::make_tables;
use crate::error::Result;

pub(super) fn run(transaction: &WriteTransaction) -> Result<()> {
    make_tables(transaction, &["adapter_by_id"])
}
