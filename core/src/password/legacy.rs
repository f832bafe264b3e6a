//! Hashes that other systems made, verified until their owner's next sign-in replaces them by Argon2id.
//!
//! They cost what they cost: until then the time of an answer can tell such an account from an unknown address.

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64Bcrypt, Encoding};
use zeroize::Zeroize;

use super::phc::HashError;
use crate::secret::constant_time_eq;

/// The highest cost of a bcrypt hash that is verified: 2^14 rounds, about a second. Each step doubles it.
const MAX_BCRYPT_COST: u32 = 14;
/// What bcrypt looks at, in bytes; the rest of a password counts for nothing.
const BCRYPT_PASSWORD_BYTES: usize = 72;
/// What is stored of bcrypt's 24 bytes of output.
const BCRYPT_OUTPUT_BYTES: usize = 23;

/// Better Auth's parameters of scrypt: N = 2^14, r = 16, p = 1, which is 32 MiB.
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 16;
const SCRYPT_P: u32 = 1;
const SCRYPT_BYTES: usize = (128 * SCRYPT_R as usize) << SCRYPT_LOG_N;
const SCRYPT_OUTPUT_BYTES: usize = 64;

/// A stored hash of one of the kinds that imports bring along.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// `$2b$10$<22 characters of salt><31 of output>`; also `2a` and `2y`, which differ in mistakes of old libraries only.
    Bcrypt {
        cost: u32,
        salt: [u8; 16],
        output: [u8; BCRYPT_OUTPUT_BYTES],
    },
    /// `<salt in hexadecimal>:<output in hexadecimal>`, as Better Auth stores it. The salt is the text itself.
    Scrypt {
        salt: String,
        output: [u8; SCRYPT_OUTPUT_BYTES],
    },
}

impl Stored {
    /// Reads one. `None` for one of another kind, a damaged one, and one that costs too much.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.starts_with('$') {
            parse_bcrypt(text)
        } else {
            parse_scrypt(text)
        }
    }

    /// Whether it is the hash of the password: for bcrypt as it was typed, for Better Auth in NFKC.
    pub(super) fn matches(&self, raw: &str, normal: &str) -> Result<bool, HashError> {
        match self {
            Self::Bcrypt { cost, salt, output } => Ok(constant_time_eq(&bcrypt(raw, *cost, *salt), output)),
            Self::Scrypt { salt, output } => scrypt(normal, salt).map(|made| constant_time_eq(&made, output)),
        }
    }
}

