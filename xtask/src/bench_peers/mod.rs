//! What the bench compares Doorward with, and Doorward itself, each as a server of 127.0.0.1.
//!
//! | peer | runs on |
//! |---|---|
//! | `HelloWorker`, `BetterAuthWorkerd`, `Worker` | workerd itself, without the proxy of `wrangler dev`, which costs more than a light request |
//! | `HelloComponent`, `Component` | the WASI host, as [`crate::hosts`] runs it |
//! | `BetterAuthNode` | Node |
//!
//! Doorward runs with the stack's configuration but without its limits, because the load comes from one address. Better
//! Auth's limits are off too.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::hosts::{Host, HostOptions, Kind};
use crate::process::{Ask, Service};
use crate::services::pgbouncer::PgBouncer;
use crate::services::postgres;
use crate::stack::Stack;
use crate::{artifacts, probe, run};

mod better_auth;
mod capnp;
mod hash;
mod processes;
mod upstream;
mod workerd;

pub use hash::{HashTime, hash};
use upstream::Upstream;

/// How long a start may take.
const LIMIT: Duration = Duration::from_mins(1);

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// The least that a Worker in Rust can answer.
    HelloWorker,
    /// The least that a WASI component in Rust can answer.
    HelloComponent,
    /// Better Auth on workerd, with `pg` through Hyperdrive's binding.
    BetterAuthWorkerd,
    /// Better Auth on Node, with `pg`.
    BetterAuthNode,
    /// Doorward on workerd.
    Worker,
    /// Doorward on the WASI host.
    Component,
}

impl Peer {
    /// Its name in logs and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::HelloWorker => "hello-worker",
            Self::HelloComponent => "hello-component",
            Self::BetterAuthWorkerd => "better-auth-workerd",
            Self::BetterAuthNode => "better-auth-node",
            Self::Worker => "worker",
            Self::Component => "component",
        }
    }

    /// Whether it speaks PostgreSQL's protocol itself.
    fn has_sockets(self) -> bool {
        matches!(self, Self::BetterAuthWorkerd | Self::BetterAuthNode | Self::Worker)
    }

    /// What `GET` answers with 200 as soon as it serves, without a database.
    pub fn ready_path(self) -> &'static str {
        match self {
            Self::BetterAuthWorkerd | Self::BetterAuthNode => "/api/auth/ok",
            _ => "/healthz",
        }
    }
}

/// How Postgres is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Directly: where a peer keeps no connections, each request costs a new backend.
    Plain,
    /// Through PgBouncer, which stands in for Hyperdrive's pool. For components this changes nothing: what they reach is
    /// the gateway, and it keeps connections itself.
    PgBouncer,
}

/// Where a peer runs.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// The services.
    pub stack: &'a Stack,
    /// How Postgres is reached.
    pub route: Route,
    /// What is added to each round trip to Postgres and to the gateway.
    pub delay: Option<Duration>,
    /// The database on the stack's server. For Doorward by default the stack's, and another one must be migrated; for
    /// Better Auth by default `better_auth`, and it is made and migrated when it isn't there.
    pub database: Option<String>,
    /// Whether Doorward counts calls in the cache, as loosely as for development. Else nothing is limited.
    pub limits: bool,
}

/// A peer that serves. Ends on drop.
pub struct Running {
    /// Who it is.
    pub peer: Peer,
    /// `http://127.0.0.1:port`, without a slash at the end.
    pub url: String,
    // Before what it uses.
    served: Served,
    upstream: Upstream,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running({} at {})", self.peer.name(), self.url)
    }
}

enum Served {
    Host(Box<Host>),
    Program(Box<Program>),
}

/// A program, and how it is started again.
struct Program {
    peer: Peer,
    port: u16,
    command: Command,
    log: PathBuf,
    service: Service,
}

impl Running {
    /// The processes that serve: the one that was started, and what it started.
    pub fn pids(&self) -> Vec<u32> {
        processes::tree(match &self.served {
            Served::Host(host) => host.id(),
            Served::Program(program) => program.service.id(),
        })
    }

