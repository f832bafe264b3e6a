//! Office sessions: what is decided before the database is asked, and what its answers come to.

use doorward_core::id::OfficeSessionId;
use doorward_edge::host::{DatabaseError, Rows, SqlError};
use serde_json::{Value, json};

use crate::data::{ANN, BOB, Row, SESSION, at, joined, none, one, person, row};
use crate::stage::{Answer, Ask, Stage};

pub(crate) const OFFICE: OfficeSessionId = OfficeSessionId::from_bytes([0x0c; 16]);

/// Tomorrow at noon, half an hour.
const STARTS: i64 = 86_400_000;
const ENDS: i64 = STARTS + 1_800_000;

/// An office session as it is listed.
pub(crate) fn office() -> Row {
    row(&[
        r#"{"id" : "x"}"#,
        &at(STARTS).as_millis().to_string(),
        &OFFICE.to_string(),
    ])
}

/// The same as one side reads it before doing something.
pub(crate) fn found(side: &str, status: &str, proposed_by: &str) -> Rows {
    let rest = row(&[
        side,
        &BOB.to_string(),
        status,
        proposed_by,
        &at(ENDS).as_millis().to_string(),
    ]);
    one(joined(&[office(), rest]))
}

/// Whether it is there, whether the time is within the mentor's hours, and whether it is done.
pub(crate) fn settled(flags: [&str; 3]) -> Rows {
    one(joined(&[row(&flags), office()]))
}

/// What a request comes to: whether too many wait, and the rest of it.
fn requested(full: &str, flags: [&str; 3]) -> Vec<(&'static str, Rows)> {
    let answer = joined(&[row(&[full]), row(&flags), office()]);
    vec![
        ("office_session.take_turns", one(row(&["1"]))),
        ("office_session.request", one(answer)),
    ]
}

fn ann(role: &str) -> (&'static str, Rows) {
    ("session.alive", one(person(ANN, None, role, "active")))
}

fn send(stage: &Stage, ask: Ask) -> Answer {
    stage.send(&ask.bearer(&stage.access_token(ANN, SESSION)))
}

fn ask(body: Value) -> Ask {
    Ask::post("/api/office-sessions").json(body)
}

fn act(act: &str) -> Ask {
    Ask::post(&format!("/api/office-sessions/{OFFICE}/{act}"))
}

fn first_field(answer: &Answer) -> (String, String) {
    let first = &answer.json()["details"][0];
    let text = |name: &str| first[name].as_str().unwrap().to_owned();
    (text("path"), text("code"))
}

#[test]
fn a_time_is_asked_for_in_one_flight() {
    let stage = Stage::new();
    stage.batch([vec![ann("mentee")], requested("f", ["t", "t", "t"])].concat());
    let body = json!({ "mentorId": BOB.to_string(), "startsAt": "2026-11-21T13:00:00+01:00", "topic": " Hello " });
    let answer = send(&stage, ask(body));
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (201, json!({ "officeSession": { "id": "x" } }))
    );
    let flight = stage.flight();
    assert_eq!(flight.0[1].1, [Some(ANN.to_string())]);
    let params = &flight.0[2].1;
    let known = [SESSION.to_string(), ANN.to_string(), at(0).to_string(), BOB.to_string()];
    assert_eq!(params[..4], known.map(Some));
    // Half an hour unless something else is said.
    assert_eq!(params[4..6], [at(STARTS), at(ENDS)].map(|time| Some(time.to_string())));
    assert_eq!(params[7].as_deref(), Some("Hello"));
    // As many as may wait for an answer.
    assert_eq!(params[11].as_deref(), Some("20"));
}

