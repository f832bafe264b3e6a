//! `doorward import mongo`: a folder or an archive of mongodump, or a folder of mongoexport's files.

mod archive;
mod bson;
mod json;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;

pub(in crate::import) use archive::MAGIC;

use super::input::{self, Sink};
use super::names::Names;
use super::stage::{RESET, TokenKind, VERIFICATION};

/// What collections are called. Mongoose writes a model's name as one word.
const COLLECTIONS: [(&[&str], Option<TokenKind>); 3] = [
    (&["users"], None),
    (
        &[
            "verification_tokens",
            "verificationtokens",
            "emailverificationtokens",
            "verificationTokens",
        ],
        Some(VERIFICATION),
    ),
    (
        &[
            "password_reset_tokens",
            "passwordresettokens",
            "resetpasswordtokens",
            "passwordResetTokens",
        ],
        Some(RESET),
    ),
];

/// A collection that is brought over: of users, or of tokens of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Collection {
    kind: Option<TokenKind>,
}

/// The collection of a name; `None` for one that isn't brought over.
fn collection_of(name: &str) -> Option<Collection> {
    COLLECTIONS
        .iter()
        .find(|(names, _)| names.contains(&name))
        .map(|(_, kind)| Collection { kind: *kind })
}

/// A file that is read.
#[derive(Debug)]
struct File {
    path: PathBuf,
    format: Format,
    kind: Option<TokenKind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Bson,
    Json,
    Archive,
}

/// What was found at a path.
#[derive(Debug)]
pub(super) struct Dump {
    files: Vec<File>,
}

/// The names of fields, of users and of tokens.
pub(super) struct Fields {
    pub(super) users: Names,
    pub(super) tokens: Names,
}

impl Fields {
    fn of(&self, kind: Option<TokenKind>) -> &Names {
        if kind.is_none() { &self.users } else { &self.tokens }
    }
}

impl Dump {
    /// Looks what there is at a path.
    ///
    /// # Errors
    /// Nothing that can be read, or more than one collection of users.
    pub(super) fn find(path: &Path) -> anyhow::Result<Self> {
        let meta = std::fs::metadata(path).with_context(|| path.display().to_string())?;
        let mut files = Vec::new();
        if meta.is_dir() {
            look(path, 2, &mut files)?;
        } else {
            files.extend(single(path)?);
        }
        let users = files.iter().filter(|file| file.kind.is_none()).count();
        match users {
            0 => bail!(
                "{}: no users here. Give a folder of mongodump (users.bson) or mongoexport (users.json), or an archive",
                path.display()
            ),
            1 => {}
            _ => bail!(
                "{}: more than one collection of users; name the folder of one database",
                path.display()
            ),
        }
        // Users first; the order is the same at every run.
        files.sort_by_key(|file| (file.kind.map(|kind| kind.origin), file.path.clone()));
        Ok(Self { files })
    }

    /// What tells this state of the files from another: their names, sizes and times.
    pub(super) fn mark(&self) -> anyhow::Result<String> {
        let mut mark = String::new();
        for file in &self.files {
            let meta = std::fs::metadata(&file.path)?;
            let time = meta
                .modified()?
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap_or_default();
            let _ = write!(mark, "{}:{}:{};", file.path.display(), meta.len(), time.as_millis());
        }
        Ok(mark)
    }

    /// How many bytes there are to read.
    pub(super) fn bytes(&self) -> u64 {
        self.files
            .iter()
            .filter_map(|file| std::fs::metadata(&file.path).ok())
            .map(|meta| meta.len())
            .sum()
    }

    /// Reads everything.
    ///
    /// # Errors
    /// A file that can't be read to its end.
    pub(super) fn read(&self, fields: &Fields, sink: &mut Sink<'_>, bar: &ProgressBar) -> anyhow::Result<()> {
        for file in &self.files {
            let mut stream = input::open(&file.path, bar)?;
            match file.format {
                Format::Bson => bson::read(&mut stream, fields.of(file.kind), file.kind, sink),
                Format::Json => json::read(&mut stream, fields.of(file.kind), file.kind, sink),
                Format::Archive => archive::read(&mut stream, fields, sink),
            }
            .with_context(|| file.path.display().to_string())?;
        }
        Ok(())
    }
}

/// The collections in a folder and, so deep, in the folders below: mongodump makes one for each database.
fn look(folder: &Path, depth: u8, files: &mut Vec<File>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if depth > 0 {
                look(&path, depth - 1, files)?;
            }
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = name.strip_suffix(".gz").unwrap_or(name);
        let (stem, format) = match name.rsplit_once('.') {
            Some((stem, "bson")) => (stem, Format::Bson),
            Some((stem, "json" | "jsonl" | "ndjson")) => (stem, Format::Json),
            Some((_, "archive")) => {
                files.push(File {
                    path,
                    format: Format::Archive,
                    kind: None,
                });
                continue;
            }
            _ => continue,
        };
        if let Some(Collection { kind }) = collection_of(stem) {
            files.push(File { path, format, kind });
        }
    }
    Ok(())
}

/// One file: an archive by its first bytes, else a collection of users by its name.
fn single(path: &Path) -> anyhow::Result<Option<File>> {
    let mut stream = input::open(path, &ProgressBar::hidden())?;
    let head = stream.fill_buf()?;
    let format = if head.starts_with(&MAGIC) {
        Format::Archive
    } else if head
        .first()
        .is_some_and(|byte| matches!(byte, b'{' | b'[' | b' ' | b'\n'))
        && head.get(3).is_none_or(|byte| *byte != 0)
    {
        Format::Json
    } else {
        Format::Bson
    };
    Ok(Some(File {
        path: path.to_owned(),
        format,
        kind: None,
    }))
}
