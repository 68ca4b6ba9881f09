//! What people see of allowances: their own, and administrators anybody's. Who looks sees what is
//! due already: an account is opened and refilled in the transaction that finds it so.

use super::ledger::{account_of, groups_of, is_due, schedule_of};
use super::refill::next_period;
use super::{
    AllowanceEntryRecord, AllowanceRecord, AllowanceRules, Allowances, Holder, Refill,
    allowance_rules,
};
use crate::accounts::Caller;
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, Result};
use crate::ids::{GroupId, UserId};
use crate::store::Reads;
use crate::store::allowances::{find_allowance, list_entries};
use crate::store::groups::{EVERYONE, find_group};
use crate::store::users::{find_user, find_user_by_login};

pub struct AllowanceView {
    pub rules: AllowanceRules,
    pub account: AllowanceRecord,
    /// What holds for this account.
    pub refill: Refill,
    pub next_refill_at: Option<UnixMs>,
    /// Of a user: the budgets of their groups.
    pub groups: Vec<GroupBudget>,
}

pub struct GroupBudget {
    pub id: GroupId,
    pub name: String,
    /// Everybody is in it.
    pub is_everyone: bool,
    pub account: AllowanceRecord,
}

pub struct AllowanceEntryPage {
    /// Latest first.
    pub entries: Vec<AllowanceEntryRecord>,
    /// Give it as `before` for the next page; None: this was the last.
    pub next_before: Option<u64>,
}

/// Those who pay for what a holder does; the holder first.
fn with_groups(tx: &impl Reads, holder: Holder) -> Result<Vec<Holder>> {
    let mut holders = vec![holder];
    if let Holder::User(id) = holder {
        let user = find_user(tx, &id)?.ok_or_else(|| Error::not_found("user"))?;
        holders.extend(groups_of(user));
    }
    Ok(holders)
}

/// As it stands in the store, and whether something is to be opened or refilled first.
fn view_of(tx: &impl Reads, holder: Holder, now: UnixMs) -> Result<(AllowanceView, bool)> {
    let rules = allowance_rules(tx)?;
    let (mut own, mut groups, mut is_stale) = (None, Vec::new(), false);
    for payer in with_groups(tx, holder)? {
        let account = find_allowance(tx, payer)?;
        let is_due = |account| is_due(&rules, payer, account, now);
        is_stale |= account.as_ref().is_some_and(is_due);
        match payer {
            _ if payer == holder => own = account,
            Holder::Group(id) => groups.extend(budget_of(tx, id, account)?),
            Holder::User(_) => {}
        }
    }
    let account = match (own, holder) {
        (Some(account), _) => account,
        (None, Holder::Group(_)) => return Err(Error::not_found("budget")),
        (None, Holder::User(_)) => {
            is_stale = true;
            AllowanceRecord {
                balance: rules.start,
                ..AllowanceRecord::opened(1, now)
            }
        }
    };
    let refill = schedule_of(&rules, holder, &account).refill;
    let view = AllowanceView {
        rules,
        next_refill_at: next_period(refill.every, now).filter(|_| !account.unlimited),
        refill,
        account,
        groups,
    };
    Ok((view, is_stale && rules.enabled))
}

/// With the name people know it by; a group that is gone pays nothing.
fn budget_of(
    tx: &impl Reads,
    id: GroupId,
    account: Option<AllowanceRecord>,
) -> Result<Option<GroupBudget>> {
    let Some(account) = account else {
        return Ok(None);
    };
    Ok(find_group(tx, id)?.map(|group| GroupBudget {
        id,
        name: group.name,
        is_everyone: id == EVERYONE,
        account,
    }))
}

impl Allowances {
    pub(super) async fn view(&self, holder: Holder) -> Result<AllowanceView> {
        let (view, is_stale) = self
            .store
            .read(move |tx| view_of(tx, holder, now_ms()))
            .await?;
        if !is_stale {
            return Ok(view);
        }
        self.store
            .write(move |tx| {
                let (rules, now) = (allowance_rules(tx)?, now_ms());
                for payer in with_groups(tx, holder)? {
                    account_of(tx, &rules, payer, now)?;
                }
                Ok(view_of(tx, holder, now)?.0)
            })
            .await
    }

    pub(super) async fn entries(
        &self,
        holder: Holder,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AllowanceEntryPage> {
        self.store
            .read(move |tx| {
                let account = find_allowance(tx, holder)?;
                let (first, next) =
                    account.map_or((1, 1), |account| (account.first_entry, account.next_entry));
                let before = before.unwrap_or(u64::MAX).clamp(first, next);
                let after = before.saturating_sub(1 + limit as u64).max(first - 1);
                let wanted = usize::try_from(before - 1 - after).unwrap_or(limit);
                let mut entries = list_entries(tx, holder, after, wanted)?;
                entries.reverse();
                Ok(AllowanceEntryPage {
                    entries,
                    next_before: (after >= first).then_some(after + 1),
                })
            })
            .await
    }

    /// One's own.
    pub async fn own(&self, caller: &Caller) -> Result<AllowanceView> {
        self.view(Holder::User(caller.user_id())).await
    }

    pub async fn own_entries(
        &self,
        caller: &Caller,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AllowanceEntryPage> {
        let holder = Holder::User(caller.user_id());
        self.entries(holder, before, limit).await
    }

    /// For administrators.
    pub async fn of_holder(&self, caller: &Caller, holder: Holder) -> Result<AllowanceView> {
        caller.require_admin()?;
        self.view(holder).await
    }

    /// For administrators.
    pub async fn entries_of(
        &self,
        caller: &Caller,
        holder: Holder,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AllowanceEntryPage> {
        caller.require_admin()?;
        self.view(holder).await?;
        self.entries(holder, before, limit).await
    }

    /// For the command line.
    pub async fn of_login(&self, login: &str) -> Result<AllowanceView> {
        self.view(Holder::User(self.user_id_of(login).await?)).await
    }

    pub(super) async fn user_id_of(&self, login: &str) -> Result<UserId> {
        let login = login.to_lowercase();
        let found = self.store.read(move |tx| find_user_by_login(tx, &login));
        let user = found.await?.ok_or_else(|| Error::not_found("user"))?;
        Ok(user.id)
    }
}