#[test]
fn what_a_request_comes_to() {
    for (role, full, flags, expected) in [
        ("mentee", "f", ["f", "f", "f"], (404, "USER_NOT_FOUND")),
        ("mentee", "f", ["t", "f", "f"], (400, "VALIDATION_FAILED")),
        ("mentee", "f", ["t", "t", "f"], (409, "SLOT_TAKEN")),
        ("mentee", "t", ["t", "t", "f"], (409, "TOO_MANY_OPEN")),
        ("mentee", "t", ["t", "f", "f"], (400, "VALIDATION_FAILED")),
        ("mentor", "f", ["f", "f", "f"], (403, "FORBIDDEN")),
        ("admin", "f", ["f", "f", "f"], (403, "FORBIDDEN")),
    ] {
        let stage = Stage::new();
        stage.batch([vec![ann(role)], requested(full, flags)].concat());
        let body = json!({ "mentorId": BOB.to_string(), "startsAt": "2026-11-21T12:00:00Z" });
        let answer = send(&stage, ask(body));
        assert_eq!(
            answer.outcome(),
            (expected.0, expected.1.to_owned()),
            "{role} {flags:?}"
        );
        if expected.0 == 400 {
            assert_eq!(
                first_field(&answer),
                ("startsAt".to_owned(), "not_available".to_owned())
            );
        }
    }
}

#[test]
fn a_time_has_its_rules() {
    let stage = Stage::new();
    for (body, path, code) in [
        (json!({ "startsAt": "2026-11-20T11:59:00Z" }), "startsAt", "in_the_past"),
        (json!({ "startsAt": "2028-11-20T12:00:00Z" }), "startsAt", "too_far"),
        (
            json!({ "startsAt": "2026-11-21T12:00:30Z" }),
            "startsAt",
            "not_a_minute",
        ),
        (json!({ "startsAt": "2026-11-21T12:00:00" }), "startsAt", "invalid_time"),
        (json!({ "startsAt": "tomorrow" }), "startsAt", "invalid_time"),
        (json!({ "startsAt": null }), "startsAt", "required"),
        (
            json!({ "startsAt": "2026-11-21T12:00:00Z", "endsAt": "2026-11-21T11:00:00Z" }),
            "endsAt",
            "invalid_length",
        ),
        (
            json!({ "startsAt": "2026-11-21T12:00:00Z", "durationMinutes": 14 }),
            "durationMinutes",
            "invalid_length",
        ),
        (
            json!({ "startsAt": "2026-11-21T12:00:00Z", "durationMinutes": 241 }),
            "durationMinutes",
            "invalid_length",
        ),
        (
            json!({ "startsAt": "2026-11-21T12:00:00Z", "durationMinutes": -30 }),
            "durationMinutes",
            "invalid_length",
        ),
        (
            json!({ "startsAt": "2026-11-21T12:00:00Z", "durationMinutes": i64::MAX }),
            "durationMinutes",
            "invalid_length",
        ),
        (
            json!({ "startsAt": "2026-11-21T12:00:00Z", "durationMinutes": 30.5 }),
            "durationMinutes",
            "wrong_type",
        ),
        (
            json!({ "startsAt": "2026-11-21T12:00:00Z", "mentorId": "bob" }),
            "mentorId",
            "invalid",
        ),
    ] {
        let mut whole = json!({ "mentorId": BOB.to_string() });
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        // Whoever may not ask is told so first.
        for (role, expected) in [("mentee", 400), ("member", 403)] {
            let stage = Stage::new();
            stage.sql("session.alive", one(person(ANN, None, role, "active")));
            let answer = send(&stage, ask(whole.clone()));
            assert_eq!(answer.status, expected, "{body}");
            if expected == 400 {
                assert_eq!(first_field(&answer), (path.to_owned(), code.to_owned()), "{body}");
            }
        }
    }
    assert!(stage.flights().is_empty());
}

