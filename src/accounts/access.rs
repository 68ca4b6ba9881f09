//! Who may use which model, adapter and feature, by the rules of their groups. Rules about plugins are
//! no longer taken and decide nothing: records of before may still have some.
//!
//! A rule that denies beats all that allow. What some group is allowed is for the members of such
//! groups alone; what no rule names is for everybody. Administrators may use everything, since they
//! could change the rules. What is to hold in a transaction is asked inside it.

use super::Caller;
use crate::error::Result;
use crate::ids::{GroupId, UserId};
use crate::store::Reads;
pub use crate::store::groups::{AccessEffect, AccessKind, AccessRule};
use crate::store::groups::{EVERYONE, GroupRecord, list_groups};
use crate::store::users::{UserRecord, UserRole, find_user};

/// Features a rule can name.
pub const FEATURES: &[&str] = &["adapters", "api_keys", "completions"];

/// What somebody may use, as it was when it was asked.
pub struct Access {
    is_admin: bool,
    /// With whether they are in it.
    groups: Vec<(GroupRecord, bool)>,
}

impl Access {
    pub fn of(tx: &impl Reads, caller: &Caller) -> Result<Self> {
        let user = find_user(tx, &caller.user_id)?;
        let of_user = user.map(|user| user.group_ids).unwrap_or_default();
        Self::of_member(tx, caller.role, &of_user)
    }

    /// The same for somebody who does not ask themselves; None: there is no such user.
    pub fn of_user(tx: &impl Reads, id: UserId) -> Result<Option<(UserRecord, Self)>> {
        let Some(user) = find_user(tx, &id)? else {
            return Ok(None);
        };
        let access = Self::of_member(tx, user.role, &user.group_ids)?;
        Ok(Some((user, access)))
    }

    fn of_member(tx: &impl Reads, role: UserRole, of_user: &[GroupId]) -> Result<Self> {
        let groups = list_groups(tx)?.into_iter().map(|group| {
            let is_member = group.id == EVERYONE || of_user.contains(&group.id);
            (group, is_member)
        });
        Ok(Self {
            is_admin: role == UserRole::Admin,
            groups: groups.collect(),
        })
    }

    /// Of those they are in, but for that of everybody.
    pub fn group_names(&self) -> Vec<String> {
        let of_them = self
            .groups
            .iter()
            .filter(|(group, is_member)| *is_member && group.id != EVERYONE);
        of_them.map(|(group, _)| group.name.clone()).collect()
    }

    pub fn allows(&self, kind: AccessKind, name: &str) -> bool {
        if self.is_admin {
            return true;
        }
        let (mut is_reserved, mut is_allowed) = (false, false);
        for (group, is_member) in &self.groups {
            let of_it = |rule: &&AccessRule| rule.kind == kind && rule.name == name;
            for rule in group.rules.iter().filter(of_it) {
                match (rule.effect, is_member) {
                    (AccessEffect::Deny, true) => return false,
                    (AccessEffect::Deny, false) => {}
                    (AccessEffect::Allow, is_member) => {
                        is_reserved = true;
                        is_allowed |= is_member;
                    }
                }
            }
        }
        is_allowed || !is_reserved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::GroupId;

    const KIND: AccessKind = AccessKind::Model;

    /// Rules of groups that somebody is in, or not.
    fn access(rules: &[(AccessEffect, bool)]) -> Access {
        let group = |effect| GroupRecord {
            id: GroupId::generate(),
            name: String::new(),
            note: String::new(),
            rules: vec![AccessRule {
                effect,
                kind: KIND,
                name: "m".into(),
            }],
            created_at: 0,
        };
        let groups = rules
            .iter()
            .map(|(effect, inside)| (group(*effect), *inside));
        Access {
            is_admin: false,
            groups: groups.collect(),
        }
    }

    #[test]
    fn deny_beats_allow_and_allow_reserves() {
        use AccessEffect::{Allow, Deny};
        let cases: [(&[(AccessEffect, bool)], bool); 8] = [
            (&[], true),
            (&[(Allow, true)], true),
            (&[(Allow, false)], false),
            (&[(Allow, false), (Allow, true)], true),
            (&[(Deny, false)], true),
            (&[(Deny, true)], false),
            (&[(Allow, true), (Deny, true)], false),
            (&[(Deny, true), (Allow, true)], false),
        ];
        for (rules, allowed) in cases {
            assert_eq!(access(rules).allows(KIND, "m"), allowed, "{rules:?}");
            assert!(
                access(rules).allows(KIND, "other"),
                "a rule is about one thing"
            );
            assert!(access(rules).allows(AccessKind::Adapter, "m"));
        }
    }

    #[test]
    fn an_administrator_is_kept_from_nothing() {
        let mut access = access(&[(AccessEffect::Deny, true)]);
        access.is_admin = true;
        assert!(access.allows(KIND, "m"));
    }
}
