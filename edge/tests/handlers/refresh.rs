//! Refresh, decision by decision: what the database says of a session, and what its holder is told.

use std::time::Duration;

use doorward_core::token::PlainToken;
use doorward_core::token::refresh::RefreshToken;
use doorward_edge::host::Rows;
use serde_json::json;

use crate::data::{ANN, EMAIL, SESSION, Session, at, none, one, row};
use crate::fake::SqlOutcome;
use crate::stage::{Answer, Ask, Stage};

const STATEMENTS: [&str; 3] = ["session.rotate", "session.reuse", "session.state"];

/// A chain of tokens of one session.
struct Chain<'a> {
    stage: &'a Stage,
    tokens: Vec<RefreshToken>,
}

impl<'a> Chain<'a> {
    fn new(stage: &'a Stage) -> Self {
        let mut tokens = vec![RefreshToken::first(SESSION, [9; 16])];
        for _ in 0..4 {
            tokens.push(tokens.last().unwrap().successor().unwrap());
        }
        Self { stage, tokens }
    }

    fn token(&self, generation: usize) -> PlainToken {
        self.tokens[generation].seal(self.stage.keys())
    }

    /// The session with this token as its current one, since now.
    fn session(&self, generation: usize) -> Session {
        Session {
            hash: self.token(generation).hashed(),
            generation: u32::try_from(generation).unwrap(),
            rotated_at: self.stage.now(),
            expires_at: at(3_600_000),
            revoked_at: None,
            arrival: None,
        }
    }

    /// What the database answers: who won, whether it was a reuse, and what the session is then.
    fn database(&self, won: bool, reused: bool, state: Rows) {
        let id = |there: bool, id: String| if there { one(row(&[&id])) } else { none() };
        let answers = [id(won, SESSION.to_string()), id(reused, ANN.to_string()), state];
        self.stage.batch(STATEMENTS.into_iter().zip(answers).collect());
    }

    fn refresh(&self, generation: usize) -> Answer {
        let token = self.token(generation);
        let body = json!({ "refreshToken": token.expose() });
        self.stage.send(&Ask::post("/auth/refresh").token_mode().json(body))
    }

    fn refuses(&self, generation: usize, status: u16, code: &str) {
        let answer = self.refresh(generation);
        assert_eq!(answer.outcome(), (status, code.to_owned()));
        assert!(answer.cookies().is_empty());
    }
}

#[test]
fn who_rotates_gets_the_successor() {
    let stage = Stage::new();
    let chain = Chain::new(&stage);
    chain.database(true, false, one(chain.session(2).row("active")));
    let answer = chain.refresh(1);
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["refreshToken"], chain.token(2).expose());
    assert_eq!(
        (&body["user"]["email"], &body["tokenType"]),
        (&json!(EMAIL), &json!("Bearer"))
    );
    assert_eq!(body["expiresIn"], 600);

    let flight = stage.flight();
    let (presented, successor) = (chain.token(1).hashed(), chain.token(2).hashed());
    assert!(flight.has(presented.as_str()) && flight.has(successor.as_str()));
    // Its limit comes along: one more each second, and at most 59 seconds ahead.
    assert!(flight.has("1000") && flight.has("59000"));
    assert!(stage.kv_flights().is_empty());

    // The instance knows the session now.
    let access = body["accessToken"].as_str().unwrap();
    assert_eq!(stage.send(&Ask::get("/api/auth/me").bearer(access)).status, 200);
    assert!(stage.flights().is_empty());
}

#[test]
fn within_the_grace_who_lost_gets_the_same_one() {
    for (after, grace) in [(0, "30"), (30_000, "30"), (1_000, "1")] {
        let stage = Stage::with(&[("REFRESH_GRACE_SECONDS", grace)]);
        let chain = Chain::new(&stage);
        let session = chain.session(2);
        stage.advance(Duration::from_millis(after));
        chain.database(false, false, one(session.row("active")));
        let answer = chain.refresh(1);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["refreshToken"], chain.token(2).expose());
    }
}

