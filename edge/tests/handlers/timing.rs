//! `Server-Timing`: the flights of DESIGN's table as the outside sees them, where the switch is on.

use serde_json::json;

use crate::data::{ANN, EMAIL, HASH, PASSWORD, SESSION, ann, credentials, joined, one, row};
use crate::fake::SqlOutcome;
use crate::stage::{Answer, Ask, Stage};

const ON: &[(&str, &str)] = &[("SERVER_TIMING", "on")];

fn timing(answer: &Answer) -> Option<&str> {
    answer.header("server-timing")
}

#[test]
fn it_counts_the_flights() {
    let stage = Stage::with(ON);
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.sql("session.open", one(joined(&[row(&["f"]), ann()])));
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = stage.send(&Ask::post("/auth/login").json(login));
    let expected = "sql;desc=\"2\";dur=0.0, kv;desc=\"1\";dur=0.0, total;dur=0.0";
    assert_eq!(timing(&answer), Some(expected));
    // What the instance knows already costs none.
    let access = answer.json()["accessToken"].as_str().unwrap().to_owned();
    let answer = stage.send(&Ask::get("/api/auth/me").bearer(&access));
    let expected = "sql;desc=\"0\";dur=0.0, kv;desc=\"0\";dur=0.0, total;dur=0.0";
    assert_eq!(timing(&answer), Some(expected));
}

#[test]
fn it_tells_how_long_they_took_also_when_they_failed() {
    let stage = Stage::with(ON);
    let me = Ask::get("/api/auth/me").bearer(&stage.access_token(ANN, SESSION));
    stage.outcome(SqlOutcome::Hangs);
    let mut call = stage.start(&me);
    call.waits(&stage, 7_000);
    let answer = call.answer();
    let expected = "sql;desc=\"1\";dur=7000.0, kv;desc=\"0\";dur=0.0, total;dur=7000.0";
    assert_eq!(timing(&answer), Some(expected));
    stage.log();
}

#[test]
fn by_default_it_says_nothing() {
    let stage = Stage::new();
    assert_eq!(timing(&stage.send(&Ask::get("/healthz"))), None);
}
