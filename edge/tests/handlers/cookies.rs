//! Cookie mode and token mode: what is set under which name, and what is never in a body.

use serde_json::json;

use crate::data::{ANN, EMAIL, HASH, PASSWORD, SESSION, ann, credentials, joined, one, row};
use crate::stage::{Answer, Ask, Stage};

const HTTPS: &[(&str, &str)] = &[("PUBLIC_URL", "https://id.example.com")];

fn sign_in(stage: &Stage, token_mode: bool) -> Answer {
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.sql("session.open", one(joined(&[row(&["f"]), ann()])));
    let ask = Ask::post("/auth/login").json(json!({ "email": EMAIL, "password": PASSWORD }));
    let answer = stage.send(&if token_mode { ask.token_mode() } else { ask });
    assert_eq!(answer.status, 200);
    answer
}

#[test]
fn over_https_they_are_pinned_to_the_host() {
    let stage = Stage::with(HTTPS);
    let answer = sign_in(&stage, false);
    let lines = answer.cookies();
    assert_eq!(lines.len(), 2);
    for (line, name, seconds) in [
        (lines[0], "__Host-doorward_access", 600),
        (lines[1], "__Host-doorward_refresh", 86_400),
    ] {
        let value = answer.cookie(name).unwrap();
        let expected = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(line, expected);
    }
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    // What is set is what is taken.
    let access = answer.cookie("__Host-doorward_access").unwrap();
    let me = |name: &str| stage.send(&Ask::get("/api/auth/me").cookie(name, access)).status;
    assert_eq!(me("__Host-doorward_access"), 200);
    // Without the prefix another host of the site could have set it.
    assert_eq!(me("doorward_access"), 401);
}

#[test]
fn over_http_they_have_no_prefix() {
    for pairs in [&[][..], &[("PUBLIC_URL", "http://localhost:8787")]] {
        let stage = Stage::with(pairs);
        let answer = sign_in(&stage, false);
        assert!(answer.cookies()[0].starts_with("doorward_access="));
        assert!(answer.cookies()[1].starts_with("doorward_refresh=v1."));
        assert!(
            answer
                .cookies()
                .iter()
                .all(|line| line.ends_with("; HttpOnly; SameSite=Lax"))
        );
        assert_eq!(answer.header("strict-transport-security"), None);
        let access = answer.cookie("doorward_access").unwrap();
        assert_eq!(
            stage
                .send(&Ask::get("/api/auth/me").cookie("doorward_access", access))
                .status,
            200
        );
    }
}

#[test]
fn the_refresh_token_is_in_the_cookie_or_in_the_body_and_never_in_both() {
    let stage = Stage::new();
    let answer = sign_in(&stage, false);
    let token = answer.cookie("doorward_refresh").unwrap();
    assert!(!String::from_utf8_lossy(&answer.body).contains(token));
    assert_eq!(answer.json().get("refreshToken"), None);

    let answer = sign_in(&stage, true);
    assert!(answer.cookies().is_empty());
    assert!(answer.json()["refreshToken"].as_str().unwrap().starts_with("v1."));
}

#[test]
fn the_mode_is_a_header_of_one_word() {
    for (value, token_mode) in [
        ("token", true),
        ("Token", true),
        ("cookie", false),
        ("tokens", false),
        ("", false),
    ] {
        let stage = Stage::new();
        stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
        stage.sql("session.open", one(joined(&[row(&["f"]), ann()])));
        let ask = Ask::post("/auth/login").json(json!({ "email": EMAIL, "password": PASSWORD }));
        let answer = stage.send(&ask.header("x-doorward-mode", value));
        assert_eq!(answer.cookies().is_empty(), token_mode, "{value}");
    }
}

#[test]
fn over_https_they_are_cleared_under_the_same_names() {
    let stage = Stage::with(HTTPS);
    let answer = stage.send(&Ask::post("/auth/logout"));
    let expected = |name: &str| format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure");
    assert_eq!(
        answer.cookies(),
        [expected("__Host-doorward_access"), expected("__Host-doorward_refresh")]
    );
}

#[test]
fn the_first_of_several_counts_and_others_are_left_alone() {
    let stage = Stage::new();
    let access = stage.access_token(ANN, SESSION);
    let ask = Ask::get("/api/auth/me")
        .cookie("xdoorward_access", "other")
        .cookie("doorward_access", &access)
        .cookie("doorward_access", "later");
    stage.sql("session.alive", one(ann()));
    assert_eq!(stage.send(&ask).status, 200);
}
