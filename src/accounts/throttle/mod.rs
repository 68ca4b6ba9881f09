//! What slows down those who guess passwords, registration keys and credentials.
//!
//! Whoever compares a password or a key asks `begin` first and then says how it ended; while somebody
//! is delayed nothing is compared and no hash computed. Failures are counted for what is guessed at
//! and where it comes from, in memory and, before the answer leaves, in the store, under hashes that
//! only this house can make. Nobody is slowed down by what others guess where they are signed in or
//! came in before; credentials of 256 random bits are compared first, and only a wrong one is asked
//! about here. Used by `accounts` alone.

mod counts;
#[cfg(test)]
mod throttle_tests;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use self::counts::{
    ACCOUNT_FROM_PLACE, CREDENTIALS, Counted, Counts, LOGIN, PLACE, SECRET_FROM_PLACE,
};
use super::Visitor;
use crate::clock::now_ms;
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::ids::UserId;
use crate::secrets::SecretHash;
use crate::store::Store;
use crate::store::attempts::{list_attempts, put_attempts, remove_attempts};

/// What somebody may be guessing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Attempt<'a> {
    /// The password of who signs in.
    Login(Login<'a>),
    /// The password of somebody who is signed in.
    CurrentPassword(UserId),
    /// A secret that is nobody's account and may be weak: a registration key. Its kind in a word;
    /// each kind counts for itself.
    Secret(&'static str),
}

/// Whose password it is. Both are slowed down alike, so that the delay does not tell which it was.
#[derive(Debug, Clone, Copy)]
pub(super) enum Login<'a> {
    /// By their name or by their e-mail.
    Of(UserId),
    /// There is no such user: as it was typed, but in lower case.
    Nobodys(&'a str),
}

impl Login<'_> {
    fn text(self) -> String {
        match self {
            Self::Of(id) => format!("user\0{id}"),
            Self::Nobodys(login) => format!("name\0{login}"),
        }
    }
}

pub(super) struct Throttle {
    store: Arc<Store>,
    /// Makes hashes that nobody can make who has only the database.
    key: SecretHash,
    counts: Mutex<Counts>,
    restored: OnceCell<()>,
}

/// An attempt that may go on. Dropping it says that nothing was compared.
#[must_use = "say how it ended: failed or succeeded"]
pub(super) struct Attempted<'a> {
    throttle: &'a Throttle,
    /// The first is that of who tries what.
    counted: Vec<Counted>,
    success: Success,
}

/// What it means when the secret was right.
#[derive(Clone, Copy)]
enum Success {
    /// What failed there before was the same person, who is known there from now on.
    Login,
    /// What failed there before was the same person.
    Account,
    /// Nothing: it says nothing of other secrets that were tried.
    Secret,
}

impl Throttle {
    pub(super) fn new(store: Arc<Store>, house_key: &[u8]) -> Self {
        let mut key = Sha256::new();
        key.update(b"chatelaine throttle\0");
        key.update(house_key);
        Self {
            store,
            key: key.finalize().into(),
            counts: Mutex::default(),
            restored: OnceCell::new(),
        }
    }

