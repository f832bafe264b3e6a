//! Registration: open, masked, with verification; what may be chosen, and what is written.

use doorward_core::token::HashedToken;
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_edge::host::Rows;
use serde_json::{Value, json};

use crate::data::{EMAIL, NAME, PASSWORD, USER_COLUMNS, ann, joined, nulls, one, row};
use crate::fake::Batch;
use crate::stage::{Answer, Ask, Stage};

fn body() -> Value {
    json!({ "email": EMAIL, "name": NAME, "password": PASSWORD })
}

fn with(name: &str, value: Value) -> Value {
    let mut body = body();
    body[name] = value;
    body
}

fn register(body: Value) -> Ask {
    Ask::post("/auth/signup").token_mode().json(body)
}

/// What `registration.create` answers: whether the firm is known, and the user if one was made.
fn created() -> Rows {
    one(joined(&[row(&["t"]), ann()]))
}

fn taken() -> Rows {
    one(joined(&[row(&["t"]), nulls(USER_COLUMNS)]))
}

fn unknown_firm() -> Rows {
    one(joined(&[row(&["f"]), nulls(USER_COLUMNS)]))
}

/// `$11` to `$13`: session, hash and end.
fn session(flight: &Batch) -> &[Option<String>] {
    &flight.0[0].1[10..13]
}

fn send(stage: &Stage, rows: Rows, ask: &Ask) -> (Answer, Batch) {
    stage.sql("registration.create", rows);
    let answer = stage.send(ask);
    assert_eq!(stage.kv_flights().len(), 1);
    // Mail is on its way in any case, so that the time tells nothing.
    assert_eq!(stage.host.deferred(), 1);
    (answer, stage.flight())
}

#[test]
fn a_new_account_is_signed_in_at_once() {
    let stage = Stage::new();
    let (answer, flight) = send(&stage, created(), &register(body()));
    assert_eq!(answer.status, 201);
    let body = answer.json();
    let refresh = body["refreshToken"].as_str().unwrap();
    assert_eq!(session(&flight)[1].as_deref(), Some(HashedToken::of(refresh).as_str()));
    assert_eq!(session(&flight)[2].as_deref(), Some("2026-11-21T12:00:00.000Z"));
    let params = &flight.0[0].1;
    let hash = params[3].as_deref().unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(params[4].as_deref(), Some("member"));
    assert_eq!(
        params[21].as_deref(),
        Some("false"),
        "the owner of a taken address is not told"
    );

    // The verification's row holds the hash of the token that the mail will carry.
    let user = doorward_core::id::UserId::parse(params[0].as_deref().unwrap()).unwrap();
    let token = doorward_core::id::TokenId::parse(params[15].as_deref().unwrap()).unwrap();
    let sealed = OneTimeToken { user, token }.seal(stage.keys(), Purpose::EmailVerification);
    stage.guard(&sealed);
    assert_eq!(params[16].as_deref(), Some(sealed.hashed().as_str()));

    // The instance knows the session: `me` needs no flight.
    let access = body["accessToken"].as_str().unwrap();
    assert_eq!(stage.send(&Ask::get("/api/auth/me").bearer(access)).status, 200);
    assert!(stage.flights().is_empty());
}

#[test]
fn a_taken_address_is_told_where_signups_are_open() {
    for pairs in [&[][..], &[("EMAIL_VERIFICATION", "required")]] {
        let stage = Stage::with(pairs);
        let (answer, _) = send(&stage, taken(), &register(body()));
        assert_eq!(answer.outcome(), (409, "EMAIL_TAKEN".to_owned()));
    }
}

#[test]
fn masked_signups_answer_the_same_for_both() {
    for verification in ["optional", "required"] {
        let mut seen = Vec::new();
        for rows in [created(), taken()] {
            let stage = Stage::with(&[("SIGNUPS", "masked"), ("EMAIL_VERIFICATION", verification)]);
            let (answer, flight) = send(&stage, rows, &register(body()));
            assert_eq!(answer.status, 202);
            assert!(answer.cookies().is_empty());
            // No session is made, and the owner of a taken address is told.
            assert_eq!(session(&flight), [None, None, None]);
            assert_eq!(flight.0[0].1[21].as_deref(), Some("true"));
            seen.push((answer.body, answer.headers, flight.0));
        }
        // To the byte, the request's id included: both stages have the same randomness.
        assert_eq!(seen[0].0, seen[1].0);
        assert_eq!(seen[0].1, seen[1].1);
        assert_eq!(seen[0].2, seen[1].2);
    }
}

