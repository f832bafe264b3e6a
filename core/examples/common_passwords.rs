//! Makes `core/src/password/common.bin`: reads passwords from standard input, one a line, and writes the set to standard
//! output.
//!
//! ```sh
//! cat lists/*.txt | cargo run -p doorward-core --example common_passwords > common.bin
//! ```

use std::collections::BTreeSet;
use std::io::{Read, Write};

use doorward_core::password::{MIN_CHARS, common};

fn main() -> std::io::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let words = text.lines().map(|line| line.trim().to_lowercase());
    let words: BTreeSet<String> = words.filter(|word| word.chars().count() >= MIN_CHARS).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let set = common::build(&words);
    eprintln!("{} passwords in {} bytes", words.len(), set.len());
    std::io::stdout().write_all(&set)
}
