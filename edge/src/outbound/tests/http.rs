//! The HTTP adapters over a `Fetch` that answers from a script.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use super::super::http_sql::HttpSql;
use super::super::rest_kv::RestKv;
use super::peer::run;
use crate::host::{Command, Fetch, FetchError, Kv, KvError, Reply, Sql, SqlError, Statement};
use crate::wire::redis_rest::RedisRest;
use crate::wire::sql_http::SqlHttp;

/// Gives one answer and keeps what it was asked.
struct Scripted {
    answer: Result<(u16, &'static str), FetchError>,
    asked: RefCell<Vec<Request<Bytes>>>,
}

impl Scripted {
    fn new(answer: Result<(u16, &'static str), FetchError>) -> Self {
        Self {
            answer,
            asked: RefCell::default(),
        }
    }
}

impl Fetch for &Scripted {
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        self.asked.borrow_mut().push(request);
        let (status, body) = self.answer.clone()?;
        Ok(Response::builder()
            .status(status)
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap())
    }
}

fn sql(fetch: &Scripted) -> HttpSql<&Scripted> {
    let proxy = SqlHttp::new("http://localhost/sql", "postgres://app@db/door", None).unwrap();
    HttpSql::new(fetch, Rc::new(proxy), Duration::from_millis(2500))
}

fn kv(fetch: &Scripted) -> RestKv<&Scripted> {
    RestKv::new(fetch, Rc::new(RedisRest::new("http://localhost", "token").unwrap()))
}

fn select() -> [Statement<'static>; 1] {
    [Statement {
        name: "test",
        text: "SELECT $1",
        params: vec![Some(Cow::Borrowed("x"))],
    }]
}

#[test]
fn a_batch_carries_the_timeout_and_loses_the_preludes_result() {
    run(async {
        let fetch = Scripted::new(Ok((
            200,
            r#"{"results":[{"fields":[{"name":"set_config"}],"rows":[["2500ms"]],"rowCount":1},
                {"fields":[{"name":"a"}],"rows":[["x"]],"rowCount":1}]}"#,
        )));
        let rows = sql(&fetch).batch(&select()).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].columns, ["a"]);
        let asked = fetch.asked.borrow();
        assert_eq!(asked.len(), 1);
        let body = std::str::from_utf8(asked[0].body()).unwrap();
        assert!(
            body.contains("statement_timeout") && body.contains(r#""params":["2500"]"#),
            "{body}"
        );
        assert!(body.ends_with(r#"{"query":"SELECT $1","params":["x"]}]}"#), "{body}");
    });
}

#[test]
fn a_missing_result_is_refused() {
    run(async {
        let fetch = Scripted::new(Ok((200, r#"{"results":[{"fields":[],"rows":[]}]}"#)));
        assert!(matches!(sql(&fetch).batch(&select()).await, Err(SqlError::Protocol(_))));
    });
}

#[test]
fn sql_failures_are_sorted_as_on_a_socket() {
    run(async {
        let timeout = Scripted::new(Ok((400, r#"{"code":"57014","message":"canceling statement"}"#)));
        assert_eq!(sql(&timeout).batch(&select()).await, Err(SqlError::Timeout));
        let stopping = Scripted::new(Ok((400, r#"{"code":"57P01","message":"terminating"}"#)));
        assert_eq!(
            sql(&stopping).batch(&select()).await,
            Err(SqlError::Unreachable("57P01: terminating".to_owned()))
        );
        let late = Scripted::new(Err(FetchError::Timeout));
        assert_eq!(sql(&late).batch(&select()).await, Err(SqlError::Timeout));
        let gone = Scripted::new(Err(FetchError::Unreachable("gone".to_owned())));
        assert_eq!(
            sql(&gone).batch(&select()).await,
            Err(SqlError::Unreachable("gone".to_owned()))
        );
        assert_eq!(
            gone.asked.borrow().len(),
            1,
            "a batch that may have run is never sent again"
        );
    });
}

#[test]
fn a_pipeline_keeps_the_replies_beside_an_error() {
    run(async {
        let fetch = Scripted::new(Ok((200, r#"[{"result":1},{"error":"WRONGTYPE"},{"result":null}]"#)));
        let commands: [Command<'_>; 3] = [
            vec!["INCR".into(), "a".into()],
            vec!["INCR".into(), "l".into()],
            vec!["GET".into(), "n".into()],
        ];
        let replies = kv(&fetch).pipeline(&commands).await.unwrap();
        assert_eq!(
            replies,
            [Reply::Integer(1), Reply::Error("WRONGTYPE".to_owned()), Reply::Nil]
        );
    });
}

#[test]
fn kv_failures_are_told_apart() {
    run(async {
        let ping: [Command<'_>; 1] = [vec!["PING".into()]];
        let refused = Scripted::new(Ok((401, r#"{"error":"Unauthorized"}"#)));
        assert!(matches!(kv(&refused).pipeline(&ping).await, Err(KvError::Protocol(_))));
        let late = Scripted::new(Err(FetchError::Timeout));
        assert_eq!(kv(&late).pipeline(&ping).await, Err(KvError::Timeout));
        let gone = Scripted::new(Err(FetchError::Unreachable("gone".to_owned())));
        assert_eq!(
            kv(&gone).pipeline(&ping).await,
            Err(KvError::Unreachable("gone".to_owned()))
        );
    });
}

#[test]
fn nothing_to_do_asks_nobody() {
    run(async {
        let fetch = Scripted::new(Err(FetchError::Timeout));
        assert_eq!(sql(&fetch).batch(&[]).await, Ok(vec![]));
        assert_eq!(kv(&fetch).pipeline(&[]).await, Ok(vec![]));
        assert_eq!(fetch.asked.borrow().len(), 0);
    });
}
