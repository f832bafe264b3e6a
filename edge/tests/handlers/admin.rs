//! What an admin does to others, and what of it is read back.

use doorward_core::id::{EventId, FirmId};
use doorward_edge::host::Rows;
use serde_json::{Value, json};

use crate::data::{
    ACME, ANN, BOB, OTHER_FIRM, Row, SESSION, USER_COLUMNS, at, joined, none, nulls, one, permissions, person, row,
};
use crate::stage::{Answer, Ask, Stage};

fn admin(own: Option<FirmId>) -> Rows {
    one(person(ANN, own, "admin", "active"))
}

fn bob(firm: Option<FirmId>, role: &str) -> Rows {
    one(person(BOB, firm, role, "active"))
}

fn send(stage: &Stage, own: Option<FirmId>, ask: Ask) -> Answer {
    stage.send(&ask.bearer(&stage.access_token_of(ANN, SESSION, "admin", own)))
}

fn patch(body: Value) -> Ask {
    Ask::patch(&format!("/api/admin/users/{BOB}")).json(body)
}

/// The first flight: who asks, whom it is about, and perhaps what the role to be given allows.
fn reads(stage: &Stage, own: Option<FirmId>, target: Rows, role: Option<&str>) {
    let mut answers = vec![("session.alive", admin(own)), ("user.read", target)];
    answers.extend(role.map(|role| ("role.permissions", one(row(&[permissions(role)])))));
    stage.batch(answers);
}

/// The answer of a change: whether it was the last admin, and the user.
fn changed(last: &str, user: Option<Row>) -> Rows {
    one(joined(&[row(&[last]), user.unwrap_or_else(|| nulls(USER_COLUMNS))]))
}

/// The flight that closes an account.
fn closing(stage: &Stage, answer: Rows) {
    stage.batch(vec![("user.change", answer), ("user.close_sessions", none())]);
}

#[test]
fn a_change_is_guarded_by_everything_that_was_read() {
    let stage = Stage::new();
    reads(&stage, Some(ACME), bob(Some(ACME), "member"), Some("pm"));
    closing(&stage, changed("f", Some(person(BOB, Some(ACME), "pm", "suspended"))));
    let body = json!({ "role": "pm", "status": "suspended", "tier": "member" });
    let answer = send(&stage, Some(ACME), patch(body));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["user"]["role"], "pm");
    assert!(answer.json()["user"].get("permissions").is_none());
    let flights = stage.flights();
    assert_eq!(flights.len(), 2);
    let params: Vec<_> = flights[1].0[0].1.iter().map(Option::as_deref).collect();
    let (acme, ann, bob, session) = (ACME.to_string(), ANN.to_string(), BOB.to_string(), SESSION.to_string());
    assert_eq!(
        [params[0], params[1], params[3], params[4]],
        [Some(&*session), Some(&*ann), Some("admin"), Some(&*acme)]
    );
    let expected = [&*bob, "pm", "suspended", "member", "member", "active", "free", &*acme];
    assert_eq!(params[10..], expected.map(Some));
    // Three events, should they be needed, each with an id of its own.
    assert!(params[5] != params[8] && params[8] != params[9]);
    // What ends the sessions does so only if that of the status was written.
    let closing: Vec<_> = flights[1].0[1].1.iter().map(Option::as_deref).collect();
    assert_eq!(closing[..2], [Some(&*bob), params[8]]);
    assert_eq!(closing[3], Some("account_closed"));
}

#[test]
fn only_an_account_that_closes_closes_its_sessions() {
    let stage = Stage::new();
    for (status, body, closes) in [
        ("active", json!({ "status": "suspended" }), true),
        ("active", json!({ "status": "inactive" }), true),
        ("suspended", json!({ "status": "active" }), false),
        ("active", json!({ "tier": "member" }), false),
    ] {
        reads(&stage, None, one(person(BOB, None, "member", status)), None);
        let done = changed("f", Some(person(BOB, None, "member", "active")));
        if closes {
            closing(&stage, done);
        } else {
            stage.sql("user.change", done);
        }
        assert_eq!(send(&stage, None, patch(body)).status, 200);
    }
}

