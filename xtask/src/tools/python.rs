//! Tools from PyPI, each in a virtual environment of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{locked, versions};
use crate::run;

/// Schemathesis' command line, or nothing where there is no Python.
pub(super) fn schemathesis() -> Result<Option<PathBuf>> {
    let (dir, _lock) = locked("schemathesis", versions::SCHEMATHESIS)?;
    // Made when all is installed.
    let installed = dir.join("installed");
    let program = dir.join("bin/schemathesis");
    if installed.is_file() && run::is_executable(&program) {
        return Ok(Some(program));
    }
    let Some(python) = run::find("python3") else {
        return Ok(None);
    };
    let log = run::log("schemathesis-install");
    let mut make = Command::new(python);
    make.args(["-m", "venv", "--clear"]).arg(&dir);
    run::run("making an environment for Schemathesis", &mut make, &log).context("python3 -m venv must work")?;
    let mut install = Command::new(dir.join("bin/python"));
    install
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .arg(format!("schemathesis=={}", versions::SCHEMATHESIS))
        // What generates the data: another version would generate other data.
        .arg(format!("hypothesis=={}", versions::HYPOTHESIS));
    run::run(
        &format!("installing Schemathesis {} (once)", versions::SCHEMATHESIS),
        &mut install,
        &log,
    )?;
    std::fs::write(&installed, "").with_context(|| format!("writing {}", installed.display()))?;
    Ok(Some(program))
}
