//! What administrators do to allowances: top up, take back, lift the limit, give a group a budget.
//! Each is written into the audit log in its transaction; the command line stands there as itself.

use serde_json::json;

use super::ledger::{NewEntry, account_of, append, new_account, schedule_of};
use super::rules::{AMOUNT_LIMIT, require_amount};
use super::{
    AllowanceEntryKind, AllowanceRecord, AllowanceRules, AllowanceView, Allowances, Holder,
    RefillChange, allowance_rules,
};
use crate::accounts::audit::audited_by;
use crate::accounts::post::Post;
use crate::accounts::rights::Issuer;
use crate::accounts::validity::is_plain_line;
use crate::accounts::{AuditActor, Caller};
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, Reason, Result};
use crate::ids::GroupId;
use crate::mail::MailKind;
use crate::store::WriteTx;
use crate::store::allowances::{find_allowance, put_allowance};
use crate::store::groups::find_group;
use crate::store::users::find_user;

const NOTE_LIMIT_CHARS: usize = 200;

/// One of the first three, at least.
#[derive(Debug, Clone, Default)]
pub struct AllowanceChange {
    /// Added; below zero: taken back, at most what is left.
    pub amount: Option<i64>,
    pub unlimited: Option<bool>,
    /// What comes by itself; Some(None): as the house has it.
    pub refill: Option<Option<RefillChange>>,
    pub note: Option<String>,
}

impl AllowanceChange {
    fn validate(&self) -> Result<()> {
        let is_empty = |refill: Option<RefillChange>| refill.is_some_and(|it| it.is_empty());
        if self.amount.is_none() && self.unlimited.is_none() && self.refill.is_none_or(is_empty) {
            let sentence = "say an amount, whether it is unlimited, or what comes by itself";
            return Err(Error::invalid(sentence).with_reason(Reason::AmountNeeded));
        }
        let limits = -AMOUNT_LIMIT..=AMOUNT_LIMIT;
        let is_wrong = |amount: i64| amount == 0 || !limits.contains(&amount);
        if self.amount.is_some_and(is_wrong) {
            let sentence =
                format!("an amount is between -{AMOUNT_LIMIT} and {AMOUNT_LIMIT}, and not 0");
            let wrong = Error::invalid_field("amount", sentence);
            return Err(wrong.with_limits(Reason::OutOfRange, -AMOUNT_LIMIT, AMOUNT_LIMIT));
        }
        let is_wrong = |note: &String| !is_plain_line(note, NOTE_LIMIT_CHARS);
        match self.note.as_ref().is_some_and(is_wrong) {
            true => Err(Error::invalid_field(
                "note",
                format!("a note is one line of up to {NOTE_LIMIT_CHARS} characters"),
            )
            .with_limits(Reason::NotOneLine, 0, NOTE_LIMIT_CHARS)),
            false => Ok(()),
        }
    }
}

/// For the audit log.
fn name_of(tx: &WriteTx, holder: Holder) -> Result<String> {
    match holder {
        Holder::User(id) => {
            let user = find_user(tx, &id)?.ok_or_else(|| Error::not_found("user"))?;
            Ok(user.username)
        }
        Holder::Group(id) => {
            let group = find_group(tx, id)?.ok_or_else(|| Error::not_found("group"))?;
            Ok(group.name)
        }
    }
}

/// By this much, with an entry that says who and why.
fn adjust(
    tx: &WriteTx,
    holder: Holder,
    account: &mut AllowanceRecord,
    amount: i64,
    (note, by): (Option<&String>, &AuditActor),
    now: UnixMs,
) -> Result<()> {
    if account.balance + amount > AMOUNT_LIMIT * 1_000 {
        return Err(Error::conflict("nobody can have that much").with_reason(Reason::TooMuch));
    }
    let kind = match amount < 0 {
        true => AllowanceEntryKind::Corrected,
        false => AllowanceEntryKind::ToppedUp,
    };
    let entry = NewEntry {
        note: note.cloned(),
        by: Some(by.name().to_owned()),
        ..NewEntry::new(kind, amount)
    };
    append(tx, holder, account, entry, now)
}

fn change(
    tx: &WriteTx,
    holder: Holder,
    change: &AllowanceChange,
    actor: &AuditActor,
) -> Result<()> {
    let (rules, now, name) = (allowance_rules(tx)?, now_ms(), name_of(tx, holder)?);
    let mut account = match account_of(tx, &rules, holder, now)? {
        Some(account) => account,
        None if change.amount.is_some() => new_account(tx, holder, now)?,
        None => return Err(Error::not_found("budget")),
    };
    if let Some(refill) = change.refill {
        set_refill(&rules, holder, &mut account, refill, now)?;
        put_allowance(tx, holder, &account)?;
    }
    if let Some(unlimited) = change.unlimited {
        account.unlimited = unlimited;
        put_allowance(tx, holder, &account)?;
    }
    if let Some(amount) = change.amount {
        if amount < 0 && account.balance + amount < 0 {
            let left = account.balance.max(0);
            let sentence = format!("only {left} are left to take back");
            return Err(Error::invalid_field("amount", sentence)
                .with_reason(Reason::TooLittleLeft)
                .with_details(json!({ "balance": left })));
        }
        let why = (change.note.as_ref(), actor);
        adjust(tx, holder, &mut account, amount, why, now)?;
    }
    let details = json!({
        "amount": change.amount, "unlimited": change.unlimited, "note": change.note,
        "balance": account.balance, "refill": change.refill.map(|_| account.refill),
    });
    audited_by(tx, actor.clone(), "allowance.changed", &name, details)
}

