//! Passwords: what a new one must be, how it is hashed, and how one that was typed is compared.
//!
//! The policy (NIST SP 800-63B, section 3.1.1.2): 8 to 128 characters after NFKC, no rules of composition, not the user's
//! own address or name, not one that everybody tries first. It holds for new passwords only; what is typed at a sign-in
//! is an [`Attempt`], which knows no policy.

pub mod common;
pub mod legacy;
pub mod phc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::secret::Secret;
use crate::unicode::Unicode;
pub use phc::{HashError, PhcHash, Workspace};

/// The fewest characters of a new password, counted after NFKC.
pub const MIN_CHARS: usize = 8;

/// The most characters of a new password, counted after NFKC.
pub const MAX_CHARS: usize = 128;

/// The most bytes that are looked at. NFKC makes most texts shorter or leaves them; no password within the policy is
/// longer than this as it was typed.
const MAX_RAW_BYTES: usize = 4096;

/// A new password: within the policy, in NFKC.
pub struct Password(Secret<String>);

problems! {
    /// Why a password can't be chosen.
    pub enum PasswordProblem {
        /// Fewer than 8 characters.
        TooShort => "too_short", "Use at least 8 characters.";
        /// More than 128 characters.
        TooLong => "too_long", "Use at most 128 characters.";
        /// It is the user's own address or name.
        LikeYou => "like_you", "Don't use your name or e-mail address.";
        /// It is among the most common ones.
        Common => "too_common", "This password is too common. Choose another one.";
        /// It is on a list of passwords that were stolen elsewhere.
        Breached => "breached", "This password was in a data breach elsewhere. Choose another one.";
    }
}

impl Password {
    /// Takes a new password.
    ///
    /// `not_like` are the texts that it must not be, whatever their case: the address (and what stands before its `@`)
    /// and the name. A password that merely contains one of them is fine.
    ///
    /// # Errors
    /// Everything that is wrong with it, at least one thing.
    pub fn new(raw: &str, not_like: &[&str], unicode: Unicode) -> Result<Self, Vec<PasswordProblem>> {
        if raw.len() > MAX_RAW_BYTES {
            return Err(Vec::from([PasswordProblem::TooLong]));
        }
        let password = Self(unicode.normalise(raw));
        let problems = policy(password.0.expose(), not_like, unicode);
        if problems.is_empty() {
            Ok(password)
        } else {
            Err(problems)
        }
    }

    /// The bytes that are hashed: UTF-8 in NFKC.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([redacted])")
    }
}

/// What is wrong with a new password in NFKC.
fn policy(text: &str, not_like: &[&str], unicode: Unicode) -> Vec<PasswordProblem> {
    let folded = unicode.fold(text);
    let mut problems = Vec::new();
    match text.chars().count() {
        0..MIN_CHARS => problems.push(PasswordProblem::TooShort),
        MIN_CHARS..=MAX_CHARS => {}
        _ => problems.push(PasswordProblem::TooLong),
    }
    let is_like = |other: &&str| {
        let other = unicode.fold(unicode.normalise(other.trim()).expose());
        is_like(folded.expose(), other.expose())
    };
    if not_like.iter().any(is_like) {
        problems.push(PasswordProblem::LikeYou);
    }
    if common::is_common(folded.expose()) {
        problems.push(PasswordProblem::Common);
    }
    problems
}

/// Whether a folded password is this folded text, or, where it is an address, what stands before its `@`.
fn is_like(folded: &str, other: &str) -> bool {
    let local = other.split_once('@').map_or("", |(local, _)| local);
    !other.is_empty() && (folded == other || (!local.is_empty() && folded == local))
}

/// What was typed at a sign-in. No policy: an old password may be shorter than a new one.
pub struct Attempt {
    /// As it was typed, for imported hashes that were made from that.
    raw: Secret<String>,
    /// In NFKC.
    normal: Secret<String>,
    /// Longer than any password can be: right for nobody.
    hopeless: bool,
}

impl Attempt {
    /// Takes what was typed.
    pub fn new(raw: &str, unicode: Unicode) -> Self {
        let hopeless = raw.len() > MAX_RAW_BYTES;
        let kept = if hopeless { "" } else { raw };
        Self {
            raw: Secret::new(kept.to_string()),
            normal: unicode.normalise(kept),
            hopeless,
        }
    }

    /// What was typed, to be passed on to another system that knows the password; empty where it is longer than any
    /// password can be.
    pub fn typed(&self) -> &str {
        self.raw.expose()
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt([redacted])")
    }
}

