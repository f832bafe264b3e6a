//! Chromium: the system's own, because no registry has it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, anyhow, bail};

use crate::{paths, run};

/// What the program is called, here and there.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// The program. Where there is none, root of a Debian or Ubuntu gets it installed; anybody else is told how.
pub(super) fn chromium() -> Result<PathBuf> {
    if let Some(found) = found() {
        return Ok(found);
    }
    if !paths::is_root_user() || run::find("apt-get").is_none() {
        bail!("chromium isn't on the PATH: install it (Debian: apt-get install chromium) for the tests of the pages");
    }
    let log = run::log("chromium-install");
    for (what, arguments) in [
        ("asking for the list of packages", &["update"][..]),
        (
            "installing Chromium (once)",
            &["install", "--yes", "--no-install-recommends", "chromium"],
        ),
    ] {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        run::run(what, &mut command, &log)?;
    }
    found().ok_or_else(|| anyhow!("apt-get installed chromium, but it isn't on the PATH"))
}

fn found() -> Option<PathBuf> {
    NAMES.iter().find_map(|name| run::find(name))
}
