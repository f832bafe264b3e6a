//! What a form's post becomes: the API's own answer, as a 303 or as the form again.

use doorward_core::id::TokenId;
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_edge::host::SqlError;
use serde_json::json;

use super::{as_ann, opened};
use crate::data::{ANN, EMAIL, HASH, NAME, PASSWORD, ann, credentials, joined, none, nulls, one, owner, row};
use crate::fake::KvOutcome;
use crate::stage::{Answer, Ask, Stage};

fn login(password: &str) -> Ask {
    Ask::post("/login").form(&[("email", EMAIL), ("password", password)])
}

fn leads_to(answer: &Answer, address: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, Some(address)),
        "{answer:?}"
    );
    assert!(answer.body.is_empty());
}

/// The value of an input.
fn value<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    let input = html
        .split("<input ")
        .find(|input| input.contains(&format!("name=\"{name}\"")))?;
    input.split('>').next()?.split("value=\"").nth(1)?.split('"').next()
}

#[test]
fn a_sign_in_sets_the_cookies_and_goes_on() {
    for (path, next) in [
        ("/login", "/"),
        ("/login?next=/account", "/account"),
        ("/login?next=%2Fadmin%3Fq%3Da%2520b", "/admin?q=a%20b"),
        ("/login?next=//evil.example", "/"),
        ("/login?next=https://evil.example/", "/"),
        ("/login?next=/%5Cevil.example", "/"),
        ("/login?next=/%0d%0aset-cookie:x=y", "/"),
    ] {
        let stage = Stage::new();
        stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
        stage.sql("session.open", opened());
        let fields = [("email", EMAIL), ("password", PASSWORD), ("rememberMe", "1")];
        let answer = stage.send(&Ask::post(path).form(&fields));
        leads_to(&answer, next);
        assert!(answer.cookie("doorward_access").is_some() && answer.cookie("doorward_refresh").is_some());
        assert!(stage.flights()[1].has("2026-12-20T12:00:00.000Z"), "remembered");
    }
}

#[test]
fn a_form_and_the_api_agree() {
    let stage = Stage::with(&[("LIMITS", "off")]);
    let token = "not a token";
    for (page, api, fields) in [
        ("/login", "/api/auth/login", &[("email", "x"), ("password", "")][..]),
        (
            "/register",
            "/api/auth/register",
            &[("email", "x@y"), ("password", "short"), ("name", " ")],
        ),
        (
            "/register",
            "/api/auth/register",
            &[("email", ""), ("password", "password"), ("name", NAME)],
        ),
        (
            "/register",
            "/api/auth/register",
            &[("email", EMAIL), ("password", EMAIL), ("name", NAME), ("role", "admin")],
        ),
        ("/forgot-password", "/api/auth/forgot-password", &[("email", "@")]),
        (
            "/verify-email",
            "/api/auth/resend-verification",
            &[("email", "a b@c.de")],
        ),
        ("/verify-email", "/api/auth/verify-email", &[("token", token)]),
        (
            "/reset-password",
            "/api/auth/reset-password",
            &[("token", token), ("password", PASSWORD), ("confirmPassword", "else")],
        ),
        (
            "/reset-password",
            "/api/auth/reset-password",
            &[("token", token), ("password", PASSWORD), ("confirmPassword", PASSWORD)],
        ),
    ] {
        let mut body = json!({});
        for (name, value) in fields {
            body[*name] = json!(value);
        }
        let said = stage.send(&Ask::post(api).json(body));
        let shown = stage.send(&Ask::post(page).form(fields));
        assert_eq!(shown.status, said.status, "{page} {fields:?}");
        assert!(shown.cookies().is_empty());
        let html = shown.html().replace("&apos;", "'").replace("&#39;", "'");
        assert!(html.contains("role=\"alert\"") && html.contains("data-focus"), "{page}");
        let details = said.json()["details"].as_array().cloned().unwrap_or_default();
        let invalid = html.matches("aria-invalid=\"true\"").count();
        let mut failing: Vec<_> = details.iter().map(|detail| detail["path"].to_string()).collect();
        failing.dedup();
        assert_eq!(invalid, failing.len(), "{page} {fields:?}: {html}");
        if details.is_empty() {
            assert!(
                html.contains(said.json()["error"].as_str().unwrap()),
                "{page} {fields:?}: {html}"
            );
        }
        // What was typed is kept, a password never.
        for (name, typed) in fields {
            let kept = value(&html, name);
            match *name {
                "email" | "name" => assert_eq!(kept, Some(*typed), "{page}"),
                "password" | "confirmPassword" => assert_eq!(kept, None, "{page}"),
                _ => {}
            }
        }
    }
    assert!(stage.flights().is_empty() && stage.log().is_empty());
}

