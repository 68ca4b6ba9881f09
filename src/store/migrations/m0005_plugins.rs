//! Makes the tables of the plugins.

use redb::WriteTransaction;

use super::make_tables;
use crate::error::Result;

const NAMES: &[&str] = &[
    "plugin_by_name",
    "plugin_log_by_place",
    "plugin_value_by_key",
];

pub(super) fn run(transaction: &WriteTransaction) -> Result<()> {
    make_tables(transaction, NAMES)
}