    /// The process of the pool in front of PostgreSQL, if there is one.
    pub fn pool_pid(&self) -> Option<u32> {
        self.upstream.pool.as_ref().map(PgBouncer::pid)
    }

    /// Ends it and starts it again, on the same port.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub fn restart(&mut self) -> Result<()> {
        self.cold_start().map(drop)
    }

    /// The same, and how long it took from the start of the process to the end of its first answer, as close as asking
    /// every 2 ms tells.
    ///
    /// # Errors
    /// See [`Running::restart`].
    pub fn cold_start(&mut self) -> Result<Duration> {
        match &mut self.served {
            Served::Host(host) => {
                host.stop();
                let started = Instant::now();
                host.restart()?;
                Ok(started.elapsed())
            }
            Served::Program(program) => {
                program.service.stop();
                let started = Instant::now();
                program.service = launch(program.peer, program.port, &mut program.command, &program.log)?;
                Ok(started.elapsed())
            }
        }
    }
}

/// Builds what isn't built, starts the peer and what lies between it and the services, and returns when it answers.
///
/// # Errors
/// When something can't be installed, built or started; the message has the end of its log.
pub fn start(peer: Peer, place: &Place<'_>) -> Result<Running> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = place.stack.dir().join(format!("{}-{number}", peer.name()));
    fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    let database = match (&place.database, peer) {
        (Some(database), _) => database.as_str(),
        (None, Peer::BetterAuthWorkerd | Peer::BetterAuthNode) => better_auth::DATABASE,
        (None, _) => postgres::NAME,
    };
    let upstream = Upstream::start(peer, place, database, &dir)?;
    let log = run::log(&format!("bench-{}", peer.name()));
    fs::remove_file(&log).ok();
    let port = probe::free_port()?;
    let url = format!("http://127.0.0.1:{port}");

    let served = match peer {
        Peer::HelloComponent | Peer::Component => {
            let artifact = if peer == Peer::Component {
                artifacts::component()?
            } else {
                artifacts::component_of("doorward-bench-hello-component")?
            };
            let options = HostOptions::new(Kind::Wasi).named(peer.name()).on(port);
            let env = environment(place, &url);
            let host = Host::start(options, &env, &upstream.backends, &artifact, &dir, &log)?;
            Served::Host(Box::new(host))
        }
        Peer::HelloWorker => Program::start(peer, port, workerd::hello(port, &dir)?, log)?,
        Peer::Worker => {
            let env = environment(place, &url);
            Program::start(peer, port, workerd::doorward(port, env, &upstream, &dir)?, log)?
        }
        Peer::BetterAuthWorkerd => {
            better_auth::migrate(&place.stack.postgres, database)?;
            Program::start(peer, port, workerd::better_auth(port, &url, &upstream, &dir)?, log)?
        }
        Peer::BetterAuthNode => {
            better_auth::migrate(&place.stack.postgres, database)?;
            Program::start(peer, port, better_auth::on_node(port, &url, &upstream)?, log)?
        }
    };
    Ok(Running {
        peer,
        url,
        served,
        upstream,
    })
}

impl Program {
    fn start(peer: Peer, port: u16, mut command: Command, log: PathBuf) -> Result<Served> {
        command.stdin(Stdio::null());
        let service = launch(peer, port, &mut command, &log)?;
        Ok(Served::Program(Box::new(Self {
            peer,
            port,
            command,
            log,
            service,
        })))
    }
}

fn launch(peer: Peer, port: u16, command: &mut Command, log: &Path) -> Result<Service> {
    let mut service = Service::start(peer.name(), command, log, Ask::Terminate)?;
    service.wait_ready(LIMIT, || probe::http_status(port, peer.ready_path()) == Some(200))?;
    Ok(service)
}

/// Doorward's configuration.
fn environment(place: &Place<'_>, url: &str) -> BTreeMap<String, String> {
    let mut env = place.stack.env().clone();
    let limits = if place.limits { "loose" } else { "off" };
    for (name, value) in [("LIMITS", limits), ("PUBLIC_URL", url)] {
        env.insert(name.to_owned(), value.to_owned());
    }
    env
}
