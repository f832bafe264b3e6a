//! `doorward import`: brings users over from where they are, and takes them out again.
//!
//! A source is read as a stream. Each record is judged (`clean`, `tokens`) and written by COPY to staging tables of its batch
//! (`stage`, `batch`), which an interrupted run finds again; then a few statements over all rows bring them in as one
//! transaction (`settle`), and the report says what was cleaned and what was refused. Memory doesn't grow with the source.

mod batch;
mod better_auth;
mod clean;
mod copy;
mod csv;
mod ids;
mod input;
mod moment;
mod mongo;
mod names;
mod postgres;
mod report;
mod rollback;
mod sample;
mod settle;
mod stage;
mod table;
mod tokens;
mod value;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_postgres::Client;

use crate::database::{self, explain};
use crate::host;
use crate::output::Report;
pub(crate) use batch::is_staging;
use batch::{Batch, Origin};
use clean::Rules;
use input::Sink;
use names::{About, Mapping, Names};
use settle::Outcome;
use stage::{Chunk, Stager};

/// How many chunks wait for the database.
const WAITING: usize = 2;

/// What to import, and the way back.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Users and one-time tokens of MongoDB: a folder or archive of mongodump, or a folder of mongoexport's files
    Mongo {
        /// The folder or the archive
        path: PathBuf,
        #[command(flatten)]
        options: Options,
    },
    /// Users, identities and resets of Better Auth, from its Postgres tables
    BetterAuth {
        /// Its database, as postgres://user:password@host:port/database
        url: String,
        #[command(flatten)]
        options: Options,
    },
    /// Users of an older Postgres table
    Postgres {
        /// Its database, as postgres://user:password@host:port/database
        url: String,
        #[command(flatten)]
        options: Options,
    },
    /// Users of a CSV file with a line of names, such as Cognito's export
    Csv {
        /// The file, gzipped or not
        file: PathBuf,
        #[command(flatten)]
        options: Options,
    },
    /// List the batches that were imported
    List,
    /// Take out who came in with a batch and wasn't changed since
    Rollback {
        /// The batch, as `import list` names it
        batch: String,
    },
    /// Write sample data of each source, sound and malformed, into a folder
    Sample(sample::Options),
}

/// How to import.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Bring nothing in if any user would be refused
    #[arg(long)]
    strict: bool,

    /// Say what would come of it, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// What the source calls the fields
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,

    /// Where the report goes [default: doorward-import-TIME.jsonl in the current folder]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// The source's name, where there are two of a kind
    #[arg(long, value_name = "NAME", value_parser = source_name)]
    source: Option<String>,
}

fn source_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=32).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("1 to 32 lower-case letters, digits and hyphens".to_owned())
    }
}

impl Action {
    /// Whether it works on the database.
    pub(crate) fn needs_database(&self) -> bool {
        !matches!(self, Self::Sample(_))
    }
}

/// Does it. `url` is our own database; nobody asks for it where [`Action::needs_database`] says no.
///
/// # Errors
/// A source that can't be read, a database that refuses; then nothing has come in.
pub(crate) async fn run(action: &Action, url: &str) -> anyhow::Result<Report> {
    match action {
        Action::Mongo { path, options } => {
            let dump = mongo::Dump::find(path)?;
            let origin = options.origin("mongo", place(path), dump.mark()?)?;
            import(url, options, origin, false, move |reading| {
                let bar = input::bar(dump.bytes());
                let map = &reading.map;
                let fields = mongo::Fields {
                    users: Names::new(About::Users, map)?,
                    tokens: Names::new(About::Tokens, map)?,
                };
                reading.read(|sink| dump.read(&fields, sink, &bar))?;
                bar.finish_and_clear();
                Ok(())
            })
            .await
        }
        Action::Csv { file, options } => {
            let meta = std::fs::metadata(file).with_context(|| file.display().to_string())?;
            let time = meta
                .modified()?
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap_or_default();
            let origin = options.origin("csv", place(file), format!("{}:{}", meta.len(), time.as_millis()))?;
            let file = file.clone();
            import(url, options, origin, true, move |reading| {
                let names = Names::new(About::Users, &reading.map)?;
                let bar = input::bar(meta.len());
                reading.read(|sink| csv::read(&file, &names, sink, &bar))?;
                bar.finish_and_clear();
                Ok(())
            })
            .await
        }
        Action::Postgres { url: from, options } => {
            let client = database::connect(from).await?;
            let origin = options.origin("postgres", database::origin(from), String::new())?;
            import(url, options, origin, false, move |reading| {
                let names = Names::new(About::Users, &reading.map)?;
                let table = reading.map.table.clone().unwrap_or_else(|| "users".to_owned());
                let handle = Handle::current();
                reading.read(|sink| postgres::read(&client, &table, &names, sink, &handle))
            })
            .await
        }
        Action::BetterAuth { url: from, options } => {
            let client = database::connect(from).await?;
            let origin = options.origin("better-auth", database::origin(from), String::new())?;
            let source = origin.source.clone();
            import(url, options, origin, false, move |reading| {
                let names = Names::new(About::Users, &reading.map)?;
                let handle = Handle::current();
                reading.read(|sink| better_auth::read(&client, &names, &source, sink, &handle))
            })
            .await
        }
        Action::List => rollback::list(url).await,
        Action::Rollback { batch } => rollback::run(url, batch).await,
        Action::Sample(options) => sample::run(options),
    }
}

