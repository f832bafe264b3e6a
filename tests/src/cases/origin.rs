//! Cross-origin defence, by the rule of Go 1.25's `http.CrossOriginProtection`, and CORS.
//!
//! The rule: `Sec-Fetch-Site` decides where it is given (same-origin and none pass); without it an `Origin` has to name
//! the request's own host; with neither it is no browser, and passes. A trusted origin passes whatever the first two
//! say. In Go the safe methods always pass; here a GET that refreshes changes state, and doesn't.

use serde_json::json;

use crate::actor::{LOGIN, LOGOUT, ME, Person, REFRESH, REGISTER};
use crate::each;
use crate::http::{Call, Reply};
use crate::openapi::calls;
use crate::registry::Case;
use crate::stage::{Stage, TRUSTED_ORIGIN};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = each![
        Main;
        the_table_for_sign_in,
        the_table_for_refresh_by_get_and_post,
        the_table_for_register_and_logout,
        every_call_that_changes_something_is_refused_from_elsewhere,
        a_refused_request_changes_nothing,
        what_only_reads_is_never_refused,
        head_is_no_way_around,
        cookies_are_httponly_lax_and_host_only,
        preflight_answers_a_trusted_origin,
        preflight_tells_others_nothing,
        replies_are_readable_by_trusted_origins_only,
    ];
    cases.extend(each![Secure; over_https_cookies_are_secure_with_a_prefix, over_https_only_prefixed_cookies_count]);
    cases
}

