//! Typed ids: 16 bytes, time-ordered (UUIDv7), so that sorting by id is sorting by age.
//!
//! On the wire an id is an opaque string. A string that is not an id names nothing, so parsing
//! gives an `Option` and callers answer "not found". Any room may use these.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, later than every id this process made before.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text).ok().map(Self)
            }

            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.simple().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

typed_id!(UserId);
typed_id!(SessionId);
typed_id!(ConversationId);
typed_id!(
    /// Also the id of the reply, when the message is the assistant's.
    MessageId
);
typed_id!(JobId);
typed_id!(MailId);
typed_id!(RemoteSourceId);
typed_id!(GroupId);
typed_id!(RegistrationKeyId);
typed_id!(ApiKeyId);
typed_id!(RequestId);
typed_id!(NoticeId);