#[test]
fn each_act_is_decided_and_then_guarded_by_what_was_read() {
    for (name, side, role, status, proposed_by, then, kind) in [
        (
            "confirm",
            "mentor",
            "mentor",
            "requested",
            "mentee",
            "confirmed",
            "office_session.confirmed",
        ),
        (
            "confirm",
            "mentee",
            "mentee",
            "requested",
            "mentor",
            "confirmed",
            "office_session.confirmed",
        ),
        (
            "cancel",
            "mentee",
            "mentee",
            "confirmed",
            "mentee",
            "cancelled",
            "office_session.cancelled",
        ),
        (
            "cancel",
            "mentor",
            "member",
            "requested",
            "mentee",
            "cancelled",
            "office_session.cancelled",
        ),
    ] {
        let stage = Stage::new();
        stage.batch(vec![
            ann(role),
            ("office_session.read", found(side, status, proposed_by)),
        ]);
        stage.sql("office_session.step", settled(["t", "t", "t"]));
        let answer = send(&stage, act(name));
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (200, json!({ "officeSession": { "id": "x" } }))
        );
        let flights = stage.flights();
        let params = &flights[1].0[0].1;
        let text = |value: &str| Some(value.to_owned());
        assert_eq!(
            params[7..10],
            [text("false"), text(status), text(proposed_by)],
            "{name}"
        );
        assert_eq!(
            params[10..12],
            [at(STARTS), at(ENDS)].map(|time| Some(time.to_string()))
        );
        assert_eq!((params[12].as_deref(), params[16].as_deref()), (Some(then), Some(kind)));
    }
}

#[test]
fn what_is_moved_keeps_its_length_and_waits_for_the_other() {
    let stage = Stage::new();
    stage.batch(vec![
        ann("mentor"),
        ("office_session.read", found("mentor", "confirmed", "mentee")),
    ]);
    stage.sql("office_session.step", settled(["t", "t", "t"]));
    assert_eq!(
        send(&stage, act("move").json(json!({ "startsAt": "2026-11-22T12:00:00Z" }))).status,
        200
    );
    let flights = stage.flights();
    let params = &flights[1].0[0].1;
    assert_eq!(
        params[5..8],
        ["2026-11-22T12:00:00.000Z", "2026-11-22T12:30:00.000Z", "true"].map(|one| Some(one.to_owned()))
    );
    assert_eq!(params[12..14], ["requested", "mentor"].map(|one| Some(one.to_owned())));

    for constraint in ["office_sessions_mentor_excl", "office_sessions_mentee_excl"] {
        stage.batch(vec![
            ann("mentee"),
            ("office_session.read", found("mentee", "requested", "mentee")),
        ]);
        stage.sql_fails(SqlError::Database(DatabaseError {
            code: "23P01".to_owned(),
            constraint: Some(constraint.to_owned()),
            ..DatabaseError::default()
        }));
        let answer = send(&stage, act("move").json(json!({ "startsAt": "2026-11-22T12:00:00Z" })));
        assert_eq!(answer.outcome(), (409, "SLOT_TAKEN".to_owned()));
    }
    let read = |status: &'static str| {
        stage.batch(vec![
            ann("mentee"),
            ("office_session.read", found("mentee", status, "mentee")),
        ]);
    };
    read("requested");
    stage.sql("office_session.step", settled(["t", "f", "f"]));
    let answer = send(&stage, act("move").json(json!({ "startsAt": "2026-11-22T12:00:00Z" })));
    assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED".to_owned()));
}

#[test]
fn what_changed_meanwhile_is_decided_anew() {
    let outdated = ["f", "f", "f"];
    for (then, expected) in [("confirmed", (200, "")), ("completed", (409, "INVALID_TRANSITION"))] {
        let stage = Stage::new();
        let read = |status: &'static str| {
            stage.batch(vec![
                ann("mentee"),
                ("office_session.read", found("mentee", status, "mentee")),
            ]);
        };
        read("requested");
        stage.sql("office_session.step", settled(outdated));
        read(then);
        if expected.0 == 200 {
            stage.sql("office_session.step", settled(["t", "t", "t"]));
        }
        let answer = send(&stage, act("cancel"));
        assert_eq!(answer.outcome(), (expected.0, expected.1.to_owned()));
    }

    // Not for ever.
    let stage = Stage::new();
    for _ in 0..4 {
        stage.batch(vec![
            ann("mentee"),
            ("office_session.read", found("mentee", "requested", "mentee")),
        ]);
        stage.sql("office_session.step", settled(outdated));
    }
    assert_eq!(send(&stage, act("cancel")).outcome(), (503, "UNAVAILABLE".to_owned()));
}

