//! Looking at somebody else's conversations: off by default, and never unnoticed. What an
//! administrator opens is written into the audit log and told to the owner, by mail and in the page,
//! in the transaction that reads it; `conversations` does the reading. The other way in, a link that
//! sets somebody's password, is told to its owner too, when it is made and when it is used.

use serde_json::json;

use super::audit::audited;
use super::post::Post;
use super::requests::valid_reason;
use super::rights::check_caller;
use super::settings::privacy_rules;
use super::{Accounts, Caller, Purpose};
use crate::clock::now_ms;
use crate::error::{Error, Reason, Result};
use crate::ids::{ConversationId, NoticeId, UserId};
use crate::mail::MailKind;
use crate::store::WriteTx;
pub use crate::store::notices::{Notice, NoticeRecord};
use crate::store::notices::{list_notices_of, put_notice, remove_notice};
use crate::store::users::find_user;

/// An administrator's wish to look, with the reason that the owner will read.
#[derive(Clone)]
pub struct Opening {
    caller: Caller,
    reason: String,
    post: Post,
}

/// What somebody looks at.
pub enum Opened {
    /// The list of all.
    List,
    Conversation {
        id: ConversationId,
        title: String,
    },
}

impl Opening {
    /// Whether the house allows it. Asked before whatever would tell what there is.
    pub fn check_allowed(&self, tx: &WriteTx) -> Result<()> {
        check_caller(tx, &self.caller)?;
        match privacy_rules(tx)?.break_glass {
            true => Ok(()),
            false => {
                let sentence = "this house does not let administrators look at conversations";
                Err(Error::forbidden(sentence).with_reason(Reason::BreakGlassOff))
            }
        }
    }

    /// Writes down what is looked at; without this nothing may be read.
    pub fn write_down(&self, tx: &WriteTx, owner_id: UserId, opened: Opened) -> Result<()> {
        self.check_allowed(tx)?;
        let owner = find_user(tx, &owner_id)?.ok_or_else(|| Error::not_found("user"))?;
        let (what, title) = match opened {
            Opened::List => ("the list of conversations".to_owned(), None),
            Opened::Conversation { id, title } => (id.to_string(), Some(title)),
        };
        let (caller, name) = (&self.caller, &owner.username);
        let details = json!({ "what": what, "reason": self.reason });
        audited(tx, caller, "conversations.opened", name, details)?;
        let (at, by) = (now_ms(), self.caller.username.clone());
        let reason = self.reason.clone();
        let notice = Notice::ConversationsOpened {
            by: by.clone(),
            reason: reason.clone(),
            title,
        };
        put_notice_to(tx, owner_id, notice)?;
        let kind = MailKind::ConversationsOpened { by, reason, at };
        self.post.tell(tx, &owner, kind)
    }

    /// Behind the transaction.
    pub fn send_mails(&self) {
        self.post.send();
    }
}

impl Accounts {
    pub fn opening(&self, caller: &Caller, reason: &str) -> Result<Opening> {
        caller.require_admin_session()?;
        let reason = valid_reason(reason)?;
        if reason.is_empty() {
            let missing = Error::invalid_field("reason", "say why; the owner will read it");
            return Err(missing.with_reason(Reason::ReasonNeeded));
        }
        Ok(Opening {
            caller: caller.clone(),
            reason,
            post: self.post.clone(),
        })
    }

    /// What the house has to tell the caller, oldest first.
    pub async fn list_notices(&self, caller: &Caller) -> Result<Vec<NoticeRecord>> {
        let user_id = caller.user_id;
        self.store
            .read(move |tx| list_notices_of(tx, user_id))
            .await
    }

    /// The caller has seen it.
    pub async fn delete_notice(&self, caller: &Caller, id: NoticeId) -> Result<()> {
        caller.require(Purpose::OwnAccount)?;
        let user_id = caller.user_id;
        let removed = self.store.write(move |tx| remove_notice(tx, user_id, id));
        match removed.await? {
            true => Ok(()),
            false => Err(Error::not_found("notice")),
        }
    }
}

/// Tells somebody something in the page.
pub(super) fn put_notice_to(tx: &WriteTx, user_id: UserId, notice: Notice) -> Result<()> {
    let record = NoticeRecord {
        id: NoticeId::generate(),
        at: now_ms(),
        notice,
    };
    put_notice(tx, user_id, &record)
}
