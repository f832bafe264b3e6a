//! Documents in extended JSON, as mongoexport writes them: one a line, in one list, or spread over lines.

use std::io::BufRead;

use anyhow::bail;
use doorward_core::time::Time;
use serde_json::{Map, Value as Json};

use super::bson::whole;
use crate::import::input::{MAX_RECORD, Sink};
use crate::import::names::Names;
use crate::import::stage::TokenKind;
use crate::import::value::{Record, Value, unhex};

/// Reads a collection.
///
/// # Errors
/// What is no JSON at all, so that the next document can't be found.
pub(super) fn read(
    input: &mut impl BufRead,
    names: &Names,
    kind: Option<TokenKind>,
    sink: &mut Sink<'_>,
) -> anyhow::Result<()> {
    let mut lines = Lines { input, kept: None };
    let (mut row, mut text) = (0, Vec::new());
    let by_line = lines.first_is_whole()?;
    loop {
        let there = if by_line {
            lines.line(&mut text)?
        } else {
            lines.document(&mut text)?
        };
        if !there {
            return Ok(());
        }
        row += 1;
        sink.put(row, kind, || match serde_json::from_slice(&text) {
            Ok(Json::Object(document)) => record(document, names),
            _ => Record::damaged("malformed"),
        })?;
    }
}

/// A stream whose first line may have been looked at.
struct Lines<'a, R> {
    input: &'a mut R,
    kept: Option<Vec<u8>>,
}

