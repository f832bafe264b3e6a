//! `doorward backup` and `doorward restore`: the database as it was at one moment, in one file that was checked.
//!
//! `pg_dump` writes the file where there is one that fits the server. Elsewhere Doorward does it by itself: the tables as
//! the migrations make them, and their rows by COPY. Either file is read back from the disk before it is believed, and
//! replaces nothing until then. What it replaces is kept in a backup of its own first.

mod archive;
mod catalog;
mod dump;
mod holdings;
mod load;
mod tally;
mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use doorward_core::entropy::random;
use serde_json::json;
use tokio_postgres::Client;

use crate::database::{self, explain};
use crate::host::{self, SystemEntropy};
use crate::output::Report;
use holdings::Holdings;

/// How to keep a database.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to write, which must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What writes it
    #[arg(long, value_enum, default_value_t = With::Auto)]
    with: With,
}

/// What writes a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum With {
    /// pg_dump where one fits the server, otherwise Doorward itself
    Auto,
    /// pg_dump, or nothing
    PgDump,
    /// Doorward itself: needs nothing, and carries tables, not views, functions or rights that others made
    Doorward,
}

/// How to bring a database back.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The file to read
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Also drop what is neither Doorward's nor in the backup
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    beforehand: Beforehand,
}

/// A backup before something changes.
#[derive(Debug, Args)]
pub(crate) struct Beforehand {
    /// Don't write a backup of what is there first
    #[arg(long)]
    no_backup: bool,

    /// Where the backup is written
    #[arg(long, env = "DOORWARD_BACKUP_DIR", default_value = ".", value_name = "FOLDER")]
    backup_dir: PathBuf,
}

impl Beforehand {
    /// Writes it, unless that isn't wanted, and answers the file. `what` names in the file's name what comes next.
    ///
    /// # Errors
    /// As [`run`].
    pub(crate) async fn write(&self, client: &Client, url: &str, what: &str) -> anyhow::Result<Option<PathBuf>> {
        if self.no_backup {
            return Ok(None);
        }
        let row = client.query_one("SELECT current_database()::text", &[]).await;
        let name: String = row.map_err(explain)?.get(0);
        let name: String = name
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .collect();
        // 2026-11-20T22:15:03.123Z without what a file's name had better not have.
        let time: String = host::now()
            .to_string()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let folder = &self.backup_dir;
        let file = folder.join(format!("doorward-{name}-{time}-before-{what}.backup"));
        let written = async {
            fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
            write(&file, With::Auto, url).await
        };
        let (format, counts) = written.await.context(
            "no backup could be made, so nothing was changed; --backup-dir says where, --no-backup does without",
        )?;
        eprintln!(
            "backup by {format}: {} ({} rows)",
            file.display(),
            counts.values().sum::<u64>()
        );
        Ok(Some(file))
    }
}

/// Writes a backup.
///
/// # Errors
/// When the file exists or can't be written, or isn't what the database held.
pub(crate) async fn run(options: &Backup, url: &str) -> anyhow::Result<Report> {
    let (format, counts) = write(&options.file, options.with, url).await?;
    let rows: u64 = counts.values().sum();
    let bytes = fs::metadata(&options.file)?.len();
    Ok(Report {
        text: format!(
            "{}: {rows} rows of {} tables, {bytes} bytes, by {format}, read back and counted",
            options.file.display(),
            counts.len()
        ),
        json: json!({ "file": options.file, "format": format, "bytes": bytes, "rows": rows, "tables": counts }),
    })
}

/// Writes a backup, and answers by what, and how many rows of each table it holds.
///
/// # Errors
/// As [`run`].
pub(crate) async fn write(file: &Path, with: With, url: &str) -> anyhow::Result<(&'static str, BTreeMap<String, u64>)> {
    ensure!(!file.exists(), "{} exists", file.display());
    let mut client = database::connect(url).await?;
    let unfit = match with {
        With::Doorward => Some("it wasn't asked for".to_owned()),
        With::Auto | With::PgDump => tools::unfit(&client).await?,
    };
    if let (With::PgDump, Some(why)) = (with, &unfit) {
        bail!("{why}");
    }
    let mut partial = Partial::beside(file)?;
    let (format, counts, found) = if unfit.is_none() {
        let counts = tools::dump(&mut client, url, &partial.path).await?;
        ("pg_dump", counts, tools::check(&partial.path)?)
    } else {
        let counts = dump::write(&mut client, partial.file()?).await?;
        let found = archive::check(&partial.path)?;
        (
            "doorward",
            counts,
            found.into_iter().map(|one| (one.table, one.rows)).collect(),
        )
    };
    for (table, rows) in &counts {
        let kept = found.get(table).copied().unwrap_or_default();
        ensure!(
            kept == *rows,
            "table {table} has {rows} rows, and {kept} of them are in the backup"
        );
    }
    partial.keep(file)?;
    Ok((format, counts))
}

