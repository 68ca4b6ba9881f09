//! Settings: what an administrator changes while the house runs, each a JSON value under its name.
//! Called by the rooms that have some.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::SETTING_BY_NAME;
use super::{Reads, WriteTx};
use crate::error::{Error, Result};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SettingRecord {
    json: String,
}

impl Record for SettingRecord {}

/// None when it was never set.
pub fn find_setting<T: serde::de::DeserializeOwned>(
    tx: &impl Reads,
    name: &str,
) -> Result<Option<T>> {
    tx.find(&SETTING_BY_NAME, &name.to_owned())?
        .map(|record| serde_json::from_str(&record.json).map_err(Error::internal))
        .transpose()
}

/// False when it was never set.
pub fn remove_setting(tx: &WriteTx, name: &str) -> Result<bool> {
    tx.remove(&SETTING_BY_NAME, &name.to_owned())
}

pub fn put_setting<T: Serialize>(tx: &WriteTx, name: &str, value: &T) -> Result<()> {
    let json = serde_json::to_string(value).map_err(Error::internal)?;
    tx.put(&SETTING_BY_NAME, &name.to_owned(), &SettingRecord { json })
}