/// `Sec-Fetch-Site`, `Origin`, whether it passes.
type Row = (Option<&'static str>, Option<String>, bool);

fn table(stage: &Stage) -> Vec<Row> {
    let own = stage.base.origin();
    let authority = stage.base.authority().to_owned();
    let (name, port) = authority.split_once(':').expect("host:port");
    let other_port = format!("http://{name}:{}", port.parse::<u16>().expect("a port") ^ 1);
    let evil = || Some("https://evil.example".to_owned());
    let trusted = || Some(TRUSTED_ORIGIN.to_owned());
    vec![
        // No browser.
        (None, None, true),
        // Sec-Fetch-Site decides, whatever Origin says.
        (Some("same-origin"), None, true),
        (Some("same-origin"), Some(own.clone()), true),
        (Some("same-origin"), evil(), true),
        (Some("none"), None, true),
        (Some("none"), evil(), true),
        (Some("same-site"), None, false),
        (Some("same-site"), Some(own.clone()), false),
        (Some("cross-site"), None, false),
        (Some("cross-site"), Some(own.clone()), false),
        (Some("cross-site"), evil(), false),
        (Some("cross-site"), Some("null".to_owned()), false),
        // What no browser says isn't one of the two that pass.
        (Some("Same-Origin"), Some(own.clone()), false),
        (Some("same-origin, cross-site"), Some(own.clone()), false),
        (Some("anything"), None, false),
        // An empty one is none.
        (Some(""), Some(own.clone()), true),
        (Some(""), evil(), false),
        (Some(""), None, true),
        // Without it, Origin has to name the host. (Go doesn't compare the scheme, which a server behind a proxy can't know;
        // where a host doesn't show us `Host`, the whole configured origin is compared. So `https` is in neither list.)
        (None, Some(own), true),
        (None, evil(), false),
        (None, Some("null".to_owned()), false),
        (None, Some(other_port), false),
        (None, Some(format!("http://{name}")), false),
        (None, Some(format!("http://{authority}.evil.example")), false),
        (None, Some(format!("http://evil.example/{authority}")), false),
        (None, Some(format!("http://{authority}@evil.example")), false),
        (None, Some(format!("http://evil.example#{authority}")), false),
        (None, Some(format!("http://evil.example?{authority}")), false),
        (None, Some(authority), false),
        (None, Some("http://".to_owned()), false),
        (None, Some("file://".to_owned()), false),
        // A trusted origin passes, exactly as it was configured.
        (None, trusted(), true),
        (Some("cross-site"), trusted(), true),
        (Some("same-site"), trusted(), true),
        (Some("cross-site"), Some(TRUSTED_ORIGIN.replace("https", "http")), false),
        (Some("cross-site"), Some(format!("{TRUSTED_ORIGIN}:8443")), false),
        (
            Some("cross-site"),
            Some(format!("{TRUSTED_ORIGIN}.evil.example")),
            false,
        ),
        (Some("cross-site"), Some(format!("{TRUSTED_ORIGIN}/")), false),
        (
            Some("cross-site"),
            Some(format!("{TRUSTED_ORIGIN} https://evil.example")),
            false,
        ),
    ]
}

fn dressed(call: Call, site: Option<&str>, origin: Option<&str>) -> Call {
    let call = if let Some(site) = site {
        call.header("Sec-Fetch-Site", site)
    } else {
        call
    };
    if let Some(origin) = origin {
        call.header("Origin", origin)
    } else {
        call
    }
}

fn check(stage: &Stage, passes: u16, what: &str, call: impl Fn() -> Call) {
    let mut wrong = Vec::new();
    for (site, origin, pass) in table(stage) {
        let reply = dressed(call(), site, origin.as_deref()).send();
        if reply.status != if pass { passes } else { 403 } {
            let should = if pass { "pass" } else { "be refused" };
            wrong.push(format!(
                "Sec-Fetch-Site {site:?}, Origin {origin:?}: should {should}, is {}",
                reply.status
            ));
        } else if !pass {
            reply.error(403, "ORIGIN_REFUSED");
        }
    }
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

fn the_table_for_sign_in(stage: &Stage) {
    // Credentials of nobody: what passes gets as far as 401.
    let body = Person::new().credentials();
    for path in LOGIN {
        check(stage, 401, path, || stage.call("POST", path).json(&body));
    }
}

fn the_table_for_refresh_by_get_and_post(stage: &Stage) {
    let mut browser = stage.browser();
    browser.register(&Person::new());
    let cookie = browser.cookie_header();
    for path in REFRESH {
        for method in ["GET", "POST"] {
            // The same token all the time: within the grace it goes on answering.
            check(stage, 200, path, || stage.call(method, path).header("cookie", &cookie));
        }
    }
}

fn the_table_for_register_and_logout(stage: &Stage) {
    for path in LOGOUT {
        check(stage, 204, path, || stage.call("POST", path));
    }
    for path in REGISTER {
        check(stage, 400, path, || stage.call("POST", path).json(&json!({})));
    }
}

/// Whoever is signed in, and before anything else is looked at.
fn every_call_that_changes_something_is_refused_from_elsewhere(stage: &Stage) {
    let (_, session) = stage.somebody();
    let mut refused = 0;
    for (method, path) in calls(&stage.base) {
        let refreshes = REFRESH.contains(&path.as_str());
        if method == "get" && !refreshes {
            continue;
        }
        let path = path
            .replace("{id}", &session.user_id())
            .replace("{invitationId}", &session.session_id());
        let send = || stage.call(&method.to_uppercase(), &path).bearer(&session.access);
        let elsewhere = [
            send().header("Sec-Fetch-Site", "cross-site"),
            send().header("Origin", "https://evil.example"),
        ];
        for call in elsewhere {
            call.json(&json!({})).send().error(403, "ORIGIN_REFUSED");
            refused += 1;
        }
    }
    assert!(refused > 30, "only {refused} requests");
    stage.app().refresh(&session);
}

fn a_refused_request_changes_nothing(stage: &Stage) {
    let mut browser = stage.browser();
    let person = Person::new();
    let session = browser.register(&person);
    let cookie = browser.cookie_header();
    let evil = |call: Call| {
        call.header("cookie", &cookie)
            .header("Sec-Fetch-Site", "cross-site")
            .header("Origin", "https://evil.example")
    };
    for method in ["GET", "POST"] {
        evil(stage.call(method, REFRESH[0])).send().error(403, "ORIGIN_REFUSED");
    }
    evil(stage.call("POST", LOGOUT[0])).send().error(403, "ORIGIN_REFUSED");
    let reply = evil(stage.call("POST", LOGIN[0])).json(&person.credentials()).send();
    reply.error(403, "ORIGIN_REFUSED");
    assert!(reply.cookies().is_empty(), "{reply}");
    let fresh = Person::new();
    evil(stage.call("POST", REGISTER[0]))
        .json(&fresh.registration())
        .send()
        .error(403, "ORIGIN_REFUSED");
    let mut database = stage.database();
    let row = database.only_session(&session.user_id());
    assert_eq!((row.generation, row.revoked), (0, false));
    assert_eq!(database.users_with(&fresh.email), 0);
    browser.me().expect_only(200);
}

fn what_only_reads_is_never_refused(stage: &Stage) {
    let mut browser = stage.browser();
    browser.register(&Person::new());
    for path in [ME, "/healthz", "/.well-known/jwks.json"] {
        let call = stage.call("GET", path).header("cookie", browser.cookie_header());
        dressed(call, Some("cross-site"), Some("https://evil.example"))
            .send()
            .expect_only(200);
    }
}

fn head_is_no_way_around(stage: &Stage) {
    let mut browser = stage.browser();
    let session = browser.register(&Person::new());
    let call = stage.call("HEAD", REFRESH[0]).header("cookie", browser.cookie_header());
    let reply = dressed(call, Some("cross-site"), Some("https://evil.example")).send();
    assert!([403, 405].contains(&reply.status), "{reply}");
    assert_eq!(stage.database().only_session(&session.user_id()).generation, 0);
}

fn attributes(reply: &Reply, name: &str) -> Vec<String> {
    let mut names: Vec<_> = reply.cookie(name).attributes.into_keys().collect();
    // How long they live is another matter.
    names.retain(|name| name != "max-age" && name != "expires");
    names
}

fn cookies_are_httponly_lax_and_host_only(stage: &Stage) {
    let mut browser = stage.browser();
    let replies = [
        browser
            .send(browser.call("POST", REGISTER[0]).json(&Person::new().registration()))
            .expect(201),
        browser.send(browser.call("GET", REFRESH[0])).expect(200),
        browser.send(browser.call("POST", LOGOUT[0])).expect(204),
    ];
    for reply in &replies {
        for name in ["doorward_access", "doorward_refresh"] {
            let cookie = reply.cookie(name);
            assert_eq!(cookie.name, name, "no prefix over http\n{reply}");
            assert_eq!(cookie.attributes["samesite"], "Lax", "{reply}");
            assert_eq!(cookie.attributes["path"], "/", "{reply}");
            assert_eq!(attributes(reply, name), ["httponly", "path", "samesite"], "{reply}");
        }
    }
}

fn over_https_cookies_are_secure_with_a_prefix(stage: &Stage) {
    let person = Person::new();
    let register = stage
        .call("POST", REGISTER[0])
        .json(&person.registration())
        .send()
        .expect(201);
    let login = stage
        .call("POST", LOGIN[0])
        .json(&person.credentials())
        .send()
        .expect(200);
    let cookies = format!(
        "{}={}; {}={}",
        login.cookie("doorward_access").name,
        login.cookie("doorward_access").value,
        login.cookie("doorward_refresh").name,
        login.cookie("doorward_refresh").value
    );
    let refresh = stage
        .call("GET", REFRESH[0])
        .header("cookie", &cookies)
        .send()
        .expect(200);
    let logout = stage
        .call("POST", LOGOUT[0])
        .header("cookie", &cookies)
        .send()
        .expect(204);
    for reply in [register, login, refresh, logout] {
        for name in ["doorward_access", "doorward_refresh"] {
            let cookie = reply.cookie(name);
            assert_eq!(cookie.name, format!("__Host-{name}"), "{reply}");
            assert_eq!(cookie.attributes["path"], "/", "{reply}");
            assert_eq!(
                attributes(&reply, name),
                ["httponly", "path", "samesite", "secure"],
                "{reply}"
            );
        }
    }
}

fn over_https_only_prefixed_cookies_count(stage: &Stage) {
    // Without the prefix, a neighbouring host or plain http could have set it.
    let (_, session) = stage.somebody();
    let plain = format!(
        "doorward_access={0}; doorward_refresh={1}",
        session.access, session.refresh
    );
    stage
        .call("GET", ME)
        .header("cookie", &plain)
        .send()
        .error(401, "UNAUTHENTICATED");
    stage
        .call("GET", REFRESH[0])
        .header("cookie", &plain)
        .send()
        .error(401, "REFRESH_INVALID");
    let prefixed = format!("__Host-doorward_access={}", session.access);
    stage.call("GET", ME).header("cookie", prefixed).send().expect_only(200);
}

fn listed(reply: &Reply, name: &str) -> Vec<String> {
    let value = reply.header(name).unwrap_or_default().to_ascii_lowercase();
    value.split(',').map(|item| item.trim().to_owned()).collect()
}

fn preflight(stage: &Stage, path: &str, origin: &str, method: &str) -> Reply {
    stage
        .call("OPTIONS", path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", method)
        .header(
            "Access-Control-Request-Headers",
            "authorization,content-type,x-doorward-mode",
        )
        .header("Sec-Fetch-Site", "cross-site")
        .send()
}

fn preflight_answers_a_trusted_origin(stage: &Stage) {
    for (path, method) in [
        (LOGIN[0], "POST"),
        (REGISTER[1], "POST"),
        (LOGOUT[0], "POST"),
        (REFRESH[0], "GET"),
        (REFRESH[1], "POST"),
        (ME, "GET"),
    ] {
        let reply = preflight(stage, path, TRUSTED_ORIGIN, method);
        assert!([200, 204].contains(&reply.status), "{reply}");
        assert_eq!(
            reply.header("access-control-allow-origin"),
            Some(TRUSTED_ORIGIN),
            "{reply}"
        );
        assert_eq!(
            reply.header("access-control-allow-credentials"),
            Some("true"),
            "{reply}"
        );
        // With credentials, a star means nothing (Fetch standard, section 3.2.3).
        let methods = listed(&reply, "access-control-allow-methods");
        assert!(methods.contains(&method.to_ascii_lowercase()), "{reply}");
        let headers = listed(&reply, "access-control-allow-headers");
        for name in ["content-type", "x-doorward-mode", "authorization"] {
            assert!(headers.contains(&name.to_owned()), "{name}\n{reply}");
        }
        assert!(listed(&reply, "vary").contains(&"origin".to_owned()), "{reply}");
    }
}

fn says_nothing(reply: &Reply) {
    for name in ["access-control-allow-origin", "access-control-allow-credentials"] {
        assert_eq!(reply.header(name), None, "{reply}");
    }
}

fn preflight_tells_others_nothing(stage: &Stage) {
    for origin in [
        "https://evil.example",
        "null",
        "http://app.example.net",
        "https://app.example.net.evil.example",
        "",
    ] {
        says_nothing(&preflight(stage, LOGIN[0], origin, "POST"));
    }
}

fn replies_are_readable_by_trusted_origins_only(stage: &Stage) {
    let (person, session) = stage.somebody();
    let cookie = format!("doorward_access={}", session.access);
    let me = |origin: &str| {
        stage
            .call("GET", ME)
            .header("cookie", &cookie)
            .header("Origin", origin)
            .send()
            .expect(200)
    };
    let reply = me(TRUSTED_ORIGIN);
    assert_eq!(
        reply.header("access-control-allow-origin"),
        Some(TRUSTED_ORIGIN),
        "{reply}"
    );
    assert_eq!(
        reply.header("access-control-allow-credentials"),
        Some("true"),
        "{reply}"
    );
    assert!(listed(&reply, "vary").contains(&"origin".to_owned()), "{reply}");
    for origin in ["https://evil.example", "null"] {
        says_nothing(&me(origin));
    }
    // Errors as well, or a page couldn't tell a wrong password from a broken network.
    let wrong = json!({"email": person.email, "password": "not the password"});
    let reply = stage
        .call("POST", LOGIN[0])
        .header("Origin", TRUSTED_ORIGIN)
        .json(&wrong)
        .send()
        .expect(401);
    assert_eq!(
        reply.header("access-control-allow-origin"),
        Some(TRUSTED_ORIGIN),
        "{reply}"
    );
    let reply = stage
        .call("POST", LOGIN[0])
        .header("Origin", "https://evil.example")
        .json(&wrong)
        .send()
        .expect(403);
    says_nothing(&reply);
}
