//! Who is recognised: by the access cookie, by continuing the session, or not at all.

use std::time::Duration;

use doorward_core::token::refresh::RefreshToken;
use doorward_edge::host::{Rows, SqlError};

use super::{PRIVATE, as_ann};
use crate::data::{ANN, EMAIL, OTHER_SESSION, SESSION, Session, ann, at, none, one, row};
use crate::stage::{Answer, Ask, Stage};

fn token(generation: usize) -> RefreshToken {
    let mut token = RefreshToken::first(SESSION, [9; 16]);
    for _ in 0..generation {
        token = token.successor().unwrap();
    }
    token
}

/// The next flight is a refresh with this end.
fn rotation(stage: &Stage, won: bool, generation: usize, revoked: bool) {
    let session = Session {
        hash: token(generation).seal(stage.keys()).hashed(),
        generation: u32::try_from(generation).unwrap(),
        rotated_at: stage.now(),
        expires_at: at(3_600_000),
        revoked_at: revoked.then(|| stage.now()),
        arrival: None,
    };
    let won = if won { one(row(&[&SESSION.to_string()])) } else { none() };
    stage.batch(vec![
        ("session.rotate", won),
        ("session.reuse", none()),
        ("session.state", one(session.row("active"))),
    ]);
}

fn with_refresh(stage: &Stage, ask: Ask) -> Ask {
    ask.cookie("doorward_refresh", token(1).seal(stage.keys()).expose())
}

fn leads_to(answer: &Answer, address: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, Some(address)),
        "{answer:?}"
    );
}

#[test]
fn what_is_ones_own_is_for_who_is_signed_in() {
    let stage = Stage::new();
    for path in PRIVATE {
        leads_to(&stage.send(&Ask::get(path)), &format!("/login?next={path}"));
        leads_to(&stage.send(&Ask::post(path).form(&[])), &format!("/login?next={path}"));
    }
    // Only a browser's cookies say who it is.
    let bearer = stage.access_token(ANN, SESSION);
    leads_to(
        &stage.send(&Ask::get("/account").bearer(&bearer)),
        "/login?next=/account",
    );
    assert!(stage.flights().is_empty());
}

#[test]
fn a_session_is_continued_within_the_request() {
    let stage = Stage::new();
    let old = stage.access_token(ANN, SESSION);
    stage.advance(Duration::from_secs(601));
    rotation(&stage, true, 2, false);
    let ask = with_refresh(&stage, Ask::get("/").cookie("doorward_access", &old));
    let answer = stage.send(&ask);
    assert_eq!(answer.status, 200);
    assert!(answer.html().contains(EMAIL));
    assert_eq!(
        answer.cookie("doorward_refresh"),
        Some(token(2).seal(stage.keys()).expose())
    );
    assert!(answer.cookie("doorward_access").is_some_and(|access| access != old));
    assert_eq!((stage.flights().len(), stage.kv_flights().len()), (1, 0));
}

#[test]
fn another_site_uses_up_no_refresh_token() {
    let stage = Stage::new();
    let from = |site: &str, path: &str| with_refresh(&stage, Ask::get(path)).header("sec-fetch-site", site);
    for site in ["cross-site", "same-site"] {
        for path in ["/", "/sessions", "/verify-email?token=x"] {
            let answer = stage.send(&from(site, path));
            // The page asks for itself again.
            assert_eq!((answer.status.as_u16(), answer.header("refresh")), (200, Some("0")));
            assert!(answer.html().contains(&format!("href=\"{path}\"")));
            assert_eq!(answer.cookies().len(), 1);
            assert_eq!(answer.cookie("doorward_again"), Some("1"));
            assert!(stage.flights().is_empty() && stage.kv_flights().is_empty());
        }
    }
    // Once. A browser that says the same again is shown what everybody is, and keeps its session.
    let again = from("cross-site", "/").cookie("doorward_again", "1");
    let answer = stage.send(&again);
    assert!(answer.html().contains("data-signed-in=\"0\"") && answer.cookies().is_empty());
    assert!(stage.flights().is_empty());
    // As one of this site it continues the session.
    for site in ["same-origin", "none"] {
        rotation(&stage, true, 2, false);
        let answer = stage.send(&from(site, "/").cookie("doorward_again", "1"));
        assert!(answer.html().contains(EMAIL));
        assert!(answer.cookie("doorward_refresh").is_some());
    }
    // Who needn't continue a session is recognised at once, wherever the link was.
    let answer = stage.send(&as_ann(&stage, from("cross-site", "/")));
    assert!(answer.html().contains(EMAIL));
    let nobody = stage.send(&Ask::get("/").header("sec-fetch-site", "cross-site"));
    assert!(nobody.html().contains("data-signed-in=\"0\""));
    stage.flights();
}

#[test]
fn two_tabs_at_once_get_the_same_successor() {
    let stage = Stage::new();
    rotation(&stage, true, 2, false);
    let one = stage.send(&with_refresh(&stage, Ask::get("/")));
    rotation(&stage, false, 2, false);
    let other = stage.send(&with_refresh(&stage, Ask::get("/")));
    assert!(one.html().contains(EMAIL) && other.html().contains(EMAIL));
    assert_eq!(one.cookie("doorward_refresh"), other.cookie("doorward_refresh"));
    stage.flights();
}

