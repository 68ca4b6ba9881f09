//! Plugins: what an administrator decided about each, what its scripts keep, and what they did.
//!
//! A plugin's name has no `/`, so a name with one is a prefix that no other plugin's rows share.
//! Files and rules are unknown here. Called by `plugins/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::{PLUGIN_BY_NAME, PLUGIN_LOG_BY_PLACE, PLUGIN_VALUE_BY_KEY};
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::error::Result;

/// What differs from a plugin that nobody touched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PluginRecord {
    pub enabled: bool,
    /// A JSON object: the settings that were given a value.
    #[serde(default)]
    pub settings: String,
    /// Where it may send requests, of what it asks for.
    #[serde(default)]
    pub confirmed_hosts: Vec<String>,
    /// Of those, the ones that were confirmed before names of the internet were told apart from names
    /// of the house. None: all.
    #[serde(default)]
    pub hosts_from_before: Option<Vec<String>>,
    #[serde(default)]
    pub switched_off: Option<SwitchedOffRecord>,
    /// What it is relied on for while it is on, by name, should its files be lost. Empty: nobody
    /// knows.
    #[serde(default)]
    pub hooks: Vec<String>,
    /// What its files say holds when it gives no answer; likewise.
    #[serde(default)]
    pub on_failure: Option<String>,
}

/// That the house stopped asking it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchedOffRecord {
    pub reason: String,
    pub at: UnixMs,
}

/// One decision, or one failure to make one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginLogRecord {
    pub at: UnixMs,
    /// Empty where the house speaks of the plugin itself.
    #[serde(default)]
    pub hook: String,
    pub outcome: String,
    #[serde(default)]
    pub reason: Option<String>,
    /// The person whose action it was.
    #[serde(default)]
    pub subject: Option<String>,
    #[serde(default)]
    pub key_prefix: Option<String>,
    /// The name that was asked for, where there is no account yet.
    #[serde(default)]
    pub applicant: Option<String>,
    #[serde(default)]
    pub took_us: u64,
    #[serde(default)]
    pub error: Option<String>,
    /// What the script wrote.
    #[serde(default)]
    pub lines: Vec<String>,
}

/// A value that a script keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginValueRecord {
    pub json: String,
}

impl Record for PluginRecord {}
impl Record for PluginLogRecord {}
impl Record for PluginValueRecord {}

fn rows_of(plugin: &str) -> String {
    format!("{plugin}/")
}

fn value_key(plugin: &str, key: &str) -> String {
    format!("{plugin}/{key}")
}

/// Sorts the latest first.
fn log_key(plugin: &str, number: u64) -> String {
    format!("{plugin}/{:016x}", u64::MAX - number)
}

fn number_in(key: &str) -> u64 {
    let digits = key.rsplit('/').next().unwrap_or_default();
    u64::MAX - u64::from_str_radix(digits, 16).unwrap_or(u64::MAX)
}

/// All that were ever touched, by name.
pub fn list_plugins(tx: &impl Reads) -> Result<Vec<(String, PluginRecord)>> {
    tx.list_all(&PLUGIN_BY_NAME)
}

pub fn find_plugin(tx: &impl Reads, name: &str) -> Result<Option<PluginRecord>> {
    tx.find(&PLUGIN_BY_NAME, &name.to_owned())
}

pub fn put_plugin(tx: &WriteTx, name: &str, record: &PluginRecord) -> Result<()> {
    tx.put(&PLUGIN_BY_NAME, &name.to_owned(), record)
}

/// With its log and what it kept.
pub fn remove_plugin(tx: &WriteTx, name: &str) -> Result<()> {
    tx.remove(&PLUGIN_BY_NAME, &name.to_owned())?;
    tx.remove_all(&PLUGIN_LOG_BY_PLACE, &rows_of(name))?;
    tx.remove_all(&PLUGIN_VALUE_BY_KEY, &rows_of(name))
}

/// Keeps the last `most` entries.
pub fn append_plugin_log(
    tx: &WriteTx,
    plugin: &str,
    entry: &PluginLogRecord,
    most: u64,
) -> Result<()> {
    let last = tx.list(&PLUGIN_LOG_BY_PLACE, &rows_of(plugin), None, 1)?;
    let number = last.first().map_or(0, |(key, _)| number_in(key)) + 1;
    tx.put(&PLUGIN_LOG_BY_PLACE, &log_key(plugin, number), entry)?;
    if let Some(oldest) = number.checked_sub(most) {
        tx.remove(&PLUGIN_LOG_BY_PLACE, &log_key(plugin, oldest))?;
    }
    Ok(())
}

/// The latest first, each with its number; those before the entry `before`, where one is named.
pub fn list_plugin_log(
    tx: &impl Reads,
    plugin: &str,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<(u64, PluginLogRecord)>> {
    let after = before.map(|number| log_key(plugin, number));
    let rows = tx.list(
        &PLUGIN_LOG_BY_PLACE,
        &rows_of(plugin),
        after.as_ref(),
        limit,
    )?;
    let numbered = rows.into_iter().map(|(key, row)| (number_in(&key), row));
    Ok(numbered.collect())
}

pub fn find_plugin_value(tx: &impl Reads, plugin: &str, key: &str) -> Result<Option<String>> {
    let found = tx.find(&PLUGIN_VALUE_BY_KEY, &value_key(plugin, key))?;
    Ok(found.map(|record| record.json))
}

/// All that a plugin keeps, by key.
pub fn list_plugin_values(tx: &impl Reads, plugin: &str) -> Result<Vec<(String, String)>> {
    let prefix = rows_of(plugin);
    let rows = tx.list(&PLUGIN_VALUE_BY_KEY, &prefix, None, usize::MAX)?;
    let rows = rows.into_iter();
    let rows = rows.map(|(key, row)| (key[prefix.len()..].to_owned(), row.json));
    Ok(rows.collect())
}

pub fn put_plugin_value(tx: &WriteTx, plugin: &str, key: &str, json: String) -> Result<()> {
    let record = PluginValueRecord { json };
    tx.put(&PLUGIN_VALUE_BY_KEY, &value_key(plugin, key), &record)
}

/// True when there was something to remove.
pub fn remove_plugin_value(tx: &WriteTx, plugin: &str, key: &str) -> Result<bool> {
    tx.remove(&PLUGIN_VALUE_BY_KEY, &value_key(plugin, key))
}
