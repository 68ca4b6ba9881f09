//! Makes the table of the remote sources.

use redb::{TableDefinition, WriteTransaction};

use crate::error::Result;
use crate::store::StoreError;
use crate::store::transaction::Definition;

pub(super) fn run(transaction: &WriteTransaction) -> Result<()> {
    let definition: Definition = TableDefinition::new("remote_source_by_id");
    transaction
        .open_table(definition)
        .map_err(StoreError::from)?;
    Ok(())
}
