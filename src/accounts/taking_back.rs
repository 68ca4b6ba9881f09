//! What somebody could still do who is no administrator any more is taken back from them, behind the
//! change that made them none, in its transaction: links that they have, that the house asks them as
//! its approver, and registration keys they made that make administrators. An approver's address that
//! they gave up is asked no more either. Called by whatever changes a role or an e-mail.

use serde_json::json;

use super::audit::audited_by;
use super::people::is_administrator;
use super::post::{Post, UnsentLink, is_approver};
use super::registration_keys::revoke;
use super::requests::mail_decision_links;
use super::{AuditActor, UserRecord, UserRole};
use crate::clock::now_ms;
use crate::error::Result;
use crate::ids::{RequestId, UserId};
use crate::mail::{Address, set_approver};
use crate::store::WriteTx;
use crate::store::links::{LinkPurpose, LinkRecord, list_links, list_links_of, remove_links};
use crate::store::registration_keys::list_registration_keys;
use crate::store::requests::find_request;
use crate::store::users::find_user;

/// `former` is as they were before. Where nobody is left who could decide by a link, others are mailed
/// one.
pub(super) fn take_back_from(
    tx: &WriteTx,
    post: &Post,
    actor: &AuditActor,
    former: &UserRecord,
) -> Result<Vec<UnsentLink>> {
    // Who was none before has nothing of one, whatever address they gave themselves.
    if !is_administrator(former) {
        return Ok(Vec::new());
    }
    for key in list_registration_keys(tx)? {
        if key.made_by == Some(former.id) && key.grants.role == UserRole::Admin {
            revoke(tx, actor.clone(), key)?;
        }
    }
    let was_approver = is_approver(tx, former)?;
    if was_approver {
        change_approver(tx, actor.clone(), &former.username, None)?;
    }
    let is_known = |link: &LinkRecord| is_known_to(link, former, was_approver);
    let mut known = list_links(tx)?;
    known.retain(is_known);
    for link in &known {
        remove_links(tx, link.user_id, is_known)?;
    }
    let mut unsent = Vec::new();
    for link in known.iter().filter(|link| link.expires_at > now_ms()) {
        if let LinkPurpose::Decide { request_id } = link.purpose {
            unsent.extend(ask_anew(tx, post, request_id, link.user_id)?);
        }
    }
    Ok(unsent)
}

/// Behind another e-mail of somebody who stays an administrator: who was asked at the old one is asked
/// at the new one where it is proved to be theirs. The old one may be another's by and by, and theirs
/// still when they are no administrator any more.
pub(super) fn follow_approver(
    tx: &WriteTx,
    actor: AuditActor,
    before: &UserRecord,
    after: &UserRecord,
) -> Result<()> {
    if after.email == before.email || !is_administrator(before) || !is_approver(tx, before)? {
        return Ok(());
    }
    let proved = after.email.as_deref().filter(|_| after.email_verified);
    let address = proved.and_then(|email| Address::parse(email).ok());
    change_approver(tx, actor, &after.username, address)
}

fn change_approver(
    tx: &WriteTx,
    actor: AuditActor,
    username: &str,
    address: Option<Address>,
) -> Result<()> {
    let action = match address {
        Some(_) => "mail_server.approver_changed",
        None => "mail_server.approver_removed",
    };
    set_approver(tx, address)?;
    audited_by(tx, actor, action, username, json!({}))
}

/// Before it was kept who has a link, or when it was made, any administrator might have it; and what
/// went to the approver may have gone there before the address was somebody's.
fn is_known_to(link: &LinkRecord, user: &UserRecord, was_approver: bool) -> bool {
    match link.purpose {
        LinkPurpose::ProveEmail { .. } => false,
        _ if link.known_to.contains(&user.id) || link.created_at == 0 => true,
        LinkPurpose::Decide { .. } => was_approver && link.known_to.is_empty(),
        LinkPurpose::ResetPassword => false,
    }
}

/// None: others have a link that decides it, or there is nothing to decide.
fn ask_anew(
    tx: &WriteTx,
    post: &Post,
    request_id: RequestId,
    applicant: UserId,
) -> Result<Option<UnsentLink>> {
    let others = list_links_of(tx, applicant)?;
    let is_left = |link: &LinkRecord| {
        link.purpose == LinkPurpose::Decide { request_id } && link.expires_at > now_ms()
    };
    if others.iter().any(is_left) {
        return Ok(None);
    }
    let request = find_request(tx, request_id)?.filter(|request| request.decision.is_none());
    match (request, find_user(tx, &applicant)?) {
        (Some(request), Some(applicant)) => {
            mail_decision_links(tx, post, &request, &applicant).map(Some)
        }
        _ => Ok(None),
    }
}
