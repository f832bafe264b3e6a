//! PostgreSQL's own `pg_dump` and `pg_restore`, where those on the PATH are at least as new as the server.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use tokio_postgres::Client;
use tokio_postgres::config::Host;

use super::{catalog, dump};
use crate::database::{self, explain};

/// How a file in pg_dump's custom format begins.
pub(super) const MAGIC: &[u8] = b"PGDMP";

/// Why `pg_dump` can't be used, or nothing.
///
/// # Errors
/// When the server doesn't say its version.
pub(super) async fn unfit(client: &Client) -> anyhow::Result<Option<String>> {
    let row = client
        .query_one("SELECT current_setting('server_version_num')::integer / 10000", &[])
        .await
        .map_err(explain)?;
    let server: i32 = row.get(0);
    let Ok(said) = Command::new("pg_dump").arg("--version").output() else {
        return Ok(Some("there is no pg_dump on the PATH".to_owned()));
    };
    // pg_dump (PostgreSQL) 18.4 (Debian 18.4-1)
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let version = said
        .split_whitespace()
        .nth(2)
        .and_then(|word| word.split(['.', 'b', 'r']).next()?.parse().ok());
    Ok(match version {
        Some(version) if server <= version => None,
        _ => Some(format!("{} is too old for PostgreSQL {server}", said.trim())),
    })
}

/// Has `pg_dump` write the whole database into `path`, and answers how many rows Postgres counts in each table of the
/// schema at the same moment, by their names with the schema's.
///
/// # Errors
/// What it or Postgres says.
pub(super) async fn dump(client: &mut Client, url: &str, path: &Path) -> anyhow::Result<BTreeMap<String, u64>> {
    let snapshot = dump::snapshot(client).await?;
    let row = snapshot
        .query_one("SELECT pg_export_snapshot()", &[])
        .await
        .map_err(explain)?;
    let catalog = catalog::read(&snapshot).await?;
    ensure!(!catalog.tables.is_empty(), "there is nothing in this database to keep");
    let mut command = command("pg_dump", url)?;
    command
        .args(["--format=custom", "--no-owner", "--no-password"])
        .arg(format!("--snapshot={}", row.get::<_, String>(0)))
        .arg("--file")
        .arg(path);
    run(command)?;
    let mut counts = BTreeMap::new();
    for table in &catalog.tables {
        let name = format!("{}.{}", catalog.schema, table.name);
        counts.insert(name, dump::count(&snapshot, &table.name).await?);
    }
    Ok(counts)
}

/// Reads a file of `pg_dump` whole, and counts the rows of each table in it.
///
/// # Errors
/// When `pg_restore` can't read it.
pub(super) fn check(path: &Path) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut process = Command::new("pg_restore")
        .args(["--data-only", "--file=-"])
        .arg(path)
        .stdout(Stdio::piped())
        .spawn()
        .context("can't start pg_restore")?;
    let output = process.stdout.take().context("pg_restore has no output")?;
    let (mut counts, mut table) = (BTreeMap::new(), None);
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        match &table {
            Some(_) if line == b"\\." => table = None,
            Some(name) => *counts.entry(String::clone(name)).or_default() += 1,
            None => {
                table = copied(&String::from_utf8_lossy(&line));
                if let Some(name) = &table {
                    counts.insert(name.clone(), 0);
                }
            }
        }
    }
    ensure!(process.wait()?.success(), "pg_restore can't read {}", path.display());
    Ok(counts)
}

/// The schema and the table of a line `COPY public.users (id, ...) FROM stdin;`, with a dot between.
fn copied(line: &str) -> Option<String> {
    let line = line.strip_prefix("COPY ")?.strip_suffix(" FROM stdin;")?;
    let (name, _) = line.split_once(" (")?;
    let (schema, name) = name.split_once('.')?;
    let plain = |name: &str| name.trim_matches('"').replace("\"\"", "\"");
    Some(format!("{}.{}", plain(schema), plain(name)))
}

/// Has `pg_restore` restore `path` in one transaction.
///
/// # Errors
/// What it says.
pub(super) fn restore(url: &str, path: &Path, replace: bool) -> anyhow::Result<()> {
    let mut command = command("pg_restore", url)?;
    command.args(["--single-transaction", "--exit-on-error", "--no-owner", "--no-password"]);
    if replace {
        command.args(["--clean", "--if-exists"]);
    }
    let (config, _) = database::read(url)?;
    command
        .arg("--dbname")
        .arg(config.get_dbname().or(config.get_user()).unwrap_or_default())
        .arg(path);
    run(command)
}

/// The program with the database in its environment, where no other user of the machine sees the password.
fn command(program: &str, url: &str) -> anyhow::Result<Command> {
    let (config, encryption) = database::read(url)?;
    let mut command = Command::new(program);
    match config.get_hosts().first() {
        Some(Host::Tcp(host)) => command.env("PGHOST", host),
        #[cfg(unix)]
        Some(Host::Unix(path)) => command.env("PGHOST", path),
        None => command.env("PGHOST", "localhost"),
    };
    command.env(
        "PGPORT",
        config.get_ports().first().copied().unwrap_or(5432).to_string(),
    );
    command.env(
        "PGDATABASE",
        config.get_dbname().or(config.get_user()).unwrap_or_default(),
    );
    command.env("PGUSER", config.get_user().unwrap_or_default());
    if let Some(password) = config.get_password() {
        command.env("PGPASSWORD", String::from_utf8_lossy(password).as_ref());
    }
    if encryption.encrypt {
        command.env("PGSSLMODE", "verify-full");
        let system = PathBuf::from("system");
        command.env("PGSSLROOTCERT", encryption.roots.unwrap_or(system));
    }
    Ok(command)
}

fn run(mut command: Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start {program}"))?;
    if !output.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::copied;

    #[test]
    fn reads_the_names_of_tables() {
        assert_eq!(
            copied("COPY public.users (id, name) FROM stdin;").as_deref(),
            Some("public.users")
        );
        assert_eq!(
            copied("COPY public.\"Odd \"\"one\" (id) FROM stdin;").as_deref(),
            Some("public.Odd \"one")
        );
        assert_eq!(copied("SELECT 1;"), None);
    }
}
