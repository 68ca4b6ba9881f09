//! What is set aside for a reply when it is promised, and settled or released when it has ended.
//!
//! What is reserved of an account is the sum of its reservations, after each of these. A reservation
//! goes when it is settled or released, so nothing is charged twice. Called by `conversations`, in
//! the transactions of the promise and of the end.

use super::ledger::{NewEntry, account_of, append_with, groups_of, schedule_of};
use super::pricing::payable_tokens;
use super::refill::next_period;
use super::rules::allowance_rules;
use super::{
    AllowanceEntryKind, AllowanceRecord, AllowanceRules, Allowances, Holder, Price, PriceKind,
    PricedReply, QuoteNeeded, WhenEmpty, cost,
};
use crate::clock::{UnixMs, now_ms, rfc3339};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{MessageId, UserId};
use crate::store::WriteTx;
use crate::store::allowances::{
    ReservationRecord, Usage, find_allowance, find_reservation, list_reservations, put_allowance,
    put_reservation, remove_reservation,
};
use crate::store::groups::EVERYONE;
use crate::store::users::find_user;

/// What a reply is held to where nobody says how long it may be, so that it can be set aside.
const USUAL_REPLY_TOKENS: u32 = 8_192;
/// What a price is asked for, where nobody says.
const REPLY_TOKENS: u32 = 1_024;
/// A reply that cannot have so many is not begun.
const FEWEST_REPLY_TOKENS: u32 = 16;

/// What is to be paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purchase {
    Reply,
    /// By its prompt, whatever a message costs.
    Vectors,
}

/// What one request takes. All of it is sold, or nothing.
#[derive(Debug, Clone)]
pub struct Order {
    pub user_id: UserId,
    /// What [`Allowances::quote`] said of one of them; None: it was not asked.
    pub quote: Option<Option<u32>>,
    pub asks: Vec<Ask>,
}

/// What is to be set aside, and for what.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Of the reservation; the reply's, where there is one.
    pub id: MessageId,
    pub purchase: Purchase,
    pub model: String,
    /// As far as can be said before it is read.
    pub prompt_tokens: u32,
    pub max_tokens: Option<u32>,
    /// What a reply can at most have.
    pub context_tokens: u32,
    /// Whether the entry is to name the reply.
    pub is_message: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// Nothing is charged.
    Free,
    /// It does not suffice; to be written when nobody else waits, for nothing.
    SlowLane,
    /// Must be settled or released.
    Held {
        /// What the reply must keep to, so that what is set aside suffices.
        max_tokens: Option<u32>,
        /// [`Allowances::quote`] is to be asked at the end.
        by_policy: bool,
    },
}

/// What it takes at least, and what should be set aside.
#[derive(Debug, Clone, Copy)]
struct Need {
    least: i64,
    whole: i64,
}

fn need_of(price: &Price, ask: &Ask) -> Need {
    let costs = |completion_tokens| {
        let usage = Usage {
            prompt_tokens: ask.prompt_tokens,
            completion_tokens,
            ..Usage::default()
        };
        cost(price, &usage)
    };
    let reply = match ask.purchase {
        Purchase::Reply => ask
            .max_tokens
            .unwrap_or(USUAL_REPLY_TOKENS)
            .min(ask.context_tokens),
        Purchase::Vectors => 0,
    };
    Need {
        least: costs(reply.min(FEWEST_REPLY_TOKENS)),
        whole: costs(reply),
    }
}

/// The price at which this is sold, whatever the settings become meanwhile.
fn price_of(rules: &AllowanceRules, ask: &Ask, quote: Option<Option<u32>>) -> Price {
    let mut price = rules.price;
    if ask.purchase == Purchase::Vectors {
        price.kind = PriceKind::PerToken;
    }
    if let (PriceKind::Policy, Some(Some(quote))) = (price.kind, quote) {
        price.per_message = quote;
    }
    price
}

/// The same, before it is known how much of a prompt is cached.
fn at_most(price: Price) -> Price {
    Price {
        per_1000_prompt: price.per_1000_prompt.max(price.per_1000_cached),
        ..price
    }
}

