//! Where things are: the checkout, what it keeps between runs, and the user's cache of tools.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};

/// The checkout's root: the folder that holds `xtask/` and `migrations/`.
///
/// Cargo tells at run time which package it runs, so a binary that was built in another checkout and shares the target
/// directory finds the checkout that it is run in.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let package =
            env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let is_root = |dir: &&Path| dir.join("xtask/Cargo.toml").is_file() && dir.join("migrations").is_dir();
        let found = package.ancestors().find(is_root);
        found.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), Path::to_path_buf)
    })
}

/// `.doorward/`, what a checkout keeps between runs: data, keys, logs. Not in version control; may be deleted.
pub fn state() -> PathBuf {
    root().join(".doorward")
}

/// Where the output of tools and services goes.
pub fn logs() -> PathBuf {
    state().join("logs")
}

/// The user's cache for this project: `DOORWARD_CACHE`, or `doorward` in the usual place.
///
/// # Errors
/// When neither `DOORWARD_CACHE`, `XDG_CACHE_HOME` nor `HOME` is set.
pub fn cache() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(cache) = set("DOORWARD_CACHE") {
        return Ok(cache);
    }
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    Ok(base
        .ok_or_else(|| anyhow!("neither HOME nor DOORWARD_CACHE is set: nowhere to keep tools"))?
        .join("doorward"))
}

/// Cargo's target directory, whatever configures it.
///
/// # Errors
/// When `cargo metadata` fails.
pub fn target() -> Result<&'static Path> {
    static TARGET: OnceLock<PathBuf> = OnceLock::new();
    if let Some(target) = TARGET.get() {
        return Ok(target);
    }
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .context("cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let target = metadata["target_directory"]
        .as_str()
        .ok_or_else(|| anyhow!("cargo metadata names no target directory"))?;
    Ok(TARGET.get_or_init(|| target.into()))
}

/// Whether this process runs as root, which PostgreSQL refuses to do.
pub fn is_root_user() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether a user without privileges can reach `path`: every folder on the way lets others through.
pub fn reachable_by_others(path: &Path) -> bool {
    path.ancestors()
        .filter(|dir| dir.exists())
        .all(|dir| fs::metadata(dir).is_ok_and(|meta| !meta.is_dir() || meta.mode() & 0o001 != 0))
}

/// A folder for root's use that unprivileged services can reach, made with care: it must be root's own.
///
/// # Errors
/// When it can't be made, or somebody else made it.
pub fn outside() -> Result<PathBuf> {
    let dir = PathBuf::from("/var/tmp/doorward-root");
    fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    let meta = fs::symlink_metadata(&dir)?;
    if !meta.is_dir() || meta.uid() != 0 || meta.mode() & 0o022 != 0 {
        bail!("{} isn't a folder that belongs to root alone; remove it", dir.display());
    }
    Ok(dir)
}

/// A short name for a path, the same every time (FNV-1a, 64 bits, in hex).
pub fn fingerprint(path: &Path) -> String {
    let hash = path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}