#[test]
fn this_instance_forgets_whom_it_is_about() {
    let stage = Stage::new();
    let bobs = stage.access_token(BOB, crate::data::OTHER_SESSION);
    let me = Ask::get("/api/auth/me").bearer(&bobs);
    let suspended = changed("f", Some(person(BOB, None, "member", "suspended")));
    for (ask, flight) in [
        (
            patch(json!({ "status": "suspended" })),
            vec![("user.change", suspended), ("user.close_sessions", none())],
        ),
        (
            Ask::delete(&format!("/api/admin/users/{BOB}/sessions")),
            vec![("user.end_sessions", one(row(&["t"])))],
        ),
    ] {
        stage.sql("session.alive", bob(None, "member"));
        assert_eq!(stage.send(&me).status, 200);
        reads(&stage, None, bob(None, "member"), None);
        stage.batch(flight);
        assert!(send(&stage, None, ask).status.is_success());
        stage.sql("session.alive", none());
        assert_eq!(stage.send(&me).status, 401);
        stage.advance(std::time::Duration::from_secs(5));
    }
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let stage = Stage::new();
    for body in [
        json!({}),
        json!({ "tier": null, "status": "active" }),
        json!({ "role": "member" }),
    ] {
        reads(&stage, None, bob(None, "member"), body.get("role").map(|_| "member"));
        let answer = send(&stage, None, patch(body));
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["user"]["id"]),
            (200, &json!(BOB.to_string()))
        );
    }
}

#[test]
fn whom_one_cannot_see_there_is_not() {
    let stage = Stage::new();
    let ends = || Ask::delete(&format!("/api/admin/users/{BOB}/sessions"));
    for (own, target) in [
        (Some(ACME), bob(Some(OTHER_FIRM), "member")),
        (Some(ACME), bob(None, "member")),
        (Some(ACME), none()),
        (None, none()),
    ] {
        for body in [json!({}), json!({ "status": "suspended" })] {
            reads(&stage, own, target.clone(), None);
            assert_eq!(
                send(&stage, own, patch(body)).outcome(),
                (404, "USER_NOT_FOUND".to_owned())
            );
        }
        // Not even that the role is none.
        stage.batch(vec![
            ("session.alive", admin(own)),
            ("user.read", target.clone()),
            ("role.permissions", none()),
        ]);
        assert_eq!(
            send(&stage, own, patch(json!({ "role": "boss" }))).outcome(),
            (404, "USER_NOT_FOUND".to_owned())
        );
        reads(&stage, own, target, None);
        assert_eq!(send(&stage, own, ends()).outcome(), (404, "USER_NOT_FOUND".to_owned()));
    }
}

