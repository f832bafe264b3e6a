//! The database is down, slow, or refuses: 503 with `Retry-After` and one line in the log that holds no value, wherever in
//! a call it happens; nothing hangs, and what needs no database goes on.

use std::time::Duration;

use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_core::token::refresh::RefreshToken;
use doorward_edge::config::Config;
use doorward_edge::host::{DatabaseError, Host as _, Level, Rows, SqlError};
use serde_json::json;

use crate::data::{
    ACME, ANN, BOB, EMAIL, HASH, NAME, OTHER_SESSION, PASSWORD, SESSION, ann, credentials, none, one, owner, person,
    row,
};
use crate::fake::SqlOutcome;
use crate::office_sessions::{OFFICE, found};
use crate::profiles::profile;
use crate::stage::{Ask, Stage};

/// A call, the flights that go well, and then the statements of the one that fails.
type Failing = (Ask, Vec<Flight>, &'static [&'static str]);

/// Statements and their answers.
type Flight = Vec<(&'static str, Rows)>;

/// A call, its flights before, and the statements of the flight that fails.
type Call = (Ask, Flight, &'static [&'static str]);

fn around_sessions(access: &str) -> [Call; 3] {
    let other = format!("/api/auth/sessions/{OTHER_SESSION}");
    [
        (Ask::get("/api/auth/sessions").bearer(access), vec![], &["session.list"]),
        (
            Ask::delete("/api/auth/sessions").bearer(access),
            vec![],
            &["session.end_others"],
        ),
        (Ask::delete(&other).bearer(access), vec![], &["session.end_one"]),
    ]
}

/// Every call that needs the database, at each of its flights.
fn calls(stage: &Stage) -> Vec<Failing> {
    let keys = stage.keys();
    let access = stage.access_token(ANN, SESSION);
    let refresh = RefreshToken::first(SESSION, [1; 16]).seal(keys);
    let token = doorward_core::id::TokenId::from_bytes([4; 16]);
    let sealed = |purpose| {
        let token = OneTimeToken { user: ANN, token }.seal(keys, purpose);
        token.expose().to_owned()
    };
    let login = Ask::post("/auth/login").json(json!({ "email": EMAIL, "password": PASSWORD }));
    let wrong = Ask::post("/auth/login").json(json!({ "email": EMAIL, "password": "something else" }));
    let register = json!({ "email": EMAIL, "name": NAME, "password": PASSWORD });
    let reset = json!({ "token": sealed(Purpose::PasswordReset), "password": "a new one for Ann",
                        "confirmPassword": "a new one for Ann" });
    let change_password = Ask::post("/api/auth/change-password")
        .bearer(&access)
        .json(json!({ "currentPassword": PASSWORD, "newPassword": "a new one for Ann" }));
    let change_email = Ask::post("/api/auth/change-email")
        .bearer(&access)
        .json(json!({ "newEmail": "new@example.com", "password": PASSWORD }));
    let delete = |password: &str| {
        let ask = Ask::delete("/api/auth/account").bearer(&access);
        ask.json(json!({ "password": password }))
    };
    let forgot = Ask::post("/auth/forgot-password").json(json!({ "email": EMAIL }));
    let resend = Ask::post("/auth/resend-verification").json(json!({ "email": EMAIL }));
    let mut accept = register.clone();
    accept["invitation"] = json!(sealed(Purpose::Invitation));
    let verify = |purpose| Ask::post("/auth/verify-email").json(json!({ "token": sealed(purpose) }));

    let known = || ("user.credentials", one(credentials(Some(&HASH), "active", true)));
    let owned = || ("account.owner", one(owner()));
    let mailbox = || ("token.mailbox", one(row(&[&ANN.to_string()])));
    let calls: Vec<Call> = vec![
        (login.clone(), vec![], &["user.credentials"]),
        (login, vec![known()], &["session.open"]),
        (wrong, vec![known()], &["event.record"]),
        (
            Ask::post("/auth/signup").json(register),
            vec![],
            &["registration.create"],
        ),
        (Ask::get("/api/auth/me").bearer(&access), vec![], &["session.alive"]),
        (
            Ask::get("/auth/refresh").cookie("doorward_refresh", refresh.expose()),
            vec![],
            &["session.rotate", "session.reuse", "session.state"],
        ),
        (
            Ask::post("/auth/logout").cookie("doorward_refresh", refresh.expose()),
            vec![],
            &["session.end"],
        ),
        (Ask::post("/auth/signup").json(accept), vec![], &["registration.accept"]),
        (verify(Purpose::EmailVerification), vec![], &["token.verify_email"]),
        (
            verify(Purpose::EmailChange),
            vec![],
            &["token.change_email", "token.remove_stale"],
        ),
        (
            Ask::post("/auth/reset-password").json(reset),
            vec![],
            &["token.reset_password", "token.remove_stale", "session.end_all"],
        ),
        (forgot.clone(), vec![], &["token.mailbox"]),
        (forgot, vec![mailbox()], &["token.issue_reset"]),
        (resend.clone(), vec![], &["token.mailbox"]),
        (resend, vec![mailbox()], &["token.issue_verification"]),
        (change_password.clone(), vec![], &["account.owner"]),
        (
            change_password,
            vec![owned()],
            &["account.change_password", "token.remove_stale", "session.end_all"],
        ),
        (change_email.clone(), vec![], &["account.owner"]),
        (delete("something else"), vec![owned()], &["event.record"]),
        (change_email, vec![owned()], &["token.issue_email_change"]),
        (delete(PASSWORD), vec![], &["account.owner"]),
        (
            delete(PASSWORD),
            vec![owned()],
            &["account.lock_admins", "account.delete"],
        ),
    ];
    calls
        .into_iter()
        .chain(around_sessions(&access))
        .map(|(ask, before, failing)| (ask, before.into_iter().map(|one| vec![one]).collect(), failing))
        .chain(under_a_permission(stage))
        .chain(around_profiles(stage))
        .collect()
}

