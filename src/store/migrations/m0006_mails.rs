//! Makes the tables of the mails.

use redb::{TableDefinition, WriteTransaction};

use crate::error::Result;
use crate::store::StoreError;
use crate::store::transaction::Definition;

const NAMES: &[&str] = &["mail_by_id", "mail_by_due", "mail_of_recipient"];

pub(super) fn run(transaction: &WriteTransaction) -> Result<()> {
    for name in NAMES {
        let definition: Definition = TableDefinition::new(name);
        transaction
            .open_table(definition)
            .map_err(StoreError::from)?;
    }
    Ok(())
}