/// Brings a backup back, in the place of what the database holds.
///
/// # Errors
/// When the file is damaged, what is there can't be kept first, or something is there that is neither Doorward's nor in the
/// file and may not be dropped; then nothing has changed.
pub(crate) async fn restore(options: &Restore, url: &str) -> anyhow::Result<Report> {
    let file = &options.file;
    let mut beginning = Vec::new();
    let opened = File::open(file).with_context(|| format!("can't read {}", file.display()))?;
    opened.take(64).read_to_end(&mut beginning)?;
    let is_own = beginning.starts_with(archive::MAGIC.as_bytes());
    if !is_own && !beginning.starts_with(tools::MAGIC) {
        bail!("{} is no backup", file.display());
    }
    let mut client = database::connect(url).await?;
    let holdings = Holdings::read(&client).await?;
    // The whole file is read before anything is dropped; what is loaded is counted again.
    let (counts, names) = if is_own {
        archive::check(file)?;
        (BTreeMap::new(), archive::names(file)?)
    } else {
        (tools::check(file)?, tools::names(file, &holdings.schema)?)
    };
    let backup = make_room(options, &client, &holdings, &names, url).await?;
    let counts = if is_own {
        let transaction = client.transaction().await.map_err(explain)?;
        let found = load::read(&transaction, file).await?;
        transaction.commit().await.map_err(explain)?;
        found.into_iter().map(|one| (one.table, one.rows)).collect()
    } else {
        // It has a connection and a transaction of its own.
        tools::restore(url, file, !holdings.is_empty())?;
        counts
    };
    let rows: u64 = counts.values().sum();
    let before = backup.as_ref().map_or_else(String::new, |backup| {
        format!("; what was there before is in {}", backup.display())
    });
    let text = format!(
        "{rows} rows of {} tables are back from {}{before}",
        counts.len(),
        file.display()
    );
    Ok(Report {
        text,
        json: json!({ "file": file, "rows": rows, "tables": counts, "backup": backup }),
    })
}

/// Sees to it that what the database holds may be dropped. Answers the backup of it, where there is one.
async fn make_room(
    options: &Restore,
    client: &Client,
    holdings: &Holdings,
    names: &BTreeSet<String>,
    url: &str,
) -> anyhow::Result<Option<PathBuf>> {
    if !options.replace {
        holdings.refuse_others(names)?;
    }
    if !holdings.has_tables {
        return Ok(None);
    }
    options.beforehand.write(client, url, "restore").await
}

/// A file beside the place that it is for, removed unless it is kept. For its owner alone: it holds everything. Others may
/// write into the folder, so its name can't be guessed, and nothing that is there already is written into.
struct Partial {
    path: PathBuf,
    file: Option<File>,
}

impl Partial {
    fn beside(file: &Path) -> anyhow::Result<Self> {
        let random: [u8; 8] = random(&SystemEntropy)?;
        let mut name = file.file_name().context("a backup is a file")?.to_owned();
        name.push(format!(".{:016x}.part", u64::from_be_bytes(random)));
        let path = file.with_file_name(name);
        let file = create(&path)?;
        Ok(Self { path, file: Some(file) })
    }

    /// The file, for who writes by it. pg_dump writes into the file that is there, and so with its rights.
    fn file(&mut self) -> anyhow::Result<File> {
        self.file.take().context("the backup's file is written once")
    }

    /// Puts it in its place, unless something has come there meanwhile.
    fn keep(self, file: &Path) -> anyhow::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::hard_link(&self.path, file).with_context(|| format!("can't write {}", file.display()))
    }
}

/// A new file for its owner alone. What is there already, a link that leads elsewhere included, is an error.
fn create(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .with_context(|| format!("can't write {}", path.display()))
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn nothing_that_is_there_is_written_into() {
        let name = format!("doorward-partial-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let (theirs, link) = (folder.join("theirs"), folder.join("link"));
        fs::write(&theirs, "as it was").unwrap();
        symlink(&theirs, &link).unwrap();
        assert!(create(&theirs).is_err() && create(&link).is_err());
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "as it was");

        let [first, second] = [(); 2].map(|()| Partial::beside(&folder.join("all.backup")).unwrap());
        assert_ne!(first.path, second.path, "the name can't be known beforehand");
        let mode = fs::metadata(&first.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop((first, second));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        fs::remove_dir_all(&folder).unwrap();
    }
}
