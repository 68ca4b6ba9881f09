//! The lane that sends what is queued: several mails at once, and nothing but mail waits for it.
//!
//! A mail is removed only after the server has taken it, so one that was cut off is sent again, with
//! the same id; a house that stops waits a moment for those that the server may have taken. When the
//! trouble is the server's and not a mail's, all wait a while.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;

use super::Mailer;
use super::failure::{Failure, Step};
use super::kinds::{Language, Mail};
use super::message::write;
use super::queue::test_mail;
use super::settings::{MailSettings, find_settings, is_configured, open_server};
use super::transport::Taken;
use crate::accounts::Caller;
use crate::clock::{UnixMs, now_ms};
use crate::error::{Error, Reason, Result};
use crate::ids::MailId;
use crate::store::is_damaged;
use crate::store::mails::{find_mail, list_due_mails};

const MAX_AT_ONCE: usize = 4;
/// How long the lane sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_secs(5);
const TIDY_EVERY: Duration = Duration::from_secs(10 * 60);
const WRITE_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Less than service managers give a house to stop.
const STOPPING_TIMEOUT: Duration = Duration::from_secs(8);

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

impl Delivered {
    fn well(id: MailId) -> Self {
        Self {
            id,
            server_failed: false,
        }
    }
}

impl Mailer {
    /// Sends what is queued until told to stop.
    pub async fn run(self: Arc<Self>, stopping: CancellationToken) {
        let mut lane = Lane::default();
        let mut sending = FuturesUnordered::new();
        loop {
            let begun = stopping.run_until_cancelled(self.begin(&mut lane)).await;
            let (begun, pause) = match begun {
                Some(Ok(begun)) => begun,
                Some(Err(error)) => {
                    tracing::warn!(%error, "mail cannot be sent at the moment");
                    (Vec::new(), IDLE)
                }
                None => break,
            };
            sending.extend(begun.into_iter().map(|id| Box::pin(self.deliver(id))));
            tokio::select! {
                Some(delivered) = sending.next() => self.note(&mut lane, &delivered),
                () = self.woken.notified() => lane.quiet_until = None,
                () = tokio::time::sleep(pause) => {}
                () = stopping.cancelled() => break,
            }
        }
        let concluding = async {
            while self.in_hand.load(Ordering::SeqCst) > 0 && sending.next().await.is_some() {}
        };
        if tokio::time::timeout(STOPPING_TIMEOUT, concluding)
            .await
            .is_err()
        {
            tracing::warn!(
                "the mail server has not said whether it took a mail; it may come twice"
            );
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
            if let Err(error) = self.tidy().await {
                tracing::warn!(%error, "the queue of mails cannot be tidied at the moment");
            }
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
            Ok(None) => return Delivered::well(id),
            Err(error) if is_damaged(&error) => {
                tracing::error!(mail = %id, %error, "a mail is given up");
                self.until_written(id, || self.give_up_damaged(id)).await;
                return Delivered::well(id);
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
            Ok(_) => tracing::info!(mail = %id, "a mail was sent"),
            Err(failure) => tracing::warn!(mail = %id, %failure, "a mail was not sent"),
        }
        let (taken, outcome) = match outcome {
            Ok(taken) => (Some(taken), Ok(())),
            Err(failure) => (None, Err(failure)),
        };
        let server_failed = matches!(&outcome, Err(failure) if failure.is_about_the_server());
        self.until_written(id, || self.conclude(id, outcome.clone()))
            .await;
        if let Some(taken) = taken {
            taken.quit().await;
        }
        Delivered { id, server_failed }
    }

    /// Until it is written the mail stays under way, so that it is not sent twice.
    async fn until_written<F: Future<Output = Result<()>>>(
        &self,
        id: MailId,
        write: impl Fn() -> F,
    ) {
        while let Err(error) = write().await {
            tracing::warn!(mail = %id, %error, "what became of a mail cannot be written down yet");
            tokio::time::sleep(WRITE_AGAIN_AFTER).await;
        }
    }

    /// None where there is nothing to send any more, or no server to send it to. An error is the
    /// store's.
    pub(super) async fn attempt(&self, id: MailId) -> Result<Option<Result<Taken, Failure>>> {
        // Damaged settings are no reason to give up a mail.
        let settings = self.store.read(find_settings).await;
        let settings = settings.map_err(Error::internal)?;
        let record = self.store.read(move |tx| find_mail(tx, &id)).await?;
        let (Some(record), Some(settings)) = (record, settings) else {
            return Ok(None);
        };
        let mail = match self.open_mail(&record) {
            Ok(mail) => mail,
            Err(reason) => return Ok(Some(Err(unsendable(reason)))),
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
    ) -> Result<Taken, Failure> {
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
        match Box::pin(sent).await {
            Ok(taken) => {
                taken.quit().await;
                Ok(Ok(()))
            }
            Err(failure) => Ok(Err(failure)),
        }
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
