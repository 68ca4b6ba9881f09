//! Sessions: signing in and out, and turning a credential into a [`Caller`].
//!
//! The page's session is one opaque cookie. A program's session is an access token with a refresh
//! token, of which `refreshing` makes the next. A credential names its session and proves it with a
//! secret kept here as a hash.

use serde_json::json;

use super::access_tokens::LIFETIME_S;
use super::audit::audited;
use super::caller::Means;
use super::new_session::NewSession;
use super::throttle::{Attempt, Login};
use super::{Accounts, Caller, Purpose, Visitor};
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, Reason, Result};
use crate::ids::{SessionId, UserId};
use crate::secrets::matches_hash;
use crate::store::sessions::{
    SessionCarrier, SessionRecord, find_session, list_sessions_of, put_session, remove_session,
};
use crate::store::users::{UserRecord, UserStatus, find_user, find_user_by_login};
use crate::store::{ReadTx, Reads, WriteTx};

const HOUR_MS: UnixMs = 60 * 60 * 1000;
/// A session that is not used for so long is over.
pub(super) const LIFETIME_MS: UnixMs = 30 * 24 * HOUR_MS;
/// Of one user.
const SESSIONS_LIMIT: usize = 100;
/// As long as browsers keep one: when a session is over is decided here, and prolonged here.
const COOKIE_LIFETIME_S: u32 = 400 * 24 * 60 * 60;

/// What the caller wants to hold afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    Cookie,
    Tokens,
}

pub struct SignedIn {
    pub user: UserRecord,
    pub credentials: Credentials,
}

/// Leaves the house once.
pub enum Credentials {
    Cookie {
        value: String,
        max_age_s: u32,
    },
    Tokens {
        access_token: String,
        refresh_token: String,
        expires_in_s: u32,
    },
}

/// A session as its owner sees it.
pub struct SessionView {
    pub record: SessionRecord,
    /// The one that asks.
    pub is_current: bool,
    /// Of a program that holds tokens.
    pub is_program: bool,
}

pub(super) fn no_session() -> Error {
    Error::unauthenticated("sign in first")
}

/// `<session>.<secret>`, as both the cookie and the refresh token are.
pub(super) fn split_credential(credential: &str) -> Option<(SessionId, &str)> {
    let (id, secret) = credential.split_once('.')?;
    Some((SessionId::parse(id)?, secret))
}

/// Who that is, as long as they may come in.
pub(super) fn caller_of(tx: &ReadTx, user_id: UserId, means: Means) -> Result<Caller> {
    let user = find_user(tx, &user_id)?
        .filter(|user| user.status == UserStatus::Active)
        .ok_or_else(no_session)?;
    Ok(Caller {
        user_id: user.id,
        username: user.username,
        role: user.role,
        means,
    })
}

fn caller_of_session(tx: &ReadTx, session: &SessionRecord) -> Result<Caller> {
    caller_of(tx, session.user_id, Means::Session(session.id))
}

fn wrong_password() -> Error {
    Error::unauthenticated("the name or the password is wrong")
        .with_reason(Reason::WrongCredentials)
}

/// Said only to who knows the password.
fn check_may_come_in(user: &UserRecord) -> Result<()> {
    let awaited = match user.status {
        UserStatus::Active => return Ok(()),
        UserStatus::Disabled => {
            let sentence = "this account was disabled; ask the administrator";
            return Err(Error::forbidden(sentence).with_reason(Reason::AccountDisabled));
        }
        UserStatus::Pending(awaited) => awaited,
    };
    let (what, reason, sentence) = match awaited.email {
        true => (
            "email",
            Reason::EmailUnproved,
            "prove your e-mail first: follow the link that was sent to you",
        ),
        false => (
            "approval",
            Reason::ApprovalAwaited,
            "an administrator has yet to approve this account",
        ),
    };
    Err(Error::forbidden(sentence)
        .with_details(json!({ "pending": what }))
        .with_reason(reason))
}

pub(super) fn find_living(tx: &impl Reads, id: SessionId) -> Result<SessionRecord> {
    find_session(tx, &id)?
        .filter(|session| session.expires_at > now_ms())
        .ok_or_else(no_session)
}

