//! What mentors and mentees say of themselves: headline, bio, expertise, availability; goals.

use serde_json::{Value, json};

use super::{MINE, UPDATE, profile};
use crate::each;
use crate::http::race;
use crate::people::Signed;
use crate::registry::Case;
use crate::shape::text;
use crate::stage::Stage;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        a_mentor_says_who_it_is_flat_or_nested,
        a_mentee_says_what_it_wants,
        a_role_that_one_has_not_is_400,
        expertise_is_replaced_and_each_is_there_once,
        one_expertise_in_other_letters_is_the_same_for_all,
        availability_is_replaced_as_a_whole,
        availability_that_overlaps_is_400,
        availability_that_cannot_be_is_400,
        texts_are_as_long_as_they_may_be,
        a_profile_sent_back_as_it_was_shown_changes_nothing,
        sixteen_replacements_at_once_leave_one_of_them,
        sixteen_mentors_at_once_share_a_new_expertise,
        stays_when_the_role_is_given_back,
    ]
}

fn mentor(person: &Signed, body: &Value) -> Value {
    profile(&person.patch(UPDATE, body))["mentor"].clone()
}

fn window(weekday: u8, start: &str, end: &str) -> Value {
    json!({"weekday": weekday, "start": start, "end": end, "timeZone": "Europe/Berlin"})
}

/// A mentor's windows without their ids, in the order of the week.
fn windows(mentor: &Value) -> Vec<Value> {
    let mut windows = mentor["availability"].as_array().expect("a list").clone();
    for window in &mut windows {
        window.as_object_mut().expect("an object").remove("id");
    }
    windows.sort_by_key(|window| (window["weekday"].as_u64(), text(window, "start")));
    windows
}

fn a_mentor_says_who_it_is_flat_or_nested(stage: &Stage) {
    let home = stage.firm();
    let person = stage.signed(Some(&home), "mentor");
    let after = mentor(
        &person,
        &json!({"headline": "Compilers", "bio": "Long ago.\n\nStill at it."}),
    );
    assert_eq!(
        (&after["headline"], &after["bio"]),
        (&json!("Compilers"), &json!("Long ago.\n\nStill at it."))
    );
    let after = mentor(&person, &json!({"mentor": {"headline": "Linkers"}}));
    assert_eq!(
        (&after["headline"], &after["bio"]),
        (&json!("Linkers"), &json!("Long ago.\n\nStill at it."))
    );
    let after = mentor(&person, &json!({"mentor": {"headline": null}, "name": "Grace Hopper"}));
    assert_eq!(
        (&after["headline"], &after["bio"]),
        (&Value::Null, &json!("Long ago.\n\nStill at it."))
    );
    let after = mentor(&person, &json!({"bio": null}));
    assert_eq!(after["bio"], Value::Null);
    assert_eq!(profile(&person.get(MINE))["name"], "Grace Hopper");
}

fn a_mentee_says_what_it_wants(stage: &Stage) {
    let person = stage.signed(None, "mentee");
    for (body, goals) in [
        (json!({"goals": "To learn."}), json!("To learn.")),
        (json!({"mentee": {"goals": "To teach."}}), json!("To teach.")),
        (json!({"name": "Ada"}), json!("To teach.")),
        (json!({"goals": null}), Value::Null),
    ] {
        assert_eq!(profile(&person.patch(UPDATE, &body))["mentee"]["goals"], goals);
    }
}

fn a_role_that_one_has_not_is_400(stage: &Stage) {
    let fields = [
        ("headline", json!("Compilers"), "mentor"),
        ("bio", json!("Long ago."), "mentor"),
        ("expertise", json!(["COBOL"]), "mentor"),
        ("availability", json!([window(1, "09:00", "10:00")]), "mentor"),
        ("goals", json!("To learn."), "mentee"),
    ];
    for role in ["admin", "pm", "mentor", "mentee", "member"] {
        let person = stage.signed(None, role);
        for (field, value, of) in &fields {
            let reply = person.patch(UPDATE, &json!({ *field: value }));
            if role == *of {
                profile(&reply);
                continue;
            }
            let details = reply.invalid(&[field]);
            assert_eq!(details[0]["code"], "not_for_role", "{reply}");
        }
    }
}

fn expertise(person: &Signed, names: &Value) -> Vec<String> {
    let after = mentor(person, &json!({ "expertise": names }));
    let mut found: Vec<_> = after["expertise"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|name| name.as_str().unwrap_or_default().to_owned())
        .collect();
    found.sort();
    found
}

