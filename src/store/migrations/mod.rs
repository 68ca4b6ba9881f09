//! The list of steps from an empty file to what this program knows, each done once and in order.
//!
//! A step lives in one file and carries its own copy of any struct it reads, so that later changes
//! cannot break it. The number of steps done stands in the file; a file that has seen more steps
//! than this program knows is refused, never guessed at. Called by `Store::open` alone.

mod m0001_first_tables;
mod m0002_adapters;
mod m0003_remote_sources;
mod m0004_people;
mod m0005_plugins;
mod m0006_mails;
mod m0007_allowances;
mod m0008_attempts;

use redb::{Database, ReadableDatabase, TableDefinition, TableError, WriteTransaction};

use super::StoreError;
use super::transaction::Definition;
use crate::error::{Error, Result};

type Step = fn(&WriteTransaction) -> Result<()>;

const STEPS: &[Step] = &[
    m0001_first_tables::run,
    m0002_adapters::run,
    m0003_remote_sources::run,
    m0004_people::run,
    m0005_plugins::run,
    m0006_mails::run,
    m0007_allowances::run,
    m0008_attempts::run,
];

const SCHEMA: TableDefinition<'static, &'static str, u64> = TableDefinition::new("schema");
const STEPS_DONE: &str = "steps_done";

pub(super) fn run(database: &Database) -> Result<()> {
    let done = usize::try_from(steps_done(database)?).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(Error::conflict(
            "the data folder was used by a newer chatelaine; install that version or newer, or restore a backup",
        ));
    }
    for (index, step) in STEPS.iter().enumerate().skip(done) {
        let transaction = database.begin_write().map_err(StoreError::from)?;
        step(&transaction)?;
        let mut schema = transaction.open_table(SCHEMA).map_err(StoreError::from)?;
        schema
            .insert(STEPS_DONE, index as u64 + 1)
            .map_err(StoreError::from)?;
        drop(schema);
        transaction.commit().map_err(StoreError::from)?;
    }
    Ok(())
}

/// What most steps do.
fn make_tables(transaction: &WriteTransaction, names: &[&'static str]) -> Result<()> {
    for name in names {
        let definition: Definition = TableDefinition::new(name);
        transaction
            .open_table(definition)
            .map_err(StoreError::from)?;
    }
    Ok(())
}

fn steps_done(database: &Database) -> Result<u64> {
    let transaction = database.begin_read().map_err(StoreError::from)?;
    match transaction.open_table(SCHEMA) {
        Ok(schema) => {
            let done = schema.get(STEPS_DONE).map_err(StoreError::from)?;
            Ok(done.map_or(0, |number| number.value()))
        }
        Err(TableError::TableDoesNotExist(_)) => Ok(0),
        Err(error) => Err(StoreError::from(error).into()),
    }
}
