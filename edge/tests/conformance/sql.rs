//! What every adapter of `Sql` does alike.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use doorward_edge::host::{DatabaseError, Rows, Sql, SqlError, Statement};
use futures_util::future::{LocalBoxFuture, join_all};

use crate::adapter::{Adapter, AnySql};

/// A case, run once with each adapter.
pub(crate) type Case = for<'a> fn(&'a Adapter) -> LocalBoxFuture<'a, ()>;

macro_rules! cases {
    ($visibility:vis $list:ident: $type:ty = $($case:ident),* $(,)?) => {
        $visibility const $list: &[(&str, $type)] = &[$((stringify!($case), |with| Box::pin($case(with)))),*];
    };
}
pub(crate) use cases;

cases! { pub(crate) CASES: Case =
    values_survive,
    text_survives,
    the_roles_settings_dont_show,
    columns_and_counts_are_told,
    results_come_in_order,
    nothing_is_nothing,
    a_batch_is_one_transaction,
    a_failed_batch_is_rolled_back_whole,
    a_failure_at_the_commit_rolls_back_whole,
    violations_carry_their_constraint,
    refusals_carry_their_sqlstate,
    a_slow_statement_times_out,
    settings_end_with_the_batch,
    large_values_and_many_rows_survive,
    a_guarded_statement_is_won_once,
    a_zero_byte_is_refused,
    copy_is_refused,
}