/// The same for profiles and office sessions.
fn around_profiles(stage: &Stage) -> Vec<Failing> {
    let access = stage.access_token_of(ANN, SESSION, "admin", None);
    let ann = |role| ("session.alive", one(person(ANN, None, role, "active")));
    let ask = |ask: Ask| ask.bearer(&access);
    let bob = one(profile(person(BOB, None, "member", "active")));
    let asked = json!({ "mentorId": BOB.to_string(), "startsAt": "2026-11-21T12:00:00Z" });
    let cancel = ask(Ask::post(&format!("/api/office-sessions/{OFFICE}/cancel")));
    let read = found("mentee", "requested", "mentee");
    vec![
        (
            ask(Ask::get("/api/profiles/me")),
            vec![],
            &["session.alive", "profile.read"],
        ),
        (
            ask(Ask::get("/api/profiles")),
            vec![],
            &["session.alive", "profile.list"],
        ),
        (
            ask(Ask::post("/api/profile/update")).json(json!({ "phone": null })),
            vec![],
            &["profile.write", "profile.read"],
        ),
        (
            ask(Ask::patch(&format!("/api/profiles/{BOB}"))).json(json!({ "expertise": [], "availability": [] })),
            vec![vec![ann("admin"), ("profile.read", bob)]],
            &[
                "profile.write",
                "profile.name_expertise",
                "profile.clear_expertise",
                "profile.set_expertise",
                "profile.clear_availability",
                "profile.set_availability",
                "profile.read",
            ],
        ),
        (
            ask(Ask::get("/api/office-sessions")),
            vec![],
            &["session.alive", "office_session.list"],
        ),
        (
            ask(Ask::post("/api/office-sessions")).json(asked),
            vec![],
            &["session.alive", "office_session.take_turns", "office_session.request"],
        ),
        (cancel.clone(), vec![], &["session.alive", "office_session.read"]),
        (
            cancel,
            vec![vec![ann("mentee"), ("office_session.read", read)]],
            &["office_session.step"],
        ),
    ]
}

