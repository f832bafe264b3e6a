//! Logout: every session that the request proves to hold, and no flight for a request that proves nothing.

use doorward_core::token::refresh::RefreshToken;
use doorward_edge::host::SqlError;
use serde_json::json;

use crate::data::{ANN, OTHER_SESSION, SESSION, none};
use crate::stage::{Ask, Stage};

fn logout() -> Ask {
    Ask::post("/api/auth/logout")
}

#[test]
fn with_nothing_it_costs_nothing() {
    let stage = Stage::new();
    let other_key = Stage::with(&[("ISSUER", "https://elsewhere.example")]);
    let foreign = other_key.access_token(ANN, SESSION);
    for ask in [
        logout(),
        logout().token_mode(),
        logout().cookie("doorward_refresh", "v1.invented"),
        logout().bearer(&foreign),
        logout().token_mode().json(json!({ "refreshToken": "v1.invented" })),
        logout().token_mode().json(json!({ "refreshToken": 7 })),
        logout().token_mode().json(json!(["refreshToken"])),
        logout().header("content-type", "text/plain"),
    ] {
        let answer = stage.send(&ask);
        assert_eq!(answer.status, 204);
        assert!(answer.body.is_empty() && answer.header("content-length").is_none());
    }
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty() && stage.log().is_empty());
}

#[test]
fn each_kind_of_proof_ends_its_session() {
    let stage = Stage::new();
    let access = stage.access_token(ANN, SESSION);
    let refresh = RefreshToken::first(SESSION, [1; 16]).seal(stage.keys());
    let refresh = refresh.expose();
    for (ask, clears) in [
        (logout().bearer(&access), true),
        (logout().cookie("doorward_access", &access), true),
        (logout().cookie("doorward_refresh", refresh), true),
        (logout().token_mode().json(json!({ "refreshToken": refresh })), false),
        // Twice the same session is one.
        (logout().bearer(&access).cookie("doorward_refresh", refresh), true),
    ] {
        stage.sql("session.end", none());
        let answer = stage.send(&ask);
        assert_eq!(answer.status, 204);
        assert_eq!(answer.cookies().len(), if clears { 2 } else { 0 });
        assert!(stage.flight().has(&SESSION.to_string()));
        // The access token of it is worth nothing here from now on, without asking.
        assert_eq!(stage.send(&Ask::get("/api/auth/me").bearer(&access)).status, 401);
        assert!(stage.flights().is_empty());
    }
}

#[test]
fn two_sessions_end_in_one_flight() {
    let stage = Stage::new();
    let access = stage.access_token(ANN, SESSION);
    let refresh = RefreshToken::first(OTHER_SESSION, [1; 16]).seal(stage.keys());
    stage.batch(vec![("session.end", none()), ("session.end", none())]);
    let ask = logout().bearer(&access).cookie("doorward_refresh", refresh.expose());
    assert_eq!(stage.send(&ask).status, 204);
    let flight = stage.flight();
    assert!(flight.has(&SESSION.to_string()) && flight.has(&OTHER_SESSION.to_string()));
}

#[test]
fn nobody_believes_to_be_signed_out_who_is_not() {
    let stage = Stage::new();
    let refresh = RefreshToken::first(SESSION, [1; 16]).seal(stage.keys());
    stage.sql_fails(SqlError::Timeout);
    let answer = stage.send(&logout().cookie("doorward_refresh", refresh.expose()));
    assert_eq!(answer.outcome(), (503, "UNAVAILABLE".to_owned()));
    assert!(answer.cookies().is_empty());
    stage.log();
}
