//! What passwords need of Unicode's tables: the normalisation form KC (UAX #15), in which they are compared, and lower case.
//!
//! Whoever parses a password lends it, as with time and randomness: a host with JavaScript has both, and the tables for ours
//! would be an eighth of what such a host loads. Versions of Unicode agree about all characters that both know (UAX #15,
//! section 3).

use alloc::borrow::ToOwned;
use alloc::string::String;

use unicode_normalization::UnicodeNormalization;

use crate::secret::Secret;

/// What is lent. Both are asked for texts beyond ASCII only.
#[derive(Debug, Clone, Copy)]
pub struct Unicode {
    /// Answers a text in NFKC.
    pub nfkc: fn(&str) -> String,
    /// Answers a text in lower case (the Unicode Standard, section 3.13, rule R2), in no particular language.
    pub lowercase: fn(&str) -> String,
}

/// By tables of ours, for a host that has none.
pub const TABLES: Unicode = Unicode {
    nfkc: |text| {
        // NFKC can make a text longer (one character into 18 at most); room for the usual case saves copies that nobody
        // wipes.
        let mut normal = String::with_capacity(text.len().saturating_mul(2));
        normal.extend(text.nfkc());
        normal
    },
    lowercase: str::to_lowercase,
};

impl Unicode {
    /// A text in NFKC. ASCII is that already.
    pub(crate) fn normalise(self, text: &str) -> Secret<String> {
        Secret::new(if text.is_ascii() {
            text.to_owned()
        } else {
            (self.nfkc)(text)
        })
    }

    /// A text in lower case.
    pub(crate) fn fold(self, text: &str) -> Secret<String> {
        Secret::new(if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            (self.lowercase)(text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_texts_become_one() {
        for (text, normal) in [
            ("plain", "plain"),
            ("A\u{30a}", "Å"),
            ("ﬁ", "fi"),
            ("ａｄａ", "ada"),
            ("\u{fdfa}", "صلى الله عليه وسلم"),
        ] {
            assert_eq!(TABLES.normalise(text).expose(), normal);
        }
    }

    #[test]
    fn case_is_folded_in_every_script() {
        for (text, lower) in [
            ("PassWord1", "password1"),
            ("ÄNNE", "änne"),
            ("ΟΔΟΣ", "οδος"),
            ("İ", "i\u{307}"),
        ] {
            assert_eq!(TABLES.fold(text).expose(), lower);
        }
    }

    #[test]
    fn ascii_needs_nobody() {
        let nobody = Unicode {
            nfkc: |_| unreachable!("ASCII is NFKC"),
            lowercase: |_| unreachable!("ASCII has a case of its own"),
        };
        let all: String = (0..128).map(char::from).collect();
        assert_eq!(*nobody.normalise(&all).expose(), all);
        assert_eq!(*nobody.fold(&all).expose(), all.to_lowercase());
    }
}
