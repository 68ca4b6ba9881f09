//! Allowances: an account for each user and each group that has one, its entries, and what is set
//! aside for replies that are being written.
//!
//! An entry is written once and never changed, until it is so old that it is carried forward in one
//! with others; entries of an account are numbered without a gap. What the numbers must come to,
//! and who pays what, is decided in `accounts/allowance`, the only caller.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::keys::TableKey;
use super::tables::{ALLOWANCE_BY_HOLDER, ALLOWANCE_ENTRY_BY_NUMBER, ALLOWANCE_RESERVATION_BY_ID};
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
pub use crate::engine::Usage;
use crate::error::Result;
use crate::ids::{GroupId, MessageId, UserId};

/// Whose account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Holder {
    User(UserId),
    Group(GroupId),
}

impl TableKey for Holder {
    fn write_to(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::User(id) => (false, *id).write_to(bytes),
            Self::Group(id) => (true, *id).write_to(bytes),
        }
    }

    fn read_from(bytes: &mut &[u8]) -> Option<Self> {
        match bool::read_from(bytes)? {
            false => UserId::read_from(bytes).map(Self::User),
            true => GroupId::read_from(bytes).map(Self::Group),
        }
    }
}

/// All amounts are tokens of the allowance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowanceRecord {
    /// What can be spent. Below zero where a reply came dearer than it seemed.
    pub balance: i64,
    /// Set aside for what is being written.
    pub reserved: i64,
    /// Nothing is charged.
    pub unlimited: bool,
    /// The oldest of its entries; what lies before is of an account that is gone, or carried forward.
    #[serde(default = "one")]
    pub first_entry: u64,
    pub next_entry: u64,
    /// When it was opened or last refilled.
    pub refilled_at: UnixMs,
    /// In place of the house's.
    #[serde(default)]
    pub refill: Option<Refill>,
}

fn one() -> u64 {
    1
}

