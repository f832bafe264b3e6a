//! Sign-in: the same work for everybody, what is told after a right password, and what is written.

use std::time::Duration;

use doorward_core::token::HashedToken;
use doorward_edge::host::Rows;
use serde_json::json;

use crate::data::{
    ANN, CHANGED_AT, EMAIL, HASH, OTHER_SESSION, PASSWORD, SESSION, ann, credentials, joined, none, one, row,
};
use crate::fake::{KvOutcome, SqlOutcome};
use crate::stage::{Ask, Stage};

fn login(password: &str) -> Ask {
    let body = json!({ "email": EMAIL, "password": password });
    Ask::post("/auth/login").token_mode().json(body)
}

/// What `session.open` answers: whether a notice was written, and the user.
fn opened(noticed: &str) -> Rows {
    one(joined(&[row(&[noticed]), ann()]))
}

#[test]
fn a_right_password_opens_a_session() {
    let stage = Stage::new();
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", false)));
    stage.sql("session.open", opened("f"));
    let answer = stage.send(&login(PASSWORD));
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["expiresIn"], 600);
    let refresh = body["refreshToken"].as_str().unwrap();
    let flights = stage.flights();
    assert!(flights[0].has(EMAIL));
    let open = &flights[1];
    assert!(open.has(HashedToken::of(refresh).as_str()) && open.has(CHANGED_AT) && open.has(crate::stage::ADDRESS));
    // A day, from now.
    assert!(open.has("2026-11-21T12:00:00.000Z"));
    assert_eq!(stage.kv_flights().len(), 1);
    // Nothing is mailed, so nothing but the counters is left to do.
    stage.run_deferred();
    assert!(stage.flights().is_empty());
    assert!(stage.log().is_empty());
}

#[test]
fn remembered_is_thirty_days_and_within_the_configuration() {
    for (pairs, remember, expected) in [
        (&[][..], true, "2026-12-20T12:00:00.000Z"),
        (&[], false, "2026-11-21T12:00:00.000Z"),
        (&[("SESSION_SECONDS", "60")], false, "2026-11-20T12:01:00.000Z"),
        (
            &[("SESSION_REMEMBERED_SECONDS", "120")],
            true,
            "2026-11-20T12:02:00.000Z",
        ),
    ] {
        let stage = Stage::with(pairs);
        stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
        stage.sql("session.open", opened("f"));
        let body = json!({ "email": EMAIL, "password": PASSWORD, "rememberMe": remember });
        let answer = stage.send(&Ask::post("/api/auth/login").json(body));
        assert_eq!(answer.status, 200);
        assert!(stage.flights()[1].has(expected), "{expected}");
    }
}

