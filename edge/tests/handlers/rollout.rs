//! Moving in while both systems run: who is asked about whom, what is passed on and back, and what is compared.

use std::time::Duration;

use bytes::Bytes;
use doorward_core::id::{TokenId, UserId};
use doorward_core::password::{Attempt, Verdict, Workspace, verify};
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_core::token::refresh::RefreshToken;
use doorward_core::unicode;
use doorward_edge::host::{FetchError, Level, Reply as KvReply, Rows, SqlError};
use http::Request;
use serde_json::{Value, json};

use crate::data::{
    ACME, ANN, CHANGED_AT, EMAIL, HASH, PASSWORD, SESSION, Session, ann, at, credentials, joined, none, one, row,
};
use crate::fake::KvOutcome;
use crate::stage::{Ask, Line, Stage};

const OLD: (&str, &str) = ("LEGACY_AUTH", "https://old.example");
/// An answer in the old system's own words.
const THEIRS: &str = r#"{"error": "their words", "code": "THEIRS"}"#;

fn stage(rollout: &str) -> Stage {
    Stage::with(&[OLD, ("ROLLOUT", rollout)])
}

fn login(password: &str) -> Ask {
    let body = json!({ "email": EMAIL, "password": password });
    Ask::post("/api/auth/login").json(body)
}

/// What the old system was asked. It is told passwords, as nobody else is.
fn asked(stage: &Stage) -> Vec<Request<Bytes>> {
    stage.fetch().take()
}

fn accepts(stage: &Stage) {
    accepts_as(
        stage,
        &json!({ "id": "7", "email": EMAIL, "name": "Ann Old", "isVerified": true }),
    );
}

fn accepts_as(stage: &Stage, user: &Value) {
    stage.fetch().answers(200, json!({ "user": user }).to_string());
}

fn opened() -> Rows {
    one(joined(&[row(&["f"]), ann()]))
}

#[test]
fn switched_off_everything_is_passed_on_and_answered_in_the_old_system_s_words() {
    for (path, there) in [
        ("/api/auth/register", "/auth/signup"),
        ("/auth/login", "/auth/login"),
        ("/auth/logout", "/auth/logout"),
        ("/auth/refresh", "/auth/refresh"),
        ("/auth/verify-email", "/auth/verify-email"),
        ("/auth/resend-verification", "/auth/resend-verification"),
        ("/auth/forgot-password", "/auth/forgot-password"),
        ("/auth/reset-password", "/auth/reset-password"),
    ] {
        let stage = stage("off");
        stage.fetch().answers(418, THEIRS);
        let body = json!({ "email": EMAIL, "password": "short", "token": "theirs-0123", "other": 1 });
        let answer = stage.send(&Ask::post(path).json(body.clone()));
        assert_eq!(answer.outcome(), (418, "THEIRS".to_owned()), "{path}");
        let requests = asked(&stage);
        assert_eq!((requests.len(), requests[0].uri().path()), (1, there));
        assert_eq!(serde_json::from_slice::<Value>(requests[0].body()).unwrap(), body);
        assert_eq!(requests[0].headers()["x-forwarded-for"], crate::stage::ADDRESS);
        assert!(stage.flights().is_empty());
    }
}

#[test]
fn another_site_is_refused_before_the_old_system_hears_of_it() {
    let stage = stage("off");
    let answer = stage.send(&login(PASSWORD).header("sec-fetch-site", "cross-site"));
    assert_eq!(answer.outcome(), (403, "ORIGIN_REFUSED".to_owned()));
    assert!(asked(&stage).is_empty());
}

