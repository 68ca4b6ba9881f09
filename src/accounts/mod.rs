//! Who people are: users, passwords, sessions, the set-up link, who may register.
//!
//! What always holds: there is one way from a credential to a [`Caller`], and it asks the store
//! whether the session still exists, so ending a session takes effect at once. Secrets are kept as
//! hashes and never logged. Called by `http`, `cli` and, for `Caller`, by the other domain rooms.

mod access_tokens;
mod api_keys;
mod audit;
mod caller;
mod passwords;
mod rights;
mod sessions;
mod settings;
mod setup;
mod users;
mod visitor;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use self::access_tokens::AccessTokens;
pub use self::api_keys::{IssuedApiKey, NewApiKey};
pub use self::audit::{AuditActor, AuditPage, AuditRecord, audited, check_exported_audit};
pub use self::caller::{Caller, Purpose};
use self::passwords::Passwords;
pub use self::sessions::{Carrier, Credentials, SessionView, SignedIn};
pub use self::settings::{
    RegistrationApproval, RegistrationMode, RegistrationRules, RegistrationRulesChange, Settings,
    SettingsChange,
};
use self::setup::SetupLink;
pub use self::users::{NewUser, UserChange};
pub use self::visitor::Visitor;
use crate::error::Result;
use crate::store::Store;
pub use crate::store::api_keys::{ApiKeyRecord, ApiKeyScope};
pub use crate::store::users::{UserRecord, UserRole, UserStatus};

pub struct Accounts {
    store: Arc<Store>,
    passwords: Passwords,
    access_tokens: AccessTokens,
    setup_link: SetupLink,
    /// Somebody may no longer do what they might.
    rights_changed: watch::Sender<()>,
}

impl Accounts {
    /// `key_file` holds the key that signs access tokens; it is made when it is not there.
    pub fn open(store: Arc<Store>, key_file: &Path) -> Result<Self> {
        Ok(Self {
            store,
            passwords: Passwords::new(),
            access_tokens: AccessTokens::open(key_file)?,
            setup_link: SetupLink::default(),
            rights_changed: watch::Sender::default(),
        })
    }
}