impl<R: BufRead> Lines<'_, R> {
    /// Whether the first line is a whole document. Then each line is one, and a damaged one doesn't hide the next.
    fn first_is_whole(&mut self) -> anyhow::Result<bool> {
        let mut line = Vec::new();
        if self.input.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Ok(false);
        }
        while line.trim_ascii().is_empty() {
            line.clear();
            if !self.raw_line(&mut line)? {
                return Ok(false);
            }
        }
        let whole = line.trim_ascii().ends_with(b"}");
        self.kept = Some(line);
        Ok(whole)
    }

    fn raw_line(&mut self, line: &mut Vec<u8>) -> anyhow::Result<bool> {
        loop {
            let bytes = self.input.fill_buf()?;
            if bytes.is_empty() {
                return Ok(!line.is_empty());
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(bytes.len(), |end| end + 1);
            line.extend(bytes.iter().take(used));
            self.input.consume(used);
            if line.len() > MAX_RECORD {
                bail!("a line is longer than any document can be");
            }
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// The next line that isn't empty.
    fn line(&mut self, text: &mut Vec<u8>) -> anyhow::Result<bool> {
        loop {
            text.clear();
            match self.kept.take() {
                Some(kept) => *text = kept,
                None if !self.raw_line(text)? => return Ok(false),
                None => {}
            }
            if !text.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// The next document by its braces, whatever stands between two.
    fn document(&mut self, text: &mut Vec<u8>) -> anyhow::Result<bool> {
        text.clear();
        let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
        loop {
            let kept = self.kept.take();
            let bytes = match &kept {
                Some(kept) => kept.as_slice(),
                None => self.input.fill_buf()?,
            };
            if bytes.is_empty() {
                if depth > 0 {
                    bail!("the file ends in the middle of a document");
                }
                return Ok(false);
            }
            let mut used = 0;
            let mut done = false;
            for byte in bytes {
                used += 1;
                if depth == 0 && *byte != b'{' {
                    if !byte.is_ascii_whitespace() && !b"[],".contains(byte) {
                        bail!("this is no JSON of mongoexport");
                    }
                    continue;
                }
                text.push(*byte);
                if quoted {
                    quoted = escaped || *byte != b'"';
                    escaped = !escaped && *byte == b'\\';
                    continue;
                }
                match byte {
                    b'"' => quoted = true,
                    b'{' => depth += 1,
                    b'}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    done = true;
                    break;
                }
            }
            match kept {
                Some(mut kept) => {
                    kept.drain(..used);
                    self.kept = (!kept.is_empty()).then_some(kept);
                }
                None => self.input.consume(used),
            }
            if done {
                return Ok(true);
            }
            if text.len() > MAX_RECORD {
                bail!("a document is longer than any can be");
            }
        }
    }
}

fn record(document: Map<String, Json>, names: &Names) -> Record {
    let mut record = Record::default();
    for (name, json) in document {
        if let Some(field) = names.find(&name) {
            record.set(field, value(json));
        }
    }
    record
}

/// A value, in MongoDB's extended JSON where the type has no other way (v2, canonical or relaxed).
fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(flag) => Value::Bool(flag),
        Json::Number(number) => number
            .as_i64()
            .map_or_else(|| number.as_f64().map_or(Value::Other, whole), Value::Int),
        Json::String(text) => Value::Text(text),
        Json::Array(_) => Value::Other,
        Json::Object(mut wrapped) => extended(&mut wrapped).unwrap_or(Value::Other),
    }
}

fn extended(wrapped: &mut Map<String, Json>) -> Option<Value> {
    let text = |name: &str| wrapped.get(name).and_then(Json::as_str);
    if let Some(id) = text("$oid") {
        return unhex(id).map(Value::ObjectId);
    }
    if let Some(number) = text("$numberLong").or_else(|| text("$numberInt")) {
        return number.parse().ok().map(Value::Int);
    }
    if let Some(number) = text("$numberDouble") {
        return number.parse().ok().map(whole);
    }
    if let Some(uuid) = text("$uuid") {
        return doorward_core::id::UserId::parse(uuid).map(|id| Value::Uuid(*id.as_bytes()));
    }
    if let Some(text) = text("$symbol") {
        return Some(Value::Text(text.to_owned()));
    }
    match value(wrapped.remove("$date")?) {
        // Relaxed: a text in RFC 3339; canonical, and of old versions: milliseconds.
        Value::Text(text) => Time::parse(&text).ok().map(Value::Date),
        Value::Int(millis) => Some(Value::Date(Time::from_millis(millis))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(text: &str) -> Vec<String> {
        // A stream of small pieces, so that every border falls somewhere.
        let mut input = std::io::BufReader::with_capacity(3, text.as_bytes());
        let mut lines = Lines {
            input: &mut input,
            kept: None,
        };
        let by_line = lines.first_is_whole().unwrap();
        let (mut all, mut one) = (Vec::new(), Vec::new());
        while (if by_line {
            lines.line(&mut one)
        } else {
            lines.document(&mut one)
        })
        .unwrap()
        {
            all.push(String::from_utf8(one.clone()).unwrap().trim().to_owned());
        }
        all
    }

    #[test]
    fn finds_the_documents_in_every_layout() {
        let two = [r#"{"a":"}\"{","b":{"c":1}}"#, r#"{"a":2}"#];
        for text in [
            format!("{}\n{}\n", two[0], two[1]),
            format!("\n\n{}\r\n\r\n{}", two[0], two[1]),
            format!("[{},{}]", two[0], two[1]),
            format!("[\n  {},\n{}\n]\n", two[0], two[1]),
        ] {
            assert_eq!(documents(&text), two, "{text}");
        }
        assert_eq!(
            documents("{\n \"a\": 1\n}\n{\n \"a\": 2\n}\n"),
            ["{\n \"a\": 1\n}", "{\n \"a\": 2\n}"]
        );
        assert_eq!(
            documents("{\"a\":1}\n{\"a\":\n{\"a\":3}\n"),
            ["{\"a\":1}", "{\"a\":", "{\"a\":3}"]
        );
        assert!(documents("").is_empty() && documents("[]").is_empty());
    }

    #[test]
    fn reads_extended_json_of_every_age() {
        let of = |text: &str| value(serde_json::from_str(text).unwrap());
        let time = Value::Date(Time::from_millis(1_704_067_200_000));
        for text in [
            r#"{"$date": "2024-01-01T00:00:00Z"}"#,
            r#"{"$date": {"$numberLong": "1704067200000"}}"#,
            r#"{"$date": 1704067200000}"#,
        ] {
            assert_eq!(of(text), time, "{text}");
        }
        assert_eq!(
            of(r#"{"$oid": "0102030405060708090a0b0c"}"#),
            Value::ObjectId([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        );
        assert_eq!(of(r#"{"$numberInt": "7"}"#), Value::Int(7));
        assert_eq!(of("7.0"), Value::Int(7));
        assert_eq!(of(r#"{"$oid": "short"}"#), Value::Other);
        assert_eq!(of(r#"{"$date": "soon"}"#), Value::Other);
        assert_eq!(of(r#"{"a": 1}"#), Value::Other);
    }
}
