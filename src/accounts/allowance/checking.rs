//! Whether every account is what its entries and reservations come to. For the command line and
//! for tests: nothing of this is ever wrong, unless the code or the disk is.

use std::collections::HashMap;

use super::{AllowanceRecord, Allowances, Holder};
use crate::error::{Error, Result};
use crate::store::Reads;
use crate::store::allowances::{list_allowances, list_entries, list_reservations};

/// Entries that are read at once.
const PIECE: usize = 1_000;

/// What was looked at, and nothing was wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckedAllowances {
    pub accounts: usize,
    pub entries: u64,
    pub reservations: usize,
}

impl Allowances {
    /// For the command line. An error is a sentence that says what is wrong.
    pub async fn check(&self) -> Result<CheckedAllowances> {
        self.store.read(check_all).await
    }
}

pub(super) fn check_all(tx: &impl Reads) -> Result<CheckedAllowances> {
    let reservations = list_reservations(tx)?;
    let mut reserved: HashMap<Holder, i64> = HashMap::new();
    for (_, reservation) in &reservations {
        for holder in &reservation.holders {
            *reserved.entry(*holder).or_default() += reservation.amount;
        }
    }
    let accounts = list_allowances(tx)?;
    let mut entries = 0;
    for (holder, account) in &accounts {
        let reserved = reserved.remove(holder).unwrap_or(0);
        entries += check_account(tx, *holder, account, reserved).map_err(|what| {
            Error::conflict(format!("the allowance of {holder:?} is not whole: {what}"))
        })?;
    }
    if let Some((holder, _)) = reserved.iter().find(|(_, amount)| **amount != 0) {
        return Err(Error::conflict(format!(
            "something is reserved for {holder:?}, who has no allowance"
        )));
    }
    Ok(CheckedAllowances {
        accounts: accounts.len(),
        entries,
        reservations: reservations.len(),
    })
}

/// Gives the number of entries.
fn check_account(
    tx: &impl Reads,
    holder: Holder,
    account: &AllowanceRecord,
    reserved: i64,
) -> std::result::Result<u64, String> {
    let before = account.first_entry - 1;
    let (mut sum, mut number) = (0, before);
    loop {
        let piece = list_entries(tx, holder, number, PIECE).map_err(|error| error.to_string())?;
        if piece.is_empty() {
            break;
        }
        for entry in piece {
            number += 1;
            sum += entry.amount;
            if entry.number != number {
                return Err(format!("entry {number} is missing"));
            }
            if entry.balance_after != sum {
                let after = entry.balance_after;
                return Err(format!("entry {number} comes to {sum} and says {after}"));
            }
        }
    }
    if account.next_entry != number + 1 {
        return Err(format!("entry {number} is the last, and more were written"));
    }
    if account.balance + account.reserved != sum {
        return Err(format!(
            "its entries come to {sum}, and it has {} and {} reserved",
            account.balance, account.reserved
        ));
    }
    if account.reserved != reserved {
        return Err(format!(
            "{} are reserved, and the reservations come to {reserved}",
            account.reserved
        ));
    }
    Ok(number - before)
}
