//! Deciding what people ask for, on the administrator's page or behind the link that was mailed: once,
//! and only while there is something to decide. Who was shut out since they asked stays out.

use serde_json::json;

use super::audit::audited_by;
use super::links::{NewLink, PROVE_EMAIL};
use super::person_change::makes_administrator;
use super::post::{Post, UnsentLink};
use super::registration::{PROOF, send_proof};
use super::requests::{
    RequestView, awaits_answer, remove_decision_links, request_of_link, valid_text, wish_in_mails,
};
use super::rights::check_caller;
use super::{
    Accounts, AuditActor, Caller, RequestDecision, RequestRecord, RequestWish, UserRecord,
    UserRole, UserStatus, Visitor,
};
use crate::clock::now_ms;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::ids::RequestId;
use crate::mail::MailKind;
use crate::store::WriteTx;
use crate::store::requests::{find_request, put_request};
use crate::store::users::{Awaited, find_user, put_user};

#[derive(Debug, Clone)]
pub struct Decide {
    pub approve: bool,
    /// For the applicant; may be empty.
    pub note: String,
}

/// Who decides: an administrator on their page, or whoever holds the link.
#[derive(Clone)]
enum Decider {
    Administrator(Caller, RequestId),
    LinkHolder { token: String },
}

impl Decider {
    fn actor(&self) -> AuditActor {
        match self {
            Self::Administrator(caller, _) => caller.actor(),
            Self::LinkHolder { .. } => AuditActor::LinkHolder,
        }
    }

    /// Which request, as long as they may decide it.
    fn request_id(&self, tx: &WriteTx) -> Result<RequestId> {
        match self {
            Self::Administrator(caller, id) => check_caller(tx, caller).map(|()| *id),
            Self::LinkHolder { token } => Ok(request_of_link(tx, token)?.0),
        }
    }
}

/// Decides once: a request that was decided stays as it is. Who is approved and has yet to prove their
/// e-mail is mailed `proof`, since the link they had may be good no more.
fn decide(
    tx: &WriteTx,
    post: &Post,
    decider: &Decider,
    decide: &Decide,
    proof: &NewLink,
) -> Result<(RequestView, UnsentLink)> {
    let missing = || Error::not_found("request");
    let id = decider.request_id(tx)?;
    let mut request = find_request(tx, id)?.ok_or_else(missing)?;
    let mut applicant = find_user(tx, &request.user_id)?.ok_or_else(missing)?;
    let waits = awaits_answer(&request, &applicant);
    check_is_open(&request, waits, decide)?;
    let actor = decider.actor();
    request.decision = Some(RequestDecision {
        at: now_ms(),
        by: actor.name().to_owned(),
        approved: decide.approve,
        note: decide.note.clone(),
    });
    put_request(tx, &request)?;
    remove_decision_links(tx, &request)?;
    let before = applicant.clone();
    match (request.wish, decide.approve) {
        _ if !waits => {}
        (RequestWish::Account, approve) => applicant.status = status_after(&applicant, approve),
        (RequestWish::AdminRole, true) => applicant.role = UserRole::Admin,
        (RequestWish::AdminRole, false) => {}
    }
    if let Decider::Administrator(caller, _) = decider
        && (makes_administrator(&before, &applicant) || request.wish == RequestWish::AdminRole)
    {
        caller.require_session()?;
    }
    put_user(tx, &applicant)?;
    let action = match decide.approve {
        true => "request.approved",
        false => "request.rejected",
    };
    let details = json!({ "id": id.to_string(), "wish": request.wish });
    audited_by(tx, actor, action, &applicant.username, details)?;
    let unsent = match waits {
        true => tell_applicant(tx, post, (&applicant, request.wish), decide, proof)?,
        false => UnsentLink::none(),
    };
    let view = RequestView {
        record: request,
        applicant,
    };
    Ok((view, unsent))
}

fn tell_applicant(
    tx: &WriteTx,
    post: &Post,
    (applicant, wish): (&UserRecord, RequestWish),
    decide: &Decide,
    proof: &NewLink,
) -> Result<UnsentLink> {
    let awaits_email = matches!(applicant.status, UserStatus::Pending(_));
    let kind = MailKind::ApprovalDecided {
        approved: decide.approve,
        wish: wish_in_mails(wish),
        note: Some(decide.note.clone()).filter(|note| !note.is_empty()),
        awaits_email,
        link_to_house: post.link("/"),
    };
    post.tell(tx, applicant, kind)?;
    match awaits_email {
        true => send_proof(tx, post, proof, applicant),
        false => Ok(UnsentLink::none()),
    }
}

