//! Who people are: users, passwords, sessions, the set-up link, who may register.
//!
//! What always holds: there is one way from a credential to a [`Caller`], and it asks the store
//! whether the session or key still exists; what is written for a caller asks once more, in its
//! transaction. So ending either takes effect at once. Secrets are kept as hashes and never logged, but
//! for links of a house without mail that prove an e-mail or decide a request. Called by `http`, `cli` and, for `Caller`, by the other domain rooms.

mod access;
mod access_tokens;
pub mod allowance;
mod api_keys;
mod audit;
mod break_glass;
mod caller;
mod decisions;
mod groups;
mod key_text;
mod links;
mod new_password;
mod new_session;
mod passwords;
mod people;
mod person_change;
mod policies;
mod post;
mod recovery;
mod refresh_tokens;
mod refreshing;
mod registration;
mod registration_keys;
mod requests;
mod rights;
mod scan;
mod sessions;
mod settings;
mod setup;
mod taking_back;
mod throttle;
mod tidying;
#[cfg(test)]
mod upgraded_tests;
mod users;
mod validity;
mod visitor;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

pub use self::access::{Access, AccessEffect, AccessKind, AccessRule, FEATURES};
use self::access_tokens::AccessTokens;
use self::allowance::Allowances;
pub use self::api_keys::{IssuedApiKey, NewApiKey};
pub use self::audit::{
    AuditActor, AuditFilter, AuditHead, AuditPage, AuditRecord, audited, check_exported_audit,
};
pub use self::break_glass::{Notice, NoticeRecord, Opened, Opening};
pub use self::caller::{Caller, Purpose};
pub use self::decisions::Decide;
pub use self::groups::{GroupChange, GroupRecord, GroupView};
pub use self::links::OneTimeLink;
use self::passwords::Passwords;
pub use self::people::PeoplePage;
pub use self::person_change::PersonChange;
use self::post::Post;
use self::refresh_tokens::RefreshTokens;
pub use self::registration::{Registered, Registration};
pub use self::registration_keys::{
    IssuedKey, KeyFilter, KeyGrants, KeyPage, KeyState, KeyUseRecord, NewKeys,
    RegistrationKeyRecord,
};
pub use self::requests::{
    RequestDecision, RequestPage, RequestPlace, RequestRecord, RequestView, RequestWish,
};
pub use self::rights::{check_caller, check_is_here};
pub use self::sessions::{Carrier, Credentials, SessionView, SignedIn};
pub use self::settings::{
    PrivacyRules, RegistrationApproval, RegistrationMode, RegistrationRules,
    RegistrationRulesChange, Settings, SettingsChange,
};
use self::setup::SetupLink;
use self::throttle::Throttle;
pub use self::users::{NewUser, UserChange};
pub use self::visitor::{Visitor, network_of};
use crate::error::Result;
use crate::mail::Mailer;
use crate::plugins::Plugins;
use crate::secrets::open_key_file;
use crate::store::Store;
pub use crate::store::api_keys::{ApiKeyRecord, ApiKeyScope};
pub use crate::store::users::{Awaited, UserRecord, UserRole, UserStatus};

pub struct Accounts {
    store: Arc<Store>,
    passwords: Passwords,
    access_tokens: AccessTokens,
    refresh_tokens: RefreshTokens,
    setup_link: SetupLink,
    post: Post,
    /// None: there are no rules to ask, as on the command line.
    plugins: Option<Arc<Plugins>>,
    allowances: Arc<Allowances>,
    throttle: Throttle,
    /// Somebody may no longer do what they might.
    rights_changed: watch::Sender<()>,
    /// For what goes on when whoever asked for it has left.
    tasks: TaskTracker,
}

impl Accounts {
    /// `key_file` holds the key that signs access tokens; it is made when it is not there.
    /// `house_address` is what links in mails begin with.
    pub fn open(
        store: Arc<Store>,
        key_file: &Path,
        mailer: Arc<Mailer>,
        plugins: Option<Arc<Plugins>>,
        house_address: String,
        tasks: TaskTracker,
    ) -> Result<Self> {
        let house_key = open_key_file(key_file)?;
        let throttle = Throttle::new(Arc::clone(&store), &house_key);
        let post = Post::new(mailer, house_address);
        let allowances = Allowances::telling(Arc::clone(&store), post.clone());
        Ok(Self {
            allowances: Arc::new(allowances),
            store,
            throttle,
            passwords: Passwords::new(),
            access_tokens: AccessTokens::open(key_file)?,
            refresh_tokens: RefreshTokens::open(&house_key),
            setup_link: SetupLink::default(),
            post,
            plugins,
            rights_changed: watch::Sender::default(),
            tasks,
        })
    }

    pub fn allowances(&self) -> &Arc<Allowances> {
        &self.allowances
    }
}
