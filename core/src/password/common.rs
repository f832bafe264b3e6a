//! Passwords that everybody tries first, as a Golomb-coded set (F. Putze, P. Sanders and J. Singler, "Cache-, Hash- and
//! Space-Efficient Bloom Filters", 2007): no common password gets past it, and one in 65,536 others is taken for one.
//!
//! `common.bin` is made by `cargo run -p doorward-core --example common_passwords` from lists that are published after
//! breaches (the one that Django ships, and the top of others by our own hand): 8,431 passwords of 8 characters or more, in
//! 18 KB, which is also what it adds to an artifact, since it doesn't compress.
//!
//! A password's hash is a number below `count << 16`. The set is those numbers, sorted, as differences in Rice code: the
//! high part in unary (ones, then a zero), the low 16 bits as they are. Reading it through takes some microseconds, and
//! happens beside a hash that takes thousands of times as long.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

/// The low bits of a difference, and minus the binary logarithm of how often another password is mistaken.
const LOW_BITS: u32 = 16;

/// The built-in list.
static COMMON: &[u8] = include_bytes!("common.bin");

/// Whether a password, in lower case, is among the most common ones.
pub(super) fn is_common(folded: &str) -> bool {
    contains(COMMON, folded)
}

/// Whether a set made by [`build`] holds a word, or is mistaken about it.
pub fn contains(set: &[u8], word: &str) -> bool {
    let Some((count, coded)) = set.split_first_chunk() else {
        return false;
    };
    let count = u32::from_be_bytes(*count);
    let wanted = number(word, count);
    let mut bits = Bits { bytes: coded, next: 0 };
    let mut current = 0;
    for _ in 0..count {
        let Some(difference) = bits.difference() else {
            return false;
        };
        current += difference;
        if current >= wanted {
            return current == wanted;
        }
    }
    false
}

/// The set of the words.
pub fn build(words: &[&str]) -> Vec<u8> {
    let count = u32::try_from(words.len()).unwrap_or(u32::MAX);
    let numbers: BTreeSet<u64> = words.iter().map(|word| number(word, count)).collect();
    let mut bits: Vec<bool> = Vec::new();
    let mut before = 0;
    for number in &numbers {
        let difference = number - before;
        before = *number;
        bits.extend((0..difference >> LOW_BITS).map(|_| true));
        bits.push(false);
        bits.extend((0..LOW_BITS).rev().map(|bit| difference >> bit & 1 == 1));
    }
    // Two words with one number are one entry: the count of entries ends the reading, not the count of words, but the
    // numbers' range is by words. So it is padded with differences of zero, which change nothing.
    for _ in numbers.len()..words.len() {
        bits.extend((0..=LOW_BITS).map(|_| false));
    }
    let mut set = count.to_be_bytes().to_vec();
    set.extend(bits.chunks(8).map(|chunk| {
        let byte = chunk.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        byte << (8 - chunk.len())
    }));
    set
}

/// A word's number, evenly spread below `count << LOW_BITS`.
fn number(word: &str, count: u32) -> u64 {
    let digest: [u8; 32] = Sha256::digest(word.as_bytes()).into();
    let hash = digest
        .iter()
        .take(8)
        .fold(0, |hash: u64, byte| hash << 8 | u64::from(*byte));
    let range = u128::from(count) << LOW_BITS;
    u64::try_from((u128::from(hash) * range) >> 64).unwrap_or(u64::MAX)
}

/// Reads differences, the highest bit of a byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl Bits<'_> {
    /// The next difference. None at the end, and where the bits are no differences.
    fn difference(&mut self) -> Option<u64> {
        let from = self.next / 8;
        let ahead = (from..from + 8).fold(0, |window: u64, at| {
            window << 8 | u64::from(self.bytes.get(at).copied().unwrap_or(0))
        });
        let ahead = ahead << (self.next % 8);
        let ones = ahead.leading_ones();
        let low = ahead.checked_shl(ones + 1)? >> (64 - LOW_BITS);
        self.next += (ones + 1 + LOW_BITS) as usize;
        // A window has 57 bits at least; a longer run of ones stands in no set of ours.
        let whole = ones + 1 + LOW_BITS <= 57 && self.next <= self.bytes.len() * 8;
        whole.then_some(u64::from(ones) << LOW_BITS | low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

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
    fn what_nobody_tries_is_hardly_ever_mistaken() {
        let mistaken = (0..5_000).filter(|i| is_common(&format!("nobody tries {i}"))).count();
        assert!(mistaken < 4, "{mistaken} of 5000");
        assert!(!is_common("doorward-dev-password"));
        assert!(!is_common(""));
    }

    #[test]
    fn a_set_holds_what_it_was_made_of_and_no_more() {
        let words: Vec<String> = (0..500).map(|i| format!("word {i}")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let set = build(&words);
        assert!(words.iter().all(|word| contains(&set, word)));
        assert!((500..2_000).filter(|i| contains(&set, &format!("word {i}"))).count() < 3);
    }

    #[test]
    fn words_that_are_there_twice_and_sets_that_are_cut_do_no_harm() {
        let set = build(&["one", "two", "one"]);
        assert!(contains(&set, "one") && contains(&set, "two") && !contains(&set, "three"));
        for end in 0..set.len() {
            let _ = contains(&set[..end], "two");
        }
        assert!(!contains(&[], "one") && !contains(&build(&[]), "one"));
    }
}
