//! `POST /api/auth/login` = `/auth/login`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::actor::{LOGIN, ME, Person, REGISTER};
use crate::each;
use crate::http::{Reply, race};
use crate::registry::Case;
use crate::stage::Stage;
use crate::timing::flights;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = each![
        Main;
        right_password_is_200_with_a_session_in_cookies,
        right_password_is_200_with_tokens_in_token_mode,
        the_address_in_any_letters,
        wrong_password_is_401,
        unknown_address_answers_the_same_bytes_as_a_wrong_password,
        unknown_address_costs_the_same_flights,
        each_login_is_a_session_of_its_own,
        sixteen_at_once_are_sixteen_sessions,
        says_when_the_last_login_was,
        lives_a_day_or_thirty_days_if_remembered,
        inactive_and_suspended_are_told_after_a_right_password_only,
        names_every_failing_field_at_once,
        the_policy_is_for_new_passwords_only,
        the_password_is_taken_as_typed,
        equivalent_unicode_signs_in,
        privileged_fields_are_403,
        unknown_fields_are_ignored,
        an_account_without_a_password_is_401,
        a_stored_hash_that_costs_too_much_is_not_computed,
        a_stored_hash_that_makes_no_sense_is_401,
    ];
    cases.extend(each![Reserved; an_unverified_address_is_told_after_a_right_password_only]);
    cases
}

fn login(stage: &Stage, email: &str, password: &str) -> Reply {
    stage
        .call("POST", LOGIN[0])
        .token_mode()
        .json(&json!({"email": email, "password": password}))
        .send()
}

fn right_password_is_200_with_a_session_in_cookies(stage: &Stage) {
    let (person, registered) = stage.somebody();
    for path in LOGIN {
        let mut browser = stage.browser();
        let reply = browser.send(browser.call("POST", path).json(&person.credentials()));
        let session = reply.session_by_cookie(200);
        assert_eq!(session.user_id(), registered.user_id());
        assert_eq!(browser.me().expect(200).json()["user"]["email"], person.email);
    }
}

fn right_password_is_200_with_tokens_in_token_mode(stage: &Stage) {
    let (person, registered) = stage.somebody();
    for path in LOGIN {
        let session = stage
            .call("POST", path)
            .token_mode()
            .json(&person.credentials())
            .send()
            .session_by_token(200);
        assert_eq!(session.user_id(), registered.user_id());
        stage.call("GET", ME).bearer(&session.access).send().expect_only(200);
    }
}

fn the_address_in_any_letters(stage: &Stage) {
    let (person, session) = stage.somebody();
    let reply = login(stage, &person.email.to_uppercase(), &person.password).session_by_token(200);
    assert_eq!(reply.user_id(), session.user_id());
    assert_eq!(reply.user["email"], session.user["email"]);
}

fn wrong_password_is_401(stage: &Stage) {
    let (person, _) = stage.somebody();
    for path in LOGIN {
        for wrong in [
            format!("{}x", person.password),
            person.password.to_uppercase(),
            " ".to_owned(),
            "x".repeat(5000),
        ] {
            let body = json!({"email": person.email, "password": wrong});
            let reply = stage.call("POST", path).json(&body).send();
            reply.error(401, "INVALID_CREDENTIALS");
            assert!(
                reply.cookies().iter().all(crate::shape::Cookie::deletes),
                "no session for a wrong password\n{reply}"
            );
        }
    }
}

/// Everything of a reply but its request's id and its times.
fn visible(reply: &Reply) -> (u16, String, Vec<(String, String)>) {
    let mut headers = reply.headers.clone();
    headers.retain(|(name, _)| !["x-request-id", "date", "server-timing"].contains(&name.as_str()));
    (reply.status, reply.text(), headers)
}

fn unknown_address_answers_the_same_bytes_as_a_wrong_password(stage: &Stage) {
    let (person, _) = stage.somebody();
    let known = login(stage, &person.email, "not the password");
    let unknown = login(stage, &Person::new().email, "not the password");
    unknown.error(401, "INVALID_CREDENTIALS");
    assert_eq!(visible(&known), visible(&unknown));
}

fn unknown_address_costs_the_same_flights(stage: &Stage) {
    let (person, _) = stage.somebody();
    let right = login(stage, &person.email, &person.password).expect(200);
    let wrong = login(stage, &person.email, "not the password").expect(401);
    let unknown = login(stage, &Person::new().email, "not the password").expect(401);
    assert_eq!(flights(&wrong), flights(&unknown));
    assert_eq!(flights(&right), flights(&unknown));
}