impl Allowances {
    /// Sets aside what an order costs, with its user and with each group of theirs that has a
    /// budget; all must suffice for all of it. Gives a word on each. [`ErrorKind::QuotaExceeded`]
    /// where one does not suffice; a [`QuoteNeeded`] where a price must be asked for first.
    pub fn reserve(&self, tx: &WriteTx, order: &Order) -> Result<Vec<Reserved>> {
        let rules = allowance_rules(tx)?;
        if !rules.enabled {
            return Ok(vec![Reserved::Free; order.asks.len()]);
        }
        let is_quoted = rules.price.kind == PriceKind::Policy && self.has_pricing();
        let replies = order.asks.iter();
        let replies = replies.filter(|ask| ask.purchase == Purchase::Reply);
        // One price for all of an order: that of the largest.
        let largest = replies.max_by_key(|ask| ask.prompt_tokens);
        if let (true, None, Some(ask)) = (is_quoted, order.quote, largest) {
            let usage = Usage {
                prompt_tokens: ask.prompt_tokens,
                completion_tokens: ask.max_tokens.unwrap_or(REPLY_TOKENS),
                ..Usage::default()
            };
            return Err(Error::internal(QuoteNeeded(PricedReply {
                user_id: order.user_id,
                model: ask.model.clone(),
                usage,
                is_over: false,
            })));
        }
        let mut reserved = reserve(tx, &rules, order, now_ms())?;
        for (reserved, ask) in reserved.iter_mut().zip(&order.asks) {
            if let Reserved::Held { by_policy, .. } = reserved {
                *by_policy = is_quoted && ask.purchase == Purchase::Reply;
            }
        }
        Ok(reserved)
    }
}

type Payers = Vec<(Holder, AllowanceRecord)>;

/// Everybody who pays for what a user does.
fn payers(tx: &WriteTx, rules: &AllowanceRules, user_id: UserId, now: UnixMs) -> Result<Payers> {
    let user =
        find_user(tx, &user_id)?.ok_or_else(|| Error::unauthenticated("this account is gone"))?;
    let mut payers = Payers::new();
    for holder in std::iter::once(Holder::User(user_id)).chain(groups_of(user)) {
        if payers.iter().any(|(known, _)| *known == holder) {
            continue;
        }
        if let Some(account) = account_of(tx, rules, holder, now)?
            && !account.unlimited
        {
            payers.push((holder, account));
        }
    }
    Ok(payers)
}

pub(super) fn reserve(
    tx: &WriteTx,
    rules: &AllowanceRules,
    order: &Order,
    now: UnixMs,
) -> Result<Vec<Reserved>> {
    let mut payers = payers(tx, rules, order.user_id, now)?;
    let prices = order
        .asks
        .iter()
        .map(|ask| price_of(rules, ask, order.quote));
    let prices: Vec<Price> = prices.collect();
    let asked = order.asks.iter().zip(&prices);
    let needs: Vec<Need> = asked.map(|(ask, it)| need_of(&at_most(*it), ask)).collect();
    let least: i64 = needs.iter().map(|need| need.least).sum();
    let too_little = |account: &AllowanceRecord| least > 0 && account.balance < least;
    if let Some((holder, account)) = payers.iter().find(|(_, account)| too_little(account)) {
        return match rules.when_empty {
            WhenEmpty::SlowLane => Ok(vec![Reserved::SlowLane; order.asks.len()]),
            WhenEmpty::Refuse => Err(refusal(rules, *holder, account, least, now)),
        };
    }
    let Some(mut left) = payers.iter().map(|(_, account)| account.balance).min() else {
        return Ok(vec![Reserved::Free; order.asks.len()]);
    };
    let (mut reserved, mut for_others) = (Vec::with_capacity(needs.len()), least);
    for ((ask, price), need) in order.asks.iter().zip(prices).zip(needs) {
        for_others -= need.least;
        let amount = need.whole.min(left - for_others).max(0);
        left -= amount;
        for (_, account) in &mut payers {
            account.balance -= amount;
            account.reserved += amount;
        }
        let reservation = ReservationRecord {
            holders: payers.iter().map(|(holder, _)| *holder).collect(),
            amount,
            price,
            message_id: ask.is_message.then_some(ask.id),
            model: ask.model.clone(),
        };
        put_reservation(tx, ask.id, &reservation)?;
        reserved.push(Reserved::Held {
            max_tokens: limit_of(&at_most(price), ask, amount),
            by_policy: false,
        });
    }
    for (holder, account) in payers {
        put_allowance(tx, holder, &account)?;
    }
    Ok(reserved)
}

