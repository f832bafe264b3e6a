//! `doorward keys`: makes, renews and lists the key set that a deployment signs its tokens with (a JWK Set, RFC 7517).
//!
//! A key set is a secret. It goes to standard output only when no file is named; files are for their owner alone (0600)
//! and are replaced whole or not at all. Where no set is named, it is the one of the environment, or of `cargo xtask dev`.

use std::env;
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

/// What holds the key set of a deployment, the set itself.
const VARIABLE: &str = "DOORWARD_KEYS";
/// Where `cargo xtask dev` keeps its key set, from the root of the checkout.
const DEVELOPMENT: &str = ".doorward/keys.json";

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

/// Which key set.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The key set, or - for standard input [default: what DOORWARD_KEYS holds, or the checkout's .doorward/keys.json]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Promote {
    #[command(flatten)]
    set: Set,

    /// Write to this file (it may be the same) instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Only publish the new keys and let them check: for several instances, which don't get the set at the same moment
    #[arg(long)]
    stage: bool,

    #[command(flatten)]
    set: Set,

    /// Write to this file (it may be the same) instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    set: Set,
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
            let (old, place) = set.read()?;
            let new = add(&old, random(&SystemEntropy)?, random(&SystemEntropy)?);
            deliver(new.context(place)?, out.as_deref())
        }
        Action::Promote(Promote { set, out }) => {
            let (old, place) = set.read()?;
            deliver(Keys::promote(&old).context(place)?, out.as_deref())
        }
        Action::List(List { set }) => {
            let (set, place) = set.read()?;
            listed(&set).context(place)
        }
    }
}

impl Set {
    /// The set, and where it is from.
    fn read(&self) -> anyhow::Result<(String, String)> {
        if let Some(path) = &self.file {
            return Ok((read(path)?, path.display().to_string()));
        }
        if let Some(set) = env::var_os(VARIABLE).filter(|set| !set.is_empty()) {
            // Not with what it holds, as `env::var` would say it.
            let set = set.into_string().ok().context("DOORWARD_KEYS is no text")?;
            return Ok((set, VARIABLE.to_owned()));
        }
        let here = env::current_dir().context("can't tell the current folder")?;
        if let Some(path) = of_checkout(&here) {
            eprintln!("the keys of {}", path.display());
            return Ok((read(&path)?, path.display().to_string()));
        }
        bail!(
            "no key set: name a FILE (`doorward keys generate --out FILE` makes one), set {VARIABLE}, or be in a checkout where \
             `cargo xtask dev` keeps one in {DEVELOPMENT}"
        )
    }
}

/// The key set that `cargo xtask dev` keeps in the checkout that `here` is in.
fn of_checkout(here: &Path) -> Option<PathBuf> {
    let is_root = |dir: &&Path| dir.join("xtask/Cargo.toml").is_file() && dir.join("migrations").is_dir();
    let path = here.ancestors().find(is_root)?.join(DEVELOPMENT);
    path.is_file().then_some(path)
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
