//! The file of a backup, where no pg_dump fits: a head that describes the tables, each table's rows in COPY's text format,
//! and an end by which the file is checked.
//!
//! ```text
//! doorward backup 1
//! {"createdAt": ..., "database": ..., "server": ..., "ledger": [...], "tables": [...], ...}
//! {"table": "users"}
//! <rows>
//! \.
//! ...
//! {"tallies": [{"table": "users", "rows": 11, "hash": "..."}]}
//! <SHA-256 of every byte before this line, in hex>
//! ```

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::catalog::Catalog;
use super::tally::Tally;

/// How such a file begins.
pub(super) const MAGIC: &str = "doorward backup 1\n";
/// The line after the last row of a table. No row is like it: COPY writes a backslash as two.
const END_OF_ROWS: &[u8] = b"\\.\n";

/// What stands before the rows.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    /// When, as ISO 8601 in UTC.
    pub(super) created_at: String,
    /// The database's name.
    pub(super) database: String,
    /// The server's version.
    pub(super) server: String,
    /// The migrations that were applied.
    pub(super) ledger: Vec<Applied>,
    /// What the database is made of.
    #[serde(flatten)]
    pub(super) catalog: Catalog,
}

/// A migration that was applied.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Applied {
    /// Its number.
    pub(super) version: i32,
    /// Its file's checksum.
    pub(super) checksum: String,
}

#[derive(Serialize, Deserialize)]
struct Section {
    table: String,
}

/// What a table held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counted {
    /// Its name.
    pub(super) table: String,
    /// How many rows.
    pub(super) rows: u64,
    /// See [`Tally::hash`].
    pub(super) hash: String,
}

impl Counted {
    pub(super) fn new(table: &str, tally: &Tally) -> Self {
        Self {
            table: table.to_owned(),
            rows: tally.rows(),
            hash: tally.hash(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct End {
    tallies: Vec<Counted>,
}

/// Writes a file from its beginning to its end.
pub(super) struct Writer {
    file: BufWriter<File>,
    digest: Sha256,
}

impl Writer {
    /// Begins the file.
    pub(super) fn begin(file: File, head: &Head) -> anyhow::Result<Self> {
        let mut writer = Self {
            file: BufWriter::with_capacity(1 << 18, file),
            digest: Sha256::new(),
        };
        writer.write(MAGIC.as_bytes())?;
        writer.line(head)?;
        Ok(writer)
    }

    /// Begins a table.
    pub(super) fn table(&mut self, name: &str) -> anyhow::Result<()> {
        self.line(&Section { table: name.to_owned() })
    }

    /// Rows, or pieces of them.
    pub(super) fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.digest.update(bytes);
        Ok(self.file.write_all(bytes)?)
    }

    /// Ends a table.
    pub(super) fn end_table(&mut self) -> anyhow::Result<()> {
        self.write(END_OF_ROWS)
    }

    /// Ends the file, and returns when it is on the disk.
    pub(super) fn end(mut self, tallies: Vec<Counted>) -> anyhow::Result<()> {
        self.line(&End { tallies })?;
        let hash = hex(&self.digest.clone().finalize());
        self.file.write_all(format!("{hash}\n").as_bytes())?;
        Ok(self
            .file
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?
            .sync_all()?)
    }

    fn line(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.write(&line)
    }
}

/// Reads a file in one go from its beginning to its end.
pub(super) struct Reader {
    source: Source,
    /// What stands before the rows.
    pub(super) head: Head,
    tallies: Option<Vec<Counted>>,
}

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    /// When it can't be read or is no backup of this kind.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("can't read {}", path.display()))?;
        let mut source = Source {
            file: BufReader::with_capacity(1 << 18, file),
            digest: Sha256::new(),
            line: Vec::new(),
        };
        ensure!(source.next()? == MAGIC.as_bytes(), "{} is no backup", path.display());
        let head = serde_json::from_slice(source.next()?).context("the backup's head can't be read")?;
        Ok(Self {
            source,
            head,
            tallies: None,
        })
    }

    /// The next table, whose rows come next; none at the end, when the file is known to be whole.
    pub(super) fn next_table(&mut self) -> anyhow::Result<Option<String>> {
        let line = self.source.next()?;
        if let Ok(Section { table }) = serde_json::from_slice(line) {
            return Ok(Some(table));
        }
        let End { tallies } = serde_json::from_slice(line).context("the backup is damaged: no table and no end")?;
        let hash = hex(&self.source.digest.clone().finalize());
        ensure!(
            self.source.next()?.strip_suffix(b"\n") == Some(hash.as_bytes()),
            "the backup is damaged: its bytes aren't those that were written"
        );
        self.tallies = Some(tallies);
        Ok(None)
    }

    /// The next row of the table with its line break; none after the last.
    pub(super) fn next_row(&mut self) -> anyhow::Result<Option<&[u8]>> {
        let line = self.source.next()?;
        Ok((line != END_OF_ROWS).then_some(line))
    }

    /// What each table held, as it is written at the end.
    pub(super) fn tallies(self) -> anyhow::Result<Vec<Counted>> {
        self.tallies.context("the backup wasn't read to its end")
    }
}

struct Source {
    file: BufReader<File>,
    digest: Sha256,
    line: Vec<u8>,
}

impl Source {
    /// The next line with its break.
    fn next(&mut self) -> anyhow::Result<&[u8]> {
        self.line.clear();
        self.file.read_until(b'\n', &mut self.line)?;
        if self.line.last() != Some(&b'\n') {
            bail!("the backup is cut short");
        }
        self.digest.update(&self.line);
        Ok(&self.line)
    }
}

/// Reads a file whole, and answers what each table holds, or why it isn't to be believed.
///
/// # Errors
/// When a byte, a row or the end of it isn't as it was written.
pub(super) fn check(path: &Path) -> anyhow::Result<Vec<Counted>> {
    let mut reader = Reader::open(path)?;
    let mut found = Vec::new();
    while let Some(table) = reader.next_table()? {
        let mut tally = Tally::default();
        while let Some(row) = reader.next_row()? {
            tally.add(row.strip_suffix(b"\n").unwrap_or(row));
        }
        found.push(Counted::new(&table, &tally));
    }
    ensure!(
        reader.tallies()? == found,
        "the backup is damaged: its tables aren't those that were written"
    );
    Ok(found)
}

/// The names of what a file brings back: its tables and enumerated types.
///
/// # Errors
/// When its head can't be read.
pub(super) fn names(path: &Path) -> anyhow::Result<BTreeSet<String>> {
    let catalog = Reader::open(path)?.head.catalog;
    let tables = catalog.tables.into_iter().map(|table| table.name);
    let enums = catalog.enums.into_iter().map(|one| unquoted(&one.name));
    Ok(tables.chain(enums).collect())
}

/// The name that [`super::catalog::quoted`] and Postgres write for SQL.
pub(super) fn unquoted(name: &str) -> String {
    name.trim_matches('"').replace("\"\"", "\"")
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