/// As long as `amount` pays for.
fn limit_of(price: &Price, ask: &Ask, amount: i64) -> Option<u32> {
    let limit = payable_tokens(price, ask.prompt_tokens, amount);
    let limit = limit.filter(|limit| *limit < ask.max_tokens.unwrap_or(ask.context_tokens));
    limit.map(|limit| limit.max(1)).or(ask.max_tokens)
}

fn refusal(
    rules: &AllowanceRules,
    holder: Holder,
    account: &AllowanceRecord,
    needed: i64,
    now: UnixMs,
) -> Error {
    let (whose, name) = match holder {
        Holder::User(_) => ("your allowance", "user"),
        Holder::Group(EVERYONE) => ("the budget of the house", "group"),
        Holder::Group(_) => ("the budget of your group", "group"),
    };
    let mut sentence = format!(
        "{whose} does not suffice: this takes {needed} tokens, and {} are left",
        account.balance
    );
    let mut details = serde_json::json!({
        "balance": account.balance,
        "reserved": account.reserved,
        "needed": needed,
        "missing": needed - account.balance,
        "holder": name,
    });
    if let Holder::Group(id) = holder {
        details["group_id"] = id.to_string().into();
    }
    if let Some(at) = next_period(schedule_of(rules, holder, account).refill.every, now) {
        let at = rfc3339(at);
        sentence.push_str(&format!("; it is refilled at {at}"));
        details["refill_at"] = at.into();
    }
    Error::new(ErrorKind::QuotaExceeded, sentence).with_details(details)
}

/// Takes back what was set aside under `id`; None where nothing was.
fn take_back(tx: &WriteTx, id: MessageId) -> Result<Option<(ReservationRecord, Payers)>> {
    let Some(reservation) = find_reservation(tx, id)? else {
        return Ok(None);
    };
    remove_reservation(tx, id)?;
    let mut accounts = Vec::with_capacity(reservation.holders.len());
    for holder in &reservation.holders {
        // It may have been removed with its user.
        if let Some(mut account) = find_allowance(tx, *holder)? {
            account.reserved -= reservation.amount;
            account.balance += reservation.amount;
            accounts.push((*holder, account));
        }
    }
    Ok(Some((reservation, accounts)))
}

/// Charges what was reserved under `id`: `quote`, or what the usage costs. Gives what was charged;
/// None: nothing was reserved, or all who were to pay are gone.
pub fn settle(
    tx: &WriteTx,
    id: MessageId,
    usage: &Usage,
    quote: Option<u32>,
) -> Result<Option<i64>> {
    let Some((reservation, accounts)) = take_back(tx, id)? else {
        return Ok(None);
    };
    if accounts.is_empty() {
        return Ok(None);
    }
    let cost = quote.map_or_else(|| cost(&reservation.price, usage), i64::from);
    for (holder, mut account) in accounts {
        if cost == 0 {
            put_allowance(tx, holder, &account)?;
            continue;
        }
        let entry = NewEntry::new(AllowanceEntryKind::Settled, -cost);
        append_with(tx, holder, &mut account, entry, now_ms(), |entry| {
            entry.message_id = reservation.message_id;
            entry.model = Some(reservation.model.clone());
            entry.usage = Some(*usage);
        })?;
    }
    Ok(Some(cost))
}

/// Gives back what was reserved under `id`, if anything was.
pub fn release(tx: &WriteTx, id: MessageId) -> Result<()> {
    let Some((_, accounts)) = take_back(tx, id)? else {
        return Ok(());
    };
    for (holder, account) in accounts {
        put_allowance(tx, holder, &account)?;
    }
    Ok(())
}

/// Gives back all that is reserved; for the start, when nothing is being written.
pub fn release_all(tx: &WriteTx) -> Result<()> {
    for (id, _) in list_reservations(tx)? {
        release(tx, id)?;
    }
    Ok(())
}
