//! Profiles: who reads and changes whose, what a change says, and how many flights it takes. What the statements do with
//! it, the conformance suite knows.

use doorward_core::id::FirmId;
use doorward_edge::host::{DatabaseError, Rows, SqlError};
use serde_json::{Value, json};

use crate::data::{ACME, ANN, BOB, NAME, OTHER_FIRM, Row, SESSION, at, joined, none, one, person, row};
use crate::stage::{Answer, Ask, Stage};

/// A profile of somebody, whose role has nothing of its own.
pub(crate) fn profile(user: Row) -> Row {
    let rest = vec![None, None, None, Some("1767322984000001".to_owned())];
    joined(&[user, rest])
}

fn as_role(stage: &Stage, role: &str, own: Option<FirmId>, ask: Ask) -> Answer {
    stage.send(&ask.bearer(&stage.access_token_of(ANN, SESSION, role, own)))
}

/// Ann, and the profile of whom she looks at.
fn looks(role: &str, own: Option<FirmId>, found: Rows) -> Vec<(&'static str, Rows)> {
    vec![
        ("session.alive", one(person(ANN, own, role, "active"))),
        ("profile.read", found),
    ]
}

fn bob(firm: Option<FirmId>) -> Rows {
    one(profile(person(BOB, firm, "member", "active")))
}

fn written(flags: [&str; 4]) -> Rows {
    one(row(&flags))
}

const DONE: [&str; 4] = ["t", "t", "t", "t"];

