//! The adapters of `Sql` that the suite runs with: Postgres' protocol by each way to sign in, and the HTTP proxy.

use std::fmt;
use std::process;
use std::rc::Rc;
use std::time::Duration;

use doorward_core::unicode::TABLES;
use doorward_edge::host::{Rows, Sql, SqlError, Statement};
use doorward_edge::outbound::http_sql::HttpSql;
use doorward_edge::outbound::pg_sql::{Connect, PgConfig, PgSql};
use doorward_edge::wire::pg::{Assume, Limits, Login};
use doorward_edge::wire::sql_http::SqlHttp;
use tokio::net::TcpStream;

use crate::environment::{Environment, PASSWORD, PASSWORD_ENCODED};
use crate::http::HttpClient;

/// A transport and a way to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Trust,
    /// In one write with the startup message.
    TrustAssumed,
    Cleartext,
    /// In one write with the startup message and the password.
    CleartextAssumed,
    Md5,
    Scram,
    Http,
}

/// All of them.
pub(crate) const SQL_ADAPTERS: &[Kind] = &[
    Kind::Trust,
    Kind::TrustAssumed,
    Kind::Cleartext,
    Kind::CleartextAssumed,
    Kind::Md5,
    Kind::Scram,
    Kind::Http,
];

impl Kind {
    /// The role to sign in as. The server's rules know the first three by name.
    pub(crate) fn role(self) -> &'static str {
        match self {
            Self::Trust | Self::TrustAssumed => "doorward_trust",
            Self::Cleartext | Self::CleartextAssumed => "doorward_cleartext",
            Self::Md5 => "doorward_md5",
            Self::Scram | Self::Http => "doorward_scram",
        }
    }

    /// A database of this run and of this adapter alone.
    pub(crate) fn database(self) -> String {
        format!("doorward_conformance_{self}_{}", process::id())
    }

    fn assume(self) -> Assume {
        match self {
            Self::TrustAssumed => Assume::Trust,
            Self::CleartextAssumed => Assume::Cleartext,
            _ => Assume::Nothing,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trust => "trust",
            Self::TrustAssumed => "trust_assumed",
            Self::Cleartext => "cleartext",
            Self::CleartextAssumed => "cleartext_assumed",
            Self::Md5 => "md5",
            Self::Scram => "scram",
            Self::Http => "http",
        })
    }
}

/// Makes adapters of one kind.
#[derive(Clone)]
pub(crate) struct Adapter {
    pub(crate) kind: Kind,
    pub(crate) environment: Environment,
}

impl Adapter {
    pub(crate) fn new(kind: Kind, environment: &Environment) -> Self {
        Self {
            kind,
            environment: environment.clone(),
        }
    }

    /// A fresh one, as a request has it.
    pub(crate) fn sql(&self) -> AnySql {
        self.with_timeout(Duration::from_secs(20))
    }

    /// One whose statements are cancelled after that time.
    pub(crate) fn with_timeout(&self, statement_timeout: Duration) -> AnySql {
        let (host, port) = self.environment.postgres();
        self.build(
            &self.kind.database(),
            PASSWORD_ENCODED,
            PASSWORD,
            (host, port),
            statement_timeout,
        )
    }

    /// One with another password.
    pub(crate) fn with_password(&self, password: &str) -> AnySql {
        let address = self.environment.postgres();
        self.build(
            &self.kind.database(),
            password,
            password,
            address,
            Duration::from_secs(20),
        )
    }

    /// One for another database.
    pub(crate) fn with_database(&self, database: &str) -> AnySql {
        let address = self.environment.postgres();
        self.build(database, PASSWORD_ENCODED, PASSWORD, address, Duration::from_secs(20))
    }

    /// One that talks to a peer on the loopback instead of the real server.
    pub(crate) fn at(&self, port: u16) -> AnySql {
        if self.kind == Kind::Http {
            let mut other = self.clone();
            other.environment.sql_url = format!("http://127.0.0.1:{port}/sql");
            return other.sql();
        }
        let address = ("127.0.0.1".to_owned(), port);
        self.build(
            &self.kind.database(),
            PASSWORD_ENCODED,
            PASSWORD,
            address,
            Duration::from_secs(20),
        )
    }

    fn build(
        &self,
        database: &str,
        encoded: &str,
        password: &str,
        address: (String, u16),
        statement_timeout: Duration,
    ) -> AnySql {
        let role = self.kind.role();
        if self.kind == Kind::Http {
            let connection = format!("postgres://{role}:{encoded}@db.invalid/{database}");
            let proxy = SqlHttp::new(&self.environment.sql_url, &connection, None).unwrap();
            return AnySql::Http(HttpSql::new(HttpClient, Rc::new(proxy), statement_timeout));
        }
        let login = Login::new(role, database)
            .password(password, TABLES)
            .assume(self.kind.assume());
        let config = PgConfig {
            login,
            limits: Limits::default(),
            statement_timeout,
        };
        AnySql::Pg(Box::new(PgSql::new(Tcp(address), Rc::new(config))))
    }
}

/// Connects to a host and a port.
pub(crate) struct Tcp((String, u16));

impl Connect for Tcp {
    type Stream = TcpStream;

    async fn connect(&self) -> Result<TcpStream, String> {
        let (host, port) = &self.0;
        let stream = TcpStream::connect((host.as_str(), *port))
            .await
            .map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(stream)
    }
}

/// Any of the adapters.
pub(crate) enum AnySql {
    Pg(Box<PgSql<Tcp>>),
    Http(HttpSql<HttpClient>),
}

impl Sql for AnySql {
    async fn batch(&self, statements: &[Statement<'_>]) -> Result<Vec<Rows>, SqlError> {
        match self {
            Self::Pg(sql) => sql.batch(statements).await,
            Self::Http(sql) => sql.batch(statements).await,
        }
    }
}
