//! Redis is down: everything goes on, the limits are counted in the instance, the log says so once, and Redis is left alone
//! for two seconds after each failure.

use std::time::Duration;

use doorward_edge::host::{KvError, Level, Reply};
use serde_json::json;

use crate::data::{EMAIL, HASH, PASSWORD, ann, credentials, joined, none, one, row};
use crate::fake::KvOutcome;
use crate::stage::{Answer, Ask, Stage};

const MOMENT: Duration = Duration::from_millis(1);
/// All but a moment of the two seconds.
const ALMOST: Duration = Duration::from_millis(1_999);

fn forgot(stage: &Stage, email: &str) -> Answer {
    stage.sql("token.mailbox", none());
    stage.sql("token.issue_reset", none());
    let answer = stage.send(&Ask::post("/auth/forgot-password").json(json!({ "email": email })));
    assert_eq!(answer.status, 202);
    answer
}

/// A refused one: no answer is put down, so that asking for one is a failure.
fn forgot_refused(stage: &Stage, email: &str) -> u64 {
    let answer = stage.send(&Ask::post("/auth/forgot-password").json(json!({ "email": email })));
    assert_eq!(answer.outcome(), (429, "RATE_LIMITED".to_owned()));
    answer.header("retry-after").unwrap().parse().unwrap()
}

#[test]
fn signing_in_goes_on() {
    let stage = Stage::new();
    stage.kv().set_down(true);
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.sql("session.open", one(joined(&[row(&["f"]), ann()])));
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = stage.send(&Ask::post("/auth/login").json(login));
    assert_eq!(answer.status, 200);
    let line = stage.line();
    assert_eq!((line.level, line.event()), (Level::Warn, "degraded"));
    assert_eq!(line.request_id(), answer.header("x-request-id"));
    // It is left alone after the reply too.
    stage.kv_flights();
    stage.run_deferred();
    assert!(stage.kv_flights().is_empty() && stage.log().is_empty());
}

#[test]
fn after_a_failure_it_is_left_alone_for_two_seconds() {
    let stage = Stage::new();
    stage.kv().set_down(true);
    forgot(&stage, EMAIL);
    assert_eq!((stage.kv_flights().len(), stage.log().len()), (1, 1));
    for wait in [Duration::ZERO, ALMOST] {
        stage.advance(wait);
        forgot(&stage, EMAIL);
        assert_eq!((stage.kv_flights().len(), stage.log().len()), (0, 0));
    }
    // Asked again, still down: it rests anew.
    stage.advance(MOMENT);
    forgot(&stage, EMAIL);
    assert_eq!((stage.kv_flights().len(), stage.log().len()), (1, 1));
    stage.advance(ALMOST);
    stage.kv().set_down(false);
    forgot(&stage, EMAIL);
    assert_eq!(stage.kv_flights().len(), 0);
    // Back: from the next request on it counts.
    stage.advance(MOMENT);
    for _ in 0..3 {
        forgot(&stage, EMAIL);
        assert_eq!(stage.kv_flights().len(), 1);
    }
    assert!(stage.log().is_empty());
}

#[test]
fn a_flight_that_hangs_costs_the_configured_time_once() {
    for (pairs, millis) in [(&[][..], 500), (&[("KV_TIMEOUT_MS", "50")], 50)] {
        let stage = Stage::with(pairs);
        stage.kv().next(KvOutcome::Hangs);
        stage.sql("token.mailbox", none());
        stage.sql("token.issue_reset", none());
        let mut call = stage.start(&Ask::post("/auth/forgot-password").json(json!({ "email": EMAIL })));
        call.waits(&stage, millis - 1);
        assert!(!call.is_done());
        assert!(stage.flights().is_empty());
        call.waits(&stage, 1);
        assert!(call.is_done());
        assert_eq!(call.answer().status, 202);
        assert_eq!(stage.line().event(), "degraded");
        forgot(&stage, EMAIL);
        assert_eq!(stage.kv_flights().len(), 1);
    }
}

#[test]
fn whatever_else_it_does_wrong_the_request_goes_on() {
    for outcome in [
        KvOutcome::Fails(KvError::Timeout),
        KvOutcome::Fails(KvError::Protocol("no array".to_owned())),
        KvOutcome::Fails(KvError::Unreachable("reset".to_owned())),
        KvOutcome::Replies(vec![Reply::Error("NOSCRIPT".to_owned())]),
        KvOutcome::Replies(vec![Reply::Nil]),
        KvOutcome::Replies(vec![Reply::Text("0".to_owned())]),
        KvOutcome::Replies(vec![]),
        KvOutcome::Replies(vec![Reply::Integer(0), Reply::Integer(0)]),
    ] {
        let stage = Stage::new();
        stage.kv().next(outcome);
        forgot(&stage, EMAIL);
        assert_eq!(stage.line().event(), "degraded");
    }
}

#[test]
fn the_limits_are_counted_in_the_instance() {
    let stage = Stage::new();
    stage.kv().set_down(true);
    // Five an hour to one mailbox: one more every 12 minutes.
    for _ in 0..5 {
        forgot(&stage, EMAIL);
    }
    assert_eq!(forgot_refused(&stage, EMAIL), 720);
    // In whatever way the address is written; another mailbox has a bucket of its own.
    assert_eq!(forgot_refused(&stage, " Ann@EXAMPLE.com"), 720);
    forgot(&stage, "bob@example.com");

    stage.advance(Duration::from_secs(719));
    assert_eq!(forgot_refused(&stage, EMAIL), 1);
    stage.advance(Duration::from_secs(1));
    forgot(&stage, EMAIL);
    assert_eq!(forgot_refused(&stage, EMAIL), 720);
    stage.log();
}

#[test]
fn a_refused_call_is_counted_nowhere() {
    let stage = Stage::new();
    stage.kv().set_down(true);
    for _ in 0..5 {
        forgot(&stage, EMAIL);
    }
    // 30 an hour from one address: these 25 refusals took nothing of what is left.
    for _ in 0..25 {
        forgot_refused(&stage, EMAIL);
    }
    for n in 0..25 {
        forgot(&stage, &format!("person{n}@example.com"));
    }
    assert_eq!(forgot_refused(&stage, "last@example.com"), 120);
    stage.log();
}