#[test]
fn ones_own_comes_in_one_flight_with_all_that_belongs_to_it() {
    let stage = Stage::new();
    let mut own = profile(person(ANN, Some(ACME), "mentor", "active"));
    let columns = own.len();
    own[columns - 4] = Some(r#"{"id" : "x", "slug" : "acme", "name" : "Acme"}"#.to_owned());
    own[columns - 3] = Some(r#"{"headline" : null, "officeSessions" : []}"#.to_owned());
    stage.batch(looks("mentor", Some(ACME), one(own)));
    let answer = as_role(&stage, "mentor", Some(ACME), Ask::get("/api/profiles/me"));
    let profile = &answer.json()["profile"];
    assert_eq!((&profile["name"], &profile["role"]), (&json!(NAME), &json!("mentor")));
    assert_eq!(profile["firm"], json!({ "id": "x", "slug": "acme", "name": "Acme" }));
    assert_eq!(profile["mentor"], json!({ "headline": null, "officeSessions": [] }));
    assert_eq!(profile["mentee"], Value::Null);
    assert!(profile.get("permissions").is_none() && profile.get("place").is_none());
    assert_eq!(stage.flight().0[1].1[1], Some(ANN.to_string()));
}

#[test]
fn who_may_look_at_nobody_learns_nothing() {
    let stage = Stage::new();
    let ask = || Ask::get(&format!("/api/profiles/{BOB}"));
    for (role, own, found, expected) in [
        ("member", Some(ACME), bob(Some(ACME)), (403, "FORBIDDEN")),
        ("member", Some(ACME), none(), (403, "FORBIDDEN")),
        ("mentee", Some(ACME), bob(Some(OTHER_FIRM)), (403, "FORBIDDEN")),
        ("pm", Some(ACME), bob(Some(ACME)), (200, "")),
        ("pm", Some(ACME), bob(Some(OTHER_FIRM)), (404, "USER_NOT_FOUND")),
        ("pm", Some(ACME), none(), (404, "USER_NOT_FOUND")),
        ("admin", Some(ACME), bob(None), (404, "USER_NOT_FOUND")),
        ("admin", None, bob(Some(ACME)), (200, "")),
    ] {
        stage.batch(looks(role, own, found));
        let answer = as_role(&stage, role, own, ask());
        assert_eq!(answer.outcome(), (expected.0, expected.1.to_owned()), "{role}");
    }
    stage.batch(vec![("session.alive", none()), ("profile.read", bob(None))]);
    assert_eq!(as_role(&stage, "admin", None, ask()).status, 401, "at once");
    assert_eq!(stage.send(&ask()).status, 401);
    assert_eq!(stage.send(&Ask::get("/api/profiles/me")).status, 401);
}

#[test]
fn a_change_says_what_changes_and_nothing_else() {
    let stage = Stage::new();
    for (method, path) in [
        ("PUT", "/api/profile/update".to_owned()),
        ("PATCH", "/api/profile/update".to_owned()),
        ("POST", "/api/profile/update".to_owned()),
        ("PUT", format!("/api/profiles/{ANN}")),
        ("PATCH", format!("/api/profiles/{ANN}")),
    ] {
        stage.batch(vec![
            ("profile.write", written(DONE)),
            ("profile.read", one(profile(person(ANN, None, "member", "active")))),
        ]);
        let ask = Ask::new(method.parse().unwrap(), &path).json(json!({
            "phone": "+49 30 1234567", "department": null, "position": " ", "email": "other@example.com",
            "preferences": { "theme": "dark", "old": null },
        }));
        assert_eq!(as_role(&stage, "member", None, ask).status, 200, "{method} {path}");
        let flight = stage.flight();
        let params = &flight.0[0].1;
        let patch: Value = serde_json::from_str(params[4].as_deref().unwrap()).unwrap();
        let expected = json!({
            "phone": "+49301234567", "department": null, "position": null,
            "preferences": { "theme": "dark" }, "removed": ["old"],
        });
        assert_eq!(patch, expected);
        // The session that asks, whose it is, when, and whose profile; nobody else's word.
        let known = [SESSION.to_string(), ANN.to_string(), at(0).to_string(), ANN.to_string()];
        assert_eq!(params[..4], known.map(Some));
        assert_eq!(
            params[5..10],
            ["false", "false"]
                .map(|no| Some(no.to_owned()))
                .into_iter()
                .chain([None, None, None])
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn lists_are_replaced_within_the_same_flight() {
    let stage = Stage::new();
    stage.batch(vec![
        ("profile.write", written(DONE)),
        ("profile.name_expertise", none()),
        ("profile.clear_expertise", none()),
        ("profile.set_expertise", none()),
        ("profile.clear_availability", none()),
        ("profile.set_availability", none()),
        ("profile.read", one(profile(person(ANN, None, "mentor", "active")))),
    ]);
    let hours = json!([{ "weekday": 1, "start": "09:00", "end": "24:00", "timeZone": "Europe/Berlin" }]);
    let body = json!({ "mentor": { "expertise": [" Rust "], "availability": hours, "id": 7 } });
    let answer = as_role(&stage, "mentor", None, Ask::post("/api/profile/update").json(body));
    assert_eq!(answer.status, 200);
    let flight = stage.flight();
    let event = flight.0[0].1[10].clone();
    for (name, params) in &flight.0[1..6] {
        assert_eq!(
            params[..2],
            [event.clone(), Some(ANN.to_string())],
            "{name} waits for the first one's event"
        );
    }
    let patch: Value = serde_json::from_str(flight.0[5].1[2].as_deref().unwrap()).unwrap();
    let slot = json!({ "weekday": 1, "start_minute": 540, "end_minute": 1440, "time_zone": "Europe/Berlin" });
    assert_eq!(patch, json!({ "expertise": ["Rust"], "availability": [slot] }));
}

#[test]
fn every_failing_field_is_named_before_the_database_is_asked() {
    let stage = Stage::new();
    let slot =
        |start: &str, end: &str, zone: &str| json!({ "weekday": 1, "start": start, "end": end, "timeZone": zone });
    let body = json!({
        "name": null, "phone": "call me", "avatarUrl": "https://10.0.0.1/", "bio": 7, "preferences": { "a": [[[[]]]] },
        "expertise": ["", "x"], "mentee": "none",
        "availability": [slot("09:00", "10:00", "UTC"), slot("09:30", "11:00", "UTC"), slot("12:00", "11:00", "UTC"),
                         slot("13:00", "14:00", "CET"), { "weekday": 8 }],
    });
    let answer = as_role(&stage, "mentor", None, Ask::post("/api/profile/update").json(body));
    let json = answer.json();
    let named: Vec<_> = json["details"].as_array().unwrap().iter().collect();
    let named: Vec<_> = named
        .iter()
        .map(|one| (one["path"].as_str().unwrap(), one["code"].as_str().unwrap()))
        .collect();
    assert_eq!(
        named,
        [
            ("mentee", "wrong_type"),
            ("name", "required"),
            ("phone", "invalid_phone"),
            ("avatarUrl", "private_host"),
            ("bio", "wrong_type"),
            ("preferences", "too_deep"),
            ("expertise[0]", "required"),
            ("availability[1]", "overlap"),
            ("availability[2].end", "ends_before_start"),
            ("availability[3].timeZone", "invalid_time_zone"),
            ("availability[4].start", "required"),
            ("availability[4].end", "required"),
            ("availability[4].timeZone", "required"),
        ]
    );
    for name in ["role", "status", "tier", "isVerified"] {
        let ask = Ask::post("/api/profile/update").json(json!({ name: "x" }));
        assert_eq!(
            as_role(&stage, "admin", None, ask).outcome(),
            (403, "FORBIDDEN".to_owned())
        );
    }
    assert!(stage.flights().is_empty());
}

#[test]
fn a_refused_change_says_why() {
    let stage = Stage::new();
    let ask =
        || Ask::post("/api/profile/update").json(json!({ "headline": "x", "goals": "y", "preferences": { "a": 1 } }));
    for (flags, expected) in [
        (["f", "t", "t", "t"], &[("headline", "not_for_role")][..]),
        (
            ["f", "f", "t", "t"],
            &[("headline", "not_for_role"), ("goals", "not_for_role")],
        ),
        (["t", "t", "f", "t"], &[("preferences", "too_large")]),
        (["t", "t", "t", "f"], &[("preferences", "too_many")]),
    ] {
        stage.batch(vec![
            ("profile.write", written(flags)),
            ("profile.read", one(profile(person(ANN, None, "member", "active")))),
        ]);
        let json = as_role(&stage, "member", None, ask()).json();
        let details = json["details"].as_array().unwrap().iter();
        let named: Vec<_> = details
            .map(|one| (one["path"].as_str().unwrap(), one["code"].as_str().unwrap()))
            .collect();
        assert_eq!(named, expected);
    }
    // The session ended a moment ago.
    stage.batch(vec![("profile.write", none()), ("profile.read", none())]);
    assert_eq!(
        as_role(&stage, "member", None, ask()).outcome(),
        (401, "UNAUTHENTICATED".to_owned())
    );

    stage.sql_fails(SqlError::Database(DatabaseError {
        code: "23514".to_owned(),
        constraint: Some("availability_time_zone_check".to_owned()),
        ..DatabaseError::default()
    }));
    let slot = json!([{ "weekday": 1, "start": "09:00", "end": "10:00", "timeZone": "Europe/Atlantis" }]);
    let ask = Ask::post("/api/profile/update").json(json!({ "availability": slot }));
    let answer = as_role(&stage, "mentor", None, ask);
    assert_eq!(answer.json()["details"][0]["code"], "invalid_time_zone");
}

#[test]
fn what_is_wrong_with_a_body_is_told_in_no_more_words_than_it_has() {
    let stage = Stage::new();
    let update = |list: &str, item: &'static str, count: usize| {
        let body = format!("{{\"{list}\":[{}]}}", vec![item; count].join(","));
        let ask = Ask::post("/api/profile/update").sending("application/json", body.leak());
        as_role(&stage, "mentor", None, ask)
    };
    for (list, item, most) in [("availability", "{}", 50), ("expertise", "7", 20)] {
        let answer = update(list, item, 64 * 1024 / (item.len() + 1) - 10);
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED".to_owned()));
        let details = answer.json()["details"].clone();
        assert_eq!(
            (&details[0]["path"], &details[0]["code"]),
            (&json!(list), &json!("too_many"))
        );
        assert!(answer.body.len() < 1000, "{} bytes", answer.body.len());
        // As many as there may be are each told what is wrong with them.
        let details = update(list, item, most).json()["details"].clone();
        let last = details.as_array().unwrap().last().unwrap()["path"].clone();
        assert!(
            last.as_str().unwrap().starts_with(&format!("{list}[{}]", most - 1)),
            "{last}"
        );
    }
}

#[test]
fn somebody_elses_is_changed_by_what_was_decided() {
    let stage = Stage::new();
    let ask = || Ask::patch(&format!("/api/profiles/{BOB}")).json(json!({ "name": "Bob" }));
    stage.batch(looks("admin", Some(ACME), bob(Some(ACME))));
    stage.batch(vec![
        ("profile.write", written(DONE)),
        ("profile.read", bob(Some(ACME))),
    ]);
    assert_eq!(as_role(&stage, "admin", Some(ACME), ask()).status, 200);
    let flights = stage.flights();
    let decided = &flights[1].0[0].1[7..10];
    assert_eq!(
        decided,
        [Some("admin".to_owned()), Some(ACME.to_string()), Some(ACME.to_string())]
    );

    // What was decided by is no longer so.
    stage.batch(looks("admin", None, bob(Some(ACME))));
    stage.batch(vec![("profile.write", none()), ("profile.read", none())]);
    assert_eq!(
        as_role(&stage, "admin", None, ask()).outcome(),
        (403, "FORBIDDEN".to_owned())
    );

    for (role, own, found, expected) in [
        ("pm", Some(ACME), bob(Some(ACME)), 403),
        ("member", None, none(), 403),
        ("admin", Some(ACME), bob(Some(OTHER_FIRM)), 404),
        ("admin", None, none(), 404),
    ] {
        stage.batch(looks(role, own, found));
        assert_eq!(as_role(&stage, role, own, ask()).status, expected, "{role}");
    }
    // What is wrong with a body is told to those who may send it.
    for (role, status) in [("pm", 403), ("admin", 400)] {
        let stage = Stage::new();
        stage.sql("session.alive", one(person(ANN, None, role, "active")));
        let ask = Ask::patch(&format!("/api/profiles/{BOB}")).json(json!({ "name": "" }));
        assert_eq!(as_role(&stage, role, None, ask).status, status);
    }
}

#[test]
fn a_list_is_one_flight_with_everything_that_was_asked_for() {
    let stage = Stage::new();
    let rows = Rows {
        rows: vec![
            profile(person(BOB, Some(ACME), "mentor", "active")),
            profile(person(ANN, None, "admin", "active")),
        ],
        ..Rows::default()
    };
    let admin = || ("session.alive", one(person(ANN, None, "admin", "active")));
    stage.batch(vec![admin(), ("profile.list", rows)]);
    let answer = as_role(
        &stage,
        "admin",
        None,
        Ask::get("/api/profiles?limit=1&role=mentor&firm=acme&q=50%25"),
    );
    let json = answer.json();
    assert_eq!(json["profiles"].as_array().unwrap().len(), 1);
    let cursor = json["nextCursor"].as_str().unwrap();
    let text = |value: &str| Some(value.to_owned());
    let params = [
        text(&at(0).to_string()),
        text("true"),
        None,
        text("mentor"),
        None,
        text("acme"),
        text(r"%50\%%"),
        None,
        None,
        text("2"),
        // Who asks, and by what: the list is read for nobody else.
        text(&SESSION.to_string()),
        text(&ANN.to_string()),
        text("profiles.list"),
    ];
    assert_eq!(stage.flight().0[1].1, params);

    stage.batch(vec![admin(), ("profile.list", none())]);
    let next = Ask::get(&format!("/api/profiles?limit=1&firm={ACME}&cursor={cursor}"));
    assert_eq!(
        as_role(&stage, "admin", None, next).json(),
        json!({ "profiles": [], "nextCursor": null })
    );
    let flight = stage.flight();
    assert_eq!(flight.0[1].1[4], Some(ACME.to_string()));
    assert_eq!(flight.0[1].1[7..9], [text("1767322984000001"), Some(BOB.to_string())]);

    // A place that is out of the database's range: the smallest number that there is, which has no absolute value.
    let smallest = "LTkyMjMzNzIwMzY4NTQ3NzU4MDggMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAw";
    let answer = as_role(
        &stage,
        "admin",
        None,
        Ask::get(&format!("/api/profiles?cursor={smallest}")),
    );
    assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED".to_owned()));
}
