//! The arithmetic of accounts: opening, refilling, appending entries.
//!
//! After each of these the sum of an account's entries is its balance and what is reserved. Times
//! are handed in. Called by the rest of this folder, inside the transactions of what is paid for.

use super::refill::{Due, Schedule, amount_due, due};
use super::rules::AMOUNT_LIMIT;
use super::{
    AllowanceEntryKind, AllowanceEntryRecord, AllowanceRecord, AllowanceRules, Holder, Refill,
};
use crate::clock::{UnixMs, now_ms};
use crate::error::Result;
use crate::ids::UserId;
use crate::store::WriteTx;
use crate::store::allowances::{
    find_allowance, last_entry_number, list_reservations, put_allowance, put_entry,
    put_reservation, remove_allowance,
};
use crate::store::groups::EVERYONE;
use crate::store::jobs::{JobRecord, JobTask, put_job};
use crate::store::users::UserRecord;

pub(super) struct NewEntry {
    pub(super) kind: AllowanceEntryKind,
    pub(super) amount: i64,
    pub(super) note: Option<String>,
    pub(super) by: Option<String>,
}

impl NewEntry {
    pub(super) fn new(kind: AllowanceEntryKind, amount: i64) -> Self {
        Self {
            kind,
            amount,
            note: None,
            by: None,
        }
    }

    fn into_record(self, number: u64, at: UnixMs, balance_after: i64) -> AllowanceEntryRecord {
        AllowanceEntryRecord {
            number,
            at,
            kind: self.kind,
            amount: self.amount,
            balance_after,
            message_id: None,
            model: None,
            usage: None,
            note: self.note,
            by: self.by,
        }
    }
}

/// How an account is refilled.
pub(super) fn schedule_of(
    rules: &AllowanceRules,
    holder: Holder,
    account: &AllowanceRecord,
) -> Schedule {
    match (account.refill, holder) {
        (Some(refill), _) => Schedule { refill, since: 0 },
        (None, Holder::User(_)) => Schedule {
            refill: rules.refill,
            since: rules.refill_since,
        },
        (None, Holder::Group(_)) => Schedule {
            refill: Refill::default(),
            since: 0,
        },
    }
}

pub(super) fn is_due(
    rules: &AllowanceRules,
    holder: Holder,
    account: &AllowanceRecord,
    now: UnixMs,
) -> bool {
    due(&schedule_of(rules, holder, account), account, now).is_some()
}

/// Adds an entry and writes the account.
pub(super) fn append(
    tx: &WriteTx,
    holder: Holder,
    account: &mut AllowanceRecord,
    entry: NewEntry,
    now: UnixMs,
) -> Result<()> {
    append_with(tx, holder, account, entry, now, |_| {})
}

pub(super) fn append_with(
    tx: &WriteTx,
    holder: Holder,
    account: &mut AllowanceRecord,
    entry: NewEntry,
    now: UnixMs,
    about: impl FnOnce(&mut AllowanceEntryRecord),
) -> Result<()> {
    account.balance += entry.amount;
    let sum = account.balance + account.reserved;
    let mut record = entry.into_record(account.next_entry, now, sum);
    about(&mut record);
    account.next_entry += 1;
    put_entry(tx, holder, &record)?;
    put_allowance(tx, holder, account)
}

pub(super) fn open(
    tx: &WriteTx,
    holder: Holder,
    amount: i64,
    entry: NewEntry,
    now: UnixMs,
) -> Result<AllowanceRecord> {
    let mut account = new_account(tx, holder, now)?;
    let entry = NewEntry { amount, ..entry };
    append(tx, holder, &mut account, entry, now)?;
    Ok(account)
}

/// Its numbers go on behind those of an account that was there before, whose entries may not all be
/// removed yet.
pub(super) fn new_account(tx: &WriteTx, holder: Holder, now: UnixMs) -> Result<AllowanceRecord> {
    let last = last_entry_number(tx, holder)?;
    Ok(AllowanceRecord::opened(last + 1, now))
}

/// An account as it is now: a user's is opened where there is none, and what is due is refilled.
/// None: a group without a budget.
pub(super) fn account_of(
    tx: &WriteTx,
    rules: &AllowanceRules,
    holder: Holder,
    now: UnixMs,
) -> Result<Option<AllowanceRecord>> {
    let mut account = match (find_allowance(tx, holder)?, holder) {
        (Some(account), _) => account,
        (None, Holder::Group(_)) => return Ok(None),
        (None, Holder::User(_)) => {
            let entry = NewEntry::new(AllowanceEntryKind::Opened, rules.start);
            open(tx, holder, rules.start, entry, now)?
        }
    };
    let schedule = schedule_of(rules, holder, &account);
    if let Some(due) = due(&schedule, &account, now) {
        account.refilled_at = now;
        let amount = match due {
            Due::Refill => amount_due(&schedule.refill, &account),
            Due::SetBack => 0,
        };
        match amount {
            0 => put_allowance(tx, holder, &account)?,
            amount => {
                let entry = NewEntry::new(AllowanceEntryKind::Refilled, amount);
                append(tx, holder, &mut account, entry, now)?;
            }
        }
    }
    Ok(Some(account))
}

/// Opens a new user's account with `tokens` in place of what others begin with, at most 10¹²; where
/// there is one already, adds them to it. Also where nothing is charged at present.
pub fn open_allowance(
    tx: &WriteTx,
    user_id: UserId,
    tokens: u64,
    note: Option<String>,
) -> Result<()> {
    let (holder, now) = (Holder::User(user_id), now_ms());
    let tokens = i64::try_from(tokens)
        .unwrap_or(AMOUNT_LIMIT)
        .min(AMOUNT_LIMIT);
    let entry = |kind| NewEntry {
        note: note.clone(),
        ..NewEntry::new(kind, tokens)
    };
    match find_allowance(tx, holder)? {
        None => open(tx, holder, tokens, entry(AllowanceEntryKind::Opened), now).map(drop),
        Some(mut account) => {
            let entry = entry(AllowanceEntryKind::ToppedUp);
            append(tx, holder, &mut account, entry, now)
        }
    }
}

/// Removes an account, and what is reserved of it. Its entries go later, in pieces.
pub fn close_allowance(tx: &WriteTx, holder: Holder) -> Result<()> {
    for (id, mut reservation) in list_reservations(tx)? {
        let count = reservation.holders.len();
        reservation.holders.retain(|other| *other != holder);
        if reservation.holders.len() < count {
            put_reservation(tx, id, &reservation)?;
        }
    }
    if remove_allowance(tx, holder)? {
        put_job(tx, &JobRecord::new(JobTask::RemoveOldEntries { holder }))?;
    }
    Ok(())
}

/// The groups that pay beside a user, where they have a budget.
pub(super) fn groups_of(user: UserRecord) -> impl Iterator<Item = Holder> {
    let named = user.group_ids.into_iter().filter(|id| *id != EVERYONE);
    std::iter::once(EVERYONE).chain(named).map(Holder::Group)
}