#[test]
fn what_may_not_be_done_is_not_sent() {
    for (name, side, role, status, proposed_by, expected) in [
        ("confirm", "mentee", "mentee", "requested", "mentee", (403, "FORBIDDEN")),
        ("confirm", "mentor", "member", "requested", "mentee", (403, "FORBIDDEN")),
        (
            "confirm",
            "mentor",
            "mentor",
            "confirmed",
            "mentee",
            (409, "INVALID_TRANSITION"),
        ),
        (
            "complete",
            "mentee",
            "mentee",
            "confirmed",
            "mentee",
            (403, "FORBIDDEN"),
        ),
        (
            "complete",
            "mentor",
            "mentor",
            "confirmed",
            "mentee",
            (409, "INVALID_TRANSITION"),
        ),
        (
            "cancel",
            "mentor",
            "mentor",
            "completed",
            "mentee",
            (409, "INVALID_TRANSITION"),
        ),
    ] {
        let stage = Stage::new();
        stage.batch(vec![
            ann(role),
            ("office_session.read", found(side, status, proposed_by)),
        ]);
        let answer = send(&stage, act(name));
        assert_eq!(
            answer.outcome(),
            (expected.0, expected.1.to_owned()),
            "{name} {side} {role}"
        );
    }
    let stage = Stage::new();
    for name in ["confirm", "cancel", "complete"] {
        stage.batch(vec![ann("mentor"), ("office_session.read", none())]);
        assert_eq!(
            send(&stage, act(name)).outcome(),
            (404, "OFFICE_SESSION_NOT_FOUND".to_owned())
        );
        stage.batch(vec![
            ("session.alive", none()),
            ("office_session.read", found("mentor", "requested", "mentee")),
        ]);
        assert_eq!(send(&stage, act(name)).outcome(), (401, "UNAUTHENTICATED".to_owned()));
    }
    stage.flights();
    for path in ["explode", "", "confirm/", "Confirm"] {
        assert_eq!(send(&stage, act(path)).status, 404, "{path}");
    }
    assert_eq!(send(&stage, act("move").json(json!({}))).status, 400);
    assert_eq!(send(&stage, act("cancel").json(json!({ "reason": 7 }))).status, 400);
    assert_eq!(
        send(&stage, act("cancel").json(json!({ "status": "confirmed" }))).status,
        403
    );
    assert!(stage.flights().is_empty());
}

#[test]
fn ones_own_are_listed_in_one_flight() {
    let stage = Stage::new();
    let rows = Rows {
        rows: vec![office(), office()],
        ..Rows::default()
    };
    stage.batch(vec![ann("mentee"), ("office_session.list", rows)]);
    let answer = send(&stage, Ask::get("/api/office-sessions?limit=1&status=confirmed"));
    assert_eq!(answer.json()["officeSessions"], json!([{ "id": "x" }]));
    let cursor = answer.json()["nextCursor"].as_str().unwrap().to_owned();
    stage.flights();
    stage.batch(vec![ann("mentee"), ("office_session.list", none())]);
    let answer = send(&stage, Ask::get(&format!("/api/office-sessions?cursor={cursor}")));
    assert_eq!(answer.json(), json!({ "officeSessions": [], "nextCursor": null }));
    let text = |value: String| Some(value);
    let params = [
        text(ANN.to_string()),
        None,
        text(at(STARTS).as_millis().to_string()),
        text(OFFICE.to_string()),
        text("21".to_owned()),
    ];
    assert_eq!(stage.flight().0[1].1, params);
    // The last is the smallest number that there is, which has no absolute value.
    let smallest = "cursor=LTkyMjMzNzIwMzY4NTQ3NzU4MDggMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAw";
    for query in ["status=open", "limit=0", "cursor=AAAA", smallest] {
        assert_eq!(
            send(&stage, Ask::get(&format!("/api/office-sessions?{query}"))).status,
            400
        );
    }

    stage.batch(vec![
        ann("mentee"),
        ("office_session.read", found("mentee", "requested", "mentee")),
    ]);
    let one = send(&stage, Ask::get(&format!("/api/office-sessions/{OFFICE}")));
    assert_eq!(one.json(), json!({ "officeSession": { "id": "x" } }));
}
