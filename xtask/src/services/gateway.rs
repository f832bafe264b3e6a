//! The gateway: `doorward gateway` in front of a PostgreSQL and a Valkey.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;

use crate::probe;
use crate::process::{Ask, Service};

/// How long a start may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A gateway, running or stopped.
#[derive(Debug)]
pub struct Gateway {
    doorward: PathBuf,
    port: u16,
    token: String,
    database_url: String,
    redis_url: String,
    log: PathBuf,
    service: Option<Service>,
}

impl Gateway {
    /// Starts it, with the mail trap of development.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub fn launch(doorward: &Path, port: u16, token: &str, database: &str, redis: &str, log: &Path) -> Result<Self> {
        let mut gateway = Self {
            doorward: doorward.to_path_buf(),
            port,
            token: token.to_owned(),
            database_url: database.to_owned(),
            redis_url: redis.to_owned(),
            log: log.to_path_buf(),
            service: None,
        };
        gateway.start()?;
        Ok(gateway)
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1, the same after every start.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The bearer token that it wants.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it was started and hasn't ended since.
    pub fn is_running(&mut self) -> bool {
        self.service.as_mut().is_some_and(|service| service.ended().is_none())
    }

    /// Starts it again on the same port. Does nothing when it runs.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub fn start(&mut self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        self.service = None;
        let mut command = Command::new(&self.doorward);
        command
            .args(["gateway", "--dev-mail", "--listen", &format!("127.0.0.1:{}", self.port)])
            .stdin(Stdio::null());
        // Secrets in the environment: what stands in a command line, every user can read.
        command
            .env("DATABASE_URL", &self.database_url)
            .env("REDIS_URL", &self.redis_url);
        command.env("DOORWARD_GATEWAY_TOKEN", &self.token);
        let mut service = Service::start("the gateway", &mut command, &self.log, Ask::Terminate)?;
        service.wait_ready(LIMIT, || probe::http_status(self.port, "/healthz") == Some(200))?;
        self.service = Some(service);
        Ok(())
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        self.service = None;
    }

    /// Kills it (SIGKILL): clients are cut off.
    pub fn kill(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.kill();
        }
    }
}