#[test]
fn a_post_is_continued_too() {
    let stage = Stage::new();
    rotation(&stage, true, 2, false);
    let yes = |text: &str| one(row(&[text]));
    stage.sql("session.end_others", yes("t"));
    let answer = stage.send(&with_refresh(&stage, Ask::post("/sessions").form(&[("others", "1")])));
    leads_to(&answer, "/sessions?done=sessions");
    assert_eq!(
        answer.cookie("doorward_refresh"),
        Some(token(2).seal(stage.keys()).expose())
    );
    stage.flights();
}

#[test]
fn a_session_that_is_over_is_nobodys_and_its_cookies_go() {
    let stage = Stage::new();
    rotation(&stage, false, 1, true);
    let answer = stage.send(&with_refresh(&stage, Ask::get("/")));
    assert_eq!(answer.status, 200);
    assert!(answer.html().contains("data-signed-in=\"0\""));
    assert_eq!(answer.cookies().len(), 2);
    rotation(&stage, false, 1, true);
    let answer = stage.send(&with_refresh(&stage, Ask::get("/account")));
    leads_to(&answer, "/login?next=/account");
    assert_eq!(answer.cookie("doorward_refresh"), Some(""));
    stage.flights();
}

#[test]
fn a_database_that_is_down_signs_nobody_out() {
    let stage = Stage::new();
    stage.sql_fails(SqlError::Timeout);
    let answer = stage.send(&with_refresh(&stage, Ask::get("/")));
    assert_eq!(answer.status, 503);
    assert!(answer.cookies().is_empty());
    assert!(!answer.html().contains("data-signed-in"));
    stage.log();
    stage.sql_fails(SqlError::Timeout);
    let answer = stage.send(&with_refresh(&stage, Ask::post("/logout").form(&[])));
    assert_eq!(answer.status, 503);
    assert!(answer.cookies().is_empty());
    stage.log();
    stage.flights();
}

#[test]
fn signing_out_ends_the_session_and_says_so() {
    let stage = Stage::new();
    stage.sql("session.end", none());
    let answer = stage.send(&with_refresh(&stage, Ask::post("/logout").form(&[])));
    leads_to(&answer, "/login?done=signed-out");
    assert_eq!(answer.cookies().len(), 2);
    assert!(stage.flight().has(&SESSION.to_string()));
    leads_to(&stage.send(&Ask::get("/logout")), "/login");
    leads_to(&stage.send(&Ask::post("/logout").form(&[])), "/login?done=signed-out");
}

fn listed() -> Rows {
    let session = |id: String, agent: &str, current: &str| {
        row(&[&id, "1767322984000", "1767322985678", "203.0.113.9", agent, current])
    };
    Rows {
        rows: vec![
            session(
                SESSION.to_string(),
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Firefox/145.0",
                "t",
            ),
            session(OTHER_SESSION.to_string(), "<b>visit evil.example</b>", "f"),
        ],
        ..Rows::default()
    }
}

#[test]
fn sessions_are_listed_and_ended() {
    let stage = Stage::new();
    stage.sql("session.alive", one(ann()));
    stage.sql("session.list", listed());
    let answer = stage.send(&as_ann(&stage, Ask::get("/sessions")));
    let html = answer.html().to_owned();
    for text in [
        "Firefox on Linux",
        "This device",
        "Unknown device",
        "2026-01-02 03:03 UTC",
        &OTHER_SESSION.to_string(),
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(!html.contains("evil.example"));

    let end = |id: &str| as_ann(&stage, Ask::post("/sessions").form(&[("session", id)]));
    stage.sql("session.end_one", one(row(&["t", "t"])));
    leads_to(&stage.send(&end(&OTHER_SESSION.to_string())), "/sessions?done=session");
    stage.sql("session.end_one", one(row(&["t", "f"])));
    assert_eq!(stage.send(&end(&OTHER_SESSION.to_string())).status, 404);
    assert_eq!(stage.send(&end("nonsense")).status, 404);
    stage.sql("session.end_one", one(row(&["t", "t"])));
    // The form of this very device says so.
    assert_eq!(html.matches("name=\"current\"").count(), 1);
    let own = [("session", &*SESSION.to_string()), ("current", "1")];
    let answer = stage.send(&as_ann(&stage, Ask::post("/sessions").form(&own)));
    leads_to(&answer, "/login?done=signed-out");
    assert_eq!(answer.cookies().len(), 2);
    stage.flights();
}

#[test]
fn who_is_signed_in_need_not_sign_in_again() {
    let stage = Stage::new();
    stage.sql("session.alive", one(ann()));
    let get = |path: &str| stage.send(&as_ann(&stage, Ask::get(path)));
    leads_to(&get("/login?next=/account"), "/account");
    leads_to(&get("/register"), "/");
    // What was just done is read anew.
    stage.sql("session.alive", one(ann()));
    assert_eq!(get("/account?done=password").status, 200);
    stage.flights();
}
