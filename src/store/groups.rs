//! Groups of people and what each may use. There always is one that everybody is in.
//! Called by `accounts/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::GROUP_BY_ID;
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::error::Result;
use crate::ids::GroupId;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    pub id: GroupId,
    /// Unique, whatever the case.
    pub name: String,
    pub note: String,
    pub rules: Vec<AccessRule>,
    pub created_at: UnixMs,
}

/// What the members of a group may use, or may not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRule {
    pub effect: AccessEffect,
    pub kind: AccessKind,
    /// The id of the model, adapter or feature.
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessEffect {
    Allow,
    Deny,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessKind {
    Model,
    Adapter,
    /// Of before; decides nothing.
    Plugin,
    Feature,
}

impl GroupRecord {
    /// The group that everybody is in, as it stands before anything is said about it.
    fn everyone() -> Self {
        Self {
            id: EVERYONE,
            name: "everyone".into(),
            note: String::new(),
            rules: Vec::new(),
            created_at: 0,
        }
    }
}

/// The group that everybody is in.
pub const EVERYONE: GroupId = GroupId::from_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

impl Record for GroupRecord {}

pub fn find_group(tx: &impl Reads, id: GroupId) -> Result<Option<GroupRecord>> {
    let found = tx.find(&GROUP_BY_ID, &id)?;
    Ok(found.or_else(|| (id == EVERYONE).then(GroupRecord::everyone)))
}

/// That of everybody first, then the oldest.
pub fn list_groups(tx: &impl Reads) -> Result<Vec<GroupRecord>> {
    let mut groups: Vec<GroupRecord> = tx
        .list_all(&GROUP_BY_ID)?
        .into_iter()
        .map(|(_, group)| group)
        .collect();
    if groups.first().is_none_or(|first| first.id != EVERYONE) {
        groups.insert(0, GroupRecord::everyone());
    }
    Ok(groups)
}

pub fn put_group(tx: &WriteTx, group: &GroupRecord) -> Result<()> {
    tx.put(&GROUP_BY_ID, &group.id, group)
}

pub fn remove_group(tx: &WriteTx, id: GroupId) -> Result<bool> {
    tx.remove(&GROUP_BY_ID, &id)
}
