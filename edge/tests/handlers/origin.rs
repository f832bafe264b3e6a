//! Whose pages may call, end to end: the defence against other sites, preflights, and what a trusted page may read.

use doorward_core::token::refresh::RefreshToken;
use http::Method;

use crate::data::{ANN, SESSION, ann, none, one};
use crate::stage::{Answer, Ask, Stage};

const TRUSTED: &str = "https://app.example.com";

fn stage() -> Stage {
    Stage::with(&[("TRUSTED_ORIGINS", "https://app.example.com, https://Other.example.com/")])
}

fn allow_headers(answer: &Answer) -> usize {
    let names = answer.headers.keys();
    names
        .filter(|name| name.as_str().starts_with("access-control-"))
        .count()
}

#[test]
fn another_site_can_change_nothing() {
    let stage = stage();
    let refresh = RefreshToken::first(SESSION, [1; 16]).seal(stage.keys());
    let paths = [
        (Method::POST, "/auth/login"),
        (Method::POST, "/api/auth/register"),
        (Method::POST, "/auth/logout"),
        (Method::POST, "/auth/refresh"),
        (Method::GET, "/api/auth/refresh"),
        (Method::POST, "/auth/verify-email"),
        (Method::POST, "/auth/resend-verification"),
        (Method::POST, "/auth/forgot-password"),
        (Method::POST, "/auth/reset-password"),
        (Method::POST, "/api/auth/change-password"),
        (Method::POST, "/api/auth/change-email"),
        (Method::DELETE, "/api/auth/account"),
        (Method::DELETE, "/api/auth/sessions"),
        (
            Method::DELETE,
            "/api/auth/sessions/5e5e5e5e-5e5e-5e5e-5e5e-5e5e5e5e5e5e",
        ),
    ];
    for (method, path) in paths {
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let ask = Ask::new(method.clone(), path).cookie("doorward_refresh", refresh.expose());
            let answer = stage.send(&ask.header("host", "id.example").header(name, value));
            assert_eq!(
                answer.outcome(),
                (403, "ORIGIN_REFUSED".to_owned()),
                "{method} {path} {value}"
            );
            assert!(answer.cookies().is_empty());
            assert_eq!(allow_headers(&answer), 0);
        }
    }
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty() && stage.log().is_empty());
}

#[test]
fn ones_own_pages_trusted_ones_and_no_browser_pass() {
    let stage = stage();
    for headers in [
        &[][..],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://id.example")],
        &[("sec-fetch-site", "none")],
        &[("origin", "http://id.example")],
        &[("origin", TRUSTED), ("sec-fetch-site", "cross-site")],
        &[("origin", "https://other.example.com")],
    ] {
        let ask = Ask::post("/auth/logout").header("host", "id.example");
        let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
        assert_eq!(stage.send(&ask).status, 204, "{headers:?}");
    }
}

#[test]
fn a_trusted_page_may_read_the_reply_and_no_other_may() {
    let stage = stage();
    let me = || Ask::get("/api/auth/me").bearer(&stage.access_token(ANN, SESSION));
    stage.sql("session.alive", one(ann()));
    let answer = stage.send(&me().header("origin", TRUSTED));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(TRUSTED));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(
        answer.header("access-control-expose-headers"),
        Some("x-request-id, retry-after")
    );
    assert_eq!(answer.header("vary"), Some("Origin"));
    // Reading is no change, so it isn't refused; but the browser keeps the answer from that page.
    for origin in ["https://evil.example", "https://app.example.com.evil.example", "null"] {
        let answer = stage.send(&me().header("origin", origin));
        assert_eq!(answer.status, 200);
        assert_eq!(allow_headers(&answer), 0, "{origin}");
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
    assert_eq!(stage.flights().len(), 1);
}

#[test]
fn errors_can_be_read_by_a_trusted_page_too() {
    let stage = stage();
    let answer = stage.send(&Ask::post("/auth/login").header("origin", TRUSTED));
    assert_eq!(answer.outcome(), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
    assert_eq!(answer.header("access-control-allow-origin"), Some(TRUSTED));
    stage.kv().set_down(true);
    let refresh = RefreshToken::first(SESSION, [1; 16]).seal(stage.keys());
    stage.sql_fails(doorward_edge::host::SqlError::Timeout);
    let ask = Ask::post("/auth/logout").cookie("doorward_refresh", refresh.expose());
    let answer = stage.send(&ask.header("origin", TRUSTED));
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("access-control-allow-origin"), Some(TRUSTED));
    stage.log();
}

#[test]
fn a_preflight_is_answered_for_trusted_pages_without_any_flight() {
    let stage = stage();
    let preflight = |path: &str, origin: &str| {
        let ask = Ask::new(Method::OPTIONS, path).header("origin", origin);
        stage.send(
            &ask.header("access-control-request-method", "POST")
                .header("sec-fetch-site", "cross-site"),
        )
    };
    for (path, methods) in [
        ("/auth/login", "POST"),
        ("/api/auth/refresh", "GET, POST"),
        ("/api/auth/sessions", "GET, HEAD, DELETE"),
        ("/api/auth/account", "DELETE"),
    ] {
        let answer = preflight(path, TRUSTED);
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), Some(TRUSTED));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("access-control-allow-methods"), Some(methods));
        let headers = answer.header("access-control-allow-headers");
        assert_eq!(headers, Some("authorization, content-type, x-doorward-mode"));
        assert_eq!(answer.header("access-control-max-age"), Some("600"));
        assert_eq!(allow_headers(&preflight(path, "https://evil.example")), 0);
    }
    let answer = preflight("/nowhere", TRUSTED);
    assert_eq!(answer.outcome(), (404, "NOT_FOUND".to_owned()));
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty());
}

#[test]
fn options_without_an_origin_is_a_method_like_any_other() {
    let stage = stage();
    let answer = stage.send(&Ask::new(Method::OPTIONS, "/auth/login"));
    assert_eq!(answer.outcome(), (405, "METHOD_NOT_ALLOWED".to_owned()));
    assert_eq!(answer.header("allow"), Some("POST"));
}

#[test]
fn by_default_no_other_origin_is_trusted() {
    let stage = Stage::new();
    let refresh = RefreshToken::first(SESSION, [1; 16]).seal(stage.keys());
    let ask = || Ask::post("/auth/logout").cookie("doorward_refresh", refresh.expose());
    assert_eq!(stage.send(&ask().header("origin", TRUSTED)).status, 403);
    stage.sql("session.end", none());
    assert_eq!(stage.send(&ask()).status, 204);
}
