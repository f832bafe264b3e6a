//! A whole deployment on free ports: PostgreSQL, Valkey, the gateway and hosts, with data of its own. What the suite
//! runs against.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, anyhow};

use crate::artifacts::{self, Profile};
use crate::hosts::{Backends, Host, HostOptions, Kind};
use crate::services::gateway::Gateway;
use crate::services::postgres::{self, Postgres, Purpose};
use crate::services::valkey::Valkey;
use crate::{paths, probe, run, secrets};

/// What to start.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// What the stack is called in the names of its logs.
    pub name: String,
    /// The hosts; [`Stack::start_host`] adds more later.
    pub hosts: Vec<HostOptions>,
    /// Configuration of every host, beside what the stack itself decides (see [`Stack::start`]).
    pub env: BTreeMap<String, String>,
    /// Whether the accounts of development are put in.
    pub seed: bool,
}

impl StackOptions {
    /// One of each host, no seeded accounts, the configuration of [`Stack::start`].
    pub fn new(name: &str) -> Self {
        let hosts = vec![HostOptions::new(Kind::Workers), HostOptions::new(Kind::Wasi)];
        Self {
            name: name.to_owned(),
            hosts,
            env: BTreeMap::new(),
            seed: false,
        }
    }
}

/// A running deployment. Dropping it ends everything and removes its data; the logs stay in `.doorward/logs`.
#[derive(Debug)]
pub struct Stack {
    /// The hosts in the order in which they were asked for. First in the struct: they end before what they use.
    pub hosts: Vec<Host>,
    /// The gateway.
    pub gateway: Gateway,
    /// Valkey.
    pub valkey: Valkey,
    /// PostgreSQL.
    pub postgres: Postgres,
    /// The operator's command line.
    pub doorward: PathBuf,
    name: String,
    env: BTreeMap<String, String>,
    dir: Directory,
}

impl Stack {
    /// Builds what isn't built, starts everything, migrates, and returns when every host answers.
    ///
    /// Unless told otherwise, hosts run with new keys and [`configuration`], `ISSUER=doorward-test` and their own base URL
    /// as `PUBLIC_URL`. PostgreSQL takes the roles that [`Purpose::Test`] names.
    ///
    /// # Errors
    /// When something doesn't build or start; the message has the end of its log.
    pub fn start(options: StackOptions) -> Result<Self> {
        let mut stack = Self::start_services(&options.name)?;
        stack.env.extend(options.env);
        stack.run_doorward(&["migrate"])?;
        if options.seed {
            stack.run_doorward(&["seed", "--mark-development"])?;
        }
        for host in options.hosts {
            stack.start_host(host)?;
        }
        Ok(stack)
    }

    /// The services only: an empty database, and no host.
    ///
    /// # Errors
    /// See [`Stack::start`].
    pub fn start_services(name: &str) -> Result<Self> {
        Self::start_services_built(name, Profile::Dev)
    }

    /// The same with a command line and a gateway that are compiled like this.
    ///
    /// # Errors
    /// See [`Stack::start`].
    pub fn start_services_built(name: &str, profile: Profile) -> Result<Self> {
        let doorward = artifacts::doorward(profile)?;
        let dir = Directory::make(name)?;
        let log = |part: &str| fresh(&run::log(&format!("{name}-{part}")));
        let postgres = Postgres::launch(
            &dir.0.join("postgres"),
            probe::free_port()?,
            Purpose::Test,
            &log("postgres"),
        )?;
        let valkey = Valkey::launch(&dir.0.join("valkey"), probe::free_port()?, false, &log("valkey"))?;
        let (token, port) = (secrets::random()?, probe::free_port()?);
        let gateway = Gateway::launch(&doorward, port, &token, &postgres.url(), &valkey.url(), &log("gateway"))?;
        let mut env = configuration(&generate_keys(&doorward)?, &gateway);
        env.insert("ISSUER".to_owned(), "doorward-test".to_owned());
        Ok(Self {
            hosts: Vec::new(),
            gateway,
            valkey,
            postgres,
            doorward,
            name: name.to_owned(),
            env,
            dir,
        })
    }

