//! Rows that don't have the shape that their statements promise: 500, the same few words as for any defect, one line in the
//! log, and no panic.

use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_core::token::refresh::RefreshToken;
use doorward_edge::host::Rows;
use serde_json::json;

use crate::data::{
    ANN, EMAIL, HASH, NAME, OTHER_SESSION, PASSWORD, Row, SESSION, Session, USER_COLUMNS, ann, at, credentials, joined,
    none, one, owner, row,
};
use crate::stage::{Ask, Stage};

/// A call, the flights before, and the flight whose last statement's row is spoilt: that row, and where its NULLs and
/// words are not to be put up with.
struct Case {
    ask: Ask,
    before: Vec<(&'static str, Rows)>,
    flight: Vec<(&'static str, Rows)>,
    good: Row,
    /// Columns that have to be there.
    required: Vec<usize>,
    /// Columns that can't be just any word.
    parsed: Vec<usize>,
}

/// Which of a user's columns have to be there, and which can't be just any word.
const USER_REQUIRED: [usize; 11] = [0, 1, 2, 3, 4, 5, 6, 12, 14, 15, 16];
const USER_PARSED: [usize; 10] = [0, 3, 4, 5, 6, 7, 12, 13, 14, 15];

fn shifted(columns: &[usize], by: usize) -> Vec<usize> {
    columns.iter().map(|column| column + by).collect()
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases(stage: &Stage) -> Vec<Case> {
    let keys = stage.keys();
    let access = stage.access_token(ANN, SESSION);
    let refresh = RefreshToken::first(SESSION, [1; 16]);
    let token = doorward_core::id::TokenId::from_bytes([4; 16]);
    let verify = OneTimeToken { user: ANN, token }.seal(keys, Purpose::EmailVerification);
    let login = || Ask::post("/auth/login").json(json!({ "email": EMAIL, "password": PASSWORD }));
    let register = json!({ "email": EMAIL, "name": NAME, "password": PASSWORD });
    let session_row = Session {
        hash: refresh.successor().unwrap().seal(keys).hashed(),
        generation: 1,
        rotated_at: at(0),
        expires_at: at(60_000),
        revoked_at: None,
        arrival: None,
    };
    let session = row(&[&SESSION.to_string(), "1", "2", "192.0.2.1", "curl", "t"]);
    let with_user = |first: &[&str]| joined(&[row(first), ann()]);
    let case = |ask, name, good, required, parsed| Case {
        ask,
        before: vec![],
        flight: vec![(name, none())],
        good,
        required,
        parsed,
    };
    vec![
        case(
            Ask::get("/api/auth/me").bearer(&access),
            "session.alive",
            ann(),
            USER_REQUIRED.to_vec(),
            USER_PARSED.to_vec(),
        ),
        case(
            login(),
            "user.credentials",
            credentials(Some(&HASH), "active", true),
            vec![0, 3, 4],
            vec![0, 3, 4],
        ),
        Case {
            before: vec![("user.credentials", one(credentials(Some(&HASH), "active", true)))],
            ..case(
                login(),
                "session.open",
                with_user(&["f"]),
                [vec![0], shifted(&USER_REQUIRED, 1)].concat(),
                [vec![0], shifted(&USER_PARSED, 1)].concat(),
            )
        },
        case(
            Ask::post("/auth/signup").json(register),
            "registration.create",
            with_user(&["t"]),
            // Without an id there is no user, which is an answer: the address is taken.
            [vec![0], shifted(&USER_REQUIRED[1..], 1)].concat(),
            [vec![0], shifted(&USER_PARSED, 1)].concat(),
        ),
        Case {
            flight: vec![
                ("session.rotate", one(row(&[&SESSION.to_string()]))),
                ("session.reuse", none()),
                ("session.state", none()),
            ],
            ..case(
                Ask::get("/auth/refresh").cookie("doorward_refresh", refresh.seal(keys).expose()),
                "",
                session_row.row("active"),
                [vec![0, 1, 2, 3], shifted(&USER_REQUIRED, 6)].concat(),
                [vec![0, 1, 2, 3, 4, 5], shifted(&USER_PARSED, 6)].concat(),
            )
        },
        case(
            Ask::post("/auth/verify-email").json(json!({ "token": verify.expose() })),
            "token.verify_email",
            with_user(&["t", "f"]),
            [vec![0, 1], shifted(&USER_REQUIRED[1..], 2)].concat(),
            [vec![0, 1], shifted(&USER_PARSED, 2)].concat(),
        ),
        case(
            Ask::get("/api/auth/sessions").bearer(&access),
            "session.list",
            session,
            vec![0, 1, 2, 5],
            vec![0, 1, 2, 5],
        ),
        case(
            Ask::delete("/api/auth/sessions").bearer(&access),
            "session.end_others",
            row(&["t"]),
            vec![0],
            vec![0],
        ),
        case(
            Ask::delete(&format!("/api/auth/sessions/{OTHER_SESSION}")).bearer(&access),
            "session.end_one",
            row(&["t", "t"]),
            vec![0, 1],
            vec![0, 1],
        ),
        Case {
            before: vec![("account.owner", one(owner()))],
            flight: vec![("account.lock_admins", none()), ("account.delete", none())],
            ..case(
                Ask::delete("/api/auth/account")
                    .bearer(&access)
                    .json(json!({ "password": PASSWORD })),
                "",
                row(&["t", "f"]),
                vec![0, 1],
                vec![0, 1],
            )
        },
        case(
            Ask::delete("/api/auth/account")
                .bearer(&access)
                .json(json!({ "password": PASSWORD })),
            "account.owner",
            owner(),
            vec![0, 3, 4, 5, 6],
            vec![0, 3, 4],
        ),
    ]
}

/// Sends the case's request with this row.
fn status(stage: &Stage, case: &Case, spoilt: Row) -> u16 {
    for (name, rows) in &case.before {
        stage.sql(name, rows.clone());
    }
    let mut flight = case.flight.clone();
    flight.last_mut().unwrap().1 = one(spoilt);
    stage.batch(flight);
    let answer = stage.send(&case.ask);
    if answer.status == 500 {
        let expected = json!({ "error": "Something went wrong on our side.", "code": "INTERNAL" });
        assert_eq!(answer.json(), expected);
        assert!(answer.cookies().is_empty());
        let line = stage.line();
        assert_eq!(
            (line.event(), line.request_id()),
            ("internal", answer.header("x-request-id"))
        );
        assert!(line.text().starts_with("a row can't be understood: "), "{line:?}");
        assert!(!line.text().contains("spoilt"));
    } else {
        assert!(stage.log().is_empty());
    }
    answer.status.as_u16()
}

/// A stage whose instance remembers nothing, so that each request asks.
fn forgetful() -> Stage {
    Stage::with(&[("REVOCATION_SECONDS", "0"), ("LIMITS", "off")])
}

#[test]
fn a_good_row_is_one() {
    let stage = forgetful();
    for (at, case) in cases(&stage).into_iter().enumerate() {
        if matches!(case.flight[0].0, "account.owner" | "user.credentials") {
            // Good enough to go on with: another flight follows.
            continue;
        }
        let answer = status(&stage, &case, case.good.clone());
        assert!((200..300).contains(&answer), "{at}: {answer}");
    }
}

#[test]
fn a_row_that_is_cut_short_is_none() {
    let stage = forgetful();
    for (at, case) in cases(&stage).into_iter().enumerate() {
        for length in 0..case.good.len() {
            // Past these two the rest belongs to a user who isn't there, or to what isn't read.
            let answer = status(&stage, &case, case.good[..length].to_vec());
            let nobody = matches!(case.flight[0].0, "registration.create" | "token.verify_email")
                && length == case.good.len() - USER_COLUMNS;
            assert!(nobody || answer == 500, "{at}: {length} columns: {answer}");
        }
    }
}

#[test]
fn a_value_that_has_to_be_there_is() {
    let stage = forgetful();
    for (at, case) in cases(&stage).into_iter().enumerate() {
        for &column in &case.required {
            let mut spoilt = case.good.clone();
            spoilt[column] = None;
            assert_eq!(status(&stage, &case, spoilt), 500, "{at}: column {column}");
        }
    }
}

#[test]
fn a_value_of_another_kind_is_refused() {
    let stage = forgetful();
    for (at, case) in cases(&stage).into_iter().enumerate() {
        for &column in &case.parsed {
            let mut spoilt = case.good.clone();
            spoilt[column] = Some("{spoilt".to_owned());
            assert_eq!(status(&stage, &case, spoilt), 500, "{at}: column {column}");
        }
    }
}

#[test]
fn no_row_where_there_always_is_one_is_a_defect() {
    let stage = forgetful();
    let always = [
        "registration.create",
        "token.verify_email",
        "session.end_others",
        "session.end_one",
    ];
    for case in cases(&stage)
        .into_iter()
        .filter(|case| always.contains(&case.flight[0].0))
    {
        stage.batch(case.flight.clone());
        assert_eq!(stage.send(&case.ask).outcome(), (500, "INTERNAL".to_owned()));
        assert_eq!(stage.line().event(), "internal");
    }
}
