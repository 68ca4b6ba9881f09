//! Accounts against a real store: what is reserved, charged, given back and refilled, with times
//! that are handed in. `history_tests` stands on what is said here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::BoxFuture;

use super::ledger::account_of;
use super::reservations::{Ask, Order, Purchase, Reserved, release, reserve, settle};
use super::rules::{AllowanceRules, WhenEmpty};
use super::*;
use crate::clock::{UnixMs, now_ms};
use crate::error::ErrorKind;
use crate::ids::{GroupId, MessageId, UserId};
use crate::store::WriteTx;
use crate::store::allowances::{Usage, list_entries};
use crate::store::users::{UserRecord, put_user};

pub(super) const DAY: UnixMs = 86_400_000;

pub(super) fn user(name: &str, group_ids: Vec<GroupId>) -> UserRecord {
    UserRecord {
        created_at: now_ms(),
        group_ids,
        ..UserRecord::example(name)
    }
}

pub(super) struct Ledger {
    pub(super) store: Arc<Store>,
    _folder: tempfile::TempDir,
}

impl Ledger {
    pub(super) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        Self {
            store: Arc::new(Store::open(&path, 1 << 20).unwrap()),
            _folder: folder,
        }
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        act: impl Fn(&WriteTx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.store.write(act).await
    }

    pub(super) async fn with_users(&self, users: &[UserRecord]) {
        let users = users.to_vec();
        let put = move |tx: &WriteTx| users.iter().try_for_each(|user| put_user(tx, user));
        self.write(put).await.unwrap();
    }

    async fn account(&self, holder: Holder) -> AllowanceRecord {
        let found = self.store.read(move |tx| find_allowance(tx, holder)).await;
        found.unwrap().unwrap()
    }
}

pub(super) fn rules() -> AllowanceRules {
    AllowanceRules {
        enabled: true,
        ..AllowanceRules::default()
    }
}

pub(super) fn per_token(per_1000_prompt: u32, per_1000_completion: u32) -> AllowanceRules {
    let price = Price {
        kind: PriceKind::PerToken,
        per_1000_prompt,
        per_1000_completion,
        ..Price::default()
    };
    AllowanceRules { price, ..rules() }
}

pub(super) fn ask() -> Ask {
    Ask {
        id: MessageId::generate(),
        purchase: Purchase::Reply,
        model: "m".into(),
        prompt_tokens: 100,
        max_tokens: None,
        context_tokens: 100_000,
        is_message: true,
    }
}

pub(super) fn order(user_id: UserId, asks: Vec<Ask>) -> Order {
    Order {
        user_id,
        quote: None,
        asks,
    }
}

/// One ask by itself.
fn reserve_one(
    tx: &WriteTx,
    rules: &AllowanceRules,
    user_id: UserId,
    ask: &Ask,
    now: UnixMs,
) -> Result<Reserved> {
    let mut reserved = reserve(tx, rules, &order(user_id, vec![ask.clone()]), now)?;
    Ok(reserved.remove(0))
}

pub(super) fn usage(prompt_tokens: u32, completion_tokens: u32) -> Usage {
    Usage {
        prompt_tokens,
        completion_tokens,
        ..Usage::default()
    }
}

#[tokio::test]
async fn a_flat_price_is_reserved_whole_or_refused_with_what_is_missing() {
    let ledger = Ledger::open();
    let ada = user("ada", vec![]);
    ledger.with_users(std::slice::from_ref(&ada)).await;
    let rules = AllowanceRules {
        start: 250,
        ..rules()
    };
    let reserve_next = move || {
        let ask = ask();
        move |tx: &WriteTx| reserve_one(tx, &rules, ada.id, &ask, now_ms())
    };
    for _ in 0..2 {
        let reserved = ledger.write(reserve_next()).await.unwrap();
        assert!(matches!(
            reserved,
            Reserved::Held {
                max_tokens: None,
                ..
            }
        ));
    }
    let error = ledger.write(reserve_next()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::QuotaExceeded);
    let expected = serde_json::json!({
        "balance": 50, "reserved": 200, "needed": 100, "missing": 50, "holder": "user"
    });
    assert_eq!(error.details, Some(expected));
}

