//! What a reply costs: by the house's prices, in whole tokens of the allowance, rounded up; or by
//! whoever was connected to say, outside every transaction and within a time. Where they name no
//! price, the house's holds; where they cannot be asked now, none does. Asked by `reservations`, and
//! by `conversations` for a quote.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Allowances, Price, PriceKind};
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::plugins::rules_busy;
use crate::store::allowances::Usage;

/// A reply whose price is wanted.
#[derive(Debug, Clone)]
pub struct PricedReply {
    pub user_id: UserId,
    pub model: String,
    /// Before the reply an estimate; after it what was used.
    pub usage: Usage,
    pub is_over: bool,
}

/// Says what replies cost, where the house's price is `policy`.
pub trait Pricing: Send + Sync {
    /// None: the house's price. The error: nobody can be asked now. Never called inside a transaction.
    fn price(&self, reply: PricedReply) -> BoxFuture<'static, Result<Option<u32>>>;

    /// For longer nobody waits for a price. Who says it has an answer by then, or never.
    fn patience(&self) -> Duration {
        Duration::from_secs(2)
    }
}

/// Why a transaction was given up: a price is to be asked for first.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the price of a reply was not asked for")]
pub struct QuoteNeeded(pub PricedReply);

impl QuoteNeeded {
    pub fn find_in(error: &Error) -> Option<PricedReply> {
        let source = error.source.as_ref()?.downcast_ref::<Self>()?;
        Some(source.0.clone())
    }
}

impl Allowances {
    pub(super) fn has_pricing(&self) -> bool {
        self.pricing.get().is_some()
    }

    /// None: the house's price. [`ErrorKind::Overloaded`](crate::error::ErrorKind::Overloaded) where
    /// nobody can be asked now.
    pub async fn quote(&self, reply: PricedReply) -> Result<Option<u32>> {
        let Some(pricing) = self.pricing.get() else {
            return Ok(None);
        };
        let answer = tokio::time::timeout(pricing.patience(), pricing.price(reply)).await;
        answer.unwrap_or_else(|_| {
            tracing::warn!("nobody said in time what a reply costs");
            Err(rules_busy())
        })
    }
}

/// In tokens of the allowance.
pub fn cost(price: &Price, usage: &Usage) -> i64 {
    match price.kind {
        PriceKind::PerMessage | PriceKind::Policy => price.per_message.into(),
        PriceKind::PerToken => i64::try_from(thousandths(price, usage).div_ceil(1000))
            .expect("three products of 32 bits, a thousandth of them, are less than 63 bits"),
    }
}

fn thousandths(price: &Price, usage: &Usage) -> u128 {
    let cached = usage.cached_tokens.min(usage.prompt_tokens);
    let computed = usage.prompt_tokens - cached;
    let product = |tokens: u32, price: u32| u128::from(tokens) * u128::from(price);
    product(computed, price.per_1000_prompt)
        + product(cached, price.per_1000_cached)
        + product(usage.completion_tokens, price.per_1000_completion)
}

/// How many tokens of a reply `payable` pays for behind a prompt; None: any number.
pub(super) fn payable_tokens(price: &Price, prompt_tokens: u32, payable: i64) -> Option<u32> {
    if price.kind != PriceKind::PerToken || price.per_1000_completion == 0 {
        return None;
    }
    let prompt = Usage {
        prompt_tokens,
        ..Usage::default()
    };
    let all = u128::try_from(payable).unwrap_or(0) * 1000;
    let left = all.saturating_sub(thousandths(price, &prompt));
    let tokens = left / u128::from(price.per_1000_completion);
    Some(u32::try_from(tokens).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn per_token(prompt: u32, cached: u32, completion: u32) -> Price {
        Price {
            kind: PriceKind::PerToken,
            per_1000_prompt: prompt,
            per_1000_cached: cached,
            per_1000_completion: completion,
            ..Price::default()
        }
    }

    fn usage(prompt_tokens: u32, cached_tokens: u32, completion_tokens: u32) -> Usage {
        Usage {
            prompt_tokens,
            cached_tokens,
            completion_tokens,
            reasoning_tokens: 0,
        }
    }

    #[test]
    fn what_is_cached_costs_its_own_price_and_all_is_rounded_up_once() {
        let price = per_token(1000, 10, 3000);
        assert_eq!(cost(&price, &usage(10, 4, 2)), 6 + 1 + 6);
        assert_eq!(cost(&per_token(1, 1, 1), &usage(1, 0, 0)), 1);
        assert_eq!(cost(&per_token(1, 1, 1), &usage(0, 0, 0)), 0);
        assert_eq!(cost(&Price::default(), &usage(9, 9, 9)), 100);
    }

    proptest! {
        #[test]
        fn what_can_be_paid_is_paid_and_one_token_more_is_not(
            prompt in 0..u32::MAX, per_prompt in 0..1_000_000_u32, per_completion in 1..1_000_000_u32,
            payable in 0..1_000_000_000_000_i64,
        ) {
            let price = per_token(per_prompt, 0, per_completion);
            let tokens = payable_tokens(&price, prompt, payable).unwrap();
            let prompt_alone = cost(&price, &usage(prompt, 0, 0));
            prop_assert!(tokens == 0 || cost(&price, &usage(prompt, 0, tokens)) <= payable);
            if prompt_alone <= payable && tokens < u32::MAX {
                prop_assert!(cost(&price, &usage(prompt, 0, tokens + 1)) > payable);
            }
        }

        #[test]
        fn no_usage_overflows(prompt: u32, cached: u32, completion: u32) {
            let dear = per_token(1_000_000, 1_000_000, 1_000_000);
            prop_assert!(cost(&dear, &usage(prompt, cached, completion)) >= 0);
        }
    }
}
