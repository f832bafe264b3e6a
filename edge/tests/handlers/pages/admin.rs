//! The administration: who finds the way there, what is shown of the API's answers, and what it says no to.

use doorward_core::id::{EventId, FirmId};
use doorward_edge::host::Rows;

use crate::data::{ACME, ANN, BOB, NAME, SESSION, USER_COLUMNS, firm, joined, none, nulls, one, person, row};
use crate::stage::{Answer, Ask, Stage};

fn admin(own: Option<FirmId>) -> Rows {
    one(person(ANN, own, "admin", "active"))
}

/// A request of an admin, whom the instance knows already.
fn send(stage: &Stage, own: Option<FirmId>, ask: Ask) -> Answer {
    let token = stage.access_token_of(ANN, SESSION, "admin", own);
    stage.send(&ask.cookie("doorward_access", &token))
}

/// A stage on which an admin has just been recognised.
fn stage(own: Option<FirmId>) -> Stage {
    let stage = Stage::new();
    stage.sql("session.alive", admin(own));
    let html = send(&stage, own, Ask::get("/")).html().to_owned();
    assert!(html.contains("href=\"/admin\""));
    stage.flights();
    stage
}

fn profile(role: &str) -> Rows {
    let firm = r#"{"id": "x", "slug": "acme", "name": "Acme & Söhne"}"#;
    let json = vec![Some(firm.to_owned()), None, None];
    one(joined(&[
        person(BOB, Some(ACME), role, "suspended"),
        json,
        row(&["1767322984000000"]),
    ]))
}

#[test]
fn only_who_may_finds_the_way() {
    let stage = Stage::new();
    stage.sql("session.alive", one(person(ANN, None, "mentor", "active")));
    let answer = stage.send(&super::as_ann(&stage, Ask::get("/")));
    assert!(!answer.html().contains("/admin"));
    for path in ["/admin", "/admin/events", "/admin/firms"] {
        let (name, rows) = match path {
            "/admin" => ("profile.list", none()),
            "/admin/events" => ("event.list", none()),
            _ => ("firm.list", none()),
        };
        stage.batch(vec![
            ("session.alive", one(person(ANN, None, "mentor", "active"))),
            (name, rows),
        ]);
        let answer = stage.send(&super::as_ann(&stage, Ask::get(path)));
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.html().contains("<h1"));
    }
    let nobody = Stage::new();
    let answer = nobody.send(&Ask::get(&format!("/admin/users/{BOB}")));
    assert_eq!(
        answer.header("location"),
        Some(&*format!("/login?next=/admin/users/{BOB}"))
    );
    assert_eq!(
        nobody
            .send(&Ask::get("/admin/users/nonsense").header("accept", "text/html"))
            .status,
        404
    );
    stage.flights();
}

#[test]
fn people_are_searched_and_paged() {
    let stage = stage(None);
    let one_more = Rows {
        rows: [profile("pm").rows, profile("member").rows].concat(),
        ..Rows::default()
    };
    stage.batch(vec![("session.alive", admin(None)), ("profile.list", one_more)]);
    let answer = send(&stage, None, Ask::get("/admin?q=ann&role=&limit=1"));
    assert_eq!(answer.status, 200);
    let html = answer.html();
    let link = format!("href=\"/admin/users/{BOB}\"");
    for text in [
        &*link,
        NAME,
        "Programme manager",
        "Suspended",
        "Acme &amp; Söhne",
        "value=\"ann\"",
        "&amp;cursor=",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(stage.flight().has("%ann%"));
    // What can't be searched for is said as the API says it.
    let answer = send(&stage, None, Ask::get("/admin?q=a"));
    assert_eq!(answer.status, 400);
}

#[test]
fn a_person_is_changed_as_the_api_does_it() {
    let stage = stage(None);
    let shown = || vec![("session.alive", admin(None)), ("profile.read", profile("mentor"))];
    let path = format!("/admin/users/{BOB}");
    stage.batch(shown());
    let html = send(&stage, None, Ask::get(&path)).html().to_owned();
    for text in [
        "<option value=\"mentor\" selected>",
        "<option value=\"suspended\" selected>",
        "name=\"tier\"",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    stage.flights();

    let change = Ask::post(&path).form(&[
        ("do", "access"),
        ("role", "mentor"),
        ("status", "active"),
        ("tier", "free"),
    ]);
    let bob = one(person(BOB, Some(ACME), "mentor", "suspended"));
    let role = one(row(&["mentoring.offer"]));
    let reads = vec![
        ("session.alive", admin(None)),
        ("user.read", bob),
        ("role.permissions", role),
    ];
    stage.batch(reads.clone());
    let done = joined(&[row(&["f"]), person(BOB, Some(ACME), "mentor", "active")]);
    stage.sql("user.change", one(done));
    let answer = send(&stage, None, change.clone());
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, Some(&*format!("{path}?done=user")))
    );

    // The last admin stays; the page says so, and keeps what was chosen.
    stage.batch(reads);
    stage.sql("user.change", one(joined(&[row(&["t"]), nulls(USER_COLUMNS)])));
    stage.batch(shown());
    let answer = send(&stage, None, change);
    assert_eq!(answer.status, 409);
    assert!(answer.html().contains("Somebody has to stay admin."));
    assert!(answer.html().contains("<option value=\"active\" selected>"));
    stage.flights();
}

