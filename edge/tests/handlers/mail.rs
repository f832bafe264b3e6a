//! What runs after a reply, and the tick: mail leaves the outbox once, is noted, and waits where the provider is down.

use doorward_core::id::{MailId, TokenId};
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_edge::host::{FetchError, Level, Rows, SqlError};
use serde_json::{Value, json};

use crate::data::{ANN, EMAIL, Row, at, none, nulls, one, row};
use crate::stage::{Ask, Stage};

const MAIL: MailId = MailId::from_bytes([0x3a; 16]);
const TOKEN: TokenId = TokenId::from_bytes([4; 16]);
const PROVIDER: &[(&str, &str)] = &[
    ("PUBLIC_URL", "http://id.example"),
    ("MAIL_URL", "https://mail.example"),
    ("MAIL_TOKEN", "re_secret"),
    ("MAIL_FROM", "Doorward <no-reply@example.com>"),
    ("MAINTENANCE_TOKEN", "maintenance-token"),
];

/// Asks for a reset, whose mail is then on its way.
fn forgot(stage: &Stage) {
    stage.sql("token.mailbox", one(row(&[&ANN.to_string()])));
    stage.sql("token.issue_reset", none());
    let ask = Ask::post("/auth/forgot-password").json(json!({ "email": EMAIL }));
    assert_eq!(stage.send(&ask).status, 202);
    assert!(stage.fetched().is_empty(), "no mail goes out before the reply");
    stage.flights();
    stage.kv_flights();
}

fn plain(stage: &Stage) -> String {
    let token = OneTimeToken {
        user: ANN,
        token: TOKEN,
    };
    let plain = token.seal(stage.keys(), Purpose::PasswordReset);
    stage.guard(&plain);
    plain.expose().to_owned()
}

/// A leased reset mail: the row of `outbox.lease`.
fn leased(stage: &Stage, attempts: &str) -> Row {
    let hash = doorward_core::token::HashedToken::of(&plain(stage));
    let mail = row(&[&MAIL.to_string(), EMAIL, "password_reset", "en", "{}", attempts]);
    let expires = at(3_600_000).as_millis().to_string();
    let token = row(&[
        &TOKEN.to_string(),
        &TOKEN.to_string(),
        &ANN.to_string(),
        hash.as_str(),
        &expires,
        "f",
    ]);
    [mail, token].concat()
}

/// What the database is told became of each mail.
fn settled(stage: &Stage) -> Value {
    let flights = stage.flights();
    let names: Vec<_> = flights.iter().flat_map(crate::fake::Batch::names).collect();
    assert_eq!(names, ["outbox.lease", "outbox.settle"]);
    serde_json::from_str(flights[1].0[0].1[0].as_deref().unwrap()).unwrap()
}

#[test]
fn a_mail_goes_out_after_the_reply() {
    let stage = Stage::with(PROVIDER);
    forgot(&stage);
    stage.sql("outbox.lease", one(leased(&stage, "1")));
    stage.fetch().answers(200, r#"{"id":"49a3999c"}"#);
    stage.sql("outbox.settle", none());
    stage.run_deferred();

    let requests = stage.fetched();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].uri(), "https://mail.example/emails");
    assert_eq!(requests[0].headers()["idempotency-key"], MAIL.to_string());
    let body: Value = serde_json::from_slice(requests[0].body()).unwrap();
    assert_eq!(body["to"], json!([EMAIL]));
    let link = format!("http://id.example/reset-password?token={}", plain(&stage));
    assert!(body["text"].as_str().unwrap().contains(&link), "{body}");

    let expected = json!([{ "id": MAIL.to_string(), "lease": 1, "status": "sent", "tried": true, "next": null,
        "error": null }]);
    assert_eq!(settled(&stage), expected);
    assert!(stage.log().is_empty());
}

#[test]
fn a_provider_that_is_down_leaves_it_for_later() {
    for attempts in ["1", "3"] {
        let stage = Stage::with(PROVIDER);
        forgot(&stage);
        stage.sql("outbox.lease", one(leased(&stage, attempts)));
        stage
            .fetch()
            .fails(FetchError::Unreachable("connection refused".to_owned()));
        stage.sql("outbox.settle", none());
        stage.run_deferred();
        let line = stage.line();
        assert_eq!((line.level, line.event()), (Level::Warn, "mail.deferred"));
        // A minute after the first attempt, four after the third.
        let wait = if attempts == "1" { 60_000 } else { 240_000 };
        let settled = settled(&stage);
        assert_eq!(
            (&settled[0]["status"], &settled[0]["tried"]),
            (&json!("pending"), &json!(true))
        );
        assert_eq!(settled[0]["next"], at(wait).to_string());
    }
}

#[test]
fn a_provider_that_hangs_has_ten_seconds() {
    let stage = Stage::with(PROVIDER);
    forgot(&stage);
    stage.sql("outbox.lease", one(leased(&stage, "1")));
    stage.fetch().hangs();
    stage.sql("outbox.settle", none());
    stage.deferred_waits(9_999);
    assert_eq!(stage.host.run_deferred(), 1);
    stage.deferred_waits(1);
    assert_eq!(stage.host.run_deferred(), 0);
    assert!(stage.line().text().ends_with("no answer in time"));
    assert_eq!(settled(&stage)[0]["status"], "pending");
}