    /// Starts another host, such as a second one with other limits. It is the last of `hosts` then.
    ///
    /// # Errors
    /// See [`Stack::start`].
    pub fn start_host(&mut self, options: HostOptions) -> Result<&mut Host> {
        let artifact = match (&options.artifact, options.kind) {
            (Some(artifact), _) => artifact.clone(),
            (None, Kind::Workers) => artifacts::worker()?,
            (None, Kind::Wasi) => artifacts::component()?,
        };
        let mut backends = self.backends();
        if let Some(database) = &options.database {
            backends.database_url = self.postgres.url_of(database);
        }
        let log = fresh(&run::log(&format!("{}-{}", self.name, options.name)));
        let dir = self.dir.0.join(&options.name);
        let host = Host::start(options, &self.env, &backends, &artifact, &dir, &log)?;
        self.hosts.push(host);
        self.hosts
            .last_mut()
            .ok_or_else(|| anyhow!("a host was started and isn't there"))
    }

    /// PostgreSQL's connection string, as the superuser, on the database that is migrated.
    pub fn database_url(&self) -> String {
        self.postgres.url()
    }

    /// Valkey's URL.
    pub fn redis_url(&self) -> String {
        self.valkey.url()
    }

    /// The configuration of its hosts.
    pub fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// Where it keeps its data.
    pub fn dir(&self) -> &Path {
        &self.dir.0
    }

    /// What a host needs to know of the services.
    pub fn backends(&self) -> Backends {
        Backends {
            database_url: self.postgres.url(),
            gateway_url: self.gateway.url(),
            gateway_token: self.gateway.token().to_owned(),
        }
    }

    /// Runs the operator's command line on the stack's database, and answers what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub fn run_doorward(&self, arguments: &[&str]) -> Result<String> {
        self.run_doorward_on(&self.database_url(), arguments)
    }

    /// The same on another database of the stack's server.
    ///
    /// # Errors
    /// When it fails.
    pub fn run_doorward_on(&self, database_url: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.doorward);
        command
            .args(arguments)
            .env("DATABASE_URL", database_url)
            .env("REDIS_URL", self.redis_url());
        run::capture(&format!("doorward {}", arguments.join(" ")), &mut command)
    }
}

/// What every host of this machine is configured with, for people and for tests: loose limits, timings in the answers,
/// roles to choose, mail into the gateway's mailbox, and the gateway's token for maintenance too.
pub fn configuration(keys: &str, gateway: &Gateway) -> BTreeMap<String, String> {
    let values = [
        ("DOORWARD_KEYS", keys),
        ("LIMITS", "loose"),
        ("SERVER_TIMING", "on"),
        ("SELF_ROLES", "mentor,mentee"),
        ("MAIL_URL", &gateway.url()),
        ("MAIL_TOKEN", gateway.token()),
        ("MAIL_FROM", "Doorward <doorward@example.com>"),
        ("MAINTENANCE_TOKEN", gateway.token()),
    ];
    values
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// New keys for signing, as the hosts' `DOORWARD_KEYS` wants them.
///
/// # Errors
/// When the command line fails.
pub fn generate_keys(doorward: &Path) -> Result<String> {
    let keys = run::capture(
        "doorward keys generate",
        Command::new(doorward).args(["keys", "generate"]),
    )?;
    // On one line, whatever its printing: it becomes an environment variable.
    let keys: serde_json::Value = serde_json::from_str(&keys).context("doorward keys generate")?;
    Ok(keys.to_string())
}

/// The stack's data; removed on drop, after everything that uses it has ended.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    fn make(name: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = paths::state().join(format!("stacks/{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        Ok(Self(dir))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        postgres::remove(&self.0.join("postgres"));
        fs::remove_dir_all(&self.0).ok();
    }
}

fn fresh(log: &Path) -> PathBuf {
    fs::remove_file(log).ok();
    log.to_path_buf()
}