pub(crate) fn statement(text: &'static str, params: &[Option<&str>]) -> Statement<'static> {
    let params = params
        .iter()
        .map(|value| value.map(|value| Cow::Owned(value.to_owned())))
        .collect();
    Statement {
        name: "conformance",
        text,
        params,
    }
}

/// Runs one statement.
pub(crate) async fn one(sql: &AnySql, text: &'static str, params: &[Option<&str>]) -> Result<Rows, SqlError> {
    let mut results = sql.batch(&[statement(text, params)]).await?;
    assert_eq!(results.len(), 1);
    Ok(results.remove(0))
}

/// The only value of the only row.
pub(crate) async fn value(sql: &AnySql, text: &'static str, params: &[Option<&str>]) -> Option<String> {
    let rows = one(sql, text, params).await.unwrap();
    assert_eq!((rows.rows.len(), rows.columns.len()), (1, 1), "{text}: {rows:?}");
    rows.rows[0][0].clone()
}

async fn refusal(sql: &AnySql, text: &'static str, params: &[Option<&str>]) -> DatabaseError {
    match one(sql, text, params).await {
        Err(SqlError::Database(error)) => error,
        other => panic!("{text}: {other:?}"),
    }
}

async fn values_survive(adapter: &Adapter) {
    let sql = adapter.sql();
    for (text, given, expected) in [
        ("SELECT $1::text", None, None),
        ("SELECT $1::text", Some(""), Some("")),
        ("SELECT $1::text::int", Some("-2147483648"), Some("-2147483648")),
        (
            "SELECT $1::text::bigint",
            Some("9223372036854775807"),
            Some("9223372036854775807"),
        ),
        (
            "SELECT $1::text::numeric",
            Some("12345678901234567890.012345678900"),
            Some("12345678901234567890.012345678900"),
        ),
        ("SELECT $1::text::float8", Some("0.1"), Some("0.1")),
        ("SELECT $1::text::float8", Some("NaN"), Some("NaN")),
        ("SELECT $1::text::boolean", Some("true"), Some("t")),
        (
            "SELECT $1::text::uuid",
            Some("0191B6C0-0000-7000-8000-00000000000F"),
            Some("0191b6c0-0000-7000-8000-00000000000f"),
        ),
        ("SELECT $1::text::bytea", Some("\\x00ff5c27e9"), Some("\\x00ff5c27e9")),
        (
            "SELECT $1::text::timestamptz",
            Some("2026-11-20T18:30:00.123456+05:45"),
            Some("2026-11-20 12:45:00.123456+00"),
        ),
        ("SELECT $1::text::date", Some("2026-11-20"), Some("2026-11-20")),
        (
            "SELECT $1::text::jsonb",
            Some(r#"{"b": [1, null, "é\"\\🦀"], "a": 1.10}"#),
            Some(r#"{"a": 1.10, "b": [1, null, "é\"\\🦀"]}"#),
        ),
        (
            "SELECT $1::text::text[]",
            Some(r#"{a,"b,\"c\\",NULL,"NULL","",é🦀}"#),
            Some(r#"{a,"b,\"c\\",NULL,"NULL","",é🦀}"#),
        ),
        ("SELECT $1::text::int[]", Some("{{1,2},{3,4}}"), Some("{{1,2},{3,4}}")),
        ("SELECT $1::text::int[]", Some("{}"), Some("{}")),
    ] {
        assert_eq!(
            value(&sql, text, &[given]).await.as_deref(),
            expected,
            "{text} of {given:?}"
        );
    }
    let bytes = (0..=255).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    assert_eq!(
        value(
            &sql,
            "SELECT encode($1::text::bytea, 'hex')",
            &[Some(&format!("\\x{bytes}"))]
        )
        .await,
        Some(bytes)
    );
}

async fn text_survives(adapter: &Adapter) {
    let sql = adapter.sql();
    for text in [
        "plain",
        "'; DROP TABLE users; --",
        "back\\slash \"quotes\" 'single' $1 %s",
        "line\nfeed\ttab\rreturn",
        "\u{1}\u{1f}\u{7f}",
        "é e\u{301} ß ﷽ 漢字 שלום 🦀 👩‍👩‍👧 \u{10ffff}",
        "\u{2028}\u{2029}\u{feff}",
    ] {
        assert_eq!(
            value(&sql, "SELECT $1::text", &[Some(text)]).await.as_deref(),
            Some(text)
        );
        let bytes = value(&sql, "SELECT octet_length($1::text)::text", &[Some(text)]).await;
        assert_eq!(
            bytes,
            Some(text.len().to_string()),
            "{text:?} reached the server as it is"
        );
    }
}

async fn the_roles_settings_dont_show(adapter: &Adapter) {
    let sql = adapter.sql();
    let role = value(
        &sql,
        "SELECT string_agg(setting, ' ' ORDER BY setting) FROM pg_db_role_setting, unnest(setconfig) setting \
         WHERE setrole = current_user::text::regrole",
        &[],
    )
    .await;
    assert_eq!(
        role.as_deref(),
        Some("DateStyle=German TimeZone=Asia/Kathmandu bytea_output=escape")
    );
    let text = "SELECT concat_ws('|', '2026-01-02 03:04:05Z'::timestamptz, '\\x41ff'::bytea, '2026-01-02'::date)";
    assert_eq!(
        value(&sql, text, &[]).await.as_deref(),
        Some("2026-01-02 03:04:05+00|\\x41ff|2026-01-02")
    );
}

async fn columns_and_counts_are_told(adapter: &Adapter) {
    let sql = adapter.sql();
    let results = sql
        .batch(&[
            statement("CREATE TABLE counted (id int PRIMARY KEY, \"Ünïcode name\" text)", &[]),
            statement("INSERT INTO counted SELECT n FROM generate_series(1, 5) n", &[]),
            statement(
                "UPDATE counted SET \"Ünïcode name\" = 'x' WHERE id <= $1::text::int",
                &[Some("3")],
            ),
            statement(
                "DELETE FROM counted WHERE id = $1::text::int RETURNING id, \"Ünïcode name\"",
                &[Some("4")],
            ),
            statement("SELECT * FROM counted WHERE id > $1::text::int", &[Some("5")]),
            statement("SELECT id AS a, id AS a FROM counted ORDER BY id LIMIT 2", &[]),
        ])
        .await
        .unwrap();
    let text = |value: &str| Some(value.to_owned());
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(results[0], Rows::default());
    assert_eq!(
        results[1],
        Rows {
            affected: 5,
            ..Rows::default()
        }
    );
    assert_eq!(
        results[2],
        Rows {
            affected: 3,
            ..Rows::default()
        }
    );
    let deleted = Rows {
        columns: names(&["id", "Ünïcode name"]),
        rows: vec![vec![text("4"), None]],
        affected: 1,
    };
    assert_eq!(results[3], deleted);
    assert_eq!(
        results[4],
        Rows {
            columns: names(&["id", "Ünïcode name"]),
            rows: vec![],
            affected: 0
        }
    );
    let twice = vec![vec![text("1"), text("1")], vec![text("2"), text("2")]];
    assert_eq!(
        results[5],
        Rows {
            columns: names(&["a", "a"]),
            rows: twice,
            affected: 2
        }
    );
}

async fn results_come_in_order(adapter: &Adapter) {
    let numbers: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let statements: Vec<_> = numbers
        .iter()
        .map(|number| statement("SELECT $1::text", &[Some(number)]))
        .collect();
    let results = adapter.sql().batch(&statements).await.unwrap();
    let answers: Vec<_> = results
        .into_iter()
        .map(|mut rows| rows.rows.remove(0).remove(0).unwrap())
        .collect();
    assert_eq!(answers, numbers);
}

async fn nothing_is_nothing(adapter: &Adapter) {
    assert_eq!(adapter.sql().batch(&[]).await, Ok(vec![]));
}

async fn a_batch_is_one_transaction(adapter: &Adapter) {
    let sql = adapter.sql();
    let id = || statement("SELECT pg_current_xact_id()::text", &[]);
    let level = || statement("SHOW transaction_isolation", &[]);
    let first = sql.batch(&[id(), id(), level()]).await.unwrap();
    assert_eq!(first[0].rows, first[1].rows);
    assert_eq!(first[2].rows, [[Some("read committed".to_owned())]]);
    let second = sql.batch(&[id()]).await.unwrap();
    assert_ne!(first[0].rows, second[0].rows);
}

async fn a_failed_batch_is_rolled_back_whole(adapter: &Adapter) {
    let sql = adapter.sql();
    one(&sql, "CREATE TABLE whole (id int PRIMARY KEY)", &[]).await.unwrap();
    let insert = |id| statement("INSERT INTO whole VALUES ($1::text::int)", &[Some(id)]);
    for batch in [
        [insert("1"), insert("2"), insert("1")],
        [
            insert("1"),
            statement("SELECT 1 / $1::text::int", &[Some("0")]),
            insert("2"),
        ],
        [insert("1"), insert("2"), statement("SELECT nonsense", &[])],
        [insert("1"), insert("2"), statement("THIS IS NO SQL", &[])],
    ] {
        let result = sql.batch(&batch).await;
        assert!(matches!(result, Err(SqlError::Database(_))), "{result:?}");
        assert_eq!(
            value(&sql, "SELECT count(*)::text FROM whole", &[]).await.as_deref(),
            Some("0")
        );
    }
    sql.batch(&[insert("1"), insert("2")]).await.unwrap();
    assert_eq!(
        value(&adapter.sql(), "SELECT count(*)::text FROM whole", &[])
            .await
            .as_deref(),
        Some("2")
    );
}

async fn a_failure_at_the_commit_rolls_back_whole(adapter: &Adapter) {
    let sql = adapter.sql();
    sql.batch(&[
        statement("CREATE TABLE parents (id int PRIMARY KEY)", &[]),
        statement(
            "CREATE TABLE children (parent int CONSTRAINT children_parent REFERENCES parents DEFERRABLE INITIALLY DEFERRED)",
            &[],
        ),
    ])
    .await
    .unwrap();
    let orphan = [
        statement("INSERT INTO children VALUES (7)", &[]),
        statement("SELECT count(*) FROM children", &[]),
    ];
    let Err(SqlError::Database(error)) = sql.batch(&orphan).await else {
        panic!("an orphan was committed")
    };
    assert_eq!(
        (error.code.as_str(), error.constraint.as_deref()),
        ("23503", Some("children_parent"))
    );
    assert_eq!(
        value(&sql, "SELECT count(*)::text FROM children", &[]).await.as_deref(),
        Some("0")
    );
}

async fn violations_carry_their_constraint(adapter: &Adapter) {
    let sql = adapter.sql();
    sql.batch(&[
        statement("CREATE TABLE owners (id int PRIMARY KEY)", &[]),
        statement(
            "CREATE TABLE things (owner int CONSTRAINT things_owner REFERENCES owners, \
             name text NOT NULL CONSTRAINT things_name UNIQUE, size int CONSTRAINT things_size CHECK (size > 0))",
            &[],
        ),
        statement("INSERT INTO things VALUES (NULL, 'taken', 1)", &[]),
    ])
    .await
    .unwrap();
    for (text, code, constraint) in [
        (
            "INSERT INTO things VALUES (NULL, 'taken', 1)",
            "23505",
            Some("things_name"),
        ),
        ("INSERT INTO things VALUES (7, 'a', 1)", "23503", Some("things_owner")),
        ("INSERT INTO things VALUES (NULL, 'a', 0)", "23514", Some("things_size")),
        ("INSERT INTO things VALUES (NULL, NULL, 1)", "23502", None),
    ] {
        let error = refusal(&sql, text, &[]).await;
        assert_eq!(
            (error.code.as_str(), error.table.as_deref()),
            (code, Some("things")),
            "{error:?}"
        );
        // A NOT NULL is a constraint with a name in the catalogue, but the server doesn't say it.
        assert_eq!(error.constraint.as_deref(), constraint, "{error:?}");
        assert!(!error.message.is_empty());
    }
}

async fn refusals_carry_their_sqlstate(adapter: &Adapter) {
    let sql = adapter.sql();
    for (text, params, code) in [
        ("SELECT $1::text::uuid", &[Some("no uuid")][..], "22P02"),
        ("SELECT 1 / $1::text::int", &[Some("0")], "22012"),
        ("SELECT FROM WHERE", &[], "42601"),
        ("SELECT 1; SELECT 2", &[], "42601"),
        ("SELECT * FROM no_such_table", &[], "42P01"),
        ("SELECT $1::text", &[], "08P01"),
        ("CREATE ROLE conformance_upstart", &[], "42501"),
    ] {
        assert_eq!(refusal(&sql, text, params).await.code, code, "{text}");
        assert_eq!(
            value(&sql, "SELECT 'still here'", &[]).await.as_deref(),
            Some("still here")
        );
    }
}

async fn a_slow_statement_times_out(adapter: &Adapter) {
    one(&adapter.sql(), "CREATE TABLE slow (id int)", &[]).await.unwrap();
    let sql = adapter.with_timeout(Duration::from_millis(200));
    let start = Instant::now();
    let result = sql
        .batch(&[
            statement("INSERT INTO slow VALUES (1)", &[]),
            statement("SELECT pg_sleep(30)", &[]),
        ])
        .await;
    assert_eq!(result, Err(SqlError::Timeout));
    assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert_eq!(
        value(&sql, "SELECT count(*)::text FROM slow", &[]).await.as_deref(),
        Some("0")
    );
}

async fn settings_end_with_the_batch(adapter: &Adapter) {
    let sql = adapter.with_timeout(Duration::from_millis(12_345));
    let timeout = "SELECT current_setting('statement_timeout')";
    assert_eq!(value(&sql, timeout, &[]).await.as_deref(), Some("12345ms"));
    assert_eq!(value(&adapter.sql(), timeout, &[]).await.as_deref(), Some("20s"));
    value(&sql, "SELECT set_config('doorward.note', 'mine', true)", &[]).await;
    let note = value(&sql, "SELECT current_setting('doorward.note', true)", &[]).await;
    assert_eq!(note.as_deref().unwrap_or_default(), "");
}

async fn large_values_and_many_rows_survive(adapter: &Adapter) {
    let sql = adapter.sql();
    let large: String = "0123456789abcd\u{e9}".repeat(1 << 16);
    let results = sql
        .batch(&[
            statement("SELECT md5($1::text), $1::text", &[Some(&large)]),
            statement("SELECT n::text, repeat('x', 100) FROM generate_series(1, 20000) n", &[]),
            statement("SELECT md5($1::text), $1::text", &[Some(&large)]),
        ])
        .await
        .unwrap();
    assert_eq!(results[0], results[2]);
    assert_eq!(results[0].rows[0][1].as_deref(), Some(large.as_str()));
    assert_eq!(results[1].rows.len(), 20_000);
    for (index, row) in results[1].rows.iter().enumerate() {
        assert_eq!(row[0], Some((index + 1).to_string()));
        assert_eq!(row[1].as_deref().map(str::len), Some(100));
    }
}

async fn a_guarded_statement_is_won_once(adapter: &Adapter) {
    let sql = adapter.sql();
    sql.batch(&[
        statement("CREATE TABLE secrets (id int PRIMARY KEY, used_by text)", &[]),
        statement("INSERT INTO secrets VALUES (1)", &[]),
    ])
    .await
    .unwrap();
    let consume = async |name: String| {
        let text = "UPDATE secrets SET used_by = $1::text WHERE id = 1 AND used_by IS NULL RETURNING used_by";
        one(&adapter.sql(), text, &[Some(&name)]).await.unwrap().rows
    };
    let answers = join_all((0..16).map(|number| consume(number.to_string()))).await;
    let won: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!(value(&sql, "SELECT used_by FROM secrets", &[]).await, won[0][0]);
}

async fn a_zero_byte_is_refused(adapter: &Adapter) {
    let sql = adapter.sql();
    assert_eq!(refusal(&sql, "SELECT $1::text", &[Some("a\0b")]).await.code, "22021");
    assert_eq!(
        value(&sql, "SELECT $1::text", &[Some("ab")]).await.as_deref(),
        Some("ab")
    );
}

async fn copy_is_refused(adapter: &Adapter) {
    let sql = adapter.sql();
    one(&sql, "CREATE TABLE copied (id int)", &[]).await.unwrap();
    let insert = || statement("INSERT INTO copied VALUES (1)", &[]);
    let result = sql.batch(&[insert(), statement("COPY copied FROM STDIN", &[])]).await;
    assert!(result.is_err(), "{result:?}");
    assert_eq!(
        value(&sql, "SELECT count(*)::text FROM copied", &[]).await.as_deref(),
        Some("0")
    );
    let result = sql.batch(&[statement("COPY copied TO STDOUT", &[])]).await;
    assert!(result.is_err(), "{result:?}");
    assert_eq!(
        value(&sql, "SELECT 'still here'", &[]).await.as_deref(),
        Some("still here")
    );
}
