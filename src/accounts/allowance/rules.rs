//! The rules of the allowance, a section of the settings: whether anything is charged, what a reply
//! costs, what accounts begin with and get by themselves, and what becomes of who has nothing left.
//! They are read in the transaction they decide. Changed by `accounts/settings`, field by field.

use serde::{Deserialize, Serialize};

use super::{Price, PriceKind, Refill, RefillEvery};
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, Reason, Result};
use crate::store::settings::{find_setting, put_setting};
use crate::store::{Reads, WriteTx};

const ALLOWANCE: &str = "allowance";

const PRICE_LIMIT: u32 = 1_000_000;
/// Of everything that an administrator says in tokens of the allowance.
pub(super) const AMOUNT_LIMIT: i64 = 1_000_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AllowanceRules {
    /// False: everything is free.
    pub enabled: bool,
    pub price: Price,
    /// What a user's account begins with.
    pub start: i64,
    /// Of users; a group has its own, and a user may have.
    pub refill: Refill,
    /// Since when it comes so often; what began before is not made up for.
    pub refill_since: UnixMs,
    pub when_empty: WhenEmpty,
}

impl Default for AllowanceRules {
    fn default() -> Self {
        Self {
            enabled: false,
            price: Price::default(),
            start: 4_000,
            refill: Refill::default(),
            refill_since: 0,
            when_empty: WhenEmpty::default(),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenEmpty {
    #[default]
    Refuse,
    /// For nothing, when nobody else waits.
    SlowLane,
}

/// None stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowanceRulesChange {
    pub enabled: Option<bool>,
    pub price: PriceChange,
    pub start: Option<i64>,
    pub refill: RefillChange,
    pub when_empty: Option<WhenEmpty>,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct PriceChange {
    pub kind: Option<PriceKind>,
    pub per_message: Option<u32>,
    pub per_1000_prompt: Option<u32>,
    pub per_1000_cached: Option<u32>,
    pub per_1000_completion: Option<u32>,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct RefillChange {
    pub every: Option<RefillEvery>,
    pub amount: Option<i64>,
    pub up_to: Option<bool>,
}

impl PriceChange {
    fn of(self, old: Price) -> Price {
        Price {
            kind: self.kind.unwrap_or(old.kind),
            per_message: self.per_message.unwrap_or(old.per_message),
            per_1000_prompt: self.per_1000_prompt.unwrap_or(old.per_1000_prompt),
            per_1000_cached: self.per_1000_cached.unwrap_or(old.per_1000_cached),
            per_1000_completion: self.per_1000_completion.unwrap_or(old.per_1000_completion),
        }
    }
}

impl RefillChange {
    pub(super) fn is_empty(&self) -> bool {
        self.every.is_none() && self.amount.is_none() && self.up_to.is_none()
    }

    pub(super) fn of(self, old: Refill) -> Refill {
        Refill {
            every: self.every.unwrap_or(old.every),
            amount: self.amount.unwrap_or(old.amount),
            up_to: self.up_to.unwrap_or(old.up_to),
        }
    }
}

pub(super) fn require_amount(field: &str, amount: i64) -> Result<()> {
    match (0..=AMOUNT_LIMIT).contains(&amount) {
        true => Ok(()),
        false => Err(Error::invalid_field(
            field,
            format!("{field} is between 0 and {AMOUNT_LIMIT}"),
        )
        .with_limits(Reason::OutOfRange, 0, AMOUNT_LIMIT)),
    }
}

fn validate(rules: &AllowanceRules) -> Result<()> {
    let price = &rules.price;
    for (field, value) in [
        ("per_message", price.per_message),
        ("per_1000_prompt", price.per_1000_prompt),
        ("per_1000_cached", price.per_1000_cached),
        ("per_1000_completion", price.per_1000_completion),
    ] {
        if value > PRICE_LIMIT {
            let wrong = Error::invalid_field(field, format!("a price is at most {PRICE_LIMIT}"));
            return Err(wrong.with_limits(Reason::OutOfRange, 0, PRICE_LIMIT));
        }
    }
    require_amount("start", rules.start)?;
    require_amount("refill.amount", rules.refill.amount)
}

pub(in crate::accounts) fn allowance_rules(tx: &impl Reads) -> Result<AllowanceRules> {
    Ok(find_setting(tx, ALLOWANCE)?.unwrap_or_default())
}

/// False: everything is free, and nothing needs to be reserved.
pub fn is_charging(tx: &impl Reads) -> Result<bool> {
    Ok(allowance_rules(tx)?.enabled)
}

pub(in crate::accounts) fn change_allowance(
    tx: &WriteTx,
    change: AllowanceRulesChange,
) -> Result<()> {
    let old = allowance_rules(tx)?;
    let refill = change.refill.of(old.refill);
    let new = AllowanceRules {
        enabled: change.enabled.unwrap_or(old.enabled),
        price: change.price.of(old.price),
        start: change.start.unwrap_or(old.start),
        refill,
        refill_since: match refill.every == old.refill.every {
            true => old.refill_since,
            false => now_ms(),
        },
        when_empty: change.when_empty.unwrap_or(old.when_empty),
    };
    if new == old {
        return Ok(());
    }
    validate(&new)?;
    put_setting(tx, ALLOWANCE, &new)
}
