//! Allowances as they stand on the wire, and the section of the settings about them. Amounts are in
//! tokens of the allowance; prices of models' tokens are for a thousand of them.

use poem_openapi::{Enum, Object};

use crate::accounts::allowance::{self, AllowanceEntryPage, AllowanceEntryRecord, AllowanceView};
use crate::clock::rfc3339;
use crate::engine;
use crate::http::text::Text;

/// What people may spend on replies.
#[derive(Object)]
pub(in crate::http::api) struct AllowanceRules {
    /// False: everything is free.
    enabled: bool,
    price: Price,
    /// What a user begins with.
    start: i64,
    refill: Refill,
    when_empty: WhenEmpty,
}

impl From<allowance::AllowanceRules> for AllowanceRules {
    fn from(rules: allowance::AllowanceRules) -> Self {
        Self {
            enabled: rules.enabled,
            price: rules.price.into(),
            start: rules.start,
            refill: rules.refill.into(),
            when_empty: rules.when_empty.into(),
        }
    }
}

/// What a reply costs. By kind: each message its price; what was used of the model's tokens; or what
/// a plugin says, and where it says nothing the price of a message.
#[derive(Object)]
#[oai(remote = "allowance::Price")]
struct Price {
    kind: PriceKind,
    per_message: u32,
    per_1000_prompt: u32,
    /// Of the prompt, what was computed before.
    per_1000_cached: u32,
    per_1000_completion: u32,
}

/// What an account gets by itself when a day, a week from Monday, or a month begins in UTC.
#[derive(Object)]
#[oai(remote = "allowance::Refill")]
struct Refill {
    every: RefillEvery,
    amount: i64,
    /// Fills up to the amount instead of adding it.
    up_to: bool,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", remote = "allowance::PriceKind")]
enum PriceKind {
    PerMessage,
    PerToken,
    Policy,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", remote = "allowance::RefillEvery")]
enum RefillEvery {
    Never,
    Day,
    Week,
    Month,
}

/// Who has too little is refused, or is answered for nothing when nobody else waits.
#[derive(Enum)]
#[oai(rename_all = "snake_case", remote = "allowance::WhenEmpty")]
enum WhenEmpty {
    Refuse,
    SlowLane,
}

#[derive(Object, Default)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(in crate::http::api) struct UpdateAllowanceRules {
    enabled: Option<bool>,
    price: Option<UpdatePrice>,
    start: Option<i64>,
    refill: Option<UpdateRefill>,
    when_empty: Option<WhenEmpty>,
}

#[derive(Object, Default)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct UpdatePrice {
    kind: Option<PriceKind>,
    per_message: Option<u32>,
    per_1000_prompt: Option<u32>,
    per_1000_cached: Option<u32>,
    per_1000_completion: Option<u32>,
}

#[derive(Object, Default)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct UpdateRefill {
    every: Option<RefillEvery>,
    amount: Option<i64>,
    up_to: Option<bool>,
}

impl From<UpdateRefill> for allowance::RefillChange {
    fn from(update: UpdateRefill) -> Self {
        Self {
            every: update.every.map(Into::into),
            amount: update.amount,
            up_to: update.up_to,
        }
    }
}

impl From<UpdateAllowanceRules> for allowance::AllowanceRulesChange {
    fn from(update: UpdateAllowanceRules) -> Self {
        let price = update.price.unwrap_or_default();
        Self {
            enabled: update.enabled,
            price: allowance::PriceChange {
                kind: price.kind.map(Into::into),
                per_message: price.per_message,
                per_1000_prompt: price.per_1000_prompt,
                per_1000_cached: price.per_1000_cached,
                per_1000_completion: price.per_1000_completion,
            },
            start: update.start,
            refill: update.refill.map(Into::into).unwrap_or_default(),
            when_empty: update.when_empty.map(Into::into),
        }
    }
}

/// What somebody may spend.
#[derive(Object)]
pub(in crate::http::api) struct Allowance {
    /// False: everything is free, and the rest means nothing.
    enabled: bool,
    /// What can be spent; below zero where a reply came dearer than it seemed.
    balance: i64,
    /// Set aside for what is being written.
    reserved: i64,
    /// Nothing is charged here; budgets of groups that have a limit pay all the same.
    unlimited: bool,
    price: Price,
    refill: AllowanceRefill,
    when_empty: WhenEmpty,
    /// The budgets that also pay, of the groups one is in.
    groups: Vec<GroupBudget>,
}

/// What comes by itself.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct AllowanceRefill {
    every: RefillEvery,
    amount: i64,
    /// Fills up to the amount instead of adding it.
    up_to: bool,
    /// In place of what the house gives everybody.
    own: bool,
    /// Absent: never.
    next_at: Option<String>,
}