    /// Before a secret is compared. The error is `rate_limited`.
    pub(super) async fn begin(
        &self,
        visitor: &Visitor,
        attempt: Attempt<'_>,
    ) -> Result<Attempted<'_>> {
        let network = visitor.network();
        let place = (self.hash("place", "", network), &PLACE);
        let (counted, success) = match attempt {
            Attempt::Login(login) => {
                let login = login.text();
                let own = self.hash("login from", &login, network);
                self.restore().await?;
                let mut counted = vec![(own, &ACCOUNT_FROM_PLACE)];
                // Whoever came in from here before waits for their own failures, and for nobody else's.
                if !self.counts().is_known(&own, now_ms()) {
                    counted.extend([place, (self.hash("login", &login, ()), &LOGIN)]);
                }
                (counted, Success::Login)
            }
            Attempt::CurrentPassword(id) => {
                let own = self.hash("password from", &id.to_string(), network);
                (vec![(own, &ACCOUNT_FROM_PLACE)], Success::Account)
            }
            Attempt::Secret(kind) => {
                let own = self.hash("secret", kind, network);
                (vec![(own, &SECRET_FROM_PLACE), place], Success::Secret)
            }
        };
        self.charge(counted, success).await
    }

    /// The same around what compares the secret by itself, and says with an error of the kind
    /// `wrong` that it was none. Any other error does not count.
    pub(super) async fn around<T>(
        &self,
        visitor: &Visitor,
        attempt: Attempt<'_>,
        wrong: ErrorKind,
        comparing: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let attempt = self.begin(visitor, attempt).await?;
        let outcome = comparing.await;
        match &outcome {
            Ok(_) => attempt.succeeded().await,
            Err(error) if error.kind == wrong => attempt.failed().await,
            Err(_) => drop(attempt),
        }
        outcome
    }

    /// Around what compares a credential of 256 random bits by itself, and says with an error of the
    /// kind `wrong` that it is none. A right one waits for nobody.
    pub(super) async fn after_comparing<T>(
        &self,
        visitor: &Visitor,
        wrong: ErrorKind,
        comparing: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match comparing.await {
            Err(error) if error.kind == wrong => Err(self.refuse_credential(visitor, error).await),
            outcome => outcome,
        }
    }

    /// For a credential of 256 random bits that was compared and is none: gives the error to answer
    /// with, `wrong`, or that of somebody who tries too many.
    pub(super) async fn refuse_credential(&self, visitor: &Visitor, wrong: Error) -> Error {
        let hash = self.hash("credentials", "", visitor.network());
        match self
            .charge(vec![(hash, &CREDENTIALS)], Success::Secret)
            .await
        {
            Ok(attempted) => {
                attempted.failed().await;
                wrong
            }
            Err(delayed) => delayed,
        }
    }

    /// For what is done for anybody who asks, and costs somebody else something each time.
    pub(super) async fn take_turn(&self, visitor: &Visitor, what: &str) -> Result<()> {
        let hash = self.hash("asked", what, visitor.network());
        let counted = vec![(hash, &SECRET_FROM_PLACE)];
        self.charge(counted, Success::Secret).await?.failed().await;
        Ok(())
    }

    async fn charge(&self, counted: Vec<Counted>, success: Success) -> Result<Attempted<'_>> {
        self.restore().await?;
        let charged = self.counts().charge(&counted, now_ms());
        charged.map_err(|wait_ms| {
            let wait_s = u32::try_from(wait_ms.div_euclid(1000) + 1).unwrap_or(u32::MAX);
            let sentence = format!("too many attempts failed; try again in {wait_s} seconds");
            Error::rate_limited(sentence, wait_s).with_reason(Reason::TooManyAttempts)
        })?;
        Ok(Attempted {
            throttle: self,
            counted,
            success,
        })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn restore(&self) -> Result<()> {
        let restoring = self.restored.get_or_try_init(|| async {
            let rows = self.store.read(list_attempts).await?;
            self.counts().restore(rows);
            Ok(())
        });
        restoring.await.copied()
    }

    fn hash(&self, kind: &str, what: &str, place: impl Place) -> SecretHash {
        let mut hash = Sha256::new();
        hash.update(self.key);
        for part in [kind, &place.text(), what] {
            hash.update(part);
            hash.update(b"\0");
        }
        hash.finalize().into()
    }

    /// A disk that takes no writes must not keep anybody out; memory still knows.
    async fn write_down(&self, counted: &[Counted]) {
        let rows = self.counts().take_changes(counted);
        let written = self.store.write(move |tx| {
            for (hash, record) in &rows {
                match record {
                    Some(record) => put_attempts(tx, hash, record)?,
                    None => remove_attempts(tx, hash)?,
                }
            }
            Ok(())
        });
        if let Err(error) = written.await {
            tracing::warn!(%error, "an attempt was not written down");
        }
    }
}

/// A network, or anywhere.
trait Place {
    fn text(&self) -> String;
}

impl Place for IpAddr {
    fn text(&self) -> String {
        self.to_string()
    }
}

impl Place for () {
    fn text(&self) -> String {
        String::new()
    }
}

impl Attempted<'_> {
    /// The secret was wrong. Returns when that is on disk.
    pub(super) async fn failed(mut self) {
        let counted = std::mem::take(&mut self.counted);
        self.throttle.write_down(&counted).await;
    }

    /// The secret was right: what the same person failed at here before is forgiven.
    pub(super) async fn succeeded(mut self) {
        let known = match self.success {
            Success::Login => true,
            Success::Account => false,
            Success::Secret => return,
        };
        let counted = std::mem::take(&mut self.counted);
        if let [own, others @ ..] = counted.as_slice() {
            let now = now_ms();
            self.throttle.counts().forgive(own, others, known, now);
        }
        self.throttle.write_down(&counted).await;
    }
}

impl Drop for Attempted<'_> {
    fn drop(&mut self) {
        if !self.counted.is_empty() {
            self.throttle.counts().give_back(&self.counted);
        }
    }
}