fn expertise_is_replaced_and_each_is_there_once(stage: &Stage) {
    let person = stage.signed(None, "mentor");
    let tag = crate::jwt::random_hex::<4>();
    let (a, b) = (format!("Compilers {tag}"), format!("Linkers {tag}"));
    assert_eq!(expertise(&person, &json!([b, a])), [a.clone(), b.clone()]);
    assert_eq!(expertise(&person, &json!([b])), std::slice::from_ref(&b));
    assert_eq!(
        expertise(&person, &json!([a, a, a.to_uppercase(), format!(" {a} ")])),
        std::slice::from_ref(&a)
    );
    mentor(&person, &json!({"headline": "Still there"}));
    assert_eq!(profile(&person.get(MINE))["mentor"]["expertise"], json!([a]));
    assert_eq!(expertise(&person, &json!([])), [""; 0]);
    // Whether `null` empties it or is refused, it isn't kept half.
    let many: Vec<_> = (0..20).map(|n| format!("{tag} no. {n:02}")).collect();
    assert_eq!(expertise(&person, &json!(many)), many);
    let more: Vec<_> = (0..21).map(|n| format!("{tag} no. {n:02}")).collect();
    for bad in [
        json!(more),
        json!([""]),
        json!(["a".repeat(61)]),
        json!([5]),
        json!("COBOL"),
        json!({"a": 1}),
        json!(["a\u{0}b"]),
    ] {
        let reply = person.patch(UPDATE, &json!({ "expertise": bad }));
        let details = reply.error(400, "VALIDATION_FAILED");
        let path = details[0]["path"].as_str().unwrap_or_default().to_owned();
        assert!(path.starts_with("expertise"), "{reply}");
    }
    assert_eq!(profile(&person.get(MINE))["mentor"]["expertise"], json!(many));
}

fn one_expertise_in_other_letters_is_the_same_for_all(stage: &Stage) {
    let tag = crate::jwt::random_hex::<4>();
    let (first, second) = (stage.signed(None, "mentor"), stage.signed(None, "mentor"));
    expertise(&first, &json!([format!("Rust {tag}")]));
    expertise(&second, &json!([format!("RUST {tag}")]));
    let count = "SELECT count(*) FROM expertise WHERE lower(name) = $1";
    assert_eq!(
        stage.database().query(count, &[&format!("rust {tag}")])[0].get::<_, i64>(0),
        1
    );
    // Nobody renames what others have.
    assert_eq!(
        profile(&first.get(MINE))["mentor"]["expertise"],
        json!([format!("Rust {tag}")])
    );
}

fn availability_is_replaced_as_a_whole(stage: &Stage) {
    let person = stage.signed(None, "mentor");
    let week = json!([
        window(1, "09:00", "12:00"),
        window(1, "12:00", "13:30"),
        window(1, "14:00", "24:00"),
        window(2, "00:00", "24:00"),
        window(7, "23:59", "24:00"),
    ]);
    let after = mentor(&person, &json!({ "availability": week }));
    assert_eq!(json!(windows(&after)), week);
    mentor(&person, &json!({"headline": "Still there"}));
    assert_eq!(json!(windows(&profile(&person.get(MINE))["mentor"])), week);
    // The same again is no overlap with itself.
    assert_eq!(json!(windows(&mentor(&person, &json!({ "availability": week })))), week);
    let next = json!([{"weekday": 3, "start": "10:00", "end": "11:00", "timeZone": "America/New_York"}]);
    assert_eq!(
        json!(windows(&mentor(&person, &json!({"mentor": {"availability": next}})))),
        next
    );
    assert_eq!(mentor(&person, &json!({"availability": []}))["availability"], json!([]));
}

/// Refused on a path in `availability`, and what was there stays.
fn no_availability(person: &Signed, windows: &Value) {
    let before = profile(&person.get(MINE))["mentor"]["availability"].clone();
    let reply = person.patch(UPDATE, &json!({ "availability": windows }));
    let details = reply.error(400, "VALIDATION_FAILED");
    let path = details[0]["path"].as_str().unwrap_or_default();
    assert!(path.starts_with("availability"), "{windows}\n{reply}");
    assert_eq!(profile(&person.get(MINE))["mentor"]["availability"], before);
}

fn availability_that_overlaps_is_400(stage: &Stage) {
    let person = stage.signed(None, "mentor");
    mentor(&person, &json!({"availability": [window(5, "09:00", "10:00")]}));
    for windows in [
        json!([window(1, "09:00", "12:00"), window(1, "11:59", "13:00")]),
        json!([window(1, "09:00", "12:00"), window(1, "09:00", "12:00")]),
        json!([
            window(1, "00:00", "24:00"),
            window(2, "00:00", "24:00"),
            window(1, "12:00", "12:30")
        ]),
    ] {
        no_availability(&person, &windows);
    }
    // One lives in one time zone at a time.
    let elsewhere = json!({"weekday": 4, "start": "09:00", "end": "10:00", "timeZone": "America/New_York"});
    no_availability(&person, &json!([window(1, "09:00", "12:00"), elsewhere]));
}