impl Accounts {
    /// The user whose password that is. `login` is a username or an e-mail.
    pub(super) async fn verified_user(
        &self,
        visitor: &Visitor,
        login: &str,
        password: &str,
    ) -> Result<UserRecord> {
        let login = login.trim().to_lowercase();
        let name = login.clone();
        let found = self.store.read(move |tx| find_user_by_login(tx, &name));
        let user = found.await?;
        let whose = user.as_ref().map(|user| Login::Of(user.id));
        let whose = whose.unwrap_or(Login::Nobodys(&login));
        let attempt = self.throttle.begin(visitor, Attempt::Login(whose)).await?;
        let stored = user.as_ref().map(|user| user.password_hash.clone());
        let verified = self.passwords.verify(password, stored).await?;
        match user.filter(|_| verified) {
            Some(user) => {
                attempt.succeeded().await;
                Ok(user)
            }
            None => {
                attempt.failed().await;
                Err(wrong_password())
            }
        }
    }

    pub async fn sign_in(
        &self,
        visitor: &Visitor,
        login: &str,
        password: &str,
        carrier: Carrier,
    ) -> Result<SignedIn> {
        let verified = self.verified_user(visitor, login, password).await?;
        let session = self.new_session(verified.id, carrier, visitor);
        let record = session.record.clone();
        let user = self
            .write_rights(move |tx| {
                // Hashing takes its time, and the password may have changed in it.
                let user = find_user(tx, &verified.id)?
                    .filter(|user| user.password_hash == verified.password_hash)
                    .ok_or_else(wrong_password)?;
                check_may_come_in(&user)?;
                make_room(tx, user.id)?;
                put_session(tx, &record)?;
                Ok(user)
            })
            .await?;
        self.signed_in(user, session)
    }

    pub(super) fn signed_in(&self, user: UserRecord, session: NewSession) -> Result<SignedIn> {
        let NewSession { record, secret } = session;
        let credential = format!("{}.{secret}", record.id);
        let credentials = match record.carrier {
            SessionCarrier::Cookie { .. } => Credentials::Cookie {
                value: credential,
                max_age_s: COOKIE_LIFETIME_S,
            },
            SessionCarrier::Tokens { .. } => Credentials::Tokens {
                access_token: self.access_tokens.sign(user.id, record.id)?,
                refresh_token: credential,
                expires_in_s: LIFETIME_S,
            },
        };
        Ok(SignedIn { user, credentials })
    }

    pub async fn caller_by_access_token(&self, token: &str) -> Result<Caller> {
        let id = self.access_tokens.verify(token).ok_or_else(no_session)?;
        self.store
            .read(move |tx| caller_of_session(tx, &find_living(tx, id)?))
            .await
    }

    pub async fn caller_by_cookie(&self, visitor: &Visitor, value: &str) -> Result<Caller> {
        let (id, secret) = split_credential(value).ok_or_else(no_session)?;
        let secret = secret.to_owned();
        let found = self
            .store
            .read(move |tx| {
                let session = find_living(tx, id)?;
                match &session.carrier {
                    SessionCarrier::Cookie { secret_hash }
                        if matches_hash(&secret, secret_hash) => {}
                    _ => return Ok(None),
                }
                Ok(Some((caller_of_session(tx, &session)?, session)))
            })
            .await?;
        let Some((caller, session)) = found else {
            return Err(self.throttle.refuse_credential(visitor, no_session()).await);
        };
        if session.expires_at < now_ms() + LIFETIME_MS - HOUR_MS
            && let Err(error) = self.prolong(session).await
        {
            // A disk that takes no writes must not keep anybody from reading.
            tracing::warn!(%error, "a session was not prolonged");
        }
        Ok(caller)
    }

    /// At most once an hour, so that reading does not write.
    async fn prolong(&self, session: SessionRecord) -> Result<()> {
        self.store
            .write(move |tx| {
                // It may have ended since it was read.
                let Some(mut session) = find_session(tx, &session.id)? else {
                    return Ok(());
                };
                session.last_used_at = now_ms();
                session.expires_at = session.last_used_at + LIFETIME_MS;
                put_session(tx, &session)
            })
            .await
    }