#[test]
fn what_ended_the_session_by_reuse_is_told_so() {
    let stage = Stage::new();
    let chain = Chain::new(&stage);
    let mut session = chain.session(3);
    session.revoked_at = Some(stage.now());
    chain.database(false, true, one(session.row("active")));
    chain.refuses(1, 401, "REFRESH_REUSED");
    // The next one is late: the session is over already.
    chain.database(false, false, one(session.row("active")));
    chain.refuses(1, 401, "SESSION_REVOKED");
}

#[test]
fn the_grace_ends() {
    let stage = Stage::new();
    let chain = Chain::new(&stage);
    let session = chain.session(2);
    stage.advance(Duration::from_millis(30_001));
    chain.database(false, false, one(session.row("active")));
    chain.refuses(1, 401, "REFRESH_REUSED");
}

#[test]
fn a_grace_of_zero_is_none() {
    let stage = Stage::with(&[("REFRESH_GRACE_SECONDS", "0")]);
    let chain = Chain::new(&stage);
    chain.database(false, false, one(chain.session(2).row("active")));
    chain.refuses(1, 401, "REFRESH_REUSED");
    let flight = stage.flight();
    assert_eq!(flight.names(), STATEMENTS);
    // `session.reuse` learns of it too: its fifth parameter is the grace in milliseconds.
    assert_eq!(flight.0[1].1[4].as_deref(), Some("0"));
}

#[test]
fn two_generations_behind_is_a_reuse_at_any_time() {
    let stage = Stage::new();
    let chain = Chain::new(&stage);
    chain.database(false, false, one(chain.session(3).row("active")));
    chain.refuses(1, 401, "REFRESH_REUSED");
}

#[test]
fn a_session_that_is_over_or_whose_user_may_not_act_is_not_continued() {
    let later = at(3_600_000);
    for (expires_at, revoked_at, status, expected, code) in [
        (at(0), None, "active", 401, "SESSION_EXPIRED"),
        (later, Some(at(-1)), "active", 401, "SESSION_REVOKED"),
        (later, None, "inactive", 403, "ACCOUNT_INACTIVE"),
        (later, None, "suspended", 403, "ACCOUNT_SUSPENDED"),
    ] {
        // Both with the current token and with the one before.
        for generation in [1, 2] {
            let stage = Stage::new();
            let chain = Chain::new(&stage);
            let session = Session {
                expires_at,
                revoked_at,
                ..chain.session(2)
            };
            chain.database(false, false, one(session.row(status)));
            chain.refuses(generation, expected, code);
        }
    }
}

#[test]
fn a_session_that_is_gone_is_invalid() {
    let stage = Stage::new();
    let chain = Chain::new(&stage);
    chain.database(false, false, none());
    chain.refuses(1, 401, "REFRESH_INVALID");
}

#[test]
fn a_genuine_token_that_was_never_current_is_invalid() {
    let stage = Stage::new();
    let chain = Chain::new(&stage);
    for generation in [2, 3, 4] {
        chain.database(false, false, one(chain.session(2).row("active")));
        chain.refuses(generation, 401, "REFRESH_INVALID");
    }
}

#[test]
fn a_fork_of_the_chain_gets_nothing_of_it() {
    // The same session and generation under another salt: genuine, one behind, and not the one that was followed.
    let stage = Stage::new();
    let chain = Chain::new(&stage);
    let fork = RefreshToken::first(SESSION, [8; 16])
        .successor()
        .unwrap()
        .seal(stage.keys());
    chain.database(false, false, one(chain.session(2).row("active")));
    let body = json!({ "refreshToken": fork.expose() });
    let answer = stage.send(&Ask::post("/auth/refresh").token_mode().json(body));
    assert_eq!(answer.outcome(), (401, "REFRESH_REUSED".to_owned()));
}

