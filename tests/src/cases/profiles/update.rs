//! `PUT, PATCH /api/profiles/{id}`, and `PUT, PATCH, POST /api/profile/update` for one's own.

use serde_json::{Value, json};

use super::{MINE, PROFILES, UPDATE, path, profile};
use crate::each;
use crate::http::race;
use crate::registry::Case;
use crate::shape::text;
use crate::stage::Stage;
use crate::timing::flights;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        every_way_changes_what_is_given_and_nothing_else,
        null_takes_an_optional_one_away,
        an_empty_body_changes_nothing,
        names_every_failing_field_at_once,
        what_fails_in_one_field_changes_nothing_in_another,
        a_privileged_field_is_403_and_changes_nothing,
        unknown_fields_and_the_address_are_ignored,
        an_admin_changes_others,
        nobody_else_changes_others,
        without_a_session_it_is_401,
        shows_on_me_within_five_seconds,
        is_recorded,
        different_fields_at_once_all_stay,
        any_text_that_is_a_name_survives,
        is_two_flights_at_most,
    ]
}

/// Every method and path by which one changes one's own.
fn ways(person: &crate::people::Signed) -> Vec<(&'static str, String)> {
    let mut ways = vec![("PUT", path(person)), ("PATCH", path(person))];
    ways.extend(["PUT", "PATCH", "POST"].map(|method| (method, UPDATE.to_owned())));
    ways
}

fn every_way_changes_what_is_given_and_nothing_else(stage: &Stage) {
    let home = stage.firm();
    let person = stage.signed(Some(&home), "member");
    let fields = [
        ("name", json!("Grace Hopper")),
        ("phone", json!("+442079460958")),
        ("avatarUrl", json!("https://images.example.com/a.png")),
        ("department", json!("Research & Development")),
        ("position", json!("Ingénieure")),
        ("preferences", json!({"theme": "dark"})),
    ];
    let mut expected = profile(&person.get(MINE));
    for (way, (field, value)) in ways(&person).iter().cycle().zip(&fields) {
        let after = profile(&person.send(way.0, &way.1, &json!({ *field: value })));
        expected[*field] = value.clone();
        assert!(text(&after, "updatedAt") >= text(&expected, "updatedAt"));
        expected["updatedAt"] = after["updatedAt"].clone();
        assert_eq!(after, expected, "{way:?}");
        assert_eq!(profile(&person.get(MINE)), expected);
    }
    // PUT takes nothing away that isn't named, either; and all at once.
    for (index, (method, path)) in ways(&person).iter().enumerate() {
        let body = json!({
            "name": format!("Grace the {index}th"), "phone": format!("+44207946095{index}"),
            "avatarUrl": format!("https://images.example.com/{index}.png"), "department": format!("D{index}"),
            "position": format!("P{index}"), "preferences": {"n": index},
        });
        let after = profile(&person.send(method, path, &body));
        for name in ["name", "phone", "avatarUrl", "department", "position"] {
            assert_eq!(after[name], body[name]);
        }
        assert_eq!(after["preferences"], json!({"theme": "dark", "n": index}));
    }
}

fn null_takes_an_optional_one_away(stage: &Stage) {
    let person = stage.signed(None, "member");
    let optional = ["phone", "avatarUrl", "department", "position"];
    let body = json!({"phone": "+442079460958", "avatarUrl": "https://images.example.com/a.png", "department": "A", "position": "B"});
    profile(&person.patch(UPDATE, &body));
    for name in optional {
        let after = profile(&person.patch(UPDATE, &json!({ name: null })));
        assert_eq!(after[name], Value::Null);
    }
    // A name is never null.
    person.patch(UPDATE, &json!({"name": null})).invalid(&["name"]);
}

fn an_empty_body_changes_nothing(stage: &Stage) {
    let person = stage.signed(None, "member");
    let mut before = profile(&person.get(MINE));
    let after = profile(&person.patch(UPDATE, &json!({})));
    before["updatedAt"] = after["updatedAt"].clone();
    assert_eq!(after, before);
    for (method, path) in ways(&person) {
        person
            .call(method, &path)
            .body("application/json", "{")
            .send()
            .error(400, "MALFORMED_JSON");
        person
            .call(method, &path)
            .body("text/plain", "{}")
            .send()
            .error(415, "UNSUPPORTED_MEDIA_TYPE");
    }
}

