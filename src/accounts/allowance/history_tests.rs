//! Whatever happens in whatever order, the sum of the entries is what there is, and what is
//! reserved is the sum of the reservations. Random histories of three users and two groups, in days
//! that pass and sometimes go back, with accounts that are closed and houses that are killed.

use proptest::prelude::*;

use super::carrying::carry_piece;
use super::checking::check_all;
use super::ledger::{NewEntry, account_of, append, new_account};
use super::ledger_tests::{DAY, Ledger, ask, order, per_token, rules, usage, user};
use super::reservations::{Ask, Order, Reserved, release, release_all, reserve, settle};
use super::rules::AllowanceRules;
use super::*;
use crate::clock::UnixMs;
use crate::error::ErrorKind;
use crate::ids::{GroupId, MessageId};
use crate::store::WriteTx;
use crate::store::allowances::{Usage, put_allowance};
use crate::store::users::UserRecord;

#[derive(Debug, Clone)]
enum Step {
    Reserve {
        user: usize,
        max_tokens: Option<u32>,
        answers: usize,
        quote: Option<u32>,
    },
    Settle {
        which: usize,
        prompt: u32,
        completion: u32,
        quote: Option<u32>,
    },
    Release {
        which: usize,
    },
    TopUp {
        holder: usize,
        amount: i64,
    },
    Unlimit {
        holder: usize,
        unlimited: bool,
    },
    Pass {
        days: i64,
    },
    Open {
        user: usize,
        tokens: u64,
    },
    Close {
        holder: usize,
    },
    RemoveOldEntries {
        holder: usize,
    },
    CarryForward {
        holder: usize,
    },
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (
            0..3_usize, proptest::option::of(1..3_000_u32), 1..4_usize,
            proptest::option::of(0..900_u32),
        ).prop_map(|(user, max_tokens, answers, quote)| {
            Step::Reserve { user, max_tokens, answers, quote }
        }),
        3 => (0..8_usize, 0..5_000_u32, 0..5_000_u32, proptest::option::of(0..900_u32))
            .prop_map(|(which, prompt, completion, quote)| {
                Step::Settle { which, prompt, completion, quote }
            }),
        2 => (0..8_usize).prop_map(|which| Step::Release { which }),
        1 => (0..5_usize, -500..2_000_i64)
            .prop_map(|(holder, amount)| Step::TopUp { holder, amount }),
        1 => (0..5_usize, any::<bool>())
            .prop_map(|(holder, unlimited)| Step::Unlimit { holder, unlimited }),
        2 => (-3..40_i64).prop_map(|days| Step::Pass { days }),
        1 => (350..450_i64).prop_map(|days| Step::Pass { days }),
        1 => (0..5_usize).prop_map(|holder| Step::Close { holder }),
        1 => (0..5_usize).prop_map(|holder| Step::RemoveOldEntries { holder }),
        2 => (0..5_usize).prop_map(|holder| Step::CarryForward { holder }),
        1 => (0..3_usize, 0..1_000_u64).prop_map(|(user, tokens)| Step::Open { user, tokens }),
        1 => Just(Step::Crash),
    ]
}

struct History {
    rules: AllowanceRules,
    users: Vec<UserRecord>,
    groups: [Holder; 2],
    now: UnixMs,
    running: Vec<MessageId>,
}

impl History {
    fn holder(&self, index: usize) -> Holder {
        let user = self.users.get(index);
        user.map_or(self.groups[index % 2], |user| Holder::User(user.id))
    }

    fn take(&mut self, which: usize) -> Option<MessageId> {
        let there = !self.running.is_empty();
        there.then(|| self.running.swap_remove(which % self.running.len()))
    }

    async fn reserve(&mut self, ledger: &Ledger, order: Order) {
        let (rules, now) = (self.rules, self.now);
        let ids: Vec<_> = order.asks.iter().map(|ask| ask.id).collect();
        let reserved = ledger.write(move |tx| reserve(tx, &rules, &order, now));
        match reserved.await {
            Ok(reserved) => {
                let held = ids.into_iter().zip(reserved);
                let held = held.filter(|(_, it)| matches!(it, Reserved::Held { .. }));
                self.running.extend(held.map(|(id, _)| id));
            }
            Err(error) => assert_eq!(error.kind, ErrorKind::QuotaExceeded),
        }
    }

