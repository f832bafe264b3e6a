//! Services: processes that run beside this one and end with it, however it ends.
//!
//! Each has a process group of its own, so that what it starts ends with it too, and a guard: a small shell that waits
//! on a pipe from this process. When this process ends without ending the service (a kill, a crash), the pipe closes
//! and the guard does it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::probe;
use crate::progress::Progress;

/// How long a service may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(10);

/// What the guard runs: `$1` is the signal, `$2` the process group.
const GUARD: &str = r#"
read -r line
kill -s "$1" -- "-$2" 2>/dev/null || exit 0
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; kill -s 0 -- "-$2" 2>/dev/null || exit 0; done
kill -s KILL -- "-$2" 2>/dev/null
"#;

/// How a service is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// SIGTERM.
    Terminate,
    /// SIGINT: PostgreSQL's "fast shutdown", which doesn't wait for its clients.
    Interrupt,
}

impl Ask {
    fn signal(self) -> Signal {
        match self {
            Self::Terminate => Signal::TERM,
            Self::Interrupt => Signal::INT,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Interrupt => "INT",
        }
    }
}

/// A running process with its group, its log and its guard. Ends on drop.
#[derive(Debug)]
pub struct Service {
    name: String,
    child: Child,
    guard: Child,
    log: PathBuf,
    ask: Ask,
    ended: Option<ExitStatus>,
}

impl Service {
    /// Starts `command`; its output is appended to the file `log`. Whatever `command` says about standard input stays,
    /// so that a configuration can be fed to it through [`Service::stdin`].
    ///
    /// # Errors
    /// When the program can't be started or the log can't be written.
    pub fn start(name: &str, command: &mut Command, log: &Path, ask: Ask) -> Result<Self> {
        let output = append(log)?;
        command.stdout(output.try_clone()?).stderr(output).process_group(0);
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {name} ({})", command.get_program().to_string_lossy()))?;
        let guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "doorward-guard", ask.name(), &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let guard = match guard {
            Ok(guard) => guard,
            Err(error) => {
                child.kill().ok();
                child.wait().ok();
                return Err(error).context("starting a guard");
            }
        };
        Ok(Self {
            name: name.to_owned(),
            child,
            guard,
            log: log.to_path_buf(),
            ask,
            ended: None,
        })
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, which is its group's too.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The file that its output goes to.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The pipe to its standard input, once, if the command asked for one.
    pub fn stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.ended = Some(status);
        }
        self.ended
    }

    /// Waits until `ready` says yes.
    ///
    /// # Errors
    /// When the service ends before that (the message has the end of its log), or after `limit`.
    pub fn wait_ready(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let name = self.name.clone();
        let waited = probe::wait_until(&name, limit, || match self.ended() {
            Some(status) => bail!("{name} ended while it started ({status})"),
            None => Ok(ready()),
        });
        waited.with_context(|| format!("the end of {}:\n{}", self.log.display(), tail(&self.log, 25)))
    }

    /// Asks it and what it started to end, waits, and kills what doesn't.
    pub fn stop(&mut self) {
        if !self.group_is_gone() {
            self.signal(self.ask.signal());
            self.wait_gone(GRACE);
        }
        self.kill();
    }

    /// Kills it and what it started: SIGKILL, nothing is flushed.
    pub fn kill(&mut self) {
        if !self.group_is_gone() {
            self.signal(Signal::KILL);
            self.wait_gone(GRACE);
        }
        self.ended();
        self.guard.kill().ok();
        self.guard.wait().ok();
    }

    fn group(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group() {
            // It may have ended in between; that is what is wanted.
            kill_process_group(group, signal).ok();
        }
    }

    fn group_is_gone(&mut self) -> bool {
        self.ended().is_some() && self.group().is_none_or(|group| test_kill_process_group(group).is_err())
    }

    fn wait_gone(&mut self, limit: Duration) {
        let progress = Progress::start("ending");
        while !self.group_is_gone() && progress.elapsed() < limit {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Opens a log for appending, and the folder it lies in.
///
/// # Errors
/// When either can't be made.
pub fn append(log: &Path) -> io::Result<File> {
    if let Some(dir) = log.parent() {
        fs::create_dir_all(dir)?;
    }
    // Services print what they are configured with, secrets of development included.
    OpenOptions::new().create(true).append(true).mode(0o600).open(log)
}

/// The last `lines` lines of a log, indented.
pub fn tail(log: &Path, lines: usize) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..]
        .iter()
        .map(|line| {
            format!(
                "    {line}
"
            )
        })
        .collect::<Vec<_>>()
        .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("doorward-xtask-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir.join("log")
    }

    fn is_gone(pid: u32) -> bool {
        test_kill_process_group(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()).is_err()
    }

    #[test]
    fn dropping_a_service_ends_what_it_started_too() {
        let log = scratch("drop");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 600 & echo up; wait"]);
        let mut service = Service::start("sleeper", &mut command, &log, Ask::Terminate).unwrap();
        let pid = service.id();
        service.wait_ready(GRACE, || tail(&log, 1).contains("up")).unwrap();
        drop(service);
        assert!(is_gone(pid));
    }

    #[test]
    fn the_guard_ends_a_service_whose_owner_is_gone() {
        let log = scratch("guard");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 600 & wait"]);
        let mut service = Service::start("orphan", &mut command, &log, Ask::Terminate).unwrap();
        // What the system does when this process is killed: the pipe closes.
        drop(service.guard.stdin.take());
        let pid = service.id();
        probe::wait_until("the guard", GRACE, || Ok(service.ended().is_some() && is_gone(pid))).unwrap();
    }

    #[test]
    fn a_service_that_ends_early_shows_its_log() {
        let log = scratch("early");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo no such luck; exit 3"]);
        let mut service = Service::start("unlucky", &mut command, &log, Ask::Terminate).unwrap();
        let error = format!("{:?}", service.wait_ready(GRACE, || false).unwrap_err());
        assert!(
            error.contains("no such luck") && error.contains("exit status: 3"),
            "{error}"
        );
    }
}