#[test]
fn a_role_has_to_be_one() {
    let stage = Stage::new();
    stage.batch(vec![
        ("session.alive", admin(None)),
        ("user.read", bob(None, "member")),
        ("role.permissions", none()),
    ]);
    let answer = send(&stage, None, patch(json!({ "role": "boss" })));
    assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED".to_owned()));
    assert_eq!(answer.json()["details"][0]["path"], "role");
    // With everything else that is wrong.
    stage.batch(vec![
        ("session.alive", admin(None)),
        ("user.read", bob(None, "member")),
        ("role.permissions", none()),
    ]);
    let answer = send(
        &stage,
        None,
        patch(json!({ "role": " boss ", "status": "asleep", "tier": 7 })),
    );
    let details = answer.json()["details"].as_array().unwrap().clone();
    let paths: Vec<_> = details.iter().map(|field| field["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["status", "tier", "role"]);
    // Never anybody's to set.
    stage.sql("session.alive", admin(None));
    stage.advance(std::time::Duration::from_secs(5));
    assert_eq!(
        send(&stage, None, patch(json!({ "isVerified": true }))).outcome(),
        (403, "FORBIDDEN".to_owned())
    );
}

#[test]
fn an_admin_is_only_taken_away_behind_the_lock() {
    let stage = Stage::new();
    let takes = [
        json!({ "role": "member" }),
        json!({ "status": "suspended" }),
        json!({ "status": "inactive" }),
    ];
    for body in takes {
        reads(&stage, None, bob(None, "admin"), body.get("role").map(|_| "member"));
        let mut flight = vec![
            ("account.lock_admins", one(row(&["1"]))),
            ("user.change", changed("t", None)),
        ];
        flight.extend(body.get("status").map(|_| ("user.close_sessions", none())));
        stage.batch(flight);
        assert_eq!(
            send(&stage, None, patch(body)).outcome(),
            (409, "LAST_ADMIN".to_owned())
        );
    }
    // Nobody is lost here.
    for (target, body) in [
        (bob(None, "admin"), json!({ "tier": "member" })),
        (
            one(person(BOB, None, "admin", "suspended")),
            json!({ "status": "inactive" }),
        ),
        (bob(None, "member"), json!({ "status": "inactive" })),
    ] {
        reads(&stage, None, target, None);
        let mut flight = vec![("user.change", changed("f", Some(person(BOB, None, "admin", "active"))))];
        flight.extend(body.get("status").map(|_| ("user.close_sessions", none())));
        stage.batch(flight);
        assert_eq!(send(&stage, None, patch(body)).status, 200);
    }
}

#[test]
fn it_is_decided_anew_when_somebody_changed_meanwhile() {
    let stage = Stage::new();
    let suspend = || patch(json!({ "status": "suspended" }));
    // Bob is a pm by now: decided again, on what he is.
    reads(&stage, None, bob(None, "member"), None);
    closing(&stage, changed("f", None));
    reads(&stage, None, bob(None, "pm"), None);
    closing(&stage, changed("f", Some(person(BOB, None, "pm", "suspended"))));
    assert_eq!(send(&stage, None, suspend()).status, 200);
    assert!(stage.flights()[3].has("pm"));
    // Ann is no admin by now, or nobody.
    for (again, outcome) in [
        (one(person(ANN, None, "member", "active")), (403, "FORBIDDEN")),
        (none(), (401, "UNAUTHENTICATED")),
    ] {
        reads(&stage, None, bob(None, "member"), None);
        closing(&stage, changed("f", None));
        stage.batch(vec![("session.alive", again), ("user.read", bob(None, "member"))]);
        assert_eq!(
            send(&stage, None, suspend()).outcome(),
            (outcome.0, outcome.1.to_owned())
        );
    }
    // It doesn't go on for ever.
    for _ in 0..4 {
        reads(&stage, None, bob(None, "member"), None);
        closing(&stage, changed("f", None));
    }
    assert_eq!(send(&stage, None, suspend()).outcome(), (503, "UNAVAILABLE".to_owned()));
    assert_eq!(stage.log().len(), 1);
}

#[test]
fn sessions_are_ended_by_who_is_still_allowed_to() {
    let stage = Stage::new();
    let ends = || Ask::delete(&format!("/api/admin/users/{BOB}/sessions"));
    reads(&stage, None, bob(None, "member"), None);
    stage.sql("user.end_sessions", one(row(&["f"])));
    stage.sql("session.alive", none());
    assert_eq!(
        send(&stage, None, ends()).outcome(),
        (401, "UNAUTHENTICATED".to_owned())
    );
}

fn event(id: EventId, kind: &str) -> Row {
    let mut event = vec![Some(id.to_string()), Some(BOB.to_string()), None, None];
    event.extend(row(&[kind, "success", "192.0.2.1"]));
    event.push(None);
    event.extend(row(&[r#"{"before": {"role": "member"}}"#, "1767322984000"]));
    event
}

#[test]
fn events_come_in_one_flight_with_their_filters() {
    let stage = Stage::new();
    let (first, second) = (EventId::from_bytes([2; 16]), EventId::from_bytes([1; 16]));
    let events = Rows {
        rows: vec![event(first, "user.role_changed"), event(second, "user.role_changed")],
        ..Rows::default()
    };
    stage.batch(vec![
        ("session.alive", admin(Some(ACME))),
        ("event.list", events),
        ("user.read", bob(Some(ACME), "pm")),
    ]);
    let path = format!("/api/admin/events?user={BOB}&kind=user.role_changed&limit=1");
    let answer = send(&stage, Some(ACME), Ask::get(&path));
    let expected = json!([{ "id": first.to_string(), "userId": BOB.to_string(), "actorId": null, "firmId": null,
        "kind": "user.role_changed", "outcome": "success", "ip": "192.0.2.1", "userAgent": null,
        "details": { "before": { "role": "member" } }, "createdAt": "2026-01-02T03:03:04.000Z" }]);
    assert_eq!(answer.json()["events"], expected);
    let cursor = answer.json()["nextCursor"].as_str().unwrap().to_owned();
    let params = stage.flight().0[1].1.clone();
    let (acme, bob_id) = (ACME.to_string(), BOB.to_string());
    let expected = [
        Some("false"),
        Some(&*acme),
        Some(&*bob_id),
        Some("user.role_changed"),
        None,
        Some("2"),
    ];
    let params: Vec<_> = params.iter().map(Option::as_deref).collect();
    assert_eq!(params[..6], expected);
    // Who asks, and by what: the list is read for nobody else.
    let (ann, session, now) = (ANN.to_string(), SESSION.to_string(), at(0).to_string());
    let asker = [&*session, &*ann, &*now, "events.read"];
    assert_eq!(params[6..], asker.map(Some));

    stage.batch(vec![("session.alive", admin(None)), ("event.list", none())]);
    let answer = send(&stage, None, Ask::get(&format!("/api/admin/events?cursor={cursor}")));
    assert_eq!(answer.json(), json!({ "events": [], "nextCursor": null }));
    assert!(stage.flight().has(&first.to_string()));
}

#[test]
fn events_of_somebody_whom_one_cannot_see_are_those_of_nobody() {
    let stage = Stage::new();
    for (own, about) in [
        (Some(ACME), bob(None, "member")),
        (Some(ACME), bob(Some(OTHER_FIRM), "pm")),
        (None, none()),
    ] {
        stage.batch(vec![
            ("session.alive", admin(own)),
            ("event.list", none()),
            ("user.read", about),
        ]);
        let answer = send(&stage, own, Ask::get(&format!("/api/admin/events?user={BOB}")));
        assert_eq!(answer.outcome(), (404, "USER_NOT_FOUND".to_owned()));
    }
}
