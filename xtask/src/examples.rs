//! The services of docs/integrate, which show how others check Doorward's tokens: built, and started for the suite.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::process::{Ask, Service};
use crate::{paths, probe, run};

/// How long one may take to answer.
const LIMIT: Duration = Duration::from_secs(30);

/// The languages that there is an example in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Example {
    /// `docs/integrate/rust`.
    Rust,
    /// `docs/integrate/node`.
    Node,
}

impl Example {
    /// As its folder is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Node => "node",
        }
    }

    fn folder(self) -> PathBuf {
        paths::root().join("docs/integrate").join(self.name())
    }

    /// Builds it, or gets what it needs, and answers how it is run.
    fn build(self) -> Result<Command> {
        // Cases ask for it beside each other.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let what = format!("building docs/integrate/{}", self.name());
        let log = run::log(&format!("integrate-{}-build", self.name()));
        match self {
            Self::Rust => {
                let target = paths::target()?.join("integrate");
                let mut build = run::cargo();
                build.args(["build", "--locked", "--target-dir"]).arg(&target);
                build.current_dir(self.folder());
                run::run(&what, &mut build, &log)?;
                Ok(Command::new(target.join("debug/doorward-example")))
            }
            Self::Node => {
                let mut install = Command::new("npm");
                install.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
                run::run(&what, install.current_dir(self.folder()), &log)?;
                let mut command = Command::new("node");
                command.arg(self.folder().join("server.mjs"));
                Ok(command)
            }
        }
    }

    /// Starts it with these variables besides `PORT`, and answers it with its port when it listens. `name` stands in the
    /// name of its log.
    ///
    /// # Errors
    /// When it can't be built, or doesn't listen.
    pub fn start(self, name: &str, environment: &BTreeMap<&str, String>) -> Result<(Service, u16)> {
        let mut command = self.build()?;
        let port = probe::free_port()?;
        command.envs(environment).env("PORT", port.to_string());
        let log = run::log(&format!("integrate-{name}-{}", self.name()));
        let mut service = Service::start(
            &format!("the example in {}", self.name()),
            &mut command,
            &log,
            Ask::Terminate,
        )?;
        service.wait_ready(LIMIT, || probe::http_status(port, "/").is_some())?;
        if service.ended().is_some() {
            return Err(anyhow!("the example in {} ended", self.name()));
        }
        Ok((service, port))
    }
}
