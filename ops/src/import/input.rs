//! Files as streams: gzipped or not, with their share of the progress bar.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context as _;
use flate2::bufread::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc::Sender;

use super::stage::{Chunk, Stager, TokenKind};
use super::value::Record;

/// The most that one record may have, in bytes: MongoDB's own limit (16 MiB), and a little for what surrounds it.
pub(super) const MAX_RECORD: usize = (16 << 20) + (16 << 10);
/// What a file is read by.
const BUFFER: usize = 256 << 10;

/// A stream of a file's content.
pub(super) type Input = Box<dyn BufRead + Send>;

/// Opens a file, and takes it out of gzip where it is in it.
///
/// # Errors
/// When it can't be read.
pub(super) fn open(path: &Path, bar: &ProgressBar) -> anyhow::Result<Input> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut raw = BufReader::with_capacity(BUFFER, bar.wrap_read(file));
    let gzipped = raw
        .fill_buf()
        .with_context(|| path.display().to_string())?
        .starts_with(&[0x1f, 0x8b]);
    Ok(if gzipped {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw)))
    } else {
        Box::new(raw)
    })
}

/// A bar over so many bytes, on standard error, if a person is looking at it.
pub(super) fn bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}, {eta} left {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Where records go: judged, and in chunks to the database.
pub(super) struct Sink<'a> {
    pub(super) stager: &'a mut Stager,
    pub(super) chunks: &'a Sender<Chunk>,
}

/// Nobody takes chunks any more: the database's side failed, and says why.
#[derive(Debug)]
pub(super) struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the database takes no more")
    }
}

impl std::error::Error for Gone {}

impl Sink<'_> {
    /// Takes the record at `pos`, which is only made if it isn't there already. Waits while the database is behind.
    ///
    /// # Errors
    /// [`Gone`].
    pub(super) fn put(&mut self, pos: u64, kind: Option<TokenKind>, make: impl FnOnce() -> Record) -> Result<(), Gone> {
        if self.stager.is_staged() {
            return Ok(());
        }
        match self.stager.put(pos, &make(), kind) {
            Some(chunk) => self.chunks.blocking_send(chunk).map_err(|_| Gone),
            None => Ok(()),
        }
    }

    /// Takes another way by which a user is known elsewhere.
    ///
    /// # Errors
    /// [`Gone`].
    pub(super) fn identity(
        &mut self,
        user: &str,
        provider: &str,
        account: &str,
        issuer: Option<&str>,
    ) -> Result<(), Gone> {
        match self.stager.identity(user, provider, account, issuer) {
            Some(chunk) => self.chunks.blocking_send(chunk).map_err(|_| Gone),
            None => Ok(()),
        }
    }

    /// Hands on what is left.
    ///
    /// # Errors
    /// [`Gone`].
    pub(super) fn finish(&mut self) -> Result<(), Gone> {
        self.chunks.blocking_send(self.stager.chunk()).map_err(|_| Gone)
    }
}

/// Fills the buffer from the stream. Answers whether there was enough.
///
/// # Errors
/// When the stream can't be read.
pub(super) fn fill(input: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match input.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
