//! What people may spend: an account of tokens for each user, and for each group with a budget.
//!
//! An account is a ledger and not a counter: the sum of its entries is what can be spent and what
//! is set aside, and what is set aside is the sum of its reservations. Whoever promises a reply
//! sets its price aside in the same transaction, and settles or releases it in the transaction
//! of the reply's end. Where the house charges nothing, no reply writes anything here. Called by
//! `conversations` to charge, by `http` and `cli` to look and to change.

mod carrying;
mod checking;
#[cfg(test)]
mod history_tests;
mod ledger;
#[cfg(test)]
mod ledger_tests;
mod pricing;
mod refill;
mod reservations;
mod rules;
mod stewards;
#[cfg(test)]
mod stewards_tests;
mod views;

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

pub use self::checking::CheckedAllowances;
pub use self::ledger::{close_allowance, open_allowance};
pub use self::pricing::{PricedReply, Pricing, QuoteNeeded, cost};
pub use self::reservations::{Ask, Order, Purchase, Reserved, release, release_all, settle};
pub use self::rules::{
    AllowanceRules, AllowanceRulesChange, PriceChange, RefillChange, WhenEmpty, is_charging,
};
pub(super) use self::rules::{allowance_rules, change_allowance};
pub use self::stewards::AllowanceChange;
pub use self::views::{AllowanceEntryPage, AllowanceView, GroupBudget};
use crate::accounts::post::Post;
use crate::clock::now_ms;
use crate::error::Result;
use crate::store::Store;
pub use crate::store::allowances::{
    AllowanceEntryKind, AllowanceEntryRecord, AllowanceRecord, Holder, Price, PriceKind, Refill,
    RefillEvery,
};
use crate::store::allowances::{find_allowance, list_allowances};

/// How often accounts are refilled that nobody looks at.
const REFILL_PAUSE: std::time::Duration = std::time::Duration::from_secs(60 * 60);
/// Accounts that are refilled in one transaction.
const REFILL_PIECE: usize = 200;

pub struct Allowances {
    store: Arc<Store>,
    pricing: OnceLock<Arc<dyn Pricing>>,
    /// None: nobody is told of anything.
    post: Option<Post>,
}

impl Allowances {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            post: None,
            pricing: OnceLock::new(),
        }
    }

    /// The same, which tells people what administrators give them.
    pub(super) fn telling(store: Arc<Store>, post: Post) -> Self {
        Self {
            post: Some(post),
            ..Self::new(store)
        }
    }

    /// Who is asked for prices, where the house's rules say so. Once, before anybody is served.
    pub fn connect_pricing(&self, pricing: Arc<dyn Pricing>) {
        if self.pricing.set(pricing).is_err() {
            tracing::error!("the prices were connected twice; the first stay");
        }
    }

    /// Refills what is due and carries old entries forward, at the start and every hour, also where
    /// nobody looks.
    pub async fn keep_refilled(self: Arc<Self>, stopping: CancellationToken) {
        let refilling = async {
            loop {
                if let Err(error) = self.refill_due().await {
                    tracing::warn!(%error, "allowances could not be refilled; tried again in an hour");
                }
                if let Err(error) = self.carry_forward(now_ms()).await {
                    tracing::warn!(%error, "old entries are not carried forward yet");
                }
                tokio::time::sleep(REFILL_PAUSE).await;
            }
        };
        stopping.run_until_cancelled(refilling).await;
    }

    async fn refill_due(&self) -> Result<()> {
        let due = self
            .store
            .read(|tx| {
                let rules = allowance_rules(tx)?;
                if !rules.enabled {
                    return Ok(Vec::new());
                }
                let now = now_ms();
                let all = list_allowances(tx)?.into_iter();
                let due =
                    all.filter(|(holder, account)| ledger::is_due(&rules, *holder, account, now));
                Ok(due.map(|(holder, _)| holder).collect::<Vec<_>>())
            })
            .await?;
        for holders in due.chunks(REFILL_PIECE) {
            let holders = holders.to_vec();
            self.store
                .write(move |tx| {
                    let rules = allowance_rules(tx)?;
                    for holder in &holders {
                        // It may have gone meanwhile.
                        if find_allowance(tx, *holder)?.is_some() {
                            ledger::account_of(tx, &rules, *holder, now_ms())?;
                        }
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }
}
