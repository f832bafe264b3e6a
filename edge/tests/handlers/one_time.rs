//! One-time tokens: verify-email, reset-password, and the two calls that mail one. Every outcome that the database can
//! give, and the same for known and unknown addresses.

use doorward_core::id::{TokenId, UserId};
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_edge::host::{DatabaseError, Rows, SqlError};
use serde_json::{Value, json};

use crate::data::{ANN, EMAIL, SESSION, USER_COLUMNS, ann, joined, none, nulls, one, row};
use crate::fake::Batch;
use crate::stage::{Ask, Stage};

const TOKEN: TokenId = TokenId::from_bytes([4; 16]);
const NEW: &str = "a new password for Ann";

fn sealed(stage: &Stage, purpose: Purpose) -> String {
    let token = OneTimeToken {
        user: ANN,
        token: TOKEN,
    };
    token.seal(stage.keys(), purpose).expose().to_owned()
}

fn verify(token: &str) -> Ask {
    Ask::post("/api/auth/verify-email").json(json!({ "token": token }))
}

fn reset(token: &str) -> Ask {
    let body = json!({ "token": token, "password": NEW, "confirmPassword": NEW });
    Ask::post("/auth/reset-password").json(body)
}

/// Whether the user is there, whether the token is the latest and expired, and the user if it was good.
fn consumed(user: &str, expired: &str, done: bool) -> Rows {
    let user_row = if done { ann() } else { nulls(USER_COLUMNS) };
    one(joined(&[row(&[user, expired]), user_row]))
}

