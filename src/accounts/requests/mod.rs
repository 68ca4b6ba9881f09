//! What people ask of administrators: to be let in, or to become one; and the links that are mailed
//! to whoever decides, which `decisions` does. Looking at a link decides nothing.

mod list;

use serde_json::json;

pub use self::list::{RequestPage, RequestPlace};
use super::audit::audited;
use super::links::{DECIDE, NewLink, OneTimeLink, get_link, no_link};
use super::post::{Delivery, Post, UnsentLink, list_approvers};
use super::rights::check_caller;
use super::users::gone;
use super::validity::is_plain_text;
use super::{Accounts, AuditActor, Caller, Purpose, UserRecord, UserRole, UserStatus, Visitor};
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::ids::RequestId;
use crate::mail::{MailKind, Wish};
use crate::store::links::{LinkPurpose, remove_links};
pub use crate::store::requests::{RequestDecision, RequestRecord, RequestWish};
use crate::store::requests::{find_request, list_requests, put_request, remove_request};
use crate::store::users::find_user;
use crate::store::{Reads, WriteTx};

const TEXT_LIMIT: usize = 1000;

pub struct RequestView {
    pub record: RequestRecord,
    pub applicant: UserRecord,
}

/// A request about to be written.
#[derive(Clone)]
pub(super) struct NewRequest {
    id: RequestId,
    wish: RequestWish,
    reason: String,
}

impl NewRequest {
    pub(super) fn generate(wish: RequestWish, reason: String) -> Self {
        Self {
            id: RequestId::generate(),
            wish,
            reason,
        }
    }
}

/// Several lines are all right in what people say.
pub(super) fn valid_reason(text: &str) -> Result<String> {
    valid_text("reason", text)
}

pub(super) fn valid_text(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if !is_plain_text(text, TEXT_LIMIT) {
        let sentence =
            format!("this has at most {TEXT_LIMIT} characters, all of which can be seen");
        let wrong = Error::invalid_field(field, sentence).with_reason(Reason::TextTooLong);
        return Err(wrong.with_details(json!({ "maximum": TEXT_LIMIT })));
    }
    Ok(text.to_owned())
}

/// Writes a request and tells the approvers.
pub(super) fn open_request(
    tx: &WriteTx,
    post: &Post,
    new: &NewRequest,
    applicant: &UserRecord,
) -> Result<UnsentLink> {
    let request = RequestRecord {
        id: new.id,
        user_id: applicant.id,
        wish: new.wish,
        reason: new.reason.clone(),
        created_at: now_ms(),
        decision: None,
    };
    put_request(tx, &request)?;
    mail_decision_links(tx, post, &request, applicant)
}

/// Mails each who decides a link of their own, so that taking one back ends no other's. Where nobody can
/// be mailed there is one for the log.
pub(super) fn mail_decision_links(
    tx: &WriteTx,
    post: &Post,
    request: &RequestRecord,
    applicant: &UserRecord,
) -> Result<UnsentLink> {
    let purpose = || LinkPurpose::Decide {
        request_id: request.id,
    };
    let mut was_mailed = false;
    for approver in list_approvers(tx, applicant)? {
        let link = NewLink::generate(&DECIDE);
        let kind = MailKind::ApprovalRequested {
            applicant: applicant.shown_name().to_owned(),
            username: applicant.username.clone(),
            email: applicant.email.clone(),
            wish: wish_in_mails(request.wish),
            reason: Some(request.reason.clone()).filter(|reason| !reason.is_empty()),
            link: link.address(&DECIDE, post),
            expires_at: link.expires_at,
        };
        if post.ask(tx, &approver, kind)? == Delivery::OnItsWay {
            let known_to = approver.user_id.into_iter().collect();
            link.put(tx, applicant.id, purpose(), known_to)?;
            was_mailed = true;
        }
    }
    if was_mailed {
        return Ok(UnsentLink::none());
    }
    // Whoever waits for an answer is not to pay for those who asked too often before.
    let link = NewLink::generate(&DECIDE);
    link.put(tx, applicant.id, purpose(), Vec::new())?;
    let address = link.address(&DECIDE, post);
    Ok(UnsentLink::after(Delivery::Impossible, &address))
}

