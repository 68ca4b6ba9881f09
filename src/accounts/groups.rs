//! Groups: made, changed and removed by administrators. Who is in one stands with the user.

use super::access::{Access, FEATURES};
use super::allowance::{Holder, close_allowance};
use super::audit::audited;
use super::validity::is_plain_line;
use super::{Accounts, Caller};
use crate::clock::now_ms;
use crate::error::{Error, Reason, Result};
use crate::ids::GroupId;
use crate::store::Reads;
pub use crate::store::groups::GroupRecord;
use crate::store::groups::{
    AccessEffect, AccessKind, AccessRule, EVERYONE, find_group, list_groups, put_group,
    remove_group,
};
use crate::store::registration_keys::{list_registration_keys, put_registration_key};
use crate::store::users::{list_users, put_user};

const GROUPS_LIMIT: usize = 200;
const RULES_LIMIT: usize = 200;
const NAME_LIMIT: usize = 64;
const NOTE_LIMIT: usize = 500;

/// What is to be another; None stays.
#[derive(Debug, Clone, Default)]
pub struct GroupChange {
    pub name: Option<String>,
    pub note: Option<String>,
    pub rules: Option<Vec<AccessRule>>,
}

pub struct GroupView {
    pub record: GroupRecord,
    /// Everybody is in it, and it cannot go.
    pub is_everyone: bool,
    pub member_count: usize,
}

impl Accounts {
    pub async fn list_groups(&self, caller: &Caller) -> Result<Vec<GroupView>> {
        caller.require_admin()?;
        self.store
            .read(|tx| {
                let users = list_users(tx)?;
                let view = |record: GroupRecord| GroupView {
                    is_everyone: record.id == EVERYONE,
                    member_count: match record.id {
                        EVERYONE => users.len(),
                        id => users
                            .iter()
                            .filter(|user| user.group_ids.contains(&id))
                            .count(),
                    },
                    record,
                };
                Ok(list_groups(tx)?.into_iter().map(view).collect())
            })
            .await
    }

    /// The names of those that one is in, besides that of everybody.
    pub async fn list_own_groups(&self, caller: &Caller) -> Result<Vec<String>> {
        let caller = caller.clone();
        self.store
            .read(move |tx| Ok(Access::of(tx, &caller)?.group_names()))
            .await
    }

    /// For the command line. Each must be there, whatever the case.
    pub async fn group_ids_named(&self, names: &[String]) -> Result<Vec<GroupId>> {
        let groups = self.store.read(list_groups).await?;
        let find = |name: &String| {
            let wanted = name.trim().to_lowercase();
            let group = groups
                .iter()
                .find(|group| group.name.to_lowercase() == wanted);
            let missing = || Error::invalid(format!("there is no group named {name}"));
            group.map(|group| group.id).ok_or_else(missing)
        };
        names.iter().map(find).collect()
    }

    pub async fn create_group(&self, caller: &Caller, change: GroupChange) -> Result<GroupRecord> {
        caller.require_admin()?;
        let caller = caller.clone();
        let blank = GroupRecord {
            id: GroupId::generate(),
            name: String::new(),
            note: String::new(),
            rules: Vec::new(),
            created_at: now_ms(),
        };
        let group = changed(blank, change)?;
        self.write_rights(move |tx| {
            let groups = list_groups(tx)?;
            if groups.len() > GROUPS_LIMIT {
                let sentence = format!("there are {GROUPS_LIMIT} groups already");
                return Err(Error::conflict(sentence)
                    .with_reason(Reason::TooManyGroups)
                    .with_details(serde_json::json!({ "maximum": GROUPS_LIMIT })));
            }
            check_name_is_free(&groups, &group)?;
            put_group(tx, &group)?;
            audited(
                tx,
                &caller,
                "group.created",
                &group.name,
                details_of(&group),
            )?;
            Ok(group.clone())
        })
        .await
    }

    pub async fn change_group(
        &self,
        caller: &Caller,
        id: GroupId,
        change: GroupChange,
    ) -> Result<GroupRecord> {
        caller.require_admin()?;
        if id == EVERYONE && change.name.is_some() {
            let sentence = "the group of everybody keeps its name";
            return Err(Error::conflict(sentence).with_reason(Reason::GroupOfEveryone));
        }
        let caller = caller.clone();
        // A rule may be about API keys that have something open.
        self.write_rights(move |tx| {
            let group = changed(get_group(tx, id)?, change.clone())?;
            check_name_is_free(&list_groups(tx)?, &group)?;
            put_group(tx, &group)?;
            audited(
                tx,
                &caller,
                "group.changed",
                &group.name,
                details_of(&group),
            )?;
            Ok(group)
        })
        .await
    }

    /// A conflict where it would make everybody's what only this group may use.
    pub async fn delete_group(&self, caller: &Caller, id: GroupId) -> Result<()> {
        caller.require_admin()?;
        if id == EVERYONE {
            let sentence = "the group of everybody cannot be removed";
            return Err(Error::conflict(sentence).with_reason(Reason::GroupOfEveryone));
        }
        let caller = caller.clone();
        self.write_rights(move |tx| {
            let group = get_group(tx, id)?;
            check_opens_nothing(&group, &list_groups(tx)?)?;
            for mut user in list_users(tx)? {
                if user.group_ids.contains(&id) {
                    user.group_ids.retain(|other| *other != id);
                    put_user(tx, &user)?;
                }
            }
            for mut key in list_registration_keys(tx)? {
                if key.grants.group_ids.contains(&id) {
                    key.grants.group_ids.retain(|other| *other != id);
                    put_registration_key(tx, &key)?;
                }
            }
            close_allowance(tx, Holder::Group(id))?;
            remove_group(tx, id)?;
            audited(
                tx,
                &caller,
                "group.deleted",
                &group.name,
                serde_json::json!({}),
            )
        })
        .await
    }
}

