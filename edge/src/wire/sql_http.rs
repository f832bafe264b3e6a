//! Neon's SQL-over-HTTP: one POST runs a batch as one transaction.
//!
//! Request `{"queries": [{"query", "params"}]}`, answer `{"results": [{"fields", "rows", "rowCount"}]}`, values in text
//! format (`Neon-Raw-Text-Output`), rows as arrays (`Neon-Array-Mode`). An SQL error is a 400 with Postgres' own fields.
//! The batch form serves one statement too.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::endpoint::{self, EndpointError, bearer, describe, is_down, secret, url};
use super::refusal;
use crate::host::{DatabaseError, Rows, SqlError, Statement};

const CONNECTION_STRING: HeaderName = HeaderName::from_static("neon-connection-string");
const RAW_TEXT: HeaderName = HeaderName::from_static("neon-raw-text-output");
const ARRAY_MODE: HeaderName = HeaderName::from_static("neon-array-mode");
const ISOLATION: HeaderName = HeaderName::from_static("neon-batch-isolation-level");

/// Where the proxy is and as whom to use it. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct SqlHttp {
    url: Uri,
    connection_string: HeaderValue,
    authorization: Option<HeaderValue>,
}

impl SqlHttp {
    /// `sql_url` is the whole URL of the proxy (`http://localhost:8786/sql`); `connection_string` names user, password
    /// and database; `token` is sent as a Bearer token.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn new(sql_url: &str, connection_string: &str, token: Option<&str>) -> Result<Self, EndpointError> {
        Ok(Self {
            url: url(sql_url)?,
            connection_string: secret(connection_string, EndpointError::ConnectionString)?,
            authorization: token.map(bearer).transpose()?,
        })
    }

    /// The request that runs the statements in order, in one READ COMMITTED transaction.
    ///
    /// # Errors
    /// [`SqlError::Protocol`] if they can't be said in JSON, which text always can.
    pub fn request<'s>(
        &self,
        statements: impl IntoIterator<Item = &'s Statement<'s>>,
    ) -> Result<Request<Bytes>, SqlError> {
        let query = |statement: &'s Statement<'s>| Query {
            query: statement.text,
            params: &statement.params,
        };
        let queries = statements.into_iter().map(query).collect();
        let body = serde_json::to_vec(&Queries { queries }).map_err(|error| SqlError::Protocol(error.to_string()))?;
        let mut request = endpoint::post(&self.url, self.authorization.as_ref(), body);
        let headers = request.headers_mut();
        headers.insert(CONNECTION_STRING, self.connection_string.clone());
        headers.insert(RAW_TEXT, HeaderValue::from_static("true"));
        headers.insert(ARRAY_MODE, HeaderValue::from_static("true"));
        headers.insert(ISOLATION, HeaderValue::from_static("ReadCommitted"));
        Ok(request)
    }
}

#[derive(Serialize)]
struct Queries<'a> {
    queries: Vec<Query<'a>>,
}

#[derive(Serialize)]
struct Query<'a> {
    query: &'a str,
    params: &'a [Option<Cow<'a, str>>],
}

/// The answer to a batch of `expected` statements.
///
/// # Errors
/// Postgres' refusal is sorted as [`refusal::sort`] says; [`SqlError::Unreachable`] is a proxy that is down, overloaded,
/// or can't reach Postgres; [`SqlError::Protocol`] everything else that isn't the whole answer.
pub fn decode(response: &Response<Bytes>, expected: usize) -> Result<Vec<Rows>, SqlError> {
    let (status, body) = (response.status(), response.body());
    match status {
        StatusCode::OK => results(body, expected),
        StatusCode::BAD_REQUEST => match serde_json::from_slice::<Refusal>(body) {
            Ok(refusal) => Err(refusal.sort()),
            Err(_) => Err(SqlError::Protocol(describe(status, body))),
        },
        _ if is_down(status) => Err(SqlError::Unreachable(describe(status, body))),
        _ => Err(SqlError::Protocol(describe(status, body))),
    }
}