#[test]
fn an_invented_token_costs_no_flight_at_all() {
    let stage = Stage::new();
    let chain = Chain::new(&stage);
    let good = chain.token(1).expose().to_owned();
    let another_deployment = {
        let keys = doorward_core::token::Keys::generate([3; 32], [4; 32]).unwrap();
        let keys = doorward_core::token::Keys::parse(&keys).unwrap();
        RefreshToken::first(SESSION, [9; 16]).seal(&keys).expose().to_owned()
    };
    let cut = good[..good.len() - 1].to_owned();
    let longer = format!("{good}A");
    let changed = format!("v1.B{}", &good[4..]);
    for bad in [&another_deployment, &cut, &longer, &changed, "v1.", "x", "\u{1f980}"] {
        let ask = Ask::post("/auth/refresh").token_mode();
        let answer = stage.send(&ask.json(json!({ "refreshToken": bad })));
        assert_eq!(answer.outcome(), (401, "REFRESH_INVALID".to_owned()), "{bad}");
    }
    for body in [json!({}), json!({ "refreshToken": null }), json!({ "refreshToken": 7 })] {
        let answer = stage.send(&Ask::post("/auth/refresh").token_mode().json(body));
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED".to_owned()));
    }
    assert_eq!(stage.send(&Ask::post("/auth/refresh")).status, 401);
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty() && stage.log().is_empty());
}

#[test]
fn a_refusal_is_forgotten_by_no_cache() {
    // The instance believed the session alive; a refused refresh makes it ask again.
    let stage = Stage::new();
    let chain = Chain::new(&stage);
    let access = stage.access_token(ANN, SESSION);
    stage.sql("session.alive", one(crate::data::ann()));
    assert_eq!(stage.send(&Ask::get("/api/auth/me").bearer(&access)).status, 200);
    let mut session = chain.session(2);
    session.revoked_at = Some(at(0));
    chain.database(false, false, one(session.row("active")));
    chain.refuses(1, 401, "SESSION_REVOKED");
    stage.sql("session.alive", none());
    assert_eq!(stage.send(&Ask::get("/api/auth/me").bearer(&access)).status, 401);
}

#[test]
fn the_last_generation_has_no_successor() {
    let stage = Stage::new();
    // A token of generation 2^31 - 1 is genuine, and the end of its session.
    let mut token = RefreshToken::first(SESSION, [9; 16]);
    token.generation = i32::MAX.unsigned_abs();
    let body = json!({ "refreshToken": token.seal(stage.keys()).expose() });
    let answer = stage.send(&Ask::post("/auth/refresh").token_mode().json(body));
    assert_eq!(answer.outcome(), (401, "SESSION_EXPIRED".to_owned()));
    assert!(stage.flights().is_empty());
}

#[test]
fn an_access_token_ends_with_its_session() {
    let stage = Stage::new();
    let chain = Chain::new(&stage);
    let mut session = chain.session(2);
    session.expires_at = at(90_000);
    chain.database(true, false, one(session.row("active")));
    let body = chain.refresh(1).json();
    assert_eq!(body["expiresIn"], 90);
    let access = body["accessToken"].as_str().unwrap();
    stage.advance(Duration::from_secs(90));
    assert_eq!(stage.send(&Ask::get("/api/auth/me").bearer(access)).status, 401);
    assert_eq!(stage.flights().len(), 1);
}

#[test]
fn a_token_of_a_key_that_was_rotated_is_continued_with_the_new_one() {
    let old_json = doorward_core::token::Keys::generate([1; 32], [2; 32]).unwrap();
    let new_json = doorward_core::token::Keys::rotate(&old_json, [3; 32], [4; 32]).unwrap();
    let old = doorward_core::token::Keys::parse(&old_json).unwrap();
    let stage = Stage::with(&[("DOORWARD_KEYS", &new_json)]);
    let chain = Chain::new(&stage);
    let presented = RefreshToken::first(SESSION, [9; 16]).seal(&old);
    let ask = |token: &PlainToken| {
        Ask::post("/auth/refresh")
            .token_mode()
            .json(json!({ "refreshToken": token.expose() }))
    };
    chain.database(true, false, one(chain.session(1).row("active")));
    let answer = stage.send(&ask(&presented));
    assert_eq!(answer.json()["refreshToken"], chain.token(1).expose());
    // A rival on an instance that still had the old key rotated first: its successor is the current one, and is handed out.
    let theirs = presented_successor(&old);
    let mut session = chain.session(1);
    session.hash = theirs.hashed();
    chain.database(false, false, one(session.row("active")));
    let answer = stage.send(&ask(&presented));
    assert_eq!(answer.json()["refreshToken"], theirs.expose());
}

