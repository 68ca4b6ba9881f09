//! Makes the tables of the plugins.

use redb::{TableDefinition, WriteTransaction};

use crate::error::Result;
use crate::store::StoreError;
use crate::store::transaction::Definition;

const NAMES: &[&str] = &[
    "plugin_by_name",
    "plugin_log_by_place",
    "plugin_value_by_key",
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