#[test]
fn where_verification_is_required_nobody_is_signed_in_before() {
    let stage = Stage::with(&[("EMAIL_VERIFICATION", "required")]);
    let (answer, flight) = send(&stage, created(), &register(body()));
    assert_eq!(answer.status, 202);
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(!text.contains("oken"), "{text}");
    assert_eq!(session(&flight), [None, None, None]);
}

#[test]
fn an_unknown_firm_is_a_field_that_failed() {
    for pairs in [&[][..], &[("SIGNUPS", "masked")]] {
        let stage = Stage::with(pairs);
        let (answer, flight) = send(&stage, unknown_firm(), &register(with("firmSlug", json!("acme"))));
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED".to_owned()));
        assert_eq!(answer.json()["details"][0]["path"], "firmSlug");
        assert!(flight.has("acme"));
    }
}

#[test]
fn privileges_are_refused_and_unknown_fields_ignored() {
    let stage = Stage::with(&[("SELF_ROLES", "mentor, mentee")]);
    for (name, value) in [
        ("status", json!("active")),
        ("tier", json!("member")),
        ("isVerified", json!(false)),
        ("role", json!("admin")),
        ("role", json!("pm")),
        ("role", json!("Mentor")),
        ("role", json!("")),
    ] {
        let answer = stage.send(&register(with(name, value.clone())));
        assert_eq!(answer.outcome(), (403, "FORBIDDEN".to_owned()), "{name} {value}");
    }
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty());
    for (name, value, role) in [
        ("role", json!("mentor"), "mentor"),
        ("role", json!("member"), "member"),
        ("role", json!(null), "member"),
        ("permissions", json!(["all"]), "member"),
    ] {
        stage.sql("registration.create", created());
        assert_eq!(stage.send(&register(with(name, value))).status, 201);
        assert_eq!(stage.flight().0[0].1[4].as_deref(), Some(role));
    }
}

#[test]
fn by_default_nobody_chooses_a_role() {
    let stage = Stage::new();
    let answer = stage.send(&register(with("role", json!("mentor"))));
    assert_eq!(answer.outcome(), (403, "FORBIDDEN".to_owned()));
}

#[test]
fn a_password_is_held_against_the_policy_before_anything_is_asked() {
    let stage = Stage::new();
    for (password, code) in [
        ("seven77", "too_short"),
        (&*"x".repeat(129), "too_long"),
        ("ANN@example.com", "like_you"),
        ("ann example", "like_you"),
        ("password1", "too_common"),
    ] {
        let answer = stage.send(&register(with("password", json!(password))));
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED".to_owned()), "{password}");
        let details = answer.json()["details"].clone();
        let found = details.as_array().unwrap().iter().any(|detail| {
            assert_eq!(detail["path"], "password");
            detail["code"] == code
        });
        assert!(found, "{password}: {details}");
    }
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty());
}

#[test]
fn the_mails_language_is_the_browsers() {
    for (accepted, locale) in [("de-AT,de;q=0.9,en;q=0.5", "de"), ("fr", "en"), ("", "en")] {
        let stage = Stage::new();
        let ask = register(body()).header("accept-language", accepted);
        let (_, flight) = send(&stage, created(), &ask);
        assert_eq!(flight.0[0].1[19].as_deref(), Some(locale), "{accepted}");
    }
}

#[test]
fn a_stranger_cannot_write_pages_of_user_agent() {
    let stage = Stage::new();
    let ask = register(body()).header("user-agent", &"a".repeat(5_000));
    let (_, flight) = send(&stage, created(), &ask);
    assert!(flight.has(&"a".repeat(256)));
}