#[test]
fn a_wrong_password_is_told_as_the_api_tells_it() {
    let stage = Stage::new();
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
    stage.sql("event.record", none());
    let answer = stage.send(&login("not the password"));
    assert_eq!(answer.status, 401);
    let html = answer.html();
    assert!(html.contains("The e-mail address or the password is wrong."));
    assert_eq!((value(html, "email"), value(html, "password")), (Some(EMAIL), None));
    assert!(!html.contains("not the password") && answer.header("www-authenticate").is_none());
}

#[test]
fn an_address_that_waits_for_its_confirmation_can_have_the_mail_again() {
    let stage = Stage::with(&[("EMAIL_VERIFICATION", "required")]);
    stage.sql("user.credentials", one(credentials(Some(&HASH), "active", false)));
    stage.sql("event.record", none());
    let answer = stage.send(&login(PASSWORD));
    assert_eq!(answer.status, 403);
    assert!(answer.html().contains("action=\"/verify-email\""));
}

#[test]
fn too_many_attempts_keep_the_form() {
    let stage = Stage::new();
    stage
        .kv()
        .next(KvOutcome::Replies(vec![doorward_edge::host::Reply::Integer(90_000)]));
    let answer = stage.send(&login(PASSWORD));
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), Some("90"));
    assert_eq!(value(answer.html(), "email"), Some(EMAIL));
    assert!(answer.html().contains("Too many attempts."));
    assert!(stage.flights().is_empty());
}

#[test]
fn a_service_in_trouble_keeps_what_was_typed() {
    let stage = Stage::new();
    stage.sql_fails(SqlError::Timeout);
    let answer = stage.send(&login(PASSWORD));
    assert_eq!(answer.status, 503);
    assert_eq!(value(answer.html(), "email"), Some(EMAIL));
    assert!(answer.html().contains("role=\"alert\""));
    assert_eq!(stage.line().event(), "sql");
}

#[test]
fn a_new_account_is_signed_in_or_sent_to_its_mail() {
    let fields = [("email", EMAIL), ("password", PASSWORD), ("name", NAME)];
    for (pairs, address, signed_in) in [
        (&[][..], "/?done=registered", true),
        (&[("SIGNUPS", "masked")], "/verify-email", false),
        (&[("EMAIL_VERIFICATION", "required")], "/verify-email", false),
    ] {
        let stage = Stage::with(pairs);
        stage.sql("registration.create", one(joined(&[row(&["t"]), ann()])));
        let answer = stage.send(&Ask::post("/register").form(&fields));
        leads_to(&answer, address);
        assert_eq!(answer.cookie("doorward_refresh").is_some(), signed_in);
    }
    let stage = Stage::new();
    stage.sql(
        "registration.create",
        one(joined(&[row(&["t"]), nulls(crate::data::USER_COLUMNS)])),
    );
    let answer = stage.send(&Ask::post("/register").form(&fields));
    assert_eq!(answer.status, 409);
    assert!(
        answer
            .html()
            .contains("There is an account with this e-mail address already.")
    );
}

#[test]
fn roles_that_people_may_choose_are_offered() {
    let stage = Stage::new();
    assert!(!stage.send(&Ask::get("/register")).html().contains("name=\"role\""));
    let stage = Stage::with(&[("SELF_ROLES", "mentor, mentee")]);
    let html = stage.send(&Ask::get("/register")).html().to_owned();
    for role in ["member", "mentor", "mentee"] {
        assert!(html.contains(&format!("<option value=\"{role}\"")), "{html}");
    }
}

