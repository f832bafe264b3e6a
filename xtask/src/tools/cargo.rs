//! Tools from the Rust registry, compiled with `cargo install`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::{locked, versions};
use crate::run;

/// How fast a tool has to be, which decides how long its compilation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// It mostly starts other programs. Compiled in a third of the time.
    Slow,
    /// It works for seconds at most.
    Moderate,
    /// Others wait for it all the time.
    Fast,
}

impl Pace {
    fn opt_level(self) -> Option<&'static str> {
        match self {
            Self::Slow => Some("0"),
            Self::Moderate => Some("1"),
            Self::Fast => None,
        }
    }
}

/// The program `binary` of the crate `name`: one on the `PATH` of the same version, or the one in the cache.
///
/// Without `--locked` unless the options say so: a lock may name a release that a mirror doesn't show yet.
pub(super) fn tool(name: &str, version: &str, binary: &str, pace: Pace, options: &[&str]) -> Result<PathBuf> {
    if let Some(found) = run::find(binary)
        && says_version(&found, version)
    {
        return Ok(found);
    }
    let (dir, _lock) = locked(name, version)?;
    let file = dir.join("bin").join(binary);
    if is_installed(&dir, name, version) && run::is_executable(&file) {
        return Ok(file);
    }
    if run::find("cargo").is_none() {
        bail!("cargo isn't on the PATH: install Rust with https://rustup.rs");
    }
    // Kept until it is done, so that an interrupted installation goes on where it was.
    let target = dir.with_extension("build");
    let mut command = run::cargo();
    command
        .env("RUSTUP_TOOLCHAIN", versions::RUST)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS");
    command
        .args(["install", "--root"])
        .arg(&dir)
        .args([name, "--version", version])
        .args(options);
    if let Some(level) = pace.opt_level() {
        command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level);
        command.env("CARGO_PROFILE_RELEASE_LTO", "off");
        command.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    }
    run::run(
        &format!("compiling {name} {version} (once)"),
        &mut command,
        &run::log(name),
    )?;
    fs::remove_dir_all(&target).ok();
    Ok(file)
}

/// Whether cargo's own record says that the installation came to its end.
fn is_installed(dir: &Path, name: &str, version: &str) -> bool {
    let record = fs::read_to_string(dir.join(".crates.toml")).unwrap_or_default();
    record.contains(&format!("\"{name} {version} "))
}

fn says_version(file: &Path, version: &str) -> bool {
    let said = run::capture("asking for a version", Command::new(file).arg("--version")).unwrap_or_default();
    said.split_whitespace().any(|word| word == version)
}