/// Whether there is something to decide: the applicant is neither let in nor shut out since.
pub(super) fn awaits_answer(request: &RequestRecord, applicant: &UserRecord) -> bool {
    let waits = match (request.wish, applicant.status) {
        (RequestWish::Account, UserStatus::Pending(awaited)) => awaited.approval,
        (RequestWish::AdminRole, UserStatus::Active) => applicant.role != UserRole::Admin,
        (RequestWish::Account, UserStatus::Active | UserStatus::Disabled)
        | (RequestWish::AdminRole, UserStatus::Pending(_) | UserStatus::Disabled) => false,
    };
    waits && request.decision.is_none()
}

/// Answers what somebody asked for as it stands now, where nothing of it is decided any more. Behind
/// what made them so.
pub(super) fn close_settled_requests(
    tx: &WriteTx,
    actor: &AuditActor,
    applicant: &UserRecord,
) -> Result<()> {
    for request in list_undecided(tx)? {
        if request.user_id == applicant.id && !awaits_answer(&request, applicant) {
            close(tx, actor, request, Some(applicant))?;
        }
    }
    Ok(())
}

/// The same for everybody's: what an earlier version left undecided for ever.
pub(super) fn close_all_settled_requests(tx: &WriteTx) -> Result<()> {
    for request in list_undecided(tx)? {
        let applicant = find_user(tx, &request.user_id)?;
        let waits = |applicant: &UserRecord| awaits_answer(&request, applicant);
        if !applicant.as_ref().is_some_and(waits) {
            close(tx, &AuditActor::House, request, applicant.as_ref())?;
        }
    }
    Ok(())
}

fn list_undecided(tx: &impl Reads) -> Result<Vec<RequestRecord>> {
    let mut requests = list_requests(tx)?;
    requests.retain(|request| request.decision.is_none());
    Ok(requests)
}

fn close(
    tx: &WriteTx,
    actor: &AuditActor,
    mut request: RequestRecord,
    applicant: Option<&UserRecord>,
) -> Result<()> {
    let has_it = |applicant: &UserRecord| {
        applicant.status != UserStatus::Disabled
            && (request.wish == RequestWish::Account || applicant.role == UserRole::Admin)
    };
    request.decision = Some(RequestDecision {
        at: now_ms(),
        by: actor.name().to_owned(),
        approved: applicant.is_some_and(has_it),
        note: String::new(),
    });
    put_request(tx, &request)?;
    remove_decision_links(tx, &request)
}

pub(super) fn remove_decision_links(tx: &WriteTx, request: &RequestRecord) -> Result<()> {
    remove_links(tx, request.user_id, |link| {
        let request_id = request.id;
        link.purpose == LinkPurpose::Decide { request_id }
    })
}

pub(super) fn wish_in_mails(wish: RequestWish) -> Wish {
    match wish {
        RequestWish::Account => Wish::Registration,
        RequestWish::AdminRole => Wish::Administrator,
    }
}

/// The one of a user that is not decided.
pub(super) fn find_open_request(
    tx: &impl Reads,
    applicant: &UserRecord,
    wish: RequestWish,
) -> Result<Option<RequestRecord>> {
    let mut undecided = list_undecided(tx)?.into_iter();
    Ok(undecided.find(|request| request.user_id == applicant.id && request.wish == wish))
}

