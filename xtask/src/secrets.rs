//! Random passwords and tokens for development, and files that only their owner may read.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// 128 random bits in hex.
///
/// # Errors
/// When the system gives no randomness.
pub fn random() -> Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("reading /dev/urandom")?;
    Ok(bytes.map(|byte| format!("{byte:02x}")).concat())
}

/// The secret kept in `path`, made with `make` the first time.
///
/// # Errors
/// When it can't be read, made or kept.
pub fn kept(path: &Path, make: impl FnOnce() -> Result<String>) -> Result<String> {
    if let Ok(kept) = fs::read_to_string(path)
        && !kept.trim().is_empty()
    {
        return Ok(kept.trim().to_owned());
    }
    let new = make()?;
    write_private(path, &new)?;
    Ok(new)
}

/// Writes a file with mode 0600, whatever was there.
///
/// # Errors
/// When the file can't be written.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("writing {}", path.display()))
}