/// The same for the calls under a permission.
fn under_a_permission(stage: &Stage) -> Vec<Failing> {
    let access = stage.access_token_of(ANN, SESSION, "admin", None);
    let admin = || ("session.alive", one(person(ANN, None, "admin", "active")));
    let both = || vec![admin(), ("user.read", one(person(BOB, None, "member", "active")))];
    let make = Ask::post("/api/firms")
        .bearer(&access)
        .json(json!({ "slug": "acme", "name": "Acme" }));
    let rename = Ask::patch(&format!("/api/firms/{ACME}"))
        .bearer(&access)
        .json(json!({ "name": "Acme" }));
    let invitations = format!("/api/firms/{ACME}/invitations");
    let invite = Ask::post(&invitations)
        .bearer(&access)
        .json(json!({ "email": "new@example.com", "role": "pm" }));
    let take_back = Ask::delete(&format!("{invitations}/{OTHER_SESSION}")).bearer(&access);
    let change = Ask::patch(&format!("/api/admin/users/{BOB}"))
        .bearer(&access)
        .json(json!({ "tier": "member" }));
    let end = Ask::delete(&format!("/api/admin/users/{BOB}/sessions")).bearer(&access);
    let mut calls: Vec<Failing> = vec![
        (make, vec![vec![admin()]], &["firm.create"]),
        (rename, vec![vec![admin()]], &["firm.update"]),
        (
            invite,
            vec![vec![admin(), ("role.permissions", one(row(&["profiles.read"])))]],
            &["invitation.create"],
        ),
        (take_back, vec![vec![admin()]], &["invitation.revoke"]),
        (change, vec![both()], &["user.change"]),
        (end, vec![both()], &["user.end_sessions"]),
    ];
    calls.extend(
        crate::guards::calls()
            .into_iter()
            .map(|(ask, first)| (ask.bearer(&access), Vec::new(), first)),
    );
    calls
}

/// Sends a call whose last flight fails, and holds the log to one line.
fn fails(stage: &Stage, call: &Failing, error: SqlError, expected: (u16, &str)) -> String {
    let (ask, before, failing) = call;
    for flight in before {
        stage.batch(flight.clone());
    }
    stage.sql_fails(error);
    let answer = stage.send(ask);
    assert_eq!(answer.outcome(), (expected.0, expected.1.to_owned()), "{failing:?}");
    assert_eq!(answer.json().get("details"), None);
    assert!(answer.cookies().is_empty());

    let flights = stage.flights();
    assert_eq!(flights.last().unwrap().names(), *failing);
    let line = stage.line();
    assert_eq!(line.level, Level::Error, "{line:?}");
    assert_eq!(line.request_id(), answer.header("x-request-id"));
    for value in flights.iter().flat_map(crate::fake::Batch::values) {
        let told = value.len() > 3 && line.text().contains(value);
        assert!(!told, "{value} in {line:?}");
    }
    for name in *failing {
        assert!(line.text().contains(name), "{name} isn't in {line:?}");
    }
    line.text().to_owned()
}

fn database(code: &str) -> SqlError {
    SqlError::Database(DatabaseError {
        code: code.to_owned(),
        message: format!("Key (email)=({EMAIL}) and {PASSWORD}"),
        ..DatabaseError::default()
    })
}

#[test]
fn unreachable_at_any_flight_is_503_and_one_line() {
    let stage = Stage::with(&[("LIMITS", "off")]);
    for call in calls(&stage) {
        let error = SqlError::Unreachable("connection refused".to_owned());
        let text = fails(&stage, &call, error, (503, "UNAVAILABLE"));
        assert!(text.contains("connection refused"), "{text}");
    }
}

#[test]
fn a_timeout_at_any_flight_is_503_and_one_line() {
    let stage = Stage::with(&[("LIMITS", "off")]);
    for call in calls(&stage) {
        fails(&stage, &call, SqlError::Timeout, (503, "UNAVAILABLE"));
    }
}

#[test]
fn a_refused_statement_is_500_and_one_line() {
    let stage = Stage::with(&[("LIMITS", "off")]);
    for call in calls(&stage) {
        let text = fails(&stage, &call, database("42703"), (500, "INTERNAL"));
        assert!(text.contains("42703"), "{text}");
    }
}

