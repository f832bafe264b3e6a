//! Tools from npm.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::locked;
use crate::run;

/// The folder of the package `name`, installed.
pub(super) fn package(name: &str, version: &str) -> Result<PathBuf> {
    let (dir, _lock) = locked(name, version)?;
    let package = dir.join("node_modules").join(name);
    let complete = dir.join(".complete");
    if complete.is_file() && package.join("package.json").is_file() {
        return Ok(package);
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
    Ok(package)
}
