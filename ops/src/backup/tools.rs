//! PostgreSQL's own `pg_dump` and `pg_restore`, where those on the PATH are at least as new as the server.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, anyhow, bail, ensure};
use tokio_postgres::Client;
use tokio_postgres::config::Host;

use super::archive::unquoted;
use super::{catalog, dump, load};
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
    Some(format!("{}.{}", unquoted(schema), unquoted(name)))
}

/// The names of what a file of `pg_dump` brings back into the schema: tables, views, routines and types.
///
/// # Errors
/// When `pg_restore` can't read it.
pub(super) fn names(path: &Path, schema: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut command = Command::new("pg_restore");
    let output = command
        .arg("--list")
        .arg(path)
        .output()
        .context("can't start pg_restore")?;
    ensure!(output.status.success(), "pg_restore can't read {}", path.display());
    let list = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(list.lines().filter_map(|line| entry(line, schema)).collect())
}

/// The name in a line of that list: `215; 1259 16385 TABLE public users doorward`, the last being the owner.
fn entry(line: &str, schema: &str) -> Option<String> {
    let (_, rest) = line.split_once("; ")?;
    let rest = rest.splitn(3, ' ').nth(2)?;
    let name = [
        "TABLE",
        "VIEW",
        "MATERIALIZED VIEW",
        "FOREIGN TABLE",
        "SEQUENCE",
        "FUNCTION",
        "PROCEDURE",
        "AGGREGATE",
        "TYPE",
        "DOMAIN",
    ]
    .iter()
    .find_map(|kind| {
        rest.strip_prefix(kind)?
            .strip_prefix(' ')?
            .strip_prefix(schema)?
            .strip_prefix(' ')
    })?;
    let (name, _owner) = name.rsplit_once(' ')?;
    Some(name.split('(').next().unwrap_or(name).to_owned())
}

/// Restores `path` in the place of what the schema holds, in one transaction: `psql` reads what `pg_restore` writes. With
/// `clean` also in the place of what else of the database the file has.
///
/// # Errors
/// What they say; then nothing has changed.
pub(super) fn restore(url: &str, path: &Path, clean: bool) -> anyhow::Result<()> {
    let mut reader = Command::new("pg_restore");
    // It writes BEGIN, and COMMIT when it has written the rest: whoever stops before has committed nothing.
    reader.args(["--single-transaction", "--no-owner", "--file=-"]);
    if clean {
        reader.args(["--clean", "--if-exists"]);
    }
    reader.arg(path).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut writer = command("psql", url)?;
    writer.args([
        "--no-psqlrc",
        "--quiet",
        "--no-password",
        "--set=ON_ERROR_STOP=1",
        "--file=-",
    ]);
    writer.env("PGOPTIONS", "-c client_min_messages=error");
    let mut writer = writer
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("can't start psql")?;
    let mut input = writer.stdin.take().context("psql has no input")?;
    let mut reader = reader.spawn().context("can't start pg_restore")?;
    let mut output = reader.stdout.take().context("pg_restore has no output")?;
    // What psql complains of is read meanwhile; it may be more than a pipe holds.
    let (copied, ended) = thread::scope(|scope| {
        let ended = scope.spawn(|| writer.wait_with_output());
        let copied = writeln!(input, "BEGIN;\n{};", load::CLEAR.trim_end_matches(';'))
            .and_then(|()| io::copy(&mut output, &mut input));
        drop((input, output));
        (copied, ended.join())
    });
    let read = reader.wait()?;
    let ended = ended.map_err(|_| anyhow!("psql's end was missed"))??;
    ensure!(
        ended.status.success(),
        "psql: {}",
        String::from_utf8_lossy(&ended.stderr).trim()
    );
    copied.context("psql took no more")?;
    ensure!(read.success(), "pg_restore can't read {}", path.display());
    Ok(())
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
    use super::{copied, entry};

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

    #[test]
    fn reads_the_names_of_a_list() {
        for (line, name) in [
            ("215; 1259 16385 TABLE public users doorward", Some("users")),
            ("216; 1259 16386 TABLE public Odd name doorward", Some("Odd name")),
            (
                "228; 1255 16400 FUNCTION public is_time_zone(text) doorward",
                Some("is_time_zone"),
            ),
            ("230; 1259 16401 MATERIALIZED VIEW public seen doorward", Some("seen")),
            ("3400; 0 16385 TABLE DATA public users doorward", None),
            ("217; 1259 16385 TABLE other users doorward", None),
            ("3300; 2606 16390 CONSTRAINT public users users_pkey doorward", None),
            ("; Selected TOC Entries:", None),
        ] {
            assert_eq!(entry(line, "public").as_deref(), name, "{line}");
        }
    }
}
