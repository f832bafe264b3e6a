//! `doorward import csv`: a file with a line of names and a line for each user, as Cognito's export is.

use std::path::Path;

use anyhow::{Context as _, bail};
use csv::{ByteRecord, ReaderBuilder};
use indicatif::ProgressBar;

use super::input::{self, Sink};
use super::names::Names;
use super::value::{Field, Record, Value};

/// Reads the file.
///
/// # Errors
/// A file that can't be read, or has no column of addresses.
pub(super) fn read(path: &Path, names: &Names, sink: &mut Sink<'_>, bar: &ProgressBar) -> anyhow::Result<()> {
    let stream = input::open(path, bar)?;
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .has_headers(true)
        .from_reader(stream);
    let headers = reader
        .byte_headers()
        .with_context(|| path.display().to_string())?
        .clone();
    let fields: Vec<_> = headers
        .iter()
        .enumerate()
        .map(|(at, name)| names.find(&header(at, name)))
        .collect();
    if !fields.iter().flatten().any(|(field, _)| *field == Field::Email) {
        bail!(
            "{}: no column of e-mail addresses among: {}. Name it with --map",
            path.display(),
            String::from_utf8_lossy(headers.as_slice())
        );
    }
    let (mut row, mut record) = (0, ByteRecord::new());
    while reader
        .read_byte_record(&mut record)
        .with_context(|| path.display().to_string())?
    {
        row += 1;
        sink.put(row, None, || line(&record, &fields))?;
    }
    Ok(())
}

/// A column's name, less the mark that some programs begin a file with.
fn header(at: usize, name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let text = if at == 0 {
        text.trim_start_matches('\u{feff}')
    } else {
        &text
    };
    text.trim().to_owned()
}

fn line(line: &ByteRecord, fields: &[Option<(Field, u8)>]) -> Record {
    if line.len() != fields.len() {
        return Record::damaged("wrong_number_of_columns");
    }
    let mut record = Record::default();
    for (value, field) in line.iter().zip(fields) {
        let Some(field) = field else { continue };
        let Ok(text) = std::str::from_utf8(value) else {
            return Record::damaged("not_utf8");
        };
        record.set(
            *field,
            if text.is_empty() {
                Value::None
            } else {
                Value::Text(text.to_owned())
            },
        );
    }
    record
}