fn names_every_failing_field_at_once(stage: &Stage) {
    let person = stage.signed(None, "member");
    let all = ["name", "phone", "avatarUrl", "department", "position", "preferences"];
    let wrong =
        json!({"name": 5, "phone": true, "avatarUrl": [], "department": {}, "position": 1.5, "preferences": "dark"});
    let bad = json!({
        "name": "", "phone": "call me", "avatarUrl": "http://example.com/a.png", "department": "a\u{0}",
        "position": "b".repeat(10_000), "preferences": [1, 2],
    });
    for (method, path) in ways(&person) {
        person.send(method, &path, &wrong).invalid(&all);
        person.send(method, &path, &bad).invalid(&all);
    }
}

fn what_fails_in_one_field_changes_nothing_in_another(stage: &Stage) {
    let person = stage.signed(None, "member");
    let before = profile(&person.get(MINE));
    person
        .patch(UPDATE, &json!({"name": "Grace Hopper", "phone": "call me"}))
        .invalid(&["phone"]);
    assert_eq!(profile(&person.get(MINE)), before);
}

fn a_privileged_field_is_403_and_changes_nothing(stage: &Stage) {
    let root = stage.root();
    for person in [stage.signed(None, "member"), root.clone()] {
        let before = profile(&person.get(MINE));
        for (field, value) in [
            ("role", json!("admin")),
            ("role", before["role"].clone()),
            ("status", json!("active")),
            ("tier", json!("member")),
            ("isVerified", json!(true)),
        ] {
            for (method, path) in ways(&person) {
                let body = json!({ field: value, "name": "Mallory" });
                person.send(method, &path, &body).error(403, "FORBIDDEN");
            }
            // Nor somebody else's, even for an admin: there is a call for it.
            root.patch(&path(&person), &json!({ field: value }))
                .error(403, "FORBIDDEN");
        }
        assert_eq!(profile(&person.get(MINE)), before);
    }
}

fn unknown_fields_and_the_address_are_ignored(stage: &Stage) {
    let person = stage.signed(None, "member");
    let mut expected = profile(&person.get(MINE));
    let body = json!({
        "email": "mallory@example.com", "id": stage.root().id(), "firmId": stage.firm().id, "createdAt": "2000-01-01T00:00:00.000Z",
        "passwordHash": "x", "lastLoginAt": null, "constructor": {}, "position": "Clerk",
    });
    let after = profile(&person.patch(UPDATE, &body));
    expected["position"] = json!("Clerk");
    expected["updatedAt"] = after["updatedAt"].clone();
    assert_eq!(after, expected);
}

fn an_admin_changes_others(stage: &Stage) {
    let home = stage.firm();
    let person = stage.signed(Some(&home), "mentor");
    for (index, admin) in [stage.root(), stage.signed(Some(&home), "admin")].iter().enumerate() {
        for method in ["PUT", "PATCH"] {
            let name = format!("Named {index} by {method}");
            let after = profile(&admin.send(method, &path(&person), &json!({"name": name, "headline": name})));
            assert_eq!((&after["id"], &after["name"]), (&json!(person.id()), &json!(name)));
            assert_eq!(after["mentor"]["headline"], name);
        }
        let own = profile(&admin.get(MINE));
        assert_eq!(own["name"], admin.person.name);
    }
}