fn outcomes() -> [(Rows, u16, &'static str); 5] {
    [
        (consumed("t", "f", true), 200, ""),
        (consumed("t", "f", false), 400, "TOKEN_INVALID"),
        (consumed("t", "t", false), 410, "TOKEN_EXPIRED"),
        (consumed("f", "f", false), 404, "USER_NOT_FOUND"),
        // The token's row went with its user.
        (consumed("f", "t", false), 404, "USER_NOT_FOUND"),
    ]
}

#[test]
fn verify_email_tells_what_became_of_the_token() {
    for (purpose, name) in [
        (Purpose::EmailVerification, "token.verify_email"),
        (Purpose::EmailChange, "token.change_email"),
    ] {
        for (rows, status, code) in outcomes() {
            let stage = Stage::new();
            let mut batch = vec![(name, rows)];
            if purpose == Purpose::EmailChange {
                batch.push(("token.remove_stale", none()));
            }
            stage.batch(batch);
            let token = sealed(&stage, purpose);
            let answer = stage.send(&verify(&token));
            assert_eq!(answer.outcome(), (status, code.to_owned()));
            if status == 200 {
                assert_eq!(answer.json()["user"]["email"], EMAIL);
                assert_eq!(answer.json().as_object().unwrap().len(), 1);
            }
            let flight = stage.flight();
            assert!(flight.has(&ANN.to_string()) && flight.has(&TOKEN.to_string()));
            assert!(flight.has(doorward_core::token::HashedToken::of(&token).as_str()));
            assert_eq!(stage.kv_flights().len(), 1);
        }
    }
}

#[test]
fn an_invented_token_costs_no_flight_to_the_database() {
    let stage = Stage::new();
    let good = sealed(&stage, Purpose::EmailVerification);
    let changed = format!("{}A", &good[..good.len() - 1]);
    assert_ne!(changed, good);
    let for_another_purpose = sealed(&stage, Purpose::PasswordReset);
    for bad in [
        "x",
        &good[1..],
        &changed,
        &for_another_purpose,
        &"A".repeat(91),
        "\u{1f980}",
    ] {
        let answer = stage.send(&verify(bad));
        assert_eq!(answer.outcome(), (400, "TOKEN_INVALID".to_owned()), "{bad}");
    }
    for bad in [
        "x",
        &good,
        &sealed(&stage, Purpose::EmailChange),
        &sealed(&stage, Purpose::Invitation),
    ] {
        let answer = stage.send(&reset(bad));
        assert_eq!(answer.outcome(), (400, "TOKEN_INVALID".to_owned()), "{bad}");
    }
    assert!(stage.flights().is_empty() && stage.log().is_empty());
    // Guessing is counted all the same.
    assert_eq!(stage.kv_flights().len(), 10);
}

#[test]
fn a_token_that_an_import_brought_is_found_by_its_hash() {
    const OLD: &str = "6f1d2c3b4a59687786958473625140af";
    let hash = doorward_core::token::HashedToken::of(OLD);
    let found = || one(row(&[&ANN.to_string(), &TOKEN.to_string()]));
    for (rows, status, code) in outcomes() {
        let stage = Stage::new();
        stage.sql("token.imported", found());
        stage.sql("token.verify_email", rows.clone());
        assert_eq!(stage.send(&verify(OLD)).outcome(), (status, code.to_owned()));
        let flights = stage.flights();
        assert_eq!(flights.len(), 2);
        assert!(flights[0].has(hash.as_str()) && flights[0].has("email_verification"));
        // From here on it is as any other.
        assert!([&ANN.to_string(), &TOKEN.to_string(), hash.as_str()].map(|text| flights[1].has(text)) == [true; 3]);
        assert_eq!(stage.kv_flights().len(), 1);

        let stage = Stage::new();
        stage.sql("token.imported", found());
        stage.batch(vec![
            ("token.reset_password", rows),
            ("token.remove_stale", none()),
            ("session.end_all", none()),
        ]);
        let expected = if status == 404 {
            (400, "TOKEN_INVALID")
        } else {
            (status, code)
        };
        assert_eq!(stage.send(&reset(OLD)).outcome(), (expected.0, expected.1.to_owned()));
        let flights = stage.flights();
        assert!(flights[0].has("password_reset") && flights[1].has(&ANN.to_string()));
    }
    // One that nobody brought costs a look, and no hash.
    for ask in [verify(OLD), reset(OLD)] {
        let stage = Stage::new();
        stage.sql("token.imported", none());
        assert_eq!(stage.send(&ask).outcome(), (400, "TOKEN_INVALID".to_owned()));
        assert_eq!(stage.flights().len(), 1);
    }
}

#[test]
fn an_address_that_was_taken_meanwhile_spends_the_token() {
    let stage = Stage::new();
    stage.sql_fails(SqlError::Database(DatabaseError {
        code: "23505".to_owned(),
        message: format!("Key (lower(email))=({EMAIL}) already exists."),
        constraint: Some("users_email_key".to_owned()),
        table: Some("users".to_owned()),
    }));
    let answer = stage.send(&verify(&sealed(&stage, Purpose::EmailChange)));
    assert_eq!(answer.outcome(), (400, "TOKEN_INVALID".to_owned()));
    assert!(stage.log().is_empty());
}

#[test]
fn reset_password_tells_what_became_of_the_token() {
    for (rows, status, code) in outcomes() {
        let stage = Stage::new();
        stage.batch(vec![
            ("token.reset_password", rows),
            ("token.remove_stale", none()),
            ("session.end_all", none()),
        ]);
        let token = sealed(&stage, Purpose::PasswordReset);
        let answer = stage.send(&reset(&token));
        // A user who is gone is no case of its own here.
        let expected = if status == 404 {
            (400, "TOKEN_INVALID")
        } else {
            (status, code)
        };
        assert_eq!(answer.outcome(), (expected.0, expected.1.to_owned()));
        assert!(answer.cookies().is_empty());
        let flight = stage.flight();
        assert!(flight.has(doorward_core::token::HashedToken::of(&token).as_str()));
        // The sessions end only if the password is this very hash by then.
        let hash = flight.0[0].1[7].clone().unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(flight.0[2].1[3].as_deref(), Some(hash.as_str()));
        assert_eq!(flight.0[2].1[1], None, "no session is kept");
        // A change of address dies with the password, if this very event was written.
        let event = flight.0[0].1[4].clone();
        let removed = [Some(ANN.to_string()), event, Some("email_change".to_owned())];
        assert_eq!(flight.0[1].1, removed);
    }
}

#[test]
fn a_reset_is_believed_at_once_by_the_instance_that_made_it() {
    let stage = Stage::new();
    let me = Ask::get("/api/auth/me").bearer(&stage.access_token(ANN, SESSION));
    stage.sql("session.alive", one(ann()));
    assert_eq!(stage.send(&me).status, 200);
    stage.batch(vec![
        ("token.reset_password", consumed("t", "f", true)),
        ("token.remove_stale", none()),
        ("session.end_all", none()),
    ]);
    assert_eq!(stage.send(&reset(&sealed(&stage, Purpose::PasswordReset))).status, 200);
    stage.sql("session.alive", none());
    assert_eq!(stage.send(&me).status, 401);
}

#[test]
fn a_verified_address_shows_at_once_in_the_instance_that_verified_it() {
    for (purpose, name) in [
        (Purpose::EmailVerification, "token.verify_email"),
        (Purpose::EmailChange, "token.change_email"),
    ] {
        let stage = Stage::new();
        let me = Ask::get("/api/auth/me").bearer(&stage.access_token(ANN, SESSION));
        stage.sql("session.alive", one(ann()));
        assert_eq!(stage.send(&me).status, 200);
        let mut batch = vec![(name, consumed("t", "f", true))];
        if purpose == Purpose::EmailChange {
            batch.push(("token.remove_stale", none()));
        }
        stage.batch(batch);
        assert_eq!(stage.send(&verify(&sealed(&stage, purpose))).status, 200);
        stage.flights();
        stage.sql("session.alive", one(ann()));
        assert_eq!(stage.send(&me).status, 200);
        assert_eq!(stage.flights().len(), 1, "{name}: the user of before is remembered");
    }
}

#[test]
fn a_reset_with_fields_that_fail_spends_nothing() {
    let stage = Stage::new();
    let token = sealed(&stage, Purpose::PasswordReset);
    let paths = |body: Value| {
        let answer = stage.send(&Ask::post("/auth/reset-password").json(body));
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED".to_owned()));
        let details = answer.json()["details"].clone();
        let details = details.as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        details
            .iter()
            .map(|detail| (text(&detail["path"]), text(&detail["message"])))
            .collect::<Vec<_>>()
    };
    let found = paths(json!({ "token": token, "password": NEW, "confirmPassword": "something else" }));
    assert_eq!(
        found,
        [("confirmPassword".to_owned(), "Passwords don't match".to_owned())]
    );
    let found = paths(json!({ "password": "short" }));
    let found: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(found, ["token", "confirmPassword", "password"]);
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty());
}

