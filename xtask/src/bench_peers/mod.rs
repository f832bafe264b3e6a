//! Who is measured: Doorward's hosts, and what a team would pick instead.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::artifacts;
use crate::hosts::{Host, HostOptions, Kind};
use crate::stack::{self, Stack};
use crate::{paths, run};

/// Who.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A Worker that says hello.
    HelloWorker,
    /// A component that says hello.
    HelloComponent,
    /// Better Auth on workerd.
    BetterAuthWorkerd,
    /// Better Auth on Node.
    BetterAuthNode,
    /// Doorward's Worker.
    Worker,
    /// Doorward's component.
    Component,
}

/// How Postgres is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Without a pool.
    Plain,
    /// Through PgBouncer.
    PgBouncer,
}

/// Where a peer runs.
#[derive(Debug)]
pub struct Place<'a> {
    /// The services.
    pub stack: &'a Stack,
    /// How Postgres is reached.
    pub route: Route,
    /// Added to each round trip.
    pub delay: Option<Duration>,
    /// The database on the stack's server.
    pub database: Option<String>,
}

/// A running peer. Ends on drop.
#[derive(Debug)]
pub struct Running {
    /// Who.
    pub peer: Peer,
    /// Its base URL.
    pub url: String,
    host: Host,
}

impl Running {
    /// The serving processes.
    pub fn pids(&self) -> Vec<u32> {
        let root = self.host.id();
        let mut found = vec![root];
        let mut index = 0;
        while index < found.len() {
            let path = format!("/proc/{}/task", found[index]);
            for task in std::fs::read_dir(path).into_iter().flatten().flatten() {
                let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
                found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            }
            index += 1;
        }
        found
    }

    /// Ends it and starts it again.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub fn restart(&mut self) -> Result<()> {
        self.host.restart()
    }
}

impl Running {
    /// A stub.
    ///
    /// # Errors
    /// None.
    pub fn cold_start(&mut self) -> Result<Duration> {
        self.host.restart()?;
        Ok(Duration::ZERO)
    }
}

/// Starts a peer.
///
/// # Errors
/// When it can't be.
pub fn start(peer: Peer, place: &Place<'_>) -> Result<Running> {
    let (kind, artifact) = match peer {
        Peer::Worker => (Kind::Workers, artifacts::worker()?),
        Peer::Component => (Kind::Wasi, artifacts::component()?),
        _ => bail!("no such peer yet"),
    };
    if place.route == Route::PgBouncer || place.delay.is_some() {
        bail!("no PgBouncer yet");
    }
    let mut backends = place.stack.backends();
    if let Some(database) = &place.database {
        backends.database_url = place.stack.postgres.url_of(database);
    }
    let mut env = stack::configuration(&stack::generate_keys(&place.stack.doorward)?, &place.stack.gateway);
    env.insert("ISSUER".to_owned(), "bench".to_owned());
    env.insert("LIMITS".to_owned(), "off".to_owned());
    let name = format!("bench-{}-{}", kind.name(), place.database.as_deref().unwrap_or("main"));
    let (dir, log) = (paths::state().join("bench").join(&name), run::log(&name));
    let host = Host::start(
        HostOptions::new(kind).named(&name),
        &env,
        &backends,
        &artifact,
        &dir,
        &log,
    )?;
    let url = host.base_url();
    Ok(Running { peer, url, host })
}

/// One hash's times.
#[derive(Debug)]
pub struct HashTime {
    /// Of what.
    pub name: String,
    /// Each round's milliseconds.
    pub cpu_ms: Vec<f64>,
}

/// The hash by itself.
///
/// # Errors
/// When it can't be run.
pub fn hash() -> Result<Vec<HashTime>> {
    bail!("no bench/hash yet")
}