#[tokio::test]
async fn a_reply_is_no_longer_than_what_is_left_pays_for() {
    let ledger = Ledger::open();
    let ada = user("ada", vec![]);
    ledger.with_users(std::slice::from_ref(&ada)).await;
    let rules = AllowanceRules {
        start: 60,
        ..per_token(100, 1_000)
    };
    let holder = Holder::User(ada.id);
    let reserve_up_to = |max_tokens| {
        let ask = Ask {
            max_tokens,
            ..ask()
        };
        ledger.write(move |tx| {
            let reserved = reserve_one(tx, &rules, ada.id, &ask, now_ms())?;
            Ok((ask.id, reserved))
        })
    };
    // The prompt takes 10 of them, each token of the reply one more.
    let (id, reserved) = reserve_up_to(Some(2_000)).await.unwrap();
    let held = |max_tokens| Reserved::Held {
        max_tokens: Some(max_tokens),
        by_policy: false,
    };
    assert_eq!(reserved, held(50));
    assert_eq!(ledger.account(holder).await.balance, 0);
    ledger.write(move |tx| release(tx, id)).await.unwrap();
    let (id, reserved) = reserve_up_to(Some(20)).await.unwrap();
    assert_eq!(reserved, held(20));
    assert_eq!(ledger.account(holder).await.balance, 30);
    let dearer = usage(100, 60);
    ledger
        .write(move |tx| settle(tx, id, &dearer, None))
        .await
        .unwrap();
    let account = ledger.account(holder).await;
    assert_eq!(
        (account.balance, account.reserved),
        (-10, 0),
        "said honestly"
    );
    let error = reserve_up_to(None).await.unwrap_err();
    assert_eq!(error.details.unwrap()["missing"], 36);
}

#[tokio::test]
async fn a_period_refills_once_and_a_clock_that_goes_back_does_nothing() {
    let ledger = Ledger::open();
    let ada = user("ada", vec![]);
    let holder = Holder::User(ada.id);
    let rules = AllowanceRules {
        start: 1_000,
        refill: Refill {
            every: RefillEvery::Day,
            amount: 300,
            up_to: false,
        },
        ..rules()
    };
    let opened_at = 20_000 * DAY + DAY / 2;
    let mut balances = Vec::new();
    for now in [
        opened_at,
        opened_at + DAY / 3,
        20_001 * DAY,
        20_001 * DAY + 1,
        opened_at,
        20_000 * DAY + 2,
        20_001 * DAY + DAY / 2,
        20_005 * DAY,
    ] {
        let look = move |tx: &WriteTx| account_of(tx, &rules, holder, now);
        balances.push(ledger.write(look).await.unwrap().unwrap().balance);
    }
    assert_eq!(
        balances,
        [1_000, 1_000, 1_300, 1_300, 1_300, 1_300, 1_300, 1_600]
    );
    let entries = ledger.store.read(move |tx| list_entries(tx, holder, 0, 10));
    let kinds: Vec<_> = entries.await.unwrap().iter().map(|it| it.kind).collect();
    use AllowanceEntryKind::{Opened, Refilled};
    assert_eq!(kinds, [Opened, Refilled, Refilled]);
}

#[tokio::test]
async fn what_fills_up_adds_no_more_than_is_missing() {
    let ledger = Ledger::open();
    let ada = user("ada", vec![]);
    ledger.with_users(std::slice::from_ref(&ada)).await;
    let rules = AllowanceRules {
        start: 1_000,
        refill: Refill {
            every: RefillEvery::Week,
            amount: 1_000,
            up_to: true,
        },
        ..rules()
    };
    let (asked, begun) = (ask(), 20_000 * DAY);
    let id = asked.id;
    ledger
        .write(move |tx| reserve_one(tx, &rules, ada.id, &asked, begun))
        .await
        .unwrap();
    let look = move |now| move |tx: &WriteTx| account_of(tx, &rules, Holder::User(ada.id), now);
    let later = ledger.write(look(begun + 8 * DAY)).await.unwrap().unwrap();
    assert_eq!(later.balance, 900, "what is set aside may still come back");
    ledger
        .write(move |tx| settle(tx, id, &usage(1, 1), None))
        .await
        .unwrap();
    let later = ledger.write(look(begun + 16 * DAY)).await.unwrap().unwrap();
    assert_eq!(later.balance, 1_000);
}