#[test]
fn the_last_attempt_and_a_refusal_are_the_end() {
    let refusal = format!(r#"{{"name":"validation_error","message":"{EMAIL} is none"}}"#);
    for (attempts, status, body) in [("14", 503, ""), ("1", 422, &refusal)] {
        let stage = Stage::with(PROVIDER);
        forgot(&stage);
        stage.sql("outbox.lease", one(leased(&stage, attempts)));
        stage.fetch().answers(status, body.to_owned());
        stage.sql("outbox.settle", none());
        stage.run_deferred();
        let line = stage.line();
        assert_eq!((line.level, line.event()), (Level::Error, "mail.failed"));
        assert_eq!(settled(&stage)[0]["status"], "failed");
    }
}

#[test]
fn a_token_that_works_no_more_is_not_mailed() {
    let stage = Stage::with(PROVIDER);
    let mut used = leased(&stage, "1");
    used[11] = Some("t".to_owned());
    let mut expired = leased(&stage, "1");
    expired[10] = Some(at(0).as_millis().to_string());
    let mut replaced = leased(&stage, "1");
    replaced.splice(7.., nulls(5));
    for mail in [used, expired, replaced] {
        forgot(&stage);
        stage.sql("outbox.lease", one(mail));
        stage.sql("outbox.settle", none());
        stage.run_deferred();
        assert_eq!(settled(&stage)[0]["status"], "obsolete");
        assert!(stage.fetched().is_empty() && stage.log().is_empty());
    }
}

#[test]
fn a_database_that_is_down_after_the_reply_is_logged_and_loses_nothing() {
    let stage = Stage::with(PROVIDER);
    forgot(&stage);
    stage.sql_fails(SqlError::Timeout);
    stage.run_deferred();
    assert_eq!(stage.line().event(), "sql");
    // It goes down between sending and noting: the lease runs out, and the same key goes to the provider again.
    forgot(&stage);
    stage.sql("outbox.lease", one(leased(&stage, "1")));
    stage.fetch().answers(200, "{}");
    stage.sql_fails(SqlError::Unreachable("reset".to_owned()));
    stage.run_deferred();
    assert_eq!(stage.line().event(), "sql");
}

#[test]
fn without_a_provider_mail_stays_where_it_is_and_that_is_said_once() {
    let stage = Stage::new();
    for lines in [1, 0, 0] {
        forgot(&stage);
        stage.run_deferred();
        assert!(stage.flights().is_empty());
        let log = stage.log();
        assert_eq!(log.len(), lines);
        assert!(log.iter().all(|line| line.event() == "mail.off"));
    }
}

fn affected(count: u64) -> Rows {
    Rows {
        affected: count,
        ..Rows::default()
    }
}

#[test]
fn the_tick_is_for_who_has_its_token() {
    let stage = Stage::with(PROVIDER);
    for ask in [
        Ask::post("/maintenance"),
        Ask::post("/maintenance").bearer("maintenance-toke"),
        Ask::post("/maintenance").bearer(&stage.access_token(ANN, crate::data::SESSION)),
    ] {
        assert_eq!(stage.send(&ask).outcome(), (401, "UNAUTHENTICATED".to_owned()));
    }
    let none_configured = Stage::new();
    let answer = none_configured.send(&Ask::post("/maintenance").bearer("maintenance-token"));
    assert_eq!(answer.outcome(), (404, "NOT_FOUND".to_owned()));
    assert!(stage.flights().is_empty());
}

#[test]
fn the_tick_delivers_and_sweeps_batch_by_batch() {
    let stage = Stage::with(PROVIDER);
    stage.sql("outbox.lease", one(leased(&stage, "1")));
    stage.fetch().answers(200, "{}");
    stage.sql("outbox.settle", none());
    for count in [1_000, 1_000, 999] {
        stage.sql("sweep.sessions", affected(count));
    }
    // At most five batches, the rest is for the next tick.
    for _ in 0..5 {
        stage.sql("sweep.tokens", affected(1_000));
    }
    stage.sql("sweep.mail", affected(0));
    let answer = stage.send(&Ask::post("/maintenance").bearer("maintenance-token"));
    assert_eq!(answer.status, 200);
    let expected = json!({ "mail": { "sent": 1, "deferred": 0, "failed": 0, "obsolete": 0 },
        "swept": { "sessions": 2_999, "tokens": 5_000, "mail": 0, "events": 0 } });
    assert_eq!(answer.json(), expected);
    assert_eq!(stage.line().event(), "maintenance");
}

#[test]
fn a_tick_without_a_database_is_503_and_one_line() {
    let stage = Stage::with(PROVIDER);
    stage.sql_fails(SqlError::Unreachable("refused".to_owned()));
    let answer = stage.send(&Ask::post("/maintenance").bearer("maintenance-token"));
    assert_eq!(answer.outcome(), (503, "UNAVAILABLE".to_owned()));
    assert!(stage.line().text().contains("outbox.lease"));
}

#[test]
fn what_is_noted_in_redis_after_the_reply_has_a_deadline_too() {
    use crate::data::{HASH, PASSWORD, ann, credentials, joined};
    let stage = Stage::new();
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.sql("session.open", one(joined(&[row(&["f"]), ann()])));
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    assert_eq!(stage.send(&Ask::post("/auth/login").json(login)).status, 200);
    stage.kv().next(crate::fake::KvOutcome::Hangs);
    stage.deferred_waits(499);
    assert_eq!(stage.host.run_deferred(), 1);
    stage.deferred_waits(1);
    assert_eq!(stage.host.run_deferred(), 0);
}
