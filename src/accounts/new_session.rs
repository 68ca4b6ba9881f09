//! A session about to be stored, with the secret that proves it: made before its transaction, by
//! whatever signs somebody in. Written and given out by `sessions`.

use super::sessions::LIFETIME_MS;
use super::{Accounts, Carrier, Visitor};
use crate::clock::now_ms;
use crate::ids::{SessionId, UserId};
use crate::secrets::{hash_secret, random_secret};
use crate::store::sessions::{SessionCarrier, SessionRecord};

pub(super) struct NewSession {
    pub(super) record: SessionRecord,
    /// Leaves the house once.
    pub(super) secret: String,
}

impl Accounts {
    pub(super) fn new_session(
        &self,
        user_id: UserId,
        carrier: Carrier,
        visitor: &Visitor,
    ) -> NewSession {
        let id = SessionId::generate();
        let secret = match carrier {
            Carrier::Cookie => random_secret(),
            Carrier::Tokens => self.refresh_tokens.generate(id),
        };
        let hash = hash_secret(&secret);
        let created_at = now_ms();
        let record = SessionRecord {
            id,
            user_id,
            carrier: match carrier {
                Carrier::Cookie => SessionCarrier::Cookie { secret_hash: hash },
                Carrier::Tokens => SessionCarrier::Tokens {
                    refresh_hash: hash,
                    previous_hash: None,
                },
            },
            created_at,
            expires_at: created_at + LIFETIME_MS,
            address: visitor.address.to_string(),
            user_agent: visitor.user_agent.clone(),
            last_used_at: created_at,
        };
        NewSession { record, secret }
    }
}
