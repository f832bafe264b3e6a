//! Argon2id as a program: it reads how many hashes are wanted, makes them, and prints the last one's tag; again and again.
//!
//! As WebAssembly it is Doorward's own, on this machine the crate `argon2`.

use std::io::{self, BufRead, Write};

#[cfg(target_family = "wasm")]
mod ours;
#[cfg(target_family = "wasm")]
use ours::argon2id;

#[cfg(not(target_family = "wasm"))]
fn argon2id(password: &[u8], salt: &[u8]) -> Option<Vec<u8>> {
    use argon2::{Algorithm, Argon2, Params, Version};
    let params = Params::new(19_456, 2, 1, Some(32)).ok()?;
    let mut tag = vec![0; 32];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password, salt, &mut tag).ok()?;
    Some(tag)
}

fn main() -> io::Result<()> {
    let mut words = std::env::args().skip(1);
    let (Some(password), Some(salt)) = (words.next(), words.next()) else {
        return Err(io::Error::other("a password and a salt are missing"));
    };
    let mut out = io::stdout();
    for line in io::stdin().lock().lines() {
        let count: u32 = line?.trim().parse().map_err(io::Error::other)?;
        let mut tag = Vec::new();
        for _ in 0..count {
            tag = argon2id(password.as_bytes(), salt.as_bytes()).ok_or_else(|| io::Error::other("refused"))?;
        }
        for byte in tag {
            write!(out, "{byte:02x}")?;
        }
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}
