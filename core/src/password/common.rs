//! Passwords that everybody tries first, as a Bloom filter (B. H. Bloom, "Space/time trade-offs in hash coding with
//! allowable errors", 1970): no common password gets past it, and about one in a thousand others is taken for one.
//!
//! `common.bin` is made by `cargo run -p doorward-core --example common_passwords` from lists that are published after
//! breaches (the one that Django ships, and the top of others by our own hand): 8,431 passwords of 8 characters or more, in
//! 16,000 bytes, which is also what it adds to an artifact, since it doesn't compress.

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

/// How many bits a password sets.
const PROBES: u64 = 10;

/// The built-in list.
static COMMON: &[u8] = include_bytes!("common.bin");

/// Whether a password, in lower case, is among the most common ones.
pub(super) fn is_common(folded: &str) -> bool {
    contains(COMMON, folded)
}

/// Whether a filter made by [`build`] holds a word, or is mistaken about it.
pub fn contains(filter: &[u8], word: &str) -> bool {
    let is_set = |(byte, mask): (usize, u8)| filter.get(byte).is_some_and(|bits| bits & mask != 0);
    !filter.is_empty() && probes(word, filter.len()).all(is_set)
}

/// A filter of `size` bytes that holds the words.
pub fn build<'a>(words: impl IntoIterator<Item = &'a str>, size: usize) -> Vec<u8> {
    let mut filter = alloc::vec![0; size];
    for word in words {
        for (byte, mask) in probes(word, size) {
            if let Some(bits) = filter.get_mut(byte) {
                *bits |= mask;
            }
        }
    }
    filter
}

/// The bits of a word, by two independent halves of one hash (Kirsch and Mitzenmacher, 2006).
fn probes(word: &str, size: usize) -> impl Iterator<Item = (usize, u8)> {
    let digest: [u8; 32] = Sha256::digest(word.as_bytes()).into();
    let [first, second] = [half(&digest, 0), half(&digest, 8)];
    let bits = (size as u64).saturating_mul(8).max(1);
    (0..PROBES).map(move |i| {
        let bit = first.wrapping_add(i.wrapping_mul(second)) % bits;
        (usize::try_from(bit / 8).unwrap_or(usize::MAX), 1 << (bit % 8))
    })
}

fn half(digest: &[u8; 32], from: usize) -> u64 {
    digest
        .iter()
        .skip(from)
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn what_everybody_tries_is_found() {
        for word in [
            "password",
            "12345678",
            "qwertyuiop",
            "iloveyou1",
            "trustno1",
            "zzzzzzzz",
            "summer2025",
            "football",
        ] {
            assert!(is_common(word), "{word}");
        }
    }

    #[test]
    fn what_nobody_tries_is_mistaken_once_in_a_thousand_times() {
        let mistaken = (0..20_000).filter(|i| is_common(&format!("nobody tries {i}"))).count();
        assert!(mistaken < 40, "{mistaken} of 20000");
        assert!(!is_common("doorward-dev-password"));
    }

    #[test]
    fn a_filter_holds_what_it_was_made_of() {
        let words = ["one", "two", "three"];
        let filter = build(words, 16);
        assert!(words.iter().all(|word| contains(&filter, word)));
        assert!(!contains(&filter, "four"));
        assert!(!contains(&[], "one"));
    }
}