fn each_login_is_a_session_of_its_own(stage: &Stage) {
    let (person, first) = stage.somebody();
    let second = stage.app().login(&person);
    let third = stage.app().login(&person);
    let ids = [first.session_id(), second.session_id(), third.session_id()];
    let stored: Vec<_> = stage
        .database()
        .sessions(&first.user_id())
        .into_iter()
        .map(|session| session.id)
        .collect();
    assert_eq!(stored, ids, "one row for each");
    stage.app().logout(&second);
    stage.app().refresh(&first);
    stage.app().refresh(&third);
    stage.app().present(&second.refresh).error(401, "SESSION_REVOKED");
}

fn sixteen_at_once_are_sixteen_sessions(stage: &Stage) {
    let (person, session) = stage.somebody();
    let sessions = race(16, |_| stage.app().login(&person));
    let ids: std::collections::BTreeSet<_> = sessions.iter().map(crate::shape::Session::session_id).collect();
    assert_eq!(ids.len(), 16);
    assert_eq!(stage.database().living_sessions(&session.user_id()).len(), 17);
}

fn says_when_the_last_login_was(stage: &Stage) {
    let (person, _) = stage.somebody();
    let first = crate::shape::text(&stage.app().login(&person).user, "lastLoginAt");
    // The times are texts of one format and one length, so they compare as times do. The next login is later by at
    // least the time of a password hash.
    let second = stage.app().login(&person);
    assert!(crate::shape::text(&second.user, "lastLoginAt") > first);
    let me = stage.app().me(&second.access).expect(200).json();
    assert!(crate::shape::text(&me["user"], "lastLoginAt") > first);
}

fn lives_a_day_or_thirty_days_if_remembered(stage: &Stage) {
    const DAY: f64 = 86_400.0;
    let (person, session) = stage.somebody();
    let mut database = stage.database();
    for (remember, days) in [(None, 1.0), (Some(false), 1.0), (Some(true), 30.0)] {
        let mut body = person.credentials();
        if let Some(remember) = remember {
            body["rememberMe"] = json!(remember);
        }
        let reply = stage.call("POST", LOGIN[0]).json(&body).send();
        let id = reply.session_by_cookie(200).session_id();
        let row = database
            .sessions(&session.user_id())
            .into_iter()
            .find(|row| row.id == id)
            .expect("the session's row");
        assert!(
            (row.lifetime - days * DAY).abs() < 1.0,
            "{remember:?} lives {} s",
            row.lifetime
        );
        if let Some(age) = reply.cookie("doorward_refresh").attributes.get("max-age") {
            let age: f64 = age.parse().expect("Max-Age is a number");
            assert!(
                age > 0.0 && age <= days * DAY,
                "the cookie outlives the session\n{reply}"
            );
        }
    }
}

fn inactive_and_suspended_are_told_after_a_right_password_only(stage: &Stage) {
    let (person, session) = stage.somebody();
    let mut database = stage.database();
    for (status, code) in [("inactive", "ACCOUNT_INACTIVE"), ("suspended", "ACCOUNT_SUSPENDED")] {
        database.set_status(&session.user_id(), status);
        for path in LOGIN {
            let reply = stage.call("POST", path).json(&person.credentials()).send();
            reply.error(403, code);
            assert!(
                reply.cookies().iter().all(crate::shape::Cookie::deletes),
                "no session\n{reply}"
            );
        }
        login(stage, &person.email, "not the password").error(401, "INVALID_CREDENTIALS");
    }
    assert_eq!(
        database.sessions(&session.user_id()).len(),
        1,
        "a refused login makes no session"
    );
    database.set_status(&session.user_id(), "active");
    stage.app().login(&person);
}

fn names_every_failing_field_at_once(stage: &Stage) {
    for path in LOGIN {
        let send = |body: Value| stage.call("POST", path).json(&body).send();
        send(json!({})).invalid(&["email", "password"]);
        send(json!({"email": 1, "password": false, "rememberMe": "yes"})).invalid(&["email", "password", "rememberMe"]);
        send(json!({"email": null, "password": null})).invalid(&["email", "password"]);
        send(json!({"email": "a@example.com", "password": ["x"]})).invalid(&["password"]);
    }
}

fn the_policy_is_for_new_passwords_only(stage: &Stage) {
    let (person, _) = stage.somebody();
    for password in ["x", "password", &person.email, &"long".repeat(100), "nul\u{0}nul"] {
        login(stage, &person.email, password).error(401, "INVALID_CREDENTIALS");
    }
}

