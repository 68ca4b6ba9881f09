//! One-time links, as they are mailed: kept by the hash of their token, good once and for a time.
//! Called by `accounts/`.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::tables::{LINK_BY_HASH, LINK_OF_USER};
use super::{Reads, WriteTx};
use crate::clock::UnixMs;
use crate::error::Result;
use crate::ids::{RequestId, UserId};
use crate::secrets::SecretHash;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// Whom it is about.
    pub user_id: UserId,
    pub purpose: LinkPurpose,
    pub expires_at: UnixMs,
    #[serde(default)]
    pub created_at: UnixMs,
    /// Administrators who have it: who made it to hand it on, or who were mailed it to decide.
    #[serde(default)]
    pub known_to: Vec<UserId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkPurpose {
    /// This address is theirs: the one they registered with, or the one they want instead.
    ProveEmail {
        email: String,
    },
    ResetPassword,
    Decide {
        request_id: RequestId,
    },
}

impl Record for LinkRecord {}

pub fn find_link(tx: &impl Reads, hash: &SecretHash) -> Result<Option<LinkRecord>> {
    tx.find(&LINK_BY_HASH, hash)
}

pub fn put_link(tx: &WriteTx, hash: &SecretHash, link: &LinkRecord) -> Result<()> {
    tx.put(&LINK_OF_USER, &(link.user_id, *hash), &())?;
    tx.put(&LINK_BY_HASH, hash, link)
}

pub fn list_links_of(tx: &impl Reads, user_id: UserId) -> Result<Vec<LinkRecord>> {
    let mut links = Vec::new();
    for ((_, hash), ()) in tx.list(&LINK_OF_USER, &user_id, None, usize::MAX)? {
        links.extend(find_link(tx, &hash)?);
    }
    Ok(links)
}

/// Everybody's.
pub fn list_links(tx: &impl Reads) -> Result<Vec<LinkRecord>> {
    let links = tx.list_all(&LINK_BY_HASH)?;
    Ok(links.into_iter().map(|(_, link)| link).collect())
}

/// Removes those links about a user that are meant.
pub fn remove_links(
    tx: &WriteTx,
    user_id: UserId,
    is_meant: impl Fn(&LinkRecord) -> bool,
) -> Result<()> {
    for ((_, hash), ()) in tx.list(&LINK_OF_USER, &user_id, None, usize::MAX)? {
        if find_link(tx, &hash)?.is_none_or(|link| is_meant(&link)) {
            tx.remove(&LINK_OF_USER, &(user_id, hash))?;
            tx.remove(&LINK_BY_HASH, &hash)?;
        }
    }
    Ok(())
}