    /// The latest used first.
    pub async fn list_sessions(&self, caller: &Caller) -> Result<Vec<SessionView>> {
        caller.require(Purpose::OwnAccount)?;
        let (user_id, current) = (caller.user_id, caller.session_id());
        let mut records = self
            .store
            .read(move |tx| {
                let mut records = Vec::new();
                for id in list_sessions_of(tx, user_id)? {
                    records.extend(find_session(tx, &id)?);
                }
                records.retain(|session| session.expires_at > now_ms());
                Ok(records)
            })
            .await?;
        records.sort_by_key(|session| std::cmp::Reverse(session.last_used_at));
        let view = |record: SessionRecord| SessionView {
            is_current: Some(record.id) == current,
            is_program: matches!(record.carrier, SessionCarrier::Tokens { .. }),
            record,
        };
        Ok(records.into_iter().map(view).collect())
    }

    pub async fn end_session(&self, caller: &Caller, id: SessionId) -> Result<()> {
        caller.require(Purpose::OwnAccount)?;
        let caller = caller.clone();
        self.write_rights(move |tx| {
            let session = find_session(tx, &id)?
                .filter(|session| session.user_id == caller.user_id)
                .ok_or_else(|| Error::not_found("session"))?;
            let details = json!({ "id": session.id.to_string() });
            audited(tx, &caller, "session.ended", &caller.username, details)?;
            remove_session(tx, caller.user_id, id).map(drop)
        })
        .await
    }

    pub async fn end_other_sessions(&self, caller: &Caller) -> Result<()> {
        caller.require(Purpose::OwnAccount)?;
        let caller = caller.clone();
        self.write_rights(move |tx| {
            let (name, kept) = (&caller.username, caller.session_id());
            audited(tx, &caller, "session.others_ended", name, json!({}))?;
            remove_sessions(tx, caller.user_id, |session| Some(session.id) != kept)
        })
        .await
    }

    /// Ends the caller's session at once, and those of the cookies that came with it.
    pub async fn sign_out(&self, caller: &Caller, cookies: Vec<String>) -> Result<()> {
        let (user_id, session_id) = (caller.user_id, caller.session_id());
        let session_id = session_id.ok_or_else(|| Error::forbidden("this is no session"))?;
        self.write_rights(move |tx| {
            remove_session(tx, user_id, session_id)?;
            remove_sessions_of_cookies(tx, &cookies)
        })
        .await
    }

    /// Ends the sessions of cookies that a browser is about to lose.
    pub async fn end_sessions_of_cookies(&self, cookies: Vec<String>) -> Result<()> {
        match cookies.is_empty() {
            true => Ok(()),
            false => {
                self.write_rights(move |tx| remove_sessions_of_cookies(tx, &cookies))
                    .await
            }
        }
    }
}

/// A cookie that is none is passed over.
fn remove_sessions_of_cookies(tx: &WriteTx, cookies: &[String]) -> Result<()> {
    for (id, secret) in cookies.iter().filter_map(|cookie| split_credential(cookie)) {
        let session = find_session(tx, &id)?.filter(|session| match &session.carrier {
            SessionCarrier::Cookie { secret_hash } => matches_hash(secret, secret_hash),
            SessionCarrier::Tokens { .. } => false,
        });
        if let Some(session) = session {
            remove_session(tx, session.user_id, id)?;
        }
    }
    Ok(())
}

/// Removes what is over, and ends what was not used for longest where one more would be too many.
fn make_room(tx: &WriteTx, user_id: UserId) -> Result<()> {
    remove_sessions(tx, user_id, |session| session.expires_at <= now_ms())?;
    let mut living = Vec::new();
    for id in list_sessions_of(tx, user_id)? {
        living.extend(find_session(tx, &id)?.map(|session| (session.last_used_at, id)));
    }
    living.sort_unstable();
    let surplus = (living.len() + 1).saturating_sub(SESSIONS_LIMIT);
    let mut meant = living.iter().take(surplus);
    meant.try_for_each(|(_, id)| remove_session(tx, user_id, *id).map(drop))
}

/// Ends those sessions of a user that are meant.
pub(super) fn remove_sessions(
    tx: &WriteTx,
    user_id: UserId,
    is_meant: impl Fn(&SessionRecord) -> bool,
) -> Result<()> {
    for id in list_sessions_of(tx, user_id)? {
        if find_session(tx, &id)?.is_some_and(|session| is_meant(&session)) {
            remove_session(tx, user_id, id)?;
        }
    }
    Ok(())
}
