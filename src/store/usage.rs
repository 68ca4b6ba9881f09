//! What was used of which model on which day: by replies, however they ended, by what programs ask
//! for, by titles and vectors. Called by `conversations/`, and read for the overview.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::USAGE_BY_DAY_AND_MODEL;
use super::{Reads, WriteTx};
use crate::clock::{UnixMs, now_ms};
use crate::engine::Usage;
use crate::error::Result;

const DAY_MS: UnixMs = 24 * 60 * 60 * 1000;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecord {
    pub replies: u64,
    pub prompt_tokens: u64,
    /// Of the prompts, how many needed no computing.
    pub cached_tokens: u64,
    pub completion_tokens: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayUsage {
    /// When the day begins, in UTC.
    pub day: UnixMs,
    pub model: String,
    pub usage: UsageRecord,
}

impl Record for UsageRecord {}

fn day_of(at: UnixMs) -> u64 {
    u64::try_from(at / DAY_MS).unwrap_or(0)
}

/// Adds a reply, or a part of one that was gone on with, to today's.
pub fn add_reply(tx: &WriteTx, model: &str, usage: Usage) -> Result<()> {
    add(tx, model, usage, 1)
}

/// Adds what is no reply: a title, or vectors.
pub fn add_usage(tx: &WriteTx, model: &str, usage: Usage) -> Result<()> {
    add(tx, model, usage, 0)
}

fn add(tx: &WriteTx, model: &str, usage: Usage, replies: u64) -> Result<()> {
    let key = (day_of(now_ms()), model.to_owned());
    let mut record = tx.find(&USAGE_BY_DAY_AND_MODEL, &key)?.unwrap_or_default();
    record.replies += replies;
    record.prompt_tokens += u64::from(usage.prompt_tokens);
    record.cached_tokens += u64::from(usage.cached_tokens);
    record.completion_tokens += u64::from(usage.completion_tokens);
    tx.put(&USAGE_BY_DAY_AND_MODEL, &key, &record)
}

/// Of the last so many days, today included; oldest first.
pub fn list_usage(tx: &impl Reads, days: u32) -> Result<Vec<DayUsage>> {
    let first = day_of(now_ms()).saturating_sub(u64::from(days).saturating_sub(1));
    let before = (first, String::new());
    let rows = tx.list(&USAGE_BY_DAY_AND_MODEL, &(), Some(&before), usize::MAX)?;
    let rows = rows.into_iter().map(|((day, model), usage)| DayUsage {
        day: UnixMs::try_from(day).unwrap_or(0) * DAY_MS,
        model,
        usage,
    });
    Ok(rows.collect())
}
