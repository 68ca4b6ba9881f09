//! Old entries against a real store: carried forward in pieces, and removed behind an account that
//! is gone. That all comes to what there is, whatever the order, is in `history_tests`.

use std::sync::Arc;

use super::*;
use crate::accounts::allowance::checking::check_all;
use crate::accounts::allowance::ledger::{self, NewEntry, close_allowance};
use crate::accounts::allowance::ledger_tests::{DAY, Ledger};
use crate::ids::GroupId;

async fn numbers(ledger: &Ledger, holder: Holder) -> Vec<(u64, i64)> {
    let entries = ledger
        .store
        .read(move |tx| list_entries(tx, holder, 0, 10_000));
    let entries = entries.await.unwrap().into_iter();
    entries.map(|entry| (entry.number, entry.amount)).collect()
}

/// An account with so many entries of 1, a day apart.
async fn account_of_days(ledger: &Ledger, holder: Holder, days: i64) {
    let write = move |tx: &WriteTx| {
        let entry = NewEntry::new(AllowanceEntryKind::Opened, 1);
        let mut account = ledger::open(tx, holder, 1, entry, 0)?;
        for day in 1..days {
            let entry = NewEntry::new(AllowanceEntryKind::ToppedUp, 1);
            ledger::append(tx, holder, &mut account, entry, day * DAY)?;
        }
        Ok(())
    };
    ledger.write(write).await.unwrap();
}

#[tokio::test]
async fn what_is_older_than_400_days_is_carried_forward_in_one() {
    let ledger = Ledger::open();
    let holder = Holder::Group(GroupId::generate());
    account_of_days(&ledger, holder, 1_205).await;
    let allowances = Allowances::new(Arc::clone(&ledger.store));
    // The first 804 are too old: two pieces.
    let now = 1_205 * DAY;
    allowances.carry_forward(now).await.unwrap();
    assert_eq!(numbers(&ledger, holder).await[0], (500, 500), "one a round");
    allowances.carry_forward(now).await.unwrap();
    let kept = numbers(&ledger, holder).await;
    assert_eq!(kept[..2], [(804, 804), (805, 1)]);
    assert_eq!(kept.len(), 402);
    let checked = ledger.store.read(check_all).await.unwrap();
    assert_eq!(checked.entries, 402);
    let page = allowances.entries(holder, Some(806), 50).await.unwrap();
    assert_eq!((page.entries.len(), page.next_before), (2, None));
    assert_eq!(
        page.entries[1].kind,
        AllowanceEntryKind::CarriedForward,
        "latest first"
    );
    allowances.carry_forward(now).await.unwrap();
    assert_eq!(numbers(&ledger, holder).await, kept, "and then no more");
}

#[test]
fn of_a_busy_account_more_goes_in_a_round_than_comes_due() {
    let busy = |entries: u64| AllowanceRecord {
        balance: 0,
        reserved: 0,
        unlimited: false,
        first_entry: 7,
        next_entry: 7 + entries,
        refilled_at: 0,
        refill: None,
    };
    assert_eq!(pieces_of(&busy(0)), 1);
    assert_eq!(pieces_of(&busy(23_999)), 1);
    // One each second for 400 days: 3,600 come due in an hour.
    let pieces = pieces_of(&busy(400 * 24 * 3_600));
    assert!(pieces * PIECE as u64 > 3_600, "{pieces}");
}

#[tokio::test]
async fn a_clock_that_is_far_ahead_makes_no_entry_old() {
    let ledger = Ledger::open();
    let holder = Holder::Group(GroupId::generate());
    account_of_days(&ledger, holder, 390).await;
    let allowances = Allowances::new(Arc::clone(&ledger.store));
    allowances.carry_forward(100_000 * DAY).await.unwrap();
    assert_eq!(numbers(&ledger, holder).await.len(), 390);
}

#[tokio::test]
async fn an_account_that_is_opened_again_keeps_its_own_entries() {
    let ledger = Ledger::open();
    let holder = Holder::Group(GroupId::generate());
    account_of_days(&ledger, holder, 1_205).await;
    let close = move |tx: &WriteTx| close_allowance(tx, holder);
    ledger.write(close).await.unwrap();
    assert_eq!(numbers(&ledger, holder).await.len(), 1_205, "not at once");
    account_of_days(&ledger, holder, 2).await;
    ledger.store.read(check_all).await.unwrap();
    let allowances = Allowances::new(Arc::clone(&ledger.store));
    let page = allowances.entries(holder, None, 50).await.unwrap();
    assert_eq!((page.entries.len(), page.next_before), (2, None));
    allowances.remove_old_entries(holder).await.unwrap();
    assert_eq!(numbers(&ledger, holder).await, [(1_206, 1), (1_207, 1)]);
    ledger.write(close).await.unwrap();
    allowances.remove_old_entries(holder).await.unwrap();
    assert_eq!(numbers(&ledger, holder).await, []);
}
