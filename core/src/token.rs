//! Tokens: what a client holds, and what the database holds of it.

pub mod access;
mod eddsa;
pub mod keys;
pub mod one_time;
mod proven;
pub mod refresh;

use alloc::string::String;
use core::fmt;

use sha2::{Digest, Sha256};

use crate::hex::hex_digits;
use crate::secret::Secret;
pub use keys::Keys;

/// A token as its holder has it. Never shown by `Debug`, wiped when it goes.
#[derive(Clone)]
pub struct PlainToken(Secret<String>);

impl PlainToken {
    fn new(text: String) -> Self {
        Self(Secret::new(text))
    }

    /// The text to give to the holder, and to nobody else.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What the database holds of it.
    pub fn hashed(&self) -> HashedToken {
        HashedToken::of(self.expose())
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainToken([redacted])")
    }
}

/// What the database holds of a token: its SHA-256 as 64 lower-case hexadecimal digits.
///
/// No salt and no stretching: each token holds 256 bits that nobody can guess.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HashedToken(String);

impl HashedToken {
    /// The hash of a token's text.
    pub fn of(plain: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(plain.as_bytes()).into();
        let mut text = String::with_capacity(2 * digest.len());
        text.extend(digest.into_iter().flat_map(hex_digits).map(char::from));
        Self(text)
    }

    /// Reads what the database holds.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 64 && text.bytes().all(hex)).then(|| Self(text.into()))
    }

    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HashedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The token wasn't made with any of our keys, or was changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forged;

impl fmt::Display for Forged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a token of ours")
    }
}

impl core::error::Error for Forged {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn hashes_by_sha_256() {
        // FIPS 180-2, appendix B.1.
        let hash = HashedToken::of("abc");
        assert_eq!(
            hash.as_str(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(HashedToken::parse(hash.as_str()), Some(hash));
        assert_eq!(HashedToken::parse(""), None);
        assert_eq!(HashedToken::parse(&"A".repeat(64)), None);
        assert_eq!(HashedToken::parse(&"a".repeat(65)), None);
    }

    #[test]
    fn a_plain_one_is_not_shown() {
        let token = PlainToken::new(String::from("abc"));
        assert_eq!(format!("{token:?}"), "PlainToken([redacted])");
        assert_eq!(token.hashed(), HashedToken::of("abc"));
    }
}