#[test]
fn events_are_read() {
    let stage = stage(None);
    let mut event = vec![
        Some(EventId::from_bytes([2; 16]).to_string()),
        Some(BOB.to_string()),
        None,
        None,
    ];
    event.extend(row(&["login.failed", "failure", "192.0.2.1"]));
    event.push(None);
    event.extend(row(&[r#"{"before":"<b>"}"#, "1767322984000"]));
    stage.batch(vec![("session.alive", admin(None)), ("event.list", one(event))]);
    let html = send(&stage, None, Ask::get("/admin/events?kind=login.failed"))
        .html()
        .to_owned();
    for text in [
        "login.failed",
        "failed</span>",
        "192.0.2.1",
        "2026-01-02 03:03 UTC",
        "&lt;b&gt;",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(stage.flight().has("login.failed"));
}

#[test]
fn a_firms_own_admin_changes_it_and_makes_none() {
    for own in [None, Some(ACME)] {
        let stage = stage(own);
        stage.batch(vec![
            ("session.alive", admin(own)),
            ("firm.list", one(firm(ACME, "acme"))),
        ]);
        let html = send(&stage, own, Ask::get("/admin/firms")).html().to_owned();
        assert!(html.contains("Acme &amp; Söhne"));
        assert_eq!(html.contains("value=\"add\""), own.is_none());
        assert!(html.contains("name=\"status\""));
        stage.flights();
    }
    let stage = stage(None);
    stage.batch(vec![("session.alive", admin(None)), ("firm.list", none())]);
    let answer = send(
        &stage,
        None,
        Ask::post("/admin/firms").form(&[("do", "add"), ("slug", "A B"), ("name", "")]),
    );
    assert_eq!(answer.status, 400);
    assert_eq!(answer.html().matches("aria-invalid=\"true\"").count(), 2);
    stage.flights();
}

#[test]
fn an_invitation_that_fails_stands_open_beside_its_firm() {
    let stage = stage(None);
    let fields = [
        ("do", "invite"),
        ("firm", &*ACME.to_string()),
        ("email", "x"),
        ("role", "pm"),
    ];
    stage.batch(vec![
        ("session.alive", admin(None)),
        ("role.permissions", one(row(&["profiles.read"]))),
    ]);
    stage.batch(vec![
        ("session.alive", admin(None)),
        ("firm.list", one(firm(ACME, "acme"))),
    ]);
    let answer = send(&stage, None, Ask::post("/admin/firms").form(&fields));
    assert_eq!(answer.status, 400);
    let html = answer.html();
    for text in [
        "<details open>",
        "value=\"x\"",
        "<option value=\"pm\" selected>",
        "aria-invalid=\"true\"",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert_eq!(html.matches("<details open>").count(), 1);
    stage.flights();
}
