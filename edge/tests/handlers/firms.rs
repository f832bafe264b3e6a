//! Firms: what is read within which scope, and what a firm's own admin may not.

use doorward_core::id::FirmId;
use doorward_edge::host::{DatabaseError, Rows, SqlError};
use serde_json::{Value, json};

use crate::data::{ACME, ANN, OTHER_FIRM, Row, SESSION, at, firm, joined, none, nulls, one, person, row};
use crate::stage::{Answer, Ask, Stage};

/// How many columns a firm has.
const FIRM_COLUMNS: usize = 6;

fn admin(own: Option<FirmId>) -> Rows {
    one(person(ANN, own, "admin", "active"))
}

fn send(stage: &Stage, own: Option<FirmId>, ask: Ask) -> Answer {
    stage.send(&ask.bearer(&stage.access_token_of(ANN, SESSION, "admin", own)))
}

fn updated(found: Option<Row>) -> Rows {
    one(joined(&[row(&["t"]), found.unwrap_or_else(|| nulls(FIRM_COLUMNS))]))
}

fn shown(id: FirmId, slug: &str) -> Value {
    json!({ "id": id.to_string(), "slug": slug, "name": "Acme & Söhne", "status": "active",
            "createdAt": "2026-01-02T03:03:04.000Z", "updatedAt": "2026-01-02T03:03:05.678Z" })
}

#[test]
fn a_page_leads_to_the_next_one_in_one_flight() {
    let stage = Stage::new();
    let firms = Rows {
        rows: vec![firm(ACME, "acme"), firm(OTHER_FIRM, "other")],
        ..Rows::default()
    };
    stage.batch(vec![("session.alive", admin(None)), ("firm.list", firms)]);
    let answer = send(&stage, None, Ask::get("/api/firms?limit=1"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["firms"], json!([shown(ACME, "acme")]));
    let cursor = answer.json()["nextCursor"].as_str().unwrap().to_owned();
    // One more than the limit is read, everywhere.
    let flight = stage.flight();
    let params = flight.0[1].1.clone();
    assert_eq!(params[..4], [Some("true".to_owned()), None, None, Some("2".to_owned())]);
    // Who asks, and by what: the list is read for nobody else.
    let asker = [&SESSION.to_string(), &ANN.to_string(), &at(0).to_string(), "firms.read"];
    assert_eq!(params[4..], asker.map(|text| Some(text.to_owned())));

    stage.batch(vec![
        ("session.alive", admin(None)),
        ("firm.list", one(firm(OTHER_FIRM, "other"))),
    ]);
    let answer = send(&stage, None, Ask::get(&format!("/api/firms?limit=1&cursor={cursor}")));
    assert_eq!(
        answer.json(),
        json!({ "firms": [shown(OTHER_FIRM, "other")], "nextCursor": null })
    );
    assert_eq!(stage.flight().0[1].1[2].as_deref(), Some("acme"));
}

#[test]
fn a_firms_admin_reads_within_the_firm() {
    let stage = Stage::new();
    stage.batch(vec![
        ("session.alive", admin(Some(ACME))),
        ("firm.list", one(firm(ACME, "acme"))),
    ]);
    assert_eq!(send(&stage, Some(ACME), Ask::get("/api/firms")).status, 200);
    assert_eq!(
        stage.flight().0[1].1[..2],
        [Some("false".to_owned()), Some(ACME.to_string())]
    );

    // The token is from before this one was put into a firm: what was read by it isn't shown.
    stage.batch(vec![
        ("session.alive", admin(Some(ACME))),
        ("firm.list", one(firm(OTHER_FIRM, "other"))),
    ]);
    stage.sql("firm.list", one(firm(ACME, "acme")));
    let answer = send(&stage, None, Ask::get("/api/firms"));
    assert_eq!(answer.json()["firms"], json!([shown(ACME, "acme")]));
    let flights = stage.flights();
    assert_eq!(
        flights[1].0[0].1[..2],
        [Some("false".to_owned()), Some(ACME.to_string())]
    );
}

#[test]
fn a_firm_is_made_by_an_admin_without_one() {
    let stage = Stage::new();
    let ask = || Ask::post("/api/firms").json(json!({ "slug": " acme ", "name": "Acme & Söhne" }));
    stage.sql("session.alive", admin(None));
    stage.sql("firm.create", one(firm(ACME, "acme")));
    let answer = send(&stage, None, ask());
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json(), json!({ "firm": shown(ACME, "acme") }));
    let flights = stage.flights();
    let params = &flights[1].0[0].1;
    // Guarded by who was read: session, user, role, firm.
    let guard = [&params[0], &params[1], &params[3], &params[4]];
    let expected = [
        Some(SESSION.to_string()),
        Some(ANN.to_string()),
        Some("admin".to_owned()),
        None,
    ];
    assert!(
        guard.iter().zip(&expected).all(|(given, expected)| *given == expected),
        "{params:?}"
    );
    assert_eq!(params[9].as_deref(), Some("acme"));
    assert_eq!(params[11].as_deref(), Some("active"));

    stage.sql("session.alive", admin(None));
    stage.sql("firm.create", one(firm(ACME, "acme")));
    let closed = json!({ "slug": "acme", "name": "Acme", "status": "inactive" });
    assert_eq!(send(&stage, None, Ask::post("/api/firms").json(closed)).status, 201);
    assert_eq!(stage.flights()[1].0[0].1[11].as_deref(), Some("inactive"));

    stage.sql("session.alive", admin(Some(ACME)));
    assert_eq!(send(&stage, Some(ACME), ask()).outcome(), (403, "FORBIDDEN".to_owned()));
}

