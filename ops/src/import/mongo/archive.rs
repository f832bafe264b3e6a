//! mongodump's archive: a prelude about the collections, then blocks of documents, of each collection in turn.
//!
//! The format is described in mongo-tools' `common/archive`: a magic number; the prelude, documents up to a terminator; then
//! blocks, each a header `{db, collection, EOF, CRC}`, documents, and a terminator.

use std::collections::HashMap;
use std::io::Read;

use anyhow::{Context as _, bail};
use bson::raw::RawDocument;

use super::bson::{Next, next, record};
use super::{Collection, Fields, collection_of};
use crate::import::input::{Sink, fill};

/// The first four bytes.
pub(in crate::import) const MAGIC: [u8; 4] = 0x8199_e26d_u32.to_le_bytes();

/// Reads the collections that are understood.
///
/// # Errors
/// An archive that isn't one, is damaged or cut, or has more than one collection of users.
pub(super) fn read(input: &mut impl Read, fields: &Fields, sink: &mut Sink<'_>) -> anyhow::Result<()> {
    let (mut magic, mut buffer) = ([0; 4], Vec::new());
    if !fill(input, &mut magic)? || magic != MAGIC {
        bail!("this is no archive of mongodump");
    }
    while next(input, &mut buffer).context("the archive's prelude")? == Next::Document {}
    // Where the users are, and how many documents of each collection there were.
    let mut database: Option<String> = None;
    let mut rows: HashMap<String, u64> = HashMap::new();
    let mut is_whole = false;
    loop {
        match next(input, &mut buffer).context("a block's header")? {
            Next::Document => {}
            Next::End if is_whole => return Ok(()),
            Next::End if database.is_some() => bail!("the archive ends before its users do"),
            Next::End => bail!("the archive has no collection of users"),
            Next::Terminator => continue,
        }
        let header = Header::read(&buffer)?;
        let collection = collection_of(&header.collection);
        if collection == Some(Collection { kind: None }) {
            match &database {
                Some(known) if *known != header.database => {
                    bail!("the archive has users of more than one database; make one with --db")
                }
                _ => database = Some(header.database),
            }
            is_whole = header.is_last;
        }
        let row = rows.entry(header.collection).or_default();
        loop {
            match next(input, &mut buffer).context("a block's document")? {
                Next::Document => {}
                Next::Terminator => break,
                Next::End => bail!("the archive ends in the middle of a block"),
            }
            let Some(Collection { kind }) = collection else {
                continue;
            };
            *row += 1;
            sink.put(*row, kind, || record(&buffer, fields.of(kind)))?;
        }
    }
}

struct Header {
    database: String,
    collection: String,
    /// No more of this collection follows.
    is_last: bool,
}

impl Header {
    fn read(bytes: &[u8]) -> anyhow::Result<Self> {
        let document = RawDocument::from_bytes(bytes).context("a block's header")?;
        let text = |name| document.get_str(name).map(str::to_owned).context("a block's header");
        Ok(Self {
            database: text("db")?,
            collection: text("collection")?,
            is_last: document.get_bool("EOF").unwrap_or(false),
        })
    }
}
