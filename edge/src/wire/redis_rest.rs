//! Upstash's REST protocol for Redis: a pipeline is one POST of an array of commands.
//!
//! The answer has `{"result": ...}` or `{"error": "..."}` for each. Replies are read as text (our values are), so the
//! base64 form isn't asked for.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::error::Category;

use super::endpoint::{self, EndpointError, bearer, describe, is_down, url};
use crate::host::{Command, KvError, Reply};

/// Where the service is and its token. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct RedisRest {
    pipeline: Uri,
    authorization: HeaderValue,
}

impl RedisRest {
    /// `rest_url` is the base URL that Upstash shows as `UPSTASH_REDIS_REST_URL`.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn new(rest_url: &str, token: &str) -> Result<Self, EndpointError> {
        let pipeline = url(&format!("{}/pipeline", rest_url.trim_end_matches('/')))?;
        Ok(Self {
            pipeline,
            authorization: bearer(token)?,
        })
    }

    /// The request that runs the commands in order.
    ///
    /// # Errors
    /// [`KvError::Protocol`] if they can't be said in JSON, which text always can.
    pub fn request(&self, commands: &[Command<'_>]) -> Result<Request<Bytes>, KvError> {
        let body = serde_json::to_vec(commands).map_err(|error| KvError::Protocol(error.to_string()))?;
        Ok(endpoint::post(&self.pipeline, Some(&self.authorization), body))
    }
}

/// The answer to a pipeline of `expected` commands.
///
/// # Errors
/// [`KvError::Unreachable`] when the service is down, overloaded, or can't reach Redis; [`KvError::Protocol`] when it
/// refuses the whole, and for everything else that isn't the whole answer.
pub fn decode(response: &Response<Bytes>, expected: usize) -> Result<Vec<Reply>, KvError> {
    let (status, body) = (response.status(), response.body());
    if status != StatusCode::OK {
        let text = describe(status, body);
        return Err(if is_down(status) {
            KvError::Unreachable(text)
        } else {
            KvError::Protocol(text)
        });
    }
    let entries: Vec<Entry> = serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Eof => KvError::Unreachable("the answer was cut short".to_owned()),
        _ => KvError::Protocol(format!("the answer can't be read: {error}")),
    })?;
    if entries.len() != expected {
        return Err(KvError::Protocol(format!(
            "{} replies for {expected} commands",
            entries.len()
        )));
    }
    entries.into_iter().map(Entry::into_reply).collect()
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    #[serde(default)]
    error: Option<String>,
}

impl Entry {
    fn into_reply(self) -> Result<Reply, KvError> {
        match (self.result, self.error) {
            (_, Some(error)) => Ok(Reply::Error(error)),
            (Some(Value(reply)), None) => Ok(reply),
            (None, None) => Err(KvError::Protocol("a reply with neither result nor error".to_owned())),
        }
    }
}

