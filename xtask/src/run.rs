//! Programs that are run to their end: output to a log, progress to the person, the log's end when they fail.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::paths;
use crate::process::{append, tail};
use crate::progress::{Progress, stopping};

/// Runs `command` to its end. `what` is what the person reads, such as "building the gateway".
///
/// # Errors
/// When it can't be started, fails (the message has the end of its output), or a signal asked for the end.
pub fn run(what: &str, command: &mut Command, log: &Path) -> Result<()> {
    let output = append(log)?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0);
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .spawn()
        .with_context(|| format!("{what}: can't start {program}"))?;
    let mut progress = Progress::start(what);
    loop {
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!(
                    "{what} failed ({program}, {status}); the end of {}:\n{}",
                    log.display(),
                    tail(log, 40)
                );
            }
            progress.done();
            return Ok(());
        }
        if stopping() {
            end(&mut child);
            bail!("interrupted");
        }
        progress.tick();
        thread::sleep(Duration::from_millis(if progress.elapsed().as_millis() < 500 {
            5
        } else {
            100
        }));
    }
}

/// What `command` prints on standard output.
///
/// # Errors
/// When it can't be started or fails; the message has what it said on standard error.
pub fn capture(what: &str, command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{what}: can't start {program}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{what} failed ({program}, {}):\n{}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Ends a child and what it started.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        kill_process_group(group, Signal::TERM).ok();
    }
    child.wait().ok();
}

/// The log of a tool that is run under `name`.
pub fn log(name: &str) -> PathBuf {
    paths::logs().join(format!("{name}.log"))
}

/// `cargo` in the checkout, without what an outer `cargo run` said about this package: build scripts look at some of
/// those names, and would build again each time that `cargo` is called from elsewhere.
pub fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(paths::root());
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let of_package = ["CARGO_PKG_", "CARGO_BIN_", "CARGO_MANIFEST_"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        if of_package || name == "CARGO_CRATE_NAME" || name == "CARGO_PRIMARY_PACKAGE" {
            command.env_remove(name.as_ref());
        }
    }
    command
}

/// Where a program is on the `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| is_executable(file))
}

/// Whether a file is there and may be run.
pub fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
