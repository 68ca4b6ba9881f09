//! What people ask of administrators: to be let in, or to become one. Decided on the
//! administrator's page, or behind the link that was mailed to the approver; never by looking at it.

mod list;

use serde_json::json;

pub use self::list::{RequestPage, RequestPlace};
use super::audit::audited_by;
use super::links::{DECIDE, NewLink, get_link, no_link};
use super::post::{Post, UnsentLink};
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
use crate::store::users::{Awaited, find_user, put_user};
use crate::store::{Reads, WriteTx};

const TEXT_LIMIT: usize = 1000;

pub struct RequestView {
    pub record: RequestRecord,
    pub applicant: UserRecord,
}

#[derive(Debug, Clone)]
pub struct Decide {
    pub approve: bool,
    /// For the applicant; may be empty.
    pub note: String,
}

/// A request about to be written, with the link that decides it.
#[derive(Clone)]
pub(super) struct NewRequest {
    id: RequestId,
    wish: RequestWish,
    reason: String,
    link: NewLink,
}

/// A link an administrator asked for, to hand it on by other means than mail.
pub struct DecisionLink {
    pub link: String,
    pub expires_at: UnixMs,
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

fn valid_text(field: &str, text: &str) -> Result<String> {
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
    let purpose = LinkPurpose::Decide { request_id: new.id };
    new.link.put(tx, applicant.id, purpose)?;
    let link = new.link.address(&DECIDE, post);
    let kind = MailKind::ApprovalRequested {
        applicant: applicant.shown_name().to_owned(),
        username: applicant.username.clone(),
        email: applicant.email.clone(),
        wish: wish_in_mails(new.wish),
        reason: Some(new.reason.clone()).filter(|reason| !reason.is_empty()),
        link: link.clone(),
        expires_at: new.link.expires_at,
    };
    post.ask_approvers(tx, &link, &kind)
}

fn wish_in_mails(wish: RequestWish) -> Wish {
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

/// Decides once: a request that was decided stays as it is.
fn decide(
    tx: &WriteTx,
    post: &Post,
    id: RequestId,
    actor: &AuditActor,
    decide: &Decide,
) -> Result<RequestView> {
    let missing = || Error::not_found("request");
    let mut request = find_request(tx, id)?.ok_or_else(missing)?;
    let mut applicant = find_user(tx, &request.user_id)?.ok_or_else(missing)?;
    if request.decision.is_some() {
        let sentence = "this request was decided already";
        return Err(Error::conflict(sentence).with_reason(Reason::RequestDecided));
    }
    request.decision = Some(RequestDecision {
        at: now_ms(),
        by: actor.name().to_owned(),
        approved: decide.approve,
        note: decide.note.clone(),
    });
    put_request(tx, &request)?;
    remove_links(tx, applicant.id, |link| {
        link.purpose == LinkPurpose::Decide { request_id: id }
    })?;
    match (request.wish, decide.approve) {
        (RequestWish::Account, approve) => applicant.status = status_after(&applicant, approve),
        (RequestWish::AdminRole, true) => applicant.role = UserRole::Admin,
        (RequestWish::AdminRole, false) => {}
    }
    put_user(tx, &applicant)?;
    let action = match decide.approve {
        true => "request.approved",
        false => "request.rejected",
    };
    let details = json!({ "wish": request.wish });
    audited_by(tx, actor.clone(), action, &applicant.username, details)?;
    let kind = MailKind::ApprovalDecided {
        approved: decide.approve,
        wish: wish_in_mails(request.wish),
        note: Some(decide.note.clone()).filter(|note| !note.is_empty()),
        link_to_house: post.link("/"),
    };
    post.tell(tx, &applicant, kind)?;
    Ok(RequestView {
        record: request,
        applicant,
    })
}

fn status_after(applicant: &UserRecord, approved: bool) -> UserStatus {
    match (applicant.status, approved) {
        (_, false) => UserStatus::Disabled,
        (UserStatus::Pending(Awaited { email: true, .. }), true) => UserStatus::Pending(Awaited {
            email: true,
            approval: false,
        }),
        (_, true) => UserStatus::Active,
    }
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
            if find_open_request(tx, &user, RequestWish::AdminRole)?.is_some() {
                let sentence = "you have asked already; wait for the answer";
                return Err(Error::conflict(sentence).with_reason(Reason::RequestOpen));
            }
            let unsent = open_request(tx, &post, &new, &user)?;
            audited_by(
                tx,
                caller.actor(),
                "request.made",
                &user.username,
                json!({}),
            )?;
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

    pub async fn decide_request(
        &self,
        caller: &Caller,
        id: RequestId,
        decision: Decide,
    ) -> Result<RequestView> {
        caller.require_admin()?;
        self.write_decision(Some(id), String::new(), caller.actor(), decision)
            .await
    }

    /// A new link that decides, in place of the one that was mailed.
    pub async fn renew_decision_link(
        &self,
        caller: &Caller,
        id: RequestId,
    ) -> Result<DecisionLink> {
        caller.require_admin()?;
        let (new, actor) = (NewLink::generate(&DECIDE), caller.actor());
        let link = DecisionLink {
            link: new.address(&DECIDE, &self.post),
            expires_at: new.expires_at,
        };
        self.store
            .write(move |tx| {
                let request = find_request(tx, id)?
                    .filter(|request| request.decision.is_none())
                    .ok_or_else(|| Error::not_found("request"))?;
                new.put(tx, request.user_id, LinkPurpose::Decide { request_id: id })?;
                audited_by(tx, actor.clone(), "request.link_made", "", json!({}))
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

    /// Decides by the link that was mailed, which is good once.
    pub async fn decide_by_link(
        &self,
        visitor: &Visitor,
        token: &str,
        decision: Decide,
    ) -> Result<RequestView> {
        let deciding =
            self.write_decision(None, token.to_owned(), AuditActor::LinkHolder, decision);
        self.throttle
            .after_comparing(visitor, ErrorKind::NotFound, deciding)
            .await
    }

    async fn write_decision(
        &self,
        id: Option<RequestId>,
        token: String,
        actor: AuditActor,
        mut decision: Decide,
    ) -> Result<RequestView> {
        decision.note = valid_text("note", &decision.note)?;
        let post = self.post.clone();
        let view = self
            .write_rights(move |tx| {
                let id = match id {
                    Some(id) => id,
                    None => request_of_link(tx, &token)?.0,
                };
                decide(tx, &post, id, &actor, &decision)
            })
            .await?;
        self.post.send();
        Ok(view)
    }
}

fn request_of_link(tx: &impl Reads, token: &str) -> Result<(RequestId, UnixMs)> {
    match get_link(tx, token)?.1 {
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