fn mailing() -> [(&'static str, &'static str); 2] {
    [
        ("/auth/forgot-password", "token.issue_reset"),
        ("/auth/resend-verification", "token.issue_verification"),
    ]
}

#[test]
fn known_and_unknown_addresses_cost_the_same() {
    for (path, issue) in mailing() {
        let mut seen = Vec::new();
        for rows in [none(), one(row(&[&ANN.to_string()]))] {
            let known = !rows.rows.is_empty();
            let stage = Stage::new();
            stage.sql("token.mailbox", rows);
            stage.sql(issue, none());
            let answer = stage.send(&Ask::post(path).json(json!({ "email": EMAIL })));
            assert_eq!(answer.status, 202);
            let flights = stage.flights();
            assert_eq!(flights[1].has(&ANN.to_string()), known);
            let shape = |flight: &Batch| (flight.names(), flight.0[0].1.len(), flight.values().count());
            let shape: Vec<_> = flights.iter().map(shape).collect();
            seen.push((shape, stage.kv_flights(), stage.host.deferred(), answer.body));
        }
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0].2, 1, "mail is on its way in any case");
    }
}

#[test]
fn only_the_hash_of_what_is_mailed_is_stored() {
    for ((path, issue), purpose) in mailing()
        .into_iter()
        .zip([Purpose::PasswordReset, Purpose::EmailVerification])
    {
        let stage = Stage::new();
        stage.sql("token.mailbox", one(row(&[&ANN.to_string()])));
        stage.sql(issue, none());
        stage.send(&Ask::post(path).json(json!({ "email": EMAIL })));
        let flights = stage.flights();
        let params = &flights[1].0[0].1;
        let id = |at: usize| params[at].as_deref().unwrap();
        let token = OneTimeToken {
            user: UserId::parse(id(0)).unwrap(),
            token: TokenId::parse(id(1)).unwrap(),
        };
        let plain = token.seal(stage.keys(), purpose);
        assert_eq!(id(2), plain.hashed().as_str());
        assert!(
            flights
                .iter()
                .flat_map(Batch::values)
                .all(|value| !value.contains(plain.expose()))
        );
        let hours = if purpose == Purpose::PasswordReset { 13 } else { 36 };
        let expected = crate::data::at((hours - 12) * 3_600_000).to_string();
        assert_eq!(id(3), expected);
    }
}

#[test]
fn an_address_that_is_none_is_told_so() {
    for (path, _) in mailing() {
        let stage = Stage::new();
        let answer = stage.send(&Ask::post(path).json(json!({ "email": "ann@" })));
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED".to_owned()));
        assert!(stage.kv_flights().is_empty());
    }
}
