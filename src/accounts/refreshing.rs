//! Refresh tokens: each is good once, for the next. Presenting one that was used means that two hold
//! it, so the session ends, with what is open in it. Whatever else is wrong is a guess: the id of a
//! session stands in its access tokens, so a guess must end nothing.

use serde_json::json;

use super::audit::audited_by;
use super::new_session::NewSession;
use super::sessions::{LIFETIME_MS, find_living, no_session, split_credential};
use super::{Accounts, AuditActor, SignedIn, Visitor};
use crate::clock::now_ms;
use crate::error::{Error, Result};
use crate::ids::SessionId;
use crate::secrets::{SecretHash, hash_secret, matches_hash};
use crate::store::WriteTx;
use crate::store::sessions::{
    SessionCarrier, SessionRecord, find_session, put_session, remove_session,
};
use crate::store::users::{UserRecord, find_user};

/// What a refresh token turned out to be.
enum Refreshed {
    Good(Box<UserRecord>, SessionRecord),
    /// One of those before the latest.
    UsedBefore,
    Guessed,
}

/// What somebody came with.
struct Presented {
    id: SessionId,
    secret: String,
    /// Made for this session, if not the latest.
    is_authentic: bool,
}

impl Accounts {
    /// Gives new tokens for a refresh token, which is then used up.
    pub async fn refresh(&self, visitor: &Visitor, refresh_token: &str) -> Result<SignedIn> {
        let (id, secret) = split_credential(refresh_token).ok_or_else(no_session)?;
        let next = self.refresh_tokens.generate(id);
        let presented = Presented {
            id,
            is_authentic: self.refresh_tokens.is_authentic(id, secret),
            secret: secret.to_owned(),
        };
        let next_hash = hash_secret(&next);
        let outcome = self
            .store
            .write(move |tx| refresh_session(tx, &presented, next_hash))
            .await?;
        match outcome {
            Refreshed::Good(user, record) => {
                let secret = next;
                self.signed_in(*user, NewSession { record, secret })
            }
            Refreshed::Guessed => Err(self.throttle.refuse_credential(visitor, no_session()).await),
            Refreshed::UsedBefore => {
                self.end_stolen_session(id).await?;
                tracing::warn!(session = %id, "a refresh token was presented that is not the latest; the session was ended");
                Err(Error::unauthenticated(
                    "this refresh token was used before, so the session was ended",
                ))
            }
        }
    }

    async fn end_stolen_session(&self, id: SessionId) -> Result<()> {
        self.write_rights(move |tx| {
            let Some(session) = find_session(tx, &id)? else {
                return Ok(());
            };
            let user = find_user(tx, &session.user_id)?;
            let name = user.map(|user| user.username).unwrap_or_default();
            let details = json!({ "id": id.to_string(), "why": "a refresh token was presented that is not the latest" });
            audited_by(tx, AuditActor::House, "session.ended", &name, details)?;
            remove_session(tx, session.user_id, id).map(drop)
        })
        .await
    }
}

fn refresh_session(
    tx: &WriteTx,
    presented: &Presented,
    next_hash: SecretHash,
) -> Result<Refreshed> {
    let mut session = find_living(tx, presented.id)?;
    let secret = &presented.secret;
    let SessionCarrier::Tokens {
        refresh_hash,
        previous_hash,
    } = session.carrier
    else {
        return Ok(Refreshed::Guessed);
    };
    if !matches_hash(secret, &refresh_hash) {
        let was_previous = previous_hash.is_some_and(|hash| matches_hash(secret, &hash));
        return Ok(match presented.is_authentic || was_previous {
            true => Refreshed::UsedBefore,
            false => Refreshed::Guessed,
        });
    }
    session.carrier = SessionCarrier::Tokens {
        refresh_hash: next_hash,
        previous_hash: match presented.is_authentic {
            true => previous_hash,
            false => Some(refresh_hash),
        },
    };
    session.last_used_at = now_ms();
    session.expires_at = session.last_used_at + LIFETIME_MS;
    put_session(tx, &session)?;
    let user = find_user(tx, &session.user_id)?.ok_or_else(no_session)?;
    Ok(Refreshed::Good(Box::new(user), session))
}