#[test]
fn a_link_from_a_mail_spends_nothing_until_its_button_is_pressed() {
    let stage = Stage::new();
    let token = OneTimeToken {
        user: ANN,
        token: TokenId::from_bytes([3; 16]),
    };
    let token = token.seal(stage.keys(), Purpose::EmailVerification);
    stage.guard(&token);
    let answer = stage.send(&Ask::get(&format!("/verify-email?token={}", token.expose())));
    assert_eq!(answer.status, 200);
    assert_eq!(value(answer.html(), "token"), Some(token.expose()));
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty());

    stage.sql("token.verify_email", one(joined(&[row(&["t", "f"]), ann()])));
    let answer = stage.send(&Ask::post("/verify-email").form(&[("token", token.expose())]));
    leads_to(&answer, "/login?done=verified");
    assert!(
        stage
            .send(&Ask::get("/login?done=verified"))
            .html()
            .contains("role=\"status\"")
    );
    assert!(
        !stage
            .send(&Ask::get("/login?done=nonsense"))
            .html()
            .contains("role=\"status\"")
    );
}

#[test]
fn a_link_that_is_over_leads_to_a_new_one() {
    let stage = Stage::new();
    let reset = [("token", "x"), ("password", PASSWORD), ("confirmPassword", PASSWORD)];
    let answer = stage.send(&Ask::post("/reset-password").form(&reset));
    assert_eq!(answer.status, 400);
    assert!(answer.html().contains("href=\"/forgot-password\"") && !answer.html().contains("name=\"password\""));
    let answer = stage.send(&Ask::post("/verify-email").form(&[("token", "x")]));
    assert_eq!(answer.status, 400);
    assert!(answer.html().contains("name=\"email\""));
}

#[test]
fn each_form_of_the_account_shows_what_is_wrong_with_itself() {
    for (doing, fields) in [
        (
            "password",
            &[("currentPassword", "guess guess"), ("newPassword", "another password")][..],
        ),
        ("email", &[("newEmail", "new@example.com"), ("password", "guess guess")]),
        ("delete", &[("password", "guess guess")]),
    ] {
        let stage = Stage::new();
        stage.sql("session.alive", one(ann()));
        stage.sql("account.owner", one(owner()));
        stage.sql("event.record", none());
        let fields = [&[("do", doing)], fields].concat();
        let answer = stage.send(&as_ann(&stage, Ask::post("/account").form(&fields)));
        assert_eq!(answer.status, 400);
        let html = answer.html();
        let after = html.split(&format!("id=\"{doing}-title\"")).nth(1).unwrap();
        assert!(
            after
                .split("</section>")
                .next()
                .unwrap()
                .contains("The password is wrong."),
            "{html}"
        );
        assert_eq!(html.matches("The password is wrong.").count(), 1);
    }
}

#[test]
fn an_account_that_is_deleted_takes_its_cookies_along() {
    let stage = Stage::new();
    stage.sql("session.alive", one(ann()));
    stage.sql("account.owner", one(owner()));
    stage.batch(crate::account::deletion("t", "f"));
    let fields = [("do", "delete"), ("password", PASSWORD)];
    let answer = stage.send(&as_ann(&stage, Ask::post("/account").form(&fields)));
    leads_to(&answer, "/?done=deleted");
    assert_eq!(answer.cookies().len(), 2);
    assert_eq!(answer.cookie("doorward_refresh"), Some(""));
}

/// The pages are Doorward's own, so what they send is answered here wherever the switch is.
#[test]
fn while_people_move_over_a_form_is_answered_here() {
    for rollout in ["off", "shadow", "percent:0"] {
        let stage = Stage::with(&[("LEGACY_AUTH", "https://old.example"), ("ROLLOUT", rollout)]);
        stage.sql("user.credentials", one(credentials(Some(&HASH), "active", true)));
        stage.sql("session.open", opened());
        let answer = stage.send(&login(PASSWORD));
        leads_to(&answer, "/");
        assert!(answer.cookie("doorward_access").is_some());
        assert!(stage.fetch().take().is_empty());

        // Whom only the old system knows comes over by a page, too.
        let user = json!({ "id": "7", "email": EMAIL, "name": "Ann Old", "isVerified": true });
        stage.fetch().answers(200, json!({ "user": user }).to_string());
        stage.sql("user.credentials", none());
        stage.sql("rollout.arrive", one(credentials(Some(&HASH), "active", true)));
        stage.sql("session.open", opened());
        leads_to(&stage.send(&login(PASSWORD)), "/");
        // It is told passwords, as nobody else is.
        assert_eq!(stage.fetch().take().len(), 1);
    }
}
