//! Programs and libraries that no registry but the system's own has.

use std::path::Path;
use std::process::Command;
use std::{fs, io};

use anyhow::{Result, bail};

use crate::{paths, run};

/// What Debian's tools ask whether a service may start; 101 is no.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs a package where we are root of a Debian or Ubuntu; anybody else is told how, and what it is for. A service
/// that comes with it isn't started.
pub(super) fn install(package: &str, purpose: &str) -> Result<()> {
    if !paths::is_root_user() || run::find("apt-get").is_none() {
        bail!("{package} isn't here: install it (Debian: apt-get install {package}) for {purpose}");
    }
    let log = run::log(&format!("{package}-install"));
    let policy = Policy::deny()?;
    for (what, arguments) in [
        ("asking for the list of packages".to_owned(), &["update"][..]),
        (
            format!("installing {package} (once)"),
            &["install", "--yes", "--no-install-recommends", package],
        ),
    ] {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        run::run(&what, &mut command, &log)?;
    }
    drop(policy);
    Ok(())
}

/// Says no while it lives, unless somebody has a policy already.
struct Policy(bool);

impl Policy {
    fn deny() -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        if Path::new(POLICY).exists() {
            return Ok(Self(false));
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(POLICY)?;
        io::Write::write_all(&mut file, b"#!/bin/sh\nexit 101\n")?;
        Ok(Self(true))
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.0 {
            fs::remove_file(POLICY).ok();
        }
    }
}