fn results(body: &[u8], expected: usize) -> Result<Vec<Rows>, SqlError> {
    let Answer { results } = serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Eof => SqlError::Unreachable("the answer was cut short".to_owned()),
        _ => SqlError::Protocol(format!("the answer can't be read: {error}")),
    })?;
    if results.len() != expected {
        return Err(SqlError::Protocol(format!(
            "{} results for {expected} statements",
            results.len()
        )));
    }
    results.into_iter().map(QueryResult::into_rows).collect()
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<QueryResult>,
}

#[derive(Deserialize)]
struct QueryResult {
    #[serde(default)]
    fields: Vec<Field>,
    #[serde(default)]
    rows: Vec<Vec<Option<String>>>,
    #[serde(default, rename = "rowCount")]
    row_count: Option<u64>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
}

impl QueryResult {
    fn into_rows(self) -> Result<Rows, SqlError> {
        let columns: Vec<String> = self.fields.into_iter().map(|field| field.name).collect();
        if self.rows.iter().any(|row| row.len() != columns.len()) {
            return Err(SqlError::Protocol(format!(
                "a row that hasn't {} values",
                columns.len()
            )));
        }
        Ok(Rows {
            columns,
            rows: self.rows,
            affected: self.row_count.unwrap_or(0),
        })
    }
}

/// Postgres' fields as the proxy gives them. Without a SQLSTATE it is the proxy that refused.
#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    severity: String,
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    constraint: Option<String>,
    #[serde(default)]
    table: Option<String>,
}