#[test]
fn what_bears_a_token_of_ours_is_answered_here_wherever_the_switch_is() {
    for rollout in ["off", "shadow", "percent:0"] {
        let stage = stage(rollout);
        let first = RefreshToken::first(SESSION, [9; 16]);
        let session = Session {
            hash: first.successor().unwrap().seal(stage.keys()).hashed(),
            generation: 1,
            rotated_at: stage.now(),
            expires_at: at(3_600_000),
            revoked_at: None,
            arrival: None,
        };
        stage.batch(vec![
            ("session.rotate", one(row(&[&SESSION.to_string()]))),
            ("session.reuse", none()),
            ("session.state", one(session.row("active"))),
        ]);
        let token = first.seal(stage.keys());
        let refresh = Ask::post("/auth/refresh").token_mode();
        let answer = stage.send(&refresh.json(json!({ "refreshToken": token.expose() })));
        assert_eq!(answer.status, 200, "{rollout}");

        stage.sql("session.end", none());
        let logout = Ask::post("/auth/logout").bearer(&stage.access_token(ANN, SESSION));
        assert_eq!(stage.send(&logout).status, 204);

        let one_time = OneTimeToken {
            user: ANN,
            token: TokenId::from_bytes([4; 16]),
        };
        let one_time = one_time.seal(stage.keys(), Purpose::EmailVerification);
        stage.sql_fails(SqlError::Timeout);
        let verify = Ask::post("/auth/verify-email").json(json!({ "token": one_time.expose() }));
        assert_eq!(stage.send(&verify).status, 503, "asked of our own database");
        assert!(asked(&stage).is_empty());
    }
}

/// Where the old system is told a secret of ours, whoever reads its logs acts here.
#[test]
fn no_access_token_of_ours_goes_there() {
    let stage = stage("off");
    let ours = stage.access_token(ANN, SESSION);
    for (waited, token, sent) in [
        (0, ours.as_str(), None),
        (3_600, ours.as_str(), None),
        (0, "theirs", Some("Bearer theirs")),
    ] {
        stage.advance(Duration::from_secs(waited));
        stage.fetch().answers(401, THEIRS);
        let answer = stage.send(&login(PASSWORD).bearer(token));
        assert_eq!(answer.outcome().1, "THEIRS");
        let header = asked(&stage)[0].headers().get("authorization").cloned();
        assert_eq!(header.as_ref().map(|value| value.to_str().unwrap()), sent);
    }
}

#[test]
fn whom_a_firm_here_has_invited_registers_here() {
    let stage = stage("off");
    let invitation = OneTimeToken {
        user: UserId::from_bytes(*ACME.as_bytes()),
        token: TokenId::from_bytes([4; 16]),
    };
    let invitation = invitation.seal(stage.keys(), Purpose::Invitation);
    stage.guard(&invitation);
    let register = |invitation: &str| {
        let body = json!({ "email": EMAIL, "name": "Ann", "password": PASSWORD, "invitation": invitation });
        Ask::post("/auth/signup").json(body)
    };
    stage.sql_fails(SqlError::Timeout);
    assert_eq!(stage.send(&register(invitation.expose())).status, 503);
    assert_eq!(stage.flight().names(), ["registration.accept"]);
    assert!(asked(&stage).is_empty());

    stage.fetch().answers(418, THEIRS);
    assert_eq!(stage.send(&register("theirs")).outcome().1, "THEIRS");
    asked(&stage);
}

