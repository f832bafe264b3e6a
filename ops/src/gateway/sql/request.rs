//! What a request asks for: its headers and its body, read into statements.

use axum::http::HeaderMap;
use doorward_edge::wire::conn_string::ConnString;
use doorward_edge::wire::pg::Batch;
use serde::Deserialize;
use serde_json::Value;

use super::array;
use super::failure::Failure;

/// A request, read.
#[derive(Debug)]
pub(crate) struct Run {
    /// Who asks. Its host and port are not used.
    pub(crate) login: ConnString,
    /// What to run.
    pub(crate) queries: Vec<Query>,
    /// The BEGIN of the transaction that all of them are; none for a single query.
    pub(crate) transaction: Option<String>,
    /// Whether values are answered as Postgres writes them (`Neon-Raw-Text-Output`).
    pub(crate) raw: bool,
    /// Whether rows are answered as arrays (`Neon-Array-Mode`).
    array_mode: bool,
}

/// One statement with its parameters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Query {
    #[serde(rename = "query")]
    text: String,
    #[serde(default)]
    params: Vec<Value>,
    /// Overrides the header for this statement.
    array_mode: Option<bool>,
}

#[derive(Deserialize)]
struct Several {
    queries: Vec<Query>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Payload {
    Several(Several),
    One(Query),
}

impl Run {
    /// Reads headers and body.
    ///
    /// # Errors
    /// [`Failure::Request`], with a sentence that says what is wrong and holds no value.
    pub(crate) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, Failure> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let string = text("neon-connection-string").ok_or(Failure::Request("there is no Neon-Connection-String"))?;
        let login = ConnString::parse(string).map_err(|_| {
            Failure::Request("the Neon-Connection-String doesn't look like postgres://user:password@host/database")
        })?;
        let on = |name: &str| text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let payload = serde_json::from_slice(body)
            .map_err(|_| Failure::Request(r#"the body is neither {"query", "params"} nor {"queries": [...]}"#))?;
        let (queries, transaction) = match payload {
            Payload::One(query) => (vec![query], None),
            Payload::Several(several) => {
                let isolation = isolation(text("neon-batch-isolation-level"))?;
                let read_only = on("neon-batch-read-only");
                (
                    several.queries,
                    Some(begin(isolation, read_only, on("neon-batch-deferrable"))),
                )
            }
        };
        Ok(Self {
            login,
            queries,
            transaction,
            raw: on("neon-raw-text-output"),
            array_mode: on("neon-array-mode"),
        })
    }

    /// The statements as they go out, in one write.
    ///
    /// # Errors
    /// What the protocol can't say, such as a zero byte.
    pub(crate) fn batch(&self) -> Result<Batch, Failure> {
        let mut batch = Batch::new();
        if let Some(begin) = &self.transaction {
            batch.push::<&str>(begin, &[])?;
        }
        for query in &self.queries {
            let params: Vec<Option<String>> = query.params.iter().map(parameter).collect();
            batch.push(&query.text, &params)?;
        }
        if self.transaction.is_some() {
            batch.push::<&str>("COMMIT", &[])?;
        }
        Ok(batch)
    }

    /// Whether the rows of that statement are answered as arrays.
    pub(crate) fn array_mode(&self, index: usize) -> bool {
        self.queries
            .get(index)
            .and_then(|query| query.array_mode)
            .unwrap_or(self.array_mode)
    }
}

/// `Neon-Batch-Isolation-Level` as SQL; the database's default where there is none.
fn isolation(header: Option<&str>) -> Result<Option<&'static str>, Failure> {
    Ok(Some(match header {
        None => return Ok(None),
        Some("ReadUncommitted") => "READ UNCOMMITTED",
        Some("ReadCommitted") => "READ COMMITTED",
        Some("RepeatableRead") => "REPEATABLE READ",
        Some("Serializable") => "SERIALIZABLE",
        Some(_) => {
            return Err(Failure::Request(
                "Neon-Batch-Isolation-Level is ReadUncommitted, ReadCommitted, RepeatableRead or Serializable",
            ));
        }
    }))
}

fn begin(isolation: Option<&str>, read_only: bool, deferrable: bool) -> String {
    let mut words = String::from("BEGIN");
    if let Some(isolation) = isolation {
        words.push_str(" ISOLATION LEVEL ");
        words.push_str(isolation);
    }
    if read_only {
        words.push_str(" READ ONLY");
    }
    if deferrable {
        words.push_str(" DEFERRABLE");
    }
    words
}

/// A parameter in Postgres' text format. The driver sends texts and nulls; others may send any JSON.
fn parameter(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(array::to_postgres(items)),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Some(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            "neon-connection-string",
            "postgres://app:secret@db.example/door".parse().unwrap(),
        );
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn one_query_is_no_transaction() {
        let run = Run::parse(
            &headers(&[("neon-array-mode", "true")]),
            br#"{"query": "SELECT $1", "params": [1]}"#,
        )
        .unwrap();
        assert_eq!(
            (run.transaction.as_deref(), run.raw, run.array_mode(0)),
            (None, false, true)
        );
        assert_eq!(run.batch().unwrap().len(), 1);
        assert!(Run::parse(&headers(&[]), br#"{"query": "SELECT 1"}"#).is_ok());
    }

    #[test]
    fn several_are_one_transaction_as_the_headers_say() {
        let several =
            br#"{"queries": [{"query": "SELECT 1", "arrayMode": true}, {"query": "SELECT 2", "params": []}]}"#;
        let begin = |pairs: &[(&'static str, &str)]| Run::parse(&headers(pairs), several).unwrap().transaction.unwrap();
        assert_eq!(begin(&[]), "BEGIN");
        let all = [
            ("neon-batch-isolation-level", "Serializable"),
            ("neon-batch-read-only", "true"),
            ("neon-batch-deferrable", "true"),
        ];
        assert_eq!(begin(&all), "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE");
        assert_eq!(begin(&[("neon-batch-read-only", "false")]), "BEGIN");

        let run = Run::parse(&headers(&[]), several).unwrap();
        assert_eq!(run.batch().unwrap().len(), 4);
        assert!(run.array_mode(0) && !run.array_mode(1));
    }

    #[test]
    fn what_cant_be_read_is_refused() {
        let refused = |headers: &HeaderMap, body: &[u8]| matches!(Run::parse(headers, body), Err(Failure::Request(_)));
        assert!(refused(&HeaderMap::new(), br#"{"query": "SELECT 1"}"#));
        assert!(refused(&headers(&[]), br#"{"sql": "SELECT 1"}"#));
        assert!(refused(&headers(&[]), b"SELECT 1"));
        assert!(refused(
            &headers(&[("neon-batch-isolation-level", "Chaos; DROP")]),
            br#"{"queries": []}"#
        ));
        assert!(refused(
            &headers(&[("neon-connection-string", "mysql://a@b/c")]),
            br#"{"query": "SELECT 1"}"#
        ));
    }

    #[test]
    fn parameters_are_in_text_format() {
        assert_eq!(parameter(&json!(null)), None);
        assert_eq!(parameter(&json!("a")).unwrap(), "a");
        assert_eq!(parameter(&json!(1.5)).unwrap(), "1.5");
        assert_eq!(parameter(&json!(true)).unwrap(), "true");
        assert_eq!(parameter(&json!({"a": 1})).unwrap(), r#"{"a":1}"#);
        assert_eq!(parameter(&json!([1, null, "x"])).unwrap(), r#"{1,NULL,"x"}"#);
    }
}
