//! Tools from npm.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::locked;
use crate::run;

/// The folder of the package `name`, installed.
pub(super) fn package(name: &str, version: &str) -> Result<PathBuf> {
    Ok(modules(name, version)?.join(name))
}

/// The folder that holds the package `name`, installed, and what it depends on.
pub(super) fn modules(name: &str, version: &str) -> Result<PathBuf> {
    let (dir, _lock) = locked(name, version)?;
    let modules = dir.join("node_modules");
    let complete = dir.join(".complete");
    if complete.is_file() && modules.join(name).join("package.json").is_file() {
        return Ok(modules);
    }
    for program in ["node", "npm"] {
        if run::find(program).is_none() {
            bail!("{program} isn't on the PATH: install Node 20.3 or later (https://nodejs.org)");
        }
    }
    fs::create_dir_all(&dir)?;
    let mut command = Command::new("npm");
    command
        .args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"])
        .arg(&dir);
    command.arg(format!("{name}@{version}")).current_dir(&dir);
    let log = run::log(&format!("npm-{}", name.trim_start_matches('@').replace('/', "-")));
    run::run(&format!("installing {name} {version} (once)"), &mut command, &log)?;
    fs::write(complete, version)?;
    Ok(modules)
}
