//! Servers that cut, lie, flood and stammer: always an error, never a panic, a hang or a hoard.

use doorward_core::unicode::TABLES;

use super::server::{
    answer, auth_ok, complete, error, greeting, message, one_row, parsed_and_bound, ready, row, session, text_columns,
};
use crate::wire::pg::{Assume, Batch, Limits, Login, PgError, Session, Step};

fn batch(count: usize) -> Batch {
    let mut batch = Batch::new();
    for _ in 0..count {
        batch.push::<&str>("SELECT", &[]).unwrap();
    }
    batch
}

/// A server's whole side of a batch of two statements, without a password.
fn transcript() -> Vec<u8> {
    [auth_ok(), greeting(), one_row("first"), one_row("second"), ready(b'I')].concat()
}

fn fresh(limits: Limits) -> Session {
    let mut session = Session::new(Login::new("app", "door").password("secret", TABLES), limits);
    session.submit(&batch(2)).unwrap();
    session
}

/// What a session says to a reply of the server, sign-in excepted, to a batch of one statement.
fn reply(bytes: &[u8]) -> Result<Step, PgError> {
    let mut session = session();
    session.submit(&batch(1)).unwrap();
    assert_eq!(answer(&mut session, &[auth_ok(), greeting()].concat()), Ok(Step::Read));
    answer(&mut session, bytes)
}

fn is_protocol_error(result: &Result<Step, PgError>) -> bool {
    matches!(result, Err(PgError::Protocol(_)))
}

#[test]
fn a_reply_cut_anywhere_is_an_error() {
    let whole = transcript();
    for length in 0..whole.len() {
        let mut session = fresh(Limits::default());
        assert_eq!(answer(&mut session, &whole[..length]), Ok(Step::Read), "at {length}");
        assert_eq!(session.closed(), PgError::Cut);
        assert_eq!(session.feed(&whole[length..]), Err(PgError::Unusable));
        assert_eq!(session.submit(&batch(1)), Err(PgError::Unusable));
    }
    assert!(matches!(
        answer(&mut fresh(Limits::default()), &whole),
        Ok(Step::Done(Ok(_)))
    ));
}

#[test]
fn a_message_over_the_limit_is_refused_by_its_header() {
    let limits = Limits {
        message: 1000,
        reply: 10_000,
    };
    for (length, refused) in [
        (1000_u32, false),
        (1001, true),
        (0x7fff_ffff, true),
        (0x8000_0000, true),
        (u32::MAX, true),
        (3, true),
        (0, true),
    ] {
        let mut session = fresh(limits);
        let header = [&b"S"[..], &length.to_be_bytes()].concat();
        assert_eq!(is_protocol_error(&answer(&mut session, &header)), refused, "{length}");
    }
}

#[test]
fn a_reply_over_the_limit_is_refused() {
    let limits = Limits {
        message: 1000,
        reply: 10_000,
    };
    let start = [auth_ok(), greeting(), parsed_and_bound()].concat();
    let row_of = |size: usize| row(&[Some(&vec![b'x'; size])]);
    for (name, columns, flood) in [
        ("rows", text_columns(&["a"]), row_of(500)),
        ("rows without columns", text_columns(&[]), row(&[])),
        ("nulls", text_columns(&["a"; 20]), row(&[None; 20])),
    ] {
        let mut session = fresh(limits);
        session.feed(&[&start[..], &columns].concat()).unwrap();
        let mut received = 0;
        let refused = loop {
            received += flood.len();
            match answer(&mut session, &flood) {
                Ok(Step::Read) if received <= limits.reply => {}
                other => break other,
            }
        };
        assert!(is_protocol_error(&refused), "{name}: {refused:?}");
    }
}