#[test]
fn nobody_can_tell_why_a_sign_in_failed() {
    let unable = "$2b$05$abcdefghijklmnopqrstuuw1XXhQ5C8Zcm6QLvdJ77";
    let too_costly = "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
    let cases = [
        ("unknown", none()),
        ("wrong", one(credentials(Some(&HASH), "active", true))),
        ("no password", one(credentials(None, "active", true))),
        ("suspended, wrong", one(credentials(Some(&HASH), "suspended", true))),
        ("inactive, none", one(credentials(None, "inactive", true))),
        ("unreadable", one(credentials(Some(unable), "active", true))),
        ("too costly", one(credentials(Some(too_costly), "active", true))),
    ];
    let mut seen = Vec::new();
    for (case, rows) in cases {
        let stage = Stage::with(&[("EMAIL_VERIFICATION", "required")]);
        stage.sql("user.credentials", rows.clone());
        stage.sql("event.record", none());
        let answer = stage.send(&login("not the password at all"));
        assert_eq!(answer.outcome(), (401, "INVALID_CREDENTIALS".to_owned()), "{case}");

        // The same flights, statements and parameters; only whose event it is differs.
        let flights = stage.flights();
        let shape: Vec<_> = flights
            .iter()
            .map(|flight| {
                (
                    flight.names(),
                    flight.0.iter().map(|(_, params)| params.len()).sum::<usize>(),
                )
            })
            .collect();
        let user = rows.rows.first().map(|_| ANN.to_string());
        assert_eq!(flights[1].0[0].1[1], user, "{case}");
        assert!(flights[1].has("login.failed") && flights[1].has("failure"));
        let kv = stage.kv_flights();
        // Nothing is left to do after the reply that would tell them apart.
        assert_eq!(stage.host.deferred(), 0);
        assert!(stage.log().is_empty());
        seen.push((shape, kv, answer.body, answer.headers.len()));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
}

#[test]
fn after_a_right_password_the_status_is_told() {
    let required = &[("EMAIL_VERIFICATION", "required")][..];
    for (pairs, status, verified, code) in [
        (&[][..], "inactive", true, "ACCOUNT_INACTIVE"),
        (&[], "suspended", false, "ACCOUNT_SUSPENDED"),
        (required, "active", false, "EMAIL_NOT_VERIFIED"),
        (required, "suspended", false, "ACCOUNT_SUSPENDED"),
    ] {
        let stage = Stage::with(pairs);
        stage.sql("user.credentials", one(credentials(Some(&HASH), status, verified)));
        stage.sql("event.record", none());
        let answer = stage.send(&login(PASSWORD));
        assert_eq!(answer.outcome(), (403, code.to_owned()));
        assert_eq!(stage.host.deferred(), 0);
    }
    for (pairs, verified) in [(&[][..], false), (required, true)] {
        let stage = Stage::with(pairs);
        stage.sql("user.credentials", one(credentials(Some(&HASH), "active", verified)));
        stage.sql("session.open", opened("f"));
        assert_eq!(stage.send(&login(PASSWORD)).status, 200);
    }
}

#[test]
fn a_hash_of_todays_kind_stays() {
    let stage = Stage::new();
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.sql("session.open", opened("f"));
    assert_eq!(stage.send(&login(PASSWORD)).status, 200);
    let flights = stage.flights();
    let params = &flights[1].0[0].1;
    // The fourth parameter is the hash that was checked, the fifth what replaces it.
    assert_eq!(
        (params[3].as_deref(), params[4].as_deref()),
        (Some(HASH.as_str()), None)
    );
}

#[test]
fn an_older_hash_is_replaced_by_todays() {
    // As libargon2 and a bcrypt library made them.
    for (password, old) in [
        (
            "Ångström & co",
            "$argon2id$v=19$m=1024,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$OLv7L6WJailA+ikQGJvRqtV6eZU9WIY1qLn8g1FNKZ8",
        ),
        ("grüße", "$2b$05$abcdefghijklmnopqrstuuw1XXhQ5C8Zcm6QLvdJ77.2rdR17LM02"),
    ] {
        let stage = Stage::new();
        stage.sql("user.credentials", one(credentials(Some(old), "active", true)));
        stage.sql("session.open", opened("f"));
        assert_eq!(stage.send(&login(password)).status, 200);
        let flights = stage.flights();
        let params = &flights[1].0[0].1;
        assert_eq!(params[3].as_deref(), Some(old));
        let new = params[4].clone().unwrap();
        assert!(new.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{new}");

        // And the new one is one that the same password opens, without being replaced again.
        stage.sql("user.credentials", one(credentials(Some(&new), "active", true)));
        stage.sql("session.open", opened("f"));
        assert_eq!(stage.send(&login(password)).status, 200);
        assert_eq!(stage.flights()[1].0[0].1[4], None);
    }
}

#[test]
fn a_password_that_changed_meanwhile_opens_nothing() {
    let stage = Stage::new();
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.sql("session.open", none());
    let answer = stage.send(&login(PASSWORD));
    assert_eq!(answer.outcome(), (401, "INVALID_CREDENTIALS".to_owned()));
    // The attempts are not forgotten, and no cookie is set.
    assert_eq!(stage.host.deferred(), 0);
    assert!(answer.cookies().is_empty());
}

#[test]
fn a_success_is_noted_in_the_cache_after_the_reply() {
    let stage = Stage::new();
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.sql("session.open", opened("f"));
    stage.send(&login(PASSWORD));
    let before = stage.kv_flights();
    assert_eq!(before.len(), 1);
    stage.run_deferred();
    let after = stage.kv_flights();
    let words: Vec<_> = after[0].iter().map(|command| command[0].as_str()).collect();
    assert_eq!(words, ["DEL", "SET"]);
    // The very keys of the limit's script: the attempts, the bucket that only those from here fill, the known address.
    let [attempts, both, known] = [&after[0][0][1], &after[0][0][2], &after[0][1][1]];
    assert!([attempts, both, known].iter().all(|key| before[0][0].contains(key)));
    assert!(both.starts_with("doorward:limit:login:both:"), "{both}");
    assert_eq!(after[0][0].len(), 3);

    // Where nobody says the address, no address becomes a known one.
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.sql("session.open", opened("f"));
    stage.send(&login(PASSWORD).from(None));
    stage.kv_flights();
    stage.run_deferred();
    let after = stage.kv_flights();
    assert_eq!(after[0].len(), 1);
    assert_eq!(after[0][0][0], "DEL");
    assert_eq!(after[0][0].len(), 2);
}

#[test]
fn the_browsers_earlier_session_is_replaced() {
    let stage = Stage::new();
    let before = doorward_core::token::refresh::RefreshToken::first(OTHER_SESSION, [3; 16]).seal(stage.keys());
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let ask = || Ask::post("/auth/login").json(body.clone());
    let answer = |ask: &Ask| {
        stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
        stage.sql("session.open", opened("f"));
        assert_eq!(stage.send(ask).status, 200);
        stage.flights()[1].has(&OTHER_SESSION.to_string())
    };
    assert!(answer(&ask().cookie("doorward_refresh", before.expose())));
    // An invented cookie names nobody's session; a client with tokens of its own has no browser.
    assert!(!answer(&ask().cookie("doorward_refresh", "v1.invented")));
    assert!(!answer(&ask().token_mode().cookie("doorward_refresh", before.expose())));
}

#[test]
fn what_the_instance_believed_of_the_replaced_session_is_forgotten() {
    let stage = Stage::new();
    let old = doorward_core::token::refresh::RefreshToken::first(SESSION, [3; 16]).seal(stage.keys());
    let access = stage.access_token(ANN, SESSION);
    let me = Ask::get("/api/auth/me").bearer(&access);
    stage.sql("session.alive", one(ann()));
    assert_eq!(stage.send(&me).status, 200);
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.sql("session.open", opened("f"));
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    stage.send(
        &Ask::post("/auth/login")
            .json(body)
            .cookie("doorward_refresh", old.expose()),
    );
    stage.sql("session.alive", none());
    assert_eq!(stage.send(&me).status, 401);
}

#[test]
fn a_new_device_sends_its_notice_on_its_way() {
    for (noticed, deferred) in [("f", 1), ("t", 2)] {
        let stage = Stage::new();
        stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
        stage.sql("session.open", opened(noticed));
        stage.send(&login(PASSWORD));
        assert_eq!(stage.host.deferred(), deferred);
    }
}

/// Whether the account was read while the limit was still asked for.
fn looks_ahead(stage: &Stage, ask: &Ask) -> bool {
    stage.kv().next(KvOutcome::Hangs);
    stage.outcome(SqlOutcome::Hangs);
    let mut call = stage.start(ask);
    assert!(!call.is_done());
    assert_eq!(stage.kv_flights().len(), 1);
    let asked = stage.flights().len();
    if asked == 0 {
        // Nobody took what was put down.
        stage.forget_outcomes();
    }
    asked == 1
}

#[test]
fn an_account_is_read_beside_its_limit_until_somebody_fails() {
    for (status, failing) in [(401, None), (429, Some(1_000))] {
        let stage = Stage::new();
        assert!(looks_ahead(&stage, &login(PASSWORD)));
        if let Some(wait) = failing {
            let wait = vec![doorward_edge::host::Reply::Integer(wait)];
            stage.kv().next(KvOutcome::Replies(wait));
        } else {
            stage.sql("user.credentials", none());
            stage.sql("event.record", none());
        }
        assert_eq!(stage.send(&login("something else")).status, status);
        stage.flights();
        stage.kv_flights();
        assert!(!looks_ahead(&stage, &login(PASSWORD)), "after {status}");
        // Somebody at another address isn't doubted; nor is anybody for ever.
        assert!(looks_ahead(&stage, &login(PASSWORD).from(Some("198.51.100.7"))));
        stage.advance(Duration::from_mins(10));
        assert!(looks_ahead(&stage, &login(PASSWORD)), "ten minutes after {status}");
        stage.log();
    }
}

#[test]
fn without_an_address_the_account_is_doubted() {
    let stage = Stage::new();
    stage.sql("user.credentials", none());
    stage.sql("event.record", none());
    assert_eq!(stage.send(&login("something else").from(None)).status, 401);
    stage.flights();
    stage.kv_flights();
    assert!(!looks_ahead(&stage, &login(PASSWORD).from(None)));
    let other = json!({ "email": "bob@example.com", "password": PASSWORD });
    assert!(looks_ahead(&stage, &Ask::post("/auth/login").json(other).from(None)));
}

#[test]
fn a_limit_is_told_before_anything_is_hashed() {
    let stage = Stage::new();
    let wait = vec![doorward_edge::host::Reply::Integer(61_000)];
    stage.kv().next(KvOutcome::Replies(wait));
    let answer = stage.send(&login(PASSWORD));
    assert_eq!(answer.outcome(), (429, "RATE_LIMITED".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("61"));
    assert!(stage.flights().is_empty());
    assert_eq!(stage.host.deferred(), 0);
}

#[test]
fn every_failing_field_is_named_without_a_flight() {
    let stage = Stage::new();
    let body = json!({ "email": "ann", "password": 7, "rememberMe": "yes" });
    let answer = stage.send(&Ask::post("/auth/login").json(body));
    assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED".to_owned()));
    let details = answer.json()["details"].clone();
    let paths: Vec<_> = details
        .as_array()
        .unwrap()
        .iter()
        .map(|detail| &detail["path"])
        .collect();
    assert_eq!(paths, ["email", "password", "rememberMe"]);
    let answer =
        stage.send(&Ask::post("/auth/login").json(json!({ "email": EMAIL, "password": "x", "role": "admin" })));
    assert_eq!(answer.outcome(), (403, "FORBIDDEN".to_owned()));
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty());
}
