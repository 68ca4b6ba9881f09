//! Random secrets and their hashes: set-up links, session cookies, refresh tokens.
//!
//! A secret leaves the house once and is kept only as its SHA-256, which is enough because every
//! secret made here has 256 random bits. Passwords are another matter: `accounts/passwords.rs`.
//! What others gave the house and it must say again, such as a key for another server, is kept
//! sealed with a key made from the key file, which lies in the data folder, readable by its owner
//! alone.

use std::io::{ErrorKind, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Error, Result};

const NONCE_BYTES: usize = 24;

pub type SecretHash = [u8; 32];

/// 256 random bits.
pub fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// 256 random bits as 43 characters that are safe in links, headers and cookies.
pub fn random_secret() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes())
}

pub fn hash_secret(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

/// Compares in constant time.
pub fn matches_hash(secret: &str, hash: &SecretHash) -> bool {
    hash_secret(secret).ct_eq(hash).into()
}

/// The key of this house, made when the file is not there.
pub fn open_key_file(path: &Path) -> Result<Vec<u8>> {
    match std::fs::read(path) {
        Ok(key) if key.len() >= 32 => Ok(key),
        Ok(_) => Err(Error::invalid(
            "the key file secret.key in the data folder is damaged; delete it to make a new one",
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = random_bytes();
            write_private(path, &key).map_err(Error::internal)?;
            Ok(key.to_vec())
        }
        Err(error) => Err(Error::internal(error)),
    }
}

/// Whole or not at all: a torn key would lock everybody out at the next start.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(temporary, path)
}

/// Seals what must be said again later (XChaCha20-Poly1305).
pub struct SealingKey(XChaCha20Poly1305);

impl SealingKey {
    /// `purpose` keeps what is sealed for one thing from being opened for another.
    pub fn derive(house_key: &[u8], purpose: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"chatelaine sealing key\0");
        hash.update(purpose.as_bytes());
        hash.update(b"\0");
        hash.update(house_key);
        Self(XChaCha20Poly1305::new(&hash.finalize()))
    }

    /// `owner` is whose it is; it opens for no other.
    pub fn seal(&self, secret: &str, owner: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).expect("the operating system gives random bytes");
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: owner,
        };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.expect("a secret is shorter than 256 GiB");
        [&nonce, sealed.as_slice()].concat()
    }

    /// None: it was sealed with another key or for another owner, or was changed.
    pub fn open(&self, sealed: &[u8], owner: &[u8]) -> Option<String> {
        let (nonce, msg) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg, aad: owner };
        let opened = self.0.decrypt(&XNonce::from(*nonce), payload).ok()?;
        String::from_utf8(opened).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_with_its_key_for_its_purpose_and_owner() {
        let key = SealingKey::derive(b"house", "sources");
        let sealed = key.seal("sk-geheim", b"owner");
        assert_eq!(key.open(&sealed, b"owner").as_deref(), Some("sk-geheim"));
        assert_ne!(key.seal("sk-geheim", b"owner"), sealed, "no two are alike");
        assert!(!sealed.windows(6).any(|bytes| bytes == b"geheim"));
        assert_eq!(key.open(&sealed, b"other"), None);
        for other in [
            SealingKey::derive(b"another house", "sources"),
            SealingKey::derive(b"house", "mail"),
        ] {
            assert_eq!(other.open(&sealed, b"owner"), None);
        }
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_found() {
        let key = SealingKey::derive(b"house", "sources");
        let sealed = key.seal("x", b"");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(&changed, b""), None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(key.open(&sealed[..length], b""), None);
        }
    }
}