impl Refusal {
    fn sort(self) -> SqlError {
        let Self {
            severity,
            code,
            message,
            constraint,
            table,
        } = self;
        refusal::sort(
            &severity,
            DatabaseError {
                code,
                message,
                constraint,
                table,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: &str = "postgres://app:hunter2@db/door";

    fn statement(text: &'static str, params: &[Option<&str>]) -> Statement<'static> {
        let params = params
            .iter()
            .map(|value| value.map(|value| Cow::Owned(value.to_owned())))
            .collect();
        Statement {
            name: "test",
            text,
            params,
        }
    }

    fn answer(status: u16, body: &str) -> Response<Bytes> {
        Response::builder()
            .status(status)
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap()
    }

    #[test]
    fn a_batch_is_one_post_in_the_batch_form() {
        let sql = SqlHttp::new("http://localhost:8786/sql", CONNECTION, Some("t0ken")).unwrap();
        let statements = [
            statement("SELECT $1::text, $2::text", &[Some("a\"é\u{1F980}\n"), None]),
            statement("SELECT 1", &[]),
        ];
        let request = sql.request(&statements).unwrap();
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri(), "http://localhost:8786/sql");
        let mut headers: Vec<_> = request
            .headers()
            .iter()
            .map(|(k, v)| (k.as_str(), v.to_str().unwrap()))
            .collect();
        headers.sort_unstable();
        assert_eq!(
            headers,
            [
                ("authorization", "Bearer t0ken"),
                ("content-type", "application/json"),
                ("neon-array-mode", "true"),
                ("neon-batch-isolation-level", "ReadCommitted"),
                ("neon-connection-string", CONNECTION),
                ("neon-raw-text-output", "true"),
            ]
        );
        let golden = concat!(
            r#"{"queries":[{"query":"SELECT $1::text, $2::text","params":["a\"é🦀\n",null]},"#,
            r#"{"query":"SELECT 1","params":[]}]}"#
        );
        assert_eq!(request.body(), golden);
    }

    #[test]
    fn without_a_token_there_is_no_authorization() {
        let sql = SqlHttp::new("https://sql.example.com/sql", CONNECTION, None).unwrap();
        let request = sql.request(&[statement("SELECT 1", &[])]).unwrap();
        assert_eq!(request.headers().get("authorization"), None);
    }

    #[test]
    fn a_bad_configuration_is_refused_and_none_shows_its_secrets() {
        for url in ["", "/sql", "localhost:8786", "ftp://host/sql", "http://"] {
            assert_eq!(
                SqlHttp::new(url, CONNECTION, None).unwrap_err(),
                EndpointError::Url,
                "{url}"
            );
        }
        let error = SqlHttp::new("http://h/sql", "postgres://a\nb", None).unwrap_err();
        assert_eq!(error, EndpointError::ConnectionString);
        assert_eq!(
            SqlHttp::new("http://h/sql", CONNECTION, Some("a\nb")).unwrap_err(),
            EndpointError::Token
        );
        let sql = SqlHttp::new("http://h/sql", CONNECTION, Some("t0ken")).unwrap();
        let request = sql.request(&[statement("SELECT 1", &[])]).unwrap();
        let shown = format!("{sql:?} {request:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("t0ken"), "{shown}");
    }

    #[test]
    fn a_result_is_read_in_text_and_array_form() {
        let body = r#"{"results":[
            {"fields":[{"name":"id","dataTypeID":23,"tableID":0,"columnID":0,"dataTypeSize":4,"dataTypeModifier":-1,"format":"text"},
                       {"name":"é","dataTypeID":25}],
             "rows":[["1","a\"b"],["2",null],["3",""]],"rowCount":3,"command":"SELECT","rowAsArray":true},
            {"fields":[],"rows":[],"rowCount":2,"command":"UPDATE"},
            {"fields":[],"rows":[],"rowCount":null,"command":"SET"}]}"#;
        let rows = decode(&answer(200, body), 3).unwrap();
        let text = |value: &str| Some(value.to_owned());
        assert_eq!(rows[0].columns, ["id", "é"]);
        assert_eq!(
            rows[0].rows,
            [[text("1"), text("a\"b")], [text("2"), None], [text("3"), text("")]]
        );
        assert_eq!((rows[0].affected, rows[1].affected, rows[2].affected), (3, 2, 0));
        assert_eq!(rows[1].rows.len() + rows[1].columns.len(), 0);
    }

    #[test]
    fn an_sql_error_keeps_its_fields() {
        let body = r#"{"message":"duplicate key","code":"23505","severity":"ERROR","detail":null,"schema":"public",
            "table":"users","column":null,"constraint":"users_email_key","position":null}"#;
        let expected = DatabaseError {
            code: "23505".to_owned(),
            message: "duplicate key".to_owned(),
            constraint: Some("users_email_key".to_owned()),
            table: Some("users".to_owned()),
        };
        assert_eq!(decode(&answer(400, body), 1), Err(SqlError::Database(expected)));
    }

    #[test]
    fn other_statuses_are_down_or_not_understood() {
        for status in [500, 502, 503, 504, 429, 408] {
            let error = decode(&answer(status, "{}"), 1).unwrap_err();
            assert!(matches!(error, SqlError::Unreachable(_)), "{status}: {error:?}");
        }
        for (status, body) in [
            (400, r#"{"message":"no"}"#),
            (400, "no"),
            (401, "{}"),
            (404, ""),
            (302, ""),
            (204, ""),
        ] {
            let error = decode(&answer(status, body), 1).unwrap_err();
            assert!(matches!(error, SqlError::Protocol(_)), "{status}: {error:?}");
        }
    }

    #[test]
    fn an_answer_of_another_shape_is_refused() {
        for body in [
            "[]",
            "null",
            r#"{"results":[]}"#,
            r#"{"results":[{},{}]}"#,
            r#"{"results":[{"fields":[{"name":"a"}],"rows":[["1","2"]]}]}"#,
            r#"{"results":[{"fields":[{"name":"a"}],"rows":[[1]]}]}"#,
            r#"{"results":[{"fields":[{"name":"a"}],"rows":[{"a":"1"}]}]}"#,
            r#"{"results":[{"rowCount":-1}]}"#,
            r#"{"fields":[],"rows":[]}"#,
        ] {
            let error = decode(&answer(200, body), 1).unwrap_err();
            assert!(matches!(error, SqlError::Protocol(_)), "{body}: {error:?}");
        }
    }

    #[test]
    fn an_answer_cut_anywhere_is_an_error() {
        let body = r#"{"results":[{"fields":[{"name":"a"}],"rows":[["1"]],"rowCount":1}]}"#;
        assert!(decode(&answer(200, body), 1).is_ok());
        for length in 0..body.len() {
            let error = decode(&answer(200, &body[..length]), 1).unwrap_err();
            assert!(matches!(error, SqlError::Unreachable(_)), "{length}: {error:?}");
        }
    }
}
