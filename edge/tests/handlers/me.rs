//! `GET /api/auth/me`: when the database is asked, and when what it said a moment ago is enough.

use std::time::Duration;

use doorward_core::id::SessionId;
use doorward_core::token::refresh::RefreshToken;
use http::Method;

use crate::data::{ANN, BOB, EMAIL, NAME, OTHER_SESSION, SESSION, ann, none, one};
use crate::stage::{Answer, Ask, Stage};

/// The bound, and all of it but a moment.
const BOUND: Duration = Duration::from_secs(5);
const ALMOST: Duration = Duration::from_millis(4_999);
const MOMENT: Duration = Duration::from_millis(1);

fn me(token: &str) -> Ask {
    Ask::get("/api/auth/me").bearer(token)
}

fn is_ann(answer: &Answer) -> bool {
    answer.status == 200 && answer.json()["user"]["email"] == EMAIL
}

#[test]
fn the_database_is_asked_once_within_the_bound() {
    let stage = Stage::new();
    let token = stage.access_token(ANN, SESSION);
    stage.sql("session.alive", one(ann()));
    assert!(is_ann(&stage.send(&me(&token))));
    let flight = stage.flight();
    assert!(flight.has(&SESSION.to_string()) && flight.has(&ANN.to_string()));

    stage.advance(ALMOST);
    assert!(is_ann(&stage.send(&me(&token))));
    assert!(stage.flights().is_empty());

    stage.advance(MOMENT);
    stage.sql("session.alive", one(ann()));
    assert!(is_ann(&stage.send(&me(&token))));
    assert_eq!(stage.flights().len(), 1);
    assert!(stage.kv_flights().is_empty());
}

#[test]
fn credentials_for_somebody_else_leave_the_cookie_its_say() {
    let stage = Stage::new();
    let token = stage.access_token(ANN, SESSION);
    let ask = || Ask::get("/api/auth/me").cookie("doorward_access", &token);
    for other in ["Basic YTpi", "Bearer", "", &*token] {
        stage.sql("session.alive", one(ann()));
        assert!(is_ann(&stage.send(&ask().header("authorization", other))), "{other}");
        stage.advance(BOUND);
    }
}

#[test]
fn a_session_that_is_over_is_remembered_as_long() {
    let stage = Stage::new();
    let token = stage.access_token(ANN, SESSION);
    stage.sql("session.alive", none());
    assert_eq!(stage.send(&me(&token)).outcome(), (401, "UNAUTHENTICATED".to_owned()));
    assert_eq!(stage.flights().len(), 1);

    stage.advance(ALMOST);
    assert_eq!(stage.send(&me(&token)).status, 401);
    assert!(stage.flights().is_empty());

    stage.advance(MOMENT);
    stage.sql("session.alive", one(ann()));
    assert!(is_ann(&stage.send(&me(&token))));
}

#[test]
fn a_revocation_shows_when_the_bound_is_over() {
    let stage = Stage::new();
    let token = stage.access_token(ANN, SESSION);
    stage.sql("session.alive", one(ann()));
    assert!(is_ann(&stage.send(&me(&token))));
    stage.advance(BOUND);
    stage.sql("session.alive", none());
    assert_eq!(stage.send(&me(&token)).status, 401);
}

#[test]
fn a_bound_of_zero_asks_each_time() {
    let stage = Stage::with(&[("REVOCATION_SECONDS", "0")]);
    let token = stage.access_token(ANN, SESSION);
    for rows in [one(ann()), none(), one(ann())] {
        let expected = if rows.rows.is_empty() { 401 } else { 200 };
        stage.sql("session.alive", rows);
        assert_eq!(stage.send(&me(&token)).status, expected);
        assert_eq!(stage.flights().len(), 1);
    }
}

#[test]
fn another_session_is_asked_about_on_its_own() {
    let stage = Stage::new();
    let (here, there) = (stage.access_token(ANN, SESSION), stage.access_token(ANN, OTHER_SESSION));
    stage.sql("session.alive", one(ann()));
    stage.sql("session.alive", none());
    assert!(is_ann(&stage.send(&me(&here))));
    assert_eq!(stage.send(&me(&there)).status, 401);
    assert!(is_ann(&stage.send(&me(&here))));
    assert_eq!(stage.flights().len(), 2);
}