fn presented_successor(keys: &doorward_core::token::Keys) -> PlainToken {
    RefreshToken::first(SESSION, [9; 16]).successor().unwrap().seal(keys)
}

#[test]
fn a_session_that_is_refreshed_too_often_has_to_wait() {
    // Sixty a minute: its next refresh may be due in 59 seconds at most.
    for (limits, due, refused) in [
        (&[][..], 59_000, None),
        (&[], 60_001, Some("2")),
        (&[("LIMITS", "off")], 90_000, None),
    ] {
        let stage = Stage::with(limits);
        let chain = Chain::new(&stage);
        let session = Session {
            arrival: Some(at(due)),
            ..chain.session(1)
        };
        chain.database(false, false, one(session.row("active")));
        let answer = chain.refresh(1);
        let code = if refused.is_some() {
            (429, "RATE_LIMITED".to_owned())
        } else {
            (401, "REFRESH_INVALID".to_owned())
        };
        assert_eq!((answer.outcome(), answer.header("retry-after")), (code, refused));
        // A reason that won't pass by waiting comes first.
        chain.database(false, false, one(session.row("suspended")));
        chain.refuses(1, 403, "ACCOUNT_SUSPENDED");
        let over = Session {
            revoked_at: Some(stage.now()),
            ..session
        };
        chain.database(false, false, one(over.row("active")));
        chain.refuses(1, 401, "SESSION_REVOKED");
        stage.log();
    }
}

#[test]
fn in_cookie_mode_a_refusal_clears_the_cookies_and_an_outage_does_not() {
    let stage = Stage::new();
    let chain = Chain::new(&stage);
    let ask = || Ask::post("/auth/refresh").cookie("doorward_refresh", chain.token(1).expose());
    chain.database(false, false, none());
    let answer = stage.send(&ask());
    assert_eq!(answer.status, 401);
    assert_eq!(answer.cookies().len(), 2);
    assert!(answer.cookies().iter().all(|line| line.contains("; Max-Age=0;")));
    stage.outcome(SqlOutcome::Fails(doorward_edge::host::SqlError::Timeout));
    let answer = stage.send(&ask());
    assert_eq!(answer.status, 503);
    assert!(answer.cookies().is_empty());
    stage.log();
}

#[test]
fn the_cookies_token_never_comes_back_in_a_body() {
    // A script in our own page can set any header, but must never get hold of what is HttpOnly.
    for method in [http::Method::GET, http::Method::POST] {
        let stage = Stage::new();
        let chain = Chain::new(&stage);
        let token = chain.token(1);
        let ask = Ask::new(method, "/auth/refresh").cookie("doorward_refresh", token.expose());
        let answer = stage.send(&ask.token_mode().json(json!({})));
        assert!(answer.status.is_client_error(), "{answer:?}");
        assert!(stage.flights().is_empty());
    }
}

#[test]
fn a_body_beside_the_cookie_is_read_only_as_far_as_it_calls_itself_json() {
    let stage = Stage::new();
    let token = RefreshToken::first(SESSION, [9; 16]).seal(stage.keys());
    let ask = Ask::post("/auth/refresh").cookie("doorward_refresh", token.expose());
    let broken = stage.send(&ask.clone().sending("application/json", "\u{0}"));
    assert_eq!(broken.outcome(), (400, "MALFORMED_JSON".to_owned()));
    assert!(stage.flights().is_empty());
    // A form's button sends what nobody reads.
    stage.sql_fails(doorward_edge::host::SqlError::Timeout);
    let form = stage.send(&ask.sending("application/x-www-form-urlencoded", "a=1"));
    assert_eq!(form.status, 503, "the database was asked");
    stage.flights();
}
