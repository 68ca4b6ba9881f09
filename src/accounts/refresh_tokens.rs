//! The secrets of refresh tokens. Each is authentic: it is sealed with the house's key for its session,
//! so that whoever presents one that was used is told from whoever guesses, however long ago it was
//! made. That it is the latest is another matter, which `refreshing` asks the session's record.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::ids::SessionId;
use crate::secrets::{SealingKey, random_secret};

const SEALING_PURPOSE: &str = "refresh tokens";

pub(super) struct RefreshTokens(SealingKey);

impl RefreshTokens {
    /// `house_key` is what lies in the key file.
    pub(super) fn open(house_key: &[u8]) -> Self {
        Self(SealingKey::derive(house_key, SEALING_PURPOSE))
    }

    /// No two are alike.
    pub(super) fn generate(&self, id: SessionId) -> String {
        URL_SAFE_NO_PAD.encode(self.0.seal(&random_secret(), id.as_bytes()))
    }

    /// Whether this house made it for that session. Those of before this was kept are not.
    pub(super) fn is_authentic(&self, id: SessionId, secret: &str) -> bool {
        let sealed = URL_SAFE_NO_PAD.decode(secret);
        sealed.is_ok_and(|sealed| self.0.open(&sealed, id.as_bytes()).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_authentic_for_its_session_in_its_house_alone() {
        let (ours, theirs) = (RefreshTokens::open(b"ours"), RefreshTokens::open(b"theirs"));
        let id = SessionId::generate();
        let (one, other) = (ours.generate(id), ours.generate(id));
        assert_ne!(one, other);
        assert!(ours.is_authentic(id, &one) && ours.is_authentic(id, &other));
        assert!(!theirs.is_authentic(id, &one));
        assert!(!ours.is_authentic(SessionId::generate(), &one));
        for guess in ["", "x", &random_secret(), &one[1..], &one[..one.len() - 1]] {
            assert!(!ours.is_authentic(id, guess), "{guess}");
        }
    }
}