fn parse_bcrypt(text: &str) -> Option<Stored> {
    let mut parts = text.strip_prefix('$')?.split('$');
    let (version, cost, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let known = matches!(version, "2a" | "2b" | "2y") && parts.next().is_none();
    let plain = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
    let cost = cost
        .parse()
        .ok()
        .filter(|cost| known && plain && (4..=MAX_BCRYPT_COST).contains(cost))?;
    let (salt_text, output_text) = rest.split_at_checked(22)?;
    let (mut salt, mut output) = ([0; 16], [0; BCRYPT_OUTPUT_BYTES]);
    let salt_bytes = Base64Bcrypt::decode(salt_text, &mut salt).ok()?.len();
    let output_bytes = Base64Bcrypt::decode(output_text, &mut output).ok()?.len();
    (salt_bytes == 16 && output_bytes == BCRYPT_OUTPUT_BYTES).then_some(Stored::Bcrypt { cost, salt, output })
}

fn parse_scrypt(text: &str) -> Option<Stored> {
    let (salt, output_text) = text.split_once(':')?;
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !(8..=128).contains(&salt.len()) || !is_hex(salt) || output_text.len() != 2 * SCRYPT_OUTPUT_BYTES {
        return None;
    }
    let mut output = [0; SCRYPT_OUTPUT_BYTES];
    let mut digits = output_text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    for byte in &mut output {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    Some(Stored::Scrypt {
        salt: salt.into(),
        output,
    })
}

/// bcrypt hashes a zero-terminated string of at most 72 bytes, the terminator included where there is room for it.
fn bcrypt(password: &str, cost: u32, salt: [u8; 16]) -> [u8; BCRYPT_OUTPUT_BYTES] {
    let mut terminated: Vec<u8> = Vec::with_capacity(BCRYPT_PASSWORD_BYTES);
    terminated.extend(password.bytes().chain([0]).take(BCRYPT_PASSWORD_BYTES));
    let [output @ .., _] = bcrypt::bcrypt(cost, salt, &terminated);
    terminated.zeroize();
    output
}

fn scrypt(password: &str, salt: &str) -> Result<[u8; SCRYPT_OUTPUT_BYTES], HashError> {
    // The library aborts when it gets no memory, so whether it will is found out first.
    let mut probe: Vec<u8> = Vec::new();
    probe
        .try_reserve_exact(SCRYPT_BYTES + SCRYPT_BYTES / 64)
        .map_err(|_| HashError::OutOfMemory)?;
    drop(probe);
    let params = scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P, SCRYPT_OUTPUT_BYTES);
    let params = params.map_err(|_| HashError::Refused)?;
    let mut output = [0; SCRYPT_OUTPUT_BYTES];
    scrypt::scrypt(password.as_bytes(), salt.as_bytes(), &params, &mut output).map_err(|_| HashError::Refused)?;
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::{Attempt, Verdict, Workspace, verify};
    use crate::unicode::TABLES;
    use alloc::format;

    fn check(stored: &str, typed: &str) -> Verdict {
        verify(Some(stored), &Attempt::new(typed, TABLES), &mut Workspace::new())
    }

    const RIGHT: Verdict = Verdict::Right { rehash: true };

    #[test]
    fn verifies_bcrypt() {
        // The first three are of jBCrypt's test vectors, the others were made by libxcrypt's crypt(3).
        for (stored, password) in [
            ("$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.", ""),
            ("$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", "a"),
            (
                "$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC",
                "abcdefghijklmnopqrstuvwxyz",
            ),
            ("$2b$05$abcdefghijklmnopqrstuuw1XXhQ5C8Zcm6QLvdJ77.2rdR17LM02", "grüße"),
            (
                "$2y$05$abcdefghijklmnopqrstuufmnYtZf4/LVIEdk8v40tikf/KPsqQ4m",
                &"x".repeat(71),
            ),
            (
                "$2b$05$abcdefghijklmnopqrstuujf8SX2ahXLwp9w/B.Y5XdysS6yR576q",
                &"x".repeat(80),
            ),
        ] {
            assert_eq!(check(stored, password), RIGHT, "{stored}");
            assert_eq!(check(stored, &format!(" {password}")), Verdict::Wrong, "{stored}");
        }
        // Only 72 bytes count.
        let stored = "$2b$05$abcdefghijklmnopqrstuujf8SX2ahXLwp9w/B.Y5XdysS6yR576q";
        assert_eq!(check(stored, &"x".repeat(72)), RIGHT);
        assert_eq!(check(stored, &"x".repeat(71)), Verdict::Wrong);
    }

    #[test]
    fn bcrypt_is_of_what_was_typed() {
        let stored = "$2b$05$abcdefghijklmnopqrstuuw1XXhQ5C8Zcm6QLvdJ77.2rdR17LM02";
        assert_eq!(check(stored, "gru\u{308}ße"), Verdict::Wrong);
    }

    #[test]
    fn verifies_the_scrypt_of_better_auth() {
        // Made by Node's crypto.scryptSync with Better Auth's parameters, of the password in NFKC.
        let stored = "00112233445566778899aabbccddeeff:c7057c77c78cd91aba81042b9a22ac006282c532c74ad722c9c559d5d2da527bb680c586a542857d0f73332221f53e4aa18f7ccf6e610d1937cbf53036b868a3";
        assert_eq!(check(stored, "A\u{30a}ngstro\u{308}m ﬁ"), RIGHT);
        assert_eq!(check(stored, "Angstrom fi"), Verdict::Wrong);
        // Another digit of the salt, in upper case: the salt is its text.
        assert_eq!(check(&stored.replacen("ff:", "FF:", 1), "Ångström fi"), Verdict::Wrong);
    }

    #[test]
    fn refuses_what_is_damaged_or_costs_too_much() {
        let bcrypt = "$2b$05$abcdefghijklmnopqrstuuw1XXhQ5C8Zcm6QLvdJ77.2rdR17LM02";
        for (from, to) in [
            ("$05$", "$15$"),
            ("$05$", "$03$"),
            ("$05$", "$5$"),
            ("$05$", "$+5$"),
            ("$2b$", "$2x$"),
            ("$2b$", "$2$"),
            ("$2b$", "2b$"),
            ("M02", "M0"),
            ("M02", "M022"),
            ("M02", "M02$"),
            ("M02", "Mé"),
            ("uuw", "uéw"),
            ("uuw", "u=w"),
        ] {
            assert_eq!(Stored::parse(&bcrypt.replacen(from, to, 1)), None, "{from} -> {to}");
        }
        let scrypt = format!("{}:{}", "0".repeat(32), "a".repeat(128));
        assert!(Stored::parse(&scrypt).is_some());
        for other in [
            format!("{}:{}", "0".repeat(32), "a".repeat(127)),
            format!("{}:{}", "0".repeat(32), "a".repeat(130)),
            format!("{}:{}é", "0".repeat(32), "a".repeat(126)),
            format!("{}:{}", "g".repeat(32), "a".repeat(128)),
            format!("{}:{}", "0".repeat(130), "a".repeat(128)),
            format!(":{}", "a".repeat(128)),
            scrypt.replace(':', ""),
        ] {
            assert_eq!(Stored::parse(&other), None, "{other}");
        }
    }
}
