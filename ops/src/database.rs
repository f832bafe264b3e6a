//! The one connection that a command works on.

use std::fmt::Write as _;
use std::str::FromStr as _;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

/// Connects to the database that `url` names.
///
/// # Errors
/// A URL that can't be read, a server that can't be reached, or one that refuses. The sentence names the server, never
/// the password.
pub(crate) async fn connect(url: &str) -> anyhow::Result<Client> {
    let mut config = Config::from_str(url).map_err(|_| {
        anyhow!("the database URL can't be read; it looks like postgres://user:password@host:port/database")
    })?;
    if config.get_ssl_mode() == SslMode::Require {
        bail!("sslmode=require: this build makes no encrypted connection. Use a tunnel, or a private network");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(10));
    }
    config.application_name("doorward");
    let (client, connection) = config
        .connect(NoTls)
        .await
        .map_err(explain)
        .with_context(|| format!("can't connect to {}", place(&config)))?;
    tokio::spawn(async move {
        // The client sees the same failure at its next call and reports it there.
        let _ = connection.await;
    });
    Ok(client)
}

/// Where a database is, from its URL, without a password: `host:port/name`.
pub(crate) fn origin(url: &str) -> String {
    Config::from_str(url).map_or_else(|_| String::new(), |config| place(&config))
}

/// Where the database is, for a message: host, port and name.
fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(tokio_postgres::config::Host::Tcp(host)) => host.clone(),
        #[cfg(unix)]
        Some(tokio_postgres::config::Host::Unix(path)) => path.display().to_string(),
        None => String::from("localhost"),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!(
        "database {:?} at {host}:{port}",
        config.get_dbname().or(config.get_user()).unwrap_or_default()
    )
}

/// An error of Postgres with the fields that help a person: message, SQLSTATE, detail, hint, context.
pub(crate) fn explain(error: tokio_postgres::Error) -> anyhow::Error {
    let Some(database) = error.as_db_error() else {
        return anyhow::Error::new(error);
    };
    let mut text = format!("{} (SQLSTATE {})", database.message(), database.code().code());
    for (label, value) in [("detail", database.detail()), ("hint", database.hint())] {
        if let Some(value) = value {
            let _ = write!(text, "\n  {label}: {value}");
        }
    }
    anyhow!(text)
}
