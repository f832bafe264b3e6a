//! Valkey of our own, on the loopback only, with a password.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::process::{Ask, Service};
use crate::{probe, secrets, tools};

/// How long a start may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A Valkey server, running or stopped.
#[derive(Debug)]
pub struct Valkey {
    binary: PathBuf,
    dir: PathBuf,
    port: u16,
    password: String,
    durable: bool,
    log: PathBuf,
    service: Option<Service>,
}

impl Valkey {
    /// Installs it if necessary and starts it. With `durable` its data is written to `dir` now and then and when it
    /// stops; without, it lives in memory only.
    ///
    /// # Errors
    /// When it can't be installed, or doesn't come up.
    pub fn launch(dir: &Path, port: u16, durable: bool, log: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        let password = secrets::kept(&dir.join("password"), secrets::random)?;
        let (binary, dir, log) = (tools::valkey()?, dir.to_path_buf(), log.to_path_buf());
        let mut valkey = Self {
            binary,
            dir,
            port,
            password,
            durable,
            log,
            service: None,
        };
        valkey.start()?;
        Ok(valkey)
    }

    /// `redis://:password@127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}", self.password, self.port)
    }

    /// Its port on 127.0.0.1, the same after every start.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it was started and hasn't ended since.
    pub fn is_running(&mut self) -> bool {
        self.service.as_mut().is_some_and(|service| service.ended().is_none())
    }

    /// Starts it again on the same port, and returns when it answers. Does nothing when it runs.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub fn start(&mut self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        self.service = None;
        let mut command = Command::new(&self.binary);
        // Its configuration comes by standard input: what stands in a command line, every user can read.
        command.arg("-").current_dir(&self.dir).stdin(Stdio::piped());
        let mut service = Service::start("Valkey", &mut command, &self.log, Ask::Terminate)?;
        let save = if self.durable { "save 60 1" } else { "save \"\"" };
        let configuration = format!(
            "port {}\nbind 127.0.0.1\nrequirepass {}\ndaemonize no\nappendonly no\n{save}\ndir .\nloglevel warning\n",
            self.port, self.password,
        );
        let mut input = service.stdin().ok_or_else(|| anyhow!("Valkey has no input"))?;
        input
            .write_all(configuration.as_bytes())
            .context("configuring Valkey")?;
        drop(input);
        let ping = format!(
            "*2\r\n$4\r\nAUTH\r\n${}\r\n{}\r\n*1\r\n$4\r\nPING\r\n",
            self.password.len(),
            self.password
        );
        service.wait_ready(LIMIT, || {
            let answer = probe::exchange(self.port, ping.as_bytes(), |answer| answer.ends_with(b"\r\n+PONG\r\n"));
            answer.is_some()
        })?;
        self.service = Some(service);
        Ok(())
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        self.service = None;
    }

    /// Kills it (SIGKILL): clients are cut off, what wasn't saved is gone.
    pub fn kill(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.kill();
        }
    }
}