fn nobody_else_changes_others(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let person = stage.signed(Some(&home), "member");
    let before = profile(&person.get(MINE));
    let body = json!({"name": "Mallory"});
    for role in ["pm", "mentor", "mentee", "member"] {
        for firm in [Some(&home), Some(&other), None] {
            let stranger = stage.signed(firm, role);
            for method in ["PUT", "PATCH"] {
                stranger.send(method, &path(&person), &body).error(403, "FORBIDDEN");
                let nobody = format!("{PROFILES}/01890000-0000-7000-8000-000000000000");
                stranger.send(method, &nobody, &body).error(403, "FORBIDDEN");
            }
        }
    }
    let rival = stage.signed(Some(&other), "admin");
    rival.patch(&path(&person), &body).error(404, "USER_NOT_FOUND");
    stage
        .root()
        .patch(&format!("{PROFILES}/01890000-0000-7000-8000-000000000000"), &body)
        .error(404, "USER_NOT_FOUND");
    assert_eq!(profile(&person.get(MINE)), before);
}

fn without_a_session_it_is_401(stage: &Stage) {
    let person = stage.signed(None, "member");
    for (method, path) in ways(&person) {
        stage
            .call(method, &path)
            .json(&json!({"name": "Mallory"}))
            .send()
            .error(401, "UNAUTHENTICATED");
    }
}

fn shows_on_me_within_five_seconds(stage: &Stage) {
    let (root, person) = (stage.root(), stage.signed(None, "member"));
    stage.app().me(&person.session.access).expect_only(200);
    for (by, name) in [(&person, "Named by Oneself"), (&root, "Named by an Admin")] {
        profile(&by.patch(&path(&person), &json!({ "name": name })));
        let done = |reply: &crate::http::Reply| reply.json()["user"]["name"] == name;
        let bound = std::time::Duration::from_secs(5);
        let last = stage.poll(bound, || stage.app().me(&person.session.access), done);
        assert!(done(&last), "{last}");
        // The profile itself is never late.
        assert_eq!(profile(&person.get(MINE))["name"], name);
    }
}

fn is_recorded(stage: &Stage) {
    let (root, person) = (stage.root(), stage.signed(None, "member"));
    profile(&person.patch(UPDATE, &json!({"name": "Named by Oneself"})));
    profile(&root.patch(&path(&person), &json!({"name": "Named by an Admin"})));
    let events = super::super::admin::events_of(&root, &person.id(), "user.updated");
    let actors: Vec<_> = events.iter().map(|event| text(event, "actorId")).collect();
    assert_eq!(actors, [root.id(), person.id()]);
    // An admin's act says what was before and what is after.
    assert_eq!(
        events[0]["details"]["before"]["name"], "Named by Oneself",
        "{}",
        events[0]
    );
    assert_eq!(
        events[0]["details"]["after"]["name"], "Named by an Admin",
        "{}",
        events[0]
    );
}

fn different_fields_at_once_all_stay(stage: &Stage) {
    let person = stage.signed(None, "member");
    let bodies = [
        json!({"name": "Grace Hopper"}),
        json!({"phone": "+442079460958"}),
        json!({"department": "D"}),
        json!({"position": "P"}),
        json!({"avatarUrl": "https://images.example.com/a.png"}),
        json!({"preferences": {"a": 1}}),
    ];
    for reply in race(bodies.len(), |index| person.patch(UPDATE, &bodies[index])) {
        profile(&reply);
    }
    let after = profile(&person.get(MINE));
    for body in &bodies {
        for (name, value) in body.as_object().expect("an object") {
            assert_eq!(&after[name], value, "{name}");
        }
    }
}

fn any_text_that_is_a_name_survives(stage: &Stage) {
    let person = stage.signed(None, "member");
    for name in [
        "O'Neill; DROP TABLE users; --",
        "名前",
        "Ṽî ☃ 🦀",
        r#"<b>"bold"</b> \ & $1"#,
    ] {
        let after = profile(&person.patch(UPDATE, &json!({"name": name, "department": name, "position": name})));
        for field in ["name", "department", "position"] {
            assert_eq!(after[field], name);
        }
    }
}

fn is_two_flights_at_most(stage: &Stage) {
    let (root, person) = (stage.root(), stage.signed(None, "mentor"));
    for by in [&person, &root] {
        let reply = by
            .patch(
                &path(&person),
                &json!({"name": "Grace Hopper", "headline": "Compilers"}),
            )
            .expect(200);
        let found = flights(&reply);
        assert!(found.sql <= 2 && found.kv <= 1, "{found:?}\n{reply}");
    }
}