/// A path as it will still be right tomorrow.
fn place(path: &Path) -> String {
    std::fs::canonicalize(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

impl Options {
    fn origin(&self, source: &str, place: String, mut mark: String) -> anyhow::Result<Origin> {
        if let (Some(map), false) = (&self.map, mark.is_empty()) {
            let text = std::fs::read_to_string(map).with_context(|| format!("the mapping {}", map.display()))?;
            mark.push_str(&text);
        }
        Ok(Origin {
            source: self.source.clone().unwrap_or_else(|| source.to_owned()),
            place,
            mark,
        })
    }

    fn report(&self) -> anyhow::Result<PathBuf> {
        let path = self.report.clone().unwrap_or_else(|| {
            let time = host::now().to_string().replace([':', '.'], "-");
            PathBuf::from(format!("doorward-import-{time}.jsonl"))
        });
        std::path::absolute(&path).with_context(|| path.display().to_string())
    }
}

/// What the thread that reads works with.
struct Reading {
    map: Mapping,
    stager: Stager,
    chunks: mpsc::Sender<Chunk>,
}

impl Reading {
    fn read(&mut self, source: impl FnOnce(&mut Sink<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut sink = Sink {
            stager: &mut self.stager,
            chunks: &self.chunks,
        };
        source(&mut sink)?;
        sink.finish()?;
        Ok(())
    }
}

/// Reads, stages, settles, reports.
async fn import(
    url: &str,
    options: &Options,
    origin: Origin,
    textual: bool,
    read: impl FnOnce(&mut Reading) -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<Report> {
    let report = options.report()?;
    let map = Mapping::read(options.map.as_deref())?;
    let mut client = database::connect(url).await?;
    batch::prepare(&client).await?;
    client
        .batch_execute("SET synchronous_commit = off")
        .await
        .map_err(explain)?;
    let rules = Rules {
        source: origin.source.clone(),
        roles: roles(&client).await?,
        textual,
    };
    let batch = Batch::open(&mut client, origin, options.dry_run).await?;
    let (chunks, waiting) = mpsc::channel(WAITING);
    let mut reading = Reading {
        map,
        stager: Stager::new(rules, host::now(), batch.position),
        chunks,
    };
    let reader = tokio::task::spawn_blocking(move || read(&mut reading));
    let written = write(&mut client, &batch, waiting).await;
    let has_read = reader.await.context("reading the source")?;
    // Staged rows are kept for the next run only where that could go on.
    written?;
    let settled = match has_read {
        Ok(()) => settle::settle(&mut client, &batch, options.strict, &report).await,
        Err(error) => Err(error),
    };
    match settled {
        Ok(outcome) => Ok(answer(&batch, &outcome, &report)),
        Err(error) => {
            if !options.dry_run {
                batch::discard(&mut client, &batch.id).await.ok();
            }
            Err(error)
        }
    }
}

async fn write(client: &mut Client, batch: &Batch, mut chunks: mpsc::Receiver<Chunk>) -> anyhow::Result<()> {
    while let Some(chunk) = chunks.recv().await {
        batch.write(client, chunk).await?;
    }
    Ok(())
}

async fn roles(client: &Client) -> anyhow::Result<std::collections::HashSet<String>> {
    let rows = client.query("SELECT name FROM roles", &[]).await.map_err(explain)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn answer(batch: &Batch, outcome: &Outcome, report: &Path) -> Report {
    let o = outcome;
    let mut text = format!(
        "{} users read, {} {} ({} of them cleaned), {} refused, {} here already",
        o.read,
        o.imported,
        if batch.dry_run { "would be imported" } else { "imported" },
        o.cleaned,
        o.refused,
        o.unchanged,
    );
    if o.tokens_read > 0 && !batch.dry_run {
        let _ = write!(text, "\n{} of {} one-time tokens imported", o.tokens, o.tokens_read);
    }
    let _ = write!(text, "\nreport: {}", report.display());
    let tokens = report::tokens_path(report);
    if tokens.exists() {
        let _ = write!(text, "\nabout tokens: {}", tokens.display());
    }
    if o.came {
        let _ = write!(
            text,
            "\nbatch {}; the way back: doorward import rollback {}",
            batch.id, batch.id
        );
    }
    Report {
        text,
        json: json!({
            "batch": if o.came { Json::from(batch.id.as_str()) } else { Json::Null },
            "read": o.read,
            "imported": o.imported,
            "cleaned": o.cleaned,
            "refused": o.refused,
            "unchanged": o.unchanged,
            "report": report.display().to_string(),
        }),
    }
}