/// `wanted` None: as the house has it. Counts from now where it comes more or less often.
fn set_refill(
    rules: &AllowanceRules,
    holder: Holder,
    account: &mut AllowanceRecord,
    wanted: Option<RefillChange>,
    now: UnixMs,
) -> Result<()> {
    let old = schedule_of(rules, holder, account).refill;
    account.refill = wanted.map(|change| change.of(old));
    let new = schedule_of(rules, holder, account).refill;
    require_amount("refill.amount", new.amount)?;
    if new.every != old.every {
        account.refilled_at = account.refilled_at.max(now);
    }
    Ok(())
}

/// Who hears of it are those who have an e-mail that is proved to be theirs.
fn tell_of_top_up(tx: &WriteTx, post: &Post, holder: Holder, amount: Option<i64>) -> Result<()> {
    let (Holder::User(id), Some(amount @ 1..)) = (holder, amount) else {
        return Ok(());
    };
    match find_user(tx, &id)?.filter(|user| user.email_verified) {
        Some(user) => {
            let tokens = amount.unsigned_abs();
            post.tell(tx, &user, MailKind::AllowanceToppedUp { tokens })
        }
        None => Ok(()),
    }
}

/// An amount makes it one with a limit.
fn set_budget(
    tx: &WriteTx,
    group_id: GroupId,
    amount: Option<i64>,
    refill: RefillChange,
    actor: &AuditActor,
) -> Result<()> {
    let (holder, now) = (Holder::Group(group_id), now_ms());
    let (rules, name) = (allowance_rules(tx)?, name_of(tx, holder)?);
    let found = account_of(tx, &rules, holder, now)?;
    let is_new = found.is_none();
    if amount.is_none() && (is_new || refill.is_empty()) {
        return Err(Error::invalid_field("amount", "say how much is to be left"));
    }
    let mut account = match found {
        Some(account) => account,
        None => new_account(tx, holder, now)?,
    };
    account.unlimited &= amount.is_none();
    set_refill(&rules, holder, &mut account, Some(refill), now)?;
    if is_new {
        let entry = NewEntry {
            by: Some(actor.name().to_owned()),
            ..NewEntry::new(AllowanceEntryKind::Opened, amount.unwrap_or(0))
        };
        append(tx, holder, &mut account, entry, now)?;
    } else {
        let missing = amount.map_or(0, |amount| amount - account.balance - account.reserved);
        match missing {
            0 => put_allowance(tx, holder, &account)?,
            missing => adjust(tx, holder, &mut account, missing, (None, actor), now)?,
        }
    }
    let details = json!({ "amount": amount, "refill": account.refill });
    audited_by(tx, actor.clone(), "allowance.budget_set", &name, details)
}

impl Allowances {
    /// Tops up, which the user is told by mail, takes back, lifts the limit, or says what comes by
    /// itself. An amount opens a budget where a group has none.
    pub async fn change(
        &self,
        caller: &Caller,
        holder: Holder,
        change: AllowanceChange,
    ) -> Result<AllowanceView> {
        caller.require_admin()?;
        self.change_by(Issuer::of(caller), holder, change).await
    }

    /// For the command line.
    pub async fn change_of_login(
        &self,
        login: &str,
        change: AllowanceChange,
    ) -> Result<AllowanceView> {
        let holder = Holder::User(self.user_id_of(login).await?);
        let issuer = Issuer::Folder(AuditActor::CommandLine);
        self.change_by(issuer, holder, change).await
    }

    async fn change_by(
        &self,
        issuer: Issuer,
        holder: Holder,
        wanted: AllowanceChange,
    ) -> Result<AllowanceView> {
        wanted.validate()?;
        let post = self.post.clone();
        self.store
            .write(move |tx| {
                change(tx, holder, &wanted, &issuer.actor(tx)?)?;
                let telling = post.as_ref();
                telling.map_or(Ok(()), |post| {
                    tell_of_top_up(tx, post, holder, wanted.amount)
                })
            })
            .await?;
        if let Some(post) = &self.post {
            post.send();
        }
        self.view(holder).await
    }

    /// Gives a group a budget, or another one: what is left, and what comes by itself. The first one
    /// needs an amount.
    pub async fn set_budget(
        &self,
        caller: &Caller,
        group_id: GroupId,
        amount: Option<i64>,
        refill: RefillChange,
    ) -> Result<AllowanceView> {
        caller.require_admin()?;
        if let Some(amount) = amount {
            require_amount("amount", amount)?;
        }
        let issuer = Issuer::of(caller);
        self.store
            .write(move |tx| set_budget(tx, group_id, amount, refill, &issuer.actor(tx)?))
            .await?;
        self.view(Holder::Group(group_id)).await
    }

    /// Takes a group's budget away, with its ledger, so that its people spend only their own.
    pub async fn remove_budget(&self, caller: &Caller, group_id: GroupId) -> Result<()> {
        caller.require_admin()?;
        let issuer = Issuer::of(caller);
        let holder = Holder::Group(group_id);
        self.store
            .write(move |tx| {
                let actor = issuer.actor(tx)?;
                find_allowance(tx, holder)?.ok_or_else(|| Error::not_found("budget"))?;
                super::ledger::close_allowance(tx, holder)?;
                let name = name_of(tx, holder)?;
                audited_by(tx, actor, "allowance.budget_removed", &name, json!({}))
            })
            .await
    }
}
