//! The profile's form: what it shows of an answer of the API, and what of it goes back.

use doorward_edge::host::Rows;
use serde_json::{Value, json};

use super::as_ann;
use crate::data::{ANN, Row, joined, one, person, row};
use crate::stage::{Ask, Stage};

fn role(name: &str) -> Row {
    person(ANN, None, name, "active")
}

/// What a profile is decoded from.
fn profile(name: &str, mentor: Option<&Value>, mentee: Option<&Value>) -> Rows {
    let json = [None, mentor.map(Value::to_string), mentee.map(Value::to_string)];
    one(joined(&[role(name), json.to_vec(), row(&["1767322984000000"])]))
}

fn mentor() -> Value {
    let slot = json!({ "id": "x", "weekday": 3, "start": "09:00", "end": "24:00", "timeZone": "Europe/Berlin" });
    json!({ "headline": "Listens & asks", "bio": "a\nb", "expertise": ["Rust", "SQL"], "availability": [slot], "officeSessions": [] })
}

/// The flights of a page about one's own profile: who it is, and the profile.
fn shows(stage: &Stage, name: &str, profile: Rows) {
    stage.sql("session.alive", one(role(name)));
    stage.batch(vec![("session.alive", one(role(name))), ("profile.read", profile)]);
}

#[test]
fn everybody_has_some_fields_and_a_role_has_more() {
    for (name, mentor, mentee, fields) in [
        ("member", None, None, &[][..]),
        (
            "mentor",
            Some(mentor()),
            None,
            &["headline", "bio", "expertise", "timeZone", "weekday-0", "start-2"],
        ),
        (
            "mentee",
            None,
            Some(json!({ "goals": "To ask", "officeSessions": [] })),
            &["goals"],
        ),
    ] {
        let stage = Stage::new();
        shows(&stage, name, profile(name, mentor.as_ref(), mentee.as_ref()));
        let answer = stage.send(&as_ann(&stage, Ask::get("/profile/edit")));
        assert_eq!(answer.status, 200);
        let html = answer.html();
        let all = [
            "headline",
            "bio",
            "expertise",
            "timeZone",
            "weekday-0",
            "start-2",
            "goals",
        ];
        for field in all {
            assert_eq!(
                html.contains(&format!("name=\"{field}\"")),
                fields.contains(&field),
                "{name}: {field}"
            );
        }
        for field in ["name", "phone", "department", "position", "avatarUrl", "locale"] {
            assert!(html.contains(&format!("name=\"{field}\"")), "{name}: {field}");
        }
        stage.flights();
    }
}

#[test]
fn a_mentor_sees_what_was_saved() {
    let stage = Stage::new();
    shows(&stage, "mentor", profile("mentor", Some(&mentor()), None));
    let html = stage.send(&as_ann(&stage, Ask::get("/profile/edit"))).html().to_owned();
    for text in [
        "value=\"Listens &amp; asks\"",
        ">a\nb</textarea>",
        "value=\"Rust, SQL\"",
        "<option value=\"3\" selected>",
        "value=\"24:00\"",
        "value=\"Europe/Berlin\"",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    stage.flights();
}

#[test]
fn what_is_wrong_stands_beside_its_field_and_nothing_is_lost() {
    let stage = Stage::new();
    stage.sql("session.alive", one(role("mentor")));
    let fields = [
        ("name", "Ann"),
        ("phone", "call me"),
        ("headline", "H"),
        ("bio", "B"),
        ("expertise", "Rust"),
        ("timeZone", "Mars/Base"),
        ("weekday-0", "1"),
        ("start-0", "12:00"),
        ("end-0", "9"),
    ];
    let answer = stage.send(&as_ann(&stage, Ask::post("/profile/edit").form(&fields)));
    assert_eq!(answer.status, 400);
    let html = answer.html();
    for text in [
        "value=\"call me\"",
        "value=\"Mars/Base\"",
        "value=\"12:00\"",
        "id=\"availability-error\">U",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert_eq!(html.matches("aria-invalid=\"true\"").count(), 2);
    assert_eq!(stage.flights().len(), 1);
}

#[test]
fn a_change_goes_through_the_api() {
    let stage = Stage::new();
    stage.sql("session.alive", one(role("member")));
    let done = one(row(&["f", "f", "t", "t"]));
    stage.batch(vec![
        ("profile.write", done),
        ("profile.read", profile("member", None, None)),
    ]);
    let fields = [
        ("name", "Ann B."),
        ("phone", ""),
        ("department", "R&D"),
        ("locale", "de"),
    ];
    let answer = stage.send(&as_ann(&stage, Ask::post("/profile/edit").form(&fields)));
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, Some("/profile/edit?done=saved"))
    );
    let patch = stage.flights()[1].0[0].1[4].clone().unwrap();
    let patch: Value = serde_json::from_str(&patch).unwrap();
    let expected = json!({ "name": "Ann B.", "phone": null, "department": "R&D", "preferences": { "locale": "de" }, "removed": [] });
    assert_eq!(patch, expected);
}
