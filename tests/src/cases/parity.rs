//! Both hosts answer the same bytes, apart from ids, times and tokens.
//!
//! One script is played on each; status, body and headers are compared with everything masked that may differ. Left out
//! of the comparison are only the headers that belong to the connection (RFC 9110, section 7.6.1, and framing) or to the
//! clock.

use std::collections::BTreeMap;

use serde_json::json;

use crate::actor::{LOGIN, LOGOUT, ME, Person, REFRESH, REGISTER};
use crate::both;
use crate::http::Reply;
use crate::registry::Case;
use crate::stage::{Stage, TRUSTED_ORIGIN};
use crate::timing::flights;

pub(super) fn cases() -> Vec<Case> {
    both![
        Main;
        the_life_of_a_session_in_cookies,
        the_life_of_a_session_in_tokens,
        refusals_at_the_door,
        refusals_of_registrations,
        refusals_of_sessions,
        cross_origin_answers,
        firms_and_their_people,
        the_service,
    ]
}

/// Headers that a host's own HTTP server makes.
const OF_THE_CONNECTION: [&str; 6] = [
    "date",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "server-timing",
];

type Script = fn(&Stage, &Person) -> Vec<(&'static str, Reply)>;

/// What is compared of a reply.
#[derive(Debug, PartialEq, Eq)]
struct Masked {
    status: u16,
    headers: BTreeMap<String, Vec<String>>,
    body: String,
    /// Where the session is asked for afresh. How soon each host has one at hand is its own; the bound is tested elsewhere.
    flights: Option<(u32, u32)>,
}

fn compare(workers: &Stage, spin: &Stage, script: Script) {
    let [one, other] = [workers, spin].map(|stage| {
        let person = Person::new();
        let replies = script(stage, &person);
        replies
            .into_iter()
            .map(|(step, reply)| (step, masked(stage, &person, &reply)))
            .collect::<Vec<_>>()
    });
    assert_eq!(one.len(), other.len());
    for ((step, one), (_, other)) in one.iter().zip(&other) {
        assert_eq!(one, other, "{step}: workers on the left, spin on the right");
    }
}

fn masked(stage: &Stage, person: &Person, reply: &Reply) -> Masked {
    let mask = |text: &str| mask(stage, person, text);
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &reply.headers {
        if !OF_THE_CONNECTION.contains(&name.as_str()) {
            let value = if name == "set-cookie" {
                &whole_minutes(value)
            } else {
                value
            };
            let value = if name == "x-request-id" {
                "<id>".to_owned()
            } else {
                mask(value)
            };
            headers.entry(name.clone()).or_default().push(value);
        }
    }
    let flights = flights(reply);
    let text = reply.to_string();
    let is_for = |paths: &[&str]| {
        let asked = text.lines().next().unwrap_or_default();
        paths.iter().any(|path| asked.contains(path))
    };
    // What is wrong with a request is told to who may send it, by what is at hand; a good one asks afresh.
    let may_be_at_hand = is_for(&["/api/profile", "/api/office-sessions"])
        || (reply.status == 400 && is_for(&["/api/firms", "/api/admin"]));
    Masked {
        status: reply.status,
        headers,
        body: mask(&reply.text()),
        flights: (!may_be_at_hand).then_some((flights.sql, flights.kv)),
    }
}

/// A cookie with its `Max-Age` rounded up to ten minutes: what is left of a session counts down while a script is played.
fn whole_minutes(cookie: &str) -> String {
    let Some((head, tail)) = cookie.split_once("Max-Age=") else {
        return cookie.to_owned();
    };
    let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
    let (seconds, rest) = tail.split_at(digits);
    let seconds: u64 = seconds.parse().expect("Max-Age is a number");
    format!("{head}Max-Age={}{rest}", seconds.div_ceil(600) * 600)
}

/// Replaces what differs between two plays of one script.
fn mask(stage: &Stage, person: &Person, text: &str) -> String {
    let tag = person.email.trim_start_matches("p-").trim_end_matches("@example.com");
    let text = text.replace(tag, "<tag>").replace(stage.base.authority(), "<host>");
    let mut out = String::new();
    let mut word = String::new();
    // A word is what ids, times and tokens are written with.
    for letter in text.chars().chain(['\0']) {
        if letter.is_ascii_alphanumeric() || "-_.:".contains(letter) {
            word.push(letter);
        } else {
            out.push_str(&mask_word(&word));
            word.clear();
            if letter != '\0' {
                out.push(letter);
            }
        }
    }
    out
}

fn mask_word(word: &str) -> String {
    if crate::shape::is_uuid(word) {
        "<uuid>".to_owned()
    } else if crate::shape::is_time(word) {
        "<time>".to_owned()
    } else if word.starts_with("eyJ") && word.matches('.').count() == 2 {
        "<access>".to_owned()
    } else if word.starts_with("v1.") && word.len() > 60 {
        "<refresh>".to_owned()
    } else {
        word.to_owned()
    }
}

fn the_life_of_a_session_in_cookies(workers: &Stage, spin: &Stage) {
    compare(workers, spin, |stage, person| {
        let mut browser = stage.browser();
        let mut replies = Vec::new();
        for (step, method, path, body) in [
            ("register", "POST", REGISTER[0], Some(person.registration())),
            ("me", "GET", ME, None),
            ("refresh by POST", "POST", REFRESH[0], None),
            ("refresh by GET", "GET", REFRESH[1], None),
            ("logout", "POST", LOGOUT[0], None),
            ("login", "POST", LOGIN[1], Some(person.credentials())),
            ("me again", "GET", ME, None),
            ("logout again", "POST", LOGOUT[1], None),
            ("refresh without cookies", "POST", REFRESH[0], None),
            ("me without cookies", "GET", ME, None),
        ] {
            let call = browser.call(method, path);
            let call = if let Some(body) = body { call.json(&body) } else { call };
            let reply = browser.send(call);
            // How soon each has it at hand is each host's own; the bound is tested elsewhere.
            if method != "GET" || path != ME || reply.status != 200 {
                replies.push((step, reply));
            }
        }
        replies
    });
}

fn the_life_of_a_session_in_tokens(workers: &Stage, spin: &Stage) {
    compare(workers, spin, |stage, person| {
        let app = stage.app();
        let register = app.call("POST", REGISTER[1]).json(&person.registration()).send();
        let mut remembered = person.credentials();
        remembered["rememberMe"] = json!(true);
        let login = app.call("POST", LOGIN[0]).json(&remembered).send();
        let first = login.session_by_token(200);
        let rotated = app.present(&first.refresh);
        let second = rotated.session_by_token(200);
        let again = app.present(&first.refresh);
        let third = app.present(&second.refresh);
        let reused = app.present(&first.refresh);
        let revoked = app.present(&second.refresh);
        let logout = app.call("POST", LOGOUT[0]).bearer(&first.access).send();
        vec![
            ("register", register),
            ("login", login),
            ("rotated", rotated),
            ("within the grace", again),
            ("rotated again", third),
            ("reused", reused),
            ("revoked", revoked),
            ("logout of what is over", logout),
        ]
    });
}

fn refusals_at_the_door(workers: &Stage, spin: &Stage) {
    compare(workers, spin, |stage, _| {
        let post = |path: &str| stage.call("POST", path);
        vec![
            ("unknown path", stage.call("GET", "/nothing-here").send()),
            ("wrong method", stage.call("DELETE", LOGIN[0]).send()),
            ("wrong method on refresh", stage.call("PUT", REFRESH[1]).send()),
            ("malformed", post(LOGIN[0]).body("application/json", "{").send()),
            ("empty", post(LOGIN[0]).body("application/json", "").send()),
            ("no body", post(LOGIN[0]).send()),
            ("no object", post(LOGIN[0]).body("application/json", "[]").send()),
            (
                "duplicate",
                post(LOGIN[0])
                    .body("application/json", r#"{"email":"a","email":"b"}"#)
                    .send(),
            ),
            ("media type", post(LOGIN[0]).body("text/plain", "{}").send()),
            ("no media type", post(LOGIN[0]).bare_body("{}").send()),
            (
                "too large",
                post(LOGIN[0]).body("application/json", " ".repeat(70_000)).send(),
            ),
            (
                "too large in chunks",
                post(LOGIN[0]).chunked("application/json", " ".repeat(70_000)).send(),
            ),
            (
                "bad UTF-8",
                post(LOGIN[0])
                    .body("application/json", b"{\"a\":\"\xff\"}".as_slice())
                    .send(),
            ),
            ("HEAD of me", stage.call("HEAD", ME).send()),
            ("HEAD of health", stage.call("HEAD", "/healthz").send()),
            ("OPTIONS without CORS", stage.call("OPTIONS", LOGIN[0]).send()),
        ]
    });
}

fn refusals_of_registrations(workers: &Stage, spin: &Stage) {
    compare(workers, spin, |stage, person| {
        let send = |body: serde_json::Value| stage.call("POST", REGISTER[0]).json(&body).send();
        let with = |name: &str, value: serde_json::Value| {
            let mut body = person.registration();
            body[name] = value;
            send(body)
        };
        vec![
            ("nothing", send(json!({}))),
            (
                "wrong types",
                send(json!({"email": 1, "name": [], "password": {}, "phone": true, "firmSlug": 1})),
            ),
            (
                "wrong values",
                send(json!({"email": "a", "name": "", "password": "b", "phone": "c"})),
            ),
            ("common password", with("password", json!("password"))),
            ("one's address", with("password", json!(person.email))),
            ("a long password", with("password", json!("x1".repeat(100)))),
            ("status", with("status", json!("active"))),
            ("role", with("role", json!("admin"))),
            ("unknown firm", with("firmSlug", json!("no-such-firm"))),
            ("taken", {
                send(person.registration()).expect_only(201);
                send(person.registration())
            }),
        ]
    });
}

fn refusals_of_sessions(workers: &Stage, spin: &Stage) {
    compare(workers, spin, |stage, person| {
        let session = stage.app().register(person);
        let login = |password: &str| {
            stage
                .call("POST", LOGIN[0])
                .json(&json!({"email": person.email, "password": password}))
                .send()
        };
        let mut replies = vec![
            ("wrong password", login("not the password")),
            ("bad bearer", stage.app().me("e30.e30.AAAA")),
            (
                "basic",
                stage.call("GET", ME).header("authorization", "Basic eDp5").send(),
            ),
            ("forged", stage.app().present(&format!("v1.{}", "A".repeat(139)))),
            (
                "no refresh token",
                stage.app().call("POST", REFRESH[0]).json(&json!({})).send(),
            ),
        ];
        for (step, status) in [("inactive", "inactive"), ("suspended", "suspended")] {
            stage.database().set_status(&session.user_id(), status);
            replies.push((step, login(&person.password)));
            replies.push((step, stage.app().present(&session.refresh)));
        }
        stage.database().set_status(&session.user_id(), "active");
        stage.database().age_session(&session.session_id(), 100_000);
        replies.push(("expired", stage.app().present(&session.refresh)));
        replies
    });
}

fn cross_origin_answers(workers: &Stage, spin: &Stage) {
    compare(workers, spin, |stage, person| {
        let evil = "https://evil.example";
        let preflight = |origin: &str| {
            let call = stage.call("OPTIONS", LOGIN[0]).header("Origin", origin);
            call.header("Access-Control-Request-Method", "POST")
                .header("Access-Control-Request-Headers", "content-type")
                .send()
        };
        let login = |origin: &str| {
            stage
                .call("POST", LOGIN[0])
                .header("Origin", origin)
                .json(&person.credentials())
                .send()
        };
        let refresh = stage.call("GET", REFRESH[0]).header("Sec-Fetch-Site", "cross-site");
        vec![
            ("preflight of a trusted one", preflight(TRUSTED_ORIGIN)),
            ("preflight of another", preflight(evil)),
            ("login from a trusted one", login(TRUSTED_ORIGIN)),
            ("login from another", login(evil)),
            ("login from itself", login(&stage.base.origin())),
            ("login from null", login("null")),
            ("refresh from elsewhere", refresh.send()),
            ("me from elsewhere", stage.call("GET", ME).header("Origin", evil).send()),
            (
                "me from a trusted one",
                stage.call("GET", ME).header("Origin", TRUSTED_ORIGIN).send(),
            ),
        ]
    });
}

fn firms_and_their_people(workers: &Stage, spin: &Stage) {
    compare(workers, spin, |stage, person| {
        let root = stage.root();
        let slug = person.email.replace("@example.com", "").replace("p-", "f-");
        let session = stage.app().register(person);
        let member = stage.sign_in(person.clone());
        let account = format!("/api/admin/users/{}", session.user_id());
        let profile = format!("/api/profiles/{}", session.user_id());
        let nobody = "/api/admin/users/01890000-0000-7000-8000-000000000000";
        let made = root.post("/api/firms", &json!({"slug": slug, "name": "A House"}));
        let firm = format!("/api/firms/{}", crate::shape::text(&made.json()["firm"], "id"));
        let asked = json!({"mentorId": session.user_id(), "startsAt": "2001-01-01T00:00:00Z"});
        vec![
            ("a firm", made),
            (
                "the same again",
                root.post("/api/firms", &json!({"slug": slug, "name": "A House"})),
            ),
            (
                "no firm",
                root.post("/api/firms", &json!({"slug": "No Slug", "name": ""})),
            ),
            ("another name", root.patch(&firm, &json!({"name": "Another House"}))),
            ("bad paging", root.get("/api/firms?limit=0&cursor=x")),
            (
                "no invitation",
                root.post(
                    &format!("{firm}/invitations"),
                    &json!({"email": "a", "role": "nobody-has-this"}),
                ),
            ),
            ("no invitations", root.get(&format!("{firm}/invitations"))),
            ("another tier", root.patch(&account, &json!({"tier": "member"}))),
            ("no role", root.patch(&account, &json!({"role": "nobody-has-this"}))),
            ("nobody", root.patch(nobody, &json!({"tier": "free"}))),
            ("not for a member", member.patch(&account, &json!({"tier": "free"}))),
            ("no list for a member", member.get("/api/profiles")),
            ("one's profile", member.get("/api/profiles/me")),
            (
                "a change",
                member.patch(
                    &profile,
                    &json!({"position": "Clerk", "preferences": {"b": 1, "a": [true, null, 1.5]}}),
                ),
            ),
            (
                "bad changes",
                member.patch(&profile, &json!({"avatarUrl": "http://x", "phone": "y", "goals": "z"})),
            ),
            ("no office session", member.post("/api/office-sessions", &asked)),
            ("a mentee", root.patch(&account, &json!({"role": "mentee"}))),
            (
                "one in the past",
                stage.sign_in(person.clone()).post("/api/office-sessions", &asked),
            ),
            ("no sessions", root.delete(&format!("{account}/sessions"))),
        ]
    });
}

fn the_service(workers: &Stage, spin: &Stage) {
    compare(workers, spin, |stage, _| {
        vec![
            ("jwks", stage.call("GET", "/.well-known/jwks.json").send()),
            ("healthz", stage.call("GET", "/healthz").send()),
        ]
    });
}
