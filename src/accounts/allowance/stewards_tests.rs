//! Who may change what others may spend is asked where it is written. What else administrators do is
//! proven on the real binary, in `tests/api/tokens.rs`.

use super::ledger::new_account;
use super::ledger_tests::{Ledger, user};
use super::*;
use crate::accounts::Caller;
use crate::error::ErrorKind;
use crate::ids::GroupId;
use crate::store::allowances::put_allowance;
use crate::store::groups::{GroupRecord, put_group};

#[tokio::test]
async fn an_administrator_who_left_changes_no_allowance() {
    let ledger = Ledger::open();
    let bob = user("bob", Vec::new());
    let (user, group) = (Holder::User(bob.id), GroupId::generate());
    ledger.with_users(&[bob]).await;
    let written = ledger.write(move |tx| {
        let group = GroupRecord {
            id: group,
            name: "class".into(),
            note: String::new(),
            rules: Vec::new(),
            created_at: 0,
        };
        put_group(tx, &group)?;
        let holder = Holder::Group(group.id);
        put_allowance(tx, holder, &new_account(tx, holder, 0)?)
    });
    written.await.unwrap();

    let allowances = Allowances::new(ledger.store.clone());
    let left = Caller::administrator_who_left();
    let more = AllowanceChange {
        amount: Some(1_000),
        ..AllowanceChange::default()
    };
    let refill = RefillChange::default();
    let refusals = [
        allowances.change(&left, user, more).await.err(),
        allowances
            .set_budget(&left, group, Some(1_000), refill)
            .await
            .err(),
        allowances.remove_budget(&left, group).await.err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.unwrap().kind, ErrorKind::Unauthenticated);
    }
    let found = ledger.store.read(move |tx| {
        let of_group = find_allowance(tx, Holder::Group(group))?;
        Ok((find_allowance(tx, user)?, of_group))
    });
    let (of_user, of_group) = found.await.unwrap();
    assert!(of_user.is_none());
    assert_eq!(of_group.unwrap().balance, 0);
}
