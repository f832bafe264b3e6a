//! The adapter's connections: when they are made, kept, and given up.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use doorward_core::unicode::TABLES;
use tokio::join;

use super::super::pg_sql::{PgConfig, PgSql};
use super::super::within;
use super::peer::{Streams, reply, run};
use crate::host::{Rows, Sql, SqlError, Statement};
use crate::wire::pg::tests::server::{auth, auth_ok, error, greeting, one_row, ready};
use crate::wire::pg::{Assume, Limits, Login};

fn sql(streams: &Streams, login: Login) -> PgSql<&Streams> {
    let config = PgConfig {
        login,
        limits: Limits::default(),
        statement_timeout: Duration::from_secs(5),
    };
    PgSql::new(streams, Rc::new(config))
}

fn login() -> Login {
    Login::new("app", "door").password("secret", TABLES)
}

fn select() -> [Statement<'static>; 1] {
    [Statement {
        name: "test",
        text: "SELECT $1::text AS a",
        params: vec![Some(Cow::Borrowed("x"))],
    }]
}

async fn ask(sql: &PgSql<&Streams>) -> Result<Vec<Rows>, SqlError> {
    sql.batch(&select()).await
}

fn rows(value: &str) -> Vec<Rows> {
    vec![Rows {
        columns: vec!["a".to_owned()],
        rows: vec![vec![Some(value.to_owned())]],
        affected: 1,
    }]
}

#[test]
fn batches_share_one_connection_and_lose_the_preludes_result() {
    run(async {
        let streams = Streams::default();
        let mut server = streams.server();
        let sql = sql(&streams, login());
        assert_eq!(streams.asked.get(), 0, "nothing is connected before the first batch");
        let serve = async {
            server.let_in().await;
            server.serve("one").await;
            server.serve("two").await;
        };
        let client = async {
            assert_eq!(ask(&sql).await, Ok(rows("one")));
            assert_eq!(ask(&sql).await, Ok(rows("two")));
        };
        join!(serve, client);
        assert_eq!(streams.asked.get(), 1);
    });
}

#[test]
fn nothing_to_do_needs_no_connection() {
    run(async {
        let streams = Streams::default();
        assert_eq!(sql(&streams, login()).batch(&[]).await, Ok(vec![]));
        assert_eq!(streams.asked.get(), 0);
    });
}

#[test]
fn a_connection_that_fails_is_tried_twice() {
    run(async {
        let streams = Streams::default();
        streams.refusal();
        let mut server = streams.server();
        let sql = sql(&streams, login());
        let serve = async {
            server.let_in().await;
            server.serve("one").await;
        };
        let (result, ()) = join!(ask(&sql), serve);
        assert_eq!(result, Ok(rows("one")));

        let streams = Streams::default();
        streams.refusal();
        streams.refusal();
        let _unasked = streams.server();
        let result = ask(&self::sql(&streams, login())).await;
        assert_eq!(result, Err(SqlError::Unreachable("refused".to_owned())));
        assert_eq!(streams.asked.get(), 2);
    });
}

#[test]
fn a_batch_that_may_have_run_is_never_sent_again() {
    run(async {
        let whole = [auth_ok(), greeting(), reply("one")].concat();
        for length in 0..whole.len() {
            let streams = Streams::default();
            let mut server = streams.server();
            let _second = streams.server();
            let sql = sql(&streams, login().assume(Assume::Trust));
            let serve = async {
                server.startup().await;
                server.batch().await;
                server.say(&whole[..length]).await;
                drop(server);
            };
            let (result, ()) = join!(ask(&sql), serve);
            assert!(
                matches!(result, Err(SqlError::Unreachable(_))),
                "cut at {length}: {result:?}"
            );
            assert_eq!(streams.asked.get(), 1, "cut at {length}");
        }
    });
}

#[test]
fn a_broken_connection_is_replaced_at_the_next_batch() {
    run(async {
        let streams = Streams::default();
        let (mut first, mut second) = (streams.server(), streams.server());
        let sql = sql(&streams, login());
        let serve = async {
            first.let_in().await;
            first.batch().await;
            drop(first);
            second.let_in().await;
            second.serve("two").await;
        };
        let client = async {
            assert!(matches!(ask(&sql).await, Err(SqlError::Unreachable(_))));
            assert_eq!(ask(&sql).await, Ok(rows("two")));
        };
        join!(serve, client);
    });
}

