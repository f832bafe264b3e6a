//! What every page has: headers, languages, errors as pages, and the brand.

use doorward_edge::host::SqlError;

use super::{PRIVATE, PUBLIC, as_ann};
use crate::data::{ann, one};
use crate::stage::{Ask, Stage};

#[test]
fn every_page_is_framed_and_kept_by_nobody() {
    let stage = Stage::new();
    for path in PUBLIC {
        let answer = stage.send(&Ask::get(path));
        assert_eq!(answer.status, 200, "{path}");
        let html = answer.html();
        for text in [
            "<!DOCTYPE html>",
            "<html lang=\"en\" dir=\"ltr\"",
            "id=\"main\"",
            "<h1",
            "data-signed-in=\"0\"",
        ] {
            assert!(html.contains(text), "{path}: {text}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "script-src 'self' 'wasm-unsafe-eval'",
            "form-action 'self'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        // A form of its own says where it comes from; no other site learns the address.
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        assert!(answer.cookies().is_empty());
        let head = stage.send(&Ask::new(http::Method::HEAD, path));
        assert_eq!((head.status, head.body.len()), (answer.status, 0));
    }
}

#[test]
fn every_field_has_a_label_and_every_error_a_place() {
    let stage = Stage::new();
    for path in PUBLIC {
        let html = stage.send(&Ask::get(&format!("{path}?token=x"))).html().to_owned();
        for field in html.split("data-field=\"").skip(1) {
            let name = field.split('"').next().unwrap();
            assert!(field.contains(&format!("<label for=\"{name}\"")), "{path}: {name}");
            let described = format!("{name}-error\"");
            assert!(
                !field.contains("aria-describedby") || field.contains(&described),
                "{path}: {name}"
            );
        }
        // One name, one id.
        let mut ids: Vec<_> = html
            .split(" id=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{path}");
    }
}

#[test]
fn password_managers_are_told_what_is_what() {
    let stage = Stage::new();
    for (path, expected) in [
        (
            "/login",
            &["autocomplete=\"username\"", "autocomplete=\"current-password\""][..],
        ),
        (
            "/register",
            &[
                "autocomplete=\"name\"",
                "autocomplete=\"username\"",
                "autocomplete=\"new-password\"",
            ],
        ),
        ("/reset-password?token=x", &["autocomplete=\"new-password\""]),
    ] {
        let html = stage.send(&Ask::get(path)).html().to_owned();
        for text in expected {
            assert!(html.contains(text), "{path}: {text}");
        }
    }
    let answer = stage.send(&Ask::get("/.well-known/change-password"));
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (302, Some("/account"))
    );
}

#[test]
fn a_language_is_asked_for_chosen_and_kept() {
    let stage = Stage::new();
    let german = |ask: &Ask| stage.send(ask).html().contains("<html lang=\"de\"");
    assert!(german(&Ask::get("/login").header("accept-language", "de-AT,en;q=0.5")));
    assert!(!german(&Ask::get("/login")));
    assert!(german(
        &Ask::get("/login")
            .cookie("doorward_lang", "de")
            .header("accept-language", "en")
    ));
    assert!(!german(&Ask::get("/login").cookie("doorward_lang", "tlh")));

    let answer = stage.send(&Ask::get("/reset-password?token=a%2Bb&lang=de&done=x"));
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, Some("/reset-password?token=a%2Bb"))
    );
    assert_eq!(answer.cookie("doorward_lang"), Some("de"));

    // What the person has chosen in the preferences comes before what the browser asks for.
    stage.sql("session.alive", one(ann()));
    assert!(!german(&as_ann(&stage, Ask::get("/").header("accept-language", "de"))));
    stage.flights();
}

#[test]
fn german_speaks_german_also_of_what_is_wrong() {
    let stage = Stage::new();
    let ask = Ask::post("/register")
        .header("accept-language", "de")
        .form(&[("email", "x"), ("password", "kurz")]);
    let html = stage.send(&ask).html().to_owned();
    for text in [
        "Geben Sie eine gültige E-Mail-Adresse ein.",
        "Geben Sie einen Namen ein.",
        "Mindestens 8 Zeichen.",
        "<title>Fehler: ",
    ] {
        assert!(html.contains(text), "{text}");
    }
}

#[test]
fn where_people_are_errors_are_pages() {
    let stage = Stage::new();
    let html = |ask: Ask| ask.header("accept", "text/html,*/*;q=0.8");
    for (ask, status) in [
        (html(Ask::get("/nowhere")), 404),
        (html(Ask::get("/login/")), 404),
        (Ask::delete("/login"), 405),
        (Ask::post("/"), 405),
        (Ask::post("/login").header("content-type", "application/json"), 415),
        (Ask::post("/login").form(&[("email", &"x".repeat(30_000))]), 413),
        (Ask::post("/login").header("origin", "https://evil.example"), 403),
        (Ask::post("/login").header("sec-fetch-site", "cross-site"), 403),
    ] {
        let answer = stage.send(&ask);
        assert_eq!(answer.status, status);
        assert!(answer.html().contains("<h1"));
    }
    // Nothing changes for programs.
    for ask in [
        Ask::get("/nowhere"),
        html(Ask::get("/api/nowhere")),
        html(Ask::get("/auth/nowhere")),
    ] {
        assert_eq!(stage.send(&ask).outcome(), (404, "NOT_FOUND".to_owned()));
    }
}

#[test]
fn a_database_that_is_down_is_told_in_a_page() {
    let stage = Stage::new();
    for path in PRIVATE {
        stage.sql_fails(SqlError::Timeout);
        let answer = stage.send(&as_ann(&stage, Ask::get(path)));
        assert_eq!(answer.status, 503);
        assert!(
            answer.html().contains(&format!("href=\"{path}\"")),
            "a way to try again"
        );
        stage.log();
    }
    stage.flights();
}

#[test]
fn a_deployment_has_its_own_name_colour_and_logo() {
    let stage = Stage::new();
    assert!(!stage.send(&Ask::get("/login")).html().contains("brand.css"));
    let stage = Stage::with(&[
        ("PRODUCT_NAME", "Pforte & Söhne"),
        ("BRAND_ACCENT", "#ffd54f"),
        ("BRAND_LOGO_URL", "https://cdn.example/logo.svg"),
    ]);
    let html = stage.send(&Ask::get("/login")).html().to_owned();
    for text in [
        "Pforte &amp; Söhne",
        "href=\"/assets/brand.css\"",
        "src=\"https://cdn.example/logo.svg\"",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let answer = stage.send(&Ask::get("/assets/brand.css"));
    assert_eq!(answer.header("content-type"), Some("text/css; charset=utf-8"));
    let css = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(css.starts_with(":root{--accent:#ffd54f;--on-accent:#10151d}"), "{css}");
}

#[test]
fn no_link_of_a_page_leads_to_another_site() {
    let stage = Stage::new();
    for path in [
        "//evil.example/",
        "//evil.example/x?next=y",
        "/\\evil.example",
        "///evil.example",
    ] {
        let answer = stage.send(&Ask::get(path).header("accept", "text/html"));
        assert_eq!(answer.status, 404, "{path}");
        let html = answer.html();
        assert!(html.contains("href=\"/evil.example"), "{html}");
        for elsewhere in ["\"//", "\"/\\", "\"http"] {
            assert!(!html.contains(elsewhere), "{path}: {html}");
        }
    }
}
