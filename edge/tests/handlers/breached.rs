//! The list of breached passwords: asked with five digits of a SHA-1, for every new password, and bearing with a service
//! that doesn't answer.

use doorward_core::id::TokenId;
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_edge::host::{FetchError, Level};
use serde_json::json;
use sha1::{Digest as _, Sha1};

use crate::data::{ANN, EMAIL, NAME, PASSWORD, SESSION, USER_COLUMNS, ann, joined, none, nulls, one, owner, row};
use crate::stage::{Ask, Stage};

const NEW: &str = "a new password for Ann";

fn stage() -> Stage {
    Stage::with(&[("BREACHED_URL", "https://breached.example/")])
}

/// The forty digits of the new password, in two parts.
fn digits() -> (String, String) {
    let digest = Sha1::digest(NEW.as_bytes());
    let digits = format!("{digest:X}");
    (digits[..5].to_owned(), digits[5..].to_owned())
}

fn register() -> Ask {
    Ask::post("/auth/signup").json(json!({ "email": EMAIL, "name": NAME, "password": NEW }))
}

fn taken() -> doorward_edge::host::Rows {
    one(joined(&[row(&["t"]), nulls(USER_COLUMNS)]))
}

#[test]
fn a_breached_password_is_refused_wherever_it_is_chosen() {
    let stage = stage();
    let (shown, hidden) = digits();
    let token = OneTimeToken {
        user: ANN,
        token: TokenId::from_bytes([4; 16]),
    };
    let token = token.seal(stage.keys(), Purpose::PasswordReset);
    let reset = json!({ "token": token.expose(), "password": NEW, "confirmPassword": NEW });
    let change = Ask::post("/api/auth/change-password")
        .bearer(&stage.access_token(ANN, SESSION))
        .json(json!({ "currentPassword": PASSWORD, "newPassword": NEW }));
    for (ask, path, flights) in [
        (register(), "password", 0),
        (Ask::post("/auth/reset-password").json(reset), "password", 0),
        (change, "newPassword", 1),
    ] {
        if flights == 1 {
            stage.sql("account.owner", one(owner()));
        }
        stage.fetch().answers(200, format!("0000:1\r\n{hidden}:42\r\n"));
        let answer = stage.send(&ask);
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED".to_owned()));
        let detail = answer.json()["details"][0].clone();
        assert_eq!(
            (detail["path"].as_str(), detail["code"].as_str()),
            (Some(path), Some("breached"))
        );
        assert_eq!(stage.flights().len(), flights);

        // Five digits go out, and nothing else that tells of the password or the person.
        let requests = stage.fetched();
        assert_eq!(requests.len(), 1);
        assert_eq!(
            requests[0].uri().to_string(),
            format!("https://breached.example/range/{shown}")
        );
        assert!(requests[0].body().is_empty());
        assert!(
            requests[0]
                .headers()
                .keys()
                .all(|name| ["add-padding", "user-agent"].contains(&name.as_str()))
        );
    }
    assert!(stage.log().is_empty());
    assert_eq!(stage.host.deferred(), 0);
}

#[test]
fn one_that_is_not_on_the_list_is_taken() {
    let stage = stage();
    let (_, hidden) = digits();
    // Padding, which has a count of 0, and the endings of others.
    let body = format!("{hidden}:0\r\n0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n");
    stage.fetch().answers(200, body);
    stage.sql("registration.create", taken());
    assert_eq!(stage.send(&register()).status, 409);
    assert!(stage.log().is_empty());
}

#[test]
fn a_service_that_does_not_answer_lets_it_through_and_the_log_says_so() {
    let (_, hidden) = digits();
    let unreachable = |stage: &Stage| stage.fetch().fails(FetchError::Unreachable("refused".to_owned()));
    let timeout = |stage: &Stage| stage.fetch().fails(FetchError::Timeout);
    let busy = |stage: &Stage| stage.fetch().answers(429, format!("{hidden}:1"));
    let moved = |stage: &Stage| stage.fetch().answers(301, "");
    let no_text = |stage: &Stage| stage.fetch().answers(200, vec![0xff, 0xfe]);
    let failures: [&dyn Fn(&Stage); 5] = [&unreachable, &timeout, &busy, &moved, &no_text];
    for fail in failures {
        let stage = stage();
        fail(&stage);
        stage.sql("registration.create", taken());
        let answer = stage.send(&register());
        assert_eq!(answer.status, 409);
        let line = stage.line();
        assert_eq!((line.level, line.event()), (Level::Warn, "degraded"));
        assert_eq!(line.request_id(), answer.header("x-request-id"));
    }
}

#[test]
fn it_has_a_second() {
    let stage = stage();
    stage.fetch().hangs();
    stage.sql("registration.create", taken());
    let mut call = stage.start(&register());
    call.waits(&stage, 999);
    assert!(!call.is_done());
    call.waits(&stage, 1);
    assert_eq!(call.answer().status, 409);
    assert_eq!(stage.line().event(), "degraded");
}

#[test]
fn at_a_sign_in_nobody_is_asked() {
    let stage = stage();
    stage.sql("user.credentials", none());
    stage.sql("event.record", none());
    let login = json!({ "email": EMAIL, "password": NEW });
    assert_eq!(stage.send(&Ask::post("/auth/login").json(login)).status, 401);
    assert!(stage.fetched().is_empty());
}

#[test]
fn without_a_service_nobody_is_asked() {
    let stage = Stage::new();
    stage.sql("registration.create", one(joined(&[row(&["t"]), ann()])));
    assert_eq!(stage.send(&register()).status, 201);
    assert!(stage.fetched().is_empty() && stage.log().is_empty());
}