#[tokio::test]
async fn a_group_pays_beside_its_people_and_the_poorest_decides() {
    let ledger = Ledger::open();
    let group_id = GroupId::generate();
    let (ada, bob) = (user("ada", vec![group_id]), user("bob", vec![group_id]));
    ledger.with_users(&[ada.clone(), bob.clone()]).await;
    let group = Holder::Group(group_id);
    let budget = move |tx: &WriteTx| {
        let entry = ledger::NewEntry::new(AllowanceEntryKind::Opened, 150);
        ledger::open(tx, group, 150, entry, now_ms())
    };
    ledger.write(budget).await.unwrap();
    let rules = rules();
    let reserve_for = |id: UserId| {
        let ask = ask();
        ledger.write(move |tx| Ok((ask.id, reserve_one(tx, &rules, id, &ask, now_ms())?)))
    };
    let (id, _) = reserve_for(ada.id).await.unwrap();
    ledger
        .write(move |tx| settle(tx, id, &usage(1, 1), None))
        .await
        .unwrap();
    assert_eq!(ledger.account(group).await.balance, 50);
    assert_eq!(ledger.account(Holder::User(ada.id)).await.balance, 3_900);
    let error = reserve_for(bob.id).await.unwrap_err();
    assert_eq!(error.details.unwrap()["holder"], "group");
    let slow = AllowanceRules {
        when_empty: WhenEmpty::SlowLane,
        ..rules
    };
    let asked = ask();
    let reserved = ledger.write(move |tx| reserve_one(tx, &slow, bob.id, &asked, now_ms()));
    assert_eq!(reserved.await.unwrap(), Reserved::SlowLane);
    assert_eq!(ledger.account(group).await.reserved, 0);
}

/// Says a price, and counts how often it was asked.
struct Dear(AtomicU32);

impl Pricing for Dear {
    fn price(&self, reply: PricedReply) -> BoxFuture<'static, Result<Option<u32>>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let price = if reply.is_over { None } else { Some(7) };
        Box::pin(std::future::ready(Ok(price)))
    }
}

#[tokio::test]
async fn who_says_prices_is_asked_outside_the_transaction_and_its_word_holds() {
    let ledger = Ledger::open();
    let ada = user("ada", vec![]);
    ledger.with_users(std::slice::from_ref(&ada)).await;
    let allowances = Arc::new(Allowances::new(Arc::clone(&ledger.store)));
    let policy = AllowanceRulesChange {
        enabled: Some(true),
        price: PriceChange {
            kind: Some(PriceKind::Policy),
            ..PriceChange::default()
        },
        ..AllowanceRulesChange::default()
    };
    let change = move |tx: &WriteTx| change_allowance(tx, policy);
    ledger.write(change).await.unwrap();
    allowances.connect_pricing(Arc::new(Dear(Default::default())));
    let mut asked = order(ada.id, vec![ask()]);
    let reserve = |asked: Order| {
        let allowances = Arc::clone(&allowances);
        ledger.write(move |tx| allowances.reserve(tx, &asked))
    };
    let error = reserve(asked.clone()).await.unwrap_err();
    let reply = QuoteNeeded::find_in(&error).expect("a price is asked for");
    asked.quote = Some(allowances.quote(reply).await.unwrap());
    let held = reserve(asked.clone()).await.unwrap();
    assert!(matches!(
        held.as_slice(),
        [Reserved::Held {
            by_policy: true,
            ..
        }]
    ));
    let holder = Holder::User(ada.id);
    assert_eq!(ledger.account(holder).await.reserved, 7);
    let settle = move |tx: &WriteTx| settle(tx, asked.asks[0].id, &usage(1, 1), None);
    assert_eq!(ledger.write(settle).await.unwrap(), Some(7));
}
