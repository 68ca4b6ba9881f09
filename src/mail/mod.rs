//! Sending mail: what the house writes to people, and how it gets there.
//!
//! A mail is queued in the transaction of its cause ([`Mailer::queue`]) and sent by a lane of its
//! own, which nothing else waits for; what a server does not take now is tried again. A mail is
//! kept as its kind and values, sealed, because links in it are secrets. Called by the domain rooms
//! that have something to tell, and by `http` for whoever administers it; the order of start and
//! stop is `appliance`'s.

mod address;
mod failure;
mod flooding;
mod kinds;
mod message;
mod queue;
#[cfg(test)]
mod queue_tests;
mod sender;
mod settings;
mod stream;
mod templates;
#[cfg(test)]
mod templates_tests;
mod transport;
mod wording;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::sync::{Notify, OnceCell};

pub use self::address::Address;
pub use self::failure::{Failure, Step};
pub use self::flooding::{Asker, Surplus};
pub use self::kinds::{Language, Mail, MailKind, Role, Wish};
pub use self::queue::{MailPage, Queued, QueuedMail, QueuedMailState};
pub use self::sender::no_server;
pub use self::settings::{
    MailOverview, MailSettings, MailSettingsChange, Password, Security, find_approver,
    is_configured, set_approver,
};
use self::transport::Transport;
pub use self::wording::is_invisible;
use crate::config::MailConfig;
use crate::error::{Error, Result};
use crate::outbound::{GuardedResolver, TlsClient};
use crate::secrets::SealingKey;
use crate::store::Store;

const SEALING_PURPOSE: &str = "mail";

pub struct Mailer {
    store: Arc<Store>,
    sealing: SealingKey,
    config: MailConfig,
    /// The address of the house.
    house: String,
    resolver: GuardedResolver,
    /// Made when it is first needed: it reads the system's certificates.
    transport: OnceCell<Transport>,
    woken: Notify,
    /// Mails whose content is just being handed over, until that is written down.
    in_hand: Arc<AtomicUsize>,
}

impl Mailer {
    /// `house_key` is what lies in the key file, `house` the address of the house. A file of
    /// authorities that cannot be used is refused here.
    pub fn open(
        store: Arc<Store>,
        house_key: &[u8],
        config: &MailConfig,
        house: String,
    ) -> Result<Self> {
        let mailer = Self {
            store,
            sealing: SealingKey::derive(house_key, SEALING_PURPOSE),
            config: config.raised(),
            house,
            resolver: GuardedResolver::default(),
            transport: OnceCell::new(),
            woken: Notify::new(),
            in_hand: Arc::default(),
        };
        if let Some(path) = &config.ca_file {
            TlsClient::new(Some(path))?;
        }
        Ok(mailer)
    }

    /// Says that a transaction has queued a mail.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    async fn transport(&self) -> Result<&Transport> {
        let make = || async {
            let ca_file = self.config.ca_file.clone();
            let making = tokio::task::spawn_blocking(move || TlsClient::new(ca_file.as_deref()));
            Ok(Transport {
                resolver: self.resolver.clone(),
                tls: making.await.map_err(Error::internal)??,
                step_timeout: Duration::from_millis(self.config.timeout_ms),
                house: self.house.clone(),
                in_hand: Arc::clone(&self.in_hand),
            })
        };
        self.transport.get_or_try_init(make).await
    }
}
