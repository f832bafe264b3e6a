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
        a_profile_is_edited,
        an_admin_looks_after_people,
        somebody_is_invited_into_a_firm,
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

fn a_profile_is_edited(stage: &Stage) {
    let mut browser = stage.browser();
    let person = stage.resident(None, "mentor");
    shows(&sign_in(&mut browser, &person, &person.password), 200, &[&person.email]);
    let html = shows(
        &get(&mut browser, "/profile/edit"),
        200,
        &[&person.name, "name=\"expertise\""],
    );
    assert!(!html.contains("name=\"goals\""));
    let fields = [
        ("name", "Ada \u{00c5}ngström"),
        ("phone", "+49 30 1234567"),
        ("department", "R&D"),
        ("position", ""),
        ("avatarUrl", ""),
        ("locale", ""),
        ("headline", "Listens"),
        ("bio", "One\r\ntwo"),
        ("expertise", "Rust, SQL,"),
        ("timeZone", "Europe/Berlin"),
        ("weekday-0", "3"),
        ("start-0", "09:00"),
        ("end-0", "12:30"),
        ("weekday-1", ""),
        ("start-1", ""),
        ("end-1", ""),
    ];
    let page = post(&mut browser, "/profile/edit", &fields);
    let kept = [
        "Saved.",
        "value=\"Ada Ångström\"",
        "value=\"R&amp;D\"",
        ">One\ntwo</textarea>",
        "value=\"Rust, SQL\"",
        "<option value=\"3\" selected>",
        "value=\"12:30\"",
    ];
    shows(&page, 200, &kept);
    // Another language, from now on.
    let mut german = fields;
    german[5].1 = "de";
    shows(
        &post(&mut browser, "/profile/edit", &german),
        200,
        &["Gespeichert.", "<html lang=\"de\""],
    );
    // What the API refuses stands beside its field.
    let mut wrong = fields;
    wrong[4].1 = "http://localhost/picture.png";
    wrong[12].1 = "08:00";
    let html = shows(
        &post(&mut browser, "/profile/edit", &wrong),
        400,
        &["value=\"http://localhost/picture.png\""],
    );
    assert_eq!(html.matches("aria-invalid=\"true\"").count(), 2, "{html}");
}

fn an_admin_looks_after_people(stage: &Stage) {
    let firm = stage.firm();
    let (admin, person) = (stage.resident(None, "admin"), stage.resident(Some(&firm), "mentee"));
    let mut browser = stage.browser();
    sign_in(&mut browser, &admin, &admin.password);
    let html = shows(
        &get(&mut browser, &format!("/admin?q={}", person.email)),
        200,
        &[&person.name, "Mentee"],
    );
    let link = html
        .split("/admin/users/")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a link");
    let page = format!("/admin/users/{link}");
    shows(
        &get(&mut browser, &page),
        200,
        &[&person.email, "<option value=\"mentee\" selected>"],
    );

    let mut theirs = stage.browser();
    sign_in(&mut theirs, &person, &person.password);
    let fields = [
        ("do", "access"),
        ("role", "pm"),
        ("status", "suspended"),
        ("tier", "free"),
    ];
    let texts = [
        "The change is in force.",
        "<option value=\"pm\" selected>",
        ">Suspended<",
    ];
    shows(&post(&mut browser, &page, &fields), 200, &texts);
    forget_access(&mut theirs);
    assert_eq!(get(&mut theirs, "/account").status, 303);
    shows(
        &sign_in(&mut theirs, &person, &person.password),
        403,
        &["This account is suspended."],
    );
    shows(
        &get(&mut browser, &format!("/admin/events?user={link}")),
        200,
        &["login.failed"],
    );
    shows(&get(&mut browser, "/admin/firms"), 200, &["value=\"add\""]);

    // Who may not finds neither the way nor the pages.
    let (other, mut stranger) = (stage.resident(None, "member"), stage.browser());
    let html = shows(&sign_in(&mut stranger, &other, &other.password), 200, &[]);
    assert!(!html.contains("/admin"));
    for path in ["/admin", "/admin/events", "/admin/firms", &page] {
        shows(&get(&mut stranger, path), 403, &["You may not do that."]);
    }
    // A firm's own admin doesn't see other firms' people.
    let (keeper, mut browser) = (stage.resident(Some(&stage.firm()), "admin"), stage.browser());
    sign_in(&mut browser, &keeper, &keeper.password);
    shows(&get(&mut browser, &page), 404, &["<h1"]);
}

fn somebody_is_invited_into_a_firm(stage: &Stage) {
    let firm = stage.firm();
    let (admin, guest) = (stage.resident(Some(&firm), "admin"), Person::new());
    let mut browser = stage.browser();
    sign_in(&mut browser, &admin, &admin.password);
    let fields = [
        ("do", "invite"),
        ("firm", firm.id.as_str()),
        ("email", &guest.email),
        ("role", "mentor"),
    ];
    shows(
        &post(&mut browser, "/admin/firms", &fields),
        200,
        &["The invitation is on its way."],
    );

    let token = Mailbox::of(stage).token(&guest.email, "register", 1);
    let mut browser = stage.browser();
    let html = shows(
        &get(&mut browser, &format!("/register?token={token}")),
        200,
        &[&token, "You were invited."],
    );
    assert!(!html.contains("name=\"role\""));
    let join = |browser: &mut Browser, email: &str| {
        let fields = [
            ("email", email),
            ("name", &guest.name),
            ("password", &guest.password),
            ("invitation", &token),
        ];
        post(browser, "/register", &fields)
    };
    let elsewhere = Person::new();
    shows(
        &join(&mut browser, &elsewhere.email),
        400,
        &["aria-invalid=\"true\"", &token],
    );
    shows(
        &join(&mut browser, &guest.email),
        200,
        &[&guest.email, "Mentor", ">confirmed<"],
    );
    shows(&join(&mut stage.browser(), &guest.email), 400, &["role=\"alert\""]);
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
    for path in ["/sessions", "/account", "/profile/edit"] {
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
    assert_eq!((flights(&page).sql, flights(&page).kv), (1, 0), "{page}");
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
        "/profile/edit",
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
