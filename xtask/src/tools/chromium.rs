//! Chromium: the system's own, because no registry has it.

use std::path::PathBuf;

use anyhow::{Result, anyhow};

use super::apt;
use crate::run;

/// What the program is called, here and there.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// The program. Where there is none, root of a Debian or Ubuntu gets it installed; anybody else is told how.
pub(super) fn chromium() -> Result<PathBuf> {
    if let Some(found) = found() {
        return Ok(found);
    }
    apt::install("chromium", "the tests of the pages")?;
    found().ok_or_else(|| anyhow!("apt-get installed chromium, but it isn't on the PATH"))
}

fn found() -> Option<PathBuf> {
    NAMES.iter().find_map(|name| run::find(name))
}
