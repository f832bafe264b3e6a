//! A Redis reply as JSON.

use axum::http::HeaderMap;
use base64ct::{Base64, Encoding as _};
use redis::{ServerError, Value as Reply};
use serde_json::{Value, json};

/// How texts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As they are; bytes that aren't UTF-8 are replaced.
    Plain,
    /// In base64, all but the status `OK`.
    Base64,
}

impl Encoding {
    /// What the caller asked for (`Upstash-Encoding`).
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        match headers.get("upstash-encoding") {
            Some(value) if value.as_bytes().eq_ignore_ascii_case(b"base64") => Self::Base64,
            _ => Self::Plain,
        }
    }

    /// The entry of one command in an answer to several.
    pub(crate) fn entry(self, reply: Reply) -> Value {
        match self.result(reply) {
            Ok(result) => json!({ "result": result }),
            Err(error) => json!({ "error": error }),
        }
    }

    /// What goes under `result`.
    ///
    /// # Errors
    /// The text of an error reply, as Redis said it.
    pub(crate) fn result(self, reply: Reply) -> Result<Value, String> {
        match reply {
            Reply::ServerError(error) => Err(said(&error)),
            // The one text that is never encoded; inside an array there is no such exception.
            Reply::Okay => Ok(Value::from("OK")),
            Reply::SimpleString(text) if text == "OK" => Ok(Value::from("OK")),
            other => Ok(self.nested(other)),
        }
    }

    fn nested(self, reply: Reply) -> Value {
        match reply {
            Reply::Int(number) => Value::from(number),
            Reply::Boolean(value) => Value::from(i64::from(value)),
            Reply::Okay => self.text(b"OK"),
            Reply::SimpleString(text) | Reply::VerbatimString { text, .. } => self.text(text.as_bytes()),
            Reply::BulkString(bytes) | Reply::BigNumber(bytes) => self.text(&bytes),
            Reply::Double(number) => self.text(number.to_string().as_bytes()),
            Reply::Array(items) | Reply::Set(items) | Reply::Push { data: items, .. } => {
                Value::Array(items.into_iter().map(|item| self.nested(item)).collect())
            }
            Reply::Map(pairs) => Value::Array(
                pairs
                    .into_iter()
                    .flat_map(|(key, value)| [self.nested(key), self.nested(value)])
                    .collect(),
            ),
            Reply::Attribute { data, .. } => self.nested(*data),
            Reply::ServerError(error) => self.text(said(&error).as_bytes()),
            // Nil, and kinds that RESP2 doesn't have.
            _ => Value::Null,
        }
    }

    fn text(self, bytes: &[u8]) -> Value {
        Value::from(match self {
            Self::Plain => String::from_utf8_lossy(bytes).into_owned(),
            Self::Base64 => Base64::encode_string(bytes),
        })
    }
}

/// An error as the server wrote it: its code, then the rest of the line.
pub(crate) fn said(error: &ServerError) -> String {
    match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(bytes: &[u8]) -> Reply {
        Reply::BulkString(bytes.to_vec())
    }

    #[test]
    fn replies_are_json() {
        let plain = |reply| Encoding::Plain.result(reply).unwrap();
        assert_eq!(plain(Reply::Nil), Value::Null);
        assert_eq!(plain(Reply::Int(-3)), json!(-3));
        assert_eq!(plain(Reply::Okay), json!("OK"));
        assert_eq!(plain(bulk("grün".as_bytes())), json!("grün"));
        assert_eq!(
            plain(Reply::Array(vec![
                bulk(b"a"),
                Reply::Nil,
                Reply::Array(vec![Reply::Int(1)])
            ])),
            json!(["a", null, [1]])
        );
    }

    #[test]
    fn base64_spares_a_status_ok_and_nothing_else() {
        let encoded = |reply| Encoding::Base64.result(reply).unwrap();
        assert_eq!(encoded(Reply::Okay), json!("OK"));
        assert_eq!(encoded(Reply::SimpleString("PONG".into())), json!("UE9ORw=="));
        assert_eq!(encoded(bulk(&[0xff, 0x00])), json!("/wA="));
        assert_eq!(encoded(bulk(b"OK")), json!("T0s="));
        assert_eq!(
            encoded(Reply::Array(vec![Reply::Okay, Reply::Int(7)])),
            json!(["T0s=", 7])
        );
    }
}