fn availability_that_cannot_be_is_400(stage: &Stage) {
    let person = stage.signed(None, "mentor");
    let good = window(1, "09:00", "10:00");
    for (field, values) in [
        ("weekday", json!([0, 8, -1, 1.5, "1", null])),
        (
            "start",
            json!([
                "9:00", "24:00", "25:00", "09:60", "0900", "09:00:00", "", null, 540, "10:00", "11:00", "-1:00"
            ]),
        ),
        ("end", json!(["24:01", "09:00", "08:00", "", null, "1O:00"])),
        (
            "timeZone",
            json!([
                "Europe/Atlantis",
                "",
                null,
                1,
                "+02:00",
                "Europe/Berlin'; --",
                "../etc/passwd",
                "a".repeat(500)
            ]),
        ),
    ] {
        for value in values.as_array().expect("a list") {
            let mut bad = good.clone();
            bad[field] = value.clone();
            no_availability(&person, &json!([bad]));
            bad.as_object_mut().expect("an object").remove(field);
            no_availability(&person, &json!([bad]));
        }
    }
    let many: Vec<_> = (0..51)
        .map(|n| window(1 + n / 10, &format!("{:02}:00", n % 10), &format!("{:02}:30", n % 10)))
        .collect();
    no_availability(&person, &json!(many));
    assert_eq!(
        windows(&mentor(&person, &json!({"availability": many[..50]}))).len(),
        50
    );
    for bad in [json!("monday"), json!({}), json!([1]), json!([[]]), json!(7)] {
        no_availability(&person, &bad);
    }
}

fn texts_are_as_long_as_they_may_be(stage: &Stage) {
    let (guide, learner) = (stage.signed(None, "mentor"), stage.signed(None, "mentee"));
    for (person, field, most) in [
        (&guide, "headline", 120),
        (&guide, "bio", 2000),
        (&learner, "goals", 2000),
    ] {
        for letter in ["a", "ü", "🦀"] {
            profile(&person.patch(UPDATE, &json!({ field: letter.repeat(most) })));
            person
                .patch(UPDATE, &json!({ field: letter.repeat(most + 1) }))
                .invalid(&[field]);
        }
        person.patch(UPDATE, &json!({ field: "a\u{0}" })).invalid(&[field]);
        person.patch(UPDATE, &json!({ field: 5 })).invalid(&[field]);
    }
}

fn a_profile_sent_back_as_it_was_shown_changes_nothing(stage: &Stage) {
    let guide = stage.signed(None, "mentor");
    let tag = crate::jwt::random_hex::<4>();
    mentor(
        &guide,
        &json!({
            "headline": "Compilers", "bio": "Long ago.", "expertise": [format!("COBOL {tag}")],
            "availability": [window(1, "09:00", "12:00"), window(3, "09:00", "24:00")],
        }),
    );
    let learner = stage.signed(None, "mentee");
    profile(&learner.patch(UPDATE, &json!({"goals": "To learn."})));
    for (person, part) in [(&guide, "mentor"), (&learner, "mentee")] {
        let shown = profile(&person.get(MINE));
        let after = profile(&person.patch(UPDATE, &json!({ part: shown[part] })));
        if part == "mentor" {
            assert_eq!(windows(&after[part]), windows(&shown[part]));
        }
        for field in ["headline", "bio", "expertise", "goals", "officeSessions"] {
            assert_eq!(after[part][field], shown[part][field], "{field}");
        }
    }
}

fn sixteen_replacements_at_once_leave_one_of_them(stage: &Stage) {
    let person = stage.signed(None, "mentor");
    let week = |n: usize| {
        json!([
            window(1, &format!("{n:02}:00"), &format!("{:02}:30", n + 1)),
            window(2, "09:00", "10:00")
        ])
    };
    let replies = race(16, |n| person.patch(UPDATE, &json!({ "availability": week(n) })));
    for reply in &replies {
        profile(reply);
    }
    let left = json!(windows(&profile(&person.get(MINE))["mentor"]));
    assert!((0..16).any(|n| left == week(n)), "a mixture of two: {left}");
}

fn sixteen_mentors_at_once_share_a_new_expertise(stage: &Stage) {
    let people: Vec<_> = (0..8).map(|_| stage.signed(None, "mentor")).collect();
    let tag = crate::jwt::random_hex::<4>();
    let names = [format!("Forth {tag}"), format!("APL {tag}"), format!("Algol {tag}")];
    // In different orders, so that two which wait for each other would be seen.
    race(16, |n| {
        let mut mine = names.clone();
        mine.rotate_left(n % 3);
        profile(&people[n % people.len()].patch(UPDATE, &json!({ "expertise": mine })));
    });
    for person in &people {
        assert_eq!(
            profile(&person.get(MINE))["mentor"]["expertise"]
                .as_array()
                .map(Vec::len),
            Some(3)
        );
    }
}

fn stays_when_the_role_is_given_back(stage: &Stage) {
    let (root, person) = (stage.root(), stage.signed(None, "mentor"));
    mentor(&person, &json!({"headline": "Compilers"}));
    let account = format!("/api/admin/users/{}", person.id());
    root.patch(&account, &json!({"role": "member"})).expect_only(200);
    assert!(profile(&root.get(&super::path(&person)))["mentor"].is_null());
    root.patch(&account, &json!({"role": "mentor"})).expect_only(200);
    assert_eq!(
        profile(&root.get(&super::path(&person)))["mentor"]["headline"],
        "Compilers"
    );
}