/// So that `"result": null`, which is Redis' nil, differs from no result at all.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A reply in JSON.
struct Value(Reply);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Reply;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, an integer, a string or an array")
    }

    fn visit_unit<E>(self) -> Result<Reply, E> {
        Ok(Reply::Nil)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Reply, E> {
        Ok(Reply::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Reply, E> {
        i64::try_from(value).map(Reply::Integer).map_err(E::custom)
    }

    fn visit_str<E>(self, value: &str) -> Result<Reply, E> {
        Ok(Reply::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Reply, E> {
        Ok(Reply::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Reply, A::Error> {
        let mut replies = Vec::new();
        while let Some(Value(reply)) = elements.next_element().map_err(A::Error::custom)? {
            replies.push(reply);
        }
        Ok(Reply::Array(replies))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn answer(status: u16, body: &str) -> Response<Bytes> {
        Response::builder()
            .status(status)
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap()
    }

    #[test]
    fn a_pipeline_is_one_post_of_arrays() {
        for base in ["http://localhost:8786", "http://localhost:8786/"] {
            let redis = RedisRest::new(base, "t0ken").unwrap();
            let commands: [Command<'_>; 2] = [
                vec!["SET".into(), "k".into(), "a\"é🦀".into()],
                vec!["GET".into(), Cow::Owned("k".to_owned())],
            ];
            let request = redis.request(&commands).unwrap();
            assert_eq!(request.method(), "POST");
            assert_eq!(request.uri(), "http://localhost:8786/pipeline");
            assert_eq!(request.headers()["authorization"], "Bearer t0ken");
            assert_eq!(request.headers()["content-type"], "application/json");
            assert_eq!(request.headers().len(), 2);
            assert_eq!(request.body(), r#"[["SET","k","a\"é🦀"],["GET","k"]]"#);
        }
    }

    #[test]
    fn a_bad_configuration_is_refused_and_none_shows_its_token() {
        assert_eq!(RedisRest::new("localhost", "t").unwrap_err(), EndpointError::Url);
        assert_eq!(RedisRest::new("http://h", "t\n").unwrap_err(), EndpointError::Token);
        let redis = RedisRest::new("http://h", "t0ken").unwrap();
        let shown = format!("{redis:?} {:?}", redis.request(&[]).unwrap());
        assert!(!shown.contains("t0ken"), "{shown}");
    }

    #[test]
    fn every_kind_of_reply_is_read() {
        let body = r#"[{"result":"OK"},{"result":null},{"result":-7},{"result":9223372036854775807},{"result":"é\u0000🦀"},
            {"result":["a",1,null,["b",[]]]},{"error":"ERR wrong"},{"result":[],"extra":1}]"#;
        let text = |value: &str| Reply::Text(value.to_owned());
        assert_eq!(
            decode(&answer(200, body), 8).unwrap(),
            [
                text("OK"),
                Reply::Nil,
                Reply::Integer(-7),
                Reply::Integer(i64::MAX),
                text("é\0🦀"),
                Reply::Array(vec![
                    text("a"),
                    Reply::Integer(1),
                    Reply::Nil,
                    Reply::Array(vec![text("b"), Reply::Array(vec![])])
                ]),
                Reply::Error("ERR wrong".to_owned()),
                Reply::Array(vec![]),
            ]
        );
    }

    #[test]
    fn statuses_are_down_or_refused() {
        for status in [500, 502, 503, 429, 408] {
            let error = decode(&answer(status, "[]"), 0).unwrap_err();
            assert!(matches!(error, KvError::Unreachable(_)), "{status}: {error:?}");
        }
        for status in [400, 401, 403, 404, 302, 204] {
            let error = decode(&answer(status, r#"{"error":"Unauthorized"}"#), 0).unwrap_err();
            assert!(
                matches!(&error, KvError::Protocol(text) if text.contains("Unauthorized")),
                "{status}: {error:?}"
            );
        }
    }

    #[test]
    fn an_answer_of_another_shape_is_refused() {
        let deep = format!(r#"[{{"result":{}{}}}]"#, "[".repeat(5000), "]".repeat(5000));
        for body in [
            "{}",
            "[]",
            "[{}]",
            r#"[{"result":1},{"result":2}]"#,
            r#"[{"result":1.5}]"#,
            r#"[{"result":true}]"#,
            r#"[{"result":{}}]"#,
            r#"[{"result":9223372036854775808}]"#,
            r#"[{"error":1}]"#,
            &deep,
        ] {
            let error = decode(&answer(200, body), 1).unwrap_err();
            assert!(matches!(error, KvError::Protocol(_)), "{body}: {error:?}");
        }
    }

    #[test]
    fn an_answer_cut_anywhere_is_an_error() {
        let body = r#"[{"result":"a"},{"error":"ERR"}]"#;
        assert!(decode(&answer(200, body), 2).is_ok());
        for length in 0..body.len() {
            let error = decode(&answer(200, &body[..length]), 2).unwrap_err();
            assert!(matches!(error, KvError::Unreachable(_)), "{length}: {error:?}");
        }
    }
}