/// Refuses where it was decided, and to approve where there is nothing to decide. What nothing follows
/// from can be rejected, so that it waits no longer.
fn check_is_open(request: &RequestRecord, waits: bool, decide: &Decide) -> Result<()> {
    if request.decision.is_some() {
        let sentence = "this request was decided already";
        return Err(Error::conflict(sentence).with_reason(Reason::RequestDecided));
    }
    match waits || !decide.approve {
        true => Ok(()),
        false => Err(Error::conflict(
            "there is nothing to decide: the account of whoever asked has changed since",
        )),
    }
}

/// Of somebody whose approval is awaited.
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
    pub async fn decide_request(
        &self,
        caller: &Caller,
        id: RequestId,
        decision: Decide,
    ) -> Result<RequestView> {
        caller.require_admin()?;
        self.write_decision(Decider::Administrator(caller.clone(), id), decision)
            .await
    }

    /// Decides by the link that was mailed, which is good once.
    pub async fn decide_by_link(
        &self,
        visitor: &Visitor,
        token: &str,
        decision: Decide,
    ) -> Result<RequestView> {
        let token = token.to_owned();
        let deciding = self.write_decision(Decider::LinkHolder { token }, decision);
        self.throttle
            .after_comparing(visitor, ErrorKind::NotFound, deciding)
            .await
    }

    async fn write_decision(&self, decider: Decider, mut decision: Decide) -> Result<RequestView> {
        decision.note = valid_text("note", &decision.note)?;
        let post = self.post.clone();
        let proof = NewLink::generate(&PROVE_EMAIL);
        let (view, unsent) = self
            .write_rights(move |tx| decide(tx, &post, &decider, &decision, &proof))
            .await?;
        self.post.send();
        unsent.log(PROOF);
        Ok(view)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::accounts::links::DECIDE;
    use crate::config::MailConfig;
    use crate::mail::Mailer;
    use crate::store::Store;
    use crate::store::links::{LinkPurpose, list_links_of};
    use crate::store::mails::list_mails;
    use crate::store::settings::put_setting;

    fn applicant() -> UserRecord {
        UserRecord {
            status: UserStatus::Pending(Awaited {
                email: true,
                approval: true,
            }),
            ..UserRecord::example("bob")
        }
    }

    #[tokio::test]
    async fn who_is_approved_and_has_an_e_mail_to_prove_is_mailed_another_link_that_does() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.redb"), 1 << 20).unwrap();
        let store = Arc::new(store);
        let house = "http://127.0.0.1:2428".to_owned();
        let config = MailConfig::default();
        let mailer = Mailer::open(Arc::clone(&store), b"house", &config, house.clone());
        let post = Post::new(Arc::new(mailer.unwrap()), house);
        let (bob, link) = (applicant(), NewLink::generate(&DECIDE));
        let address = link.address(&DECIDE, &post);
        let token = address.rsplit('/').next().unwrap().to_owned();
        let id = bob.id;
        let written = store.write(move |tx| {
            let settings = json!({
                "server": "127.0.0.1", "port": 9, "security": "none",
                "from_name": "Chatelaine", "from_address": "house@example.org",
            });
            put_setting(tx, "mail", &settings)?;
            put_user(tx, &bob)?;
            let request = RequestRecord {
                id: RequestId::generate(),
                user_id: bob.id,
                wish: RequestWish::Account,
                reason: String::new(),
                created_at: 0,
                decision: None,
            };
            put_request(tx, &request)?;
            let request_id = request.id;
            let purpose = LinkPurpose::Decide { request_id };
            link.put_known(tx, bob.id, purpose, Vec::new())?;
            let decider = Decider::LinkHolder {
                token: token.clone(),
            };
            let approval = Decide {
                approve: true,
                note: String::new(),
            };
            let proof = NewLink::generate(&PROVE_EMAIL);
            let (view, unsent) = decide(tx, &post, &decider, &approval, &proof)?;
            let _sent = unsent.unless_too_many()?;
            let awaited = Awaited {
                email: true,
                approval: false,
            };
            assert_eq!(view.applicant.status, UserStatus::Pending(awaited));
            Ok(())
        });
        written.await.unwrap();
        let found = store.read(move |tx| Ok((list_mails(tx)?, list_links_of(tx, id)?)));
        let (mails, links) = found.await.unwrap();
        let kinds: Vec<&str> = mails.iter().map(|mail| &*mail.kind).collect();
        assert_eq!(kinds, ["approval_decided", "verify_email"]);
        let purposes: Vec<&LinkPurpose> = links.iter().map(|link| &link.purpose).collect();
        let email = "bob@example.org".to_owned();
        assert_eq!(purposes, [&LinkPurpose::ProveEmail { email }]);
    }
}