impl AllowanceRecord {
    /// With nothing, its entries numbered from `number`.
    pub fn opened(number: u64, at: UnixMs) -> Self {
        Self {
            balance: 0,
            reserved: 0,
            unlimited: false,
            first_entry: number,
            next_entry: number,
            refilled_at: at,
            refill: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowanceEntryRecord {
    pub number: u64,
    pub at: UnixMs,
    pub kind: AllowanceEntryKind,
    /// Below zero: taken.
    pub amount: i64,
    /// The sum of the entries up to this one: what could be spent, and what was set aside.
    pub balance_after: i64,
    /// The reply that was paid for; None for a program's.
    #[serde(default)]
    pub message_id: Option<MessageId>,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub usage: Option<Usage>,
    #[serde(default)]
    pub note: Option<String>,
    /// The name of who did it.
    #[serde(default)]
    pub by: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AllowanceEntryKind {
    Opened,
    ToppedUp,
    Refilled,
    /// A reply was paid for.
    Settled,
    /// By an administrator, downwards.
    Corrected,
    /// The sum of all entries before, which are no longer kept.
    CarriedForward,
}

/// Set aside for a reply, under its id, until it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRecord {
    /// Each has as much set aside, and pays as much.
    pub holders: Vec<Holder>,
    pub amount: i64,
    /// As it was when the reply was promised.
    pub price: Price,
    /// None for a program's.
    #[serde(default)]
    pub message_id: Option<MessageId>,
    pub model: String,
}

/// What a reply costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Price {
    pub kind: PriceKind,
    pub per_message: u32,
    /// Tokens of the model that had to be computed for the prompt.
    pub per_1000_prompt: u32,
    /// Tokens of the prompt that were computed before.
    pub per_1000_cached: u32,
    pub per_1000_completion: u32,
}

impl Default for Price {
    fn default() -> Self {
        Self {
            kind: PriceKind::PerMessage,
            per_message: 100,
            per_1000_prompt: 20,
            per_1000_cached: 2,
            per_1000_completion: 100,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceKind {
    #[default]
    PerMessage,
    PerToken,
    /// A plugin says what; where it says nothing, the price of a message.
    Policy,
}

/// What an account gets by itself, at the beginning of each period in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refill {
    pub every: RefillEvery,
    pub amount: i64,
    /// Fills up to the amount instead of adding it.
    pub up_to: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefillEvery {
    #[default]
    Never,
    Day,
    /// From Monday.
    Week,
    Month,
}

impl Record for AllowanceRecord {}
impl Record for AllowanceEntryRecord {}
impl Record for ReservationRecord {}

pub fn find_allowance(tx: &impl Reads, holder: Holder) -> Result<Option<AllowanceRecord>> {
    tx.find(&ALLOWANCE_BY_HOLDER, &holder)
}

pub fn put_allowance(tx: &WriteTx, holder: Holder, allowance: &AllowanceRecord) -> Result<()> {
    tx.put(&ALLOWANCE_BY_HOLDER, &holder, allowance)
}

/// All accounts; users' before groups'.
pub fn list_allowances(tx: &impl Reads) -> Result<Vec<(Holder, AllowanceRecord)>> {
    tx.list_all(&ALLOWANCE_BY_HOLDER)
}

/// Removes an account; its reservations and its entries are for the caller to remove.
pub fn remove_allowance(tx: &WriteTx, holder: Holder) -> Result<bool> {
    tx.remove(&ALLOWANCE_BY_HOLDER, &holder)
}

pub fn put_entry(tx: &WriteTx, holder: Holder, entry: &AllowanceEntryRecord) -> Result<()> {
    tx.put(&ALLOWANCE_ENTRY_BY_NUMBER, &(holder, entry.number), entry)
}

/// Up to `limit` entries behind the number `after`, oldest first.
pub fn list_entries(
    tx: &impl Reads,
    holder: Holder,
    after: u64,
    limit: usize,
) -> Result<Vec<AllowanceEntryRecord>> {
    let rows = tx.list(
        &ALLOWANCE_ENTRY_BY_NUMBER,
        &holder,
        Some(&(holder, after)),
        limit,
    )?;
    Ok(rows.into_iter().map(|(_, entry)| entry).collect())
}

/// Removes up to `limit` of the entries numbered below `number`, oldest first. Gives how many.
pub fn remove_entries_below(
    tx: &WriteTx,
    holder: Holder,
    number: u64,
    limit: usize,
) -> Result<usize> {
    let oldest = list_entries(tx, holder, 0, limit)?;
    let removed = oldest.iter().filter(|entry| entry.number < number);
    let mut count = 0;
    for entry in removed {
        tx.remove(&ALLOWANCE_ENTRY_BY_NUMBER, &(holder, entry.number))?;
        count += 1;
    }
    Ok(count)
}

/// The number of the latest entry, also of an account that is gone; 0 where there is none.
pub fn last_entry_number(tx: &impl Reads, holder: Holder) -> Result<u64> {
    let Some(first) = list_entries(tx, holder, 0, 1)?.pop() else {
        return Ok(0);
    };
    let mut last = first.number;
    // Numbers have no gap, so each try that finds something halves the way that is left.
    for step in (0..40).rev().map(|bit| 1_u64 << bit) {
        if let Some(found) = list_entries(tx, holder, last + step - 1, 1)?.pop() {
            last = found.number;
        }
    }
    Ok(last)
}

pub fn find_reservation(tx: &impl Reads, id: MessageId) -> Result<Option<ReservationRecord>> {
    tx.find(&ALLOWANCE_RESERVATION_BY_ID, &id)
}

pub fn put_reservation(tx: &WriteTx, id: MessageId, reservation: &ReservationRecord) -> Result<()> {
    tx.put(&ALLOWANCE_RESERVATION_BY_ID, &id, reservation)
}

pub fn remove_reservation(tx: &WriteTx, id: MessageId) -> Result<()> {
    tx.remove(&ALLOWANCE_RESERVATION_BY_ID, &id).map(drop)
}

/// Only of what is being written, so there are never many.
pub fn list_reservations(tx: &impl Reads) -> Result<Vec<(MessageId, ReservationRecord)>> {
    tx.list_all(&ALLOWANCE_RESERVATION_BY_ID)
}
