//! Old entries: those of an account that is gone, and those that are carried forward in one.
//!
//! After each transaction the entries of an account still come to what there is. Done in pieces, so
//! that nobody waits long for the one thread that writes; of each account a small part a round is
//! carried forward, so that a clock that is wrong for an hour costs little history. Called by the
//! hourly round of this room and by `appliance` for the job.

use super::{AllowanceEntryKind, AllowanceEntryRecord, AllowanceRecord, Allowances, Holder};
use crate::clock::UnixMs;
use crate::error::Result;
use crate::store::allowances::{
    find_allowance, list_allowances, list_entries, put_allowance, put_entry, remove_entries_below,
};
use crate::store::{Reads, WriteTx};

/// For so long before the latest one every entry is kept.
const KEPT_MS: UnixMs = 400 * 24 * 60 * 60 * 1000;
/// Entries that are removed in one transaction.
const PIECE: usize = 500;
/// Of an account's entries one in so many goes in a round. Within 400 days they come due more slowly,
/// however many there are.
const PART: u64 = 24;

/// The first of an account's entries that are old enough, at most `limit` of them. Old by the clock
/// and beside the latest entry: a clock that is ahead makes nothing old by itself.
fn old_entries(
    tx: &impl Reads,
    holder: Holder,
    account: &AllowanceRecord,
    now: UnixMs,
    limit: usize,
) -> Result<Vec<AllowanceEntryRecord>> {
    let latest = list_entries(tx, holder, account.next_entry.saturating_sub(2), 1)?;
    let now = latest.first().map_or(now, |latest| latest.at.min(now));
    let mut entries = list_entries(tx, holder, account.first_entry - 1, limit)?;
    let old = entries
        .iter()
        .take_while(|entry| entry.at < now - KEPT_MS)
        .count();
    entries.truncate(old);
    Ok(entries)
}

/// Makes one entry of a piece of the old ones. False: there are not two of them.
pub(super) fn carry_piece(tx: &WriteTx, holder: Holder, now: UnixMs) -> Result<bool> {
    let Some(mut account) = find_allowance(tx, holder)? else {
        return Ok(false);
    };
    let old = old_entries(tx, holder, &account, now, PIECE)?;
    let [_, .., last] = old.as_slice() else {
        return Ok(false);
    };
    let carried = AllowanceEntryRecord {
        number: last.number,
        at: last.at,
        kind: AllowanceEntryKind::CarriedForward,
        amount: last.balance_after,
        balance_after: last.balance_after,
        message_id: None,
        model: None,
        usage: None,
        note: None,
        by: None,
    };
    put_entry(tx, holder, &carried)?;
    account.first_entry = carried.number;
    put_allowance(tx, holder, &account)?;
    remove_entries_below(tx, holder, carried.number, PIECE)?;
    Ok(true)
}

/// How many pieces of it go in a round.
fn pieces_of(account: &AllowanceRecord) -> u64 {
    let entries = account.next_entry.saturating_sub(account.first_entry);
    (entries / PART / PIECE as u64).max(1)
}

impl Allowances {
    /// One round: a part of each account that has old entries.
    pub(super) async fn carry_forward(&self, now: UnixMs) -> Result<()> {
        let found = self.store.read(move |tx| {
            let mut found = Vec::new();
            for (holder, account) in list_allowances(tx)? {
                if old_entries(tx, holder, &account, now, 2)?.len() == 2 {
                    found.push((holder, pieces_of(&account)));
                }
            }
            Ok(found)
        });
        for (holder, pieces) in found.await? {
            let carry = move |tx: &WriteTx| carry_piece(tx, holder, now);
            for _ in 0..pieces {
                if !self.store.write(carry).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The job: removes the entries of an account that is gone. One that was opened in its place
    /// keeps its own.
    pub async fn remove_old_entries(&self, holder: Holder) -> Result<()> {
        let remove = move |tx: &WriteTx| {
            let account = find_allowance(tx, holder)?;
            let first = account.map_or(u64::MAX, |account| account.first_entry);
            remove_entries_below(tx, holder, first, PIECE)
        };
        while self.store.write(remove).await? > 0 {}
        Ok(())
    }
}

#[cfg(test)]
#[path = "carrying_tests.rs"]
mod tests;
