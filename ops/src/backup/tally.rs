//! What a table holds in two numbers: how many rows, and a hash of them that doesn't depend on their order.

use sha2::{Digest as _, Sha256};

/// A count and a hash of the rows of a table, as lines of COPY's text format.
///
/// The hash is the sum of the SHA-256 of each row, as a number of 256 bits. It tells a row that was lost, changed or
/// doubled; it is no defence against somebody who makes rows up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    rows: u64,
    sum: [u64; 4],
}

impl Tally {
    /// Counts a row, given without its line break.
    pub(super) fn add(&mut self, row: &[u8]) {
        self.rows += 1;
        let digest = Sha256::digest(row);
        let mut carry = false;
        // The last words are the least significant.
        for (word, bytes) in self.sum.iter_mut().zip(digest.chunks_exact(8)).rev() {
            let value = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
            let (sum, over) = word.overflowing_add(value);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            *word = sum;
            carry = over || again;
        }
    }

    /// How many rows.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The hash, 64 hexadecimal digits.
    pub(super) fn hash(&self) -> String {
        self.sum
            .iter()
            .fold(String::new(), |text, word| text + &format!("{word:016x}"))
    }
}

/// Splits a stream of bytes into rows, whatever pieces it comes in.
#[derive(Debug, Default)]
pub(super) struct Rows {
    begun: Vec<u8>,
    /// What has been seen.
    pub(super) tally: Tally,
}

impl Rows {
    /// Takes the next piece.
    pub(super) fn take(&mut self, mut piece: &[u8]) {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = piece.split_at(end);
            if self.begun.is_empty() {
                self.tally.add(line);
            } else {
                self.begun.extend_from_slice(line);
                self.tally.add(&self.begun);
                self.begun.clear();
            }
            piece = rest.get(1..).unwrap_or_default();
        }
        self.begun.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(rows: &[&str]) -> Tally {
        let mut tally = Tally::default();
        for row in rows {
            tally.add(row.as_bytes());
        }
        tally
    }

    #[test]
    fn one_row_hashes_to_its_sha_256() {
        // printf abc | sha256sum
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((tally(&["abc"]).hash(), tally(&["abc"]).rows()), (hash.to_owned(), 1));
        assert_eq!(tally(&[]).hash(), "0".repeat(64));
    }

    #[test]
    fn the_sum_carries() {
        // Doubled digit by digit.
        let one = tally(&["abc"]).hash();
        let double = tally(&["abc", "abc"]).hash();
        let mut carry = 0;
        let mut expected: Vec<char> = Vec::new();
        for digit in one.chars().rev() {
            let value = digit.to_digit(16).unwrap() * 2 + carry;
            expected.push(char::from_digit(value % 16, 16).unwrap());
            carry = value / 16;
        }
        assert_eq!(double, expected.into_iter().rev().collect::<String>());
    }

    #[test]
    fn the_order_does_not_count_and_everything_else_does() {
        assert_eq!(tally(&["a", "b", "c"]), tally(&["c", "a", "b"]));
        assert_ne!(tally(&["a", "b"]), tally(&["a", "b", "b"]));
        assert_ne!(tally(&["a", "b"]), tally(&["ab", ""]));
        assert_ne!(tally(&["a", "b"]), tally(&["a", "B"]));
    }

    #[test]
    fn rows_are_whole_however_they_come() {
        let text = b"one\t1\ntwo\t2\n\nthree\n";
        for size in 1..text.len() {
            let mut rows = Rows::default();
            text.chunks(size).for_each(|piece| rows.take(piece));
            assert_eq!(rows.tally, tally(&["one\t1", "two\t2", "", "three"]), "{size}");
        }
    }
}
