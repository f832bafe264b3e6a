//! The build before this one, made from the history: what a new one has to work beside while a deployment moves over.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::progress::say;
use crate::{paths, run};

/// The commit of the last release, or of what stands for it: the tables before [`MIGRATION`] + 1 are all that it knows.
const COMMIT: &str = "124acafab163a06060dcd994a4dee79845b298ef";
/// The last migration of that time.
pub const MIGRATION: i32 = 10;

/// What it ships.
#[derive(Debug, Clone)]
pub struct Previous {
    /// The Worker's entry point.
    pub worker: PathBuf,
    /// The WASI component.
    pub component: PathBuf,
}

/// Builds it into the user's cache, unless it is there.
///
/// # Errors
/// When the history doesn't hold the commit, or it doesn't compile.
pub fn build() -> Result<Previous> {
    let folder = paths::cache()?.join("previous").join(COMMIT);
    let previous = Previous {
        worker: folder.join("worker/index.js"),
        component: folder.join("component.wasm"),
    };
    if previous.component.is_file() {
        return Ok(previous);
    }
    let known = Command::new("git")
        .args(["cat-file", "-e", &format!("{COMMIT}^{{commit}}")])
        .current_dir(paths::root())
        .output()
        .context("git")?;
    if !known.status.success() {
        bail!("the history doesn't hold the previous build ({COMMIT}); `git fetch --unshallow` brings the whole of it");
    }
    say("building the previous release, which an upgrade starts from");
    let source = paths::state().join("previous");
    fs::remove_dir_all(&source).ok();
    fs::create_dir_all(&source)?;
    let log = run::log("build-previous");
    let archive = source.join("source.tar");
    let mut git = Command::new("git");
    git.args(["archive", "--format=tar", "-o"]).arg(&archive).arg(COMMIT);
    run::run("reading the previous release", git.current_dir(paths::root()), &log)?;
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(&archive).current_dir(&source);
    run::run("unpacking the previous release", &mut tar, &log)?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["run", "--quiet", "--package", "xtask", "--", "build"])
        .current_dir(&source)
        .env("CARGO_TARGET_DIR", source.join("target"))
        .env_remove("CARGO_MANIFEST_DIR");
    run::run("building the previous release", &mut cargo, &log)?;
    copy(&source.join("edge/workers/build"), &folder.join("worker"))?;
    // Last: it says that the rest is there.
    let component = source.join("target/wasm32-wasip2/release/doorward_spin.wasm");
    fs::copy(&component, &previous.component).with_context(|| format!("copying {}", component.display()))?;
    fs::remove_dir_all(&source).ok();
    Ok(previous)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