/// What came of comparing a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the right one.
    Right {
        /// The stored hash isn't of today's kind: store [`hash_attempt`]'s instead.
        rehash: bool,
    },
    /// It isn't, or there was nothing to compare it with. Both took the same work.
    Wrong,
    /// There was no memory for the work. Nothing is known; the caller is to be asked to come back.
    Unable,
}

/// Hashes a new password with today's parameters.
///
/// # Errors
/// See [`HashError`].
pub fn hash(password: &Password, salt: [u8; 16], workspace: &mut Workspace) -> Result<PhcHash, HashError> {
    phc::hash(password.as_bytes(), salt, workspace)
}

/// Hashes what was typed, for the case that it was right and the stored hash is to be replaced.
///
/// # Errors
/// See [`HashError`].
pub fn hash_attempt(attempt: &Attempt, salt: [u8; 16], workspace: &mut Workspace) -> Result<PhcHash, HashError> {
    phc::hash(attempt.normal.expose().as_bytes(), salt, workspace)
}

/// Compares what was typed with a stored hash.
///
/// With no hash (an unknown address, an account without a password), or one that can't be read or would cost more than
/// the caps allow, the same work is done on a fixed one and the answer is [`Verdict::Wrong`]: time tells nothing.
pub fn verify(stored: Option<&str>, attempt: &Attempt, workspace: &mut Workspace) -> Verdict {
    if !attempt.hopeless {
        if let Some(stored) = stored.and_then(phc::Stored::parse) {
            return match stored.matches(attempt.normal.expose().as_bytes(), workspace) {
                Ok(true) => Verdict::Right {
                    rehash: !stored.is_todays(),
                },
                Ok(false) => Verdict::Wrong,
                Err(_) => Verdict::Unable,
            };
        }
        if let Some(stored) = stored.and_then(legacy::Stored::parse) {
            return match stored.matches(attempt.raw.expose(), attempt.normal.expose()) {
                Ok(true) => Verdict::Right { rehash: true },
                Ok(false) => Verdict::Wrong,
                Err(_) => Verdict::Unable,
            };
        }
    }
    match phc::waste(attempt.normal.expose().as_bytes(), workspace) {
        Ok(()) => Verdict::Wrong,
        Err(_) => Verdict::Unable,
    }
}