#[test]
fn a_slug_is_one_firms() {
    let stage = Stage::new();
    let taken = || {
        SqlError::Database(DatabaseError {
            code: "23505".to_owned(),
            constraint: Some("firms_slug_key".to_owned()),
            ..DatabaseError::default()
        })
    };
    for ask in [
        Ask::post("/api/firms").json(json!({ "slug": "acme", "name": "Acme" })),
        Ask::patch(&format!("/api/firms/{ACME}")).json(json!({ "slug": "acme" })),
    ] {
        stage.sql("session.alive", admin(None));
        stage.sql_fails(taken());
        assert_eq!(send(&stage, None, ask).outcome(), (409, "SLUG_TAKEN".to_owned()));
    }
    assert!(stage.log().is_empty());
}

#[test]
fn a_firms_admin_changes_it_and_no_other() {
    let stage = Stage::new();
    let at = |id: FirmId, body: Value| Ask::patch(&format!("/api/firms/{id}")).json(body);
    for body in [
        json!({ "name": "Acme", "slug": null }),
        json!({ "slug": "a" }),
        json!({ "name": "A", "status": "inactive" }),
    ] {
        stage.sql("session.alive", admin(Some(ACME)));
        stage.sql("firm.update", updated(Some(firm(ACME, "acme"))));
        let answer = send(&stage, Some(ACME), at(ACME, body));
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (200, json!({ "firm": shown(ACME, "acme") }))
        );
    }
    for body in [json!({ "name": "A" }), json!({ "status": "inactive" })] {
        stage.sql("session.alive", admin(Some(ACME)));
        assert_eq!(
            send(&stage, Some(ACME), at(OTHER_FIRM, body)).outcome(),
            (404, "FIRM_NOT_FOUND".to_owned())
        );
    }
    // Without a firm, everywhere; where there is none, there is none.
    stage.sql("session.alive", admin(None));
    stage.sql("firm.update", updated(None));
    let answer = send(&stage, None, at(OTHER_FIRM, json!({ "status": "inactive" })));
    assert_eq!(answer.outcome(), (404, "FIRM_NOT_FOUND".to_owned()));
}

#[test]
fn who_is_somebody_else_by_the_time_of_the_write_is_refused() {
    for (again, outcome) in [
        (none(), (401, "UNAUTHENTICATED")),
        (admin(Some(ACME)), (403, "FORBIDDEN")),
    ] {
        let stage = Stage::new();
        let made = (
            "firm.create",
            none(),
            Ask::post("/api/firms").json(json!({ "slug": "a", "name": "A" })),
        );
        let not = one(joined(&[row(&["f"]), nulls(FIRM_COLUMNS)]));
        let changed = (
            "firm.update",
            not,
            Ask::patch(&format!("/api/firms/{ACME}")).json(json!({ "slug": "a" })),
        );
        for (name, rows, ask) in [made, changed] {
            stage.sql("session.alive", admin(None));
            stage.sql(name, rows);
            stage.sql("session.alive", again.clone());
            assert_eq!(send(&stage, None, ask).outcome(), (outcome.0, outcome.1.to_owned()));
        }
    }
}

#[test]
fn fields_are_checked_all_at_once() {
    let stage = Stage::new();
    let failing = |ask: Ask| {
        stage.sql("session.alive", admin(None));
        let answer = send(&stage, None, ask);
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED".to_owned()));
        stage.advance(std::time::Duration::from_secs(5));
        let details = answer.json()["details"].as_array().unwrap().clone();
        details
            .iter()
            .map(|field| field["path"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(failing(Ask::post("/api/firms").json(json!({}))), ["slug", "name"]);
    let closed = json!({ "slug": "acme", "name": "Acme", "status": "closed" });
    assert_eq!(failing(Ask::post("/api/firms").json(closed)), ["status"]);
    let patch = json!({ "slug": "A b", "name": " ", "status": "closed" });
    assert_eq!(
        failing(Ask::patch(&format!("/api/firms/{ACME}")).json(patch)),
        ["slug", "name", "status"]
    );
    assert_eq!(
        failing(Ask::get("/api/firms?limit=101&cursor=%21")),
        ["limit", "cursor"]
    );
    // What is no id is no address.
    let answer = send(&stage, None, Ask::patch("/api/firms/acme").json(json!({})));
    assert_eq!(answer.outcome(), (404, "NOT_FOUND".to_owned()));
}