#[test]
fn what_doesnt_belong_where_it_stands_is_refused() {
    let columns = || text_columns(&["a"]);
    let text = |value: &'static [u8]| row(&[Some(value)]);
    for (name, bytes) in [
        ("ready too soon", ready(b'I')),
        ("no parse", message(b'2', b"")),
        ("no bind", [message(b'1', b""), columns()].concat()),
        ("rows before columns", [parsed_and_bound(), text(b"x")].concat()),
        (
            "completion before columns",
            [parsed_and_bound(), complete("SELECT 0")].concat(),
        ),
        ("columns twice", [parsed_and_bound(), columns(), columns()].concat()),
        (
            "a row too wide",
            [parsed_and_bound(), columns(), row(&[None, None])].concat(),
        ),
        ("a row too narrow", [parsed_and_bound(), columns(), row(&[])].concat()),
        (
            "a row of no result",
            [parsed_and_bound(), message(b'n', b""), text(b"x")].concat(),
        ),
        (
            "a row that isn't UTF-8",
            [parsed_and_bound(), columns(), text(b"\xff")].concat(),
        ),
        (
            "a value longer than its row",
            [parsed_and_bound(), columns(), message(b'D', b"\0\x01\0\0\0\x09x")].concat(),
        ),
        (
            "a row with a tail",
            [parsed_and_bound(), columns(), message(b'D', b"\0\x01\xff\xff\xff\xffx")].concat(),
        ),
        (
            "a tag without end",
            [parsed_and_bound(), columns(), message(b'C', b"SELECT 1")].concat(),
        ),
        ("a statement too many", [one_row("x"), one_row("y")].concat()),
        (
            "a suspended portal",
            [parsed_and_bound(), columns(), message(b's', b"")].concat(),
        ),
        (
            "copy in",
            [parsed_and_bound(), message(b'n', b""), message(b'G', b"\0\0\0")].concat(),
        ),
        (
            "copy out",
            [parsed_and_bound(), message(b'n', b""), message(b'H', b"\0\0\0")].concat(),
        ),
        ("a password asked again", auth_ok()),
        ("an unknown message", message(b'!', b"")),
        ("an error without SQLSTATE", error(&[(b'M', "x")])),
        ("an error without end", message(b'E', b"C23505")),
        (
            "more after an error",
            [error(&[(b'C', "23505")]), message(b'2', b"")].concat(),
        ),
    ] {
        let result = reply(&bytes);
        assert!(is_protocol_error(&result), "{name}: {result:?}");
    }
}

#[test]
fn an_unasked_message_between_batches_is_refused() {
    let mut session = fresh(Limits::default());
    assert!(matches!(answer(&mut session, &transcript()), Ok(Step::Done(Ok(_)))));
    assert!(is_protocol_error(&answer(&mut session, &ready(b'I'))));
}

/// xorshift64*: enough to shuffle bytes, the same on every run.
struct Shuffle(u64);

impl Shuffle {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % below
    }
}

#[test]
fn no_damage_makes_it_panic() {
    let scram = [
        super::server::auth(10, b"SCRAM-SHA-256\0\0"),
        super::server::auth(11, b"r=x,s=c2FsdA==,i=1"),
    ]
    .concat();
    let failed = [
        auth_ok(),
        greeting(),
        error(&[(b'S', "ERROR"), (b'C', "23505"), (b'M', "no")]),
        ready(b'I'),
    ]
    .concat();
    let scripts = [transcript(), scram, failed];
    let mut shuffle = Shuffle(0x9e37_79b9_7f4a_7c15);
    let (mut refused, mut accepted) = (0, 0);
    for _ in 0..50_000 {
        let mut bytes = scripts[shuffle.next(scripts.len())].clone();
        for _ in 0..=shuffle.next(4) {
            let at = shuffle.next(bytes.len());
            match shuffle.next(4) {
                0 => bytes[at] = u8::try_from(shuffle.next(256)).unwrap(),
                1 => bytes.truncate(at.max(1)),
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, u8::try_from(shuffle.next(256)).unwrap()),
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        let assume = [Assume::Nothing, Assume::Trust, Assume::Cleartext][shuffle.next(3)];
        let mut session = Session::new(
            Login::new("a", "b").password("c", TABLES).assume(assume),
            Limits::default(),
        );
        session.submit(&batch(2)).unwrap();
        match answer(&mut session, &bytes) {
            Ok(_) => accepted += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(
        refused > 1000 && accepted > 1000,
        "{refused} refused, {accepted} accepted: the damage is of one kind"
    );
}