    async fn unlimit(&self, ledger: &Ledger, holder: usize, unlimited: bool) {
        let (rules, now, holder) = (self.rules, self.now, self.holder(holder));
        let unlimit = move |tx: &WriteTx| {
            let Some(mut account) = account_of(tx, &rules, holder, now)? else {
                return Ok(());
            };
            account.unlimited = unlimited;
            put_allowance(tx, holder, &account)
        };
        ledger.write(unlimit).await.unwrap();
    }

    async fn act(&mut self, ledger: &Ledger, step: Step) {
        let (rules, now) = (self.rules, self.now);
        match step {
            Step::Reserve {
                user,
                max_tokens,
                answers,
                quote,
            } => {
                let asks = std::iter::repeat_with(|| Ask {
                    max_tokens,
                    ..ask()
                });
                let order = Order {
                    quote: Some(quote),
                    ..order(self.users[user].id, asks.take(answers).collect())
                };
                self.reserve(ledger, order).await;
            }
            Step::Settle {
                which,
                prompt,
                completion,
                quote,
            } => {
                if let Some(id) = self.take(which) {
                    settle_once(ledger, id, usage(prompt, completion), quote).await;
                }
            }
            Step::Release { which } => {
                if let Some(id) = self.take(which) {
                    ledger.write(move |tx| release(tx, id)).await.unwrap();
                }
            }
            Step::TopUp { holder, amount } => {
                let holder = self.holder(holder);
                top_up(ledger, rules, holder, amount, now).await;
            }
            Step::Unlimit { holder, unlimited } => self.unlimit(ledger, holder, unlimited).await,
            Step::Pass { days } => self.now += days * DAY,
            Step::Open { user, tokens } => {
                let id = self.users[user].id;
                let open = move |tx: &WriteTx| open_allowance(tx, id, tokens, None);
                ledger.write(open).await.unwrap();
            }
            Step::Close { holder } => close(ledger, self.holder(holder)).await,
            Step::RemoveOldEntries { holder } => {
                let allowances = Allowances::new(Arc::clone(&ledger.store));
                let removed = allowances.remove_old_entries(self.holder(holder));
                removed.await.unwrap();
            }
            Step::CarryForward { holder } => carry(ledger, self.holder(holder), now).await,
            Step::Crash => {
                ledger.write(release_all).await.unwrap();
                self.running.clear();
            }
        }
    }
}

async fn settle_once(ledger: &Ledger, id: MessageId, used: Usage, quote: Option<u32>) {
    let settle = move |tx: &WriteTx| settle(tx, id, &used, quote);
    ledger.write(settle).await.unwrap();
    let again = move |tx: &WriteTx| super::settle(tx, id, &used, None);
    assert_eq!(ledger.write(again).await.unwrap(), None, "charged twice");
}

async fn close(ledger: &Ledger, holder: Holder) {
    let close = move |tx: &WriteTx| close_allowance(tx, holder);
    ledger.write(close).await.unwrap();
}

async fn carry(ledger: &Ledger, holder: Holder, now: UnixMs) {
    let carry = move |tx: &WriteTx| carry_piece(tx, holder, now);
    let _more = ledger.write(carry).await.unwrap();
}

