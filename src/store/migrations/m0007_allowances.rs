//! Makes the tables of the allowances.

use redb::WriteTransaction;

use super::make_tables;
use crate::error::Result;

pub(super) fn run(transaction: &WriteTransaction) -> Result<()> {
    make_tables(
        transaction,
        &[
            "allowance_by_holder",
            "allowance_entry_by_number",
            "allowance_reservation_by_id",
        ],
    )
}
