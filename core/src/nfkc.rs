//! Unicode's normalisation form KC (UAX #15), in which passwords are compared.
//!
//! Whoever parses a password lends it, as with time and randomness: a host with JavaScript has one of its own, and the
//! tables for ours would be an eighth of what such a host loads. Versions of Unicode agree about all characters that both
//! know (UAX #15, section 3).

use alloc::borrow::ToOwned;
use alloc::string::String;

use unicode_normalization::UnicodeNormalization;

use crate::secret::Secret;

/// Answers a text in NFKC. It is asked for texts beyond ASCII only.
pub type Nfkc = fn(&str) -> String;

/// A text in NFKC by tables of ours, for a host that has none.
pub fn by_tables(text: &str) -> String {
    // NFKC can make a text longer (one character into 18 at most); room for the usual case saves copies that nobody wipes.
    let mut normal = String::with_capacity(text.len().saturating_mul(2));
    normal.extend(text.nfkc());
    normal
}

/// A text in NFKC. ASCII is that already.
pub(crate) fn normalise(text: &str, nfkc: Nfkc) -> Secret<String> {
    Secret::new(if text.is_ascii() { text.to_owned() } else { nfkc(text) })
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
            assert_eq!(by_tables(text), normal);
            assert_eq!(normalise(text, by_tables).expose(), normal);
        }
    }

    #[test]
    fn ascii_needs_nobody() {
        let nobody = |_: &str| unreachable!("ASCII is NFKC");
        let all: String = (0..128).map(char::from).collect();
        assert_eq!(*normalise(&all, nobody).expose(), all);
    }
}