#[derive(Object)]
struct GroupBudget {
    id: String,
    name: String,
    /// Everybody is in it.
    is_everyone: bool,
    balance: i64,
    reserved: i64,
    unlimited: bool,
}

impl From<AllowanceView> for Allowance {
    fn from(view: AllowanceView) -> Self {
        let groups = view.groups.into_iter().map(|budget| GroupBudget {
            id: budget.id.to_string(),
            name: budget.name,
            is_everyone: budget.is_everyone,
            balance: budget.account.balance,
            reserved: budget.account.reserved,
            unlimited: budget.account.unlimited,
        });
        Self {
            enabled: view.rules.enabled,
            balance: view.account.balance,
            reserved: view.account.reserved,
            unlimited: view.account.unlimited,
            price: view.rules.price.into(),
            refill: AllowanceRefill {
                every: view.refill.every.into(),
                amount: view.refill.amount,
                up_to: view.refill.up_to,
                own: view.account.refill.is_some(),
                next_at: view.next_refill_at.map(rfc3339),
            },
            when_empty: view.rules.when_empty.into(),
            groups: groups.collect(),
        }
    }
}

/// An entry of an allowance, never changed. What is older than 400 days is carried forward in one.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::http::api) struct TokenEntry {
    /// Counted from 1, of each allowance.
    number: u64,
    at: String,
    kind: TokenEntryKind,
    /// Below zero: taken.
    amount: i64,
    /// What there was afterwards, with what was set aside.
    balance_after: i64,
    /// The reply that was paid for; absent where a program keeps its own.
    message_id: Option<String>,
    model: Option<String>,
    usage: Option<TokenEntryUsage>,
    note: Option<String>,
    /// Who did it.
    by: Option<String>,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", remote = "allowance::AllowanceEntryKind")]
enum TokenEntryKind {
    Opened,
    ToppedUp,
    Refilled,
    Settled,
    Corrected,
    CarriedForward,
}

/// Of the model's tokens.
#[derive(Object)]
#[oai(remote = "engine::Usage")]
struct TokenEntryUsage {
    prompt_tokens: u32,
    cached_tokens: u32,
    completion_tokens: u32,
    reasoning_tokens: u32,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct TokenEntryPage {
    /// Latest first.
    items: Vec<TokenEntry>,
    next_cursor: Option<String>,
}

impl From<AllowanceEntryRecord> for TokenEntry {
    fn from(entry: AllowanceEntryRecord) -> Self {
        Self {
            number: entry.number,
            at: rfc3339(entry.at),
            kind: entry.kind.into(),
            amount: entry.amount,
            balance_after: entry.balance_after,
            message_id: entry.message_id.map(|id| id.to_string()),
            model: entry.model,
            usage: entry.usage.map(Into::into),
            note: entry.note,
            by: entry.by,
        }
    }
}

impl From<AllowanceEntryPage> for TokenEntryPage {
    fn from(page: AllowanceEntryPage) -> Self {
        Self {
            items: page.entries.into_iter().map(Into::into).collect(),
            next_cursor: page.next_before.map(|number| number.to_string()),
        }
    }
}

/// What comes by itself; a field that is absent stays.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct UpdateOwnRefill {
    every: Option<RefillEvery>,
    amount: Option<i64>,
    up_to: Option<bool>,
    /// False: what the house gives everybody, whatever else is said here.
    own: Option<bool>,
}

impl From<UpdateOwnRefill> for Option<allowance::RefillChange> {
    fn from(update: UpdateOwnRefill) -> Self {
        (update.own != Some(false)).then(|| allowance::RefillChange {
            every: update.every.map(Into::into),
            amount: update.amount,
            up_to: update.up_to,
        })
    }
}

/// An amount, whether there is a limit at all, or what comes by itself.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct UpdateTokens {
    /// Added; below zero: taken back, at most what is left.
    amount: Option<i64>,
    unlimited: Option<bool>,
    refill: Option<UpdateOwnRefill>,
    /// Up to 200 characters, for the entry.
    note: Option<Text>,
}

impl From<UpdateTokens> for allowance::AllowanceChange {
    fn from(update: UpdateTokens) -> Self {
        Self {
            amount: update.amount,
            unlimited: update.unlimited,
            refill: update.refill.map(Into::into),
            note: update.note.map(Into::into),
        }
    }
}

/// A field that is absent stays; a first budget needs an amount.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct SetBudget {
    /// What is to be left, with what is set aside; there is then a limit.
    pub(super) amount: Option<i64>,
    pub(super) refill: Option<UpdateRefill>,
}
