//! Random secrets and their hashes: set-up links, session cookies, refresh tokens.
//!
//! A secret leaves the house once and is kept only as its SHA-256, which is enough because every
//! secret made here has 256 random bits. Passwords are another matter: `accounts/passwords.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

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
