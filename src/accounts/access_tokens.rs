//! Access tokens: JWTs that live 15 minutes and name a session, which is looked up on each use.
//!
//! The key is made once per installation and lies in the data folder, readable by its owner alone.

use std::path::Path;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::clock::now_ms;
use crate::error::{Error, Result};
use crate::ids::{SessionId, UserId};
use crate::secrets::open_key_file;

/// Seconds an access token lives.
pub(super) const LIFETIME_S: u32 = 15 * 60;

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    sid: String,
    iat: i64,
    exp: i64,
}

pub(super) struct AccessTokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl AccessTokens {
    pub(super) fn open(key_file: &Path) -> Result<Self> {
        let key = open_key_file(key_file)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.set_required_spec_claims(&["exp", "sub"]);
        Ok(Self {
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
            validation,
        })
    }

    pub(super) fn sign(&self, user_id: UserId, session_id: SessionId) -> Result<String> {
        let iat = now_ms() / 1000;
        let claims = Claims {
            sub: user_id.to_string(),
            sid: session_id.to_string(),
            iat,
            exp: iat + i64::from(LIFETIME_S),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(Error::internal)
    }

    /// The session it was signed for; None when it is not ours, was changed, or is too old.
    pub(super) fn verify(&self, token: &str) -> Option<SessionId> {
        let token = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?;
        SessionId::parse(&token.claims.sid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_only_for_the_house_that_made_it() {
        let folder = tempfile::tempdir().unwrap();
        let ours = AccessTokens::open(&folder.path().join("ours")).unwrap();
        let theirs = AccessTokens::open(&folder.path().join("theirs")).unwrap();
        let session = SessionId::generate();
        let token = ours.sign(UserId::generate(), session).unwrap();
        assert_eq!(ours.verify(&token), Some(session));
        assert_eq!(theirs.verify(&token), None);
        assert_eq!(
            AccessTokens::open(&folder.path().join("ours"))
                .unwrap()
                .verify(&token),
            Some(session)
        );
    }

    #[test]
    fn a_token_without_a_signature_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = AccessTokens::open(&folder.path().join("key")).unwrap();
        let token = tokens
            .sign(UserId::generate(), SessionId::generate())
            .unwrap();
        let payload = token.split('.').nth(1).unwrap();
        assert_eq!(
            tokens.verify(&format!("eyJhbGciOiJub25lIn0.{payload}.")),
            None
        );
    }
}
