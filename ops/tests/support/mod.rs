//! What the tests of the command line share: a database of one's own, the built binary, and HTTP by hand.

#![expect(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod forwarder;
pub(crate) mod gateway;

use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls};

/// Rows as texts; `None` is NULL.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

/// A variable that `cargo xtask test` sets.
pub(crate) fn required(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`, which starts the services"))
}

/// A database of its own, dropped with the value.
pub(crate) struct Database {
    name: String,
    config: Config,
    runtime: Runtime,
    client: Client,
}

impl Database {
    /// An empty one.
    pub(crate) fn create() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "doorward_{}_{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let mut config: Config = required("DOORWARD_TEST_DATABASE_URL").parse().unwrap();
        let runtime = Runtime::new().unwrap();
        let admin = connect(&runtime, &config);
        runtime
            .block_on(admin.batch_execute(&format!("CREATE DATABASE {name}")))
            .unwrap();
        config.dbname(&name);
        let client = connect(&runtime, &config);
        Self {
            name,
            config,
            runtime,
            client,
        }
    }

    /// One that `doorward migrate` has brought up to date.
    pub(crate) fn migrated() -> Self {
        let database = Self::create();
        assert!(database.doorward(&["migrate"]).status.success());
        database
    }

    /// Its connection string.
    pub(crate) fn url(&self) -> String {
        let host = match &self.config.get_hosts()[0] {
            tokio_postgres::config::Host::Tcp(host) => host.clone(),
            #[cfg(unix)]
            tokio_postgres::config::Host::Unix(path) => {
                panic!("the test database is reached by TCP, not {}", path.display())
            }
        };
        self.url_at(&format!("{host}:{}", self.config.get_ports()[0]))
    }

    /// Its connection string by another way.
    pub(crate) fn url_at(&self, address: &str) -> String {
        let password = String::from_utf8(self.config.get_password().unwrap().to_vec()).unwrap();
        format!(
            "postgres://{}:{password}@{address}/{}",
            self.config.get_user().unwrap(),
            self.name
        )
    }

    /// Host and port.
    pub(crate) fn address(&self) -> String {
        self.url()
            .rsplit_once('@')
            .unwrap()
            .1
            .split('/')
            .next()
            .unwrap()
            .to_owned()
    }

    /// Runs statements.
    pub(crate) fn execute(&self, sql: &str) {
        self.runtime
            .block_on(self.client.batch_execute(sql))
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The rows of a query, every value as text.
    pub(crate) fn rows(&self, sql: &str) -> Rows {
        self.try_rows(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The rows of a query, or what Postgres says.
    pub(crate) fn try_rows(&self, sql: &str) -> Result<Rows, String> {
        let messages = self.runtime.block_on(self.client.simple_query(sql));
        let messages = messages.map_err(|error| format!("{error:?}"))?;
        let rows = messages.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(rows
            .map(|row| (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
            .collect())
    }

    /// The one value of a query, as text.
    pub(crate) fn value(&self, sql: &str) -> String {
        self.rows(sql)[0][0].clone().unwrap()
    }

    /// Runs the binary on this database.
    pub(crate) fn doorward(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The binary on this database, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = doorward(arguments);
        command.env("DATABASE_URL", self.url());
        command
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let mut config = self.config.clone();
        config.dbname("postgres");
        let admin = connect(&self.runtime, &config);
        let dropped = self
            .runtime
            .block_on(admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)));
        if let Err(error) = dropped {
            eprintln!("{} is left behind: {error}", self.name);
        }
    }
}

fn connect(runtime: &Runtime, config: &Config) -> Client {
    let (client, connection) = runtime.block_on(config.connect(NoTls)).unwrap();
    runtime.spawn(connection);
    client
}

/// The binary, without what this process's environment would tell it.
pub(crate) fn doorward(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.args(arguments).stdin(Stdio::null());
    // `migrate` writes its backups there and not into the checkout.
    command.env("DOORWARD_BACKUP_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/backups"));
    for name in [
        "DATABASE_URL",
        "REDIS_URL",
        "DOORWARD_GATEWAY_TOKEN",
        "DOORWARD_GATEWAY_LISTEN",
    ] {
        command.env_remove(name);
    }
    command
}

/// What went to standard output.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What went to standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Standard output as the one JSON document that `--json` promises.
pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stdout(output)))
}

/// Asserts that it was refused (status 1), and answers why.
pub(crate) fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}{}", stdout(output), stderr(output));
    stderr(output)
}