async fn top_up(ledger: &Ledger, rules: AllowanceRules, holder: Holder, amount: i64, now: UnixMs) {
    let top_up = move |tx: &WriteTx| {
        let account = account_of(tx, &rules, holder, now)?;
        let mut account = match account {
            Some(account) => account,
            None => new_account(tx, holder, now)?,
        };
        let entry = NewEntry::new(AllowanceEntryKind::ToppedUp, amount);
        append(tx, holder, &mut account, entry, now)
    };
    ledger.write(top_up).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_happens_the_entries_come_to_what_there_is(
        steps in proptest::collection::vec(step(), 1..60),
        kind in 0..3_u8, every in 0..4_u8, up_to: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let ledger = Ledger::open();
            let ids = [GroupId::generate(), GroupId::generate()];
            let users = vec![
                user("ada", vec![ids[0]]), user("bob", ids.to_vec()), user("eve", vec![]),
            ];
            ledger.with_users(&users).await;
            let mut rules = if kind == 1 { per_token(500, 2_000) } else { rules() };
            if kind == 2 {
                rules.price.kind = PriceKind::Policy;
            }
            let periods =
                [RefillEvery::Never, RefillEvery::Day, RefillEvery::Week, RefillEvery::Month];
            rules.refill = Refill { every: periods[usize::from(every)], amount: 700, up_to };
            let groups = ids.map(Holder::Group);
            let mut history = History { rules, users, groups, now: now_ms(), running: Vec::new() };
            for step in steps {
                history.act(&ledger, step.clone()).await;
                let checked = ledger.store.read(check_all).await;
                let checked = checked.unwrap_or_else(|error| panic!("after {step:?}: {error}"));
                let reserved = checked.reservations;
                assert_eq!(reserved, history.running.len(), "after {step:?}");
            }
        });
    }

    /// By the token, as long as an estimate is not too low.
    #[test]
    fn whatever_is_written_at_once_nobody_spends_more_than_they_have(
        orders in proptest::collection::vec(
            (0..3_usize, proptest::collection::vec(
                (1..400_u32, proptest::option::of(1..4_000_u32), 0..100_u32, 0..=100_u32), 1..4,
            )), 1..12,
        ),
        prices in (0..3_000_u32, 0..3_000_u32, 1..3_000_u32), start in 0..3_000_i64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let ledger = Ledger::open();
            let group_id = GroupId::generate();
            let users = ["ada", "bob", "eve"].map(|name| user(name, vec![group_id]));
            ledger.with_users(&users).await;
            let mut rules = per_token(prices.0, prices.2);
            rules.price.per_1000_cached = prices.1;
            rules.start = start;
            let group = Holder::Group(group_id);
            let open = move |tx: &WriteTx| {
                let entry = NewEntry::new(AllowanceEntryKind::Opened, start * 2);
                ledger::open(tx, group, start * 2, entry, now_ms()).map(drop)
            };
            ledger.write(open).await.unwrap();
            let mut running = Vec::new();
            for (index, answers) in orders {
                let asks = answers.iter().map(|(prompt_tokens, max_tokens, ..)| Ask {
                    prompt_tokens: *prompt_tokens,
                    max_tokens: *max_tokens,
                    context_tokens: 4_096,
                    ..ask()
                });
                let order = order(users[index].id, asks.collect());
                let asks = order.asks.clone();
                let reserved = ledger.write(move |tx| reserve(tx, &rules, &order, now_ms())).await;
                let Ok(reserved) = reserved else { continue };
                for ((ask, reserved), (.., cached, used)) in
                    asks.into_iter().zip(reserved).zip(answers)
                {
                    let Reserved::Held { max_tokens, .. } = reserved else { continue };
                    let limit = max_tokens.unwrap_or(ask.context_tokens).min(ask.context_tokens);
                    running.push((ask.id, Usage {
                        prompt_tokens: ask.prompt_tokens,
                        cached_tokens: ask.prompt_tokens * cached / 100,
                        // Most of them as long as they may be.
                        completion_tokens: if used < 70 { limit } else { limit * used / 200 },
                        reasoning_tokens: 0,
                    }));
                }
            }
            for (id, used) in running {
                ledger.write(move |tx| settle(tx, id, &used, None)).await.unwrap();
            }
            let accounts = ledger.store.read(list_allowances).await.unwrap();
            for (holder, account) in accounts {
                assert!(account.balance >= 0, "{holder:?} has {}", account.balance);
            }
        });
    }
}