#[test]
fn what_passes_is_503_and_what_does_not_is_500() {
    let stage = Stage::with(&[("LIMITS", "off")]);
    let me = || calls(&stage).swap_remove(4);
    for code in [
        "57014", "57P01", "53300", "40001", "40P01", "08006", "58030", "25006", "55P03",
    ] {
        let text = fails(&stage, &me(), database(code), (503, "UNAVAILABLE"));
        assert!(text.contains(code), "{text}");
    }
    for code in ["42P01", "23505", "22P02", "28P01", ""] {
        fails(&stage, &me(), database(code), (500, "INTERNAL"));
    }
    fails(
        &stage,
        &me(),
        SqlError::Protocol("a reply cut short".to_owned()),
        (503, "UNAVAILABLE"),
    );
}

#[test]
fn a_violated_constraint_that_nobody_foresaw_is_500_and_one_line() {
    let stage = Stage::new();
    let body = json!({ "email": EMAIL, "name": NAME, "password": PASSWORD });
    stage.sql_fails(SqlError::Database(DatabaseError {
        code: "23505".to_owned(),
        message: format!("Key (token_hash)=({EMAIL}) already exists"),
        constraint: Some("sessions_token_hash_key".to_owned()),
        table: Some("sessions".to_owned()),
    }));
    let answer = stage.send(&Ask::post("/auth/signup").json(body));
    assert_eq!(answer.outcome(), (500, "INTERNAL".to_owned()));
    let line = stage.line();
    assert!(
        line.text().contains("23505") && line.text().contains("sessions_token_hash_key"),
        "{line:?}"
    );
}

#[test]
fn a_503_says_when_to_come_back() {
    let stage = Stage::new();
    stage.sql_fails(SqlError::Timeout);
    let answer = stage.send(&calls(&stage)[4].0);
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    stage.log();
}

#[test]
fn a_flight_that_hangs_ends_two_seconds_after_postgres_own_timeout() {
    for (pairs, millis) in [(&[][..], 7_000), (&[("SQL_TIMEOUT_MS", "1500")], 3_500)] {
        let stage = Stage::with(pairs);
        stage.outcome(SqlOutcome::Hangs);
        let mut call = stage.start(&calls(&stage)[4].0);
        call.waits(&stage, millis - 1);
        assert!(!call.is_done());
        call.waits(&stage, 1);
        let answer = call.answer();
        assert_eq!(answer.outcome(), (503, "UNAVAILABLE".to_owned()));
        assert_eq!(stage.line().text(), "session.alive: deadline passed");
    }
}

#[test]
fn a_busy_instance_does_not_blame_the_database() {
    // The answer arrives while it hashes for others for longer than the database may take, and is read after the timer rang.
    let stage = Stage::new();
    stage.outcome(SqlOutcome::Late(vec![one(ann())]));
    let mut call = stage.start(&calls(&stage)[4].0);
    stage.advance(Duration::from_mins(1));
    assert!(!call.is_done());
    assert_eq!(call.answer().status, 200);
}

#[test]
fn one_that_hangs_holds_nobody_up() {
    // Many requests run in one instance: nothing that they share may be held while one of them waits.
    let stage = Stage::with(&[("LIMITS", "off")]);
    let me = Ask::get("/api/auth/me").bearer(&stage.access_token(ANN, OTHER_SESSION));
    for ((ask, before, failing), client_leaves) in calls(&stage).iter().zip([false, true].into_iter().cycle()) {
        for flight in before {
            stage.batch(flight.clone());
        }
        stage.outcome(SqlOutcome::Hangs);
        let mut call = stage.start(ask);
        assert!(!call.is_done(), "{failing:?}");

        let (login, before, _) = &calls(&stage)[1];
        stage.batch(before[0].clone());
        stage.sql("session.open", one([row(&["f"]), ann()].concat()));
        assert_eq!(stage.send(login).status, 200);
        call.waits(&stage, 5_000);
        stage.sql("session.alive", one(ann()));
        assert_eq!(stage.send(&me).status, 200);

        if client_leaves {
            drop(call);
        } else {
            call.waits(&stage, 2_000);
            assert_eq!(call.answer().status, 503, "{failing:?}");
        }
    }
    stage.log();
}

