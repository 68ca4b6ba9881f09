//! The lane that sends what is queued: several mails at once, and nothing but mail waits for it.
//!
//! A mail is removed only after the server has taken it, so one that was cut off is sent again, with
//! the same id. When the trouble is the server's and not a mail's, all wait a while.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;

use super::Mailer;
use super::kinds::{Language, Mail};
use super::message::write;
use super::queue::test_mail;
use super::settings::{MailSettings, find_settings, is_configured, open_server};
use super::transport::{Failure, Step};
use crate::accounts::Caller;
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, Reason, Result};
use crate::ids::MailId;
use crate::store::mails::{find_mail, list_due_mails};

const MAX_AT_ONCE: usize = 4;
/// How long the lane sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_secs(5);
const TIDY_EVERY: Duration = Duration::from_secs(10 * 60);
const WRITE_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What the lane knows while it runs.
#[derive(Default)]
struct Lane {
    /// Mails that are being sent.
    under_way: HashSet<MailId>,
    /// Nothing is begun before, since the server is in trouble.
    quiet_until: Option<Instant>,
    tidied_at: Option<Instant>,
}

struct Delivered {
    id: MailId,
    /// The server was in trouble, and another mail would have fared no better.
    server_failed: bool,
}

impl Mailer {
    /// Sends what is queued until told to stop.
    pub async fn run(self: Arc<Self>, stopping: CancellationToken) {
        stopping.run_until_cancelled(self.send_queued()).await;
    }

    async fn send_queued(&self) {
        let mut lane = Lane::default();
        let mut sending = FuturesUnordered::new();
        loop {
            let (begun, pause) = match self.begin(&mut lane).await {
                Ok(begun) => begun,
                Err(error) => {
                    tracing::warn!(%error, "mail cannot be sent at the moment");
                    (Vec::new(), IDLE)
                }
            };
            sending.extend(begun.into_iter().map(|id| Box::pin(self.deliver(id))));
            tokio::select! {
                Some(delivered) = sending.next() => self.note(&mut lane, &delivered),
                () = self.woken.notified() => lane.quiet_until = None,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn note(&self, lane: &mut Lane, delivered: &Delivered) {
        lane.under_way.remove(&delivered.id);
        let quiet = Duration::from_millis(self.config.first_retry_ms);
        lane.quiet_until = delivered.server_failed.then(|| Instant::now() + quiet);
    }

    /// Which mails to send now, as many as there is room for, and how long to sleep otherwise.
    async fn begin(&self, lane: &mut Lane) -> Result<(Vec<MailId>, Duration)> {
        if lane.tidied_at.is_none_or(|at| at.elapsed() >= TIDY_EVERY) {
            self.tidy().await?;
            lane.tidied_at = Some(Instant::now());
        }
        // While the server is in trouble one mail at a time finds out whether it still is.
        let at_once = match lane.quiet_until {
            Some(until) if Instant::now() < until => {
                return Ok((Vec::new(), until - Instant::now()));
            }
            Some(_) => 1,
            None => MAX_AT_ONCE,
        };
        let due = self.due(lane).await?;
        let room = at_once.saturating_sub(lane.under_way.len());
        let now = now_ms();
        let (ready, later): (Vec<_>, Vec<_>) = due.into_iter().partition(|(at, _)| *at <= now);
        let begun: Vec<MailId> = ready.into_iter().take(room).map(|(_, id)| id).collect();
        lane.under_way.extend(&begun);
        let until_next = later
            .first()
            .map(|(due_at, _)| (due_at - now).cast_unsigned());
        let pause = until_next.map_or(IDLE, |ms| IDLE.min(Duration::from_millis(ms)));
        Ok((begun, pause))
    }

    /// The next mails that are not under way; none without a server.
    async fn due(&self, lane: &Lane) -> Result<Vec<(UnixMs, MailId)>> {
        let limit = MAX_AT_ONCE + lane.under_way.len() + 1;
        let read = self.store.read(move |tx| match is_configured(tx)? {
            true => list_due_mails(tx, limit),
            false => Ok(Vec::new()),
        });
        let mut due = read.await?;
        due.retain(|(_, id)| !lane.under_way.contains(id));
        Ok(due)
    }

    async fn deliver(&self, id: MailId) -> Delivered {
        let outcome = match self.attempt(id).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => {
                return Delivered {
                    id,
                    server_failed: false,
                };
            }
            Err(error) => {
                tracing::warn!(mail = %id, %error, "a mail cannot be sent at the moment");
                return Delivered {
                    id,
                    server_failed: true,
                };
            }
        };
        match &outcome {
            Ok(()) => tracing::info!(mail = %id, "a mail was sent"),
            Err(failure) => tracing::warn!(mail = %id, %failure, "a mail was not sent"),
        }
        let server_failed = matches!(&outcome, Err(failure) if failure.is_about_the_server());
        // Until this is written the mail stays under way, so that it is not sent twice.
        while let Err(error) = self.conclude(id, outcome.clone()).await {
            tracing::warn!(mail = %id, %error, "what became of a mail cannot be written down yet");
            tokio::time::sleep(WRITE_AGAIN_AFTER).await;
        }
        Delivered { id, server_failed }
    }

    /// None where there is nothing to send any more, or no server to send it to. An error is the
    /// store's.
    pub(super) async fn attempt(&self, id: MailId) -> Result<Option<Result<(), Failure>>> {
        let read = self
            .store
            .read(move |tx| Ok((find_mail(tx, &id)?, find_settings(tx)?)));
        let (Some(record), Some(settings)) = read.await? else {
            return Ok(None);
        };
        let Some(mail) = self.open_mail(&record) else {
            let reason =
                "what stands in it cannot be read, because the key of the house has changed";
            return Ok(Some(Err(unsendable(reason))));
        };
        if mail.kind.expires_at().is_some_and(|at| at <= now_ms()) {
            let reason = "the link in it expired before it could be sent";
            return Ok(Some(Err(unsendable(reason))));
        }
        let sent = self.send(&mail, id, record.created_at, &settings);
        Ok(Some(Box::pin(sent).await))
    }

    async fn send(
        &self,
        mail: &Mail,
        id: MailId,
        created_at: UnixMs,
        settings: &MailSettings,
    ) -> Result<(), Failure> {
        let server = open_server(settings, &self.sealing)
            .map_err(|reason| Failure::new(Step::SignIn, reason))?;
        let transport = self
            .transport()
            .await
            .map_err(|error| Failure::new(Step::Tls, error.message))?;
        let letter = write(mail, id, created_at, settings, &self.house).map_err(|error| {
            tracing::error!(mail = %id, kind = mail.kind.name(), %error, "a mail cannot be written");
            unsendable("it cannot be written")
        })?;
        transport.send(&server, &letter).await
    }

    /// Sends a mail that says nothing but that mail arrives, now, and tells how that went.
    pub async fn send_test(
        &self,
        caller: &Caller,
        to: &str,
        language: Language,
    ) -> Result<Result<(), Failure>> {
        caller.require_admin()?;
        let mail = test_mail(to, language)?;
        let settings = self.store.read(find_settings).await?;
        let settings = settings.ok_or_else(no_server)?;
        let sent = self.send(&mail, MailId::generate(), now_ms(), &settings);
        Ok(Box::pin(sent).await)
    }
}

pub fn no_server() -> Error {
    Error::conflict("there is no mail server yet; set one first").with_reason(Reason::MailNotSetUp)
}

fn unsendable(reason: &str) -> Failure {
    Failure {
        is_final: true,
        ..Failure::new(Step::Preparation, reason)
    }
}