impl Accounts {
    /// Asks to become an administrator. One request at a time.
    pub async fn ask_for_admin_role(&self, caller: &Caller, reason: &str) -> Result<RequestRecord> {
        caller.require(Purpose::OwnAccount)?;
        if caller.role() == UserRole::Admin {
            let sentence = "you are an administrator already";
            return Err(Error::conflict(sentence).with_reason(Reason::AdministratorAlready));
        }
        let new = NewRequest::generate(RequestWish::AdminRole, valid_reason(reason)?);
        let (caller, post) = (caller.clone(), self.post.clone());
        let written = self.store.write(move |tx| {
            let user = find_user(tx, &caller.user_id)?.ok_or_else(gone)?;
            let details = json!({ "id": new.id.to_string() });
            audited(tx, &caller, "request.made", &user.username, details)?;
            if find_open_request(tx, &user, RequestWish::AdminRole)?.is_some() {
                let sentence = "you have asked already; wait for the answer";
                return Err(Error::conflict(sentence).with_reason(Reason::RequestOpen));
            }
            let unsent = open_request(tx, &post, &new, &user)?;
            let request = find_request(tx, new.id)?.ok_or_else(|| Error::not_found("request"))?;
            Ok((request, unsent))
        });
        let (request, unsent) = written.await?;
        self.post.send();
        unsent.log("it decides whether somebody becomes an administrator");
        Ok(request)
    }

    /// What one asked for last, as long as it is remembered.
    pub async fn find_own_admin_request(&self, caller: &Caller) -> Result<Option<RequestRecord>> {
        let user_id = caller.user_id;
        self.store
            .read(move |tx| {
                let requests = list_requests(tx)?.into_iter().rev();
                let mut own = requests.filter(|request| {
                    request.user_id == user_id && request.wish == RequestWish::AdminRole
                });
                Ok(own.next())
            })
            .await
    }

    /// All that one asked for, oldest first, as long as it is remembered.
    pub async fn list_own_requests(&self, caller: &Caller) -> Result<Vec<RequestRecord>> {
        let user_id = caller.user_id;
        self.store
            .read(move |tx| {
                let mut requests = list_requests(tx)?;
                requests.retain(|request| request.user_id == user_id);
                Ok(requests)
            })
            .await
    }

    /// A new link that decides, in place of those that were mailed.
    pub async fn renew_decision_link(&self, caller: &Caller, id: RequestId) -> Result<OneTimeLink> {
        caller.require_admin_session()?;
        let (new, caller) = (NewLink::generate(&DECIDE), caller.clone());
        let link = new.to_hand_on(&DECIDE, &self.post);
        self.store
            .write(move |tx| {
                check_caller(tx, &caller)?;
                let missing = || Error::not_found("request");
                let request = find_request(tx, id)?
                    .filter(|request| request.decision.is_none())
                    .ok_or_else(missing)?;
                let applicant = find_user(tx, &request.user_id)?.ok_or_else(missing)?;
                let details = json!({ "id": id.to_string(), "wish": request.wish });
                let name = &applicant.username;
                audited(tx, &caller, "request.link_made", name, details)?;
                let purpose = LinkPurpose::Decide { request_id: id };
                new.put_known(tx, applicant.id, purpose, vec![caller.user_id])
            })
            .await?;
        Ok(link)
    }

    /// What the link that was mailed is about. Decides nothing.
    pub async fn request_by_link(
        &self,
        visitor: &Visitor,
        token: &str,
    ) -> Result<(RequestView, UnixMs)> {
        let token = token.to_owned();
        let reading = self.store.read(move |tx| {
            let (id, expires_at) = request_of_link(tx, &token)?;
            let record = find_request(tx, id)?.ok_or_else(no_link)?;
            let applicant = find_user(tx, &record.user_id)?.ok_or_else(no_link)?;
            Ok((RequestView { record, applicant }, expires_at))
        });
        self.throttle
            .after_comparing(visitor, ErrorKind::NotFound, reading)
            .await
    }
}

pub(super) fn request_of_link(tx: &impl Reads, token: &str) -> Result<(RequestId, UnixMs)> {
    match get_link(tx, token)? {
        crate::store::links::LinkRecord {
            purpose: LinkPurpose::Decide { request_id },
            expires_at,
            ..
        } => Ok((request_id, expires_at)),
        _ => Err(no_link()),
    }
}

/// Forgets what a user who goes has asked for.
pub(super) fn remove_requests_of(tx: &WriteTx, user: &UserRecord) -> Result<()> {
    for request in list_requests(tx)? {
        if request.user_id == user.id {
            remove_request(tx, request.id)?;
        }
    }
    Ok(())
}