#[test]
fn what_is_remembered_is_for_the_sessions_own_user() {
    let stage = Stage::new();
    stage.sql("session.alive", one(ann()));
    assert!(is_ann(&stage.send(&me(&stage.access_token(ANN, SESSION)))));
    let of_somebody_else = stage.access_token(BOB, SESSION);
    assert_eq!(stage.send(&me(&of_somebody_else)).status, 401);
}

#[test]
fn more_sessions_than_there_is_room_for_are_still_answered_rightly() {
    let stage = Stage::new();
    let session = |n: u16| {
        let mut bytes = [0x11; 16];
        bytes[14..].copy_from_slice(&n.to_be_bytes());
        SessionId::from_bytes(bytes)
    };
    for n in 0..2_100 {
        stage.sql("session.alive", one(ann()));
        assert_eq!(stage.send(&me(&stage.access_token(ANN, session(n)))).status, 200);
    }
    // The last one is among those that are remembered.
    assert_eq!(stage.flights().len(), 2_100);
    assert_eq!(stage.send(&me(&stage.access_token(ANN, session(2_099)))).status, 200);
    assert!(stage.flights().is_empty());
}

#[test]
fn what_is_no_access_token_costs_no_flight() {
    let stage = Stage::new();
    let good = stage.access_token(ANN, SESSION);
    let other_issuer = Stage::with(&[("ISSUER", "https://elsewhere.example")]).access_token(ANN, SESSION);
    let other_audience = Stage::with(&[("AUDIENCE", "another")]).access_token(ANN, SESSION);
    let refresh = RefreshToken::first(SESSION, [9; 16]).seal(stage.keys());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let flipped = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let unsigned = format!("{head}.");
    for bad in [
        other_issuer.as_str(),
        &other_audience,
        refresh.expose(),
        &flipped,
        &unsigned,
        "x",
        &"x".repeat(10_000),
    ] {
        let answer = stage.send(&me(bad));
        assert_eq!(answer.outcome(), (401, "UNAUTHENTICATED".to_owned()), "{bad}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        // The cookie stays: this may be somebody else's doing.
        assert!(answer.cookies().is_empty());
    }
    assert_eq!(stage.send(&Ask::get("/api/auth/me")).status, 401);
    stage.advance(Duration::from_mins(10));
    assert_eq!(stage.send(&me(&good)).status, 401);
    assert!(stage.flights().is_empty() && stage.log().is_empty());
}

#[test]
fn an_authorization_header_counts_before_the_cookie() {
    let stage = Stage::new();
    let good = stage.access_token(ANN, SESSION);
    let with_cookie = || Ask::get("/api/auth/me").cookie("doorward_access", &good);
    stage.sql("session.alive", one(ann()));
    assert!(is_ann(&stage.send(&with_cookie())));
    let answer = stage.send(&with_cookie().header("authorization", "Bearer x"));
    assert_eq!(answer.status, 401);
    let answer = stage.send(&with_cookie().header("authorization", &format!("bEARER  {good} ")));
    assert!(is_ann(&answer));
}

#[test]
fn head_is_get_without_its_body() {
    let stage = Stage::new();
    let token = stage.access_token(ANN, SESSION);
    stage.sql("session.alive", one(ann()));
    let get = stage.send(&me(&token));
    let head = stage.send(&Ask::new(Method::HEAD, "/api/auth/me").bearer(&token));
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    let length = get.body.len().to_string();
    assert_eq!(head.header("content-length"), Some(length.as_str()));
    assert_eq!(head.header("content-type"), Some("application/json"));
}

#[test]
fn the_user_is_told_whole_and_nothing_else() {
    let stage = Stage::new();
    stage.sql("session.alive", one(ann()));
    let user = stage.send(&me(&stage.access_token(ANN, SESSION))).json();
    let expected = serde_json::json!({ "user": {
        "id": ANN.to_string(), "email": EMAIL, "name": NAME, "role": "member", "status": "active", "tier": "free",
        "isVerified": true, "firmId": null, "phone": null, "avatarUrl": null, "department": null, "position": null,
        "preferences": { "locale": "en" }, "lastLoginAt": null, "createdAt": "2026-01-02T03:03:04.000Z",
        "updatedAt": "2026-01-02T03:03:05.678Z",
    }});
    assert_eq!(user, expected);
}