#[test]
fn each_flight_has_a_deadline_of_its_own() {
    let stage = Stage::new();
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.outcome(SqlOutcome::Hangs);
    let mut call = stage.start(&calls(&stage)[1].0);
    call.waits(&stage, 7_000);
    assert_eq!(call.answer().status, 503);
    assert_eq!(stage.line().text(), "session.open: deadline passed");
    // Nothing that presumes a sign-in is done afterwards.
    assert_eq!(stage.host.deferred(), 0);
}

#[test]
fn too_few_or_too_many_answers_are_none() {
    let stage = Stage::new();
    for answers in [vec![], vec![one(ann()), none()]] {
        stage.outcome(SqlOutcome::Answers(answers));
        let answer = stage.send(&calls(&stage)[4].0);
        assert_eq!(answer.outcome(), (503, "UNAVAILABLE".to_owned()));
        assert!(stage.line().text().contains("answers to 1 statements"));
    }
}

#[test]
fn what_needs_no_database_goes_on() {
    let stage = Stage::new();
    let access = stage.access_token(ANN, SESSION);
    let me = Ask::get("/api/auth/me").bearer(&access);
    stage.sql("session.alive", one(ann()));
    assert_eq!(stage.send(&me).status, 200);
    // From here on any flight would be one that nobody expected.
    stage.kv().set_down(true);
    stage.flights();
    assert_eq!(stage.send(&me).status, 200);
    assert_eq!(stage.send(&Ask::get("/healthz")).status, 200);
    assert_eq!(stage.send(&Ask::get("/openapi.json")).body, "openapi.json");
    let jwks = stage.send(&Ask::get("/.well-known/jwks.json"));
    assert_eq!(jwks.header("cache-control"), Some("public, max-age=300"));
    let keys = jwks.json()["keys"].clone();
    assert!(
        keys.as_array()
            .unwrap()
            .iter()
            .all(|key| key.get("d").is_none() && key["kty"] == "OKP")
    );
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty());
}

#[test]
fn nothing_is_remembered_of_a_failure() {
    let stage = Stage::new();
    let me = &calls(&stage)[4].0;
    stage.sql_fails(SqlError::Timeout);
    assert_eq!(stage.send(me).status, 503);
    stage.log();
    stage.sql("session.alive", one(ann()));
    assert_eq!(stage.send(me).status, 200);
}

#[test]
fn without_randomness_nothing_is_made() {
    let stage = Stage::new();
    stage.host.ports().has_entropy.set(false);
    let mut request = http::Request::new(bytes::Bytes::new());
    *request.uri_mut() = "http://id.example/healthz".parse().unwrap();
    let handled = doorward_edge::handle(stage.host.clone(), std::rc::Rc::clone(&stage.instance), None, request);
    let response = crate::fake::poll(&mut Box::pin(handled)).unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
    assert_eq!(stage.host.ports().log.take().len(), 1);
}

#[test]
fn a_broken_configuration_is_named_without_its_value_and_answered_503() {
    let secret = "not-a-key-set-but-secret";
    let error = Config::read(|name| (name == "DOORWARD_KEYS").then(|| secret.to_owned())).unwrap_err();
    assert_eq!(error.name, "DOORWARD_KEYS");
    assert!(!format!("{error} {error:?}").contains(secret));
    let error = Config::read(|_| None).unwrap_err();
    assert_eq!(error.to_string(), "configuration DOORWARD_KEYS: is missing");

    let stage = Stage::new();
    let response = doorward_edge::unconfigured(stage.host.now(), &stage.host);
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["x-request-id"].len(), 36);
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(body["code"], "UNAVAILABLE");

    let response = doorward_edge::unreadable(stage.host.now(), &stage.host);
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["x-request-id"].len(), 36);
}
