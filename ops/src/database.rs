//! The one connection that a command works on.

mod tls;

use std::fmt::Write as _;
use std::str::FromStr as _;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use tls::Encrypting;
pub(crate) use tls::Wanted;

/// Connects to the database that `url` names.
///
/// # Errors
/// A URL that can't be read, a server that can't be reached, or one that refuses. The sentence names the server, never
/// the password.
pub(crate) async fn connect(url: &str) -> anyhow::Result<Client> {
    let (mut config, wanted) = read(url)?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(10));
    }
    config.application_name("doorward");
    let connected = if wanted.encrypt {
        config.ssl_mode(SslMode::Require);
        let connecting = config.connect(Encrypting::new(wanted.roots.as_deref())?).await;
        connecting.map(|(client, connection)| (client, tokio::spawn(quietly(connection))))
    } else {
        let connecting = config.connect(NoTls).await;
        connecting.map(|(client, connection)| (client, tokio::spawn(quietly(connection))))
    };
    let (client, _) = connected
        .map_err(explain)
        .with_context(|| format!("can't connect to {}", place(&config)))?;
    Ok(client)
}

/// Drives a connection. The client sees its failure at the next call, and reports it there.
async fn quietly(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    let _ = connection.await;
}

/// Reads a connection string, and what it says of encryption.
///
/// # Errors
/// When it can't be read; never says what it holds.
pub(crate) fn read(url: &str) -> anyhow::Result<(Config, Wanted)> {
    let (rest, wanted) = tls::split(url)?;
    let config = Config::from_str(&rest).map_err(|_| {
        anyhow!("the database URL can't be read; it looks like postgres://user:password@host:port/database")
    })?;
    Ok((config, wanted))
}

/// Where a database is, from its URL, without a password: `host:port/name`.
pub(crate) fn origin(url: &str) -> String {
    read(url).map_or_else(|_| String::new(), |(config, _)| place(&config))
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
