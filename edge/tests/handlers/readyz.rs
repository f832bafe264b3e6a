//! `GET /readyz`: what it says of each dependency, and that asking it often costs nothing.

use std::time::Duration;

use doorward_edge::host::{DatabaseError, KvError, Reply, Rows, SqlError};
use serde_json::{Value, json};

use crate::data::{none, one, row};
use crate::fake::{KvOutcome, NOON};
use crate::stage::{Answer, Ask, Stage};

fn readyz(stage: &Stage) -> Answer {
    stage.send(&Ask::get("/readyz"))
}

fn probe(stage: &Stage, read: Rows) {
    stage.sql("readiness.write", none());
    stage.sql("readiness.read", read);
}

fn seen(millis: i64) -> Rows {
    one(row(&[&(NOON + millis).to_string()]))
}

#[test]
fn all_is_well() {
    let stage = Stage::with(&[("REVOCATION_SECONDS", "3")]);
    probe(&stage, seen(0));
    let answer = readyz(&stage);
    assert_eq!(answer.status, 200);
    let up = json!({ "state": "up" });
    let expected = json!({ "status": "ready", "dependencies": { "postgres": up, "redis": up },
        "revocationSeconds": 3, "checkedAt": "2026-11-20T12:00:00.000Z" });
    assert_eq!(answer.json(), expected);
}

#[test]
fn an_answer_holds_for_a_second() {
    let stage = Stage::new();
    probe(&stage, seen(0));
    readyz(&stage);
    stage.flights();
    stage.kv_flights();
    stage.advance(Duration::from_millis(999));
    assert_eq!(readyz(&stage).json()["checkedAt"], "2026-11-20T12:00:00.000Z");
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty());
    stage.advance(Duration::from_millis(1));
    probe(&stage, seen(1_000));
    assert_eq!(readyz(&stage).json()["checkedAt"], "2026-11-20T12:00:01.000Z");
    assert_eq!((stage.flights().len(), stage.kv_flights().len()), (2, 1));
}

#[test]
fn without_redis_it_is_degraded_and_serves() {
    for outcome in [
        KvOutcome::Fails(KvError::Timeout),
        KvOutcome::Fails(KvError::Unreachable("refused".to_owned())),
        KvOutcome::Replies(vec![Reply::Error("NOAUTH".to_owned())]),
    ] {
        let stage = Stage::new();
        stage.kv().next(outcome);
        probe(&stage, seen(0));
        let answer = readyz(&stage);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["status"], "degraded");
        assert_eq!(answer.json()["dependencies"]["redis"]["state"], "down");
        assert_eq!(answer.json()["dependencies"]["postgres"], json!({ "state": "up" }));
        stage.log();
    }
}

#[test]
fn without_postgres_it_is_unavailable_and_says_why_in_words_of_ours() {
    let database = |code: &str| {
        SqlError::Database(DatabaseError {
            code: code.to_owned(),
            message: "something with a value".to_owned(),
            ..DatabaseError::default()
        })
    };
    for (error, reason) in [
        (SqlError::Timeout, "it took too long"),
        (
            SqlError::Unreachable("10.0.0.5 refused".to_owned()),
            "it could not be reached",
        ),
        (SqlError::Protocol("cut short".to_owned()), "it could not be reached"),
        (database("42P01"), "the migrations have not run"),
        (database("25006"), "it refused a statement"),
    ] {
        let stage = Stage::new();
        stage.sql_fails(error);
        let answer = readyz(&stage);
        assert_eq!(answer.outcome(), (503, "UNAVAILABLE".to_owned()));
        let report: Value = answer.json()["details"].clone();
        assert_eq!(report["status"], "unavailable");
        assert_eq!(
            report["dependencies"]["postgres"],
            json!({ "state": "down", "reason": reason })
        );
        assert_eq!(report["dependencies"]["redis"], json!({ "state": "up" }));
        // The log says it once.
        assert!(stage.line().text().starts_with("readiness.write: "));
        // The bad news hold for a second too.
        assert_eq!(readyz(&stage).status, 503);
        assert_eq!(stage.flights().len(), 1);
    }
}

#[test]
fn a_pool_that_caches_reads_is_found_out() {
    for read in [seen(-1), none(), one(row(&["soon"]))] {
        let stage = Stage::new();
        probe(&stage, read);
        let answer = readyz(&stage);
        assert_eq!(answer.status, 503);
        let reason = answer.json()["details"]["dependencies"]["postgres"]["reason"].clone();
        assert_eq!(
            reason,
            "a read after a write shows an older value: turn the pool's cache off"
        );
    }
    // A rival's later probe is no cache.
    let stage = Stage::new();
    probe(&stage, seen(5));
    assert_eq!(readyz(&stage).status, 200);
}