/// Those groups, each once; they must all be there. That of everybody needs no naming.
pub(super) fn checked_groups(tx: &impl Reads, ids: &[GroupId]) -> Result<Vec<GroupId>> {
    let mut checked = ids.to_vec();
    checked.sort_unstable();
    checked.dedup();
    // There are no more of them, so that nobody has more looked up.
    let known = list_groups(tx)?;
    let is_there = |id: &GroupId| *id != EVERYONE && known.iter().any(|group| group.id == *id);
    match checked.iter().all(is_there) {
        true => Ok(checked),
        false => {
            let unknown = Error::invalid_field("group_ids", "there is no such group to be in");
            Err(unknown.with_reason(Reason::GroupUnknown))
        }
    }
}

/// Those of them that are there, each once.
pub(super) fn those_there(tx: &impl Reads, ids: &[GroupId]) -> Result<Vec<GroupId>> {
    let mut there = Vec::new();
    for id in ids {
        if !there.contains(id) && find_group(tx, *id)?.is_some() {
            there.push(*id);
        }
    }
    Ok(there)
}

/// What no rule names is for everybody, so the last rule that allows something is taken away by who
/// knows that, and not with its group.
fn check_opens_nothing(group: &GroupRecord, all: &[GroupRecord]) -> Result<()> {
    let allowed = |group: &GroupRecord, rule: &AccessRule| {
        group.rules.iter().any(|other| {
            other.effect == AccessEffect::Allow
                && (other.kind, &other.name) == (rule.kind, &rule.name)
        })
    };
    let is_last = |rule: &&AccessRule| {
        let mut others = all.iter().filter(|other| other.id != group.id);
        rule.effect == AccessEffect::Allow && !others.any(|other| allowed(other, rule))
    };
    match group.rules.iter().find(is_last) {
        Some(rule) => Err(Error::conflict(format!(
            "no other group may use \"{}\", so without this one everybody might; take that rule away first, or give it to another group",
            rule.name
        ))
        .with_details(serde_json::json!({ "rule": rule, "name": rule.name }))
        .with_reason(Reason::GroupReserves)),
        None => Ok(()),
    }
}

pub(super) fn get_group(tx: &impl Reads, id: GroupId) -> Result<GroupRecord> {
    find_group(tx, id)?.ok_or_else(|| Error::not_found("group"))
}

fn check_name_is_free(groups: &[GroupRecord], group: &GroupRecord) -> Result<()> {
    let name = group.name.to_lowercase();
    let is_taken = groups
        .iter()
        .any(|other| other.id != group.id && other.name.to_lowercase() == name);
    match is_taken {
        true => Err(Error::conflict("another group has this name")
            .with_details(serde_json::json!({ "field": "name" }))
            .with_reason(Reason::NameTaken)),
        false => Ok(()),
    }
}

fn details_of(group: &GroupRecord) -> serde_json::Value {
    serde_json::json!({ "rules": group.rules })
}

fn changed(mut group: GroupRecord, change: GroupChange) -> Result<GroupRecord> {
    if let Some(name) = change.name {
        group.name = name.trim().to_owned();
    }
    if group.name.is_empty() || !is_plain_line(&group.name, NAME_LIMIT) {
        let sentence = format!("the name of a group has 1 to {NAME_LIMIT} characters");
        let wrong = Error::invalid_field("name", sentence);
        return Err(wrong.with_limits(Reason::NotOneLine, 1, NAME_LIMIT));
    }
    if let Some(note) = change.note {
        group.note = note.trim().to_owned();
        if !is_plain_line(&group.note, NOTE_LIMIT) {
            let sentence = format!("a note is one line of up to {NOTE_LIMIT} characters");
            let wrong = Error::invalid_field("note", sentence);
            return Err(wrong.with_limits(Reason::NotOneLine, 0, NOTE_LIMIT));
        }
    }
    if let Some(rules) = change.rules {
        check_rules(&rules)?;
        group.rules = rules;
    }
    Ok(group)
}

fn check_rules(rules: &[AccessRule]) -> Result<()> {
    let wrong = |sentence: &str| Err(Error::invalid_field("rules", sentence));
    if rules.len() > RULES_LIMIT {
        let sentence = format!("a group has at most {RULES_LIMIT} rules");
        return Err(Error::invalid_field("rules", sentence)
            .with_reason(Reason::TooManyRules)
            .with_details(serde_json::json!({ "maximum": RULES_LIMIT })));
    }
    for rule in rules {
        if rule.name.is_empty() || rule.name.len() > 256 || !is_plain_line(&rule.name, 256) {
            return wrong("a rule names what it is about, in up to 256 characters");
        }
        if rule.kind == AccessKind::Plugin {
            return wrong(
                "plugins are asked by the house, never by people: a rule about one decides nothing",
            );
        }
        if rule.kind == AccessKind::Feature && !FEATURES.contains(&rule.name.as_str()) {
            return wrong("there is no such feature");
        }
    }
    Ok(())
}
