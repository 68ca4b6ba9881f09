//! Whatever happens in whatever order, the sum of the entries is what there is, and what is
//! reserved is the sum of the reservations. Random histories of three users and a group, in days
//! that pass and sometimes go back, with houses that are killed.

use proptest::prelude::*;

use super::checking::check_all;
use super::ledger::{NewEntry, account_of, append, new_account};
use super::ledger_tests::{DAY, Ledger, ask, per_token, rules, usage, user};
use super::reservations::{Ask, Reserved, release, release_all, reserve, settle};
use super::rules::AllowanceRules;
use super::*;
use crate::clock::UnixMs;
use crate::error::ErrorKind;
use crate::ids::{GroupId, MessageId};
use crate::store::WriteTx;
use crate::store::allowances::put_allowance;
use crate::store::users::UserRecord;

#[derive(Debug, Clone)]
enum Step {
    Reserve {
        user: usize,
        max_tokens: Option<u32>,
    },
    Settle {
        which: usize,
        prompt: u32,
        completion: u32,
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
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, proptest::option::of(1..3_000_u32))
            .prop_map(|(user, max_tokens)| Step::Reserve { user, max_tokens }),
        3 => (0..8_usize, 0..5_000_u32, 0..5_000_u32)
            .prop_map(|(which, prompt, completion)| Step::Settle { which, prompt, completion }),
        2 => (0..8_usize).prop_map(|which| Step::Release { which }),
        1 => (0..4_usize, -500..2_000_i64)
            .prop_map(|(holder, amount)| Step::TopUp { holder, amount }),
        1 => (0..4_usize, any::<bool>())
            .prop_map(|(holder, unlimited)| Step::Unlimit { holder, unlimited }),
        2 => (-3..40_i64).prop_map(|days| Step::Pass { days }),
        1 => (0..3_usize, 0..1_000_u64).prop_map(|(user, tokens)| Step::Open { user, tokens }),
        1 => Just(Step::Crash),
    ]
}

struct History {
    rules: AllowanceRules,
    users: Vec<UserRecord>,
    group: Holder,
    now: UnixMs,
    running: Vec<MessageId>,
}

impl History {
    fn holder(&self, index: usize) -> Holder {
        let user = self.users.get(index);
        user.map_or(self.group, |user| Holder::User(user.id))
    }

    fn take(&mut self, which: usize) -> Option<MessageId> {
        let there = !self.running.is_empty();
        there.then(|| self.running.swap_remove(which % self.running.len()))
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
            Step::Reserve { user, max_tokens } => {
                let ask = Ask {
                    max_tokens,
                    ..ask(self.users[user].id)
                };
                let id = ask.id;
                let reserved = ledger.write(move |tx| reserve(tx, &rules, &ask, now)).await;
                match reserved {
                    Ok(Reserved::Held { .. }) => self.running.push(id),
                    Ok(_) => {}
                    Err(error) => assert_eq!(error.kind, ErrorKind::QuotaExceeded),
                }
            }
            Step::Settle {
                which,
                prompt,
                completion,
            } => {
                if let Some(id) = self.take(which) {
                    let used = usage(prompt, completion);
                    let settle = move |tx: &WriteTx| settle(tx, id, &used, None);
                    assert!(ledger.write(settle).await.unwrap().is_some());
                    let again = move |tx: &WriteTx| super::settle(tx, id, &used, None);
                    assert_eq!(ledger.write(again).await.unwrap(), None, "charged twice");
                }
            }
            Step::Release { which } => {
                if let Some(id) = self.take(which) {
                    ledger.write(move |tx| release(tx, id)).await.unwrap();
                }
            }
            Step::TopUp { holder, amount } => {
                let holder = self.holder(holder);
                let top_up = move |tx: &WriteTx| {
                    let account = account_of(tx, &rules, holder, now)?;
                    let mut account = account.unwrap_or_else(|| new_account(now));
                    let entry = NewEntry::new(AllowanceEntryKind::ToppedUp, amount);
                    append(tx, holder, &mut account, entry, now)
                };
                ledger.write(top_up).await.unwrap();
            }
            Step::Unlimit { holder, unlimited } => self.unlimit(ledger, holder, unlimited).await,
            Step::Pass { days } => self.now += days * DAY,
            Step::Open { user, tokens } => {
                let id = self.users[user].id;
                let open = move |tx: &WriteTx| open_allowance(tx, id, tokens, None);
                ledger.write(open).await.unwrap();
            }
            Step::Crash => {
                ledger.write(release_all).await.unwrap();
                self.running.clear();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_happens_the_entries_come_to_what_there_is(
        steps in proptest::collection::vec(step(), 1..60),
        kind in 0..2_u8, every in 0..3_u8, up_to: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let ledger = Ledger::open();
            let group_id = GroupId::generate();
            let users = vec![
                user("ada", vec![group_id]), user("bob", vec![group_id]), user("eve", vec![]),
            ];
            ledger.with_users(&users).await;
            let mut rules = if kind == 0 { rules() } else { per_token(500, 2_000) };
            rules.refill = Refill {
                every: [RefillEvery::Never, RefillEvery::Day, RefillEvery::Month][usize::from(every)],
                amount: 700,
                up_to,
            };
            let group = Holder::Group(group_id);
            let mut history = History { rules, users, group, now: now_ms(), running: Vec::new() };
            for step in steps {
                history.act(&ledger, step.clone()).await;
                let checked = ledger.store.read(check_all).await;
                let checked = checked.unwrap_or_else(|error| panic!("after {step:?}: {error}"));
                let reserved = checked.reservations;
                assert_eq!(reserved, history.running.len(), "after {step:?}");
            }
        });
    }
}
