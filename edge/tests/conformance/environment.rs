//! Where the servers are, and what the suites make on them: a role for each way to sign in, a database for each adapter.

use std::env;
use std::future::Future;
use std::time::Duration;

use doorward_core::unicode::TABLES;
use doorward_edge::outbound::pg_stream::PgStream;
use doorward_edge::wire::conn_string::ConnString;
use doorward_edge::wire::pg::{Batch, Limits};
use tokio::net::TcpStream;

use crate::adapter::SQL_ADAPTERS;

/// No case takes longer: it hangs.
const LIMIT: Duration = Duration::from_mins(1);

/// The password of the suites' roles: with all that a connection string must encode, and beyond ASCII.
pub(crate) const PASSWORD: &str = "p:a/s?s#w@o%r d\u{e9}";
/// The same in a connection string.
pub(crate) const PASSWORD_ENCODED: &str = "p%3Aa%2Fs%3Fs%23w%40o%25r%20d%C3%A9";

/// The addresses of the servers.
#[derive(Clone)]
pub(crate) struct Environment {
    /// The superuser's.
    pub(crate) database: ConnString,
    pub(crate) sql_url: String,
    pub(crate) redis_url: String,
    pub(crate) redis_token: String,
}

impl Environment {
    /// # Errors
    /// A sentence that says what to do.
    pub(crate) fn read() -> Result<Self, String> {
        let read = |name: &str| {
            let absent = |_| format!("{name} is not set: this suite needs real servers; run `cargo xtask test`");
            env::var(name).map_err(absent)
        };
        let database = read("DOORWARD_TEST_DATABASE_URL")?;
        Ok(Self {
            database: ConnString::parse(&database).map_err(|error| error.to_string())?,
            sql_url: read("DOORWARD_TEST_SQL_URL")?,
            redis_url: read("DOORWARD_TEST_REDIS_REST_URL")?,
            redis_token: read("DOORWARD_TEST_REDIS_REST_TOKEN")?,
        })
    }

    /// Enough to list the cases.
    pub(crate) fn nowhere() -> Result<Self, String> {
        let database = ConnString::parse("postgres://nobody@localhost/nowhere").map_err(|error| error.to_string())?;
        Ok(Self {
            database,
            sql_url: String::new(),
            redis_url: String::new(),
            redis_token: String::new(),
        })
    }

    /// The server's address.
    pub(crate) fn postgres(&self) -> (String, u16) {
        (self.database.host().to_owned(), self.database.port())
    }

    /// Makes the roles, with settings that bend the text form of values, and an empty database for each adapter.
    pub(crate) async fn prepare(&self) {
        for kind in SQL_ADAPTERS {
            let (role, database) = (kind.role(), kind.database());
            let encryption = if role == "doorward_md5" { "md5" } else { "scram-sha-256" };
            self.superuser(&[
                &format!("SET password_encryption = '{encryption}'"),
                // Two runs at once may make the same role.
                &format!(
                    "DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$"
                ),
                &format!("ALTER ROLE {role} PASSWORD '{PASSWORD}'"),
                &format!("ALTER ROLE {role} SET TimeZone = 'Asia/Kathmandu'"),
                &format!("ALTER ROLE {role} SET DateStyle = 'German'"),
                &format!("ALTER ROLE {role} SET bytea_output = 'escape'"),
                &format!("GRANT pg_signal_backend TO {role}"),
                &format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"),
                &format!("CREATE DATABASE {database} OWNER {role}"),
            ])
            .await;
        }
    }

    /// Drops the databases. The roles stay for the next run.
    pub(crate) async fn clear(&self) {
        for kind in SQL_ADAPTERS {
            self.superuser(&[&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", kind.database())])
                .await;
        }
    }

    /// Runs each statement in a transaction of its own.
    pub(crate) async fn superuser(&self, statements: &[&str]) {
        let stream = TcpStream::connect(self.postgres())
            .await
            .expect("the test database's address");
        let mut connection = PgStream::new(stream, self.database.login(TABLES), Limits::default());
        for text in statements {
            let mut batch = Batch::new();
            batch.push::<&str>(text, &[]).unwrap();
            connection
                .run(&batch)
                .await
                .unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
}

/// Runs a case on this thread. One that hangs fails.
pub(crate) fn run(case: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(LIMIT, case).await.expect("it hangs");
    });
}
