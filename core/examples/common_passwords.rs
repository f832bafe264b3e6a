//! Makes `core/src/password/common.bin`: reads passwords from standard input, one a line, and writes the filter to
//! standard output.
//!
//! ```sh
//! cat lists/*.txt | cargo run -p doorward-core --example common_passwords > core/src/password/common.bin
//! ```

use std::collections::BTreeSet;
use std::io::{Read, Write};

use doorward_core::password::{MIN_CHARS, common};

/// The size of the filter, in bytes: 14.6 bits a password at today's 8,431.
const SIZE: usize = 16_000;

fn main() -> std::io::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let words = text.lines().map(|line| line.trim().to_lowercase());
    let words: BTreeSet<String> = words.filter(|word| word.chars().count() >= MIN_CHARS).collect();
    eprintln!("{} passwords in {SIZE} bytes", words.len());
    std::io::stdout().write_all(&common::build(words.iter().map(String::as_str), SIZE))
}