#[test]
fn a_refused_batch_keeps_its_connection() {
    run(async {
        let streams = Streams::default();
        let mut server = streams.server();
        let sql = sql(&streams, login());
        let refusal = error(&[
            (b'S', "ERROR"),
            (b'C', "23505"),
            (b'M', "no"),
            (b'n', "users_email_key"),
        ]);
        let serve = async {
            server.let_in().await;
            server.batch().await;
            server.say(&[one_row("prelude"), refusal, ready(b'I')].concat()).await;
            server.serve("two").await;
        };
        let client = async {
            let Err(SqlError::Database(error)) = ask(&sql).await else {
                panic!("not refused")
            };
            assert_eq!(
                (error.code.as_str(), error.constraint.as_deref()),
                ("23505", Some("users_email_key"))
            );
            assert_eq!(ask(&sql).await, Ok(rows("two")));
        };
        join!(serve, client);
    });
}

#[test]
fn a_server_that_goes_down_is_unreachable() {
    run(async {
        let streams = Streams::default();
        let mut server = streams.server();
        let sql = sql(&streams, login());
        let serve = async {
            server.let_in().await;
            server.batch().await;
            server
                .say(&error(&[(b'S', "FATAL"), (b'C', "57P01"), (b'M', "terminating")]))
                .await;
        };
        let (result, ()) = join!(ask(&sql), serve);
        assert_eq!(result, Err(SqlError::Unreachable("57P01: terminating".to_owned())));
    });
}

#[test]
fn a_wrong_assumption_costs_a_connection_and_no_more() {
    run(async {
        let streams = Streams::default();
        let (mut first, mut second) = (streams.server(), streams.server());
        let sql = sql(&streams, login().assume(Assume::Trust));
        let serve = async {
            first.startup().await;
            first.say(&auth(3, b"")).await;
            second.startup().await;
            second.say(&[auth(3, b""), auth_ok(), greeting()].concat()).await;
            assert_eq!(second.batch().await, "pPBDEPBDES");
            second.say(&reply("one")).await;
        };
        let (result, ()) = join!(ask(&sql), serve);
        assert_eq!(result, Ok(rows("one")));
    });
}

#[test]
fn silence_is_a_timeout_and_takes_the_connection_with_it() {
    run(async {
        let streams = Streams::default();
        let (mut first, mut second) = (streams.server(), streams.server());
        let sql = sql(&streams, login());
        first.say(&[auth_ok(), greeting()].concat()).await;
        // The deadline falls once the batch has been read and nothing more will come.
        let read = async {
            first.startup().await;
            first.batch().await;
        };
        assert_eq!(within(read, ask(&sql)).await, Err(SqlError::Timeout));
        let serve = async {
            second.let_in().await;
            second.serve("two").await;
        };
        let (result, ()) = join!(ask(&sql), serve);
        assert_eq!(result, Ok(rows("two")));
    });
}

#[test]
fn two_batches_at_once_have_two_connections() {
    run(async {
        let streams = Streams::default();
        let (mut first, mut second) = (streams.server(), streams.server());
        let sql = sql(&streams, login());
        let serve = async {
            // Both are under way before either is answered.
            first.let_in().await;
            second.let_in().await;
            first.batch().await;
            second.batch().await;
            second.say(&reply("two")).await;
            first.say(&reply("one")).await;
        };
        let (one, two, ()) = join!(ask(&sql), ask(&sql), serve);
        assert_eq!((one, two), (Ok(rows("one")), Ok(rows("two"))));
        assert_eq!(streams.asked.get(), 2);
    });
}

#[test]
fn a_zero_byte_is_refused_as_postgres_would_and_costs_nothing() {
    run(async {
        let streams = Streams::default();
        let statement = Statement {
            name: "test",
            text: "SELECT $1",
            params: vec![Some(Cow::Borrowed("a\0b"))],
        };
        let Err(SqlError::Database(error)) = sql(&streams, login()).batch(&[statement]).await else {
            panic!("not refused")
        };
        assert_eq!(error.code, "22021");
        assert_eq!(streams.asked.get(), 0);
    });
}
