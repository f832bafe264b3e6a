//! `doorward keys`: makes, renews and lists the key set that a deployment signs its tokens with (a JWK Set, RFC 7517).
//!
//! A key set is a secret. It goes to standard output only when no file is named; files are for their owner alone (0600)
//! and are replaced whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use doorward_core::entropy::random;
use doorward_core::token::keys::Keys;
use serde_json::{Value, json};

use crate::host::SystemEntropy;
use crate::output::Report;

/// What to do with a key set.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Make the key set of a new deployment
    Generate(Generate),
    /// Add new keys, which become active; the old ones stay, so that tokens in use stay valid
    Rotate(Rotate),
    /// Make the staged keys active, once every instance has them
    Promote(Promote),
    /// List the keys of a set, without their secrets
    List(List),
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Write to this file, which must not exist, instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// The key set, or - for standard input
    #[arg(value_name = "FILE")]
    set: PathBuf,

    /// Write to this file (it may be the same) instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Only publish the new keys and let them check: for several instances, which don't get the set at the same moment
    #[arg(long)]
    stage: bool,

    /// The key set, or - for standard input
    #[arg(value_name = "FILE")]
    set: PathBuf,

    /// Write to this file (it may be the same) instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The key set, or - for standard input
    #[arg(value_name = "FILE")]
    set: PathBuf,
}

/// Does it.
///
/// # Errors
/// When a file can't be read or written, or holds no key set; never says what it holds.
pub(crate) fn run(action: &Action) -> anyhow::Result<Report> {
    match action {
        Action::Generate(Generate { out }) => {
            let set = Keys::generate(random(&SystemEntropy)?, random(&SystemEntropy)?)?;
            if let Some(path) = out.as_deref().filter(|path| path.exists()) {
                bail!("{} exists; `doorward keys rotate` adds keys to a set", path.display());
            }
            deliver(set, out.as_deref())
        }
        Action::Rotate(Rotate { stage, set, out }) => {
            let add = if *stage { Keys::stage } else { Keys::rotate };
            let new = add(&read(set)?, random(&SystemEntropy)?, random(&SystemEntropy)?);
            deliver(new.with_context(|| set.display().to_string())?, out.as_deref())
        }
        Action::Promote(Promote { set, out }) => {
            let new = Keys::promote(&read(set)?);
            deliver(new.with_context(|| set.display().to_string())?, out.as_deref())
        }
        Action::List(List { set }) => listed(&read(set)?).with_context(|| set.display().to_string()),
    }
}

/// Puts the set where it was asked for: to standard output as it is, or to a file, and then says which keys it has.
fn deliver(set: String, out: Option<&Path>) -> anyhow::Result<Report> {
    let Some(path) = out else {
        let json = serde_json::from_str(&set)?;
        return Ok(Report { text: set, json });
    };
    replace(path, &set).with_context(|| format!("can't write {}", path.display()))?;
    listed(&set)
}

fn listed(set: &str) -> anyhow::Result<Report> {
    let keys = Keys::parse(set)?;
    let raw: Value = serde_json::from_str(set)?;
    let raw = raw["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_staged = |kid: &str| raw.iter().any(|key| key["kid"] == *kid && key["staged"] == true);
    let (signing, mac) = keys.ids();
    let signing = signing.into_iter().map(|kid| ("Ed25519", kid.to_owned()));
    let mac = mac.into_iter().map(|kid| ("HMAC-SHA256", kid.to_string()));
    let mut lines = Vec::new();
    let mut documents: Vec<Value> = Vec::new();
    let mut last = "";
    for (kind, kid) in signing.chain(mac) {
        // The first of each kind makes new tokens.
        let (active, staged) = (kind != last, is_staged(&kid));
        last = kind;
        let state = match (active, staged) {
            (true, _) => "active",
            (false, true) => "staged",
            (false, false) => "checks older tokens",
        };
        lines.push(format!("{kind:<12} {kid:<43} {state}"));
        documents.push(json!({ "kid": kid, "kind": kind, "active": active, "staged": staged }));
    }
    Ok(Report {
        text: lines.join("\n"),
        json: json!({ "keys": documents }),
    })
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().read_to_string(&mut text)
    } else {
        File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.with_context(|| format!("can't read {}", path.display()))?;
    Ok(text)
}

/// Writes a file for its owner alone, beside its place first and then into it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        writeln!(file, "{text}")?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}
