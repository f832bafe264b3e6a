//! One-time tokens: the ones in the links of a mail.
//!
//! A token is base64url without padding of: the user (16 bytes), the token's row (16), the number of its key (4,
//! big-endian), and HMAC-SHA256 over all that (32). A genuine one names its user and row, so that "expired", "not the
//! latest" and "the user is gone" can be told apart by whoever holds one. It can be derived again when the mail goes out,
//! so that the outbox holds no secret.

use alloc::string::String;
use core::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};

use super::keys::{Keys, MAC_BYTES};
use super::{Forged, HashedToken, PlainToken};
use crate::id::{TokenId, UserId};

/// What is authenticated, in bytes.
const BODY_BYTES: usize = 16 + 16 + 4;

words! {
    /// What a one-time token is for. A token for one purpose is none for another.
    pub enum Purpose {
        /// To show that an address is one's own.
        EmailVerification => "email_verification",
        /// To choose a new password.
        PasswordReset => "password_reset",
        /// To show that a new address is one's own.
        EmailChange => "email_change",
        /// To accept an invitation.
        Invitation => "invitation",
    }
}

impl Purpose {
    /// How long a token for this lives.
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::EmailVerification => EMAIL_VERIFICATION_LIFETIME,
            Self::PasswordReset => PASSWORD_RESET_LIFETIME,
            Self::EmailChange => EMAIL_CHANGE_LIFETIME,
            Self::Invitation => INVITATION_LIFETIME,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::EmailVerification => "doorward/one-time/email_verification/v1",
            Self::PasswordReset => "doorward/one-time/password_reset/v1",
            Self::EmailChange => "doorward/one-time/email_change/v1",
            Self::Invitation => "doorward/one-time/invitation/v1",
        }
    }
}

/// How long a link that verifies an address works: 24 hours.
pub const EMAIL_VERIFICATION_LIFETIME: Duration = Duration::from_hours(24);
/// How long a link that resets a password works: 1 hour.
pub const PASSWORD_RESET_LIFETIME: Duration = Duration::from_hours(1);
/// How long a link that changes an address works: 24 hours.
pub const EMAIL_CHANGE_LIFETIME: Duration = Duration::from_hours(24);
/// How long an invitation works: 7 days.
pub const INVITATION_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// A one-time token, opened: genuine, though perhaps used, expired or not the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneTimeToken {
    /// Whose it is.
    pub user: UserId,
    /// Its row.
    pub token: TokenId,
}

impl OneTimeToken {
    /// The text for the mail, made with the active key.
    pub fn seal(&self, keys: &Keys, purpose: Purpose) -> PlainToken {
        // The active key is always there; without it the text would be one that nobody takes.
        self.seal_with(keys, purpose, keys.active_mac_id())
            .unwrap_or_else(|| PlainToken::new(String::new()))
    }

    /// The text again, whichever of our keys made it, if its hash is this one. For mail that goes out after the keys were
    /// rotated.
    pub fn seal_again(&self, keys: &Keys, purpose: Purpose, hash: &HashedToken) -> Option<PlainToken> {
        keys.mac_ids()
            .filter_map(|id| self.seal_with(keys, purpose, id))
            .find(|token| token.hashed() == *hash)
    }

    fn seal_with(&self, keys: &Keys, purpose: Purpose, key_id: u32) -> Option<PlainToken> {
        let mut bytes = [0; BODY_BYTES + MAC_BYTES];
        let (body, code) = bytes.split_at_mut(BODY_BYTES);
        let fields = self
            .user
            .as_bytes()
            .iter()
            .chain(self.token.as_bytes())
            .copied()
            .chain(key_id.to_be_bytes());
        body.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
        code.copy_from_slice(&keys.mac(key_id, purpose.label(), body)?);
        Some(PlainToken::new(Base64UrlUnpadded::encode_string(&bytes)))
    }

    /// Reads a token and checks that one of our keys made it for this purpose.
    ///
    /// # Errors
    /// [`Forged`] for whatever isn't exactly a text that [`Self::seal`] made for this purpose.
    pub fn open(keys: &Keys, purpose: Purpose, text: &str) -> Result<Self, Forged> {
        let mut bytes = [0; BODY_BYTES + MAC_BYTES];
        let decoded = Base64UrlUnpadded::decode(text, &mut bytes).map_err(|_| Forged)?;
        let (body, code) = decoded.split_at_checked(BODY_BYTES).ok_or(Forged)?;
        let (user, rest) = body.split_first_chunk::<16>().ok_or(Forged)?;
        let (token, rest) = rest.split_first_chunk::<16>().ok_or(Forged)?;
        let key_id = u32::from_be_bytes(*rest.first_chunk::<4>().ok_or(Forged)?);
        if !keys.mac_is_right(key_id, purpose.label(), body, code) {
            return Err(Forged);
        }
        Ok(Self {
            user: UserId::from_bytes(*user),
            token: TokenId::from_bytes(*token),
        })
    }
}

