//! Batches: their bytes, and their replies.

use super::server::{
    answer, auth_ok, complete, error, greeting, message, one_row, parsed_and_bound, ready, row, session, text_columns,
    writes,
};
use crate::host::{DatabaseError, Rows};
use crate::wire::pg::{Batch, BatchError, Field, PgError, ServerError, Session, StatementResult, Step, Transaction};

fn select(count: usize) -> Batch {
    let mut batch = Batch::new();
    for _ in 0..count {
        batch.push::<&str>("SELECT", &[]).unwrap();
    }
    batch
}

/// A session that is signed in and has just sent a batch of `count` statements.
fn busy(count: usize) -> Session {
    let mut session = session();
    session.submit(&select(count)).unwrap();
    writes(&mut session);
    session.feed(&[auth_ok(), greeting()].concat()).unwrap();
    assert_eq!(writes(&mut session), [select(count).to_bytes()]);
    session
}

fn done(session: &mut Session, reply: &[u8]) -> Vec<StatementResult> {
    match answer(session, reply) {
        Ok(Step::Done(Ok(results))) => results,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_has_these_bytes() {
    let mut batch = Batch::new();
    batch.push("SELECT $1::text, $2", &[Some("é"), None]).unwrap();
    batch.push::<&str>("", &[]).unwrap();
    assert_eq!(batch.len(), 2);
    let golden = [
        &b"P\0\0\0\x1b\0SELECT $1::text, $2\0\0\0"[..],
        b"B\0\0\0\x16\0\0\0\0\0\x02\0\0\0\x02\xc3\xa9\xff\xff\xff\xff\0\0",
        b"D\0\0\0\x06P\0",
        b"E\0\0\0\x09\0\0\0\0\0",
        b"P\0\0\0\x08\0\0\0\0",
        b"B\0\0\0\x0c\0\0\0\0\0\0\0\0",
        b"D\0\0\0\x06P\0",
        b"E\0\0\0\x09\0\0\0\0\0",
        b"S\0\0\0\x04",
    ];
    assert_eq!(batch.to_bytes(), golden.concat());
}

#[test]
fn an_empty_batch_is_a_sync() {
    assert_eq!(Batch::new().to_bytes(), &b"S\0\0\0\x04"[..]);
    assert!(Batch::new().is_empty());
    let mut session = busy(0);
    assert_eq!(done(&mut session, &ready(b'I')), []);
}

#[test]
fn what_cant_be_said_leaves_the_batch_as_it_was() {
    let mut batch = select(1);
    let before = batch.to_bytes();
    assert_eq!(batch.push::<&str>("SELECT '\0'", &[]), Err(BatchError::Nul));
    assert_eq!(batch.push("SELECT $1", &[Some("a\0b")]), Err(BatchError::Nul));
    assert_eq!(
        batch.push("SELECT", &vec![None::<&str>; 65_536]),
        Err(BatchError::TooManyParameters)
    );
    assert_eq!((batch.to_bytes(), batch.len()), (before, 1));
    batch.push("SELECT", &vec![None::<&str>; 65_535]).unwrap();
}

#[test]
fn debug_shows_no_value() {
    let mut batch = Batch::new();
    batch.push("SELECT $1", &[Some("hunter2")]).unwrap();
    assert!(!format!("{batch:?}").contains("hunter2"));
}

#[test]
fn every_statement_has_its_result() {
    let mut session = busy(5);
    let rows = [
        parsed_and_bound(),
        text_columns(&["a", "b"]),
        row(&[Some(b"1"), None]),
        row(&[Some("é🦀".as_bytes()), Some(b"")]),
        complete("SELECT 2"),
    ];
    let none = [parsed_and_bound(), text_columns(&["a"]), complete("SELECT 0")];
    let update = [parsed_and_bound(), message(b'n', b""), complete("UPDATE 3")];
    let create = [parsed_and_bound(), message(b'n', b""), complete("CREATE TABLE")];
    let empty = [parsed_and_bound(), message(b'n', b""), message(b'I', b"")];
    let reply = [
        rows.concat(),
        none.concat(),
        update.concat(),
        create.concat(),
        empty.concat(),
        ready(b'I'),
    ]
    .concat();
    let results = done(&mut session, &reply);
    let text = |value: &str| Some(value.to_owned());
    assert_eq!(results[0].rows, [[text("1"), None], [text("é🦀"), text("")]]);
    let tags: Vec<_> = results
        .iter()
        .map(|r| (r.tag.as_str(), r.command(), r.count()))
        .collect();
    assert_eq!(
        tags,
        [
            ("SELECT 2", "SELECT", Some(2)),
            ("SELECT 0", "SELECT", Some(0)),
            ("UPDATE 3", "UPDATE", Some(3)),
            ("CREATE TABLE", "CREATE TABLE", None),
            ("", "", None),
        ]
    );
    let rows: Vec<Rows> = results.into_iter().map(Rows::from).collect();
    assert_eq!(rows[0].columns, ["a", "b"]);
    assert_eq!(
        rows[1],
        Rows {
            columns: vec!["a".to_owned()],
            rows: vec![],
            affected: 0
        }
    );
    assert_eq!(
        rows[2],
        Rows {
            columns: vec![],
            rows: vec![],
            affected: 3
        }
    );
    assert_eq!(rows[3], Rows::default());
}

#[test]
fn an_insert_counts_its_last_number() {
    let result = StatementResult {
        tag: "INSERT 0 12".to_owned(),
        ..StatementResult::default()
    };
    assert_eq!((result.command(), result.count()), ("INSERT", Some(12)));
}

#[test]
fn a_column_keeps_all_that_is_said_of_it() {
    let body = b"\0\x01id\0\0\0\x04\xd2\0\x03\0\0\x04\x13\xff\xff\0\0\0\x24\0\0";
    let mut session = busy(1);
    let reply = [
        parsed_and_bound(),
        message(b'T', body),
        complete("SELECT 0"),
        ready(b'I'),
    ]
    .concat();
    let field = Field {
        name: "id".to_owned(),
        table_oid: 1234,
        column_id: 3,
        type_oid: 1043,
        type_size: -1,
        type_modifier: 36,
        format: 0,
    };
    assert_eq!(done(&mut session, &reply)[0].fields, [field]);
}

#[test]
fn an_error_keeps_all_its_fields_and_the_session_goes_on() {
    let fields: Vec<(u8, &str)> = vec![
        (b'S', "FEHLER"),
        (b'V', "ERROR"),
        (b'C', "23505"),
        (b'M', "duplicate key"),
        (b'D', "detail"),
        (b'H', "hint"),
        (b'P', "1"),
        (b'p', "2"),
        (b'q', "query"),
        (b'W', "where"),
        (b's', "public"),
        (b't', "users"),
        (b'c', "email"),
        (b'd', "type"),
        (b'n', "users_email_key"),
        (b'F', "file.c"),
        (b'L', "3"),
        (b'R', "routine"),
        (b'?', "of the future"),
    ];
    let mut session = busy(3);
    let reply = [one_row("x"), message(b'1', b""), error(&fields), ready(b'I')].concat();
    let Ok(Step::Done(Err(error))) = answer(&mut session, &reply) else {
        panic!("no error")
    };
    let text = |value: &str| Some(value.to_owned());
    let expected = ServerError {
        severity: "ERROR".to_owned(),
        code: "23505".to_owned(),
        message: "duplicate key".to_owned(),
        detail: text("detail"),
        hint: text("hint"),
        position: text("1"),
        internal_position: text("2"),
        internal_query: text("query"),
        context: text("where"),
        schema: text("public"),
        table: text("users"),
        column: text("email"),
        data_type: text("type"),
        constraint: text("users_email_key"),
        file: text("file.c"),
        line: text("3"),
        routine: text("routine"),
    };
    assert_eq!(*error, expected);
    let projected = DatabaseError {
        code: "23505".to_owned(),
        message: "duplicate key".to_owned(),
        constraint: text("users_email_key"),
        table: text("users"),
    };
    assert_eq!(DatabaseError::from(*error), projected);

    session.submit(&select(1)).unwrap();
    assert_eq!(writes(&mut session), [select(1).to_bytes()]);
    assert_eq!(done(&mut session, &[one_row("y"), ready(b'I')].concat()).len(), 1);
}

#[test]
fn an_error_at_the_commit_undoes_what_was_answered_before() {
    // A deferred constraint fails at the Sync, behind the last CommandComplete.
    let mut session = busy(1);
    let late = error(&[(b'S', "ERROR"), (b'C', "23503"), (b'M', "late")]);
    let Ok(Step::Done(Err(error))) = answer(&mut session, &[one_row("x"), late, ready(b'I')].concat()) else {
        panic!("no error")
    };
    assert_eq!(error.code, "23503");
}

#[test]
fn a_fatal_error_ends_the_session() {
    for severity in ["FATAL", "PANIC"] {
        let mut session = busy(1);
        let fatal = error(&[
            (b'S', "X"),
            (b'V', severity),
            (b'C', "57P01"),
            (b'M', "terminating connection"),
        ]);
        assert!(matches!(answer(&mut session, &fatal), Err(PgError::Server(error)) if error.code == "57P01"));
        assert_eq!(session.submit(&select(1)), Err(PgError::Unusable));
    }
}

#[test]
fn a_fatal_error_between_batches_is_told_at_the_next() {
    let mut session = busy(1);
    done(&mut session, &[one_row("x"), ready(b'I')].concat());
    session
        .feed(&error(&[(b'S', "FATAL"), (b'C', "57P01"), (b'M', "bye")]))
        .unwrap();
    session.submit(&select(1)).unwrap();
    assert!(matches!(session.step(), Ok(Step::Write(_))));
    assert!(matches!(session.step(), Err(PgError::Server(error)) if error.code == "57P01"));
}

#[test]
fn what_comes_at_any_time_is_ignored() {
    let notice = message(b'N', b"SNOTICE\0C00000\0Mhello\0\0");
    let status = message(b'S', b"TimeZone\0UTC\0");
    let notification = message(b'A', b"\0\0\0\x07channel\0payload\0");
    let interjections = [notice, status, notification].concat();
    let mut session = session();
    session.submit(&select(1)).unwrap();
    let (parsed, bound) = (message(b'1', b""), message(b'2', b""));
    let script = [
        auth_ok(),
        greeting(),
        parsed,
        bound,
        text_columns(&["a"]),
        row(&[None]),
        complete("SELECT 1"),
    ];
    let mut noisy = interjections.clone();
    for part in script {
        noisy.extend(part);
        noisy.extend(&interjections);
    }
    noisy.extend(ready(b'I'));
    assert_eq!(done(&mut session, &noisy)[0].rows, [[None]]);
}

#[test]
fn the_transaction_is_known() {
    let mut session = busy(1);
    assert_eq!(session.transaction(), Transaction::None);
    for (status, expected) in [
        (b'T', Transaction::Open),
        (b'E', Transaction::Failed),
        (b'I', Transaction::None),
    ] {
        done(&mut session, &[one_row("x"), ready(status)].concat());
        assert_eq!(session.transaction(), expected);
        session.submit(&select(1)).unwrap();
    }
    assert!(matches!(
        answer(&mut session, &[one_row("x"), ready(b'?')].concat()),
        Err(PgError::Protocol(_))
    ));
}

#[test]
fn one_batch_at_a_time() {
    let mut session = busy(1);
    assert!(!session.is_ready());
    assert_eq!(session.submit(&select(1)), Err(PgError::Unusable));
}

#[test]
fn a_reply_may_come_in_any_pieces() {
    let reply = [auth_ok(), greeting(), one_row("é🦀"), one_row("b"), ready(b'I')].concat();
    for size in 1..reply.len() {
        let mut session = session();
        session.submit(&select(2)).unwrap();
        let mut last = None;
        for piece in reply.chunks(size) {
            assert!(matches!(last, None | Some(Step::Read)), "done before the end");
            last = Some(answer(&mut session, piece).unwrap());
        }
        let Some(Step::Done(Ok(results))) = last else {
            panic!("pieces of {size}: {last:?}")
        };
        assert_eq!(results[0].rows, [[Some("é🦀".to_owned())]]);
    }
}
