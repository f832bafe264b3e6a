//! What the host has: what of it a browser may keep, under which types, and what happens where it has nothing.

use crate::stage::{Ask, Stage};

/// The addresses are made at build time; a page names them, and so does a glance into the build's own list.
const ADDRESSES: &str = include_str!(concat!(env!("OUT_DIR"), "/assets.rs"));

fn address(name: &str) -> Option<String> {
    let line = ADDRESSES.lines().find(|line| line.contains(name))?;
    line.split('"').nth(1).map(str::to_owned)
}

#[test]
fn a_file_may_be_kept_for_ever() {
    let stage = Stage::new();
    for (name, media_type) in [
        ("APP_CSS", "text/css; charset=utf-8"),
        ("APP_JS", "text/javascript; charset=utf-8"),
    ] {
        let answer = stage.send(&Ask::get(&address(name).unwrap()));
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(answer.header("content-type"), Some(media_type));
        assert_eq!(
            answer.header("cache-control"),
            Some("public, max-age=31536000, immutable")
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.cookies().is_empty());
    }
}

#[test]
fn a_file_may_be_missing() {
    let stage = Stage::new();
    // In a checkout where the core wasn't built for the browser there is nothing to ask for.
    for (name, media_type, file) in [
        ("APP_CSS", "text/css; charset=utf-8", "app.css"),
        ("APP_JS", "text/javascript; charset=utf-8", "app.js"),
        ("CORE_JS", "text/javascript; charset=utf-8", "core.js"),
        ("CORE_WASM", "application/wasm", "core_bg.wasm"),
    ] {
        let Some(address) = address(name) else { continue };
        stage.host.ports().assets.set(true);
        let answer = stage.send(&Ask::get(&address));
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, file.as_bytes()));
        assert_eq!(answer.header("content-type"), Some(media_type));
        stage.host.ports().assets.set(false);
        let answer = stage.send(&Ask::get(&address));
        assert_eq!(answer.outcome(), (404, "NOT_FOUND".to_owned()));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn the_description_is_one_of_them() {
    let stage = Stage::new();
    let answer = stage.send(&Ask::get("/openapi.json"));
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"openapi.json"[..]));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    stage.host.ports().assets.set(false);
    let answer = stage.send(&Ask::get("/openapi.json"));
    assert_eq!(answer.outcome(), (500, "INTERNAL".to_owned()));
    assert!(stage.line().text().contains("openapi.json wasn't shipped"));
}

#[test]
fn another_content_has_another_address() {
    let stage = Stage::new();
    for path in [
        "/assets/app.00000000.js",
        "/assets/app.js",
        "/assets/",
        "/assets/core_bg.wasm",
    ] {
        assert_eq!(stage.send(&Ask::get(path)).status, 404, "{path}");
    }
    let address = address("APP_JS").unwrap();
    assert_eq!(
        stage.send(&Ask::post(&address)).outcome(),
        (405, "METHOD_NOT_ALLOWED".to_owned())
    );
}