fn the_password_is_taken_as_typed(stage: &Stage) {
    let mut person = Person::new();
    person.password = format!("  {}  ", person.password);
    stage.app().register(&person);
    login(stage, &person.email, person.password.trim()).error(401, "INVALID_CREDENTIALS");
    login(stage, &person.email, &person.password.to_uppercase()).error(401, "INVALID_CREDENTIALS");
    stage.app().login(&person);
}

fn equivalent_unicode_signs_in(stage: &Stage) {
    let mut person = Person::new();
    // A ligature, an Angstrom sign, a composed letter; then what NFKC makes equal of them, typed otherwise.
    "o\u{FB03}ce \u{212B} caf\u{E9}".clone_into(&mut person.password);
    stage.app().register(&person);
    login(stage, &person.email, "office A\u{30A} cafe\u{301}").session_by_token(200);
    login(stage, &person.email, "office A cafe").error(401, "INVALID_CREDENTIALS");
}

fn privileged_fields_are_403(stage: &Stage) {
    let (person, session) = stage.somebody();
    for (field, value) in [
        ("role", json!("admin")),
        ("status", json!("active")),
        ("tier", json!("member")),
        ("isVerified", json!(true)),
    ] {
        let mut body = person.credentials();
        body[field] = value;
        stage.call("POST", LOGIN[0]).json(&body).send().error(403, "FORBIDDEN");
    }
    assert_eq!(stage.database().sessions(&session.user_id()).len(), 1);
}

fn unknown_fields_are_ignored(stage: &Stage) {
    let (person, _) = stage.somebody();
    let mut body = person.credentials();
    body["captcha"] = json!({"deep": [1, {"email": "x"}]});
    body["Email"] = json!(5);
    stage
        .call("POST", LOGIN[0])
        .token_mode()
        .json(&body)
        .send()
        .session_by_token(200);
}

fn an_account_without_a_password_is_401(stage: &Stage) {
    let (person, session) = stage.somebody();
    let mut database = stage.database();
    database.execute(
        "UPDATE users SET password_hash = NULL WHERE id = $1::text::uuid",
        &[&session.user_id()],
    );
    let without = login(stage, &person.email, &person.password);
    without.error(401, "INVALID_CREDENTIALS");
    assert_eq!(
        flights(&without),
        flights(&login(stage, &Person::new().email, "anything at all"))
    );
}

/// Sets what is stored as the password's hash, and signs in against it.
fn login_against(stage: &Stage, stored: &str) -> Reply {
    let (person, session) = stage.somebody();
    let sql = "UPDATE users SET password_hash = $2 WHERE id = $1::text::uuid";
    stage.database().execute(sql, &[&session.user_id(), &stored]);
    login(stage, &person.email, &person.password)
}

fn a_stored_hash_that_costs_too_much_is_not_computed(stage: &Stage) {
    let (salt, output) = ("c29tZXNhbHRzb21lc2FsdA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    for cost in [
        "m=4194304,t=3,p=1",
        "m=19456,t=4000000,p=1",
        "m=19456,t=2,p=16777215",
        "m=4294967295,t=4294967295,p=1",
    ] {
        let reply = login_against(stage, &format!("$argon2id$v=19${cost}${salt}${output}"));
        reply.error(401, "INVALID_CREDENTIALS");
        assert!(reply.took < Duration::from_secs(10), "{cost} was computed\n{reply}");
    }
}

fn a_stored_hash_that_makes_no_sense_is_401(stage: &Stage) {
    for stored in [
        "",
        "x",
        "$",
        "$argon2id$",
        "$argon2id$v=19$m=19456,t=2,p=1$$",
        "$2b$",
        "$argon2id$v=19$m=-1,t=2,p=1$YQ$YQ",
    ] {
        login_against(stage, stored).error(401, "INVALID_CREDENTIALS");
    }
}

fn an_unverified_address_is_told_after_a_right_password_only(stage: &Stage) {
    let person = Person::new();
    stage
        .call("POST", REGISTER[0])
        .json(&person.registration())
        .send()
        .expect_only(202);
    login(stage, &person.email, "not the password").error(401, "INVALID_CREDENTIALS");
    login(stage, &person.email, &person.password).error(403, "EMAIL_NOT_VERIFIED");
    let sql = "UPDATE users SET is_verified = true, email_verified_at = now() WHERE email = $1";
    stage.database().execute(sql, &[&person.email]);
    login(stage, &person.email, &person.password).session_by_token(200);
}
