//! What people ask of administrators: to be let in, or to become one; and the links that are mailed
//! to whoever decides, which `decisions` does. Looking at a link decides nothing.

mod list;

use serde_json::json;

pub use self::list::{RequestPage, RequestPlace};
use super::audit::audited;
use super::links::{DECIDE, NewLink, OneTimeLink, get_link, no_link, remove_links_known_to};
use super::post::{Post, UnsentLink};
use super::rights::check_caller;
use super::users::gone;
use super::validity::is_plain_text;
use super::{Accounts, AuditActor, Caller, Purpose, UserRecord, UserRole, Visitor};
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::ids::{RequestId, UserId};
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

/// A request about to be written, with the link that decides it.
#[derive(Clone)]
pub(super) struct NewRequest {
    id: RequestId,
    wish: RequestWish,
    reason: String,
    link: NewLink,
}

impl NewRequest {
    pub(super) fn generate(wish: RequestWish, reason: String) -> Self {
        Self {
            id: RequestId::generate(),
            wish,
            reason,
            link: NewLink::generate(&DECIDE),
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
    mail_decision_link(tx, post, &new.link, &request, applicant)
}

/// Mails a link that decides to the approvers, in place of those before it.
fn mail_decision_link(
    tx: &WriteTx,
    post: &Post,
    new: &NewLink,
    request: &RequestRecord,
    applicant: &UserRecord,
) -> Result<UnsentLink> {
    let link = new.address(&DECIDE, post);
    let kind = MailKind::ApprovalRequested {
        applicant: applicant.shown_name().to_owned(),
        username: applicant.username.clone(),
        email: applicant.email.clone(),
        wish: wish_in_mails(request.wish),
        reason: Some(request.reason.clone()).filter(|reason| !reason.is_empty()),
        link: link.clone(),
        expires_at: new.expires_at,
    };
    let (unsent, mailed) = post.ask_approvers(tx, &link, &kind)?;
    let purpose = LinkPurpose::Decide {
        request_id: request.id,
    };
    new.put_known(tx, applicant.id, purpose, mailed)?;
    Ok(unsent)
}

/// Ends what somebody could still do by a link who is no administrator any more; for what they could
/// decide, the others are mailed another. Behind the change that made them none.
pub(super) fn take_links_from(
    tx: &WriteTx,
    post: &Post,
    former: UserId,
) -> Result<Vec<UnsentLink>> {
    let mut unsent = Vec::new();
    for link in remove_links_known_to(tx, former)? {
        let LinkPurpose::Decide { request_id } = link.purpose else {
            continue;
        };
        let request = find_request(tx, request_id)?.filter(|request| request.decision.is_none());
        let applicant = find_user(tx, &link.user_id)?;
        if let (Some(request), Some(applicant)) = (request, applicant) {
            let new = NewLink::generate(&DECIDE);
            unsent.push(mail_decision_link(tx, post, &new, &request, &applicant)?);
        }
    }
    Ok(unsent)
}

/// Answers what somebody asked for who is shut out: nothing of it is decided any more.
pub(super) fn close_requests_of(tx: &WriteTx, actor: &AuditActor, user_id: UserId) -> Result<()> {
    for mut request in list_requests(tx)? {
        if request.user_id == user_id && request.decision.is_none() {
            request.decision = Some(RequestDecision {
                at: now_ms(),
                by: actor.name().to_owned(),
                approved: false,
                note: String::new(),
            });
            put_request(tx, &request)?;
        }
    }
    remove_links(tx, user_id, |link| {
        matches!(link.purpose, LinkPurpose::Decide { .. })
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
    Ok(list_requests(tx)?.into_iter().find(|request| {
        request.user_id == applicant.id && request.wish == wish && request.decision.is_none()
    }))
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

    /// A new link that decides, in place of the one that was mailed.
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