/// Whether a stored hash is one that [`verify`] can compare with: of a kind that is known, whole, and within the caps.
/// For what an import brings along.
pub fn is_readable(stored: &str) -> bool {
    phc::Stored::parse(stored).is_some() || legacy::Stored::parse(stored).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unicode::TABLES;
    use alloc::format;
    use alloc::vec;

    fn problems(raw: &str, not_like: &[&str]) -> Vec<PasswordProblem> {
        Password::new(raw, not_like, TABLES).err().unwrap_or_default()
    }

    #[test]
    fn counts_characters_after_nfkc() {
        assert_eq!(problems("sevenly", &[]), [PasswordProblem::TooShort]);
        assert_eq!(problems("eightful", &[]), []);
        // Four ligatures of two letters each.
        assert_eq!(problems("ﬁﬂﬁﬂ", &[]), []);
        // Seven letters with combining accents: seven characters.
        assert_eq!(problems(&"e\u{301}".repeat(7), &[]), [PasswordProblem::TooShort]);
        assert_eq!(problems(&"ж".repeat(128), &[]), []);
        assert_eq!(problems(&"ж".repeat(129), &[]), [PasswordProblem::TooLong]);
        assert_eq!(problems(&"ж".repeat(1_000_000), &[]), [PasswordProblem::TooLong]);
    }

    #[test]
    fn has_no_rules_of_composition() {
        for raw in [
            "        x",
            "aaaaaaab",
            "correct horse battery staple",
            "密码密码密码密码",
            "\u{1F511}\u{1F511}\u{1F511}\u{1F511}\u{1F511}\u{1F511}\u{1F511}\u{1F511}",
        ] {
            assert_eq!(problems(raw, &[]), [], "{raw}");
        }
    }

    #[test]
    fn is_not_the_user() {
        let not_like = ["Ada.Lovelace@example.com", "Ada Lovelace", ""];
        for raw in [
            "ada.lovelace@EXAMPLE.com",
            "ADA.LOVELACE",
            "ada lovelace",
            "ａｄａ lovelace",
        ] {
            assert_eq!(problems(raw, &not_like), [PasswordProblem::LikeYou], "{raw}");
        }
        assert_eq!(problems("ada lovelace!", &not_like), []);
        assert_eq!(
            problems("ada", &["ada@example.com"]),
            [PasswordProblem::TooShort, PasswordProblem::LikeYou]
        );
    }

    #[test]
    fn is_not_what_everybody_tries() {
        assert_eq!(problems("PassWord1", &[]), [PasswordProblem::Common]);
        assert_eq!(problems("ｐａｓｓｗｏｒｄ", &[]), [PasswordProblem::Common]);
        assert_eq!(problems("doorward-dev-password", &[]), []);
    }

    #[test]
    fn is_never_shown() {
        let shown = format!(
            "{:?} {:?}",
            Password::new("correct horse", &[], TABLES).unwrap(),
            Attempt::new("correct horse", TABLES)
        );
        assert!(!shown.contains("horse"), "{shown}");
    }

    #[test]
    fn hashes_and_compares() {
        let mut workspace = Workspace::new();
        let password = Password::new("Ångström & co", &[], TABLES).unwrap();
        let stored = hash(&password, [7; 16], &mut workspace).unwrap();
        assert!(
            stored
                .as_str()
                .starts_with("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$"),
            "{stored:?}"
        );
        let mut try_it = |raw: &str| verify(Some(stored.as_str()), &Attempt::new(raw, TABLES), &mut workspace);
        assert_eq!(try_it("Ångström & co"), Verdict::Right { rehash: false });
        // The same text with combining marks.
        assert_eq!(try_it("A\u{30a}ngstro\u{308}m & co"), Verdict::Right { rehash: false });
        assert_eq!(try_it("ångström & co"), Verdict::Wrong);
        assert_eq!(try_it(""), Verdict::Wrong);
        assert_eq!(try_it(&"x".repeat(5000)), Verdict::Wrong);
    }

    #[test]
    fn verifies_what_libargon2_made_and_asks_for_todays_kind() {
        let mut workspace = Workspace::new();
        let attempt = Attempt::new("Ångström & co", TABLES);
        for (stored, rehash) in [
            (
                "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$nCjDhJYpk7aXh4jJXEagMN14EQ5Jfk0xBpuVWQzDZCw",
                false,
            ),
            (
                "$argon2id$v=19$m=1024,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$OLv7L6WJailA+ikQGJvRqtV6eZU9WIY1qLn8g1FNKZ8",
                true,
            ),
            (
                "$argon2i$v=19$m=256,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$qMu1OUHLJlErzTmQiOiLjRScXVMJMg+4",
                true,
            ),
            (
                "$argon2d$v=16$m=512,t=1,p=2$c2FsdHNhbHRzYWx0c2FsdA$PHW7CxwHj8yucnb0dVupM4HFkDQfCTvQ5i8hUk5zYzM",
                true,
            ),
            (
                "$argon2d$m=512,t=1,p=2$c2FsdHNhbHRzYWx0c2FsdA$PHW7CxwHj8yucnb0dVupM4HFkDQfCTvQ5i8hUk5zYzM",
                true,
            ),
        ] {
            assert_eq!(
                verify(Some(stored), &attempt, &mut workspace),
                Verdict::Right { rehash },
                "{stored}"
            );
            assert_eq!(
                verify(Some(stored), &Attempt::new("else", TABLES), &mut workspace),
                Verdict::Wrong,
                "{stored}"
            );
        }
    }

    #[test]
    fn nothing_to_compare_with_is_wrong() {
        let mut workspace = Workspace::new();
        let attempt = Attempt::new("whatever it is", TABLES);
        for stored in [
            None,
            Some(""),
            Some("!"),
            Some("$argon2id$"),
            Some("$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ] {
            assert_eq!(verify(stored, &attempt, &mut workspace), Verdict::Wrong, "{stored:?}");
        }
    }

    #[test]
    fn what_is_too_long_to_be_right_is_wrong_even_for_the_empty_password() {
        let mut workspace = Workspace::new();
        let stored = hash_attempt(&Attempt::new("", TABLES), [1; 16], &mut workspace).unwrap();
        assert_eq!(
            verify(Some(stored.as_str()), &Attempt::new("", TABLES), &mut workspace),
            Verdict::Right { rehash: false }
        );
        let long = Attempt::new(&"x".repeat(MAX_RAW_BYTES + 1), TABLES);
        assert_eq!(verify(Some(stored.as_str()), &long, &mut workspace), Verdict::Wrong);
    }

    #[test]
    fn every_problem_is_told_at_once() {
        assert_eq!(
            problems("password", &["Password"]),
            vec![PasswordProblem::LikeYou, PasswordProblem::Common]
        );
    }
}
