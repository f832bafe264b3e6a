//! Documents in BSON, one after the other, as mongodump writes a collection.

use std::io::Read;

use anyhow::{Context as _, bail};
use bson::raw::{RawBsonRef, RawDocument};
use bson::spec::BinarySubtype;
use doorward_core::time::Time;

use crate::import::input::{MAX_RECORD, Sink, fill};
use crate::import::names::Names;
use crate::import::stage::TokenKind;
use crate::import::value::{Record, Value};

/// What comes next in a stream of documents.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A document, which is in the buffer now.
    Document,
    /// The end of a run of documents (in an archive).
    Terminator,
    /// The end of the stream.
    End,
}

/// Reads the next document into the buffer.
///
/// # Errors
/// A length that none can have, or an end in the middle of one: what follows can't be found.
pub(super) fn next(input: &mut impl Read, buffer: &mut Vec<u8>) -> anyhow::Result<Next> {
    let mut length = [0; 4];
    let mut first = [0; 1];
    if !fill(input, &mut first)? {
        return Ok(Next::End);
    }
    let [a, ..] = first;
    let mut rest = [0; 3];
    if !fill(input, &mut rest)? {
        bail!("it ends in the middle of a document");
    }
    length.copy_from_slice(&[a, rest[0], rest[1], rest[2]]);
    let size = i32::from_le_bytes(length);
    if size == -1 {
        return Ok(Next::Terminator);
    }
    let Some(size) = usize::try_from(size)
        .ok()
        .filter(|size| (5..=MAX_RECORD).contains(size))
    else {
        bail!("a document of {size} bytes can't be: the file is damaged from here on");
    };
    buffer.clear();
    buffer.extend_from_slice(&length);
    buffer.resize(size, 0);
    let body = buffer.get_mut(4..).unwrap_or_default();
    if !fill(input, body)? {
        bail!("it ends in the middle of a document");
    }
    Ok(Next::Document)
}

/// Reads a collection.
///
/// # Errors
/// See [`next`].
pub(super) fn read(
    input: &mut impl Read,
    names: &Names,
    kind: Option<TokenKind>,
    sink: &mut Sink<'_>,
) -> anyhow::Result<()> {
    let mut buffer = Vec::new();
    let mut row = 0;
    loop {
        row += 1;
        match next(input, &mut buffer).with_context(|| format!("document {row}"))? {
            Next::Document => sink.put(row, kind, || record(&buffer, names))?,
            Next::Terminator => bail!("document {row} has no length: this is no collection of mongodump"),
            Next::End => return Ok(()),
        }
    }
}

/// The fields of a document that are understood.
pub(super) fn record(bytes: &[u8], names: &Names) -> Record {
    let Ok(document) = RawDocument::from_bytes(bytes) else {
        return Record::damaged("malformed");
    };
    let mut record = Record::default();
    for element in document.iter_elements() {
        let Ok(element) = element else {
            return Record::damaged("malformed");
        };
        let Some(field) = names.find(element.key().as_str()) else {
            continue;
        };
        match element.value() {
            Ok(raw) => record.set(field, value(raw)),
            Err(_) => return Record::damaged("malformed"),
        }
    }
    record
}

fn value(raw: RawBsonRef<'_>) -> Value {
    match raw {
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => Value::Text(text.to_owned()),
        RawBsonRef::Boolean(flag) => Value::Bool(flag),
        RawBsonRef::Int32(number) => Value::Int(number.into()),
        RawBsonRef::Int64(number) => Value::Int(number),
        RawBsonRef::Double(number) => whole(number),
        RawBsonRef::DateTime(time) => Value::Date(Time::from_millis(time.timestamp_millis())),
        RawBsonRef::Timestamp(time) => Value::Date(Time::from_seconds(time.time.into())),
        RawBsonRef::ObjectId(id) => Value::ObjectId(id.bytes()),
        RawBsonRef::Binary(binary) if matches!(binary.subtype, BinarySubtype::Uuid | BinarySubtype::UuidOld) => {
            binary.bytes.try_into().map_or(Value::Other, Value::Uuid)
        }
        RawBsonRef::Null | RawBsonRef::Undefined => Value::None,
        _ => Value::Other,
    }
}

/// A fraction is no value of any field; a whole number that was stored as one is.
pub(super) fn whole(number: f64) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is within 2^53, where every whole number is exact"
    )]
    if number.fract() == 0.0 && number.abs() < 9e15 {
        Value::Int(number as i64)
    } else {
        Value::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_one_by_one_and_a_cut_one_is_told() {
        // {} and {"a": "b"} (bsonspec.org).
        let bytes = [&[5, 0, 0, 0, 0][..], b"\x0e\0\0\0\x02a\0\x02\0\0\0b\0\0"].concat();
        let (mut input, mut buffer) = (&bytes[..], Vec::new());
        for length in [5, 14] {
            assert_eq!(next(&mut input, &mut buffer).unwrap(), Next::Document);
            assert_eq!(buffer.len(), length);
        }
        assert_eq!(next(&mut input, &mut buffer).unwrap(), Next::End);
        for cut in 1..bytes.len() {
            let mut input = &bytes[..cut];
            let ended = loop {
                match next(&mut input, &mut buffer) {
                    Ok(Next::Document) => {}
                    Ok(Next::End) => break true,
                    Ok(Next::Terminator) => panic!("{cut}"),
                    Err(_) => break false,
                }
            };
            assert_eq!(ended, cut == 5, "{cut}");
        }
        for length in [4, -2, i32::MAX] {
            assert!(
                next(&mut &i32::to_le_bytes(length)[..], &mut buffer).is_err(),
                "{length}"
            );
        }
        assert_eq!(next(&mut &[0xff; 4][..], &mut buffer).unwrap(), Next::Terminator);
    }
}
