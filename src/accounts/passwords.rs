//! Passwords: argon2id, a few at a time, never on a thread that serves requests.
//!
//! One hash takes 19 MiB and some 30 ms, so a semaphore bounds memory and cores; when too many wait,
//! callers hear "overloaded". The memory goes back to the system behind each hash. A sign-in for nobody
//! takes as long as one for somebody.

use std::borrow::Cow;
use std::sync::Arc;

use argon2::password_hash::generate_salt;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use icu_normalizer::ComposingNormalizerBorrowed;
use tokio::sync::Semaphore;
use zxcvbn::feedback::Warning;

use crate::error::{Error, Reason, Result};

/// Hashes computed at once, and callers that may wait for their turn.
const PARALLEL: usize = 2;
const WAITING_LIMIT: usize = 200;

/// Of 1 KiB; what is not used takes no memory. Of pieces above 32 MiB the C library keeps none when
/// they are given back; of smaller ones it would keep some for each of many threads.
const RESERVED_BLOCKS: usize = 33 * 1024;

const LENGTH: std::ops::RangeInclusive<usize> = 8..=256;
/// zxcvbn's scale is 0 to 4; below 2 a password falls to ten million guesses.
const MINIMUM_SCORE: u8 = 2;

pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Passwords {
    pub(super) fn new() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(PARALLEL)),
            waiting: Arc::new(Semaphore::new(WAITING_LIMIT)),
        }
    }

    /// Checks that it is good enough and hashes it. `about` is what a guesser would try first.
    pub(super) async fn hash_new(&self, password: &str, about: &[&str]) -> Result<String> {
        let password = in_one_form(password).into_owned();
        let about: Vec<String> = about.iter().map(|&text| text.to_owned()).collect();
        self.in_turn(move || {
            check_strength(&password, &about)?;
            hash(&password)
        })
        .await
    }

    /// Checks only that it is good enough, as `hash_new` will.
    pub(super) async fn check_new(&self, password: &str, about: &[&str]) -> Result<()> {
        let password = in_one_form(password).into_owned();
        let about: Vec<String> = about.iter().map(|&text| text.to_owned()).collect();
        self.in_turn(move || check_strength(&password, &about))
            .await
    }

    /// `stored` None: there is no such user; takes as long and says no.
    pub(super) async fn verify(&self, password: &str, stored: Option<String>) -> Result<bool> {
        let mut readings = vec![in_one_form(password).into_owned()];
        // Hashes of before there was one form are of what was typed.
        if readings[0] != password {
            readings.push(password.to_owned());
        }
        self.in_turn(move || {
            for reading in &readings {
                let is_it = match &stored {
                    Some(stored) => matches(reading, stored)?,
                    None => hash(reading).map(|_| false)?,
                };
                if is_it {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _place = self.waiting.try_acquire().map_err(|_| too_many())?;
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(Error::internal)?;
        // The turn moves into the work: when the caller goes away the work still runs, and must still count.
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(Error::internal)?
    }
}

fn too_many() -> Error {
    Error::overloaded("too many people are signing in at the moment", 2)
        .with_reason(Reason::TooManySignIns)
}

/// NFC: keyboards write one and the same letter as one character or as two.
fn in_one_form(password: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(password)
}

fn hash(password: &str) -> Result<String> {
    let salt = Salt::new(&generate_salt()).map_err(failed)?;
    let argon2 = Argon2::default();
    let output = compute(&argon2, password, &salt, Params::DEFAULT_OUTPUT_LEN)?;
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(argon2.params()).map_err(failed)?,
        salt: Some(salt),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

/// Compares in constant time.
fn matches(password: &str, stored: &str) -> Result<bool> {
    let stored = PasswordHash::new(stored).map_err(failed)?;
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
        return Err(failed("a stored password has no hash"));
    };
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(failed)?;
    let version = stored.version.map(Version::try_from).transpose();
    let version = version.map_err(failed)?.unwrap_or_default();
    let params = Params::try_from(&stored).map_err(failed)?;
    let argon2 = Argon2::new(algorithm, version, params);
    let found = compute(&argon2, password, salt, expected.len())?;
    Ok(found == *expected)
}

fn compute(
    argon2: &Argon2<'_>,
    password: &str,
    salt: &Salt,
    length_bytes: usize,
) -> Result<Output> {
    let mut memory = Vec::with_capacity(RESERVED_BLOCKS);
    memory.resize(argon2.params().block_count(), Block::default());
    let mut output = vec![0; length_bytes];
    argon2
        .hash_password_into_with_memory(password.as_bytes(), salt, &mut output, &mut memory)
        .map_err(failed)?;
    Output::new(&output).map_err(failed)
}

fn failed(error: impl ToString) -> Error {
    Error::internal(error.to_string())
}

fn check_strength(password: &str, about: &[String]) -> Result<()> {
    let length = password.chars().count();
    if !LENGTH.contains(&length) {
        let (least, most) = (*LENGTH.start(), *LENGTH.end());
        let reason = match length < least {
            true => Reason::PasswordTooShort,
            false => Reason::PasswordTooLong,
        };
        let sentence = format!("a password has {least} to {most} characters");
        return Err(Error::invalid_field("password", sentence).with_limits(reason, least, most));
    }
    let about: Vec<&str> = about
        .iter()
        .map(String::as_str)
        .chain(["chatelaine"])
        .collect();
    // The estimate grows with the square of the length; what is that long is not guessed anyway.
    let head: String = password.chars().take(72).collect();
    let estimate = zxcvbn::zxcvbn(&head, &about);
    if u8::from(estimate.score()) < MINIMUM_SCORE {
        let warning = estimate.feedback().and_then(|feedback| feedback.warning());
        let advice = warning.map(|w| format!(": {w}")).unwrap_or_default();
        let advice = advice.trim_end_matches('.').to_lowercase();
        let sentence = format!("this password is too easy to guess{advice}");
        let reason = match warning.is_some_and(is_of_many) {
            true => Reason::PasswordTooCommon,
            false => Reason::PasswordTooEasy,
        };
        return Err(Error::invalid_field("password", sentence).with_reason(reason));
    }
    Ok(())
}

/// Whether the warning says that others have this password too.
fn is_of_many(warning: Warning) -> bool {
    matches!(
        warning,
        Warning::ThisIsATop10Password
            | Warning::ThisIsATop100Password
            | Warning::ThisIsACommonPassword
            | Warning::ThisIsSimilarToACommonlyUsedPassword
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easy_passwords_are_refused() {
        for password in [
            "short",
            "password",
            "12345678",
            "adalovelace",
            "chatelaine1",
        ] {
            assert!(
                check_strength(password, &["adalovelace".into()]).is_err(),
                "{password}"
            );
        }
        let reason = |password: &str| {
            let details = check_strength(password, &["adalovelace".into()])
                .expect_err("it is easy")
                .details;
            details.expect("details")["reason"].clone()
        };
        assert_eq!(reason("short"), "password_too_short");
        assert_eq!(reason(&"a".repeat(257)), "password_too_long");
        assert_eq!(reason("password"), "password_too_common");
        assert_eq!(reason("adalovelace"), "password_too_easy");
        check_strength("brass keys on a chain", &[]).unwrap();
    }

    #[tokio::test]
    async fn a_letter_is_the_same_letter_however_it_is_put_together() {
        let passwords = Passwords::new();
        let (composed, decomposed) = ("Schl\u{fc}ssel am Bund", "Schlu\u{308}ssel am Bund");
        let hashed = passwords.hash_new(decomposed, &[]).await.unwrap();
        for typed in [composed, decomposed] {
            let stored = Some(hashed.clone());
            assert!(passwords.verify(typed, stored).await.unwrap(), "{typed}");
        }
        let of_before = Some(hash(decomposed).unwrap());
        assert!(
            passwords
                .verify(decomposed, of_before.clone())
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify("Schlussel am Bund", of_before)
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn a_hash_knows_its_password() {
        let passwords = Passwords::new();
        let hash = passwords
            .hash_new("brass keys on a chain", &[])
            .await
            .unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        use argon2::password_hash::PasswordVerifier;
        let elsewhere = Argon2::default();
        elsewhere
            .verify_password(b"brass keys on a chain", hash.as_str())
            .expect("as the crate itself has it");
        assert!(
            passwords
                .verify("brass keys on a chain", Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify("brass keys on a chair", Some(hash))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify("brass keys on a chain", None)
                .await
                .unwrap()
        );
    }
}
