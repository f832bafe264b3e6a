//! The hosts that run the handlers: Workers under `wrangler dev`, and the component under a WASI HTTP host.

mod wasi;
pub mod workers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::probe;
use crate::process::Service;
use crate::tools;

pub use wasi::is_spin;

/// How long a start may take.
const LIMIT: Duration = Duration::from_secs(90);

/// Which host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Cloudflare Workers: workerd, run by Wrangler, with Hyperdrive's local stand-in.
    Workers,
    /// A WASI 0.3 HTTP host: Spin where it is installed (4.1 or later), else Wasmtime.
    Wasi,
}

impl Kind {
    /// Its name in messages and in the names of test cases.
    pub fn name(self) -> &'static str {
        match self {
            Self::Workers => "workers",
            Self::Wasi => "spin",
        }
    }
}

/// Installs what runs a host, if it isn't there.
///
/// # Errors
/// When it can't be installed.
pub fn install(kind: Kind) -> Result<()> {
    match kind {
        Kind::Workers => tools::wrangler().map(drop),
        Kind::Wasi => wasi::install(),
    }
}

/// A host to be started.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Which host.
    pub kind: Kind,
    /// What it is called in messages and logs; different for each host of a stack.
    pub name: String,
    /// Its port on 127.0.0.1; a free one if none is given.
    pub port: Option<u16>,
    /// Configuration beyond the stack's, or instead of it. An empty value takes the stack's away.
    pub env: BTreeMap<String, String>,
    /// Workers only: whether Postgres is reached through Hyperdrive's stand-in (as in production), or by a plain
    /// socket to `DATABASE_URL`.
    pub hyperdrive: bool,
    /// What it runs: by default what this checkout builds.
    pub artifact: Option<PathBuf>,
    /// The database on the stack's server: by default the stack's.
    pub database: Option<String>,
}

impl HostOptions {
    /// A host with the stack's configuration on a free port.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            name: kind.name().to_owned(),
            port: None,
            env: BTreeMap::new(),
            hyperdrive: true,
            artifact: None,
            database: None,
        }
    }

    /// Calls it something else, for a second one of its kind.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Puts it on this port.
    #[must_use]
    pub fn on(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets a value of its configuration.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }
}

/// What a host needs to know of the services.
#[derive(Debug, Clone)]
pub struct Backends {
    /// PostgreSQL, as a socket reaches it.
    pub database_url: String,
    /// The gateway's base URL.
    pub gateway_url: String,
    /// The gateway's bearer token.
    pub gateway_token: String,
}

/// What a host is started from: how to start it, and where it keeps what.
#[derive(Debug, Clone)]
struct Plan {
    options: HostOptions,
    port: u16,
    env: BTreeMap<String, String>,
    backends: Backends,
    artifact: PathBuf,
    dir: PathBuf,
    log: PathBuf,
}

/// A running host. Ends on drop.
#[derive(Debug)]
pub struct Host {
    plan: Plan,
    service: Service,
}

impl Host {
    /// Starts `artifact` on the host of `options`. `dir` is the host's own, `env` the configuration that `options.env`
    /// overrides.
    ///
    /// # Errors
    /// When it can't be started, or doesn't answer `GET /healthz`.
    pub fn start(
        options: HostOptions,
        env: &BTreeMap<String, String>,
        backends: &Backends,
        artifact: &Path,
        dir: &Path,
        log: &Path,
    ) -> Result<Self> {
        let port = options.port.map_or_else(probe::free_port, Ok)?;
        let mut all = env.clone();
        all.insert("PUBLIC_URL".to_owned(), format!("http://127.0.0.1:{port}"));
        all.extend(options.env.clone());
        all.retain(|_, value| !value.is_empty());
        let plan = Plan {
            options,
            port,
            env: all,
            backends: backends.clone(),
            artifact: artifact.to_path_buf(),
            dir: dir.to_path_buf(),
            log: log.to_path_buf(),
        };
        let service = launch(&plan)?;
        Ok(Self { plan, service })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.plan.options.name
    }

    /// Which host it is.
    pub fn kind(&self) -> Kind {
        self.plan.options.kind
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.plan.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.plan.port
    }

    /// The process that was started; others may have been started by it.
    pub fn id(&self) -> u32 {
        self.service.id()
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.plan.log
    }

    /// Whether it hasn't ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.service.ended().is_none()
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.service.stop();
    }

    /// Ends it if necessary and starts it again, on the same port.
    ///
    /// # Errors
    /// See [`Host::start`].
    pub fn restart(&mut self) -> Result<()> {
        self.service.stop();
        self.service = launch(&self.plan)?;
        Ok(())
    }
}

fn launch(plan: &Plan) -> Result<Service> {
    let mut service = match plan.options.kind {
        Kind::Workers => workers::start(plan)?,
        Kind::Wasi => wasi::start(plan)?,
    };
    service.wait_ready(LIMIT, || probe::http_status(plan.port, "/healthz") == Some(200))?;
    Ok(service)
}