/// The buckets of a limit's flight, by their names.
fn buckets(flight: &[Vec<String>]) -> Vec<&str> {
    let [command] = flight else { panic!("{flight:?}") };
    assert_eq!(command[0], "EVAL");
    let names = command[3..]
        .iter()
        .filter_map(|key| key.strip_prefix("doorward:limit:"));
    names
        .filter_map(|key| key.rsplit_once(':'))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn what_is_passed_on_is_counted_as_it_would_be_here() {
    let full = || KvOutcome::Replies(vec![KvReply::Integer(7_000)]);
    for (path, expected) in [
        ("/auth/login", "login:account"),
        ("/auth/signup", "register:account"),
        ("/auth/resend-verification", "resend:mailbox"),
        ("/auth/forgot-password", "forgot:mailbox"),
        ("/auth/verify-email", "verify:address"),
        ("/auth/reset-password", "reset:address"),
    ] {
        for rollout in ["off", "shadow"] {
            let stage = stage(rollout);
            stage.kv().next(full());
            let body = json!({ "email": EMAIL, "password": PASSWORD, "token": "theirs-0123" });
            let answer = stage.send(&Ask::post(path).json(body));
            assert_eq!(answer.outcome(), (429, "RATE_LIMITED".to_owned()), "{path}");
            assert_eq!(answer.header("retry-after"), Some("7"));
            let flights = stage.kv_flights();
            assert_eq!((flights.len(), buckets(&flights[0])[0]), (1, expected));
            assert!(stage.flights().is_empty() && asked(&stage).is_empty());
        }
    }
    // From one place at one account the old system says itself how fast one may guess.
    let there = stage("off");
    there.fetch().answers(401, THEIRS);
    there.send(&login(PASSWORD));
    asked(&there);
    let flights = there.kv_flights();
    assert_eq!(buckets(&flights[0]), ["login:account", "login:address"]);
    // The buckets' number, then burst and period of each: nothing about attempts.
    let arguments = &flights[0][0][3 + 4..];
    assert_eq!(arguments, ["2", "100", "3600000", "60", "600000"]);

    // A user name that is no address.
    let stage = stage("off");
    stage.kv().next(full());
    let body = json!({ "email": "ann", "password": PASSWORD });
    assert_eq!(stage.send(&Ask::post("/auth/login").json(body)).status, 429);
    assert_eq!(buckets(&stage.kv_flights()[0]), ["passed-on:address"]);
}

#[test]
fn a_success_there_is_one_for_the_limits_here() {
    for (status, forgets) in [(200, true), (401, false)] {
        let stage = stage("off");
        stage.fetch().answers(status, THEIRS);
        assert_eq!(stage.send(&login(PASSWORD)).status, status);
        asked(&stage);
        assert_eq!(stage.kv_flights().len(), 1);
        stage.run_deferred();
        let after = stage.kv_flights();
        assert_eq!(
            after.first().map(|flight| flight[0][0].as_str()),
            forgets.then_some("DEL")
        );
    }
}

/// Cognito has no such call.
#[test]
fn what_cannot_be_passed_on_is_counted_once() {
    let url = "cognito:https://cognito-idp.eu-central-1.amazonaws.com/?client_id=abc";
    let stage = Stage::with(&[("LEGACY_AUTH", url), ("ROLLOUT", "off")]);
    stage.sql("token.mailbox", none());
    stage.sql("token.issue_reset", none());
    let forgot = Ask::post("/auth/forgot-password").json(json!({ "email": EMAIL }));
    assert_eq!(stage.send(&forgot).status, 202);
    assert_eq!(stage.kv_flights().len(), 1);
}

/// A host reads no more than what shows that a body is too long.
#[test]
fn a_body_that_is_cut_off_goes_nowhere() {
    let stage = stage("off");
    let body = json!({ "email": EMAIL, "password": PASSWORD, "more": "x".repeat(64 * 1024) });
    let answer = stage.send(&Ask::post("/auth/login").json(body));
    assert_eq!(answer.outcome(), (413, "BODY_TOO_LARGE".to_owned()));
    assert!(asked(&stage).is_empty());
}

/// Ann's number is 55.
#[test]
fn a_percentage_is_of_addresses() {
    let there = stage("percent:55");
    there.fetch().answers(401, THEIRS);
    assert_eq!(there.send(&login(PASSWORD)).outcome().1, "THEIRS");
    asked(&there);

    let here = stage("percent:56");
    here.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    here.sql("session.open", opened());
    assert_eq!(here.send(&login(PASSWORD)).status, 200);
    assert!(asked(&here).is_empty());
}

#[test]
fn in_shadow_both_are_asked_the_old_one_answers_and_differences_are_counted() {
    for (there, hash, password, outcome) in [
        (200, Some(HASH.as_str()), PASSWORD, "login:same"),
        (401, Some(HASH.as_str()), "not the password", "login:same"),
        (401, Some(HASH.as_str()), PASSWORD, "login:different"),
        (200, None, PASSWORD, "login:different"),
    ] {
        let stage = stage("shadow");
        stage.fetch().answers(there, THEIRS);
        stage.sql("user.credentials", one(credentials(hash, "active", true)));
        stage.kv().next(KvOutcome::Replies(vec![KvReply::Integer(0)]));
        stage.kv().next(KvOutcome::Replies(vec![KvReply::Integer(1); 2]));
        let answer = stage.send(&login(password));
        assert_eq!(answer.outcome(), (there, "THEIRS".to_owned()));
        assert_eq!(asked(&stage).len(), 1);
        assert_eq!(stage.flight().names(), ["user.credentials"]);
        let flights = stage.kv_flights();
        assert_eq!(flights[1][0], ["HINCRBY", "doorward:rollout", outcome, "1"]);
        assert_eq!((flights.len(), flights[1][1][0].as_str()), (2, "EXPIRE"));
        let lines = stage.log();
        let events: Vec<_> = lines.iter().map(Line::event).collect();
        let expected: &[&str] = if outcome.ends_with("different") {
            &["rollout.difference"]
        } else {
            &[]
        };
        assert_eq!(events, expected);
    }
}

#[test]
fn in_shadow_our_own_trouble_is_nobody_s_else() {
    let stage = stage("shadow");
    stage.fetch().answers(200, THEIRS);
    stage.sql_fails(SqlError::Timeout);
    assert_eq!(stage.send(&login(PASSWORD)).outcome().1, "THEIRS");
    asked(&stage);
    assert!(stage.log().iter().any(|line| line.event() == "rollout.uncompared"));
}

#[test]
fn an_old_system_that_does_not_answer_is_unavailable() {
    let stage = stage("off");
    stage.fetch().fails(FetchError::Unreachable("refused".to_owned()));
    assert_eq!(stage.send(&login(PASSWORD)).status, 503);
    assert_eq!(stage.line().level, Level::Error);
    stage.fetch().hangs();
    let mut call = stage.start(&login(PASSWORD));
    call.waits(&stage, 4_999);
    assert!(!call.is_done());
    call.waits(&stage, 1);
    assert_eq!(call.answer().status, 503);
    asked(&stage);
}

#[test]
fn somebody_whom_only_the_old_system_knows_is_brought_over() {
    for (rollout, rows) in [
        ("on", none()),
        // Imported from where no hashes are to be had.
        ("on", one(credentials(None, "active", false))),
        ("percent:56", none()),
    ] {
        let stage = stage(rollout);
        accepts(&stage);
        stage.sql("user.credentials", rows);
        stage.sql("rollout.arrive", one(credentials(Some(&HASH), "active", true)));
        stage.sql("session.open", opened());
        assert_eq!(stage.send(&login(PASSWORD)).status, 200);
        let requests = asked(&stage);
        let sent: Value = serde_json::from_slice(requests[0].body()).unwrap();
        assert_eq!(sent, json!({ "email": EMAIL, "password": PASSWORD }));
        let flights = stage.flights();
        let arrive = &flights[1];
        assert!(arrive.has(EMAIL) && arrive.has("Ann Old") && arrive.has("http") && arrive.has("7"));
        let hash = arrive.values().find(|value| value.starts_with("$argon2id$"));
        assert_eq!(
            verify(hash, &Attempt::new(PASSWORD, unicode::TABLES), &mut Workspace::new()),
            Verdict::Right { rehash: false }
        );
        assert!(flights[2].has(CHANGED_AT));
    }
}

/// Somebody's user name can be somebody else's address.
#[test]
fn an_acceptance_of_another_address_brings_nobody_over() {
    let stage = stage("on");
    accepts_as(
        &stage,
        &json!({ "id": "8", "email": "eve@example.com", "name": "Eve", "isVerified": true }),
    );
    stage.sql("user.credentials", one(credentials(None, "active", false)));
    stage.sql("event.record", none());
    let answer = stage.send(&login(PASSWORD));
    assert_eq!(answer.outcome(), (401, "INVALID_CREDENTIALS".to_owned()));
    assert_eq!(stage.line().event(), "rollout.unproven");
    asked(&stage);
}

#[test]
fn letters_of_either_case_are_one_address() {
    let stage = stage("on");
    accepts_as(
        &stage,
        &json!({ "id": "7", "email": "Ann@Example.COM", "emailVerified": true }),
    );
    stage.sql("user.credentials", none());
    stage.sql("rollout.arrive", one(credentials(Some(&HASH), "active", true)));
    stage.sql("session.open", opened());
    assert_eq!(stage.send(&login(PASSWORD)).status, 200);
    asked(&stage);
}

/// What is stored decides (the conformance suite has it); here is what it is told, and what the log says.
#[test]
fn who_is_here_without_a_password_is_no_prize_for_an_unproven_address() {
    const SUB: &str = "0b5c1f4e-7d2a-4b1e-9c3f-2a6d8e4f0b1c";
    for (id, telling) in [
        (json!(SUB), Some(SUB)),
        (json!("7"), None),
        (json!(7), None),
        (json!("ann-of-old@example.com"), None),
    ] {
        let stage = stage("on");
        accepts_as(&stage, &json!({ "id": id, "email": EMAIL, "emailVerified": null }));
        let there = || one(credentials(None, "active", false));
        stage.sql("user.credentials", there());
        stage.sql("rollout.arrive", none());
        stage.sql("user.credentials", there());
        stage.sql("event.record", none());
        assert_eq!(stage.send(&login(PASSWORD)).outcome().1, "INVALID_CREDENTIALS");
        let arrive = &stage.flights()[1].0[0].1;
        assert_eq!(arrive[4].as_deref(), Some("false"));
        assert_eq!(arrive[10].as_deref(), Some(id.to_string().trim_matches('"')));
        assert_eq!(arrive[11].as_deref(), telling);
        assert_eq!(stage.line().event(), "rollout.unproven");
        asked(&stage);
    }
}

#[test]
fn of_two_arrivals_at_once_both_are_let_in() {
    let stage = stage("on");
    accepts(&stage);
    stage.sql("user.credentials", none());
    stage.sql("rollout.arrive", none());
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.sql("session.open", opened());
    assert_eq!(stage.send(&login(PASSWORD)).status, 200);
    asked(&stage);
}

#[test]
fn a_suspended_arrival_is_told_so() {
    let stage = stage("on");
    accepts(&stage);
    stage.sql("user.credentials", one(credentials(None, "suspended", false)));
    stage.sql("rollout.arrive", one(credentials(Some(&HASH), "suspended", true)));
    stage.sql("event.record", none());
    assert_eq!(stage.send(&login(PASSWORD)).outcome().1, "ACCOUNT_SUSPENDED");
    asked(&stage);
}

#[test]
fn who_is_refused_there_is_refused_here() {
    let stage = stage("on");
    stage.fetch().answers(401, THEIRS);
    stage.sql("user.credentials", none());
    stage.sql("event.record", none());
    let answer = stage.send(&login(PASSWORD));
    assert_eq!(answer.outcome(), (401, "INVALID_CREDENTIALS".to_owned()));
    asked(&stage);
}

#[test]
fn whose_password_is_here_does_not_notice_that_the_old_system_is_down() {
    let stage = stage("on");
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.sql("event.record", none());
    assert_eq!(
        stage.send(&login("not the password")).outcome().1,
        "INVALID_CREDENTIALS"
    );
    assert!(asked(&stage).is_empty());

    // Of a stranger nobody can tell now whether the password is right.
    stage.fetch().answers(500, "");
    stage.sql("user.credentials", none());
    assert_eq!(stage.send(&login(PASSWORD)).outcome(), (503, "UNAVAILABLE".to_owned()));
    asked(&stage);
}

#[test]
fn a_stored_switch_is_read_again_after_five_seconds() {
    let stage = stage("stored");
    let answered_there = |stage: &Stage| {
        stage.fetch().answers(401, THEIRS);
        let outcome = stage.send(&login(PASSWORD)).outcome().1;
        asked(stage);
        outcome == "THEIRS"
    };
    stage.sql("rollout.stored", none());
    assert!(answered_there(&stage));
    assert!(answered_there(&stage));
    assert_eq!(stage.flight().names(), ["rollout.stored"]);

    stage.advance(Duration::from_secs(5));
    stage.sql("rollout.stored", one(row(&["percent:56"])));
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.sql("session.open", opened());
    assert_eq!(stage.send(&login(PASSWORD)).status, 200);

    // The database is away: the last word counts, which is that Ann is here.
    stage.advance(Duration::from_secs(5));
    stage.sql_fails(SqlError::Timeout);
    stage.sql_fails(SqlError::Timeout);
    assert_eq!(stage.send(&login(PASSWORD)).status, 503);
    assert!(asked(&stage).is_empty());
}