/// Whether a text may be a token of another system that an import brought along. Such a one is found by its hash.
///
/// It is at least 8 characters of base64, or of those that stand for themselves in a URL (RFC 3986, section 2.3), and one
/// of more than 128 has dots, as a JWT has. About as long as ours are (91), it is one of ours that was damaged or made
/// up. What is none of this isn't worth a question to the database.
pub fn may_be_imported(text: &str) -> bool {
    let bytes = text.as_bytes();
    let all_of = |more: &[u8]| {
        let mut bytes = bytes.iter();
        bytes.all(|byte| byte.is_ascii_alphanumeric() || more.contains(byte))
    };
    let long_enough = match bytes.len() {
        8..=87 | 95..=128 => true,
        129..=1024 => bytes.contains(&b'.'),
        _ => false,
    };
    long_enough && (all_of(b"-._~") || all_of(b"+/=")) && bytes.iter().any(|byte| Some(byte) != bytes.first())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Keys;
    use crate::token::keys::tests::{KEY_SET, keys};

    /// Made by another implementation (Node's `crypto.createHmac`).
    const GOLDEN: &str = "BwcHBwcHBwcHBwcHBwcHBwgICAgICAgICAgICAgICAgAAAABRPDS5IMSq379DiXnWbBZ492fMSu0LajPk7PXR3siGNk";
    const TOKEN: OneTimeToken = OneTimeToken {
        user: UserId::from_bytes([7; 16]),
        token: TokenId::from_bytes([8; 16]),
    };

    #[test]
    fn writes_and_reads_what_another_implementation_does() {
        assert_eq!(TOKEN.seal(&keys(), Purpose::PasswordReset).expose(), GOLDEN);
        assert_eq!(OneTimeToken::open(&keys(), Purpose::PasswordReset, GOLDEN), Ok(TOKEN));
    }

    #[test]
    fn is_for_one_purpose() {
        for made_for in Purpose::ALL {
            let text = TOKEN.seal(&keys(), *made_for);
            for used_for in Purpose::ALL {
                let opened = OneTimeToken::open(&keys(), *used_for, text.expose());
                assert_eq!(opened.is_ok(), made_for == used_for, "{made_for} used for {used_for}");
            }
            assert!(made_for.label().contains(made_for.as_str()));
        }
    }

    #[test]
    fn any_other_text_is_forged() {
        for text in [
            "",
            "=",
            "AAAA",
            &GOLDEN[1..],
            &[GOLDEN, "A"].concat(),
            &[GOLDEN, "="].concat(),
            &"A".repeat(91),
            &"A".repeat(9999),
        ] {
            assert_eq!(
                OneTimeToken::open(&keys(), Purpose::PasswordReset, text),
                Err(Forged),
                "{text}"
            );
        }
    }

    #[test]
    fn tells_the_tokens_of_others_from_damaged_ones_of_ours() {
        for text in [
            "12345678",
            "6f1d2c3b4a59687786958473625140af",
            "Zm9vYmFy+/8=",
            &"0123456789abcdef".repeat(8),
            &"a.b-c_d~".repeat(20),
        ] {
            assert!(may_be_imported(text), "{text}");
        }
        for text in [
            GOLDEN,
            &GOLDEN[1..],
            &[GOLDEN, "="].concat(),
            &[GOLDEN, GOLDEN].concat(),
            "",
            "1234567",
            "with space",
            "grün-grün",
            "../../etc/passwd",
            &"0".repeat(64),
            &"ab".repeat(80),
            &"a.".repeat(600),
        ] {
            assert!(!may_be_imported(text), "{text}");
        }
    }

    #[test]
    fn outlives_a_rotation_of_the_keys() {
        let before = TOKEN.seal(&keys(), Purpose::EmailChange);
        let rotated = Keys::parse(&Keys::rotate(KEY_SET, [5; 32], [6; 32]).unwrap()).unwrap();
        assert_eq!(
            OneTimeToken::open(&rotated, Purpose::EmailChange, before.expose()),
            Ok(TOKEN)
        );
        let now = TOKEN.seal(&rotated, Purpose::EmailChange);
        assert_ne!(now.expose(), before.expose());
        assert_eq!(
            OneTimeToken::open(&keys(), Purpose::EmailChange, now.expose()),
            Err(Forged)
        );
        let again = TOKEN
            .seal_again(&rotated, Purpose::EmailChange, &before.hashed())
            .unwrap();
        assert_eq!(again.expose(), before.expose());
        assert!(
            TOKEN
                .seal_again(&rotated, Purpose::PasswordReset, &before.hashed())
                .is_none()
        );
    }
}
