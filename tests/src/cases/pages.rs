//! The pages over raw HTTP, as a browser without JavaScript uses them: forms are posted, 303s are followed, cookies kept.

use crate::actor::{Browser, Person};
use crate::http::Reply;
use crate::mailbox::Mailbox;
use crate::registry::Case;
use crate::stage::Stage;
use crate::timing::flights;
use crate::{both, each};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = each![
        Main;
        a_life_without_javascript,
        a_forgotten_password_is_replaced,
        a_session_is_seen_and_ended,
        wrong_input_comes_back_with_what_was_typed,
        what_is_ones_own_asks_to_sign_in_first,
        a_session_is_continued_within_the_page,
        two_tabs_at_once_stay_signed_in,
        forms_of_other_sites_are_refused,
        every_page_forbids_what_it_does_not_need,
        errors_are_pages_for_people_only,
        files_of_the_pages_are_kept_for_ever,
    ];
    cases.extend(both![Main; both_hosts_write_the_same_pages]);
    cases.extend(each![Reserved; who_must_confirm_first_is_sent_to_the_mail]);
    cases
}

/// The page that a form leads to, after at most one 303.
fn post(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Reply {
    let reply = submit(browser, path, fields);
    if reply.status != 303 {
        return reply;
    }
    get(browser, reply.header("location").expect("a location"))
}

fn submit(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Reply {
    let escaped = |text: &str| {
        let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
        bytes.collect::<Vec<_>>().concat()
    };
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
    let form = pairs.collect::<Vec<_>>().join("&");
    let call = browser
        .call("POST", path)
        .body("application/x-www-form-urlencoded", form);
    browser.send(call)
}

fn get(browser: &mut Browser, path: &str) -> Reply {
    let call = browser.call("GET", path);
    browser.send(call)
}

/// Holds a page to a status and to texts that it has to have.
#[track_caller]
fn shows(reply: &Reply, status: u16, texts: &[&str]) -> String {
    assert_eq!(reply.status, status, "{reply}");
    assert_eq!(
        reply.header("content-type"),
        Some("text/html; charset=utf-8"),
        "{reply}"
    );
    let html = reply.text();
    for text in texts {
        assert!(html.contains(text), "{text:?} isn't on the page\n{html}");
    }
    html
}

fn register(browser: &mut Browser, person: &Person) -> Reply {
    let fields = [
        ("email", person.email.as_str()),
        ("name", &person.name),
        ("password", &person.password),
    ];
    post(browser, "/register", &fields)
}

fn sign_in(browser: &mut Browser, person: &Person, password: &str) -> Reply {
    post(browser, "/login", &[("email", &person.email), ("password", password)])
}

/// Takes the access token away, as its end does.
fn forget_access(browser: &mut Browser) {
    browser.jar.retain(|name, _| !name.contains("access"));
}

fn a_life_without_javascript(stage: &Stage) {
    let (mut browser, person) = (stage.browser(), Person::new());
    shows(
        &register(&mut browser, &person),
        200,
        &[&person.email, "not confirmed yet", "role=\"status\""],
    );

    let token = Mailbox::of(stage).token(&person.email, "verify-email", 1);
    let page = get(&mut browser, &format!("/verify-email?token={token}"));
    shows(&page, 200, &[&token]);
    // Opening the link again spends nothing either.
    shows(
        &get(&mut browser, &format!("/verify-email?token={token}")),
        200,
        &[&token],
    );
    let page = post(&mut browser, "/verify-email", &[("token", &token)]);
    shows(&page, 200, &["Your e-mail address is confirmed.", ">confirmed<"]);
    let page = post(&mut browser, "/verify-email", &[("token", &token)]);
    shows(&page, 400, &["This link doesn", "name=\"email\""]);

    let fields = [
        ("do", "password"),
        ("currentPassword", person.password.as_str()),
        ("newPassword", "another good one, 17"),
    ];
    shows(
        &post(&mut browser, "/account", &fields),
        200,
        &["Your password is changed."],
    );

    shows(
        &post(&mut browser, "/logout", &[]),
        200,
        &["You are signed out.", "data-signed-in=\"0\""],
    );
    assert!(browser.jar.is_empty(), "{:?}", browser.jar);
    shows(
        &sign_in(&mut browser, &person, &person.password),
        401,
        &["role=\"alert\""],
    );
    shows(
        &sign_in(&mut browser, &person, "another good one, 17"),
        200,
        &[&person.email],
    );

    let fields = [("do", "delete"), ("password", "another good one, 17")];
    shows(
        &post(&mut browser, "/account", &fields),
        200,
        &["Your account is deleted."],
    );
    assert!(browser.jar.is_empty(), "{:?}", browser.jar);
    shows(&sign_in(&mut browser, &person, "another good one, 17"), 401, &[]);
}

fn a_forgotten_password_is_replaced(stage: &Stage) {
    let (person, _) = stage.somebody();
    let mut browser = stage.browser();
    let page = post(&mut browser, "/forgot-password", &[("email", &person.email)]);
    let known = shows(&page, 200, &["role=\"status\""]);
    let page = post(
        &mut stage.browser(),
        "/forgot-password",
        &[("email", &Person::new().email)],
    );
    assert_eq!(
        shows(&page, 200, &[]),
        known,
        "known and unknown addresses are told the same"
    );

    let token = Mailbox::of(stage).token(&person.email, "reset-password", 1);
    shows(
        &get(&mut browser, &format!("/reset-password?token={token}")),
        200,
        &[&token],
    );
    let reset = |browser: &mut Browser, password: &str, confirmation: &str| {
        let fields = [
            ("token", token.as_str()),
            ("password", password),
            ("confirmPassword", confirmation),
        ];
        post(browser, "/reset-password", &fields)
    };
    let page = reset(&mut browser, "a fresh password 1", "a fresh password 2");
    shows(&page, 400, &["aria-invalid=\"true\"", &token]);
    let page = reset(&mut browser, "a fresh password 1", "a fresh password 1");
    shows(&page, 200, &["Your new password is saved."]);
    shows(
        &sign_in(&mut browser, &person, "a fresh password 1"),
        200,
        &[&person.email],
    );
    let page = reset(&mut browser, "a fresh password 3", "a fresh password 3");
    shows(&page, 400, &["href=\"/forgot-password\""]);
}

fn a_session_is_seen_and_ended(stage: &Stage) {
    let person = Person::new();
    let (mut one, mut other) = (stage.browser(), stage.browser());
    one.register(&person);
    let session = other.login(&person);
    let html = shows(
        &get(&mut one, "/sessions"),
        200,
        &["This device", &session.session_id()],
    );
    assert_eq!(html.matches("name=\"session\"").count(), 2);
    let page = post(&mut one, "/sessions", &[("session", &session.session_id())]);
    let html = shows(
        &page,
        200,
        &["The session is ended.", "You are signed in on this device only."],
    );
    assert_eq!(html.matches("name=\"session\"").count(), 1);
    // It can't be continued, and its cookies go.
    forget_access(&mut other);
    let reply = get(&mut other, "/sessions");
    assert_eq!((reply.status, other.jar.len()), (303, 0), "{reply}");
}

fn wrong_input_comes_back_with_what_was_typed(stage: &Stage) {
    let mut browser = stage.browser();
    let password = "never to be seen again";
    let fields = [("email", "ann@\"<b>"), ("name", ""), ("password", password)];
    let html = shows(
        &post(&mut browser, "/register", &fields),
        400,
        &[
            "Enter a valid e-mail address.",
            "Enter a name.",
            "value=\"ann@&quot;&lt;b&gt;\"",
        ],
    );
    assert!(!html.contains(password) && !html.contains("<b>"));
    let (person, _) = stage.somebody();
    let page = register(&mut browser, &person);
    let html = shows(
        &page,
        409,
        &["There is an account with this e-mail address already.", &person.name],
    );
    assert!(!html.contains(&person.password));
    assert!(browser.jar.is_empty());
}

fn what_is_ones_own_asks_to_sign_in_first(stage: &Stage) {
    for path in ["/sessions", "/account"] {
        let mut browser = stage.browser();
        let reply = get(&mut browser, path);
        assert_eq!(
            (reply.status, reply.header("location")),
            (303, Some(format!("/login?next={path}").as_str()))
        );
        let (person, _) = stage.somebody();
        let fields = [("email", person.email.as_str()), ("password", &person.password)];
        let reply = submit(&mut browser, &format!("/login?next={path}"), &fields);
        assert_eq!((reply.status, reply.header("location")), (303, Some(path)), "{reply}");
        shows(&get(&mut browser, path), 200, &["data-signed-in=\"1\""]);
    }
}

fn a_session_is_continued_within_the_page(stage: &Stage) {
    let (mut browser, person) = (stage.browser(), Person::new());
    browser.register(&person);
    let before = browser.cookie("doorward_refresh");
    forget_access(&mut browser);
    let page = get(&mut browser, "/");
    shows(&page, 200, &[&person.email]);
    assert_eq!((flights(&page).sql, flights(&page).kv), (1, 1), "{page}");
    assert_ne!(browser.cookie("doorward_refresh"), before);
    assert_eq!(browser.me().status, 200);
    // Who is known costs no more than `me`.
    let page = get(&mut browser, "/");
    assert!(flights(&page).sql <= 1 && flights(&page).kv == 0, "{page}");
    // A form is continued as well.
    forget_access(&mut browser);
    shows(
        &post(&mut browser, "/sessions", &[("others", "1")]),
        200,
        &["All other sessions are ended."],
    );
}

fn two_tabs_at_once_stay_signed_in(stage: &Stage) {
    let (mut browser, person) = (stage.browser(), Person::new());
    browser.register(&person);
    forget_access(&mut browser);
    let replies = crate::http::race(8, |_| {
        let mut tab = browser.clone();
        let reply = get(&mut tab, "/");
        shows(&reply, 200, &[&person.email]);
        tab.cookie("doorward_refresh")
    });
    assert!(replies.windows(2).all(|pair| pair[0] == pair[1]), "{replies:?}");
}

fn forms_of_other_sites_are_refused(stage: &Stage) {
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
    ] {
        let call = stage.call("POST", "/login").header(name, value);
        let reply = call.body("application/x-www-form-urlencoded", "email=a").send();
        shows(&reply, 403, &["<h1"]);
    }
    let reply = stage.call("POST", "/login").body("application/json", "{}").send();
    shows(&reply, 415, &[]);
}

fn every_page_forbids_what_it_does_not_need(stage: &Stage) {
    let (mut browser, person) = (stage.browser(), Person::new());
    browser.register(&person);
    for path in [
        "/",
        "/login",
        "/register",
        "/logout",
        "/verify-email?token=x",
        "/forgot-password",
        "/reset-password?token=x",
        "/sessions",
        "/account",
        "/.well-known/change-password",
    ] {
        for reply in [get(&mut browser, path), stage.call("GET", path).send()] {
            assert!(matches!(reply.status, 200 | 302 | 303), "{reply}");
            let policy = reply.header("content-security-policy").expect("a policy");
            assert!(
                policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
                "{reply}"
            );
            assert!(!policy.contains("unsafe-inline"), "{reply}");
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(reply.header("cache-control"), Some("no-store"));
            let referrer = reply.header("referrer-policy");
            assert!(matches!(referrer, Some("same-origin" | "no-referrer")), "{reply}");
            if reply.status == 200 {
                let html = reply.text();
                for inline in [" style=", "<style", " onclick=", " onload=", "javascript:"] {
                    assert!(!html.contains(inline), "{inline}\n{html}");
                }
            }
        }
    }
}

fn errors_are_pages_for_people_only(stage: &Stage) {
    let html = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
    shows(
        &stage.call("GET", "/nothing-here").header("accept", html).send(),
        404,
        &["<h1"],
    );
    shows(&stage.call("DELETE", "/login").send(), 405, &["<h1"]);
    for path in ["/nothing-here", "/api/nothing-here", "/auth/nothing-here"] {
        stage.call("GET", path).send().error(404, "NOT_FOUND");
    }
    let api = stage.call("GET", "/api/auth/me").header("accept", html);
    api.send().error(401, "UNAUTHENTICATED");
}

fn files_of_the_pages_are_kept_for_ever(stage: &Stage) {
    let html = stage.call("GET", "/login").send().text();
    for (mark, kind) in [
        ("href=\"/assets/app.", "text/css"),
        ("src=\"/assets/app.", "text/javascript"),
    ] {
        let path = html
            .split(mark)
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .expect("a link");
        let reply = stage.call("GET", &format!("/assets/app.{path}")).send().expect(200);
        assert!(
            reply
                .header("content-type")
                .is_some_and(|value| value.starts_with(kind)),
            "{reply}"
        );
        let cached = reply.header("cache-control").unwrap_or_default();
        assert!(
            cached.contains("immutable") && cached.contains("max-age=31536000"),
            "{reply}"
        );
    }
}

fn both_hosts_write_the_same_pages(workers: &Stage, spin: &Stage) {
    for path in [
        "/",
        "/login",
        "/register",
        "/verify-email",
        "/forgot-password",
        "/reset-password?token=x",
        "/x",
    ] {
        for language in ["en", "de"] {
            let [one, other] = [workers, spin].map(|stage| {
                let call = stage.call("GET", path).header("accept", "text/html");
                call.header("accept-language", language).send()
            });
            assert_eq!(one.status, other.status);
            assert_eq!(
                one.text(),
                other.text(),
                "{path}: workers on the left, spin on the right"
            );
        }
    }
}

fn who_must_confirm_first_is_sent_to_the_mail(stage: &Stage) {
    let (mut browser, person) = (stage.browser(), Person::new());
    let page = register(&mut browser, &person);
    shows(&page, 200, &["Look into your mail"]);
    assert!(browser.jar.is_empty());
    let page = sign_in(&mut browser, &person, &person.password);
    shows(
        &page,
        403,
        &["Confirm your e-mail address first.", "action=\"/verify-email\""],
    );
    let page = post(&mut browser, "/verify-email", &[("email", &person.email)]);
    shows(&page, 200, &["role=\"status\""]);
    let token = Mailbox::of(stage).token(&person.email, "verify-email", 2);
    shows(
        &post(&mut browser, "/verify-email", &[("token", &token)]),
        200,
        &["Your e-mail address is confirmed."],
    );
    shows(&sign_in(&mut browser, &person, &person.password), 200, &[&person.email]);
}
